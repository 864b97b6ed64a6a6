//! `clb-operator`: parses arguments, builds parameters, runs.
#![allow(clippy::doc_markdown)] // these comments are also the help text of a terminal

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use classic_lb_operator::api::{self, message};
use classic_lb_operator::controller::{Intervals, Rules};
use classic_lb_operator::operator::{self, Parameters};
use classic_lb_operator::plan::adoption::Adoption;
use classic_lb_operator::plan::desired;
use classic_lb_operator::telemetry::{self, LogFormat, Obstacle};

/// Kubernetes operator that owns AWS Classic Elastic Load Balancers.
#[derive(Debug, Parser)]
#[command(name = "clb-operator", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch ClassicLoadBalancers and keep AWS as they declare.
    ///
    /// Kubernetes: the service account inside a cluster, otherwise the kubeconfig (KUBECONFIG).
    /// AWS: region, endpoint and credentials by the standard chain (AWS_REGION, AWS_ENDPOINT_URL, IRSA, Pod Identity).
    Run(Run),
    /// Print the CustomResourceDefinition.
    Crd,
    /// Print the reference of conditions, Events and refusals.
    #[command(hide = true)]
    Reference,
}

#[derive(Debug, Args)]
struct Run {
    /// Identifies this cluster among all that use the AWS account: 1 to 63 of [A-Za-z0-9._-]. It is written into every
    /// balancer's tags; changing it makes every balancer foreign.
    #[arg(long, env = "CLB_CLUSTER_ID", value_parser = cluster_id)]
    cluster_id: String,
    /// Address of /metrics, /healthz and /readyz.
    #[arg(long, env = "CLB_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// How often a balancer is read and drift repaired though nothing happened, such as 10m.
    #[arg(long, env = "CLB_RESYNC_PERIOD", default_value = "10m", value_parser = duration)]
    resync_period: Duration,
    /// How often the health of the instances is read, such as 60s.
    #[arg(long, env = "CLB_HEALTH_INTERVAL", default_value = "60s", value_parser = duration)]
    health_interval: Duration,
    /// How many objects are worked on at once.
    #[arg(long, env = "CLB_CONCURRENCY", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// Tags of every balancer, such as team=web,env=prod. Tags of an object win over them; taken out here, they are
    /// removed.
    #[arg(long, env = "CLB_DEFAULT_TAGS", value_name = "KEY=VALUE,…", value_parser = DefaultTags::read, default_value = "")]
    default_tags: DefaultTags,
    /// Which existing balancers are taken over where an object asks for it (spec.adopt): none; those whose tags offer
    /// them, by classiclb.dev/adopt-by=CLUSTER-ID/NAMESPACE/NAME or by naming the object before it was restored; or also
    /// any that has no owner.
    #[arg(long, env = "CLB_ADOPTION", value_enum, default_value_t = AdoptionFlag::Tagged)]
    adoption: AdoptionFlag,
    /// Write nothing to AWS: every object is treated as if spec.management were Observe.
    #[arg(long, env = "CLB_READ_ONLY", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false)]
    read_only: bool,
    /// How log lines look.
    #[arg(long, env = "CLB_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    log_format: LogFormat,
    /// A level (error, warn, info, debug, trace) or a list of target=level.
    #[arg(long, env = "CLB_LOG_LEVEL", default_value = "info")]
    log_level: String,
}

/// Tags of every balancer.
#[derive(Clone, Debug)]
struct DefaultTags(BTreeMap<String, String>);

impl DefaultTags {
    fn read(text: &str) -> Result<Self, String> {
        desired::default_tags(text).map(Self)
    }
}

/// Which existing balancers are taken over.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum AdoptionFlag {
    Never,
    Tagged,
    Any,
}

impl From<AdoptionFlag> for Adoption {
    fn from(flag: AdoptionFlag) -> Self {
        match flag {
            AdoptionFlag::Never => Self::Never,
            AdoptionFlag::Tagged => Self::Tagged,
            AdoptionFlag::Any => Self::Any,
        }
    }
}

fn cluster_id(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.is_empty() || text.len() > 63 || !text.chars().all(legal) {
        return Err(message::not_a_cluster_id());
    }
    Ok(text.to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let signed: jiff::SignedDuration = text.parse().map_err(|_| message::not_a_duration())?;
    let duration = Duration::try_from(signed).map_err(|_| message::negative_duration())?;
    if duration < Duration::from_secs(1) {
        return Err(message::short_duration());
    }
    Ok(duration)
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let outcome = match cli.command {
        Command::Crd => print_crd(),
        Command::Reference => print_reference(),
        Command::Run(arguments) => run(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("clb-operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Wrong flags: one clear line and exit status 2. Help and version are no error.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    // Without a command clap shows the help, which says nothing of what is wrong.
    let text = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => message::no_command(),
        _ => error.render().to_string(),
    };
    let what: Vec<&str> = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:"))
        .map(|line| line.trim().trim_start_matches("error: "))
        .filter(|line| !line.is_empty() && !line.starts_with("tip:") && !line.starts_with("For more information"))
        .collect();
    eprintln!("clb-operator: {}", message::wrong_flags(what.join(" ")));
    ExitCode::from(2)
}

fn print_crd() -> anyhow::Result<()> {
    let definition = api::crd::definition()?;
    print!("{}", serde_saphyr::to_string(&definition)?);
    Ok(())
}

fn print_reference() -> anyhow::Result<()> {
    print!("{}", api::reference::page()?);
    Ok(())
}

fn run(arguments: Run) -> anyhow::Result<()> {
    let Run {
        cluster_id,
        listen,
        resync_period,
        health_interval,
        concurrency,
        default_tags,
        adoption,
        read_only,
        log_format,
        log_level,
    } = arguments;
    if let Err(error) = telemetry::start(log_format, &log_level) {
        let why = match error {
            Obstacle::NotALevel(word) => message::not_a_level(format_args!("{word:?}")),
            Obstacle::NotAFilter(filter, error) => message::not_a_filter(format_args!("{filter:?}"), error),
            Obstacle::Started(error) => message::no_logging(error),
        };
        eprintln!("clb-operator: {why}");
        std::process::exit(2);
    }
    // One provider for both clients; the first to ask would choose otherwise.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!(message::second_tls_provider()))?;
    let intervals = Intervals {
        resync: resync_period,
        health: health_interval,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(operator::run(Parameters {
        cluster_id,
        listen,
        intervals,
        rules: Rules {
            adoption: adoption.into(),
            read_only,
            default_tags: default_tags.0,
        },
        concurrency,
    }))
}
