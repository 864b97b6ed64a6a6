//! What AWS will refuse of a plan, as far as a read tells it beforehand. What may not be read is not foreseen.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::{AccountRegion, Class, Filters};
use crate::elb::{InstanceId, Port};
use crate::plan::{Explained, Step};

/// What the calls refer to.
#[derive(Default)]
struct References {
    /// Certificates with the ports of their listeners.
    certificates: BTreeMap<String, BTreeSet<Port>>,
    groups: BTreeSet<String>,
    zones: BTreeSet<String>,
    instances: BTreeSet<InstanceId>,
}

impl References {
    fn of(calls: &[Explained]) -> Self {
        let mut all = Self::default();
        for call in calls {
            match &call.step {
                Step::CreateLoadBalancer(lb) => {
                    all.listeners(lb.listeners.values());
                    all.groups.extend(lb.security_groups.iter().cloned());
                    all.zones.extend(lb.availability_zones.iter().cloned());
                }
                Step::CreateListeners { listeners, .. } => all.listeners(listeners),
                Step::SetCertificate { port, certificate } => {
                    all.certificates.entry(certificate.clone()).or_default().insert(*port);
                }
                Step::ApplySecurityGroups(groups) => all.groups.extend(groups.iter().cloned()),
                Step::EnableZones(zones) => all.zones.extend(zones.iter().cloned()),
                Step::RegisterInstances(ids) => all.instances.extend(ids.iter().cloned()),
                _ => {}
            }
        }
        all
    }

    fn listeners<'a>(&mut self, listeners: impl IntoIterator<Item = &'a crate::elb::Listener>) {
        for listener in listeners {
            if let Some(certificate) = &listener.certificate {
                let ports = self.certificates.entry(certificate.clone()).or_default();
                ports.insert(listener.port);
            }
        }
    }
}

/// What AWS will refuse, each with the field and what to do.
pub(super) async fn foresee(region: &AccountRegion, calls: &[Explained]) -> Vec<String> {
    let references = References::of(calls);
    let mut problems = certificates(region, &references).await;
    problems.extend(groups(region, &references.groups).await);
    problems.extend(zones(region, &references.zones).await);
    problems.extend(instances(region, &references.instances).await);
    problems
}

async fn certificates(region: &AccountRegion, references: &References) -> Vec<String> {
    let mut problems = Vec::new();
    for (arn, ports) in &references.certificates {
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        let told = |what: &str| format!("spec.listeners[port={}].certificate: {arn} {what}", ports.join(","));
        if let Err(error) = region.client.certificate(arn).await
            && error.class == Class::MissingReference
        {
            problems.push(told(&format!(
                "does not exist in this account and region, or is not issued ({})",
                error.operation
            )));
        }
    }
    problems
}

async fn groups(region: &AccountRegion, wanted: &BTreeSet<String>) -> Option<String> {
    if wanted.is_empty() {
        return None;
    }
    let filters = Filters::default().with("group-id", wanted.iter().cloned());
    let found = region.client.security_groups(&filters).await.ok()?;
    let found: BTreeSet<String> = found.into_iter().map(|group| group.id).collect();
    let missing: Vec<&str> = wanted.difference(&found).map(String::as_str).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "spec.securityGroups: not in this account and region: {}; correct the ids, or create the groups",
            missing.join(", ")
        )
    })
}

async fn zones(region: &AccountRegion, wanted: &BTreeSet<String>) -> Option<String> {
    if wanted.is_empty() {
        return None;
    }
    // A load balancer in zones stands in the default subnet of each.
    let filters = Filters::default().with("default-for-az", ["true".to_owned()]);
    let subnets = region.client.subnets(&filters).await.ok()?;
    let served: BTreeSet<String> = subnets.into_iter().map(|subnet| subnet.zone).collect();
    let missing: Vec<&str> = wanted.difference(&served).map(String::as_str).collect();
    (!missing.is_empty()).then(|| {
        let served: Vec<&str> = served.iter().map(String::as_str).collect();
        format!(
            "spec.availabilityZones: no zones of {} with a default subnet: {}; it has {}",
            region.region,
            missing.join(", "),
            served.join(", ")
        )
    })
}

async fn instances(region: &AccountRegion, wanted: &BTreeSet<InstanceId>) -> Option<String> {
    if wanted.is_empty() {
        return None;
    }
    let gone = region.client.terminated(wanted).await.ok()?;
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    (!gone.is_empty()).then(|| {
        format!(
            "spec.targets: instances that do not exist in this account and region, or are terminated: {}; AWS does not \
             register them",
            gone.join(", ")
        )
    })
}
