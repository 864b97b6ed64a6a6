use super::*;

fn moment(at: Instant) -> Moment {
    Moment { at, wall: NOON }
}

/// When events are taken in; no test here depends on it.
const NOON: Timestamp = Timestamp::UNIX_EPOCH;

fn node(name: &str, labels: &[(&str, &str)]) -> KubeNode {
    let labels: BTreeMap<_, _> = labels.iter().map(|(k, v)| (*k, *v)).collect();
    serde_json::from_value(serde_json::json!({
        "metadata": {"name": name, "labels": labels},
        "spec": {"providerID": format!("aws:///us-east-1a/i-{:08x}", name.len())},
    }))
    .expect("a node")
}

fn view(count: usize) -> NodeView {
    let view = NodeView::default();
    view.take(&Event::Init, NOON);
    for index in 0..count {
        view.take(
            &Event::InitApply(node(&format!("node-{index}"), &[("role", "web")])),
            NOON,
        );
    }
    view.take(&Event::InitDone, NOON);
    view.settle(Instant::now());
    view
}

fn everything() -> Selector {
    Selector::default()
}

#[test]
fn a_view_that_was_never_listed_is_suspicious() {
    assert!(
        NodeView::default()
            .select(&everything(), NodePolicy::default(), moment(Instant::now()))
            .suspicion
            .is_some()
    );
    assert!(
        view(1)
            .select(&everything(), NodePolicy::default(), moment(Instant::now()))
            .suspicion
            .is_none()
    );
}

#[test]
fn no_nodes_at_all_are_suspicious_for_ever() {
    let view = view(0);
    let later = Instant::now() + BELIEVED_AFTER * 2;
    assert!(
        view.select(&everything(), NodePolicy::default(), moment(later))
            .suspicion
            .is_some()
    );
}

#[test]
fn losing_half_is_believed_and_losing_more_is_not_until_it_lasts() {
    let now = Instant::now();
    let view = view(4);
    for index in 0..2 {
        view.take(&Event::Delete(node(&format!("node-{index}"), &[])), NOON);
    }
    assert!(
        view.select(&everything(), NodePolicy::default(), moment(now))
            .suspicion
            .is_none(),
        "half of four"
    );
    let view = super::tests::view(4);
    for index in 0..3 {
        view.take(&Event::Delete(node(&format!("node-{index}"), &[])), NOON);
    }
    assert!(
        view.select(&everything(), NodePolicy::default(), moment(now))
            .suspicion
            .is_some(),
        "three of four"
    );
    assert!(
        view.select(&everything(), NodePolicy::default(), moment(now + BELIEVED_AFTER / 2))
            .suspicion
            .is_some()
    );
    assert!(
        view.select(&everything(), NodePolicy::default(), moment(now + BELIEVED_AFTER * 2))
            .suspicion
            .is_none()
    );
}

#[test]
fn nodes_that_vanish_one_after_the_other_vanish_together() {
    let (now, view) = (Instant::now(), view(8));
    let mut at = now;
    for index in 0..5 {
        view.take(&Event::Delete(node(&format!("node-{index}"), &[])), NOON);
        at += Duration::from_millis(200);
        let suspicion = view.select(&everything(), NodePolicy::default(), moment(at)).suspicion;
        assert_eq!(suspicion.is_some(), index >= 4, "{index}: {suspicion:?}");
    }
}

#[test]
fn nodes_that_leave_in_their_own_time_are_believed() {
    let (mut at, view) = (Instant::now(), view(8));
    for index in 0..7 {
        at += Duration::from_secs(5);
        view.select(&everything(), NodePolicy::default(), moment(at));
        view.take(&Event::Delete(node(&format!("node-{index}"), &[])), NOON);
        assert!(
            view.select(&everything(), NodePolicy::default(), moment(at))
                .suspicion
                .is_none()
                || index == 6,
            "{index}"
        );
    }
}

#[test]
fn a_view_that_recovers_is_trusted_at_once() {
    let view = view(4);
    for index in 0..3 {
        view.take(&Event::Delete(node(&format!("node-{index}"), &[])), NOON);
    }
    assert!(
        view.select(&everything(), NodePolicy::default(), moment(Instant::now()))
            .suspicion
            .is_some()
    );
    view.take(&Event::Apply(node("node-0", &[])), NOON);
    assert!(
        view.select(&everything(), NodePolicy::default(), moment(Instant::now()))
            .suspicion
            .is_none()
    );
}

#[test]
fn a_failed_watch_is_suspicious_until_it_goes_on() {
    let view = view(2);
    view.fail("forbidden".into());
    assert!(
        view.select(&everything(), NodePolicy::default(), moment(Instant::now()))
            .suspicion
            .is_some()
    );
    view.recover();
    assert!(
        view.select(&everything(), NodePolicy::default(), moment(Instant::now()))
            .suspicion
            .is_none()
    );
}

#[test]
fn excluded_nodes_are_no_targets() {
    let view = view(1);
    view.take(&Event::Apply(node("other", &[(EXCLUDE_LABEL, "")])), NOON);
    assert_eq!(
        view.select(&everything(), NodePolicy::default(), moment(Instant::now()))
            .nodes
            .len(),
        1
    );
}

#[test]
fn status_updates_of_nodes_change_nothing() {
    let view = view(1);
    assert!(!view.take(&Event::Apply(node("node-0", &[("role", "web")])), NOON));
    assert!(view.take(&Event::Apply(node("node-0", &[("role", "db")])), NOON));
}
