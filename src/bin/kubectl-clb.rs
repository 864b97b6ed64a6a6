//! `kubectl-clb`: parses arguments, builds the runtime, runs one command.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))] // unit tests may

use std::process::ExitCode;

use classic_lb_operator::cli;

fn main() -> ExitCode {
    let asked = match cli::read(std::env::args_os()) {
        Ok(asked) => asked,
        Err(error) => return cli::refuse(&error).into(),
    };
    // One provider for both clients; the first to ask would choose otherwise.
    let provided = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match (provided, runtime) {
        (Ok(()), Ok(runtime)) => runtime.block_on(cli::run(asked)).into(),
        (Err(_), _) => broken("a TLS provider was installed before"),
        (_, Err(error)) => broken(&error.to_string()),
    }
}

fn broken(why: &str) -> ExitCode {
    eprintln!("kubectl-clb: cannot start: {why}");
    ExitCode::FAILURE
}
