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
mod admission;
mod adoption;
mod adoption_flag;
mod attributes;
mod brake;
mod certificates;
mod deletion;
mod draining;
mod drift;
mod fields;
mod health;
mod ignore_differences;
mod instance_tags;
mod intervals;
mod isolation;
mod listeners;
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
mod security_groups;
mod services;
mod subnets;
mod swap_crashes;
mod swaps;
mod tags;
mod targets;
mod tutorial;
mod walk;
mod weather;
mod zones;

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_elasticloadbalancing::types::LoadBalancerDescription;
use kube::api::DynamicObject;
use serde_json::json;
use testkit::cluster::Kind;
use testkit::simulator::REGION;
use testkit::{Calls, Namespace, Result, Stack, object};

/// The annotation that asks for a pass.
const REQUESTED_AT: &str = "classiclb.dev/requested-at";

/// A test's stack and namespace, and the balancer of its one object, which is always called `web`.
struct Test {
    stack: &'static Stack,
    namespace: Namespace,
}

impl Test {
    async fn new() -> Result<Self> {
        let stack = Stack::shared().await?;
        Ok(Self {
            stack,
            namespace: stack.namespace().await?,
        })
    }

    /// Applies an object with these lines as its spec.
    async fn apply(&self, spec: &str) -> Result<DynamicObject> {
        let applied = self.namespace.apply(&manifest(spec)).await?;
        Ok(applied.into_iter().next().expect("one object"))
    }

    /// Applies an object and waits until it is ready.
    async fn ready(&self, spec: &str) -> Result<DynamicObject> {
        self.apply(spec).await?;
        self.namespace.until_ready("web").await
    }

    /// Waits until a condition has a reason, and returns its message.
    async fn until_reason(&self, condition: &str, reason: &str) -> Result<String> {
        let what = format!("{condition} to have reason {reason}");
        let object = self
            .namespace
            .until(Kind::CLB, "web", &what, |object| {
                object::has_reason(object, condition, reason) && is_observed(object)
            })
            .await?;
        Ok(object::condition(&object, condition).expect("the condition").message)
    }

    async fn get(&self) -> Result<DynamicObject> {
        self.namespace.get(Kind::CLB, "web").await
    }

    /// The name in AWS.
    async fn name(&self) -> Result<String> {
        Ok(object::text(&self.get().await?, "/status/loadBalancerName").to_owned())
    }

    /// The balancer as AWS has it, asked for by somebody else.
    async fn in_aws(&self) -> Result<LoadBalancerDescription> {
        Ok(describe(self.stack, &self.name().await?)
            .await
            .expect("the balancer exists"))
    }

    /// Somebody else deletes the balancer.
    async fn lose(&self) -> Result<()> {
        let request = self.stack.simulator().elb().delete_load_balancer();
        let request = request.load_balancer_name(self.name().await?);
        request.send().await.expect("deleted");
        Ok(())
    }

    /// The tags as AWS has them.
    async fn tags(&self) -> Result<std::collections::BTreeMap<String, String>> {
        Ok(tags(self.stack, &self.name().await?).await)
    }

    fn mark(&self) -> Result<u64> {
        self.stack.simulator().mark()
    }

    /// The operator's calls about this balancer since a mark.
    async fn calls(&self, mark: u64) -> Result<Calls> {
        Ok(self.stack.simulator().calls(mark)?.naming(&self.name().await?))
    }

    /// Asks for a full pass and waits until the one after it has begun, so that the first has ended.
    async fn pass(&self) -> Result<()> {
        let name = self.name().await?;
        for _ in 0..2 {
            let mark = self.mark()?;
            self.request().await?;
            let simulator = self.stack.simulator();
            let read = |calls: &Calls| !calls.naming(&name).of("DescribeTags").is_empty();
            simulator.until_calls(mark, "a full pass", read).await?;
        }
        Ok(())
    }

    /// Gives the annotation that asks for a pass a new value.
    async fn request(&self) -> Result<DynamicObject> {
        self.namespace
            .annotate(Kind::CLB, "web", REQUESTED_AT, Some(&unique()))
            .await
    }

    /// Makes a server certificate of the account known and returns its ARN.
    async fn certificate(&self) -> Result<String> {
        let name = format!("certificate-{}", unique());
        let seed = json!({"regions": [{"region": REGION, "serverCertificates": [{"name": name}]}]});
        self.stack.simulator().seed(&seed).await?;
        Ok(format!("arn:aws:iam::123456789012:server-certificate/{name}"))
    }
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

/// Whether the status speaks of the spec as it is.
fn is_observed(object: &DynamicObject) -> bool {
    object::at(object, "/status/observedGeneration").and_then(serde_json::Value::as_i64) == object.metadata.generation
}

/// A balancer by name; `None` where AWS says that there is none.
async fn describe(stack: &Stack, name: &str) -> Option<LoadBalancerDescription> {
    let reply = stack
        .simulator()
        .elb()
        .describe_load_balancers()
        .load_balancer_names(name)
        .send()
        .await;
    reply
        .ok()?
        .load_balancer_descriptions
        .unwrap_or_default()
        .into_iter()
        .next()
}

/// The tags of a balancer.
async fn tags(stack: &Stack, name: &str) -> std::collections::BTreeMap<String, String> {
    let reply = stack
        .simulator()
        .elb()
        .describe_tags()
        .load_balancer_names(name)
        .send()
        .await
        .expect("the tags");
    let descriptions = reply.tag_descriptions.unwrap_or_default();
    let tags = descriptions
        .into_iter()
        .flat_map(|description| description.tags.unwrap_or_default());
    tags.map(|tag| (tag.key, tag.value.unwrap_or_default())).collect()
}

/// The ids of the registered instances.
fn registered(lb: &LoadBalancerDescription) -> std::collections::BTreeSet<String> {
    lb.instances()
        .iter()
        .filter_map(|instance| instance.instance_id.clone())
        .collect()
}

/// The least that a balancer needs.
const MINIMAL: &str = "\
availabilityZones: [us-east-1a, us-east-1b]
listeners:
- {port: 80, protocol: HTTP, instancePort: 8080}";

/// The spec without a member.
fn without(member: &str) -> serde_json::Value {
    json!({"spec": {member: null}})
}
