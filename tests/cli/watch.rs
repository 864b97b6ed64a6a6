//! `kubectl clb status --watch`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::Result;
use testkit::cluster::{Kind, PATIENCE};

use crate::{BINARY, Person, manifest};

/// A command that runs on; it ends with the test.
pub(crate) struct Running {
    pub(crate) child: Child,
    lines: Receiver<String>,
}

impl Running {
    pub(crate) fn start(person: &Person<'_>, arguments: &[&str]) -> Self {
        let all = [arguments, &["-n", person.namespace.namespace()]].concat();
        let mut command = person.command(Path::new(BINARY), &all);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(std::io::Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line that has all these words.
    pub(crate) fn line(&self, words: &[&str]) -> String {
        let mut seen = Vec::new();
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("no line with {words:?}: {seen:#?}");
            };
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
            seen.push(line);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_a_line() -> Result<()> {
    let person = Person::new().await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    person.namespace.until_ready("web").await?;
    let running = Running::start(&person, &["status", "--watch"]);
    running.line(&["NAME", "READY", "DNS-NAME"]);
    running.line(&["web", "True", "Ready"]);
    let other = person.here(&["status", "-l", "no=body", "-w", "-o", "json"]);
    other.fails(2, &["cannot be used with"]);
    person
        .namespace
        .patch(Kind::CLB, "web", json!({"spec": {"management": "Suspended"}}))
        .await?;
    running.line(&["web", "Suspended"]);
    person.namespace.apply(&manifest("more", &[])).await?;
    running.line(&["more", "True", "Ready"]);
    person
        .namespace
        .patch(Kind::CLB, "web", json!({"spec": {"management": "Full"}}))
        .await?;
    person.namespace.delete_and_wait(Kind::CLB, "web").await?;
    running.line(&["web", "(deleted)"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::zombie_processes)] // it is waited for, or the test has failed
async fn an_object_is_waited_for_and_a_reader_that_goes_away_ends_it() -> Result<()> {
    let person = Person::new().await?;
    let namespace = person.namespace.namespace().to_owned();
    let mut command = person.command(Path::new(BINARY), &["status", "late", "-w", "-n", &namespace]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut told = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    told.read_line(&mut line).expect("a line");
    assert!(
        line.contains("no ClassicLoadBalancer called \"late\"") && line.contains("waiting for it"),
        "{line}"
    );
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    // Another one is not what was asked for.
    person.namespace.apply(&manifest("other", &[])).await?;
    person.namespace.until_ready("other").await?;
    person.namespace.apply(&manifest("late", &[])).await?;
    let mut lines = String::new();
    while !lines.contains("late") {
        assert!(output.read_line(&mut lines).expect("a line") > 0, "it runs on: {lines}");
    }
    assert!(lines.starts_with("NAME") && !lines.contains("other"), "{lines}");
    // It need have nothing more to say to learn of that.
    drop(output);
    assert!(ended(&mut child).success());
    let mut rest = String::new();
    told.read_to_string(&mut rest).expect("text");
    assert!(rest.is_empty(), "{rest}");
    Ok(())
}

/// Waits until a command has ended by itself.
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a state") {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "it goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_watched_is_told_at_once() -> Result<()> {
    let person = Person::new().await?;
    person
        .here(&["status", "-w", "--as", "nobody"])
        .fails(1, &["forbidden", "ask for that right"]);
    person
        .here(&["status", "-w", "--kubeconfig", "/nonexistent"])
        .fails(1, &["/nonexistent"]);
    Ok(())
}
