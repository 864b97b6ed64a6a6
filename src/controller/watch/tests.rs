use aws_config::{BehaviorVersion, SdkConfig};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use watcher::Event;

use super::*;
use crate::api::ClassicLoadBalancer;
use crate::aws::{Accounts, Limits, Rates, Reads};
use crate::controller::context::{Context, Intervals};
use crate::controller::reconcile::mode::Rules;
use crate::elb::Lane;
use crate::lease::Leadership;
use crate::metrics::Metrics;

/// A reconciler that nobody has asked for anything; neither API is there.
fn reconciler() -> Reconciler {
    let nowhere = kube::Config::new("http://127.0.0.1:1".parse().expect("a URL"));
    let client = kube::Client::try_from(nowhere).expect("a client");
    let metrics = Arc::new(Metrics::new());
    let (sdk, rates) = (
        SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build(),
        Rates::queued(Limits::default()),
    );
    let accounts = Accounts::new(sdk, Leadership::sole(), Arc::clone(&metrics), rates);
    let intervals = Intervals {
        resync: Duration::from_mins(10),
        health: Duration::from_mins(1),
    };
    let rules = Rules::default();
    Reconciler::new(Context::new(client, accounts, "c".into(), intervals, rules, metrics), 1)
}

/// No event tells of an object that vanished while nobody watched: only that a new list lacks it.
#[tokio::test]
async fn what_a_new_list_lacks_is_forgotten() {
    let (reconciler, readiness, listed) = (reconciler(), Readiness::default(), Listed::default());
    let list = |regions: &[&str]| {
        let object = |region: &&str| {
            bare::<ClassicLoadBalancer>(ObjectMeta {
                name: Some((*region).to_owned()),
                namespace: Some("default".to_owned()),
                uid: Some((*region).to_owned()),
                ..ObjectMeta::default()
            })
        };
        let objects = regions.iter().map(object).map(Event::InitApply);
        for event in std::iter::once(Event::Init).chain(objects).chain([Event::InitDone]) {
            observe_objects(&Ok(event), &reconciler, &readiness, &listed);
        }
    };
    let accounts = &reconciler.cx.accounts;
    let asked = |region: &str| accounts.standing(None, region).is_some();
    let (here, there) = ("us-east-1", "eu-west-1");
    list(&[here, there]);
    for region in [here, there] {
        let (lane, since) = (Lane::Change, Instant::now());
        drop(accounts.region_for((region, None), None, region, Reads { lane, since }));
    }
    list(&[here, there]);
    assert!(asked(here) && asked(there), "each has an object");
    // While a list is under way it proves nothing yet.
    observe_objects(
        &Ok(Event::<Guarded<ClassicLoadBalancer>>::Init),
        &reconciler,
        &readiness,
        &listed,
    );
    assert!(asked(here) && asked(there));
    list(&[there]);
    assert!(
        !asked(here) && asked(there),
        "its clients go with the last object of a region"
    );
}

/// When the triggers come, if something changes each time after so long.
async fn triggers(gaps: &[u64]) -> Vec<u128> {
    let (sender, receiver) = watch::channel(());
    let begun = Instant::now();
    let changing = async move {
        for gap in gaps {
            tokio::time::sleep(Duration::from_millis(*gap)).await;
            sender.send_replace(());
        }
        // A trigger that comes after the last change comes before the end.
        tokio::time::sleep(Duration::from_secs(10)).await;
    };
    let triggers = batches(receiver).map(|()| begun.elapsed().as_millis());
    tokio::join!(changing, triggers.collect()).1
}

#[tokio::test(start_paused = true)]
async fn changes_that_come_together_make_one_trigger_and_none_waits_long() {
    assert_eq!(triggers(&[50]).await, [100]);
    assert_eq!(triggers(&[0, 500]).await, [50, 550]);
    assert_eq!(triggers(&[9; 100]).await, [950], "a hundred within a second");
    assert_eq!(triggers(&[40; 70]).await.len(), 3, "once a second while it goes on");
}

#[test]
fn who_owns_which_field_is_not_kept() {
    let mut object = bare::<crate::api::ClassicLoadBalancer>(ObjectMeta {
        name: Some("web".into()),
        annotations: Some(
            [
                (LAST_APPLIED.to_owned(), "{}".to_owned()),
                (REQUESTED_AT.to_owned(), "1".to_owned()),
            ]
            .into(),
        ),
        managed_fields: Some(vec![ManagedFieldsEntry::default()]),
        ..ObjectMeta::default()
    });
    let before = asks_for_a_reconcile(&object);
    prune(&mut object);
    let kept: Vec<&String> = object.annotations().keys().collect();
    assert_eq!(
        (kept, object.managed_fields().len()),
        (vec![&REQUESTED_AT.to_owned()], 0)
    );
    assert_eq!(asks_for_a_reconcile(&object), before);
}
