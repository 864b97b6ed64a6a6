//! The objects that a plan is made for.

use std::path::Path;

use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::core::Request;
use kube::{Api, Client, Resource as _, ResourceExt as _};

use super::Plan;
use crate::api::ClassicLoadBalancer;
use crate::cli::failure::{Failure, without_snippet};
use crate::cli::find;
use crate::cli::kubernetes::Connection;
use crate::cli::screen;

impl Plan {
    /// As stored, or as the API server would store the file.
    pub(super) async fn subjects(&self, connection: &Connection) -> Result<Vec<ClassicLoadBalancer>, Failure> {
        let objects = match &self.filename {
            Some(path) => {
                let mut checked = Vec::new();
                for object in in_file(path, connection)? {
                    checked.push(dry_run(&connection.client, object).await?);
                }
                checked
            }
            None => self.stored(connection).await?,
        };
        objects.into_iter().map(find::typed).collect()
    }

    async fn stored(&self, connection: &Connection) -> Result<Vec<DynamicObject>, Failure> {
        let wanted = find::Wanted {
            names: &self.names,
            selector: self.selector.as_deref(),
            all_namespaces: self.all_namespaces,
        };
        let objects = find::find(connection, &wanted).await?;
        let missing = wanted.missing(&objects);
        if let Some(name) = missing.first() {
            return Err(Failure::new(wanted.not_found(connection, name)));
        }
        if objects.is_empty() {
            screen::note("no ClassicLoadBalancers found");
        }
        Ok(objects)
    }
}

fn in_file(path: &Path, connection: &Connection) -> Result<Vec<DynamicObject>, Failure> {
    let shown = if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    };
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|error| Failure::new(format!("reading {shown}: {error}")))?;
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text)
        .map_err(|error| Failure::new(format!("{shown} is no YAML: {}", without_snippet(&error.to_string()))))?;
    let mut objects = Vec::new();
    for document in documents.into_iter().flat_map(each).filter(is_ours) {
        let version = document["apiVersion"].as_str().unwrap_or_default();
        if version != ClassicLoadBalancer::api_version(&()) {
            return Err(Failure::new(format!(
                "{shown}: {version} is no version that this program knows, it knows {}",
                ClassicLoadBalancer::api_version(&())
            )));
        }
        let mut object: DynamicObject = serde_json::from_value(document)
            .map_err(|error| Failure::new(format!("{shown} holds no Kubernetes object: {error}")))?;
        let own = object
            .metadata
            .namespace
            .get_or_insert_with(|| connection.namespace.clone());
        if connection.named && *own != connection.namespace {
            return Err(Failure::usage(format!(
                "{shown}: the object is in namespace {own}, but -n names {}",
                connection.namespace
            )));
        }
        if object.metadata.name.is_none() {
            return Err(Failure::new(format!(
                "{shown}: a ClassicLoadBalancer has no metadata.name"
            )));
        }
        objects.push(object);
    }
    if objects.is_empty() {
        return Err(Failure::new(format!(
            "{shown} holds no ClassicLoadBalancer of classiclb.dev"
        )));
    }
    Ok(objects)
}

/// The documents in a document: a list, such as `kubectl get -o yaml` writes, has its items.
fn each(document: serde_json::Value) -> Vec<serde_json::Value> {
    match document {
        serde_json::Value::Object(mut list) if list.contains_key("items") => match list.remove("items") {
            Some(serde_json::Value::Array(items)) => items,
            _ => Vec::new(),
        },
        other => vec![other],
    }
}

fn is_ours(document: &serde_json::Value) -> bool {
    let version = document["apiVersion"].as_str().unwrap_or_default();
    document["kind"] == "ClassicLoadBalancer" && version.starts_with("classiclb.dev/")
}

/// What the API server would store, with its defaults and after all its checks, in its words. Whoever may not write the
/// object gets a plan all the same, for the file as it stands.
async fn dry_run(client: &Client, object: DynamicObject) -> Result<DynamicObject, Failure> {
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let resource = ApiResource::erase::<ClassicLoadBalancer>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
    let doing = format!("checking {namespace}/{name}");
    let failed = |error: &kube::Error| Failure::kube(&doing, error);
    let stored = api.get_opt(&name).await.map_err(|error| failed(&error))?;
    let is_new = stored.is_none();
    let wanted = match stored {
        None => object,
        Some(mut stored) => {
            // Un-set is what the file does not have, so its spec goes in whole.
            stored.data["spec"] = object.data["spec"].clone();
            stored.labels_mut().extend(object.metadata.labels.unwrap_or_default());
            stored
                .annotations_mut()
                .extend(object.metadata.annotations.unwrap_or_default());
            stored.metadata.managed_fields = None;
            stored
        }
    };
    let body = serde_json::to_vec(&wanted).map_err(|error| Failure::new(format!("{doing}: {error}")))?;
    let parameters = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let request = Request::new(api.resource_url());
    let request = if is_new {
        request.create(&parameters, body)
    } else {
        request.replace(&name, &parameters, body)
    };
    let mut request = request.map_err(|error| Failure::new(format!("{doing}: {error}")))?;
    // A field that the API server does not know is an error here as it is in `kubectl apply`.
    let strict = format!("{}&fieldValidation=Strict", request.uri());
    *request.uri_mut() = strict
        .parse()
        .map_err(|error| Failure::new(format!("{doing}: {error}")))?;
    match client.request::<DynamicObject>(request).await {
        Ok(mut checked) => {
            if is_new {
                // A dry run gives a UID that nothing will ever have.
                checked.metadata.uid = None;
            }
            Ok(checked)
        }
        Err(kube::Error::Api(status)) if status.code == 403 && status.reason == "Forbidden" => {
            screen::note(&format!(
                "{namespace}/{name} was not checked by the API server, since writing it is not allowed: {}",
                status.message
            ));
            Ok(wanted)
        }
        Err(error) => Err(failed(&error)),
    }
}
