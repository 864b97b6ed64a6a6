//! Laws of the way out: a load balancer as another tool has it after an export has the same manifest as before.

#[path = "../../../tests/laws/real.rs"]
mod real;
mod script;
mod state;
#[path = "../../../tests/laws/strategies.rs"]
#[allow(dead_code)] // the laws of planning use the rest
mod strategies;

use std::collections::BTreeSet;

use proptest::prelude::*;
use real::{REGION, balancer, members};

use super::hcl::Labels;
use super::terraform::Providers;
use super::{Subject, aws_cli, cloudformation, terraform, under_own_names};
use crate::api::ClassicLoadBalancerSpec;
use crate::cli::cloudformation as template;
use crate::cli::terraform as states;
use crate::elb::{Attributes, DesyncMitigationMode, LoadBalancer, Policy, Stickiness};
use crate::plan::import::{differences, import};

prop_compose! {
    /// With characters that shells, HCL and YAML read as something else, where AWS takes them.
    fn exported()(lb in balancer(), cookie in "[a-z!#$%&'*+.^_`|~-]{0,5}", path in "[a-z '\"$`%{}\\\\#:~-]{0,6}") -> Subject {
        let mut lb = lb;
        if lb.health_check.target.contains('/') {
            lb.health_check.target.push_str(&path);
        }
        for policy in lb.policies.values_mut() {
            if let Policy::Stickiness(Stickiness::ApplicationCookie(name)) = policy {
                name.push_str(&cookie);
            }
        }
        let members = members(&lb);
        let single = lb.instances.difference(&members).cloned().collect();
        Subject { region: REGION.to_owned(), account: None, lb: under_own_names(lb), single }
    }
}

/// The manifest, where `members` are the instances of groups.
fn manifest(lb: &LoadBalancer, members: &BTreeSet<String>) -> ClassicLoadBalancerSpec {
    import(lb, REGION, members).expect("a spec").spec
}

/// As AWS makes one of which nothing is said.
fn made(subject: &Subject) -> LoadBalancer {
    let mut lb = LoadBalancer::bare(&subject.lb.name);
    lb.attributes = Attributes::at_creation();
    lb
}

/// What is to come back. No tool is given what groups register.
fn expected(subject: &Subject) -> LoadBalancer {
    let mut lb = subject.lb.clone();
    lb.instances.clone_from(&subject.single);
    lb
}

/// What Terraform has after it applied a configuration beside what AWS has of the load balancer.
fn applied(subject: &Subject, text: &str) -> Result<LoadBalancer, TestCaseError> {
    let state = state::applied(text, &subject.lb);
    let state = states::parse(&state.to_string()).expect("a state");
    let (known, told) = states::known(&state);
    prop_assert_eq!((known.len(), told), (1, Vec::new()), "{}", text);
    let over = known[0].over(&subject.lb);
    let drift = differences(&over, &subject.lb, REGION, &members(&subject.lb)).expect("comparable");
    prop_assert!(
        drift.calls.is_empty() && drift.scheme.is_none(),
        "{:?}: {}",
        drift,
        text
    );
    Ok(known[0].over(&made(subject)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_template_says_all_but_what_it_has_no_property_for(subject in exported()) {
        let (text, _) = cloudformation::cloudformation(std::slice::from_ref(&subject)).expect("YAML");
        let templates = template::parse(&text).expect("a template");
        let described = template::described(&templates[0]);
        let mut wanted = expected(&subject);
        // Its groups name it in their own templates.
        wanted.auto_scaling_groups.clear();
        wanted.attributes.desync_mitigation_mode = Some(DesyncMitigationMode::default());
        let back = template::overlay(&made(&subject), &described[0].properties);
        prop_assert_eq!(manifest(&back, &BTreeSet::new()), manifest(&wanted, &BTreeSet::new()), "{}", text);
        // And imported beside what AWS has, nothing of it is told as drift.
        let over = template::overlay(&subject.lb, &described[0].properties);
        let drift = differences(&over, &subject.lb, REGION, &members(&subject.lb)).expect("comparable");
        prop_assert!(drift.calls.is_empty() && drift.scheme.is_none(), "{:?}: {}", drift, text);
    }

    #[test]
    fn a_configuration_of_terraform_says_all(subject in exported(), alone in any::<bool>()) {
        // Beside one of another region.
        let other = Subject { region: "us-east-1".to_owned(), account: None, lb: made(&subject), single: BTreeSet::new() };
        let both = [subject, other];
        let providers = Providers::of(if alone { &both[..1] } else { &both });
        let subject = &both[0];
        let (text, _) = terraform::terraform(subject, &providers, &mut Labels::default());
        let bound = text.matches("provider").count();
        prop_assert_eq!(bound, if alone { 0 } else { text.matches("\nresource ").count() + text.matches("import {").count() });
        let back = applied(subject, &text)?;
        prop_assert_eq!(manifest(&back, &BTreeSet::new()), manifest(&expected(subject), &BTreeSet::new()), "{}", text);
        // Once more, with the policies that Terraform has made.
        let mut lb = back;
        lb.policies.extend(subject.lb.policies.iter().map(|(name, policy)| (name.clone(), policy.clone())));
        let again = Subject { region: REGION.to_owned(), account: None, single: lb.instances.clone(), lb: under_own_names(lb) };
        let (text, _) = terraform::terraform(&again, &Providers::default(), &mut Labels::default());
        let back = applied(&again, &text)?;
        prop_assert_eq!(manifest(&back, &BTreeSet::new()), manifest(&again.lb, &BTreeSet::new()), "{}", text);
    }

    #[test]
    fn a_script_says_all(subject in exported()) {
        let (text, _) = aws_cli::aws_cli(&subject);
        let back = script::run(&text, REGION, &made(&subject));
        prop_assert_eq!(manifest(&back, &BTreeSet::new()), manifest(&expected(&subject), &BTreeSet::new()), "{}", text);
    }
}
