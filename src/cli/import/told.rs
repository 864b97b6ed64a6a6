//! Pure: what of a load balancer no manifest can say, in words.

use std::collections::{BTreeMap, BTreeSet};

use crate::elb::{TAG_CLUSTER, TAG_OWNER, TAG_SERVICE_NAME};
use crate::plan::import::{Drift, Left, Unfit};

/// What is left as AWS has it.
pub(in crate::cli) fn left(left: &Left) -> String {
    let list = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    match left {
        Left::ListenerPolicy { port, name, type_name } if type_name.is_empty() => {
            format!("policy {name} of listener {port} could not be read and is left as it is")
        }
        Left::ListenerPolicy { port, name, type_name } => {
            format!("policy {name} ({type_name}) of listener {port} has no field and is left as it is")
        }
        Left::NoTlsPolicy(port) => {
            format!("listener {port} has no TLS policy, which no field can say; give it an sslPolicy")
        }
        Left::BackendPolicy { port, name } => {
            format!("policy {name} of instance port {port} has no field there and is left as it is")
        }
        Left::UnusedBackend(port) => {
            format!("the policies of instance port {port} are left as they are, since no listener uses that port")
        }
        Left::UnusedPolicy(name) => format!("policy {name} is in use nowhere and is left as it is"),
        Left::HealthCheck(target) => format!("the health check {target:?} has no field and is left as it is"),
        Left::TagsOfOthers(keys) => format!("tags of other tools are left to them: {}", list(keys)),
        Left::Tags(keys) => format!("tags that a manifest cannot have are left as they are: {}", list(keys)),
        Left::AccessLog(to) => format!("access logs to {to:?} have no field and are left as they are"),
        Left::Instances(ids) => format!("instances that a manifest cannot name stay registered: {}", list(ids)),
        Left::Groups(names) => format!("Auto Scaling groups beyond the 50th stay attached: {}", list(names)),
    }
}

/// Why there is no manifest.
pub(in crate::cli) fn unfit(unfit: &Unfit) -> String {
    match unfit {
        Unfit::NoListener => "it has no listener, and a ClassicLoadBalancer has at least one".to_owned(),
        Unfit::NoPlacement => "AWS names neither its zones nor its subnets".to_owned(),
        Unfit::Certificate(port) => {
            format!("listener {port} has a certificate that is neither ACM's nor an IAM server certificate")
        }
    }
}

/// What another tool would change: `says` is what says otherwise, such as "the state knows it".
pub(super) fn drift(drift: &Drift, says: &str, tool: &str) -> Vec<String> {
    let scheme = drift.scheme.map(|scheme| {
        format!(
            "{says} otherwise, as {}, and {tool} would make another in its place",
            scheme.as_str()
        )
    });
    let calls = drift.calls.iter();
    let calls = calls.map(|call| format!("{says} otherwise, and {tool} would call {}", call.step));
    scheme.into_iter().chain(calls).collect()
}

/// What a state has in another account than the one that answers.
pub(super) fn elsewhere(addresses: &[&str], theirs: &str, answering: &str) -> String {
    let (first, more) = (
        addresses.first().copied().unwrap_or_default(),
        addresses.len().saturating_sub(1),
    );
    let what = match more {
        0 => format!("{first} is"),
        1 => format!("{first} and another are"),
        more => format!("{first} and {more} others are"),
    };
    format!(
        "{what} in AWS account {theirs}, as the state says, and account {answering} answers: use credentials of {theirs} \
         (AWS_PROFILE), or name its AWSAccount with --account"
    )
}

/// A controller that would go on to write to a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Claimed {
    /// Whose it is, and what to do.
    pub(in crate::cli) why: String,
    /// Whether it may be imported all the same, where a person names it.
    pub(in crate::cli) by_name: bool,
}

/// Who has it already, as its name and tags say.
pub(in crate::cli) fn claimed(name: &str, tags: &BTreeMap<String, String>) -> Option<Claimed> {
    let tag = |key: &str| tags.get(key).map(String::as_str);
    let never = |why: String| Some(Claimed { why, by_name: false });
    if let (Some(object), Some(cluster)) = (tag(TAG_OWNER), tag(TAG_CLUSTER)) {
        return never(format!(
            "it is the ClassicLoadBalancer {object} of cluster {cluster} already"
        ));
    }
    if let Some(environment) = tag("elasticbeanstalk:environment-name") {
        return never(format!(
            "it is of the Elastic Beanstalk environment {environment}, which sets it anew at each update"
        ));
    }
    if let Some(service) = tag(TAG_SERVICE_NAME) {
        return Some(Claimed {
            why: format!(
                "it is of the Service {service}, whose controller goes on to write to it: stop that first, then import it by \
                 its name with kubectl clb import {name}"
            ),
            by_name: true,
        });
    }
    if let Some(cluster) = tag("KubernetesCluster").filter(|_| name.starts_with("api-")) {
        return never(format!(
            "it is of the API servers of the kOps cluster {cluster}, and kOps keeps it"
        ));
    }
    None
}
