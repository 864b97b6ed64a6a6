//! Who changed a load balancer, as `CloudTrail` knows it. People ask it at the command line; the operator never does.

use aws_sdk_cloudtrail as cloudtrail;
use aws_smithy_types::date_time::Format;
use cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};

use super::{Client, not_sent, own};
use crate::aws::Error;
use crate::aws::retry::ThrottlesWait;
use crate::aws::trace::Answered;

const LOOKUP_EVENTS: &str = "LookupEvents";

/// Pages that are asked for: `CloudTrail` answers twice a second, and old events are of little use.
const PAGES: usize = 4;

/// A call that changed a load balancer.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The operation.
    pub operation: String,
    /// When, RFC 3339.
    pub time: Option<String>,
    /// The name of the user, or of the session of a role.
    pub user: Option<String>,
    /// The access key that it was signed with.
    pub access_key_id: Option<String>,
    /// Its parameters, in the spelling of an event.
    pub parameters: serde_json::Value,
}

impl Client {
    /// The calls that have changed the load balancer of this name, the latest first. An event can be looked up for 90 days, and not
    /// yet within some minutes.
    ///
    /// # Errors
    /// When AWS does not permit it, or cannot be asked.
    pub async fn changes(&self, load_balancer: &str) -> Result<Vec<Change>, Error> {
        let client = cloudtrail::Client::from_conf(own!(cloudtrail, &*self.config, self.gate).build());
        let named = LookupAttribute::builder()
            .attribute_key(LookupAttributeKey::ResourceName)
            .attribute_value(load_balancer)
            .build()
            .map_err(|error| not_sent(LOOKUP_EVENTS, &error))?;
        let (mut changes, mut token) = (Vec::new(), None);
        for _ in 0..PAGES {
            let request = client.lookup_events().lookup_attributes(named.clone());
            let reply = self.call(LOOKUP_EVENTS, request.set_next_token(token).send()).await?;
            changes.extend(reply.events.unwrap_or_default().into_iter().filter_map(change));
            token = reply.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        Ok(changes)
    }
}

/// What it changed; nothing for one that only reads, or that AWS refused.
fn change(event: Event) -> Option<Change> {
    let whole: serde_json::Value = serde_json::from_str(event.cloud_trail_event.as_deref().unwrap_or("{}")).ok()?;
    if event.read_only.as_deref() == Some("true") || whole.get("errorCode").is_some() {
        return None;
    }
    Some(Change {
        operation: event.event_name?,
        time: event.event_time.and_then(|time| time.fmt(Format::DateTime).ok()),
        user: event.username,
        access_key_id: event.access_key_id,
        parameters: whole["requestParameters"].clone(),
    })
}
