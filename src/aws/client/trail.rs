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

/// The services whose calls change a load balancer.
const SOURCES: [&str; 2] = ["elasticloadbalancing.amazonaws.com", "autoscaling.amazonaws.com"];

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
    /// The calls that have changed the load balancer of this name since it was created, the latest first. An event can be looked
    /// up for 90 days, and not yet within some minutes.
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
            let events = reply.events.unwrap_or_default().into_iter();
            changes.extend(events.filter_map(|event| change(load_balancer, event)));
            token = reply.next_token.filter(|token| !token.is_empty());
            if token.is_none() || changes.iter().any(is_bound) {
                break;
            }
        }
        Ok(of_this_life(changes))
    }
}

/// What it changed of the Classic load balancer of this name; nothing for one that only reads, that AWS refused, or that is about
/// another resource of that name.
fn change(load_balancer: &str, event: Event) -> Option<Change> {
    let whole: serde_json::Value = serde_json::from_str(event.cloud_trail_event.as_deref().unwrap_or("{}")).ok()?;
    if event.read_only.as_deref() == Some("true") || whole.get("errorCode").is_some() {
        return None;
    }
    let parameters = whole["requestParameters"].clone();
    let source = event.event_source.as_deref().unwrap_or_default();
    (SOURCES.contains(&source) && is_about(load_balancer, &parameters)).then_some(())?;
    Some(Change {
        operation: event.event_name?,
        time: event.event_time.and_then(|time| time.fmt(Format::DateTime).ok()),
        user: event.username,
        access_key_id: event.access_key_id,
        parameters,
    })
}

/// Whether a request names a Classic load balancer: the other kinds have ARNs, and a `name` only where they are created. What a
/// request was is not always told.
fn is_about(load_balancer: &str, parameters: &serde_json::Value) -> bool {
    let several = parameters["loadBalancerNames"].as_array();
    parameters.is_null()
        || parameters["loadBalancerName"] == load_balancer
        || several.is_some_and(|names| names.iter().any(|name| name == load_balancer))
}

/// Whether what was before was done to another load balancer of that name.
fn is_bound(change: &Change) -> bool {
    matches!(change.operation.as_str(), "CreateLoadBalancer" | "DeleteLoadBalancer")
}

/// What was done to the load balancer that is there now.
fn of_this_life(mut changes: Vec<Change>) -> Vec<Change> {
    if let Some(at) = changes.iter().position(is_bound) {
        let was_created = changes[at].operation == "CreateLoadBalancer";
        changes.truncate(at + usize::from(was_created));
    }
    changes
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(source: &str, operation: &str, parameters: &Value) -> Event {
        let whole = json!({"requestParameters": parameters});
        Event::builder()
            .event_source(format!("{source}.amazonaws.com"))
            .event_name(operation)
            .cloud_trail_event(whole.to_string())
            .build()
    }

    #[test]
    fn only_what_was_done_to_this_load_balancer_counts() {
        let (elb, groups) = ("elasticloadbalancing", "autoscaling");
        let web = json!({"loadBalancerName": "web"});
        let webs = json!({"loadBalancerNames": ["web"]});
        let events = [
            event(groups, "AttachLoadBalancers", &webs),
            // A bucket, an Application Load Balancer and a stack may have its name.
            event("s3", "PutBucketTagging", &json!({"bucketName": "web"})),
            event(elb, "CreateLoadBalancer", &json!({"name": "web", "type": "network"})),
            event(
                elb,
                "DeleteLoadBalancer",
                &json!({"loadBalancerArn": "arn:x/net/web/1"}),
            ),
            event(elb, "AddTags", &json!({"resourceArns": ["arn:x/app/web/1"]})),
            event(elb, "RemoveTags", &webs),
            event(elb, "ConfigureHealthCheck", &Value::Null),
            event(elb, "CreateLoadBalancer", &web),
            event(elb, "DeleteLoadBalancer", &web),
            event(elb, "AddTags", &webs),
        ];
        let found = |from: usize| {
            let changes = events[from..].iter().cloned().filter_map(|event| change("web", event));
            let changes = of_this_life(changes.collect()).into_iter();
            changes.map(|change| change.operation).collect::<Vec<_>>()
        };
        let since_it_was_created = [
            "AttachLoadBalancers",
            "RemoveTags",
            "ConfigureHealthCheck",
            "CreateLoadBalancer",
        ];
        assert_eq!(found(0), since_it_was_created);
        assert_eq!(found(8), [""; 0], "nothing is known of one that came after");
        assert_eq!(found(9), ["AddTags"]);
    }
}
