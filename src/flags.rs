//! The command line of `clb-operator`. `kubectl clb plan` reads that of the running operator by the same definition, so
//! that no flag can be known here and forgotten there.
#![allow(clippy::doc_markdown)] // these comments are also the help text of a terminal
#![allow(clippy::format_push_string)] // a line of text reads better than its errors

pub mod reference;

mod rules;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::api::message;
use crate::aws::Limits;
use crate::controller::{Intervals, Rules, namespace};
use crate::elb::region;
use crate::telemetry::LogFormat;

pub use rules::RuleFlags;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Whose load balancers these are, among all clusters of the AWS account.
    pub cluster_id: String,
    /// Where `/metrics`, `/healthz` and `/readyz` are served.
    pub listen: SocketAddr,
    /// How often to look though nothing happened.
    pub intervals: Intervals,
    /// What holds for every object.
    pub rules: Rules,
    /// How many objects are worked on at once.
    pub concurrency: u16,
    /// The namespace of the Lease.
    pub lease_namespace: String,
    /// Whether replicas share the work: each region of an account has a Lease of its own.
    pub lease_per_region: bool,
    /// What AWS lets an account ask for in a region, and our share of it.
    pub limits: Limits,
    /// How many objects have metrics of their own.
    pub object_metrics: usize,
    /// Where the metrics are served by TLS, if they are.
    pub secure_metrics: Option<SecureMetrics>,
}

/// The metrics by TLS, on a port of their own.
#[derive(Clone, Debug)]
pub struct SecureMetrics {
    /// The port.
    pub listen: SocketAddr,
    /// The folder with `tls.crt` and `tls.key`.
    pub certificate: PathBuf,
    /// Whether Kubernetes is asked who may read them.
    pub authentication: bool,
}

/// Kubernetes operator that owns AWS Classic Elastic Load Balancers.
#[derive(Debug, Parser)]
#[command(name = "clb-operator", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `clb-operator` can do.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant)] // there is one in a process
pub enum Command {
    /// Watch ClassicLoadBalancers and keep AWS as they declare.
    ///
    /// Kubernetes: the service account inside a cluster, otherwise the kubeconfig (KUBECONFIG).
    /// AWS: region, endpoint and credentials by the standard chain (AWS_REGION, AWS_ENDPOINT_URL, IRSA, Pod Identity).
    Run(Run),
    /// Print the CustomResourceDefinitions.
    Crd {
        /// Only that of this resource.
        #[arg(value_parser = ["classicloadbalancers", "classicloadbalancerbindings", "awsaccounts"])]
        resource: Option<String>,
    },
    /// Ask a running operator whether it is ready; `helm test` does.
    ///
    /// Exit status: 0 when it is, 1 when it is not within the time, with what it says of itself.
    Ready(Ready),
    /// Print a page of the reference.
    #[command(hide = true)]
    Reference {
        /// Which one.
        #[arg(value_enum, default_value_t = Page::Conditions)]
        page: Page,
    },
}

/// A page of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Page {
    /// Conditions, Events and refusals.
    Conditions,
    /// Metrics.
    Metrics,
    /// The fields of the resource.
    Fields,
    /// Commands and flags.
    CommandLine,
}

/// The flags of `clb-operator ready`.
#[derive(Debug, Args)]
pub struct Ready {
    /// Where it listens, such as http://127.0.0.1:8080.
    #[arg(long)]
    pub url: String,
    /// How long to go on asking, such as 60s.
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub wait: Duration,
    /// Ask AWS too, with the credentials that this process has: who it is, and for a load balancer. Without a region (AWS_REGION)
    /// it is left out.
    #[arg(long)]
    pub aws: bool,
}

/// What has a Lease of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LeasePer {
    /// The operator: one replica works, the others wait.
    Operator,
    /// Each region of each account: replicas share the work.
    Region,
}

/// The flags of `clb-operator run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Identifies this cluster among all that use the AWS account: 1 to 63 of [A-Za-z0-9._-]. It is written into every
    /// load balancer's tags; changing it makes every load balancer foreign.
    #[arg(long, env = "CLB_CLUSTER_ID", value_parser = cluster_id)]
    pub cluster_id: String,
    /// Address of /metrics, /healthz and /readyz.
    #[arg(long, env = "CLB_LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// How often a load balancer is read and drift repaired though nothing happened, such as 10m.
    #[arg(long, env = "CLB_RESYNC_PERIOD", default_value = "10m", value_parser = duration)]
    resync_period: Duration,
    /// How often the health of the instances is read, such as 60s.
    #[arg(long, env = "CLB_HEALTH_INTERVAL", default_value = "60s", value_parser = duration)]
    health_interval: Duration,
    /// How many objects are worked on at once.
    #[arg(long, env = "CLB_CONCURRENCY", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// The share of what AWS lets an account ask for in a region that this operator takes, in percent.
    #[arg(long, env = "CLB_RATE_SHARE", default_value_t = 50, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    rate_share: u8,
    /// What AWS lets the accounts ask for, where it raised their limits: BUCKET=CAPACITY+PER-SECOND, such as
    /// resource-intensive=50+2,describe=100+40. The buckets are account, describe, registration, mutating,
    /// resource-intensive, ec2, autoscaling, acm and iam; those that are not named have what AWS publishes. none: AWS
    /// counts no calls, as a simulator.
    #[arg(long, env = "CLB_RATE_LIMITS", default_value = "", value_name = "BUCKET=CAPACITY+PER-SECOND,…", value_parser = Limits::from_str, hide_default_value = true)]
    rate_limits: Limits,
    /// Namespace of the Lease that one operator of a cluster holds, so that a second one waits. It is the same for all of
    /// them, wherever they are installed.
    #[arg(long, env = "CLB_LEASE_NAMESPACE", default_value = "kube-system", value_parser = namespace)]
    pub lease_namespace: String,
    /// What has a Lease: the operator, so that one replica works and the others wait, or each region of each account, so
    /// that replicas share the work. With region nothing may be done with Nodes that are about to go
    /// (--node-draining=none).
    #[arg(long, env = "CLB_LEASE_PER", value_enum, default_value_t = LeasePer::Operator)]
    pub lease_per: LeasePer,
    /// How many objects have metrics of their own, about nine series each; 0: none.
    #[arg(long, env = "CLB_OBJECT_METRICS", default_value_t = 1000)]
    object_metrics: usize,
    /// Address of /metrics by TLS, such as 0.0.0.0:8443; --listen then serves them no more.
    #[arg(long, env = "CLB_METRICS_LISTEN", requires = "metrics_certificate")]
    metrics_listen: Option<SocketAddr>,
    /// Folder with tls.crt and tls.key for it, as a Secret of type kubernetes.io/tls is mounted. Files that are exchanged are taken up.
    #[arg(
        long,
        env = "CLB_METRICS_CERTIFICATE",
        value_name = "FOLDER",
        requires = "metrics_listen"
    )]
    metrics_certificate: Option<PathBuf>,
    /// Let only those read the metrics by TLS whose bearer token Kubernetes lets get /metrics.
    #[arg(
        long,
        env = "CLB_METRICS_AUTHENTICATION",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        requires = "metrics_listen"
    )]
    metrics_authentication: Option<bool>,
    /// What holds for every object.
    #[command(flatten)]
    pub rules: RuleFlags,
    /// How log lines look.
    #[arg(long, env = "CLB_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// A level (error, warn, info, debug, trace) or a list of target=level.
    #[arg(long, env = "CLB_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// An OpenTelemetry collector that traces are sent to, by OTLP over HTTP, such as `http://collector.observability:4318`: a span
    /// for each reconcile, and beneath it one for each call to AWS. Empty: none.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", default_value = "", value_name = "URL", value_parser = collector, hide_default_value = true)]
    otlp_endpoint: String,
}

impl Run {
    /// The collector of traces.
    pub fn collector(&self) -> Option<&str> {
        Some(self.otlp_endpoint.as_str()).filter(|url| !url.is_empty())
    }

    /// What the operator is built from. Those of log and traces are not of it.
    pub fn parameters(self) -> Parameters {
        Parameters {
            cluster_id: self.cluster_id,
            listen: self.listen,
            intervals: Intervals {
                resync: self.resync_period,
                health: self.health_interval,
            },
            rules: self.rules.rules(),
            concurrency: self.concurrency,
            lease_namespace: self.lease_namespace,
            lease_per_region: self.lease_per == LeasePer::Region,
            limits: self.rate_limits.with_share(self.rate_share),
            object_metrics: self.object_metrics,
            secure_metrics: self
                .metrics_listen
                .zip(self.metrics_certificate)
                .map(|(listen, certificate)| SecureMetrics {
                    listen,
                    certificate,
                    authentication: self.metrics_authentication.unwrap_or_default(),
                }),
        }
    }

    /// The flags of an operator that runs elsewhere, by the arguments after its program and by its environment. The
    /// environment of this process has no part in it.
    ///
    /// # Errors
    /// In one line, when this version would refuse them.
    pub fn elsewhere(arguments: &[String], environment: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut given = vec!["clb-operator".to_owned()];
        given.extend(arguments.first().cloned());
        let command = Cli::command().mut_subcommand("run", |run| {
            // A variable becomes an argument where there is none.
            run.mut_args(|argument| {
                let name = argument.get_env().and_then(OsStr::to_str);
                let value = name.and_then(|name| environment.get(name));
                if let (Some(long), Some(value)) = (argument.get_long(), value)
                    && !is_given(arguments, long)
                {
                    given.push(format!("--{long}={value}"));
                }
                argument.env(Resettable::Reset)
            })
        });
        given.extend(arguments.iter().skip(1).cloned());
        let matches = command.try_get_matches_from(given);
        match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
            Ok(Cli {
                command: Command::Run(run),
            }) => Ok(run),
            Ok(_) => Err(message::not_the_operator()),
            Err(error) => Err(one_line(&error)),
        }
    }
}

/// Whether a flag is among the arguments.
fn is_given(arguments: &[String], long: &str) -> bool {
    let names = |argument: &String| {
        let rest = argument
            .strip_prefix("--")
            .and_then(|argument| argument.strip_prefix(long));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    arguments.iter().any(names)
}

/// Reads a cluster id.
///
/// # Errors
/// When a tag could not hold it.
pub fn cluster_id(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if text.is_empty() || text.len() > 63 || !text.chars().all(legal) {
        return Err(message::not_a_cluster_id());
    }
    Ok(text.to_owned())
}

/// Reads the name of a region.
///
/// # Errors
/// When no region can have that name.
pub fn region_name(text: &str) -> Result<String, String> {
    region::is_legal(text)
        .then(|| text.to_owned())
        .ok_or_else(message::not_a_region_name)
}

/// The address of a collector, or nothing.
fn collector(text: &str) -> Result<String, String> {
    let uri: Option<http::Uri> = text.parse().ok();
    let is_legal = uri.is_some_and(|uri| {
        let scheme = uri.scheme_str();
        uri.host().is_some_and(|host| !host.is_empty())
            && matches!(scheme, Some("http" | "https"))
            && uri.query().is_none()
    });
    if text.is_empty() || is_legal {
        return Ok(text.to_owned());
    }
    Err(message::not_a_collector())
}

fn duration(text: &str) -> Result<Duration, String> {
    let signed: jiff::SignedDuration = text.parse().map_err(|_| message::not_a_duration())?;
    let duration = Duration::try_from(signed).map_err(|_| message::negative_duration())?;
    if duration < Duration::from_secs(1) {
        return Err(message::short_duration());
    }
    Ok(duration)
}

/// What is wrong with a command line, in one line.
pub fn one_line(error: &clap::Error) -> String {
    // Without a command clap shows the help, which says nothing of what is wrong.
    let text = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => message::no_command(),
        _ => error.render().to_string(),
    };
    let lines = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"));
    let (mut what, mut tips) = (Vec::new(), String::new());
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with("For more information")) {
        match line.strip_prefix("tip: ") {
            Some(tip) => tips.push_str(&format!("; {tip}")),
            None => what.push(line.trim_start_matches("error: ")),
        }
    }
    what.join(" ") + &tips
}

#[cfg(test)]
mod tests;
