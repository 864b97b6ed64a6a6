//! Ctrl-C, while nobody answers.

use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use testkit::Result;
use testkit::cluster::PATIENCE;

use super::{There, arguments, commands, line};
use crate::trouble::{kubeconfig, server};
use crate::{BINARY, Person, Ran, file, manifest, path};

/// Waits for the end, and ends what does not.
fn end(mut child: Child, command: &str) -> (std::process::ExitStatus, Ran) {
    let begun = Instant::now();
    while child.try_wait().expect("asked").is_none() {
        if begun.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("{command} does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("it ended");
    (output.status, Ran::of_output(output))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_that_waits_ends_with_an_interrupt_and_without_data() -> Result<()> {
    let person = Person::new().await?;
    // Takes connections and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("set");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let silent = kubeconfig(&person, server(url.clone()));
    let there = There {
        load_balancer: "web".to_owned(),
        manifest: file(&manifest("web", &[]).replace("spec:\n", "spec:\n  adopt: true\n  loadBalancerName: web\n")),
        free: "web".to_owned(),
    };
    for (command, kubernetes) in commands() {
        if command == "completion" {
            continue;
        }
        let arguments = arguments(&command, &there);
        let arguments = line(&person, &command, kubernetes, &arguments);
        // Where tests run in the background, a shell has them ignore the signal, and so would what they start.
        let arguments = [&["--default-signal=INT", BINARY], &arguments[..]].concat();
        let mut child = person
            .command(Path::new("env"), &arguments)
            .env("AWS_ENDPOINT_URL", &url)
            .env("KUBECONFIG", path(&silent))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let begun = Instant::now();
        let asked = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if begun.elapsed() > PATIENCE || child.try_wait().expect("asked").is_some() => {
                    panic!("{command} asks nobody ({error}): {:#?}", end(child, &command));
                }
                Err(_pending) => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .expect("sent")
                .success()
        );
        let (status, ran) = end(child, &command);
        drop(asked);
        assert_eq!(
            (status.signal(), ran.out.as_str()),
            (Some(2), ""),
            "{command}: {ran:#?}"
        );
        assert!(!ran.err.contains("panicked"), "{command}: {ran:#?}");
    }
    Ok(())
}
