//! Pure: why one instance gets no traffic. The way of an instance is followed from the targets of the object to the health
//! that AWS tells, and every stop on it is an answer.

use k8s_openapi::jiff::Timestamp;

use super::Asked;
use crate::api::condition::PROGRAMMED;
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerStatus, InstanceStatus, reason};
use crate::cli::age::age;
use crate::cli::finding::{Finding, remedy};
use crate::controller::standing::Standing;
use crate::elb::InstanceHealth;

/// What was asked about.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) object: &'a ClassicLoadBalancer,
    /// The id of the instance.
    pub(super) id: &'a str,
    /// Its Node, with its name, where it has one that could be read.
    pub(super) node: Option<(&'a str, &'a Standing)>,
    pub(super) aws: &'a Asked,
    /// Whether EC2 says that it is terminated or was never there; `None`: not asked.
    pub(super) is_gone: Option<bool>,
    pub(super) at: Timestamp,
}

/// Every answer, in the order of the way.
pub(super) fn answers(subject: &Subject) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(subject.gone());
    found.extend(subject.selected());
    found.extend(subject.state_of_node());
    found.extend(subject.registered());
    found.extend(subject.zone());
    found.extend(subject.health());
    found.extend(subject.seen_by());
    found
}

impl Subject<'_> {
    fn status(&self) -> Option<&ClassicLoadBalancerStatus> {
        self.object.status.as_ref()
    }

    /// As the operator tells it, where that is among the instances that a status holds.
    fn told(&self) -> Option<&InstanceStatus> {
        let instances = self.status()?.instances.as_ref()?;
        instances.items.iter().find(|item| item.id == self.id)
    }

    /// Whether AWS lists it; before that was asked, as the status says.
    fn is_registered(&self) -> bool {
        match self.aws {
            Asked::Found { balancer, .. } => balancer.instances.contains(self.id),
            _ => self
                .told()
                .is_some_and(|told| told.reason.is_some() || told.state == "InService"),
        }
    }

    fn gone(&self) -> Option<Finding> {
        let stale = self.status()?.instances.as_ref()?.stale.iter().any(|id| id == self.id);
        (stale || self.is_gone == Some(true)).then(|| {
            Finding::error(format!("{} does not exist, or is terminated", self.id)).hint(
                "take it out of spec.targets.instanceIds where it stands there; the operator deregisters it as soon as EC2 \
                 confirms it",
            )
        })
    }

    /// Whether a source of targets names it, and which would.
    #[allow(clippy::unnecessary_wraps)] // as the other questions of the list
    fn selected(&self) -> Option<Finding> {
        let targets = self.object.spec.targets.as_ref();
        let ids = targets.and_then(|targets| targets.instance_ids.as_ref());
        let mut sources: Vec<String> = self.told().map(|told| told.sources.clone()).unwrap_or_default();
        if ids.is_some_and(|ids| ids.iter().any(|id| id == self.id)) && sources.is_empty() {
            sources.push("instanceIds".to_owned());
        }
        let matched = self
            .node
            .is_some_and(|(_, node)| node.matched == Some(true) && node.excluded_by.is_none());
        if matched && sources.is_empty() {
            sources.push("nodeSelector".to_owned());
        }
        if !sources.is_empty() {
            return Some(Finding::success(format!("it is a target by {}", sources.join(", "))));
        }
        let Some(targets) = targets else {
            return Some(
                Finding::warning("the object has no spec.targets: the instances are left as AWS has them").hint(
                    "set spec.targets, or register it yourself with aws elb register-instances-with-load-balancer",
                ),
            );
        };
        let mut finding = Finding::error("it is no target: no source of spec.targets names it");
        if targets.instance_ids.is_some() {
            finding = finding.with("instanceIds does not list it");
        }
        if targets.node_selector.is_some() {
            finding = finding.with(&self.why_not_by_node());
        }
        if targets.instance_tags.is_some() {
            finding = finding
                .with("instanceTags did not find it: it lacks one of the tags, does not run, or is of another VPC");
        }
        for group in targets.auto_scaling_groups.iter().flatten() {
            finding = finding.with(&format!(
                "Auto Scaling group {} does not have it in service",
                group.name
            ));
        }
        Some(finding.hint("add its id, its Node's labels, its tags or its group to one of these sources"))
    }

    fn why_not_by_node(&self) -> String {
        match self.node {
            None => "nodeSelector: no Node of the cluster runs on it, or the Nodes could not be read".to_owned(),
            Some((name, node)) => match node.excluded_by {
                Some(label) if node.matched == Some(true) => {
                    format!("nodeSelector matches Node {name}, and its label {label} keeps it out: take the label off")
                }
                _ => format!("nodeSelector does not match the labels of Node {name}"),
            },
        }
    }

    /// A state of its Node for which `registration` takes it out, or for which it fails soon.
    fn state_of_node(&self) -> Option<Finding> {
        let (name, node) = self.node?;
        let by_selector = node.matched == Some(true);
        let out = by_selector && !node.admitted;
        let state = if node.deleting {
            "is being deleted".to_owned()
        } else if let Some(taint) = &node.leaves_by {
            return by_selector.then(|| {
                Finding::warning(format!("Node {name} is about to go: it has the taint {taint}")).hint(
                    "nothing, where another Node takes its place: an operator with --node-draining deregisters it before it goes",
                )
            });
        } else if let Some(since) = node.not_ready_since {
            format!("has been not ready for {}", age(since, self.at))
        } else if node.cordoned {
            "is cordoned".to_owned()
        } else {
            return by_selector.then(|| Finding::success(format!("Node {name} is ready and not cordoned")));
        };
        let hint = match (node.deleting, node.not_ready_since) {
            (true, _) => "nothing: another Node takes its place".to_owned(),
            (_, Some(_)) => {
                format!("see kubectl describe node {name}; registration.notReadyNodes: Keep keeps such Nodes")
            }
            _ => format!("kubectl uncordon {name}, or set registration.cordonedNodes: Keep"),
        };
        Some(if out {
            Finding::error(format!(
                "Node {name} {state}, and spec.registration takes it out for that"
            ))
            .hint(hint)
        } else {
            Finding::warning(format!("Node {name} {state}; it stays a target all the same")).hint(if node.cordoned {
                String::new()
            } else {
                hint
            })
        })
    }

    #[allow(clippy::unnecessary_wraps)] // as the other questions of the list
    fn registered(&self) -> Option<Finding> {
        let programmed = self.status().and_then(|status| {
            let mut all = status.conditions.iter();
            all.find(|condition| condition.type_ == PROGRAMMED && condition.status == "False")
        });
        let registered = self.is_registered();
        let holds = [
            reason::DEREGISTERING,
            reason::NODE_VIEW_SUSPECT,
            reason::TARGETS_SUSPECT,
        ];
        match programmed {
            Some(condition) if registered && holds.contains(&condition.reason.as_str()) => Some(
                Finding::warning(format!("deregistration is held back ({})", condition.reason))
                    .with(&condition.message)
                    .hint(remedy(&condition.reason).unwrap_or_default()),
            ),
            _ if registered => Some(Finding::success("it is registered with the load balancer")),
            Some(condition) => Some(
                Finding::error(format!("it is not registered: Programmed=False {}", condition.reason))
                    .with(&condition.message)
                    .hint(remedy(&condition.reason).unwrap_or_default()),
            ),
            None if matches!(self.aws, Asked::Absent) => Some(Finding::error("there is no load balancer in AWS")),
            None => Some(
                Finding::error("it is not registered with the load balancer")
                    .hint("where it is a target, ask again in a minute; otherwise the answers above say why"),
            ),
        }
    }

    /// Whether its zone is served.
    fn zone(&self) -> Option<Finding> {
        let node = self.node.and_then(|(_, node)| node.zone.as_deref());
        let zone = self.told().and_then(|told| told.zone.as_deref()).or(node)?;
        let served = match self.aws {
            Asked::Found { balancer, .. } => &balancer.availability_zones.iter().cloned().collect(),
            _ => &self.status()?.availability_zones,
        };
        if served.is_empty() {
            return None;
        }
        Some(if served.iter().any(|one| one == zone) {
            Finding::success(format!("its zone {zone} is served"))
        } else {
            Finding::error(format!("its zone {zone} is not served, only {}", served.join(", ")))
                .hint("add the zone to spec.availabilityZones, or a subnet of it to spec.subnets")
        })
    }

    fn health(&self) -> Option<Finding> {
        let asked = match self.aws {
            Asked::Found { health, .. } => health.iter().find(|health| health.id == self.id).cloned(),
            _ => None,
        };
        let told = || {
            self.told().map(|told| InstanceHealth {
                id: told.id.clone(),
                state: InstanceHealth::word(told.state.clone()),
                reason: told.reason.clone().map(InstanceHealth::word),
                description: told.description.clone().map(InstanceHealth::word),
            })
        };
        let health = asked.or_else(told).filter(|_| self.is_registered())?;
        if health.is_draining() {
            return Some(
                Finding::warning("it is being deregistered and finishes its connections; it gets no new ones")
                    .hint("nothing, where that is meant; otherwise make it a target again"),
            );
        }
        if health.is_in_service() {
            return Some(Finding::success("it is in service: it gets traffic"));
        }
        let reason = health.reason.as_deref().filter(|reason| *reason != "N/A");
        let by = reason.map(|reason| format!(", reason {reason}")).unwrap_or_default();
        let finding = Finding::error(format!("its health is {}{by}", health.state));
        Some(
            finding
                .with(health.description.as_deref().unwrap_or_default())
                .hint(self.remedy_of(&health)),
        )
    }

    /// What to do about bad health, by AWS's words.
    fn remedy_of(&self, health: &InstanceHealth) -> String {
        let said = health.description.as_deref().unwrap_or_default();
        if health.is_settling() {
            return "wait: it is being registered, or has not passed its first health checks yet".to_owned();
        }
        if said.contains("not currently registered") {
            return "the operator registers it again where it is a target; ask again in a minute".to_owned();
        }
        if said.contains("Availability Zone") {
            return "let the load balancer serve its zone".to_owned();
        }
        if health.reason.as_deref() == Some("ELB") {
            return "AWS has trouble of its own or still registers it: ask again in a minute".to_owned();
        }
        if said.contains("running") || said.contains("stopped") {
            return "start the instance, or take it out of the targets".to_owned();
        }
        let status = self.status();
        let check = status.and_then(|status| status.health_check.as_ref());
        let check = check.map_or_else(|| "the health check".to_owned(), |check| check.target.clone());
        let group = status.and_then(|status| status.source_security_group.as_ref());
        let group = group.map(|group| format!("; let security group {} in there", group.group_name));
        format!(
            "it must answer {check} (HTTP and HTTPS: with 200) in time: look at what runs there{}",
            group.unwrap_or_default()
        )
    }

    /// What could not be looked at.
    fn seen_by(&self) -> Option<Finding> {
        match self.aws {
            Asked::Not(why) => Some(Finding::warning(format!(
                "AWS was not asked, registration and health are as the status has them: {why}"
            ))),
            _ => None,
        }
    }
}
