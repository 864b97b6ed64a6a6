//! End to end: the operator's binary, a real API server with etcd, and AWS over HTTP.
//!
//! The operator runs under a token that has exactly the roles that the chart renders. The simulator's request log and the
//! API server's audit log are the witnesses of what was asked.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::similar_names,
    clippy::many_single_char_names
)] // tests may
#![allow(clippy::cloned_ref_to_slice_refs)] // a list of one reads as a list

mod accounts;
mod accounts_admission;
mod accounts_allow;
mod accounts_entry;
mod accounts_fleet;
mod admission;
mod adoption;
mod adoption_flag;
mod alerts;
mod attributes;
mod bindings;
mod bindings_shared;
mod blue_green;
mod blue_green_vpc;
mod brake;
mod certificates;
mod clocks;
mod cluster_deletes;
mod dashboard;
mod deletion;
mod drain_handshake;
mod draining;
mod drift;
mod emptied;
mod emptied_others;
mod fields;
mod health;
mod iam;
mod ignore_differences;
mod instance_tags;
mod intervals;
mod isolation;
mod kops;
mod lease;
mod listeners;
mod logs;
mod modes;
mod network;
mod nodes;
mod observe;
mod ownership;
mod paging;
mod placement;
mod policies;
mod preview;
mod process;
mod protection;
mod public_keys;
mod recovery;
mod refusals;
mod regions;
mod registration;
mod replicas;
mod restored;
mod secure_metrics;
mod security_groups;
mod services;
mod services_taken;
mod setup;
mod sharing;
mod subnets;
mod swap_crashes;
mod swaps;
mod tags;
mod targets;
mod tenancy;
mod traces;
mod tutorial;
mod versions;
mod walk;
mod watch_namespaces;
mod weather;
mod zones;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_elasticloadbalancing::types::LoadBalancerDescription;
use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{Calls, LoadBalancer, Namespace, Result, Simulator, Stack};

use crate::setup::{Home, Setup};

/// The annotation that asks for a pass.
const REQUESTED_AT: &str = "classiclb.dev/requested-at";

/// A test's stack and namespace, and the balancer of its one object, which is always called `web`.
struct Test {
    stack: Home,
    namespace: Namespace,
    /// The instances that it was set up with.
    ids: Vec<String>,
    /// The label `role` of its Nodes.
    role: String,
    /// The lines of the spec that it was set up with.
    lines: String,
}

impl Test {
    /// On the stack that all tests share.
    async fn new() -> Result<Self> {
        Self::web().start().await
    }

    /// On a stack.
    async fn on(stack: impl Into<Home>) -> Result<Self> {
        let stack = stack.into();
        Ok(Self {
            namespace: stack.namespace().await?,
            stack,
            ids: Vec::new(),
            role: unique(),
            lines: String::new(),
        })
    }

    /// What it is to be set up with.
    fn web() -> Setup {
        Setup::default()
    }

    fn simulator(&self) -> &Simulator {
        self.stack.simulator()
    }

    /// Applies an object with these lines as its spec.
    async fn apply(&self, spec: &str) -> Result<LoadBalancer> {
        let applied = self.namespace.apply(&manifest(spec)).await?;
        Ok(applied.into_iter().next().expect("one object").into())
    }

    /// Applies an object and waits until it is ready.
    async fn ready(&self, spec: &str) -> Result<LoadBalancer> {
        self.apply(spec).await?;
        self.until_ready().await
    }

    /// Changes members of the spec by a merge patch: null takes one out.
    async fn patch(&self, spec: Value) -> Result<LoadBalancer> {
        let patch = json!({"spec": spec});
        self.namespace.patch(Kind::CLB, "web", patch).await.map(Into::into)
    }

    /// Changes members of the spec and waits until the object is ready.
    async fn change(&self, spec: Value) -> Result<LoadBalancer> {
        self.patch(spec).await?;
        self.until_ready().await
    }

    /// Deletes the object and waits until it is gone.
    async fn delete(&self) -> Result<()> {
        self.namespace.delete_and_wait(Kind::CLB, "web").await
    }

    /// Watches the object until the condition holds, and returns it as it then is.
    async fn until(&self, what: &str, mut condition: impl FnMut(&LoadBalancer) -> bool) -> Result<LoadBalancer> {
        let holds = |object: &kube::api::DynamicObject| condition(&object.clone().into());
        self.namespace
            .until(Kind::CLB, "web", what, holds)
            .await
            .map(Into::into)
    }

    async fn until_ready(&self) -> Result<LoadBalancer> {
        self.until("Ready to be True", LoadBalancer::is_ready).await
    }

    /// Waits until a condition has a reason, and returns its message.
    async fn until_reason(&self, condition: &str, reason: &str) -> Result<String> {
        let what = format!("{condition} to have reason {reason}");
        let said = |web: &LoadBalancer| web.says(condition, reason) && web.is_observed();
        Ok(self.until(&what, said).await?.message(condition))
    }

    async fn get(&self) -> Result<LoadBalancer> {
        self.namespace.get(Kind::CLB, "web").await.map(Into::into)
    }

    /// The name in AWS.
    async fn name(&self) -> Result<String> {
        Ok(self.get().await?.name())
    }

    /// The balancer as AWS has it, asked for by somebody else.
    async fn in_aws(&self) -> Result<LoadBalancerDescription> {
        let found = describe(&self.stack, &self.name().await?).await;
        Ok(found.expect("the load balancer exists"))
    }

    /// The instances that AWS has registered.
    async fn registered(&self) -> Result<BTreeSet<String>> {
        Ok(registered(&self.in_aws().await?))
    }

    /// The subnets that AWS has attached.
    async fn attached(&self) -> Result<BTreeSet<String>> {
        Ok(self.in_aws().await?.subnets().iter().cloned().collect())
    }

    /// The tags as AWS has them.
    async fn tags(&self) -> Result<BTreeMap<String, String>> {
        Ok(tags(&self.stack, &self.name().await?).await)
    }

    /// Somebody else calls ELB about the balancer.
    async fn by_hand(&self, action: &str, members: &[(&str, &str)]) -> Result<String> {
        by_hand(&self.stack, &self.name().await?, action, members).await
    }

    /// Somebody else deletes the balancer.
    async fn lose(&self) -> Result<()> {
        self.by_hand("DeleteLoadBalancer", &[]).await.map(drop)
    }

    fn mark(&self) -> Result<u64> {
        self.simulator().mark()
    }

    /// The operator's calls about this balancer since a mark.
    async fn calls(&self, mark: u64) -> Result<Calls> {
        Ok(self.simulator().calls(mark)?.naming(&self.name().await?))
    }

    /// Those of them that can have changed something.
    async fn writes(&self, mark: u64) -> Result<Calls> {
        Ok(self.calls(mark).await?.writes())
    }

    /// Waits until there is a call of an operation about this balancer, and returns all since the mark.
    async fn until_called(&self, mark: u64, operation: &str) -> Result<Calls> {
        let name = self.name().await?;
        let called = |calls: &Calls| !calls.naming(&name).of(operation).is_empty();
        let calls = self.simulator().until_calls(mark, operation, called).await?;
        Ok(calls.naming(&name))
    }

    /// Nothing was written about this balancer since a mark.
    async fn nothing_written(&self, mark: u64, when: &str) -> Result<()> {
        let calls = self.writes(mark).await?;
        assert!(calls.is_empty(), "{when}: {calls}");
        Ok(())
    }

    /// Waits until an Event of this reason has these words in its note.
    async fn until_event(&self, reason: &str, words: &str) -> Result<()> {
        let started = std::time::Instant::now();
        loop {
            let events = self.namespace.events("web").await?;
            assert!(
                events.iter().all(|(_, _, note)| !note.contains('\n')),
                "on one line: {events:?}"
            );
            let told = |(_, what, note): &(String, String, String)| what == reason && note.contains(words);
            if events.iter().any(told) {
                return Ok(());
            }
            assert!(
                started.elapsed() < testkit::cluster::PATIENCE,
                "{words:?} is not in {events:?}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// Waits until the operator tells this metric of the object, with these labels beside its name.
    async fn told(&self, metric: &str, labels: &str, value: &str) -> Result<()> {
        let namespace = self.namespace.namespace();
        let line = format!("{metric}{{namespace=\"{namespace}\",name=\"web\"{labels}}} {value}");
        let is_told = |reply: &testkit::Reply| reply.body.lines().any(|told| told == line);
        self.stack.operator().until("/metrics", &line, is_told).await.map(drop)
    }

    /// How often the operator has written to Kubernetes in the test's namespace.
    fn writes_to_kubernetes(&self) -> Result<usize> {
        let calls = self.stack.control_plane().operator_calls()?;
        let ours = |call: &&testkit::KubernetesCall| call.is_write() && call.namespace == self.namespace.namespace();
        Ok(calls.iter().filter(ours).count())
    }

    /// Asks for a full pass and waits until it has ended, whatever was under way before.
    async fn pass(&self) -> Result<()> {
        let (operator, namespace) = (self.stack.operator(), self.namespace.namespace());
        let words = [namespace, "requested", "reconciled"];
        let ended = |line: &str| words.iter().all(|word| line.contains(word));
        // The first that ends may be one that somebody asked for before.
        for _ in 0..2 {
            let mark = operator.mark()?;
            self.request().await?;
            operator.until_logged(mark, "the end of the reconcile", ended).await?;
        }
        Ok(())
    }

    /// A full pass that writes nothing.
    async fn idle(&self, when: &str) -> Result<()> {
        let mark = self.mark()?;
        self.pass().await?;
        self.nothing_written(mark, when).await
    }

    /// Gives the annotation that asks for a pass a new value.
    async fn request(&self) -> Result<()> {
        let value = unique();
        let asked = self.namespace.annotate(Kind::CLB, "web", REQUESTED_AT, Some(&value));
        asked.await.map(drop)
    }

    /// Lets calls about this balancer meet a fault.
    async fn fault(&self, operation: &str, more: &Value, fault: &Value) -> Result<()> {
        let mut matching = json!({"operation": operation, "loadBalancer": self.name().await?});
        for (member, value) in more.as_object().into_iter().flatten() {
            matching[member] = value.clone();
        }
        let rule = json!({"match": matching, "do": fault});
        self.simulator().fault(&rule).await
    }
}

/// The fault that answers with this error.
fn error(code: &str, status: u16, message: &str) -> Value {
    json!({"error": {"code": code, "status": status, "message": message}})
}

/// An object called `web` with these lines as its spec.
fn manifest(spec: &str) -> String {
    let lines = spec
        .lines()
        .fold(String::new(), |lines, line| lines + "  " + line + "\n");
    format!("apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {{name: web}}\nspec:\n{lines}")
}

/// A word that no other test uses.
fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Ids as a set.
fn set<I: AsRef<str>>(ids: impl IntoIterator<Item = I>) -> BTreeSet<String> {
    ids.into_iter().map(|id| id.as_ref().to_owned()).collect()
}

/// A call of ELB about a balancer by other hands.
async fn by_hand(stack: &Stack, name: &str, action: &str, members: &[(&str, &str)]) -> Result<String> {
    let named = match action {
        "AddTags" | "RemoveTags" => "LoadBalancerNames.member.1",
        _ => "LoadBalancerName",
    };
    let members = [&[(named, name)], members].concat();
    let simulator = stack.simulator();
    simulator
        .query("elasticloadbalancing", "2012-06-01", action, &members)
        .await
}

/// A balancer by name; `None` where AWS says that there is none.
async fn describe(stack: &Stack, name: &str) -> Option<LoadBalancerDescription> {
    let elb = stack.simulator().elb();
    let reply = elb.describe_load_balancers().load_balancer_names(name).send().await;
    reply.ok()?.load_balancer_descriptions?.into_iter().next()
}

/// The tags of a balancer.
async fn tags(stack: &Stack, name: &str) -> BTreeMap<String, String> {
    let elb = stack.simulator().elb();
    let reply = elb.describe_tags().load_balancer_names(name).send().await;
    let descriptions = reply.expect("the tags").tag_descriptions.unwrap_or_default();
    let tags = descriptions
        .into_iter()
        .flat_map(|description| description.tags.unwrap_or_default());
    tags.map(|tag| (tag.key, tag.value.unwrap_or_default())).collect()
}

/// The ids of the registered instances.
fn registered(lb: &LoadBalancerDescription) -> BTreeSet<String> {
    set(lb.instances().iter().filter_map(|instance| instance.instance_id()))
}

/// The least that a balancer needs.
const MINIMAL: &str = "\
availabilityZones: [us-east-1a, us-east-1b]
listeners:
- {port: 80, protocol: HTTP, instancePort: 8080}";
