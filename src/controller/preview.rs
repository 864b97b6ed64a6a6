//! I/O that only reads: what the operator would do for an object, without a controller.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Node, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use kube::{Api, Client, ResourceExt as _};

use super::accounts::role_of;
use super::context::{Context, Intervals};
use super::error::Error;
use super::memory::Memory;
use super::object::{Guarded, Kind, Object, Watched};
use super::reconcile::in_words;
use super::reconcile::mode::Rules;
use super::reconcile::subject::Coordinates;
use super::replacement::reconcile;
use crate::api::message;
use crate::api::{
    AWSAccount, AWSAccountSpec, ClassicLoadBalancer, ClassicLoadBalancerBinding, ClassicLoadBalancerStatus,
};
use crate::aws::{Accounts, Role};
use crate::elb::LoadBalancer;
use crate::metrics::Metrics;
use crate::plan::Explained;

/// Objects in one page of a list.
const PAGE: u32 = 500;

/// Nothing is looked at twice.
const NEVER: Duration = Duration::from_hours(1);

/// What the operator would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// The calls, in order, in words.
    pub steps: Vec<String>,
    /// What each of them makes, takes away and replaces.
    pub explained: Vec<Explained>,
    /// What keeps the load balancer from being as declared, also after these calls.
    pub problems: Vec<String>,
}

/// What an operator with these rules would do, were it to make the load balancer as declared. `object` may be one that
/// is not stored, or another version of the stored one: what only the API server knows is taken from there. Nothing is
/// written.
///
/// # Errors
/// When the object has no namespace, when the API server refuses or does not answer, or AWS does not.
pub async fn preview(
    client: Client,
    accounts: &Accounts,
    cluster_id: &str,
    rules: Rules,
    object: &ClassicLoadBalancer,
) -> Result<Preview, Error> {
    let made = Box::pin(compare(client, accounts, cluster_id, rules, (Kind::Owner, object))).await?;
    Ok(made.preview)
}

/// What the operator would do, and what it would do that to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// The same as [`preview`] gives.
    pub preview: Preview,
    /// The load balancer as AWS has it, with as much as the operator reads of it; `None`: there is none, or it did not
    /// come to that.
    pub observed: Option<LoadBalancer>,
}

/// As [`preview`], with the load balancer that was found. The object is of this kind: a binding is given as the part of a
/// load balancer that it declares.
///
/// # Errors
/// The same.
pub async fn compare(
    client: Client,
    accounts: &Accounts,
    cluster_id: &str,
    rules: Rules,
    (kind, object): (Kind, &ClassicLoadBalancer),
) -> Result<Compared, Error> {
    let intervals = Intervals {
        resync: NEVER,
        health: NEVER,
    };
    let mut object = stored(&client, kind, object).await?;
    let refused = |problem: String| Compared {
        preview: Preview {
            problems: vec![problem],
            ..Preview::default()
        },
        observed: None,
    };
    if object.metadata.deletion_timestamp.is_some() && object.spec.deletion_protection != Some(true) {
        return Ok(refused(message::deletion_not_planned()));
    }
    if object.spec.region.is_none() && accounts.default_region().is_none() {
        return Ok(refused(message::no_region_for_plan()));
    }
    // How far the operator goes with the object is not asked: the plan is what it would do if it went all the way.
    object.spec.management = None;
    object.metadata.deletion_timestamp = None;
    let metrics = Arc::new(Metrics::new());
    let cx = Context::new(
        client,
        accounts.clone(),
        cluster_id.to_owned(),
        intervals,
        rules,
        metrics,
    )
    .dry();
    list_views(&cx, kind, &object).await;
    let memory = &mut Memory::default();
    let object = Object {
        kind,
        ..Object::of(&object)
    };
    let next = Box::pin(reconcile(&cx, &object, memory)).await?;
    match next.problems.first() {
        Some(problem) if next.unread => Err(Error::Unread(problem.message.to_string())),
        _ => Ok(Compared {
            preview: Preview {
                steps: next.explained.iter().map(in_words).collect(),
                explained: next.explained,
                problems: next
                    .problems
                    .into_iter()
                    .map(|problem| problem.message.to_string())
                    .collect(),
            },
            observed: memory.known.load_balancer().cloned(),
        }),
    }
}

/// The object with the UID and the status of the stored one, where there is one and the object brings none of its own.
async fn stored(client: &Client, kind: Kind, object: &ClassicLoadBalancer) -> Result<ClassicLoadBalancer, Error> {
    let mut object = object.clone();
    if object.uid().is_some() {
        return Ok(object);
    }
    let namespace = object.namespace().ok_or(Error::Incomplete("namespace"))?;
    let live = match kind {
        Kind::Owner => live::<ClassicLoadBalancer>(client, &namespace, &object.name_any()).await?,
        Kind::Binding => live::<ClassicLoadBalancerBinding>(client, &namespace, &object.name_any()).await?,
    };
    match live {
        Some((metadata, status)) => {
            object.metadata.uid = metadata.uid;
            object.metadata.generation = metadata.generation;
            object.metadata.finalizers = metadata.finalizers;
            object.status = status;
        }
        // No UID that the API server gives looks like this, so that no load balancer counts as its own.
        None => object.metadata.uid = Some("not-created".to_owned()),
    }
    Coordinates::of(&object)?;
    Ok(object)
}

/// What the API server has of an object.
async fn live<K: Watched>(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<Option<(ObjectMeta, Option<ClassicLoadBalancerStatus>)>, Error> {
    let found = Api::<K>::namespaced(client.clone(), namespace).get_opt(name).await?;
    Ok(found.map(|object| (object.meta().clone(), object.status().cloned())))
}

/// Lists once what the controller watches. A list that fails leaves a view that is not trusted, so that no instance is
/// planned to leave and no port to close for it.
async fn list_views(cx: &Context, kind: Kind, object: &ClassicLoadBalancer) {
    let targets = object.spec.targets.as_ref();
    if targets.is_some_and(|targets| targets.node_selector.is_some()) {
        match list::<Node>(Api::all(cx.kubernetes.client().clone())).await {
            Ok(nodes) => {
                cx.take_node_event(&Event::Init);
                for node in nodes {
                    cx.take_node_event(&Event::InitApply(node));
                }
                cx.take_node_event(&Event::InitDone);
            }
            Err(error) => cx.nodes.fail(refusal(&error)),
        }
    }
    if targets.is_some() {
        list_claims::<ClassicLoadBalancerBinding>(cx).await;
    }
    if targets.is_some() && kind == Kind::Binding {
        list_claims::<ClassicLoadBalancer>(cx).await;
    }
    if let Some(reference) = &object.spec.account_ref {
        read_account(cx, &reference.name, &object.namespace().unwrap_or_default()).await;
    }
    let from = |listener: &crate::api::Listener| listener.instance_port_from.is_some();
    let namespace = object.namespace().unwrap_or_default();
    if object.spec.listeners.iter().any(from) {
        let view = cx.services.of(&namespace);
        match list::<Service>(Api::namespaced(cx.kubernetes.client().clone(), &namespace)).await {
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

/// What the others want of the load balancer is not planned to leave.
async fn list_claims<K: Watched>(cx: &Context) {
    cx.take_object_event(&Event::<Guarded<K>>::Init);
    for api in cx.namespaces().apis::<Guarded<K>>(cx.kubernetes.client()) {
        match list(api).await {
            Ok(objects) => {
                for object in objects {
                    cx.take_object_event(&Event::InitApply(object));
                }
            }
            Err(error) => {
                let absent = matches!(&error, kube::Error::Api(status) if status.code == 404);
                return cx.claims.fail(K::KIND, refusal(&error), absent);
            }
        }
    }
    cx.take_object_event(&Event::<Guarded<K>>::InitDone);
}

/// Reads the account that an object refers to and the labels of its namespace. Whoever asks from inside the account needs no
/// role to get there.
async fn read_account(cx: &Context, name: &str, namespace: &str) {
    let (client, view) = (cx.kubernetes.client(), &cx.account_view);
    match Api::<AWSAccount>::all(client.clone()).get_opt(name).await {
        Ok(found) => {
            view.take_account(&Event::Init);
            if let Some(mut account) = found {
                if role_into(&cx.accounts, &account.spec).await.is_none() {
                    account.spec.role_arn = None;
                }
                view.take_account(&Event::InitApply(DeserializeGuard(Ok(account))));
            }
            view.take_account(&Event::InitDone);
        }
        Err(error) => view.accounts_fail(refusal(&error)),
    }
    match Api::<Namespace>::all(client.clone()).get_metadata(namespace).await {
        Ok(namespace) => drop(view.take_namespace(&Event::Apply(namespace))),
        Err(error) => view.namespaces_fail(refusal(&error)),
    }
}

/// The role by which somebody with credentials of their own gets into an account. `None`: they are of the account, or it
/// names no role.
pub async fn role_into(accounts: &Accounts, account: &AWSAccountSpec) -> Option<Role> {
    let own = accounts.region(&accounts.home(None)).account().await;
    let is_inside = own.is_ok_and(|own| own.id == account.account_id);
    if is_inside { None } else { role_of(account) }
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
