use super::*;
use crate::api::LabelSelector;

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

fn everything() -> Labels {
    Labels::of(&LabelSelector::default()).expect("it is legal")
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

/// A Node with this taint.
fn tainted(name: &str, key: &str) -> KubeNode {
    let mut node = node(name, &[("role", "web")]);
    let taint = serde_json::json!([{"key": key, "effect": "NoSchedule"}]);
    node.spec.get_or_insert_default().taints = serde_json::from_value(taint).expect("taints");
    node
}

#[test]
fn nodes_that_are_about_to_go_are_no_targets_where_that_is_asked_for() {
    let asked = NodePolicy::of(None, NodeDraining::Tell);
    for (key, goes) in [
        ("ToBeDeletedByClusterAutoscaler", true),
        ("DeletionCandidateOfClusterAutoscaler", false),
        ("karpenter.sh/disrupted", true),
        ("karpenter.sh/unregistered", false),
        ("aws-node-termination-handler/spot-itn", true),
        ("aws-node-termination-handler/scheduled-maintenance", true),
        ("node.kubernetes.io/out-of-service", true),
        ("node.kubernetes.io/unschedulable", false),
        ("node.kubernetes.io/unreachable", false),
    ] {
        let view = view(1);
        assert!(view.take(&Event::Apply(tainted("other", key)), NOON));
        let select = |policy| view.select(&everything(), policy, moment(Instant::now()));
        assert_eq!(select(NodePolicy::default()).nodes.len(), 2, "{key}");
        assert_eq!(select(asked).nodes.len(), if goes { 1 } else { 2 }, "{key}");
        assert_eq!(view.departing().len(), usize::from(goes), "{key}");
    }
    let view = view(0);
    view.take(&Event::Apply(tainted("only", "karpenter.sh/disrupted")), NOON);
    assert!(
        view.select(&everything(), asked, moment(Instant::now())).matched,
        "its labels are right, so that the selector is not in doubt"
    );
}

#[test]
fn a_node_goes_since_it_was_first_seen_to_and_what_it_is_told_changes_no_target() {
    let view = NodeView::of("lease");
    let [first, later] = [1, 2].map(|second| Timestamp::from_second(second).expect("a time"));
    let mut node = tainted("node", "karpenter.sh/disrupted");
    view.take(&Event::Apply(node.clone()), first);
    node.annotations_mut()
        .insert("drain.classiclb.dev/lease".into(), "Draining".into());
    node.annotations_mut()
        .insert("drain.classiclb.dev/other".into(), "Done".into());
    assert!(
        !view.take(&Event::Apply(node.clone()), later),
        "no target depends on it"
    );
    let mut seen = Vec::new();
    view.each(|name, node, told| seen.push((name.to_owned(), node.leaving_since, told.drain.clone())));
    assert_eq!(seen, [("node".to_owned(), Some(first), Some("Draining".to_owned()))]);
    node.spec.get_or_insert_default().taints = None;
    assert!(view.take(&Event::Apply(node), later));
    assert!(view.departing().is_empty());
}

#[test]
fn only_what_changed_is_told_and_none_takes_it_off() {
    let annotations = Annotations::of("lease");
    let before = Told {
        drain: Some("Draining".into()),
        delays: true,
        ..Told::default()
    };
    let after = Told {
        drain: None,
        ..before.clone()
    };
    let drain = "drain.classiclb.dev/lease".to_owned();
    assert_eq!(annotations.changes(&before, &after), [(drain, None)].into());
    let after = Told {
        delays: false,
        ..before.clone()
    };
    let delay = "delay-deletion.cluster-autoscaler.kubernetes.io/lease".to_owned();
    assert_eq!(annotations.changes(&before, &after), [(delay, None)].into());
    assert!(annotations.changes(&before, &before).is_empty());
}

#[test]
fn status_updates_of_nodes_change_nothing() {
    let view = view(1);
    assert!(!view.take(&Event::Apply(node("node-0", &[("role", "web")])), NOON));
    assert!(view.take(&Event::Apply(node("node-0", &[("role", "db")])), NOON));
}

/// The same Node, ready or not, with a time of its own clock.
fn readiness(index: usize, ready: bool, since: i64) -> KubeNode {
    let mut node = node(&"x".repeat(index + 1), &[("role", "web")]);
    let since = Timestamp::from_second(since).expect("a time");
    let status = if ready { "True" } else { "Unknown" };
    let condition =
        serde_json::json!({"conditions": [{"type": "Ready", "status": status, "lastTransitionTime": since}]});
    node.status = Some(serde_json::from_value(condition).expect("a status"));
    node
}

fn remove_after(seconds: u64) -> NodePolicy {
    NodePolicy {
        grace: Some(Duration::from_secs(seconds)),
        ..NodePolicy::default()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn select(view: &NodeView, policy: NodePolicy, second: i64) -> Selection {
    let moment = Moment {
        at: Instant::now(),
        wall: at(second),
    };
    view.select(&everything(), policy, moment)
}

/// A view of Nodes that are ready.
fn ready(count: usize) -> NodeView {
    let view = NodeView::default();
    view.take(&Event::Init, NOON);
    for index in 0..count {
        view.take(&Event::InitApply(readiness(index, true, 0)), NOON);
    }
    view.take(&Event::InitDone, NOON);
    view
}

#[test]
fn most_nodes_that_fall_silent_at_once_are_told() {
    for (silent, told) in [(4, false), (5, true), (8, true)] {
        let view = ready(8);
        for index in 0..silent {
            view.take(
                &Event::Apply(readiness(index, false, 100)),
                at(100 + i64::try_from(index).expect("few")),
            );
        }
        let selection = select(&view, remove_after(5), 200);
        assert_eq!(selection.nodes.len(), 8 - silent);
        let unready = selection
            .unready
            .map(|unready| (unready.count, unready.of, unready.instances.len()));
        assert_eq!(unready, told.then_some((silent, 8, silent)));
    }
    let alone = ready(1);
    alone.take(&Event::Apply(readiness(0, false, 100)), at(100));
    assert_eq!(select(&alone, remove_after(5), 200).unready, None, "one is no mass");
}

#[test]
fn nodes_that_fail_one_after_the_other_are_believed() {
    let view = ready(4);
    for index in 0..4 {
        let when = 1000 * i64::try_from(index + 1).expect("few");
        view.take(&Event::Apply(readiness(index, false, when)), at(when));
    }
    assert_eq!(select(&view, remove_after(300), 9000).unready, None);
    assert!(
        select(&view, remove_after(3000), 9000).unready.is_some(),
        "within the grace period"
    );
}

#[test]
fn a_kubelet_whose_clock_is_ahead_has_its_grace_period_and_no_more() {
    let view = ready(2);
    view.take(&Event::Apply(readiness(0, false, 99_000)), at(10_000));
    let selection = select(&view, remove_after(300), 10_000);
    assert_eq!(selection.changes_in, Some(Duration::from_mins(5)));
    assert_eq!(select(&view, remove_after(300), 10_299).nodes.len(), 2);
    assert_eq!(select(&view, remove_after(300), 10_300).nodes.len(), 1);
}

#[test]
fn a_kubelet_whose_clock_is_behind_has_its_whole_grace_period() {
    let view = ready(2);
    view.take(&Event::Apply(readiness(0, false, 9_700)), at(10_000));
    let selection = select(&view, remove_after(300), 10_000);
    assert_eq!(selection.nodes.len(), 2, "it was seen ready until now");
    assert_eq!(selection.changes_in, Some(Duration::from_mins(5)));
    assert_eq!(select(&view, remove_after(300), 10_299).nodes.len(), 2);
    assert_eq!(select(&view, remove_after(300), 10_300).nodes.len(), 1);
}

#[test]
fn what_a_node_says_later_of_when_it_failed_moves_no_grace_period() {
    for told in [9_700, 10_000, 99_000] {
        let view = ready(2);
        view.take(&Event::Apply(readiness(0, false, told)), at(10_000));
        for (later, told) in [(10_100, told), (10_200, 99_000), (10_250, 10_150)] {
            view.take(&Event::Apply(readiness(0, false, told)), at(later));
        }
        assert_eq!(select(&view, remove_after(300), 10_299).nodes.len(), 2, "{told}");
        assert_eq!(select(&view, remove_after(300), 10_300).nodes.len(), 1, "{told}");
    }
}

#[test]
fn whoever_says_that_the_same_failure_began_earlier_is_believed() {
    let view = ready(2);
    view.take(&Event::Apply(readiness(0, false, 10_000)), at(10_000));
    view.take(&Event::Apply(readiness(0, false, 9_800)), at(10_001));
    assert_eq!(select(&view, remove_after(300), 10_099).nodes.len(), 2);
    assert_eq!(select(&view, remove_after(300), 10_100).nodes.len(), 1);
}

#[test]
fn a_node_that_is_first_seen_not_ready_is_so_since_it_says() {
    let view = NodeView::default();
    view.take(&Event::Init, NOON);
    for (index, since) in [(0, 9_800), (1, 99_000)] {
        view.take(&Event::InitApply(readiness(index, false, since)), at(10_000));
    }
    view.take(&Event::InitDone, NOON);
    let left = |second| select(&view, remove_after(300), second).nodes.len();
    assert_eq!([10_099, 10_100, 10_299, 10_300].map(left), [2, 1, 1, 0]);
}

#[test]
fn a_condition_without_a_time_is_of_when_it_was_first_seen() {
    let view = ready(2);
    let mut silent = readiness(0, false, 0);
    for condition in silent
        .status
        .iter_mut()
        .flat_map(|status| status.conditions.iter_mut().flatten())
    {
        condition.last_transition_time = None;
    }
    for second in [10_000, 10_200] {
        view.take(&Event::Apply(silent.clone()), at(second));
    }
    assert_eq!(select(&view, remove_after(300), 10_299).nodes.len(), 2);
    assert_eq!(select(&view, remove_after(300), 10_300).nodes.len(), 1);
}
