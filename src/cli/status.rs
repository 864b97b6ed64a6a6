//! `kubectl clb status`.

mod text;

use clap::Args;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::Exit;
use super::failure::Failure;
use super::kubernetes::{Connection, Kubernetes};
use super::output::{self, Format};
use super::screen::{self, Paint};
use crate::api::ClassicLoadBalancer;

/// Show a ClassicLoadBalancer with everything that is known of it.
///
/// Shows the balancer, the conditions with their whole messages, the listeners, every instance with its node, zone, state
/// and the reason of that state, the calls that AWS refused, and the events of the object. Only Kubernetes is asked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb status web
  kubectl clb status web -n shop --context staging
  kubectl clb status -A                    every object of the cluster
  kubectl clb status web -o json | jq -r .status.dnsName

Exit status: 1 when an object is not found.")]
pub(super) struct Status {
    /// Names of ClassicLoadBalancer objects.
    #[arg(value_name = "NAME", required_unless_present_any = ["selector", "all_namespaces"])]
    names: Vec<String>,
    /// Objects with these labels, such as app=web,tier!=test.
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// In all namespaces.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// How to show them; json and yaml give the object itself.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

/// What is known of the events of an object.
type Events = Result<Vec<Event>, String>;

impl Status {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let connection = self.kubernetes.connect().await?;
        let objects = self.find(&connection).await?;
        let missing = self.missing(&objects);
        match self.output {
            Format::Text => self.show(&connection.client, &objects).await?,
            Format::Json => give(objects, output::json)?,
            Format::Yaml => give(objects, output::yaml)?,
        }
        for name in &missing {
            screen::note(&format!(
                "no ClassicLoadBalancer called {name:?} in {}",
                self.place(&connection)
            ));
        }
        Ok(if missing.is_empty() { Exit::Ok } else { Exit::Failed })
    }

    /// The objects that were asked for, in the order of their namespaces and names.
    async fn find(&self, connection: &Connection) -> Result<Vec<DynamicObject>, Failure> {
        let resource = ApiResource::erase::<ClassicLoadBalancer>(&());
        let client = connection.client.clone();
        let api: Api<DynamicObject> = if self.all_namespaces {
            Api::all_with(client, &resource)
        } else {
            Api::namespaced_with(client, &connection.namespace, &resource)
        };
        if !self.all_namespaces && self.selector.is_none() {
            let mut found = Vec::new();
            for name in &self.names {
                let got = api.get_opt(name).await;
                found.extend(got.map_err(|error| Failure::kube(&format!("reading {name}"), &error))?);
            }
            return Ok(found.into_iter().map(|object| shown(object, &resource)).collect());
        }
        let mut wanted = ListParams::default();
        wanted.label_selector.clone_from(&self.selector);
        let list = api
            .list(&wanted)
            .await
            .map_err(|error| Failure::kube("listing ClassicLoadBalancers", &error))?;
        let named = |object: &DynamicObject| self.names.is_empty() || self.names.contains(&object.name_any());
        let found = list.items.into_iter().filter(named);
        Ok(found.map(|object| shown(object, &resource)).collect())
    }

    fn missing(&self, objects: &[DynamicObject]) -> Vec<String> {
        let found = |name: &&String| !objects.iter().any(|object| object.name_any() == **name);
        self.names.iter().filter(found).cloned().collect()
    }

    fn place(&self, connection: &Connection) -> String {
        if self.all_namespaces {
            "any namespace".to_owned()
        } else {
            format!("namespace {}; -n names another, -A shows all", connection.namespace)
        }
    }

    async fn show(&self, client: &Client, objects: &[DynamicObject]) -> Result<(), Failure> {
        if objects.is_empty() && self.names.is_empty() {
            screen::note("no ClassicLoadBalancers found");
        }
        let paint = Paint::for_output();
        for (at, object) in objects.iter().enumerate() {
            let typed: ClassicLoadBalancer = object.clone().try_parse().map_err(|error| {
                Failure::new(format!(
                    "{} cannot be read by this version, another one may be installed in the cluster: {error}",
                    object.name_any()
                ))
            })?;
            let events = events(client, &typed).await;
            let separator = if at == 0 { "" } else { "\n" };
            let text = text::render(&typed, &events, Timestamp::now(), paint);
            screen::print(&format!("{separator}{text}"))?;
        }
        Ok(())
    }
}

/// Without what kubectl hides too; objects of a list come without their kind.
fn shown(mut object: DynamicObject, resource: &ApiResource) -> DynamicObject {
    object.metadata.managed_fields = None;
    object.types.get_or_insert_with(|| kube::api::TypeMeta {
        api_version: resource.api_version.clone(),
        kind: resource.kind.clone(),
    });
    object
}

/// One object as it is, several as a list.
fn give(
    mut objects: Vec<DynamicObject>,
    write: impl Fn(&serde_json::Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let wrong = |error: serde_json::Error| Failure::new(format!("writing the object: {error}"));
    if objects.len() == 1 {
        return write(&serde_json::to_value(objects.remove(0)).map_err(wrong)?);
    }
    let items = serde_json::to_value(objects).map_err(wrong)?;
    write(&json!({"apiVersion": "v1", "kind": "List", "items": items}))
}

/// The events of an object, oldest first. They are a courtesy: without the right to read them the rest is shown.
async fn events(client: &Client, object: &ClassicLoadBalancer) -> Events {
    let namespace = object.namespace().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
    let fields = format!(
        "regarding.kind=ClassicLoadBalancer,regarding.name={}",
        object.name_any()
    );
    let list = api
        .list(&ListParams::default().fields(&fields))
        .await
        .map_err(|error| Failure::kube("reading events", &error).to_string())?;
    let mut events = list.items;
    events.sort_by_key(text::time);
    Ok(events)
}
