//! AWS as the laws see it.

use std::collections::{BTreeMap, BTreeSet};

use classic_lb_operator::elb::{
    Class, Code, Declared, INSTANCES, LISTENERS, Listener, LoadBalancer, POLICIES, Placement, Policy, PolicyKind,
    PolicyName, Port, TAGS,
};
use classic_lb_operator::plan::{Facts, Plan, Refusal, Rounds, Run, Step};

/// What AWS refuses here, and its words.
#[derive(Clone, Debug)]
pub(crate) struct No(Code, String);

impl Refusal for No {
    fn class(&self) -> Class {
        Class::Invalid
    }

    fn code(&self) -> Code {
        self.0
    }

    fn message(&self) -> &str {
        &self.1
    }
}

impl No {
    /// As AWS answers a request with an instance that it does not know.
    pub(crate) fn unknown_instance(message: String) -> Self {
        Self(Code::InvalidInstance, message)
    }
}

/// AWS, as far as its rules restrict the order of steps, with certificates that it does not know and ports on which it
/// takes nothing but what it had.
pub(crate) struct Aws {
    pub(crate) has: LoadBalancer,
    pub(crate) unknown_certificates: BTreeSet<String>,
    had: BTreeMap<Port, Listener>,
    pub(crate) stubborn: BTreeSet<Port>,
}

impl Aws {
    pub(crate) fn new(has: LoadBalancer) -> Self {
        Self {
            had: has.listeners.clone(),
            has,
            unknown_certificates: BTreeSet::new(),
            stubborn: BTreeSet::new(),
        }
    }

    pub(crate) fn run(&mut self, step: &Step) -> Result<(), No> {
        let mut after = self.has.clone();
        step.apply_to(&mut after);
        let zones: Vec<char> = after
            .subnets
            .iter()
            .filter_map(|subnet| subnet.chars().next())
            .collect();
        if zones.len() != zones.iter().collect::<BTreeSet<_>>().len() {
            let text = "ELB cannot be attached to multiple subnets in the same AZ.";
            return Err(No(Code::SameZone, text.into()));
        }
        for (count, most) in crowds(&after) {
            if count > most {
                return Err(No(Code::Other, format!("{step}: {count} are too many")));
            }
        }
        assert!(!after.subnets.is_empty(), "{step} empties the subnets");
        assert!(!after.availability_zones.is_empty(), "{step} empties the zones");
        match step {
            Step::CreateListeners { listeners, .. } => {
                for listener in listeners {
                    assert!(
                        !self.has.listeners.contains_key(&listener.port),
                        "{step}: the port is taken"
                    );
                    let mixed = self.has.listeners.values().any(|old| old.conflicts_with(listener));
                    assert!(!mixed, "{step}: mixed instance port");
                    self.check(listener.certificate.as_ref())?;
                    let known = self
                        .had
                        .get(&listener.port)
                        .is_some_and(|old| !old.needs_rebuild(listener));
                    if self.stubborn.contains(&listener.port) && !known {
                        return Err(No(Code::Other, format!("not on port {}", listener.port)));
                    }
                }
            }
            Step::SetCertificate { certificate, .. } | Step::FindCertificate(certificate) => {
                self.check(Some(certificate))?;
            }
            _ => self.check_policies(step),
        }
        self.has = after;
        Ok(())
    }

    /// A plan never asks for what AWS refuses here.
    fn check_policies(&self, step: &Step) {
        let (lb, exists) = (&self.has, |name: &PolicyName| self.has.policies.contains_key(name));
        match step {
            Step::CreatePolicy { name, policy } => {
                assert!(!exists(name), "{step}: there is one");
                if let Policy::BackendAuthentication(names) = policy {
                    assert!(names.iter().all(exists), "{step}: the keys are not there");
                }
            }
            Step::SetPolicies { port, policies } => {
                assert!(lb.listeners.contains_key(port), "{step}: no listener");
                assert!(policies.iter().all(exists), "{step}: not there");
                for kind in [PolicyKind::Tls, PolicyKind::Stickiness] {
                    let count = policies.iter().filter(|name| lb.policy_kind(name) == kind).count();
                    assert!(count <= 1, "{step}: two of a kind");
                }
            }
            Step::SetBackendPolicies { port, policies } => {
                assert!(
                    policies.is_empty() || lb.uses_instance_port(*port),
                    "{step}: no listener"
                );
                assert!(policies.iter().all(exists), "{step}: not there");
            }
            Step::DeletePolicy(name) => {
                let refers =
                    |policy: &Policy| matches!(policy, Policy::BackendAuthentication(names) if names.contains(name));
                let in_force = lb.listeners.values().any(|listener| listener.policies.contains(name))
                    || lb.backends.values().any(|names| names.contains(name))
                    || lb.policies.values().any(refers);
                assert!(!in_force, "{step}: in force");
            }
            _ => {}
        }
    }

    fn check(&self, certificate: Option<&String>) -> Result<(), No> {
        match certificate.filter(|certificate| self.unknown_certificates.contains(*certificate)) {
            Some(certificate) => Err(No(Code::Other, format!("not found: {certificate}"))),
            None => Ok(()),
        }
    }

    /// Runs a plan as the operator does; `left` ends it after so many steps.
    pub(crate) fn run_plan(&mut self, plan: Plan, rounds: &mut Rounds, left: &mut usize) {
        let mut run = Run::new(plan);
        while let Some(step) = run.next().cloned() {
            let returns = run.is_putting_back();
            if !returns {
                if *left == 0 {
                    break;
                }
                *left -= 1;
            }
            match self.run(&step) {
                Ok(()) => run.accepted(),
                Err(error) => {
                    assert!(!returns, "what served before is taken back: {error:?}");
                    run.refused(error);
                }
            }
        }
        rounds.take(&run.finish());
    }
}

/// How many there are of what AWS limits, and how many there may be.
pub(crate) fn crowds(lb: &LoadBalancer) -> [(usize, usize); 4] {
    [
        (lb.tags.len(), TAGS),
        (lb.policies.len(), POLICIES),
        (lb.listeners.len(), LISTENERS),
        (lb.instances.len(), INSTANCES),
    ]
}

/// Passes until nothing is left to do, as the operator makes them; `stop` ends it after so many steps.
pub(crate) fn realise(declared: &Declared, aws: &mut Aws, stop: usize) {
    realise_knowing(declared, aws, stop, Facts::default());
}

/// What the operator knows of subnets where EC2 may be asked: the zones of all of them, and one that can be lent.
pub(crate) fn network(declared: &Declared, aws: &Aws) -> Facts {
    let mut subnets = aws.has.subnets.clone();
    if let Some(Placement::Subnets(wanted)) = &declared.placement {
        subnets.extend(wanted.iter().cloned());
    }
    Facts {
        zones: subnets
            .into_iter()
            .map(|subnet| (subnet.clone(), subnet[..1].to_owned()))
            .collect(),
        spare: Some("e9".to_owned()),
        ..Facts::default()
    }
}

/// The same with facts from elsewhere.
pub(crate) fn realise_knowing(declared: &Declared, aws: &mut Aws, stop: usize, mut facts: Facts) {
    let mut left = stop;
    for _ in 0..6 {
        let mut rounds = Rounds::new(facts);
        while let Some(plan) = rounds.next(declared, &aws.has) {
            aws.run_plan(plan, &mut rounds, &mut left);
            if left == 0 {
                return;
            }
        }
        facts = rounds.facts;
    }
}

/// The swap for which no order of calls exists without a subnet of another zone.
pub(crate) fn needs_a_temporary_subnet(declared: &Declared, observed: &LoadBalancer) -> bool {
    let Some(Placement::Subnets(wanted)) = &declared.placement else {
        return false;
    };
    let zone = |subnet: &String| subnet.chars().next();
    let all: BTreeSet<_> = wanted.iter().chain(&observed.subnets).map(zone).collect();
    wanted.is_disjoint(&observed.subnets) && all.len() == 1
}

/// The swap that is not safe to cut short: the one new subnet lies in a zone that an old one holds, and which old one
/// that is, is found by trying.
pub(crate) fn finds_its_way_by_trying(declared: &Declared, observed: &LoadBalancer) -> bool {
    let Some(Placement::Subnets(wanted)) = &declared.placement else {
        return false;
    };
    wanted.len() == 1 && wanted.is_disjoint(&observed.subnets)
}
