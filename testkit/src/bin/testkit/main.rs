//! Runs the stack for people: `make up`, `make down`, `make demo` and `make soak`.

mod demo;
mod local;
mod recording;
mod screen;
mod site;
mod soak;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Runs etcd, kube-apiserver, the AWS simulator and the operator on this machine, all on 127.0.0.1.
#[derive(Parser)]
#[command(name = "testkit", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the stack in the background and write FOLDER/env; does nothing when it runs already.
    Up(Folder),
    /// End the stack that `up` started.
    Down(Folder),
    /// Play the ELB tutorial on a stack of its own, and check every step.
    Demo {
        /// Take down what is printed, in this file, for `asciinema play`.
        #[arg(long)]
        record: Option<PathBuf>,
    },
    /// Let two operators idle over many load balancers, and fail where anything but the Lease is written or memory grows.
    Soak(soak::Arguments),
    /// Hold the stack: what `up` leaves running in the background.
    #[command(hide = true)]
    Hold(Folder),
}

#[derive(Args)]
struct Folder {
    /// Where the files lie that say how to reach the stack; by default .local in the project's folder.
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            runtime.block_on(async {
                match command {
                    Command::Up(Folder { folder }) => local::up(folder).await,
                    Command::Down(Folder { folder }) => local::down(folder).await,
                    Command::Demo { record } => demo::play(record).await,
                    Command::Soak(arguments) => soak::soak(arguments).await,
                    Command::Hold(Folder { folder }) => local::hold(folder).await,
                }
            })
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("testkit: {error:#}");
            ExitCode::FAILURE
        }
    }
}
