//! Pure: new load balancers, listeners and target groups.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::elb::Port;

/// The kind of a successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Alb,
    Nlb,
}

impl Kind {
    /// AWS's word.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Alb => "application",
            Self::Nlb => "network",
        }
    }
}

/// A listener of a successor.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewListener {
    pub(super) port: Port,
    pub(super) protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) certificate: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ssl_policy: Option<&'static str>,
    /// Seconds; only where it can be set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tcp_idle_timeout: Option<i32>,
    /// The name of the target group.
    pub(super) target_group: String,
}

/// A load balancer that takes the place of a Classic one, or of a part of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Successor {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// Why it is of this kind.
    pub(super) reasons: Vec<String>,
    pub(super) listeners: Vec<NewListener>,
    pub(super) target_groups: Vec<TargetGroup>,
    /// What has no counterpart.
    pub(super) lost: BTreeSet<String>,
    /// What is another than before.
    pub(super) differs: BTreeSet<String>,
    /// Attributes of the load balancer, as the API names them.
    pub(super) attributes: Vec<(&'static str, String)>,
    /// The tags of the load balancer and of its target groups.
    pub(super) tags: BTreeMap<String, String>,
}

/// The names that are given already.
#[derive(Debug, Default)]
pub(super) struct Taken {
    balancers: BTreeSet<String>,
    groups: BTreeSet<String>,
}

impl Taken {
    /// A name for a load balancer of at most so many characters, and another one where that is taken.
    pub(super) fn balancer(&mut self, name: &str, most: usize) -> String {
        let numbered = (2..).map(|number| {
            let end = format!("-{number}");
            format!("{}{end}", cut(name, most - end.len()))
        });
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        let free = names.find(|name| self.balancers.insert(name.clone()));
        free.unwrap_or_default()
    }

    /// A name for a target group: this one with a number, from the given one on.
    pub(super) fn group(&mut self, name: &str, from: usize) -> String {
        let mut names = (from..).map(|number| format!("{name}-{number}"));
        let free = names.find(|name| self.groups.insert(name.clone()));
        free.unwrap_or_default()
    }
}

/// The first characters of a name, without a hyphen at the end.
pub(super) fn cut(name: &str, length: usize) -> &str {
    name.get(..length).unwrap_or(name).trim_end_matches('-')
}

/// How a target group asks its targets.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Check {
    pub(super) protocol: &'static str,
    /// None: the port that gets the traffic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<Port>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    pub(super) interval: i32,
    pub(super) timeout: i32,
    pub(super) healthy: i32,
    pub(super) unhealthy: i32,
}

/// A cookie.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cookie {
    /// The application's; none: the load balancer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) seconds: i64,
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TargetGroup {
    pub(super) name: String,
    pub(super) port: Port,
    pub(super) protocol: &'static str,
    pub(super) check: Check,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cookie: Option<Cookie>,
    pub(super) proxy_protocol: bool,
    /// Seconds that a target has to finish.
    pub(super) deregistration_delay: i32,
    /// Whether requests go to other zones, where that is said at the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cross_zone: Option<bool>,
}

impl TargetGroup {
    /// Whether both can be one.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let anonymous = |group: &Self| Self {
            name: String::new(),
            ..group.clone()
        };
        anonymous(self) == anonymous(other)
    }
}
