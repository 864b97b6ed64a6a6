use std::collections::{BTreeMap, BTreeSet};

use super::{Swap, needs_spare};

/// Subnets `a1`, `a2`, `b1`, …: the letter is the zone.
fn set(names: &str) -> BTreeSet<String> {
    names.split_whitespace().map(ToOwned::to_owned).collect()
}

fn zones() -> BTreeMap<String, String> {
    let names = set("a1 a2 b1 b2 c1 c2 d1 e9");
    names
        .into_iter()
        .map(|name| (name.clone(), name[..1].to_owned()))
        .collect()
}

fn calls(attached: &str, wanted: &str, spare: Option<&str>) -> Vec<String> {
    let swap = Swap::of(&set(attached), &set(wanted), &zones()).expect("all zones are known");
    let steps = swap.steps(spare.map(ToOwned::to_owned).as_ref());
    let short = |text: String| {
        text.replace("AttachLoadBalancerToSubnets", "+")
            .replace("DetachLoadBalancerFromSubnets", "-")
    };
    steps.iter().map(|step| short(step.to_string())).collect()
}

#[test]
fn what_has_room_comes_before_anything_leaves() {
    assert_eq!(calls("a1 b1", "b1 c1", None), ["+ c1", "- a1"]);
    assert_eq!(calls("a1", "b1", None), ["+ b1", "- a1"]);
}

#[test]
fn only_those_in_the_way_make_room_and_the_others_serve_to_the_end() {
    assert_eq!(calls("a1 b1", "a2 b1", None), ["- a1", "+ a2"]);
    assert_eq!(calls("a1 b1 c1", "a2 d1", None), ["+ d1", "- a1", "+ a2", "- b1, c1"]);
    assert_eq!(calls("a1 b1", "a2", None), ["- a1", "+ a2", "- b1"]);
}

#[test]
fn a_complete_swap_keeps_one_until_the_others_are_exchanged() {
    assert_eq!(calls("a1 b1", "a2 b2", None), ["- a1", "+ a2", "- b1", "+ b2"]);
    assert_eq!(
        calls("a1 b1 c1", "a2 b2 c2", None),
        ["- a1, b1", "+ a2, b2", "- c1", "+ c2"]
    );
}

#[test]
fn the_only_subnet_is_exchanged_through_one_that_is_lent() {
    assert!(needs_spare(&set("a1"), &set("a2"), &zones()));
    assert_eq!(calls("a1", "a2", Some("e9")), ["+ e9", "- a1", "+ a2", "- e9"]);
    assert_eq!(calls("a1", "a2", None), ["+ a2"], "AWS refuses it, and says why");
    // Cut short after each step.
    assert_eq!(calls("a1 e9", "a2", None), ["- a1", "+ a2", "- e9"]);
    assert_eq!(calls("e9", "a2", None), ["+ a2", "- e9"]);
    assert_eq!(calls("a2 e9", "a2", None), ["- e9"]);
    assert!(!needs_spare(&set("a1"), &set("b1"), &zones()));
    assert!(!needs_spare(&set("a1"), &set("x1"), &zones()), "not known");
}

#[test]
fn a_set_with_an_unknown_zone_or_two_subnets_of_one_is_left_to_aws() {
    assert!(Swap::of(&set("a1"), &set("x1"), &zones()).is_none());
    assert!(Swap::of(&set("b1"), &set("a1 a2"), &zones()).is_none());
}
