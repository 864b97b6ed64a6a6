//! The API server's audit log as a witness of what the operator asked of Kubernetes.

use std::path::Path;

use serde::Deserialize;

use crate::Result;
use crate::error::Doing;

/// One request to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesCall {
    /// `get`, `list`, `watch`, `create`, `update`, `patch` or `delete`.
    pub verb: String,
    /// The resource, with the subresource where there is one: `classicloadbalancers/status`.
    pub resource: String,
    /// The namespace, empty for requests that name none.
    pub namespace: String,
    /// The object's name, empty for requests that name none.
    pub name: String,
    /// The HTTP status of the answer.
    pub status: u16,
}

impl KubernetesCall {
    /// Whether it can have changed something.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

/// Who did what, for one user, written when the answer is complete or, for watches, has begun.
pub(crate) fn policy(user: &str) -> String {
    serde_json::json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "users": [user]}, {"level": "None"}],
    })
    .to_string()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "auditID")]
    audit_id: String,
    verb: String,
    object_ref: Option<ObjectRef>,
    response_status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ObjectRef {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}

pub(crate) fn read(log: &Path) -> Result<Vec<KubernetesCall>> {
    let text = match std::fs::read_to_string(log) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        other => other.doing(format!("reading {}", log.display()))?,
    };
    let mut seen = std::collections::BTreeSet::new();
    // The last line may be half written; requests outside the API (health checks) have no object.
    let events = text.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok());
    let calls = events.filter_map(|event| {
        let object = event.object_ref?;
        // A watch is logged twice: when it begins and when it ends.
        seen.insert(event.audit_id).then(|| KubernetesCall {
            verb: event.verb,
            resource: [object.resource, object.subresource]
                .join("/")
                .trim_end_matches('/')
                .to_owned(),
            namespace: object.namespace,
            name: object.name,
            status: event.response_status.unwrap_or_default().code,
        })
    });
    Ok(calls.collect())
}
