//! The commands of `kubectl-clb`.
//!
//! Data goes to standard output, everything else to standard error: one line for an error, with its cause and a hint,
//! and on a terminal the progress of what takes long.
#![allow(clippy::format_push_string, clippy::format_collect)] // a screenful of text reads better than its errors
#![allow(clippy::doc_markdown)] // comments on arguments are also the help text of a terminal

mod account;
mod adopt;
mod age;
mod arguments;
mod balancer;
mod check;
mod cloudformation;
mod completion;
mod deployment;
mod diff;
mod events;
mod export;
mod failure;
mod fetch;
mod files;
mod find;
mod finding;
mod fleet;
mod iam_policy;
mod import;
mod inventory;
mod kubernetes;
mod list;
mod migrate;
mod output;
mod plan;
mod progress;
mod regions;
mod screen;
mod selector;
mod status;
mod table;
mod terms;
mod terraform;
mod watch;
mod why;

use std::ffi::OsString;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::aws::{Accounts, Limits, Rates};
use crate::elb::region;
use crate::flags;
use crate::lease::Leadership;
use crate::metrics::Metrics;
use failure::Failure;

/// How a command ended: the exit status of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All was done, and there was nothing to find.
    Ok = 0,
    /// Something could not be done.
    Failed = 1,
    /// The arguments make no sense.
    Usage = 2,
    /// AWS differs from what is declared.
    Differences = 3,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Look at AWS Classic load balancers and at the ClassicLoadBalancer objects that declare them.
///
/// `regions` and `list` ask AWS alone, but for the role into another account; `status` and `events` ask Kubernetes alone; the others ask both. Only
/// `adopt` changes anything, and `import --offer`, which sets a tag.
/// AWS: region, endpoint and credentials by the standard chain (AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, ...).
/// Kubernetes: the kubeconfig, as kubectl reads it.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-clb",
    bin_name = "kubectl clb",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "\
Examples:
  kubectl clb regions                      where AWS has Classic ELB
  kubectl clb list                         every Classic load balancer of the account in the region
  kubectl clb list 'shop-*' -o wide        those whose names begin so, with more columns
  kubectl clb inventory --all-regions      whose each is, and what is wrong with it
  kubectl clb status web -n shop           one object: conditions, listeners, instances, events
  kubectl clb events web -w                what happens to it, a line for each change
  kubectl clb why shop/web                 why it is not Ready, and what to do
  kubectl clb check                        the cluster, the operator and AWS, with what to do
  kubectl clb diff web -n shop             field by field: declared, applied, in AWS
  kubectl clb iam-policy                   the least IAM policy for the features in use
  kubectl clb plan -f web.yaml             the AWS calls that applying this file would bring about
  kubectl clb import 'shop-*' -n shop      manifests for load balancers that exist
  kubectl clb adopt -f manifests           takes over what import wrote
  kubectl clb export web --to terraform    what makes another tool take it over
  kubectl clb migrate --all                what becomes of them as ALB or NLB

Exit status: 0 done, 1 failed, 2 wrong usage, 3 differences found (plan, diff, import, adopt)."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Regions(regions::Regions),
    List(list::List),
    Inventory(inventory::Inventory),
    Status(status::Status),
    Events(events::Events),
    Plan(plan::Plan),
    Import(import::Import),
    Adopt(adopt::Adopt),
    Export(export::Export),
    Migrate(migrate::Migrate),
    Why(why::Why),
    Check(check::Check),
    IamPolicy(iam_policy::IamPolicy),
    Diff(diff::Diff),
    Completion(completion::Completion),
}

/// What the program was started for.
#[derive(Debug)]
pub struct Asked(What);

#[derive(Debug)]
enum What {
    Command(Box<Command>),
    /// A shell asks how these arguments could go on.
    Complete(Vec<OsString>),
}

/// Reads the arguments, the name of the program first.
///
/// # Errors
/// When they make no sense, or ask for help; see [`refuse`].
pub fn read(arguments: impl Iterator<Item = OsString>) -> Result<Asked, clap::Error> {
    let arguments: Vec<OsString> = arguments.collect();
    if completion::is_asked(arguments.first()) {
        return Ok(Asked(What::Complete(arguments)));
    }
    let ordered = arguments::in_order(&Cli::command(), arguments);
    let command = Cli::try_parse_from(ordered)?.command;
    Ok(Asked(What::Command(Box::new(command))))
}

/// Its commands and their arguments, for the page that lists them.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs a command and says on standard error why it failed.
pub async fn run(Asked(what): Asked) -> Exit {
    let outcome = match what {
        What::Complete(arguments) => completion::offer(arguments).await,
        What::Command(command) => match *command {
            Command::Regions(command) => command.run().await,
            Command::List(command) => command.run().await,
            Command::Inventory(command) => Box::pin(command.run()).await,
            Command::Status(command) => Box::pin(command.run()).await,
            Command::Events(command) => Box::pin(command.run()).await,
            Command::Plan(command) => Box::pin(command.run()).await,
            Command::Import(command) => Box::pin(command.run()).await,
            Command::Adopt(command) => Box::pin(command.run()).await,
            Command::Export(command) => Box::pin(command.run()).await,
            Command::Migrate(command) => Box::pin(command.run()).await,
            Command::Why(command) => Box::pin(command.run()).await,
            Command::Check(command) => Box::pin(command.run()).await,
            Command::IamPolicy(command) => command.run().await,
            Command::Diff(command) => Box::pin(command.run()).await,
            Command::Completion(command) => command.run(),
        },
    };
    outcome.unwrap_or_else(|failure| {
        screen::complain(&failure);
        failure.exit()
    })
}

/// Wrong arguments: one clear line. Help and version are no error.
pub fn refuse(error: &clap::Error) -> Exit {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return Exit::Usage;
    }
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Ok;
    }
    screen::note(&format!("{} (see kubectl clb --help)", flags::one_line(error)));
    Exit::Usage
}

/// A person waits, and other tools of the account shall get their share all the same.
fn rates() -> Rates {
    Rates::waited_for(Limits::default())
}

/// AWS by the standard chain. What the calls cost is nobody's metric here.
async fn aws() -> Result<Accounts, Failure> {
    Accounts::load(Leadership::sole(), Arc::new(Metrics::new()), rates())
        .await
        .map_err(Failure::usage)
}
