//! What a person does with kubectl, for tests: apply, patch, delete, look, and wait until something is so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use http::Request;
use kube::Client;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{self, Scope};
use kube::runtime::watcher;
use serde_json::{Value, json};

use crate::error::Doing;
use crate::{Error, Result, object};

/// The field manager of everything that the kit applies.
const MANAGER: &str = "testkit";

/// How long a condition is waited for unless [`Cluster::patience`] says otherwise: long, since a slow machine is no
/// reason to fail.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A kind of object, by its API version and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub &'static str, pub &'static str);

impl Kind {
    /// The resource that this project is about.
    pub const CLB: Self = Self("classiclb.dev/v1alpha1", "ClassicLoadBalancer");
    /// Instances that are registered with a load balancer of others.
    pub const BINDING: Self = Self("classiclb.dev/v1alpha1", "ClassicLoadBalancerBinding");
    /// The accounts that it works in.
    pub const ACCOUNT: Self = Self("classiclb.dev/v1alpha1", "AWSAccount");
    /// Nodes of the cluster.
    pub const NODE: Self = Self("v1", "Node");
    /// Namespaces.
    pub const NAMESPACE: Self = Self("v1", "Namespace");
    /// Events, as the operator publishes them.
    pub const EVENT: Self = Self("events.k8s.io/v1", "Event");
    /// Definitions of resources.
    pub const CRD: Self = Self("apiextensions.k8s.io/v1", "CustomResourceDefinition");
}

type Discovered = BTreeMap<(String, String), (ApiResource, bool)>;

/// A client, and the namespace in which it works. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    namespace: String,
    patience: Duration,
    discovered: Arc<Mutex<Discovered>>,
}

impl Cluster {
    /// Works in `namespace` unless an object names another.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            client,
            namespace: namespace.into(),
            patience: PATIENCE,
            discovered: Arc::default(),
        }
    }

    /// The same, waiting this long.
    #[must_use]
    pub fn patience(&self, patience: Duration) -> Self {
        Self {
            patience,
            ..self.clone()
        }
    }

    /// The same in another namespace.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str) -> Self {
        Self {
            namespace: namespace.into(),
            ..self.clone()
        }
    }

    /// The client.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The API of a kind, in this handle's namespace where the kind has namespaces.
    pub async fn api(&self, kind: Kind) -> Result<Api<DynamicObject>> {
        self.api_of(kind.0, kind.1, None).await
    }

    /// Server-side apply of every document of a YAML text, with strict field validation. Fields that an earlier apply
    /// set and that are not there any more are removed.
    pub async fn apply(&self, yaml: &str) -> Result<Vec<DynamicObject>> {
        self.apply_documents(documents(yaml)?).await
    }

    pub(crate) async fn apply_documents(
        &self,
        documents: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<DynamicObject>> {
        let parameters = PatchParams::apply(MANAGER).force().validation_strict();
        let mut applied = Vec::new();
        for document in documents {
            let (api, name) = self.place_of(&document).await?;
            let result = api.patch(&name, &parameters, &Patch::Apply(&document)).await;
            applied.push(result.doing(format!("applying {} {name}", document["kind"]))?);
        }
        Ok(applied)
    }

    /// Creates one object as `kubectl create` does, with strict field validation: what the API server refuses, it
    /// refuses in the words that a user reads.
    pub async fn create(&self, yaml: &str) -> Result<DynamicObject> {
        let [document] = <[Value; 1]>::try_from(documents(yaml)?)
            .map_err(|several| Error::Setup(format!("one document is created at a time, not {}", several.len())))?;
        let (api, name) = self.place_of(&document).await?;
        let url = format!("{}?fieldManager={MANAGER}&fieldValidation=Strict", api.resource_url());
        let request = Request::post(url).header(http::header::CONTENT_TYPE, "application/json");
        let request = request
            .body(document.to_string().into_bytes())
            .map_err(|error| Error::Setup(error.to_string()))?;
        self.client
            .request(request)
            .await
            .doing(format!("creating {} {name}", document["kind"]))
    }

    /// A JSON merge patch: null removes a member.
    pub async fn patch(&self, kind: Kind, name: &str, patch: Value) -> Result<DynamicObject> {
        let parameters = PatchParams {
            field_manager: Some(MANAGER.into()),
            ..PatchParams::default()
        };
        let patched = self
            .api(kind)
            .await?
            .patch(name, &parameters.validation_strict(), &Patch::Merge(&patch))
            .await;
        patched.doing(format!("patching {} {name} with {patch}", kind.1))
    }

    /// Sets an annotation, or removes it.
    pub async fn annotate(&self, kind: Kind, name: &str, key: &str, value: Option<&str>) -> Result<DynamicObject> {
        self.patch(kind, name, json!({"metadata": {"annotations": {key: value}}}))
            .await
    }

    /// Sets a label, or removes it.
    pub async fn label(&self, kind: Kind, name: &str, key: &str, value: Option<&str>) -> Result<DynamicObject> {
        self.patch(kind, name, json!({"metadata": {"labels": {key: value}}}))
            .await
    }

    /// Makes a Node as a kubelet and a cloud controller would leave it: ready, with `provider_id` where there is one.
    pub async fn node(&self, name: &str, provider_id: Option<&str>, labels: &[(&str, &str)]) -> Result<DynamicObject> {
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {"providerID": provider_id},
        });
        self.apply_documents([strip_nulls(node)]).await?;
        self.node_ready(name, true).await
    }

    /// Sets a Node's Ready condition, as its kubelet would.
    pub async fn node_ready(&self, name: &str, ready: bool) -> Result<DynamicObject> {
        self.node_ready_for(name, ready, Duration::ZERO).await
    }

    /// The same, as if it had been so for a while.
    pub async fn node_ready_for(&self, name: &str, ready: bool, lasted: Duration) -> Result<DynamicObject> {
        let (status, reason) = if ready {
            ("True", "KubeletReady")
        } else {
            ("False", "KubeletNotReady")
        };
        let now = k8s_openapi::jiff::Timestamp::now();
        let since = now.checked_sub(lasted).unwrap_or(now);
        let [now, since] = [now, since].map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let condition = json!({
            "type": "Ready", "status": status, "reason": reason, "message": "",
            "lastTransitionTime": since, "lastHeartbeatTime": now,
        });
        let patch = Patch::Merge(json!({"status": {"conditions": [condition]}}));
        let patched = self
            .api(Kind::NODE)
            .await?
            .patch_status(name, &PatchParams::default(), &patch)
            .await;
        patched.doing(format!("setting Ready of Node {name}"))
    }

    /// An object, which has to be there.
    pub async fn get(&self, kind: Kind, name: &str) -> Result<DynamicObject> {
        self.api(kind)
            .await?
            .get(name)
            .await
            .doing(format!("getting {} {name}", kind.1))
    }

    /// An object, if it is there.
    pub async fn find(&self, kind: Kind, name: &str) -> Result<Option<DynamicObject>> {
        self.api(kind)
            .await?
            .get_opt(name)
            .await
            .doing(format!("getting {} {name}", kind.1))
    }

    /// All objects of a kind, in this handle's namespace where the kind has namespaces.
    pub async fn list(&self, kind: Kind) -> Result<Vec<DynamicObject>> {
        let list = self.api(kind).await?.list(&ListParams::default()).await;
        Ok(list.doing(format!("listing {}", kind.1))?.items)
    }

    /// Events about an object, as `(type, reason, note)`.
    pub async fn events(&self, name: &str) -> Result<Vec<(String, String, String)>> {
        let events = self.list(Kind::EVENT).await?;
        let about = events
            .iter()
            .filter(|event| object::text(event, "/regarding/name") == name);
        let text = |event, pointer| object::text(event, pointer).to_owned();
        Ok(about
            .map(|event| (text(event, "/type"), text(event, "/reason"), text(event, "/note")))
            .collect())
    }

    /// Asks for an object's deletion; finalizers may keep it for a while.
    pub async fn delete(&self, kind: Kind, name: &str) -> Result<()> {
        self.delete_as(kind, name, &DeleteParams::background()).await
    }

    /// The same, and says what becomes of what the object owns.
    pub async fn delete_as(&self, kind: Kind, name: &str, how: &DeleteParams) -> Result<()> {
        let deleted = self.api(kind).await?.delete(name, how).await;
        deleted.map(drop).doing(format!("deleting {} {name}", kind.1))
    }

    /// Asks for an object's deletion and waits until it is gone.
    pub async fn delete_and_wait(&self, kind: Kind, name: &str) -> Result<()> {
        self.delete(kind, name).await?;
        self.until_gone(kind, name).await
    }

    /// Waits until the object is ready.
    pub async fn until_ready(&self, name: &str) -> Result<DynamicObject> {
        self.until(Kind::CLB, name, "Ready to be True", object::is_ready).await
    }

    /// Watches an object until the condition holds, and returns it as it then is.
    pub async fn until(
        &self,
        kind: Kind,
        name: &str,
        what: &str,
        mut condition: impl FnMut(&DynamicObject) -> bool,
    ) -> Result<DynamicObject> {
        let found = self
            .watch(kind, name, what, |object| object.is_some_and(&mut condition))
            .await?;
        found.ok_or_else(|| Error::Setup(format!("{} {name} vanished", kind.1)))
    }

    /// Watches an object until it is gone.
    pub async fn until_gone(&self, kind: Kind, name: &str) -> Result<()> {
        self.watch(kind, name, "it to be gone", |object| object.is_none())
            .await
            .map(drop)
    }

    async fn watch(
        &self,
        kind: Kind,
        name: &str,
        what: &str,
        mut condition: impl FnMut(Option<&DynamicObject>) -> bool,
    ) -> Result<Option<DynamicObject>> {
        let started = Instant::now();
        let mut last = None;
        let mut trouble = String::new();
        let mut changes = std::pin::pin!(watcher::watch_object(self.api(kind).await?, name));
        let seen = async {
            while let Some(change) = changes.next().await {
                match change {
                    Ok(object) => last = object,
                    Err(error) => {
                        trouble = format!("\nthe watch said: {error}");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        continue;
                    }
                }
                if condition(last.as_ref()) {
                    return true;
                }
            }
            false
        };
        if matches!(tokio::time::timeout(self.patience, seen).await, Ok(true)) {
            return Ok(last);
        }
        let what = format!("{} {name}: {what}", kind.1);
        Err(Error::timeout(
            &what,
            started.elapsed(),
            object::describe(last.as_ref()) + &trouble,
        ))
    }

    /// Waits until the API server serves a group and version: a CRD takes a moment to be established.
    pub(crate) async fn until_served(&self, group_version: &str) -> Result<()> {
        let started = Instant::now();
        while let Err(error) = self.client.list_api_group_resources(group_version).await {
            if started.elapsed() > self.patience {
                return Err(Error::timeout(
                    &format!("{group_version} to be served"),
                    self.patience,
                    error.to_string(),
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn place_of(&self, document: &Value) -> Result<(Api<DynamicObject>, String)> {
        let member = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
        let (Some(api_version), Some(kind), Some(name)) =
            (member("/apiVersion"), member("/kind"), member("/metadata/name"))
        else {
            return Err(Error::Setup(format!(
                "not an object with apiVersion, kind and metadata.name: {document}"
            )));
        };
        Ok((
            self.api_of(api_version, kind, member("/metadata/namespace")).await?,
            name.to_owned(),
        ))
    }

    async fn api_of(&self, api_version: &str, kind: &str, namespace: Option<&str>) -> Result<Api<DynamicObject>> {
        let (resource, namespaced) = self.resource(api_version, kind).await?;
        let client = self.client.clone();
        Ok(if namespaced {
            Api::namespaced_with(client, namespace.unwrap_or(&self.namespace), &resource)
        } else {
            Api::all_with(client, &resource)
        })
    }

    async fn resource(&self, api_version: &str, kind: &str) -> Result<(ApiResource, bool)> {
        let key = (api_version.to_owned(), kind.to_owned());
        let known = self
            .discovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(found) = known {
            return Ok(found);
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let wanted = GroupVersionKind::gvk(group, version, kind);
        let found = discovery::pinned_kind(&self.client, &wanted).await;
        let (resource, capabilities) = found.doing(format!("looking for the kind {kind} of {api_version}"))?;
        let found = (resource, capabilities.scope == Scope::Namespaced);
        self.discovered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, found.clone());
        Ok(found)
    }
}

/// The documents of a YAML text, without empty ones.
pub(crate) fn documents(yaml: &str) -> Result<Vec<Value>> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(yaml).map_err(|error| Error::Setup(format!("wrong YAML: {error}")))?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

fn strip_nulls(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
        for member in members.values_mut() {
            *member = strip_nulls(member.take());
        }
    }
    value
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}
