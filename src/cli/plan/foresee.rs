//! What AWS will refuse of a plan, as far as a read tells it beforehand. What may not be read is not foreseen.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::{AccountRegion, Class, Filters};
use crate::elb::{InstanceId, LoadBalancer, PREDEFINED_TLS_POLICIES, Policy, Port, TAGS, TlsPolicy, similar};
use crate::plan::{Explained, Step};

/// What the calls refer to.
#[derive(Default)]
struct References {
    /// Certificates with the ports of their listeners.
    certificates: BTreeMap<String, BTreeSet<Port>>,
    groups: BTreeSet<String>,
    /// Whether a load balancer is made, and the subnets that it is made in.
    makes: bool,
    subnets: BTreeSet<String>,
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
                    all.makes = true;
                    all.subnets.extend(lb.subnets.iter().cloned());
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

/// What AWS will refuse, each with the field and what to do. `observed` is the load balancer as it is, where there is one.
pub(super) async fn foresee(
    region: &AccountRegion,
    calls: &[Explained],
    observed: Option<&LoadBalancer>,
) -> Vec<String> {
    let references = References::of(calls);
    let mut problems = certificates(region, &references).await;
    problems.extend(calls.iter().filter_map(|call| tls_policy(&call.step)));
    problems.extend(groups(region, &references, observed).await);
    problems.extend(zones(region, &references.zones).await);
    problems.extend(instances(region, &references.instances).await);
    problems.extend(observed.and_then(|observed| tags(calls, &observed.tags)));
    problems
}

/// A predefined policy that AWS does not have.
fn tls_policy(step: &Step) -> Option<String> {
    let Step::CreatePolicy {
        policy: Policy::Tls(TlsPolicy::Predefined(name)),
        ..
    } = step
    else {
        return None;
    };
    if PREDEFINED_TLS_POLICIES.contains(&name.as_str()) {
        return None;
    }
    let likely = similar(name, PREDEFINED_TLS_POLICIES);
    let likely = if likely.is_empty() {
        PREDEFINED_TLS_POLICIES.join(", ")
    } else {
        likely.join(", ")
    };
    Some(format!(
        "spec.listeners[].sslPolicy.predefined: AWS has no policy {name} as far as this version knows; there is {likely}"
    ))
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

async fn groups(region: &AccountRegion, references: &References, observed: Option<&LoadBalancer>) -> Vec<String> {
    let wanted = &references.groups;
    if wanted.is_empty() {
        return Vec::new();
    }
    let filters = Filters::default().with("group-id", wanted.iter().cloned());
    let Ok(found) = region.client.security_groups(&filters).await else {
        return Vec::new();
    };
    let there: BTreeSet<&String> = found.iter().map(|group| &group.id).collect();
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|id| !there.contains(id))
        .map(String::as_str)
        .collect();
    let mut problems = Vec::new();
    if !missing.is_empty() {
        problems.push(format!(
            "spec.securityGroups: not in this account and region: {}; correct the ids, or create the groups",
            missing.join(", ")
        ));
    }
    let vpc = if references.makes {
        vpc(region, &references.subnets).await
    } else {
        observed.and_then(|observed| observed.identity.vpc_id.clone())
    };
    if let Some(vpc) = vpc {
        let others = found.iter().filter(|group| group.vpc_id != vpc);
        problems.extend(others.map(|group| {
            let (id, theirs) = (&group.id, &group.vpc_id);
            format!("spec.securityGroups: {id} is of {theirs}, and the load balancer is in {vpc}: give groups of {vpc}")
        }));
    }
    problems
}

/// The VPC of these subnets; without any it is the default one.
async fn vpc(region: &AccountRegion, subnets: &BTreeSet<String>) -> Option<String> {
    let filters = if subnets.is_empty() {
        Filters::default().with("default-for-az", ["true".to_owned()])
    } else {
        Filters::default().with("subnet-id", subnets.iter().cloned())
    };
    let found = region.client.subnets(&filters).await.ok()?;
    let vpcs: BTreeSet<String> = found.into_iter().map(|subnet| subnet.vpc_id).collect();
    // Subnets of several are told otherwise.
    vpcs.first().filter(|_| vpcs.len() == 1).cloned()
}

/// More tags than AWS takes, those included that are there and stay.
fn tags(calls: &[Explained], there: &BTreeMap<String, String>) -> Option<String> {
    // AWS does not count its own.
    let counts = |key: &&String| !key.to_ascii_lowercase().starts_with("aws:");
    let before: BTreeSet<&String> = there.keys().filter(counts).collect();
    let mut after = before.clone();
    let mut adds = false;
    for call in calls {
        match &call.step {
            Step::AddTags(tags) => {
                adds = true;
                after.extend(tags.keys());
            }
            Step::RemoveTags(keys) => after.retain(|key| !keys.contains(*key)),
            _ => {}
        }
    }
    (adds && after.len() > TAGS).then(|| {
        format!(
            "spec.tags: it has {} tags and would have {}, where AWS takes {TAGS}: declare {} fewer, or take some of the others off",
            before.len(),
            after.len(),
            after.len() - TAGS
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_counted_with_those_that_are_there_and_stay() {
        let named = |from: usize, to: usize| {
            let keys = (from..to).map(|number| (format!("tag-{number}"), String::new()));
            keys.collect::<BTreeMap<_, _>>()
        };
        let mut there = named(0, 48);
        there.insert("aws:cloudformation:stack-name".to_owned(), String::new());
        let call = |step: Step| Explained::new(&step, None);
        let add = |from, to| call(Step::AddTags(named(from, to)));
        assert_eq!(tags(&[add(48, 50)], &there), None);
        assert_eq!(tags(&[add(40, 50)], &there), None, "some change their values alone");
        let told = tags(&[add(48, 51)], &there).expect("a problem");
        assert!(
            told.contains("has 48 tags and would have 51") && told.contains("1 fewer"),
            "{told}"
        );
        let remove = call(Step::RemoveTags(["tag-0".to_owned()].into()));
        assert_eq!(tags(&[remove, add(48, 51)], &there), None);
        assert_eq!(tags(&[], &named(0, 51)), None, "nothing is added");
    }
}
