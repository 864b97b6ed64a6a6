//! What is somebody else's: nothing of it changes but the instances and groups that an object put there itself.

use std::collections::BTreeSet;

use classic_lb_operator::elb::{Declared, LoadBalancer, Registration};
use classic_lb_operator::plan::{Facts, Plan, Step};
use proptest::prelude::*;

use crate::aws::{Aws, realise};
use crate::strategies::{observed, words};

proptest! {
    #[test]
    fn nothing_but_the_own_instances_of_a_load_balancer_of_others_changes(
        observed in observed(), wanted in words("i-[a-f]", 5), only in words("i-[a-f]", 5), kept in words("i-[a-f]", 2),
        groups in words("[gh]", 2),
    ) {
        let registration = Registration { wanted: wanted.clone(), kept: kept.clone(), only: Some(only.clone()), ..Registration::default() };
        let declared = Declared::of_instances("lb", Some(registration), Some(groups));
        for step in Plan::update(&declared, &observed, &Facts::default()).steps() {
            match step {
                Step::RegisterInstances(ids) => prop_assert!(ids.is_subset(&wanted)),
                Step::DeregisterInstances(ids) => {
                    prop_assert!(ids.is_subset(&only) && ids.is_disjoint(&kept) && ids.is_disjoint(&wanted));
                }
                Step::AttachAutoScalingGroup(_) | Step::DetachAutoScalingGroup(_) => {}
                other => prop_assert!(false, "{} is planned", other),
            }
        }
        let mut aws = Aws::new(observed.clone());
        realise(&declared, &mut aws, usize::MAX);
        let others: BTreeSet<_> = observed.instances.difference(&only).cloned().collect();
        prop_assert!(aws.has.instances.is_superset(&others), "what others registered stays");
        prop_assert!(aws.has.instances.is_superset(&wanted));
        let bare = |lb: &LoadBalancer| LoadBalancer {
            instances: BTreeSet::new(), auto_scaling_groups: BTreeSet::new(), ..lb.clone()
        };
        prop_assert_eq!(bare(&aws.has), bare(&observed));
    }
}
