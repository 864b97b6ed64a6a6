//! I/O that only reads: what the operator would do for an object, without a controller.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Node, Service};
use kube::api::ListParams;
use kube::runtime::watcher::Event;
use kube::{Api, Client, ResourceExt as _};

use super::memory::Memory;
use super::reconcile::{Context, Intervals, look_up_instances, prepare, previous_status};
use super::subject::{Coordinates, Subject};
use super::{Error, Rules, lookup};
use crate::api::ClassicLoadBalancer;
use crate::api::message;
use crate::aws::Aws;
use crate::metrics::Metrics;

/// Objects in one page of a list.
const PAGE: u32 = 500;

/// Nothing is looked at twice.
const NEVER: Duration = Duration::from_hours(1);

/// What the operator would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// The calls, in order, in words.
    pub steps: Vec<String>,
    /// What keeps the balancer from being as declared, also after these calls.
    pub problems: Vec<String>,
}

/// What an operator with these rules would do, were it to make the balancer as declared. `object` may be one that is not
/// stored, or another version of the stored one: what only the API server knows is taken from there. Nothing is written.
///
/// # Errors
/// When the object has no namespace, when the API server refuses or does not answer, or AWS does not.
pub async fn preview(
    client: Client,
    aws: &Aws,
    cluster_id: &str,
    rules: Rules,
    object: &ClassicLoadBalancer,
) -> Result<Preview, Error> {
    let intervals = Intervals {
        resync: NEVER,
        health: NEVER,
    };
    let metrics = std::sync::Arc::new(Metrics::new());
    let object = &stored(&client, object).await?;
    let ctx = Context::new(client, aws.clone(), cluster_id.to_owned(), intervals, rules, metrics);
    let refused = |problem: String| Preview {
        steps: Vec::new(),
        problems: vec![problem],
    };
    if object.metadata.deletion_timestamp.is_some() && object.spec.deletion_protection != Some(true) {
        return Ok(refused(message::deletion_not_planned()));
    }
    let Some(subject) = Subject::of(object, &ctx.cluster_id, &ctx.aws)? else {
        return Ok(refused(message::no_region_for_plan()));
    };
    list_views(&ctx, object).await;
    let mut memory = Memory::default();
    let previous = previous_status(object, &memory);
    memory.remote = lookup::look_up(object, &ctx, &subject, &memory.remote, &previous).await;
    let now = Instant::now();
    look_up_instances(object, &ctx, &subject, &mut memory, now).await;
    let pass = match prepare(object, &ctx, subject, &mut memory, now) {
        Ok(pass) => pass,
        Err((_, refusal)) => return Ok(refused(refusal.to_string())),
    };
    let (steps, problems) = Box::pin(pass.preview(&mut memory)).await?;
    Ok(Preview {
        steps: steps.iter().map(ToString::to_string).collect(),
        problems: problems
            .into_iter()
            .map(|problem| problem.message.to_string())
            .collect(),
    })
}

/// The object with the UID and the status of the stored one, where there is one and the object brings none of its own.
async fn stored(client: &Client, object: &ClassicLoadBalancer) -> Result<ClassicLoadBalancer, Error> {
    let mut object = object.clone();
    if object.uid().is_some() {
        return Ok(object);
    }
    let namespace = object.namespace().ok_or(Error::Incomplete("namespace"))?;
    let api: Api<ClassicLoadBalancer> = Api::namespaced(client.clone(), &namespace);
    match api.get_opt(&object.name_any()).await? {
        Some(live) => {
            object.metadata.uid = live.metadata.uid;
            object.metadata.generation = live.metadata.generation;
            object.metadata.finalizers = live.metadata.finalizers;
            object.status = live.status;
        }
        // No UID that the API server gives looks like this, so that no balancer counts as its own.
        None => object.metadata.uid = Some("not-created".to_owned()),
    }
    Coordinates::of(&object)?;
    Ok(object)
}

/// Lists once what the controller watches. A list that fails leaves a view that is not trusted, so that no instance is
/// planned to leave and no port to close for it.
async fn list_views(ctx: &Context, object: &ClassicLoadBalancer) {
    let targets = object.spec.targets.as_ref();
    if targets.is_some_and(|targets| targets.node_selector.is_some()) {
        match list::<Node>(Api::all(ctx.client.clone())).await {
            Ok(nodes) => {
                ctx.nodes.take(&Event::Init);
                for node in nodes {
                    ctx.nodes.take(&Event::InitApply(node));
                }
                ctx.nodes.take(&Event::InitDone);
            }
            Err(error) => ctx.nodes.fail(refusal(&error)),
        }
    }
    let from = |listener: &crate::api::Listener| listener.instance_port_from.is_some();
    let namespace = object.namespace().unwrap_or_default();
    if object.spec.listeners.iter().any(from) {
        let view = ctx.services.of(&namespace);
        match list::<Service>(Api::namespaced(ctx.client.clone(), &namespace)).await {
            Ok(services) => {
                view.take(&Event::Init);
                for service in services {
                    view.take(&Event::InitApply(service));
                }
                view.take(&Event::InitDone);
            }
            Err(error) => view.fail(refusal(&error)),
        }
    }
}

/// In the API server's words, where it answered.
fn refusal(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// All objects, page by page.
async fn list<K>(api: Api<K>) -> Result<Vec<K>, kube::Error>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let mut page = ListParams::default().limit(PAGE);
    let mut all = Vec::new();
    loop {
        let list = api.list(&page).await?;
        all.extend(list.items);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(all),
        }
    }
}
