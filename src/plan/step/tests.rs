use super::*;
use crate::elb::{HealthCheck, TlsPolicy};

/// Each kind of step, and of a policy each call that makes one.
fn every_step() -> Vec<Step> {
    let names = || BTreeSet::from(["a".to_owned()]);
    let policy = |policy| Step::CreatePolicy {
        name: "p".into(),
        policy,
    };
    vec![
        Step::ConfigureHealthCheck(HealthCheck::of("TCP:80".into())),
        Step::CreateListeners {
            listeners: Vec::new(),
            otherwise: Vec::new(),
        },
        Step::DeleteListeners(BTreeSet::from([80])),
        Step::FindCertificate("arn:aws:acm:us-east-1:1:certificate/a".into()),
        Step::FindCertificate("arn:aws:iam::1:server-certificate/a".into()),
        Step::SetCertificate {
            port: 443,
            certificate: "a".into(),
        },
        Step::SetPolicies {
            port: 443,
            policies: names(),
        },
        policy(Policy::Tls(TlsPolicy::default())),
        policy(Policy::Stickiness(Stickiness::LoadBalancerCookie(None))),
        policy(Policy::Stickiness(Stickiness::ApplicationCookie("a".into()))),
        Step::DeletePolicy("p".into()),
        Step::SetBackendPolicies {
            port: 80,
            policies: names(),
        },
        Step::ModifyAttribute(Attribute::CrossZone(true)),
        Step::EnableZones(names()),
        Step::DisableZones(names()),
        Step::AttachSubnets(names()),
        Step::DetachSubnets(names()),
        Step::ApplySecurityGroups(names()),
        Step::RegisterInstances(names()),
        Step::DeregisterInstances(names()),
        Step::AttachAutoScalingGroup("a".into()),
        Step::DetachAutoScalingGroup("a".into()),
        Step::DeleteLoadBalancer,
        Step::AddTags(BTreeMap::new()),
        Step::RemoveTags(names()),
    ]
}

#[test]
fn the_list_of_writes_is_what_steps_call() {
    let proofs = |step: &&Step| matches!(step, Step::FindCertificate(_));
    let steps = every_step();
    assert!(steps.iter().filter(proofs).all(|step| !step.writes()));
    let called: BTreeSet<&str> = steps.iter().filter(|step| !proofs(step)).map(Step::operation).collect();
    // One step has no example: it takes a whole load balancer.
    let listed: BTreeSet<&str> = WRITES
        .into_iter()
        .filter(|operation| *operation != "CreateLoadBalancer")
        .collect();
    assert_eq!(called, listed);
    assert!(is_write("CreateLoadBalancer"));
}
