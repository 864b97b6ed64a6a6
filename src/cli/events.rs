//! `kubectl clb events`, and the events of one object for other commands.

mod follow;

use clap::{Args, ValueEnum};
use follow::{Line, Story};
use futures::StreamExt as _;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client, Resource as _, ResourceExt as _};

use super::Exit;
use super::failure::Failure;
use super::find::{self, Read, Selection, Wanted};
use super::kubernetes::{Connection, Kubernetes};
use super::screen;
use super::table::Table;
use super::watch::{self, Trouble, Watching};
use crate::api::ClassicLoadBalancer;

/// What is known of the events of an object.
pub(super) type Known = Result<Vec<Event>, String>;

/// Show what happened to objects, in the order of time, and with --watch what happens.
///
/// A line is an Event, or a condition that changed: its TYPE is then such as Ready=False. Without --watch each condition
/// stands where it changed last. With it, every change of a condition is a line, also of its message alone, and so is a
/// deletion. Only Kubernetes is asked, and nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb events -n shop
  kubectl clb events web binding/canary
  kubectl clb events web --watch --timeout 10m
  kubectl clb events -A -w -o json | jq -r 'select(.type == \"Warning\") | .message'

Exit status: 1 when an object is not found or the events cannot be read; Ctrl-C ends --watch as it ends kubectl's.")]
pub(super) struct Events {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    watching: Watching,
    /// How to show them.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

/// Formats of what goes on and on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table.
    #[default]
    Table,
    /// A JSON object on each line.
    Json,
}

/// Prints lines.
struct Printer {
    format: Format,
    table: Table,
    begun: bool,
}

impl Events {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let connection = self.kubernetes.connect().await?;
        let wanted = self.selection.wanted();
        let objects = find::find(&connection, &wanted).await?;
        let missing = wanted.missing(&objects);
        let mut story = Story::new(&wanted);
        let mut printer = Printer::new(self.output, self.selection.all_namespaces);
        let mut lines = Vec::new();
        for object in objects {
            lines.extend(story.object(object, now()));
        }
        for event in events(&connection, &wanted).await? {
            lines.extend(story.event(&event));
        }
        lines.sort_by(|one, other| one.time.cmp(&other.time));
        if lines.is_empty() && !self.watching.watch && missing.is_empty() {
            screen::note("no events");
        }
        for name in &missing {
            let goes_on = if self.watching.watch { "; waiting for it" } else { "" };
            screen::note(&format!("{}{goes_on}", wanted.not_found(&connection, name)));
        }
        if !printer.print(lines)? {
            return Ok(Exit::Ok);
        }
        if self.watching.watch {
            self.watching.run(go_on(&connection, &wanted, story, printer)).await?;
            return Ok(Exit::Ok);
        }
        Ok(if missing.is_empty() { Exit::Ok } else { Exit::Failed })
    }
}

/// A line for each change, until nobody reads on.
async fn go_on(
    connection: &Connection,
    wanted: &Wanted<'_>,
    mut story: Story<'_>,
    mut printer: Printer,
) -> Result<(), Failure> {
    let kinds = watch::kinds(connection, wanted).await;
    let mut objects = watch::objects(connection, wanted, &kinds);
    let config = watcher::Config::default().fields(&fields(wanted));
    let mut events = std::pin::pin!(watcher(api(connection, wanted), config).default_backoff());
    let mut trouble = Trouble::default();
    loop {
        let lines = tokio::select! {
            Some((kind, change)) = objects.next() => match change {
                Ok(event) => story.change(kind, event, now()),
                Err(error) => { trouble.tell(&format!("{}s", find::resource(kind).kind), &error); continue }
            },
            Some(change) = events.next() => match change {
                Ok(event) => story.change_of_events(event),
                Err(error) => { trouble.tell("events", &error); continue }
            },
            else => return Ok(()),
        };
        trouble.is_over();
        if !printer.print(lines)? {
            return Ok(());
        }
    }
}

fn api(connection: &Connection, wanted: &Wanted<'_>) -> Api<Event> {
    if wanted.all_namespaces {
        Api::all(connection.client.clone())
    } else {
        Api::namespaced(connection.client.clone(), &connection.namespace)
    }
}

/// Which events are asked for. The others of what comes are passed over.
fn fields(wanted: &Wanted<'_>) -> String {
    let version = ClassicLoadBalancer::api_version(&());
    match wanted.names {
        [one] => format!("regarding.apiVersion={version},regarding.name={}", one.name),
        _ => format!("regarding.apiVersion={version}"),
    }
}

async fn events(connection: &Connection, wanted: &Wanted<'_>) -> Result<Vec<Event>, Failure> {
    let list = api(connection, wanted)
        .list(&ListParams::default().fields(&fields(wanted)))
        .await
        .map_err(|error| Failure::kube("reading events", &error))?;
    Ok(list.items)
}

#[allow(clippy::disallowed_methods)] // it is told to a person as it happens
fn now() -> Timestamp {
    Timestamp::now()
}

impl Printer {
    fn new(format: Format, all_namespaces: bool) -> Self {
        let mut header = vec!["TIME", "OBJECT", "TYPE", "REASON", "MESSAGE"];
        if all_namespaces {
            header.insert(1, "NAMESPACE");
        }
        Self {
            format,
            table: Table::new(&header),
            begun: false,
        }
    }

    /// Whether anybody reads on.
    fn print(&mut self, lines: Vec<Line>) -> Result<bool, Failure> {
        if lines.is_empty() {
            return Ok(true);
        }
        let mut text = String::new();
        let with_namespace = self.table.columns() > 5;
        for line in lines {
            match self.format {
                Format::Json => text.push_str(&(line.json()? + "\n")),
                Format::Table => {
                    self.table.row(line.cells(with_namespace));
                    // The first ones are aligned together.
                    if self.begun {
                        text.push_str(&self.table.last());
                    }
                }
            }
        }
        if self.format == Format::Table && !self.begun {
            text = self.table.render(0);
        }
        self.begun = true;
        match self.format {
            Format::Json => screen::print_on(&text),
            Format::Table => screen::show_on(&text),
        }
    }
}

/// The events of an object, oldest first. They are a courtesy: without the right to read them the rest is shown.
pub(super) async fn of(client: &Client, read: &Read) -> Known {
    let namespace = read.object.namespace().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
    let fields = format!(
        "regarding.kind={},regarding.name={}",
        find::resource(read.kind).kind,
        read.object.name_any()
    );
    let list = api
        .list(&ListParams::default().fields(&fields))
        .await
        .map_err(|error| Failure::kube("reading events", &error).to_string())?;
    let mut events = list.items;
    events.sort_by_key(time);
    Ok(events)
}

/// When an event happened last.
pub(super) fn time(event: &Event) -> Option<Timestamp> {
    let repeated = event.series.as_ref().map(|series| series.last_observed_time.0);
    let last = event.deprecated_last_timestamp.as_ref().map(|time| time.0);
    let first = event.event_time.as_ref().map(|time| time.0);
    let created = event.metadata.creation_timestamp.as_ref().map(|time| time.0);
    repeated.or(last).or(first).or(created)
}

/// How often it happened, where that is more than once.
pub(super) fn count(event: &Event) -> Option<i32> {
    let count = event.series.as_ref().map(|series| series.count);
    count.filter(|&count| count > 1)
}
