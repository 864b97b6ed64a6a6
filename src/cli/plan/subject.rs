//! The objects that a plan is made for.

use futures::{StreamExt as _, stream};
use kube::api::{DynamicObject, PostParams};
use kube::core::Request;
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::Value;

use super::{AT_ONCE, Plan};
use crate::api::ClassicLoadBalancer;
use crate::cli::failure::{Failure, without_snippet};
use crate::cli::files::{self, Manifest};
use crate::cli::find::{self, Read};
use crate::cli::kubernetes::{Connection, past_conflicts};
use crate::cli::screen;

/// An object, or why there is nothing to plan for. One that is wrong must not end the plans of the others.
pub(in crate::cli) struct Subject {
    pub(in crate::cli) namespace: String,
    /// Its name, or where it stands if it has none.
    pub(in crate::cli) name: String,
    pub(in crate::cli) object: Result<Box<Read>, Failure>,
}

impl Subject {
    fn new(object: DynamicObject) -> Self {
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: find::name_of(&object).to_string(),
            object: find::typed(object).map(Box::new),
        }
    }

    fn wrong(namespace: &str, name: &str, why: Failure) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            object: Err(why),
        }
    }
}

impl Plan {
    /// As stored, or as the API server would store the files. `true`: some that were named do not exist, which was told.
    pub(super) async fn subjects(&self, connection: &Connection) -> Result<(Vec<Subject>, bool), Failure> {
        if self.filename.is_empty() {
            return self.stored(connection).await;
        }
        let mut objects = Vec::new();
        for manifest in files::read(&self.filename, self.recursive).await {
            objects.extend(in_file(manifest, connection));
        }
        if objects.is_empty() {
            return Err(Failure::new(format!(
                "{} holds no ClassicLoadBalancer and no ClassicLoadBalancerBinding of classiclb.dev",
                files::called(&self.filename)
            )));
        }
        let checked = stream::iter(objects).map(async |object| match object {
            Ok(object) => checked(&connection.client, object).await,
            Err(wrong) => wrong,
        });
        Ok((checked.buffered(AT_ONCE).collect().await, false))
    }

    async fn stored(&self, connection: &Connection) -> Result<(Vec<Subject>, bool), Failure> {
        let wanted = find::Wanted {
            names: &self.names,
            kinds: find::EVERY_KIND,
            selector: self.selector.as_deref(),
            all_namespaces: self.all_namespaces,
        };
        let objects = find::find(connection, &wanted).await?;
        let missing = wanted.missing(&objects);
        match missing.first() {
            Some(name) if objects.is_empty() => return Err(Failure::new(wanted.not_found(connection, name))),
            None if objects.is_empty() => screen::note("no ClassicLoadBalancers and no bindings found"),
            _ => {}
        }
        for name in &missing {
            screen::note(&wanted.not_found(connection, name));
        }
        Ok((objects.into_iter().map(Subject::new).collect(), !missing.is_empty()))
    }
}

async fn checked(client: &Client, object: DynamicObject) -> Subject {
    let (namespace, name) = (
        object.namespace().unwrap_or_default(),
        find::name_of(&object).to_string(),
    );
    match dry_run(client, object).await {
        Ok(object) => Subject::new(object),
        Err(why) => Subject::wrong(&namespace, &name, why),
    }
}

/// The objects in a text, each as it stands there.
pub(in crate::cli) fn in_file(manifest: Manifest, connection: &Connection) -> Vec<Result<DynamicObject, Subject>> {
    let Manifest { from, text } = manifest;
    let whole = |why| vec![Err(Subject::wrong("", &from, why))];
    let text = match text {
        Ok(text) => text,
        Err(why) => return whole(why),
    };
    let documents: Vec<Value> = match serde_saphyr::from_multiple(&text) {
        Ok(documents) => documents,
        Err(error) => {
            let why = without_snippet(&error.to_string());
            return whole(Failure::new(format!("{from} is no YAML: {why}")));
        }
    };
    let ours = documents.into_iter().flat_map(each).filter(is_ours);
    ours.map(|document| {
        let own = |member: &str| document["metadata"][member].as_str().map(ToOwned::to_owned);
        let namespace = own("namespace").unwrap_or_else(|| connection.namespace.clone());
        let name = own("name").unwrap_or_else(|| from.clone());
        in_document(document, &from, connection).map_err(|why| Subject::wrong(&namespace, &name, why))
    })
    .collect()
}

fn in_document(document: Value, from: &str, connection: &Connection) -> Result<DynamicObject, Failure> {
    let version = document["apiVersion"].as_str().unwrap_or_default();
    if version != ClassicLoadBalancer::api_version(&()) {
        return Err(Failure::new(format!(
            "{from}: {version} is no version that this program knows, it knows {}",
            ClassicLoadBalancer::api_version(&())
        )));
    }
    let mut object: DynamicObject = serde_json::from_value(document)
        .map_err(|error| Failure::new(format!("{from} holds no Kubernetes object: {error}")))?;
    let own = object
        .metadata
        .namespace
        .get_or_insert_with(|| connection.namespace.clone());
    if connection.named && *own != connection.namespace {
        return Err(Failure::usage(format!(
            "{from}: the object is in namespace {own}, but -n names {}",
            connection.namespace
        )));
    }
    if object.metadata.name.is_none() {
        return Err(Failure::new(format!(
            "{from}: a {} has no metadata.name",
            find::resource(find::name_of(&object).kind).kind
        )));
    }
    Ok(object)
}

/// The documents in a document: a list, such as `kubectl get -o yaml` writes, has its items.
fn each(document: Value) -> Vec<Value> {
    match document {
        Value::Object(mut list) if list.contains_key("items") => match list.remove("items") {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        },
        other => vec![other],
    }
}

fn is_ours(document: &Value) -> bool {
    let version = document["apiVersion"].as_str().unwrap_or_default();
    let kind = &document["kind"];
    let is_known = find::EVERY_KIND
        .iter()
        .any(|known| *kind == find::resource(*known).kind);
    is_known && version.starts_with("classiclb.dev/")
}

/// What the API server would store, with its defaults and after all its checks, in its words. Whoever may not write the
/// object gets a plan all the same, for the file as it stands.
async fn dry_run(client: &Client, object: DynamicObject) -> Result<DynamicObject, Failure> {
    let (name, namespace) = (find::name_of(&object), object.namespace().unwrap_or_default());
    let asked = ask(client, object).await?;
    match asked.answer {
        Ok(checked) => Ok(checked),
        Err(kube::Error::Api(status)) if status.code == 403 && status.reason == "Forbidden" => {
            screen::note(&format!(
                "{namespace}/{name} was not checked by the API server, since writing it is not allowed: {}",
                status.message
            ));
            Ok(asked.wanted)
        }
        Err(error) => Err(Failure::kube(&format!("checking {namespace}/{name}"), &error)),
    }
}

/// What an API server said of an object that was given to it as a dry run.
pub(in crate::cli) struct Asked {
    /// The object as it was given: the stored one with the new spec, where one is stored.
    pub(in crate::cli) wanted: DynamicObject,
    /// The object as it would be stored.
    pub(in crate::cli) answer: Result<DynamicObject, kube::Error>,
}

/// Asks the API server what it would store. Nothing is stored. Where the operator writes to the stored one meanwhile, it is
/// read and asked about anew.
pub(in crate::cli) async fn ask(client: &Client, object: DynamicObject) -> Result<Asked, Failure> {
    let once = async || ask_once(client, object.clone()).await;
    past_conflicts(once, |asked| asked.as_ref().ok()?.answer.as_ref().err()).await
}

async fn ask_once(client: &Client, object: DynamicObject) -> Result<Asked, Failure> {
    let (name, namespace) = (object.name_any(), object.namespace().unwrap_or_default());
    let named = find::name_of(&object);
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &find::resource(named.kind));
    let doing = format!("checking {namespace}/{named}");
    let stored = api.get_opt(&name).await;
    let stored = stored.map_err(|error| Failure::kube(&doing, &error))?;
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
    let unsent = |error: &dyn std::fmt::Display| Failure::new(format!("{doing}: {error}"));
    let body = serde_json::to_vec(&wanted).map_err(|error| unsent(&error))?;
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
    let mut request = request.map_err(|error| unsent(&error))?;
    // A field that the API server does not know is an error here as it is in `kubectl apply`.
    let strict = format!("{}&fieldValidation=Strict", request.uri());
    *request.uri_mut() = strict.parse().map_err(|error| unsent(&error))?;
    let answer = client.request::<DynamicObject>(request).await.map(|mut checked| {
        if is_new {
            // A dry run gives a UID that nothing will ever have.
            checked.metadata.uid = None;
        }
        checked
    });
    Ok(Asked { wanted, answer })
}
