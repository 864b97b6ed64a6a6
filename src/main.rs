//! `clb-operator`: parses arguments, builds parameters, runs.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))] // unit tests may

use std::process::ExitCode;

use anyhow::anyhow;
use clap::{CommandFactory as _, Parser as _};
use classic_lb_operator::api::{self, message};
use classic_lb_operator::cli;
use classic_lb_operator::flags::{self, Cli, Command, Page, Ready, Run};
use classic_lb_operator::metrics;
use classic_lb_operator::operator;
use classic_lb_operator::telemetry::{self, Obstacle, Traces};
use serde_json::Value;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let outcome = match cli.command {
        Command::Crd { resource } => print_crd(resource.as_deref()),
        Command::Reference { page } => print_reference(page),
        Command::Ready(arguments) => ready(&arguments),
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
    eprintln!("clb-operator: {}", message::wrong_flags(flags::one_line(error)));
    ExitCode::from(2)
}

fn print_crd(resource: Option<&str>) -> anyhow::Result<()> {
    let definitions = api::crd::definitions()?;
    let wanted =
        |definition: &&Value| resource.is_none_or(|resource| definition["spec"]["names"]["plural"] == resource);
    let documents = definitions.iter().filter(wanted).map(serde_saphyr::to_string);
    print!("{}", documents.collect::<Result<Vec<_>, _>>()?.join("---\n"));
    Ok(())
}

fn print_reference(page: Page) -> anyhow::Result<()> {
    let page = match page {
        Page::Conditions => api::reference::page()?,
        Page::Metrics => metrics::reference::page()?,
        Page::Fields => api::fields::page(&api::crd::definitions()?)?,
        Page::CommandLine => flags::reference::page(vec![Cli::command(), cli::command()])?,
    };
    print!("{page}");
    Ok(())
}

fn run(arguments: Run) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let traces = arguments
        .collector()
        .map(|url| Traces::to(url, runtime.handle().clone()));
    let traces = traces.transpose().map_err(|why| anyhow!(message::no_traces(why)))?;
    if let Err(error) = telemetry::start(arguments.log_format, &arguments.log_level, traces.as_ref()) {
        let why = match error {
            Obstacle::NotALevel(word) => message::not_a_level(format_args!("{word:?}")),
            Obstacle::NotAFilter(filter, error) => message::not_a_filter(format_args!("{filter:?}"), error),
            Obstacle::Started(error) => message::no_logging(error),
        };
        eprintln!("clb-operator: {why}");
        std::process::exit(2);
    }
    let outcome = runtime.block_on(operator::run(arguments.parameters()));
    if let Some(traces) = traces {
        traces.end();
    }
    outcome
}

fn ready(arguments: &Ready) -> anyhow::Result<()> {
    let runtime = runtime()?;
    runtime.block_on(operator::ready(&arguments.url, arguments.wait))?;
    println!("ready");
    if arguments.aws {
        match runtime.block_on(operator::aws_answers())? {
            Some((account, region)) => println!("AWS: {account} in {region}"),
            None => println!("{}", message::aws_not_asked()),
        }
    }
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    // One provider for both clients; the first to ask would choose otherwise.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!(message::second_tls_provider()))?;
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
