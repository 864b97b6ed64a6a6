//! `kubectl clb status`.

mod text;

use clap::Args;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, ListParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::Exit;
use super::failure::Failure;
use super::find::{self, Wanted};
use super::kubernetes::{self, Kubernetes};
use super::output::{self, Format};
use super::progress::Progress;
use super::screen::{self, Paint};
use crate::api::ClassicLoadBalancer;

/// Show a ClassicLoadBalancer with everything that is known of it.
///
/// Shows the load balancer, the conditions with their whole messages, the listeners, every instance with its node,
/// zone, state and the reason of that state, the calls that AWS refused, and the events of the object. Only Kubernetes
/// is asked.
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
    #[arg(value_name = "NAME", value_parser = kubernetes::name, required_unless_present_any = ["selector", "all_namespaces"])]
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
        let wanted = Wanted {
            names: &self.names,
            selector: self.selector.as_deref(),
            all_namespaces: self.all_namespaces,
        };
        let objects = find::find(&connection, &wanted).await?;
        let missing = wanted.missing(&objects);
        match self.output {
            // Nothing is data only where a list was asked for.
            _ if objects.is_empty() && !missing.is_empty() => {}
            Format::Text => self.show(&connection.client, &objects).await?,
            Format::Json => give(objects, output::json)?,
            Format::Yaml => give(objects, output::yaml)?,
        }
        for name in &missing {
            screen::note(&wanted.not_found(&connection, name));
        }
        Ok(if missing.is_empty() { Exit::Ok } else { Exit::Failed })
    }

    async fn show(&self, client: &Client, objects: &[DynamicObject]) -> Result<(), Failure> {
        if objects.is_empty() && self.names.is_empty() {
            screen::note("no ClassicLoadBalancers found");
        }
        let paint = Paint::for_output();
        let mut progress = Progress::start("reading events");
        let mut texts = Vec::new();
        for (at, object) in objects.iter().enumerate() {
            progress.tell(&format!("events of {} of {} objects", at + 1, objects.len()));
            let typed = find::typed(object.clone())?;
            let events = events(client, &typed).await;
            #[allow(clippy::disallowed_methods)] // ages are for the person who asks now
            let now = Timestamp::now();
            texts.push(text::render(&typed, &events, now, paint));
        }
        drop(progress);
        screen::print(&texts.join("\n"))
    }
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
