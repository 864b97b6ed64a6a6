//! The Events of an object.

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::failure::Failure;
use crate::api::ClassicLoadBalancer;

/// What is known of the events of an object.
pub(super) type Events = Result<Vec<Event>, String>;

/// The events of an object, oldest first. They are a courtesy: without the right to read them the rest is shown.
pub(super) async fn events(client: &Client, object: &ClassicLoadBalancer) -> Events {
    let namespace = object.namespace().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
    let fields = format!(
        "regarding.kind=ClassicLoadBalancer,regarding.name={}",
        object.name_any()
    );
    let list = api
        .list(&ListParams::default().fields(&fields))
        .await
        .map_err(|error| Failure::kube("reading events", &error).to_string())?;
    let mut events = list.items;
    events.sort_by_key(time);
    Ok(events)
}

/// When an event happened last.
pub(super) fn time(event: &Event) -> Option<Timestamp> {
    let repeated = event.series.as_ref().map(|series| series.last_observed_time.0);
    let last = event.deprecated_last_timestamp.as_ref().map(|time| time.0);
    let first = event.event_time.as_ref().map(|time| time.0);
    let created = event.metadata.creation_timestamp.as_ref().map(|time| time.0);
    repeated.or(last).or(first).or(created)
}
