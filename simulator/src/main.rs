//! `aws-simulator`: Classic Elastic Load Balancing on a local port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use aws_simulator::{
    AccessKey, AccessRules, Clock, Config, Delays, Policy, Seed, Signatures, Simulator, Throttles, Timestamp, serve,
};
use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;

/// Classic Elastic Load Balancing, and what its users need of EC2, Auto Scaling, IAM, ACM, STS, S3 and tagging.
#[derive(Parser)]
#[command(version, about, propagate_version = true, after_help = FIRST_STEPS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer AWS calls on a port of this machine.
    Serve(Box<Serve>),
}

const FIRST_STEPS: &str = "\
First steps:
  aws-simulator serve     # on http://127.0.0.1:4566, for this machine only
  export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1
  export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret
  aws elb describe-load-balancers

`aws-simulator serve --help` tells about seeds, time, throttles, IAM and faults.";

const TEACHING: &str = "\
Point any AWS client at it:
  export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1
  export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret
  aws elb create-load-balancer --load-balancer-name my-lb --availability-zones us-east-1a \\
    --listeners Protocol=HTTP,LoadBalancerPort=80,InstancePort=8080

Look at it in a browser at http://127.0.0.1:4566/

Test with it, over HTTP:
  GET    /_simulator/health             200 when it is up
  GET    /_simulator/requests?since=N   the requests after number N, as JSON lines
  GET    /_simulator/status             how many requests, and how many broke the service model
  POST   /_simulator/faults             {\"match\": {\"operation\": \"CreateLoadBalancer\"}, \"do\": \"resetAfter\"}
  GET    /_simulator/faults             which fired; DELETE ends them
  POST   /_simulator/clock              {\"advanceSeconds\": 300}
  POST   /_simulator/instance-health    {\"instanceId\": \"i-4f8cf126\", \"healthy\": false}
  POST   /_simulator/seed               as --seed;  POST /_simulator/reset forgets all
  GET    /_simulator/snapshot           all state;  POST /_simulator/restore puts it back

A seed:
  regions:
  - region: us-east-1
    instances:
    - {id: i-4f8cf126, availabilityZone: us-east-1a}
    loadBalancers:
    - {name: my-lb, availabilityZones: [us-east-1a], instances: [i-4f8cf126]}";

/// Answer AWS calls on a port of this machine.
#[derive(Args)]
#[command(after_help = TEACHING)]
struct Serve {
    /// Where to listen. Port 0 takes a free one; the address is printed.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// A YAML or JSON file with what is to be there from the start.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// How time passes: real, scaled:FACTOR, or manual and manual:2026-01-31T12:00:00Z, which stand still until pushed.
    #[arg(long, value_name = "CLOCK", default_value = "real", value_parser = clock)]
    clock: Clock,
    /// How long things take that take time in AWS.
    #[arg(long, value_enum, default_value_t)]
    delays: Delays,
    /// Enforce request rates: aws for the published ones, or figures such as resource-intensive=10+0.2,describe=40+10.
    #[arg(long, value_name = "RATES", num_args = 0..=1, default_missing_value = "aws")]
    throttle: Option<Throttles>,
    /// Enforce the quotas: 20 balancers in a region, 100 listeners and 1000 instances on each.
    #[arg(long)]
    quotas: bool,
    /// Refuse internet-facing balancers in a VPC without an Internet gateway, as AWS does.
    #[arg(long)]
    require_internet_gateway: bool,
    /// What to do with signatures.
    #[arg(long, value_enum, default_value_t)]
    signatures: Signatures,
    /// Another access key, its secret and its account; AKIDEXAMPLE:secret:123456789012 is known always.
    #[arg(long, value_name = "ID:SECRET:ACCOUNT", value_parser = key)]
    key: Vec<(String, AccessKey)>,
    /// Judge calls by an IAM policy and refuse what it does not allow; more files are more policies. With `WHO=` before the
    /// file only the calls of one access key id, or of the sessions of one role, by its ARN.
    #[arg(long, value_name = "[WHO=]POLICY")]
    enforce_iam: Vec<String>,
    /// Seed of the ids that are made: the same seed and the same calls give the same ids.
    #[arg(long, value_name = "NUMBER", default_value_t = Config::default().id_seed)]
    id_seed: u64,
}

fn clock(text: &str) -> anyhow::Result<Clock> {
    match text.split_once(':') {
        None if text == "real" => Ok(Clock::real()),
        None if text == "manual" => Ok(Clock::manual(Clock::real().now())),
        Some(("scaled", factor)) => {
            let factor: f64 = factor.parse().with_context(|| format!("{factor} is not a number"))?;
            if !(0.0..=1e6).contains(&factor) {
                bail!("time cannot run {factor} times as fast");
            }
            Ok(Clock::scaled(factor))
        }
        Some(("manual", start)) => {
            let start: Timestamp = start.parse()?;
            Ok(Clock::manual(start))
        }
        _ => Err(anyhow!("write real, scaled:60, manual, or manual:2026-01-31T12:00:00Z")),
    }
}

fn key(text: &str) -> anyhow::Result<(String, AccessKey)> {
    let mut parts = text.rsplitn(2, ':');
    let (account, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (id, secret) = rest.split_once(':').ok_or_else(|| anyhow!("write ID:SECRET:ACCOUNT"))?;
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("an account has twelve digits");
    }
    Ok((
        id.to_owned(),
        AccessKey {
            secret: secret.to_owned(),
            account: account.to_owned(),
        },
    ))
}

/// The policies of files, each for everybody or for whom its argument names.
fn access(arguments: &[String], keys: &BTreeMap<String, AccessKey>) -> anyhow::Result<AccessRules> {
    let mut rules = AccessRules::default();
    for argument in arguments {
        let (who, path) = match argument.split_once('=') {
            Some((who, path)) => (Some(who), path),
            None => (None, argument.as_str()),
        };
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the policy {path}"))?;
        let policy = Policy::from_json(&text).with_context(|| format!("the policy {path}"))?;
        match who {
            // A policy of nobody would let everybody through.
            Some(who) if !who.contains(":role/") && !keys.contains_key(who) => {
                bail!("{who} is neither an access key that --key names nor the ARN of a role");
            }
            Some(who) => rules.bind(who, policy),
            None => rules.bind_everybody(policy),
        }
    }
    Ok(rules)
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Serve(arguments) = Cli::parse().command;
    match run(*arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("aws-simulator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Serve) -> anyhow::Result<()> {
    let mut config = Config {
        clock: arguments.clock,
        delays: arguments.delays,
        quotas: arguments.quotas,
        throttles: arguments.throttle,
        require_internet_gateway: arguments.require_internet_gateway,
        signatures: arguments.signatures,
        id_seed: arguments.id_seed,
        ..Config::default()
    };
    config.keys.extend(arguments.key);
    config.access = access(&arguments.enforce_iam, &config.keys)?;
    let simulator = Simulator::new(config);
    if let Some(path) = &arguments.seed {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let seed = Seed::from_yaml(&text).with_context(|| path.display().to_string())?;
        simulator.seed(&seed).with_context(|| path.display().to_string())?;
    }
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let address = listener.local_addr()?;
    let reach = if address.ip().is_loopback() {
        ", which only this machine can reach"
    } else {
        ""
    };
    println!("aws-simulator listens on http://{address}{reach}");
    if let Some(warning) = exposure(address) {
        eprintln!("aws-simulator: {warning}");
    }
    serve(listener, simulator, stopped()).await?;
    Ok(())
}

/// What is said when others than this machine can reach the address.
fn exposure(address: SocketAddr) -> Option<String> {
    let warning = || format!("{address} is not a loopback address: whoever reaches this machine can use and reset it");
    (!address.ip().is_loopback()).then(warning)
}

/// Ready when the process is asked to end.
async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_of_nobody_and_one_that_is_not_understood_are_refused() {
        let told = |argument: &str| {
            let refused = access(&[argument.to_owned()], &Config::default().keys);
            format!("{:#}", refused.unwrap_err())
        };
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/iam/policy.json");
        let trust = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/iam/trust-irsa.json");
        for who in ["", "AKIDEXAMPLE=", "arn:aws:iam::123456789012:role/clb="] {
            access(&[format!("{who}{shipped}")], &Config::default().keys).unwrap();
        }
        let typo = told(&format!("AKIDEXAMPEL={shipped}"));
        assert!(typo.contains("AKIDEXAMPEL is neither"), "{typo}");
        let other = told(trust);
        assert!(
            other.contains("trust-irsa.json: statement 1 (OperatorByIrsa): "),
            "{other}"
        );
        assert!(told("none.json").contains("cannot read the policy none.json"));
    }

    #[test]
    fn it_says_when_it_listens_to_others() {
        for own in ["127.0.0.1:80", "127.1.2.3:80", "[::1]:80"] {
            assert_eq!(exposure(own.parse().unwrap()), None, "{own}");
        }
        for open in ["0.0.0.0:4566", "192.0.2.1:4566", "[::]:4566"] {
            let warning = exposure(open.parse().unwrap()).unwrap();
            assert!(
                warning.contains(open) && warning.contains("not a loopback"),
                "{warning}"
            );
        }
        let Command::Serve(defaults) = Cli::parse_from(["aws-simulator", "serve"]).command;
        assert_eq!(exposure(defaults.listen), None);
    }
}
