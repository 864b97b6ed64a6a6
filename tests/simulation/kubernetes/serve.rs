//! Requests answered: faults, reads, and writes by `write`.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};

use super::fault::What;
use super::kinds::Kind;
use super::refusal::Refusal;
use super::request::{Asked, Verb};
use super::store::{Begun, Object};
use super::write::Written;
use super::{Kubernetes, Reply, lock, text, wait, watch};

/// Which objects a list or a watch is about.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// Empty: all.
    namespace: String,
    /// Of `fieldSelector=metadata.name=…`.
    name: Option<String>,
    /// Labels and whether they must have the value, or must not.
    labels: Vec<(String, String, bool)>,
}

impl Selection {
    fn of(asked: &Asked) -> Result<Self, Refusal> {
        let unsupported = |what: &str| Refusal::bad_request(format!("this API does not know the selector {what:?}"));
        let mut name = None;
        for field in asked
            .query("fieldSelector")
            .split(',')
            .filter(|field| !field.is_empty())
        {
            match field.split_once('=') {
                Some(("metadata.name", value)) => name = Some(value.trim_start_matches('=').to_owned()),
                _ => return Err(unsupported(field)),
            }
        }
        let mut labels = Vec::new();
        for label in asked
            .query("labelSelector")
            .split(',')
            .filter(|label| !label.is_empty())
        {
            let negated = label.split_once("!=").map(|(key, value)| (key, value, false));
            let (key, value, equal) = negated
                .or_else(|| {
                    label
                        .split_once('=')
                        .map(|(key, value)| (key, value.trim_start_matches('='), true))
                })
                .ok_or_else(|| unsupported(label))?;
            labels.push((key.trim().to_owned(), value.trim().to_owned(), equal));
        }
        Ok(Self {
            namespace: asked.namespace.clone(),
            name,
            labels,
        })
    }

    /// Whether an object of this name can be among them.
    pub(super) fn names(&self, namespace: &str, name: &str) -> bool {
        (self.namespace.is_empty() || self.namespace == namespace)
            && self.name.as_ref().is_none_or(|wanted| wanted == name)
    }

    pub(super) fn covers(&self, object: &Object) -> bool {
        let metadata = &object.value["metadata"];
        self.names(text(metadata, "/namespace"), text(metadata, "/name"))
            && self
                .labels
                .iter()
                .all(|(key, value, equal)| (metadata["labels"][key].as_str() == Some(value)) == *equal)
    }
}

impl Kubernetes {
    /// Answers a request; an error stands for a connection that broke.
    pub(super) async fn serve(&self, request: http::Request<Body>) -> io::Result<Reply> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.map_err(io::Error::other)?;
        let asked = match Asked::read(&parts, body) {
            Ok(asked) => asked,
            Err(refusal) => return Ok(refuse(&refusal)),
        };
        let struck = lock(&self.inner.faults).strike(&asked);
        let mut lost = false;
        for what in struck {
            match what {
                What::Delay(duration) => wait(duration).await,
                What::LoseAnswer => lost = true,
                What::Refuse(code, reason) => {
                    self.log(asked.verb, &asked.path, code);
                    return Ok(refuse(&Refusal::new(code, reason, "by a fault")));
                }
                What::LoseRequest | What::Hang => {
                    self.log(asked.verb, &asked.path, 0);
                    if what == What::Hang {
                        std::future::pending::<()>().await;
                    }
                    return Err(io::Error::from(io::ErrorKind::ConnectionReset));
                }
            }
        }
        let reply = self.answer(&asked).unwrap_or_else(|refusal| refuse(&refusal));
        if lost {
            self.log(asked.verb, &asked.path, 0);
            return Err(io::Error::from(io::ErrorKind::ConnectionReset));
        }
        self.log(asked.verb, &asked.path, reply.status().as_u16());
        Ok(reply)
    }

    fn answer(&self, asked: &Asked) -> Result<Reply, Refusal> {
        let unknown = || Refusal::new(404, "NotFound", "the server could not find the requested resource");
        let kind = self
            .state()
            .kind(&asked.group, &asked.version, &asked.plural)
            .ok_or_else(unknown)?;
        match asked.verb {
            Verb::Get => {
                let found = self.state().get(&kind.plural, &asked.namespace, &asked.name);
                let found = found.ok_or_else(|| Refusal::not_found(&kind, &asked.name))?;
                Ok(send(200, asked, &found))
            }
            Verb::List => self.list(&kind, asked),
            Verb::Watch => {
                let lines = watch::lines(self, &kind, asked, Selection::of(asked)?)?;
                let body = StreamBody::new(lines.into_stream());
                Ok(response(200, body.boxed_unsync()))
            }
            _ => {
                let written = self.state().write(&kind, asked, self.now())?;
                self.wake();
                match written {
                    Written::Object(object, code) => Ok(send(code, asked, &object)),
                    Written::Gone => {
                        let details = json!({"name": asked.name, "kind": kind.plural, "group": kind.group});
                        let body = json!({
                            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
                        });
                        Ok(whole(200, body.to_string().into()))
                    }
                }
            }
        }
    }

    fn list(&self, kind: &Arc<Kind>, asked: &Asked) -> Result<Reply, Refusal> {
        let selection = Selection::of(asked)?;
        let mut state = self.state();
        let Begun { version, mut rest } = match asked.query("continue") {
            "" => Begun {
                version: state.version,
                rest: state
                    .all(&kind.plural)
                    .into_iter()
                    .filter(|object| selection.covers(object))
                    .collect(),
            },
            token => {
                let table = state.table(&kind.plural);
                let begun = token.parse().ok().and_then(|token: u64| table?.lists.get(&token));
                let gone = || Refusal::new(410, "Expired", "The provided continue parameter is too old");
                begun.cloned().ok_or_else(gone)?
            }
        };
        let limit = asked.query("limit").parse().ok().filter(|limit| *limit > 0);
        let after = rest.split_off(limit.unwrap_or(rest.len()).min(rest.len()));
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if !after.is_empty() {
            metadata["remainingItemCount"] = json!(after.len());
            if let Some(table) = state.table_mut(&kind.plural) {
                metadata["continue"] = json!(table.begin(version, after).to_string());
            }
        }
        drop(state);
        let (api_version, name) = if asked.metadata_only {
            ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned())
        } else {
            (kind.api_version(), format!("{}List", kind.name))
        };
        let mut body =
            format!("{{\"kind\":\"{name}\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata},\"items\":[");
        for (place, object) in rest.iter().enumerate() {
            if place > 0 {
                body.push(',');
            }
            body.push_str(&String::from_utf8_lossy(&shown(asked, object)));
        }
        body.push_str("]}");
        Ok(whole(200, body.into()))
    }
}

/// Only the metadata of an object.
pub(super) fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

fn shown(asked: &Asked, object: &Object) -> Bytes {
    if asked.metadata_only {
        Bytes::from(partial(&object.value).to_string())
    } else {
        object.text.clone()
    }
}

fn send(code: u16, asked: &Asked, object: &Object) -> Reply {
    whole(code, shown(asked, object))
}

fn refuse(refusal: &Refusal) -> Reply {
    whole(refusal.code, refusal.body().to_string().into())
}

fn whole(code: u16, body: Bytes) -> Reply {
    response(code, Full::new(body).map_err(watch::never).boxed_unsync())
}

fn response(code: u16, body: http_body_util::combinators::UnsyncBoxBody<Bytes, io::Error>) -> Reply {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    response
}
