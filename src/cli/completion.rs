//! What a shell offers while somebody types.
//!
//! kubectl asks the program `kubectl_complete-clb` for the words that may come next, in the protocol of cobra: a candidate
//! a line, with a tab before what it means, and last a colon and a number that says what the shell shall do besides. That
//! program is this one under that name.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _};
use clap_complete::Shell;
use clap_complete::engine::{CompletionCandidate, complete};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::config::Kubeconfig;
use kube::core::PartialObjectMeta;
use kube::{Api, Client, ResourceExt};

use super::arguments::{in_order, takes_the_next};
use super::failure::Failure;
use super::kubernetes::{Kubernetes, Named};
use super::{Cli, Exit, region, screen};
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerBinding};
use crate::controller::{Kind, Watched};

/// The name under which kubectl looks for it.
const NAME: &str = "kubectl_complete-clb";
/// Nobody types on for longer.
const PATIENCE: Duration = Duration::from_secs(3);
/// More objects than this are no help.
const MOST: u32 = 500;
/// Directives of cobra: nothing besides, or names of files.
const NO_FILES: &str = ":4";
const FILES: &str = ":0";

/// The flags whose values are files or folders.
const OF_FILES: [&str; 7] = [
    "-f",
    "--filename",
    "--kubeconfig",
    "--from-terraform",
    "--from-cloudformation",
    "--terraform-state",
    "--output-dir",
];

/// Print a completion script for a shell in which the program is called kubectl-clb.
///
/// For `kubectl clb` itself kubectl asks a program kubectl_complete-clb, which is this one under that name; kubectl's own
/// completion must be set up: kubectl completion --help.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ln -s kubectl-clb ~/.local/bin/kubectl_complete-clb      kubectl clb pl<TAB>
  source <(kubectl clb completion bash)                    kubectl-clb pl<TAB>")]
pub(super) struct Completion {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "kubectl-clb", &mut script);
        screen::print(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Ok)
    }
}

/// Whether the program is asked for completion.
pub(super) fn is_asked(program: Option<&OsString>) -> bool {
    program.is_some_and(|program| Path::new(program).file_name() == Some(OsStr::new(NAME)))
}

/// What may stand in place of the last of these arguments.
pub(super) async fn offer(arguments: Vec<OsString>) -> Result<Exit, Failure> {
    let command = Cli::command();
    let mut arguments = arguments;
    let word = if arguments.len() > 1 { arguments.pop() } else { None };
    let word = word.unwrap_or_default();
    let mut arguments = in_order(&command, arguments);
    let before = arguments
        .last()
        .and_then(|last| last.to_str())
        .unwrap_or_default()
        .to_owned();
    let flag = Some(before.as_str()).filter(|before| before.starts_with('-') && takes_the_next(&command, before));

    let given = command
        .clone()
        .ignore_errors(true)
        .try_get_matches_from(&arguments)
        .ok();
    arguments.push(word.clone());
    let last = arguments.len() - 1;
    let offered = complete(&mut command.clone(), arguments, last, None).unwrap_or_default();
    let mut lines: Vec<String> = offered.iter().map(line).collect();
    let mut directive = NO_FILES;
    match (flag, word.to_str().unwrap_or_default()) {
        (Some(flag), _) if OF_FILES.contains(&flag) => directive = FILES,
        (Some("--region"), word) => lines.extend(
            region::all()
                .map(|region| region.name)
                .filter(|name| name.starts_with(word))
                .map(ToOwned::to_owned),
        ),
        (Some("--context"), word) => lines.extend(contexts().into_iter().filter(|name| name.starts_with(word))),
        (Some("-n" | "--namespace"), word) => lines.extend(namespaces(given.as_ref(), word).await.unwrap_or_default()),
        (None, word) if !word.starts_with('-') => lines.extend(names(given.as_ref(), word).await.unwrap_or_default()),
        _ => {}
    }
    lines.push(directive.to_owned());
    screen::print(&(lines.join("\n") + "\n"))?;
    Ok(Exit::Ok)
}

fn line(candidate: &CompletionCandidate) -> String {
    let value = candidate.get_value().to_string_lossy();
    let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    match help.lines().next() {
        Some(help) => format!("{value}\t{help}"),
        None => value.into_owned(),
    }
}

fn contexts() -> Vec<String> {
    let contexts = Kubeconfig::read().map(|file| file.contexts).unwrap_or_default();
    contexts.into_iter().map(|context| context.name).collect()
}

/// The cluster that the flags so far name.
fn cluster(given: Option<&ArgMatches>) -> Option<(&str, Kubernetes)> {
    let (command, matches) = given?.subcommand()?;
    Some((command, Kubernetes::from_arg_matches(matches).ok()?.within(PATIENCE)))
}

async fn namespaces(given: Option<&ArgMatches>, word: &str) -> Option<Vec<String>> {
    let connection = cluster(given)?.1.connect().await.ok()?;
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(connection.client);
    let list = api.list_metadata(&ListParams::default().limit(MOST)).await.ok()?;
    Some(beginning_with(list.items.iter().map(ResourceExt::name_any), word))
}

/// The objects of the namespace, for commands that take names of them.
async fn names(given: Option<&ArgMatches>, word: &str) -> Option<Vec<String>> {
    let (command, kubernetes) = cluster(given)?;
    let bindings = ["status", "events", "plan", "why", "diff"].contains(&command);
    if !bindings && command != "export" {
        return None;
    }
    let connection = kubernetes.connect().await.ok()?;
    let (client, namespace) = (connection.client, &connection.namespace);
    let mut all = names_of::<ClassicLoadBalancer>(client.clone(), namespace, Kind::Owner).await?;
    if bindings {
        let more = names_of::<ClassicLoadBalancerBinding>(client, namespace, Kind::Binding).await;
        all.extend(more.unwrap_or_default());
    }
    Some(beginning_with(all.into_iter(), word))
}

async fn names_of<K: Watched>(client: Client, namespace: &str, kind: Kind) -> Option<Vec<String>> {
    let api: Api<PartialObjectMeta<K>> = Api::namespaced(client, namespace);
    let list = api.list_metadata(&ListParams::default().limit(MOST)).await.ok()?;
    let named = list.items.iter().map(|object| Named {
        kind,
        name: object.name_any(),
    });
    Some(named.map(|named| named.to_string()).collect())
}

fn beginning_with(names: impl Iterator<Item = String>, word: &str) -> Vec<String> {
    names.filter(|name| name.starts_with(word)).collect()
}
