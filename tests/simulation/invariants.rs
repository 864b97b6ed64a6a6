//! What must hold after every step, whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_simulator::{DEFAULT_ACCOUNT, LoadBalancerState, RequestRecord};
use classic_lb_operator::controller::NodeDraining;
use classic_lb_operator::elb::{TAG_BIND_BY, TAG_CLUSTER, TAG_OWNER, TAG_UID};
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::aws::REGION;
use crate::driver::Ended;
use crate::operator::CLUSTER;
use crate::world::World;

/// How long what was read for all may serve one.
const SHARED: Duration = Duration::from_mins(1);

/// What is remembered from check to check.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Load balancers as they were after the last write to them, those that are gone as none.
    known: BTreeMap<String, Option<LoadBalancerState>>,
    /// Load balancers that somebody else changed and that the operator has not read by name since, and when.
    disturbed: BTreeMap<String, Instant>,
    /// The conditions of objects, by UID and type.
    conditions: BTreeMap<(String, String), Seen>,
    /// How much was checked, so that a test can tell that it was.
    pub(crate) checked: Checked,
}

/// A condition as it was last seen, and when.
#[derive(Debug)]
struct Seen {
    status: String,
    at: String,
    since: String,
}

/// How often each rule was put to the test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Writes to load balancers.
    pub(crate) writes: u64,
    /// Deregistrations that were accepted.
    pub(crate) deregistrations: u64,
    /// Objects that said they were ready.
    pub(crate) ready: u64,
    /// Nodes that were told that they have drained.
    pub(crate) drained: u64,
}

impl Ledger {
    /// Somebody else changed a load balancer.
    pub(crate) fn disturb(&mut self, name: &str) {
        self.disturbed.insert(name.to_owned(), Instant::now());
        self.known.remove(name);
    }
}

/// The ids in a list of instances.
fn instances(call: &RequestRecord) -> BTreeSet<&str> {
    let ids = call
        .parameters
        .iter()
        .filter(|(key, _)| key.starts_with("Instances.member."));
    ids.map(|(_, id)| id.as_str()).collect()
}

/// The tags that a request gives.
fn sent_tags(call: &RequestRecord) -> BTreeMap<&str, &str> {
    let of = |number: usize| {
        let text = |what: &str| {
            call.parameters
                .get(&format!("Tags.member.{number}.{what}"))
                .map(String::as_str)
        };
        Some((text("Key")?, text("Value").unwrap_or_default()))
    };
    (1..).map_while(of).collect()
}

impl World {
    /// A load balancer as it is in AWS.
    pub(crate) fn state_of(&self, name: &str) -> Option<LoadBalancerState> {
        self.simulator.load_balancer(DEFAULT_ACCOUNT, REGION, name)
    }

    /// The object of that name as it is stored.
    pub(crate) fn stored(&self, name: &str) -> Option<Value> {
        let stored = self.kubernetes.get("classicloadbalancers", "default", name);
        stored.map(|object| object.value.clone())
    }

    /// Judges what the operator asked of AWS.
    pub(crate) fn judge(&mut self, calls: &[RequestRecord]) {
        for call in calls.iter().filter(|call| call.service == "elasticloadbalancing") {
            let name = call.parameters.get("LoadBalancerName").cloned();
            if call.operation == "DescribeLoadBalancers" && call.status == 200 {
                let named: BTreeSet<&String> = call.parameters.values().collect();
                self.ledger.disturbed.retain(|name, _| !named.contains(name));
            }
            if call.operation.starts_with("Describe") {
                continue;
            }
            // The calls about tags name a list of one.
            let name = name.or_else(|| call.parameters.get("LoadBalancerNames.member.1").cloned());
            let Some(name) = name else {
                panic!("a write to no load balancer: {call:?}")
            };
            self.ledger.checked.writes += 1;
            let before = match self.ledger.known.get(&name) {
                Some(before) => before.clone(),
                // Not written to since somebody else did, so what is there now carries the tags it carried.
                None if call.operation == "CreateLoadBalancer" => None,
                None => self.state_of(&name),
            };
            self.check_ownership(call, &name, before.as_ref());
            let after = self.state_of(&name);
            if call.operation == "DeregisterInstancesFromLoadBalancer" && call.status == 200 {
                self.ledger.checked.deregistrations += 1;
                self.check_deregistration(call, &name, after.as_ref());
            }
            self.ledger.known.insert(name, after);
        }
    }

    /// Nothing is written to a load balancer that does not carry our tags, and none is deleted unasked.
    fn check_ownership(&self, call: &RequestRecord, name: &str, before: Option<&LoadBalancerState>) {
        let object = self.owner_of(call, name, before);
        let uid = object.as_ref().map(|object| object["metadata"]["uid"].clone());
        let called = object.as_ref().and_then(|object| object["metadata"]["name"].as_str());
        let tagged = before.and_then(|before| before.settings["tags"][TAG_OWNER].as_str());
        // An object that is gone is named by the tags alone.
        let owner = match called {
            Some(called) => format!("default/{called}"),
            None => tagged.map_or_else(|| format!("default/{name}"), ToOwned::to_owned),
        };
        match before {
            Some(before) => {
                let tags = &before.settings["tags"];
                let ours = tags[TAG_CLUSTER] == CLUSTER && tags[TAG_OWNER] == json!(owner);
                assert!(
                    ours || is_lent(call, tags),
                    "a write to a load balancer that is not ours: {call:?}, tags {tags}"
                );
            }
            None if call.operation == "CreateLoadBalancer" => {
                let tags = sent_tags(call);
                let uid = uid.as_ref().and_then(Value::as_str);
                assert_eq!(tags.get(TAG_CLUSTER), Some(&CLUSTER), "{call:?}");
                assert_eq!(tags.get(TAG_OWNER).copied(), Some(owner.as_str()), "{call:?}");
                assert_eq!(tags.get(TAG_UID).copied(), uid, "{call:?}");
            }
            // Deleted meanwhile: AWS refuses it.
            None => {}
        }
        if call.operation == "DeleteLoadBalancer" {
            let deleting = |object: &Value| object["metadata"].get("deletionTimestamp").is_some();
            let asked = object.is_none_or(|object| deleting(&object) || self.is_spared(&object, name));
            assert!(asked, "{name} was deleted though nobody deleted its object");
        }
    }

    /// The object whose load balancer it is: that of its name, or, where it is one of two, the one that its tags name.
    fn owner_of(&self, call: &RequestRecord, name: &str, before: Option<&LoadBalancerState>) -> Option<Value> {
        let has = before.and_then(|before| before.settings["tags"][TAG_OWNER].as_str());
        let sent = sent_tags(call);
        let owner = has.or_else(|| sent.get(TAG_OWNER).copied());
        let named = owner.and_then(|owner| owner.strip_prefix("default/"));
        self.stored(name).or_else(|| self.stored(named?))
    }

    /// Whether clients are sent to another one, which serves.
    fn is_spared(&self, object: &Value, name: &str) -> bool {
        let serving = object["status"]["loadBalancerName"].as_str().unwrap_or_default();
        let state = self.state_of(serving);
        serving != name && state.is_some_and(|state| !state.in_service.is_empty())
    }

    /// The brake: what was inferred from Nodes never leaves fewer in service than the spec wants.
    fn check_deregistration(&self, call: &RequestRecord, name: &str, after: Option<&LoadBalancerState>) {
        let owner = after.and_then(|after| after.settings["tags"][TAG_OWNER].as_str()?.strip_prefix("default/"));
        let (Some(after), Some(object)) = (after, self.stored(owner.unwrap_or(name))) else {
            return;
        };
        let left = instances(call);
        let served = left
            .iter()
            .any(|id| !self.ailing.contains(*id) && !self.terminated.contains(*id));
        let least = object["spec"]["registration"]["minInService"].as_u64().unwrap_or(1);
        let remain = u64::try_from(after.in_service.len()).unwrap_or_default();
        assert!(
            !served || remain >= least,
            "{name}: {left:?} left and {remain} of at least {least} remain in service"
        );
        let registered = after.settings["instances"].as_object().map_or(0, serde_json::Map::len);
        assert!(registered > 0, "{name}: the last instances left: {left:?}");
    }

    /// Who says that it is ready has in AWS what it declares.
    pub(crate) fn check_ready(&mut self, ended: &Ended) {
        let name = &ended.name;
        let Some(object) = self.stored(name) else { return };
        self.check_conditions(name, &object, ended.outcome.is_ok());
        let known = self.driver.object(name).and_then(|object| object.metadata.generation);
        let generation = object["metadata"]["generation"].as_i64();
        let current = known == generation && object["status"]["observedGeneration"].as_i64() == generation;
        // What was read for all may have been read a moment before the change; then the next resync sees it.
        let seen = self.scale.intervals.resync + SHARED;
        let unseen = |at: &Instant| at.elapsed() < seen;
        let disturbed = self.ledger.disturbed.get(name).is_some_and(unseen) || self.driver.views() != ended.views;
        // Its turn at AWS comes in a moment, and only then is anything read and told.
        let goes_on = matches!(ended.outcome, Ok(Some(wait)) if wait < Duration::from_secs(5));
        if !current || disturbed || goes_on || !is_ready(&object) || ended.outcome.is_err() {
            return;
        }
        self.ledger.checked.ready += 1;
        if let Some(why) = self.difference(name, &object) {
            panic!(
                "{} {name} says that it is ready, but {why}\n{object:#}",
                self.kubernetes.now()
            );
        }
    }

    /// A condition tells since when it has been so: not since before it was last seen to be otherwise.
    /// Of objects that change their load balancer. `told`: whether the operator knows what it wrote last.
    fn check_conditions(&mut self, name: &str, object: &Value, told: bool) {
        let now = self.kubernetes.now().to_string();
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        // Elsewhere answers of the API server are lost, too, and an earlier time can come back with the status of before.
        if !told || object["spec"]["replacement"].is_null() {
            self.ledger.conditions.retain(|(of, _), _| of != uid);
            return;
        }
        for condition in object["status"]["conditions"].as_array().into_iter().flatten() {
            let text = |key: &str| condition[key].as_str().unwrap_or_default().to_owned();
            let (status, since) = (text("status"), text("lastTransitionTime"));
            let seen = Seen {
                status: status.clone(),
                at: now.clone(),
                since: since.clone(),
            };
            let before = self.ledger.conditions.insert((uid.to_owned(), text("type")), seen);
            let Some(before) = before else { continue };
            let earliest = if before.status == status {
                before.since
            } else {
                before.at
            };
            // Times are told in whole seconds.
            assert!(
                since[..19] >= earliest[..19],
                "{name}: {condition:#} since before {earliest}"
            );
        }
    }

    /// How listeners or instances in AWS differ from what an object declares, as far as the operator was told.
    pub(crate) fn difference(&self, name: &str, object: &Value) -> Option<String> {
        let called = object["status"]["loadBalancerName"].as_str().unwrap_or(name);
        let Some(state) = self.state_of(called) else {
            return Some("there is no load balancer".to_owned());
        };
        let listeners = object["spec"]["listeners"].as_array().into_iter().flatten();
        let declared: BTreeSet<String> = listeners
            .map(|listener| {
                format!(
                    "{} {} {}",
                    listener["port"], listener["protocol"], listener["instancePort"]
                )
            })
            .collect();
        let there = state.settings["listeners"].as_object().into_iter().flatten();
        let there: BTreeSet<String> = there
            .map(|(port, listener)| format!("{port} {} {}", listener["protocol"], listener["instancePort"]))
            .collect();
        if declared != there {
            return Some(format!("its listeners are {there:?} and not {declared:?}"));
        }
        let named = object["spec"]["targets"]["instanceIds"]
            .as_array()
            .into_iter()
            .flatten();
        let role = &object["spec"]["targets"]["nodeSelector"]["matchLabels"]["role"];
        let keeps = object["spec"]["registration"]["notReadyNodes"]
            .as_str()
            .is_none_or(|keep| keep == "Keep");
        let targets = &object["spec"]["targets"];
        let of_aws = ["instanceTags", "autoScalingGroups"]
            .iter()
            .any(|source| !targets[source].is_null());
        let leaves =
            !object["spec"]["ignoreDifferences"].is_null() || object["spec"]["registration"]["mode"] == "Additive";
        if !keeps || of_aws || leaves {
            // It depends on how long a Node is not ready, and on the health of others, on what AWS lists, or on who registered it.
            return None;
        }
        let goes = |node: &&Node| {
            let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
            self.scale.draining != NodeDraining::None && taints.count() > 0
        };
        let matching = self.driver.nodes().values().filter(|node| !goes(node)).filter(|node| {
            let labels = node.metadata.labels.as_ref();
            labels.and_then(|labels| labels.get("role")).map(String::as_str) == role.as_str()
        });
        let wanted: BTreeSet<String> = matching
            .filter_map(|node| {
                node.spec
                    .as_ref()?
                    .provider_id
                    .as_ref()?
                    .rsplit('/')
                    .next()
                    .map(ToOwned::to_owned)
            })
            .chain(named.filter_map(Value::as_str).map(ToOwned::to_owned))
            .collect();
        let registered = state.settings["instances"].as_object().into_iter().flatten();
        let registered: BTreeSet<String> = registered
            .map(|(id, _)| id.clone())
            .filter(|id| !self.terminated.contains(id))
            .collect();
        let stale = object["status"]["instances"]["stale"].as_array().into_iter().flatten();
        let stale: BTreeSet<&str> = stale.filter_map(Value::as_str).collect();
        let odd: Vec<&String> = wanted
            .symmetric_difference(&registered)
            .filter(|id| !stale.contains(id.as_str()))
            .collect();
        (!odd.is_empty()).then(|| format!("{odd:?} differ: {registered:?} are registered and not {wanted:?}"))
    }
}

/// Whether a call is about instances of a load balancer that is offered to bindings.
fn is_lent(call: &RequestRecord, tags: &Value) -> bool {
    const REGISTRATIONS: [&str; 2] = [
        "RegisterInstancesWithLoadBalancer",
        "DeregisterInstancesFromLoadBalancer",
    ];
    let offer = format!("{CLUSTER}/default/");
    let offered = tags[TAG_BIND_BY].as_str().is_some_and(|to| to.starts_with(&offer));
    offered && REGISTRATIONS.contains(&call.operation.as_str())
}

/// Whether an object says that it is ready.
pub(crate) fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .into_iter()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
