//! Requests taken apart.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, header};

use super::refusal::Refusal;

/// What is asked for, as in an audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
}

impl Verb {
    /// Whether it changes something.
    pub(crate) fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Patch | Self::Delete)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        })
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) verb: Verb,
    pub(super) group: String,
    pub(super) version: String,
    pub(super) plural: String,
    /// Empty: none, or all.
    pub(super) namespace: String,
    /// Empty: none.
    pub(super) name: String,
    /// Empty: none.
    pub(super) subresource: String,
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    /// Whether only metadata shall be sent back.
    pub(super) metadata_only: bool,
    pub(super) content_type: String,
    /// Who writes.
    pub(super) manager: String,
    pub(super) body: Bytes,
}

impl Asked {
    pub(super) fn read(parts: &Parts, body: Bytes) -> Result<Self, Refusal> {
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default();
        let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let place = place(&path).ok_or_else(|| Refusal::new(404, "NotFound", "the server could not find the path"))?;
        let [group, version, namespace, plural, name, subresource] = place.map(ToOwned::to_owned);
        let set = |key: &str| query.get(key).is_some_and(|value| value == "true" || value == "1");
        let verb = match (&parts.method, name.is_empty()) {
            (&Method::GET, _) if set("watch") => Verb::Watch,
            (&Method::GET, true) => Verb::List,
            (&Method::GET, false) => Verb::Get,
            (&Method::POST, true) => Verb::Create,
            (&Method::PUT, false) => Verb::Update,
            (&Method::PATCH, false) => Verb::Patch,
            (&Method::DELETE, false) => Verb::Delete,
            _ => {
                return Err(Refusal::new(
                    405,
                    "MethodNotAllowed",
                    "the method is not supported here",
                ));
            }
        };
        let header = |name: header::HeaderName| {
            let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let agent = header(header::USER_AGENT);
        let agent = agent.split(['/', ' ']).next().filter(|agent| !agent.is_empty());
        let manager = query.get("fieldManager").map_or(agent, |manager| Some(manager));
        Ok(Self {
            verb,
            group,
            version,
            plural,
            namespace,
            name,
            subresource,
            path,
            metadata_only: header(header::ACCEPT).contains("as=PartialObjectMetadata"),
            content_type: header(header::CONTENT_TYPE),
            manager: manager.unwrap_or("unknown").to_owned(),
            query,
            body,
        })
    }

    pub(super) fn query(&self, key: &str) -> &str {
        self.query.get(key).map(String::as_str).unwrap_or_default()
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<serde_json::Value, Refusal> {
        serde_json::from_slice(&self.body).map_err(|error| Refusal::bad_request(format!("the body: {error}")))
    }
}

/// Group, version, namespace, plural, name and subresource of a path.
fn place(path: &str) -> Option<[&str; 6]> {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let group = match segments.next()? {
        "api" => "",
        "apis" => segments.next()?,
        _ => return None,
    };
    let version = segments.next()?;
    let rest: Vec<&str> = segments.collect();
    let (namespace, rest) = match rest.as_slice() {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() && rest != ["status"] => (*namespace, rest),
        all => ("", all),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (*plural, "", ""),
        [plural, name] => (*plural, *name, ""),
        [plural, name, subresource] => (*plural, *name, *subresource),
        _ => return None,
    };
    Some([group, version, namespace, plural, name, subresource])
}
