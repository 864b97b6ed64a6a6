//! `kubectl clb status`.

mod table;
mod text;
mod watch;

use clap::Args;
use futures::{StreamExt as _, stream};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::DynamicObject;
use serde_json::json;

use super::Exit;
use super::events;
use super::failure::Failure;
use super::find::{self, Read, Selection};
use super::kubernetes::Kubernetes;
use super::output::{self, StatusFormat};
use super::progress::Progress;
use super::screen::{self, Paint};
use super::watch::Watching;

/// Requests under way at once.
const AT_ONCE: usize = 8;

/// Show an object with everything that is known of it.
///
/// Shows the load balancer, the conditions with their whole messages, the listeners, every instance with its node,
/// zone, state and the reason of that state, the calls that AWS refused, and the events of the object. Only Kubernetes
/// is asked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb status web
  kubectl clb status binding/web -n shop --context staging
  kubectl clb status                       a line for each object of the namespace
  kubectl clb status -w                    the same, and a line for each change
  kubectl clb status -A -o text            every object of the cluster, in full
  kubectl clb status web -o json | jq -r .status.dnsName

Exit status: 1 when an object is not found or cannot be read.")]
pub(super) struct Status {
    #[command(flatten)]
    selection: Selection,
    /// How to show them; json and yaml give the object itself. Default: text for objects that are named and for a single
    /// one, else a table with a line for each.
    #[arg(short, long, value_enum, conflicts_with = "watch")]
    output: Option<StatusFormat>,
    #[command(flatten)]
    watching: Watching,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

impl Status {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let connection = self.kubernetes.connect().await?;
        let wanted = self.selection.wanted();
        let objects = find::find(&connection, &wanted).await?;
        let missing = wanted.missing(&objects);
        if self.watching.watch {
            for name in &missing {
                screen::note(&format!("{}; waiting for it", wanted.not_found(&connection, name)));
            }
            self.watching.run(watch::watch(&connection, &wanted)).await?;
            return Ok(Exit::Ok);
        }
        let mut unread = Vec::new();
        match self.format(objects.len()) {
            // Nothing is data only where a list was asked for.
            _ if objects.is_empty() && !missing.is_empty() => {}
            StatusFormat::Json => give(objects, output::json)?,
            StatusFormat::Yaml => give(objects, output::yaml)?,
            _ if objects.is_empty() => screen::note("no ClassicLoadBalancers and no bindings found"),
            shown => {
                let (typed, failures) = typed(objects);
                unread = failures;
                match shown {
                    StatusFormat::Table => screen::show(&table::render(&typed, self.selection.all_namespaces, now()))?,
                    _ => show(&connection.client, &typed).await?,
                }
            }
        }
        for name in &missing {
            screen::note(&wanted.not_found(&connection, name));
        }
        for failure in &unread {
            screen::complain(failure);
        }
        let well = missing.is_empty() && unread.is_empty();
        Ok(if well { Exit::Ok } else { Exit::Failed })
    }

    /// Objects in full are what somebody wants who names them; of a fleet nobody reads that.
    fn format(&self, found: usize) -> StatusFormat {
        self.output.unwrap_or(if self.selection.names.is_empty() && found > 1 {
            StatusFormat::Table
        } else {
            StatusFormat::Text
        })
    }
}

/// Those that this version can read, and why not the others.
fn typed(objects: Vec<DynamicObject>) -> (Vec<Read>, Vec<Failure>) {
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    for object in objects {
        match find::typed(object) {
            Ok(object) => read.push(object),
            Err(failure) => unread.push(failure),
        }
    }
    (read, unread)
}

#[allow(clippy::disallowed_methods)] // ages are for the person who asks now
fn now() -> Timestamp {
    Timestamp::now()
}

async fn show(client: &Client, objects: &[Read]) -> Result<(), Failure> {
    let paint = Paint::for_output();
    let mut progress = Progress::start("reading events");
    let mut reads = stream::iter(objects)
        .map(async |object| (object, events::of(client, object).await))
        .buffered(AT_ONCE);
    let mut texts = Vec::new();
    while let Some((object, events)) = reads.next().await {
        texts.push(text::render(object, &events, now(), paint));
        progress.tell(&format!("events of {} of {} objects", texts.len(), objects.len()));
    }
    drop(progress);
    screen::show(&texts.join("\n"))
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
