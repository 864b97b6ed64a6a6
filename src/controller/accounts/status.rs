//! The reconcile of an `AWSAccount`: who answers with its role, and how many objects refer to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{PredicateConfig, WatchStreamExt as _, predicates};
use kube::{Api, ResourceExt as _};
use tracing::{info, warn};

use super::known::Known;
use super::terms::role_of;
use super::view::GuardedAccount;
use crate::api::condition::{READY, RECONCILING, STALLED, Statement};
use crate::api::message;
use crate::api::{
    AWSAccount, AWSAccountStatus, AccountRef, AccountRegionStatus, BUDGET_SUFFICIENT, BUDGET_THROTTLED,
    ClassicLoadBalancerBinding, VIEW_ANSWERING, VIEW_SILENT, VIEW_UNREAD, condition,
};
use crate::aws::{self, Reads, Standing};
use crate::controller::error::{self, Error};
use crate::controller::guard::Reconciler;
use crate::controller::object::Guarded;
use crate::elb::{Account, Class, Lane};

/// How many accounts are looked at at once.
const CONCURRENCY: u16 = 4;
/// Between two looks at an account that answers.
const GOOD: Duration = Duration::from_mins(1);
/// Between two looks at one that does not.
const BAD: Duration = Duration::from_secs(15);
/// The most regions that a status lists.
const REGIONS: usize = 50;
/// Between two looks of an operator that does not lead at whether it does.
const FOLLOWING: Duration = Duration::from_secs(2);

/// The objects that may refer to an account.
pub(in crate::controller) struct Objects {
    pub(in crate::controller) owners: Store<Guarded>,
    pub(in crate::controller) bindings: Store<Guarded<ClassicLoadBalancerBinding>>,
}

/// What each look needs.
struct Accounts {
    reconciler: Arc<Reconciler>,
    /// The objects that may refer to an account.
    objects: Objects,
    known: Arc<Mutex<Known>>,
}

/// Watches the accounts, feeds the view of them, and keeps their status.
pub(in crate::controller) async fn keep(
    client: kube::Client,
    config: watcher::Config,
    reconciler: Arc<Reconciler>,
    objects: Objects,
) {
    let (reader, writer) = reflector::store();
    let (shared, known) = (Arc::clone(&reconciler), Arc::new(Mutex::new(Known::default())));
    let seen = Arc::clone(&known);
    let accounts = watcher(Api::<GuardedAccount>::all(client), config)
        .default_backoff()
        .inspect(move |event| take(&shared, &seen, event))
        .reflect(writer)
        .applied_objects()
        .predicate_filter(predicates::generation, PredicateConfig::default());
    let all = Arc::new(Accounts {
        reconciler,
        objects,
        known,
    });
    Controller::for_stream(accounts, reader)
        .with_config(Config::default().concurrency(CONCURRENCY))
        .run(look, |_, _, _| Action::requeue(BAD), all)
        .for_each(|result| async move {
            match result {
                Ok(_) => {}
                Err(error @ kube::runtime::controller::Error::ReconcilerFailed(..)) => {
                    warn!(%error, "the status of an AWSAccount could not be kept");
                }
                Err(error) => tracing::debug!(%error, "an AWSAccount was skipped"),
            }
        })
        .await;
}

fn take(reconciler: &Reconciler, known: &Mutex<Known>, event: &Result<Event<GuardedAccount>, watcher::Error>) {
    let cx = &reconciler.cx;
    match event {
        Ok(event) => {
            if cx.account_view.take_account(event) {
                cx.changed.send_replace(());
            }
            let gone = known.lock().unwrap_or_else(PoisonError::into_inner).take(event);
            for uid in gone {
                cx.accounts.release(&user(&uid));
            }
        }
        Err(error) => {
            let error = error::of_watch(error);
            warn!(error, "AWSAccounts cannot be watched");
            cx.account_view.accounts_fail(error);
        }
    }
}

/// By which an account that is looked at is told from the objects that are in it.
fn user(uid: &str) -> String {
    format!("account/{uid}")
}

async fn look(guarded: Arc<GuardedAccount>, all: Arc<Accounts>) -> Result<Action, Error> {
    let cx = &all.reconciler.cx;
    if !cx.operator().is_current() {
        return Ok(Action::requeue(FOLLOWING));
    }
    let Ok(account) = &guarded.0 else {
        return Ok(Action::await_change());
    };
    let used = used(account, &all.objects, cx.accounts.default_region());
    // Operators of single namespaces share the accounts: each looks after those that its objects refer to, and none counts.
    let alone = cx.namespaces().named().next().is_none();
    if !alone && used.is_empty() {
        return Ok(Action::requeue(BAD));
    }
    let role = role_of(&account.spec);
    let home = cx.accounts.home(role.as_ref());
    let reads = Reads {
        lane: Lane::Sweep,
        since: cx.clock.now().at,
    };
    let uid = account.uid().unwrap_or_default();
    let looking = user(&uid);
    let region = cx.accounts.region_for((&looking, None), role.as_ref(), &home, reads);
    let answer = region.verify().await;
    let usable = answer
        .as_ref()
        .is_ok_and(|answering| answering.id == account.spec.account_id);
    let before = all
        .known
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .looked(&uid, usable);
    let Some(before) = before else {
        // It went while it was looked at.
        cx.accounts.release(&looking);
        return Ok(Action::await_change());
    };
    if before != Some(usable) {
        info!(
            controller = "awsaccount",
            name = account.name_any(),
            usable,
            "the AWSAccount was looked at"
        );
        cx.changed.send_replace(());
    }
    let standing = |region: &str| cx.accounts.standing(role.as_ref(), region);
    let status = derive(account, &answer, alone.then_some(used), standing, cx.clock.now().wall);
    if account.status.as_ref() != Some(&status) {
        match cx.kubernetes.write_account_status(account, &status).await {
            // There is nobody left to tell.
            Ok(()) | Err(Error::Replaced) => {}
            Err(error) => return Err(error),
        }
    }
    let wait = if usable { GOOD } else { BAD };
    Ok(Action::requeue(wait.mul_f64(1.0 - 0.1 * cx.jitter.fraction())))
}

/// How many objects refer to an account, by region.
fn used(account: &AWSAccount, objects: &Objects, default_region: Option<&str>) -> BTreeMap<String, i32> {
    let name = account.name_any();
    let mut used = BTreeMap::new();
    let mut count = |reference: Option<&AccountRef>, region: Option<&str>| {
        if reference.is_some_and(|reference| reference.name == name) {
            let region = region.or(default_region).unwrap_or_default();
            *used.entry(region.to_owned()).or_default() += 1;
        }
    };
    for object in objects.owners.state() {
        if let Ok(object) = &object.0 {
            count(object.spec.account_ref.as_ref(), object.spec.region.as_deref());
        }
    }
    for object in objects.bindings.state() {
        if let Ok(object) = &object.0 {
            count(object.spec.account_ref.as_ref(), object.spec.region.as_deref());
        }
    }
    used
}

/// A region in words that change when its state does, and not with every call.
fn region_status(standing: Option<Standing>, name: String, count: i32) -> AccountRegionStatus {
    let view = match standing {
        None => VIEW_UNREAD,
        Some(standing) if standing.answers => VIEW_ANSWERING,
        Some(_) => VIEW_SILENT,
    };
    let throttled = standing.is_some_and(|standing| standing.throttled);
    let budget = if throttled { BUDGET_THROTTLED } else { BUDGET_SUFFICIENT };
    AccountRegionStatus {
        name,
        load_balancers: Some(count),
        view: Some(view.to_owned()),
        budget: Some(budget.to_owned()),
    }
}

fn derive(
    account: &AWSAccount,
    answer: &Result<Account, aws::Error>,
    used: Option<BTreeMap<String, i32>>,
    standing: impl Fn(&str) -> Option<Standing>,
    now: Timestamp,
) -> AWSAccountStatus {
    let spec = &account.spec;
    let statements = match answer {
        Ok(answering) if answering.id == spec.account_id => {
            let message = message::account_ready(&answering.id, answering.identity());
            vec![Statement::new(READY, "True", message)]
        }
        Ok(answering) => {
            let message = message::account_mismatch(&spec.account_id, &answering.id);
            vec![
                Statement::new(READY, "False", message.clone()),
                Statement::new(STALLED, "True", message),
            ]
        }
        Err(error) => {
            let message = match error.class {
                Class::Denied => message::account_refused(error.reason(), error),
                _ => error.told(),
            };
            vec![
                Statement::new(READY, "False", message.clone()),
                Statement::new(RECONCILING, "True", message),
            ]
        }
    };
    let previous = account.status.clone().unwrap_or_default();
    let generation = account.metadata.generation.unwrap_or_default();
    let arn = answer.as_ref().ok().map(|answering| answering.identity().to_owned());
    AWSAccountStatus {
        observed_generation: Some(generation),
        conditions: condition::list(statements, generation, &previous.conditions, now),
        arn: arn.or(previous.arn),
        load_balancers: used.as_ref().map(|used| used.values().sum()),
        regions: regions(used.into_iter().flatten(), standing),
    }
}

/// The regions that objects name, those first that AWS was asked in: any name can be written into an object.
fn regions(
    used: impl Iterator<Item = (String, i32)>,
    standing: impl Fn(&str) -> Option<Standing>,
) -> Vec<AccountRegionStatus> {
    let mut regions: Vec<_> = used.map(|(name, count)| (standing(&name), name, count)).collect();
    regions.sort_by_key(|(standing, ..)| standing.is_none());
    regions.truncate(REGIONS);
    let mut regions: Vec<_> = regions
        .into_iter()
        .map(|(standing, name, count)| region_status(standing, name, count))
        .collect();
    regions.sort_by(|one, other| one.name.cmp(&other.name));
    regions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::AWSAccountSpec;

    fn account(id: &str) -> AWSAccount {
        AWSAccount::new(
            "prod",
            AWSAccountSpec {
                account_id: id.to_owned(),
                ..AWSAccountSpec::default()
            },
        )
    }

    fn answering(id: &str) -> Account {
        Account {
            id: id.to_owned(),
            partition: "aws".to_owned(),
            caller: format!("arn:aws:sts::{id}:assumed-role/clb/session"),
        }
    }

    #[test]
    fn a_region_is_told_by_its_state() {
        let told = |standing| {
            let used = Some(BTreeMap::from([("eu-west-1".to_owned(), 2)]));
            let status = derive(
                &account("1"),
                &Ok(answering("1")),
                used,
                |_| standing,
                Timestamp::UNIX_EPOCH,
            );
            let region = status.regions.into_iter().next().expect("a region");
            (region.view.unwrap_or_default(), region.budget.unwrap_or_default())
        };
        let state = |answers, throttled| Some(Standing { answers, throttled });
        let words = |view: &str, budget: &str| (view.to_owned(), budget.to_owned());
        assert_eq!(told(None), words("Unread", "Sufficient"));
        assert_eq!(told(state(true, false)), words("Answering", "Sufficient"));
        assert_eq!(told(state(false, true)), words("Silent", "Throttled"));
    }

    #[test]
    fn names_that_are_no_regions_do_not_keep_the_status_from_being_written() {
        let used = (0..60).map(|number| (format!("xx-north-{number:02}"), 1));
        let used = used.chain([("zz-east-1".to_owned(), 2)]).collect();
        let standing = |region: &str| {
            (region == "zz-east-1").then_some(Standing {
                answers: true,
                throttled: false,
            })
        };
        let status = derive(
            &account("1"),
            &Ok(answering("1")),
            Some(used),
            standing,
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!((status.regions.len(), status.load_balancers), (REGIONS, Some(62)));
        assert!(status.regions.iter().any(|region| region.name == "zz-east-1"));
    }

    #[test]
    fn who_answers_decides_whether_it_is_ready() {
        let now = Timestamp::UNIX_EPOCH;
        let said = |answer: Result<Account, aws::Error>| {
            let status = derive(&account("1"), &answer, None, |_| None, now);
            let said = status
                .conditions
                .iter()
                .map(|it| format!("{}={} {}", it.type_, it.status, it.reason));
            (said.collect::<Vec<_>>(), status.arn)
        };
        let (conditions, arn) = said(Ok(answering("1")));
        assert_eq!(conditions, ["Ready=True Ready"]);
        assert_eq!(arn.as_deref(), Some("arn:aws:sts::1:assumed-role/clb"));
        let (conditions, _) = said(Ok(answering("2")));
        assert_eq!(
            conditions,
            ["Ready=False AccountMismatch", "Stalled=True AccountMismatch"]
        );
        let denied = aws::Error::new("AssumeRole", Class::Denied, "AccessDenied", "no");
        let (conditions, _) = said(Err(denied));
        assert_eq!(
            conditions,
            ["Ready=False AccessDenied", "Reconciling=True AccessDenied"]
        );
    }
}
