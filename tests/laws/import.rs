//! Laws of taking over: what is made of a load balancer declares it as it is.

use std::collections::{BTreeMap, BTreeSet};

use classic_lb_operator::api::ClassicLoadBalancerSpec;
use classic_lb_operator::elb::{Declared, LoadBalancer, TAG_PREFIX, is_own_policy};
use classic_lb_operator::plan::desired::{Resolved, Wish, declare};
use classic_lb_operator::plan::import::{Imported, Left, import};
use classic_lb_operator::plan::targets::Member;
use classic_lb_operator::plan::{Facts, Plan, Step};
use proptest::prelude::*;

use crate::real::{REGION, balancer, members};
use crate::strategies::owner;

/// What an operator makes of the spec.
fn read(spec: &ClassicLoadBalancerSpec, members: &BTreeSet<String>) -> Declared {
    let ids = spec
        .targets
        .iter()
        .flat_map(|targets| targets.instance_ids.iter().flatten());
    let resolved = Resolved {
        members: ids
            .map(|id| (id.clone(), Member::default()))
            .collect::<BTreeMap<_, _>>(),
        ..Resolved::default()
    };
    let wish = Wish {
        spec,
        name: "lb",
        owner: &owner(),
        applied: None,
        resolved: &resolved,
    };
    let mut desired = declare(&wish).expect("a spec that can be realised");
    assert!(desired.missing.is_empty(), "{:?}", desired.missing);
    if let Some(registration) = &mut desired.declared.registration {
        registration.kept.clone_from(members);
    }
    desired.declared
}

fn imported(lb: &LoadBalancer) -> Imported {
    import(lb, REGION, &members(lb)).expect("a spec")
}

proptest! {
    #[test]
    fn what_was_imported_changes_nothing_but_the_tags_of_the_operator(lb in balancer()) {
        let Imported { spec, .. } = imported(&lb);
        prop_assert_eq!((spec.adopt, spec.deletion_policy.is_some()), (Some(true), true));
        let plan = Plan::update(&read(&spec, &members(&lb)), &lb, &Facts::default());
        // What this operator made itself it tidies up, also before it was told that the load balancer is its own.
        let own = |step: &Step| match step {
            Step::AddTags(tags) => tags.keys().all(|key| key.starts_with(TAG_PREFIX)),
            Step::DeletePolicy(name) => is_own_policy(name),
            Step::SetBackendPolicies { port, .. } => !lb.uses_instance_port(*port),
            _ => false,
        };
        prop_assert!(plan.steps().all(own), "{}", plan);
    }

    /// Made anew from its manifest alone, a load balancer has the same manifest: all that can be said is said.
    #[test]
    fn what_was_imported_makes_the_same_load_balancer_again(lb in balancer()) {
        let Imported { spec, .. } = imported(&lb);
        let declared = read(&spec, &members(&lb));
        let mut again = declared.over(&declared.at_creation());
        // The group registers those.
        again.instances.extend(members(&lb));
        again.tags.retain(|key, _| !key.starts_with(TAG_PREFIX));
        let second = import(&again, REGION, &members(&lb)).expect("a spec");
        prop_assert_eq!(second.spec, spec);
        prop_assert!(second.left.iter().all(|left| matches!(left, Left::UnusedPolicy(_))), "{:?}", second.left);
    }

    #[test]
    fn what_is_left_is_only_what_no_field_can_say(lb in balancer()) {
        for left in imported(&lb).left {
            let is_so = match &left {
                Left::NoTlsPolicy(port) => lb.listeners[port].protocol.is_secure(),
                Left::UnusedBackend(port) => !lb.uses_instance_port(*port),
                Left::UnusedPolicy(_) => true,
                Left::BackendPolicy { port, .. } => lb.uses_instance_port(*port),
                Left::TagsOfOthers(keys) => keys.iter().all(|key| key.starts_with("kubernetes.io/")),
                _ => false,
            };
            prop_assert!(is_so, "{:?}", left);
        }
    }
}
