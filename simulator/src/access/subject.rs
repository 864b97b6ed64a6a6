//! What of a request IAM gets to see: its action, the resources it is about, and the values of condition keys.

mod autoscaling;
mod ec2;
mod elb;
mod global;
mod json;
mod s3;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::ask::Ask;
use super::context::Context;
use crate::clock::Timestamp;
use crate::region::RegionFacts;
use crate::sts::state::Caller;
use crate::wire::{Service, Value};
use crate::world::{Account, Region, World};

/// A request, and the state as it finds it.
pub(crate) struct Subject<'r> {
    pub(crate) service: Service,
    pub(crate) operation: &'r str,
    pub(crate) caller: &'r Caller,
    pub(crate) facts: &'static RegionFacts,
    pub(crate) now: Timestamp,
    pub(crate) user_agent: &'r str,
    pub(crate) params: &'r Value,
    /// The body of the JSON protocols.
    pub(crate) json: &'r Json,
    /// The path of REST.
    pub(crate) path: &'r str,
    pub(crate) world: &'r World,
}

/// Tags by key.
type Tags = BTreeMap<String, String>;

/// Everything that must be allowed for a request to be answered; nothing for what anybody may do.
pub(super) fn asks(subject: &Subject<'_>) -> Vec<Ask> {
    match subject.service {
        Service::Elb => elb::asks(subject),
        Service::Ec2 => ec2::asks(subject),
        Service::AutoScaling => autoscaling::asks(subject),
        Service::Acm => json::acm(subject),
        Service::Tagging => json::tagging(subject),
        // Events are no resources.
        Service::CloudTrail => vec![subject.ask(subject.operation, None)],
        Service::Iam => global::iam(subject),
        Service::Sts => global::sts(subject),
        Service::S3 => s3::asks(subject),
    }
}

impl Subject<'_> {
    /// The account of the caller; nothing where it was never used.
    fn account(&self) -> Option<&Account> {
        self.world.accounts.get(&self.caller.account)
    }

    /// The region of the request; nothing where it was never used.
    fn region(&self) -> Option<&Region> {
        self.account()?.regions.get(self.facts.name)
    }

    /// The ARN of a resource of the region.
    fn arn(&self, service: &str, resource: &str) -> String {
        let (partition, region, account) = (self.facts.partition(), self.facts.name, &self.caller.account);
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// The question for an action, with what every request says.
    fn ask(&self, action: &str, resource: Option<String>) -> Ask {
        let prefix = match self.service {
            Service::Tagging => "tag",
            other => other.scope(),
        };
        let mut context = Context::default();
        let Caller { account, arn, user_id } = self.caller;
        let role = self.caller.role_arn();
        context.put("aws:PrincipalAccount", [account]);
        context.put("aws:PrincipalArn", [role.as_ref().unwrap_or(arn)]);
        context.put(
            "aws:PrincipalType",
            [if role.is_some() { "AssumedRole" } else { "User" }],
        );
        context.put("aws:userid", [user_id]);
        if role.is_none() {
            context.put("aws:username", arn.rsplit('/').next());
        }
        context.put("aws:RequestedRegion", [self.facts.name]);
        context.put("aws:CurrentTime", [self.now.to_string()]);
        context.put("aws:EpochTime", [(self.now.as_millis() / 1000).to_string()]);
        // The simulator stands for an endpoint with TLS.
        context.put("aws:SecureTransport", ["true"]);
        context.put("aws:UserAgent", Some(self.user_agent).filter(|text| !text.is_empty()));
        if resource.is_some() {
            context.put("aws:ResourceAccount", [account]);
        }
        Ask {
            action: format!("{prefix}:{action}"),
            resource,
            context,
        }
    }

    /// Whether the operation only reads, which in most services has no resource.
    fn describes(&self) -> bool {
        ["Describe", "List"].iter().any(|verb| self.operation.starts_with(verb))
    }
}

impl Ask {
    /// With the tags of the resource, under the key of IAM and under that of the service.
    fn on_tags(mut self, own: &str, tags: Option<&Tags>) -> Self {
        if let Some(tags) = tags {
            self.context.put_tags("aws:ResourceTag", tags);
            self.context.put_tags(own, tags);
        }
        self
    }

    /// With the tags that the request brings.
    fn bringing(mut self, tags: &Tags) -> Self {
        self.context.put_tags("aws:RequestTag", tags);
        self.naming(tags.keys())
    }

    /// With the keys of the tags that the request is about.
    fn naming<'t>(mut self, keys: impl IntoIterator<Item = &'t String>) -> Self {
        self.context.put("aws:TagKeys", keys);
        self
    }

    fn with(mut self, key: &str, values: impl IntoIterator<Item = String>) -> Self {
        self.context.put(key, values);
        self
    }
}

/// The tags of a list of keys and values in the query protocols.
fn tags_of(params: &Value, list: &str) -> Tags {
    let pair = |tag: &Value| {
        let text = |name: &str| tag.str(name).unwrap_or_default().to_owned();
        (text("Key"), text("Value"))
    };
    params.list(list).into_iter().map(pair).collect()
}
