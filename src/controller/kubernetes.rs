//! The one place that changes Kubernetes: an object's status and finalizer, and the Events about it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tracing::warn;

use super::error::Error;
use super::object::{Object, Version};
use super::shares::share_of;
use crate::api::message::Message;
use crate::api::{AWSAccount, AWSAccountStatus, ClassicLoadBalancerStatus, FIELD_MANAGER, FINALIZER};
use crate::lease::{Claim, Leaders, Share};

/// The API server takes at most 1 kB in the note of an Event.
const NOTE_LENGTH: usize = 1000;
/// How often a change of the finalizers is tried while others change the object at the same time.
const TRIES: usize = 10;
/// How often the write of a status insists on the version that was seen last.
const VERSIONED: usize = 2;

/// Writes to Kubernetes. Each asks at its moment whether this process leads there.
pub(super) struct Kubernetes {
    client: Client,
    reporter: Reporter,
    leaders: Leaders,
    /// Nothing is written.
    dry: bool,
}

impl Kubernetes {
    pub(super) fn new(client: Client, leaders: Leaders) -> Self {
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance: None,
        };
        Self {
            client,
            reporter,
            leaders,
            dry: false,
        }
    }

    pub(super) fn dry(self) -> Self {
        Self { dry: true, ..self }
    }

    /// Whether nothing is written, since somebody only asks what would be.
    pub(super) fn is_dry(&self) -> bool {
        self.dry
    }

    /// For reads.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The right to the write that is to be made now to an object of this share; `None`: nothing is written.
    fn claim(&self, share: Option<&Share>) -> Result<Option<Claim>, Error> {
        if self.dry {
            return Ok(None);
        }
        self.leaders.of(share).claim().map(Some).ok_or(Error::NotLeader)
    }

    fn claim_of(&self, object: &Object) -> Result<Option<Claim>, Error> {
        self.claim(share_of(&self.leaders, &object.spec).as_ref())
    }

    /// Writes the status by server-side apply. The whole intent is sent each time, so what is left out is removed.
    ///
    /// # Errors
    /// [`Error::Replaced`] when the object is gone, or another one has its name: there is nobody left to tell.
    pub(super) async fn write_status(&self, object: &Object, status: &ClassicLoadBalancerStatus) -> Result<(), Error> {
        let Some(claim) = self.claim_of(object)? else {
            return Ok(());
        };
        let (api, name) = self.api(object)?;
        let kind = (Object::api_version(&object.kind), Object::kind(&object.kind));
        let whole = object.whole(status.clone());
        let (api, name) = (&api, &name);
        let look = move || async move { Ok(api.get_metadata(name).await?.metadata) };
        apply_status(&claim, api, kind, (&object.metadata, &object.version), &whole, look).await
    }

    /// The same for the status that says which operator has taken the object up: never over that of another one, which may have
    /// done so a moment ago.
    ///
    /// # Errors
    /// [`Error::TakenUp`] by another operator; and as there.
    pub(super) async fn take_up(&self, object: &Object, status: &ClassicLoadBalancerStatus) -> Result<(), Error> {
        let Some(claim) = self.claim_of(object)? else {
            return Ok(());
        };
        let (api, name) = self.api(object)?;
        let kind = (Object::api_version(&object.kind), Object::kind(&object.kind));
        let namespace = object
            .metadata
            .namespace
            .as_deref()
            .ok_or(Error::Incomplete("namespace"))?;
        let described = ApiResource::erase::<Object>(&object.kind);
        let whole: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &described);
        let (whole, name, own) = (&whole, &name, status.cluster_id.as_deref());
        let look = move || async move {
            let current = whole.get(name).await?;
            let by = current.data.pointer("/status/clusterId").and_then(Value::as_str);
            match by.filter(|by| own != Some(*by)) {
                Some(other) => Err(Error::TakenUp(other.to_owned())),
                None => Ok(current.metadata),
            }
        };
        // Our finalizer was added since it was read, and the version with it.
        object.version.set(&still_there(&object.metadata, look().await)?);
        let told = object.whole(status.clone());
        apply_status(&claim, &api, kind, (&object.metadata, &object.version), &told, look).await
    }

    /// Writes the status of an account, as [`write_status`](Self::write_status) does.
    ///
    /// # Errors
    /// As there.
    pub(super) async fn write_account_status(
        &self,
        account: &AWSAccount,
        status: &AWSAccountStatus,
    ) -> Result<(), Error> {
        let Some(claim) = self.claim(None)? else { return Ok(()) };
        let api: Api<PartialObjectMeta<AWSAccount>> = Api::all(self.client.clone());
        let kind = (AWSAccount::api_version(&()), AWSAccount::kind(&()));
        let version = Version::of(&account.metadata);
        let (api, name) = (&api, &account.name_any());
        let look = move || async move { Ok(api.get_metadata(name).await?.metadata) };
        apply_status(&claim, api, kind, (&account.metadata, &version), status, look).await
    }

    /// Changes annotations of a Node of this UID, and touches no other; `None` takes one off.
    pub(super) async fn annotate_node(
        &self,
        name: &str,
        uid: Option<&str>,
        annotations: &BTreeMap<String, Option<String>>,
    ) -> Result<(), Error> {
        let Some(claim) = self.claim(None)? else { return Ok(()) };
        let patch = json!({"metadata": {"uid": uid, "annotations": annotations}});
        let ours = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let api: Api<Node> = Api::all(self.client.clone());
        let patch = Patch::Merge(&patch);
        let writing = api.patch_metadata(name, &ours, &patch);
        match claim.during(writing).await.ok_or(Error::NotLeader)? {
            Ok(_) => Ok(()),
            // Gone, or another one of that name: the watch tells.
            Err(kube::Error::Api(error)) if matches!(error.code, 404 | 409 | 422) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds our finalizer, and touches no other.
    pub(super) async fn add_finalizer(&self, object: &Object) -> Result<(), Error> {
        self.change_finalizers(object, true).await
    }

    /// Removes our finalizer, and touches no other. The object may be gone after that.
    pub(super) async fn remove_finalizer(&self, object: &Object) -> Result<(), Error> {
        self.change_finalizers(object, false).await
    }

    /// A JSON patch whose tests name the finalizers alone: whoever changes labels at the same time is in nobody's way.
    async fn change_finalizers(&self, object: &Object, present: bool) -> Result<(), Error> {
        let Some(claim) = self.claim_of(object)? else {
            return Ok(());
        };
        let (api, name) = self.api(object)?;
        let mut last = None;
        for _ in 0..TRIES {
            // The cache may be behind: finalizers of others, added meanwhile, must survive.
            let current = match api.get_metadata(&name).await {
                Ok(current) => current,
                Err(kube::Error::Api(error)) if error.code == 404 && !present => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if current.metadata.uid != object.metadata.uid {
                return if present { Err(Error::Replaced) } else { Ok(()) };
            }
            if present && current.metadata.deletion_timestamp.is_some() && object.metadata.deletion_timestamp.is_none()
            {
                // A finalizer cannot be added any more; the watch tells of the deletion.
                return Err(Error::Replaced);
            }
            let Some(operations) = finalizer_patch(current.finalizers(), present) else {
                return Ok(());
            };
            let uid = json!({"op": "test", "path": "/metadata/uid", "value": object.metadata.uid});
            let operations: Vec<Value> = std::iter::once(uid).chain(operations).collect();
            let patch = serde_json::from_value(Value::Array(operations)).map_err(kube::Error::SerdeError)?;
            let ours = PatchParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PatchParams::default()
            };
            let patch = Patch::<()>::Json(patch);
            let writing = api.patch_metadata(&name, &ours, &patch);
            match claim.during(writing).await.ok_or(Error::NotLeader)? {
                Ok(stored) => {
                    object.version.set(&stored.metadata);
                    return Ok(());
                }
                Err(kube::Error::Api(error)) if error.code == 404 && !present => return Ok(()),
                // Somebody changed the list between the read and the write, or very often.
                Err(kube::Error::Api(error)) if matches!(error.code, 409 | 422) => {
                    last = Some(kube::Error::Api(error));
                }
                Err(error) => return Err(error.into()),
            }
        }
        last.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Publishes an Event about something that went as it should.
    pub(super) async fn normal(&self, object: &Object, action: &str, message: &Message) {
        self.publish(object, EventType::Normal, action, message).await;
    }

    /// Publishes an Event about something that a person may have to act on.
    pub(super) async fn warning(&self, object: &Object, action: &str, message: &Message) {
        self.publish(object, EventType::Warning, action, message).await;
    }

    async fn publish(&self, object: &Object, type_: EventType, action: &str, message: &Message) {
        // An Event is a courtesy; a reconcile must not fail for it.
        let Ok(Some(claim)) = self.claim_of(object) else { return };
        let event = Event {
            type_,
            reason: message.reason().to_owned(),
            note: Some(message.text().chars().take(NOTE_LENGTH).collect()),
            action: action.to_owned(),
            secondary: None,
        };
        // A fresh recorder each time: one folds Events of one reason into the first and keeps that one's note, so that
        // what happened since would never be told.
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        let reference = object.object_ref(&object.kind);
        if let Some(Err(error)) = claim.during(recorder.publish(&event, &reference)).await {
            warn!(%error, reason = message.reason(), "an Event could not be published");
        }
    }

    fn api(&self, object: &Object) -> Result<(Api<PartialObjectMeta<Object>>, String), Error> {
        let namespace = object.namespace().ok_or(Error::Incomplete("namespace"))?;
        let api = Api::namespaced_with(self.client.clone(), &namespace, &object.kind);
        Ok((api, object.name_any()))
    }
}

/// The API server does not compare the UID of a status, so the version is sent along: what is told of an object must not
/// land on another one that took its name. Where others write to the object all the time, it is looked at right before instead,
/// so that nobody keeps a status from being told: `look`.
async fn apply_status<K, L>(
    claim: &Claim,
    api: &Api<PartialObjectMeta<K>>,
    (api_version, kind): (Cow<'_, str>, Cow<'_, str>),
    (metadata, version): (&ObjectMeta, &Version),
    status: &impl Serialize,
    look: impl Fn() -> L,
) -> Result<(), Error>
where
    L: Future<Output = Result<ObjectMeta, Error>>,
    K: Resource,
    PartialObjectMeta<K>: Resource + Clone + DeserializeOwned + Debug,
{
    let name = metadata.name.as_deref().ok_or(Error::Incomplete("name"))?;
    let ours = PatchParams::apply(FIELD_MANAGER).force();
    let mut last = None;
    for attempt in 0..=VERSIONED {
        let meant = ObjectMeta {
            name: metadata.name.clone(),
            namespace: metadata.namespace.clone(),
            uid: metadata.uid.clone(),
            resource_version: version.get().filter(|_| attempt < VERSIONED),
            ..ObjectMeta::default()
        };
        let patch = json!({"apiVersion": api_version, "kind": kind, "metadata": meant, "status": status});
        let patch = Patch::Apply(&patch);
        let writing = api.patch_status(name, &ours, &patch);
        match claim.during(writing).await.ok_or(Error::NotLeader)? {
            Ok(stored) => {
                version.set(&stored.metadata);
                return Ok(());
            }
            Err(kube::Error::Api(error)) if error.code == 404 => return Err(Error::Replaced),
            // Somebody changed it since it was read, or took its place.
            Err(kube::Error::Api(error)) if error.code == 409 => last = Some(kube::Error::Api(error)),
            Err(error) => return Err(error.into()),
        }
        version.set(&still_there(metadata, look().await)?);
    }
    last.map_or(Ok(()), |error| Err(error.into()))
}

/// What was read of an object, where it is the one that is meant.
fn still_there(meant: &ObjectMeta, read: Result<ObjectMeta, Error>) -> Result<ObjectMeta, Error> {
    match read {
        Ok(current) if current.uid == meant.uid => Ok(current),
        Ok(_) => Err(Error::Replaced),
        Err(Error::Kube(error)) if matches!(&*error, kube::Error::Api(error) if error.code == 404) => {
            Err(Error::Replaced)
        }
        Err(error) => Err(error),
    }
}

/// The operations that make our finalizer present or absent in a list that still is as it was read; `None`: it is so.
fn finalizer_patch(current: &[String], present: bool) -> Option<Vec<Value>> {
    const PATH: &str = "/metadata/finalizers";
    let place = current.iter().position(|finalizer| finalizer == FINALIZER);
    match (place, present) {
        (None, true) if current.is_empty() => Some(vec![
            // Absent: adding the list must not replace one that somebody made meanwhile.
            json!({"op": "test", "path": PATH, "value": null}),
            json!({"op": "add", "path": PATH, "value": [FINALIZER]}),
        ]),
        (None, true) => Some(vec![
            json!({"op": "add", "path": format!("{PATH}/-"), "value": FINALIZER}),
        ]),
        (Some(place), false) => Some(vec![
            json!({"op": "test", "path": format!("{PATH}/{place}"), "value": FINALIZER}),
            json!({"op": "remove", "path": format!("{PATH}/{place}")}),
        ]),
        (Some(_), true) | (None, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(current: &[&str], present: bool) -> Option<String> {
        let current: Vec<String> = current.iter().map(|name| (*name).to_owned()).collect();
        finalizer_patch(&current, present).map(|operations| Value::Array(operations).to_string())
    }

    #[test]
    fn only_our_finalizer_is_touched() {
        assert_eq!(patch(&[FINALIZER, "other"], true), None);
        assert_eq!(patch(&["other"], false), None);
        let added = patch(&["other"], true).expect("a patch");
        assert!(added.contains("/metadata/finalizers/-"), "{added}");
        let first = patch(&[], true).expect("a patch");
        assert!(first.contains(r#""op":"test""#) && first.contains(FINALIZER), "{first}");
        let removed = patch(&["other", FINALIZER], false).expect("a patch");
        assert!(removed.contains("/metadata/finalizers/1"), "{removed}");
    }
}
