//! I/O: Events, published on transitions only.

use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource as _};
use tracing::warn;

use crate::api::message::Message;
use crate::api::{ClassicLoadBalancer, FIELD_MANAGER};

/// Whom Events come from.
#[derive(Clone)]
pub(super) struct Events {
    client: Client,
    reporter: Reporter,
}

impl Events {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            reporter: Reporter {
                controller: FIELD_MANAGER.to_owned(),
                instance: None,
            },
        }
    }

    /// A fresh one each time: a recorder folds Events of one reason into the first and keeps that one's note, so that
    /// what happened since would never be told.
    fn recorder(&self) -> Recorder {
        Recorder::new(self.client.clone(), self.reporter.clone())
    }
}

/// The API server takes at most 1 kB.
const NOTE_LENGTH: usize = 1000;

/// Tells of something that went as it should.
pub(super) async fn normal(events: &Events, object: &ClassicLoadBalancer, action: &str, message: &Message) {
    publish(events, object, EventType::Normal, action, message).await;
}

/// Tells of something that a person may have to act on.
pub(super) async fn warning(events: &Events, object: &ClassicLoadBalancer, action: &str, message: &Message) {
    publish(events, object, EventType::Warning, action, message).await;
}

async fn publish(events: &Events, object: &ClassicLoadBalancer, type_: EventType, action: &str, message: &Message) {
    let event = Event {
        type_,
        reason: message.reason().to_owned(),
        note: Some(message.text().chars().take(NOTE_LENGTH).collect()),
        action: action.to_owned(),
        secondary: None,
    };
    // An Event is a courtesy; a pass must not fail for it.
    if let Err(error) = events.recorder().publish(&event, &object.object_ref(&())).await {
        warn!(%error, reason = message.reason(), "an Event could not be published");
    }
}
