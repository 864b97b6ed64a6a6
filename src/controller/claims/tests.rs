use kube::core::DeserializeGuard;

use super::*;
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerBinding, InstanceStatus};

fn place(account: Option<&str>) -> Place {
    Place {
        account: account.map(ToOwned::to_owned),
        region: "us-east-1".into(),
        load_balancer: "web".into(),
    }
}

fn ids(ids: &[&str]) -> BTreeSet<InstanceId> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn wants(of: &[&str]) -> Wants {
    Wants {
        instances: ids(of),
        groups: BTreeSet::new(),
    }
}

fn wanted(claims: &Claims, uid: &str, place: &Place) -> BTreeSet<InstanceId> {
    claims.others(uid, place).instances.into_keys().collect()
}

#[test]
fn others_are_those_of_the_same_load_balancer() {
    let changed = Arc::<watch::Sender<()>>::default();
    let mut news = changed.subscribe();
    let claims = Claims::new(changed);
    claims.wants("1", &place(Some("1")), None, wants(&["i-1"]), false);
    assert!(!news.has_changed().expect("open"), "it is alone");
    claims.wants("2", &place(None), Some("binding/a/b".into()), wants(&["i-2"]), false);
    assert!(news.has_changed().expect("open"));
    news.mark_unchanged();
    claims.wants("2", &place(None), Some("binding/a/b".into()), wants(&["i-2"]), false);
    assert!(!news.has_changed().expect("open"), "nothing is new");
    assert_eq!(wanted(&claims, "1", &place(Some("1"))), ids(&["i-2"]));
    assert_eq!(wanted(&claims, "2", &place(Some("1"))), ids(&["i-1"]));
    assert_eq!(wanted(&claims, "2", &place(Some("2"))), ids(&[]), "another account");
    claims.withdraw("1");
    assert_eq!(wanted(&claims, "2", &place(Some("1"))), ids(&[]));
}

#[test]
fn a_doubt_takes_nothing_back() {
    let claims = Claims::default();
    claims.wants("1", &place(None), None, wants(&["i-1", "i-2"]), false);
    claims.wants("1", &place(None), None, wants(&["i-1"]), true);
    assert_eq!(wanted(&claims, "2", &place(None)), ids(&["i-1", "i-2"]));
    claims.wants("1", &place(None), None, wants(&["i-1"]), false);
    assert_eq!(wanted(&claims, "2", &place(None)), ids(&["i-1"]));
}

#[test]
fn a_status_tells_until_a_reconcile_does() {
    let claims = Claims::default();
    let item = |id: &str, source: &str| InstanceStatus {
        id: id.into(),
        sources: vec![source.into()],
        ..InstanceStatus::default()
    };
    let mut object = ClassicLoadBalancer::default();
    object.metadata.uid = Some("1".into());
    object.status = Some(ClassicLoadBalancerStatus {
        region: Some("us-east-1".into()),
        load_balancer_name: Some("web".into()),
        created_time: Some("then".into()),
        instances: Some(InstancesStatus {
            desired: 3,
            items: vec![item("i-1", "instanceIds"), item("i-2", "binding/shop/web")].into(),
            ..InstancesStatus::default()
        }),
        ..ClassicLoadBalancerStatus::default()
    });
    let event = Event::InitApply(DeserializeGuard(Ok(object)));
    let binding = Kind::Binding;
    assert_eq!(claims.unheard(Kind::Owner), Some((binding, None)));
    claims.fail(binding, "no".into(), false);
    assert_eq!(claims.unheard(Kind::Owner), Some((binding, Some("no".into()))));
    claims.take(&Event::<Guarded<ClassicLoadBalancerBinding>>::InitDone);
    assert_eq!(claims.unheard(Kind::Owner), None);
    assert_eq!(claims.unheard(binding), Some((Kind::Owner, None)));
    claims.take(&Event::<Guarded<ClassicLoadBalancer>>::InitDone);
    assert_eq!(claims.unheard(binding), None);
    claims.take(&event);
    assert_eq!(
        wanted(&claims, "2", &place(None)),
        ids(&["i-1"]),
        "what others want is not its own"
    );
    assert!(claims.others("2", &place(None)).more, "the status lists not all");
    claims.wants("1", &place(None), None, wants(&["i-3"]), false);
    claims.take(&event);
    assert_eq!(wanted(&claims, "2", &place(None)), ids(&["i-3"]));
    assert!(!claims.others("2", &place(None)).more);
}
