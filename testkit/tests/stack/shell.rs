//! A shell on the stack of `testkit up`, and what pages give it to do.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancing as elb;
use testkit::cluster::PATIENCE;
use testkit::tool;

use crate::testkit;

/// A shell that a newcomer has open, in a folder that looks like their clone.
pub(crate) struct Shell {
    home: PathBuf,
    pub(crate) local: PathBuf,
}

impl Shell {
    pub(crate) fn open(home: &Path) -> Self {
        let local = home.join(".local");
        symlink(
            tool::root().canonicalize().unwrap().join("examples"),
            home.join("examples"),
        )
        .unwrap();
        // `kubectl clb` is found by what `make up` writes down, and so is kubectl where none is installed.
        let path = std::env::var("PATH").unwrap();
        let state = format!("export PATH='{path}' HOME='{}'\n", home.display());
        std::fs::write(home.join("state"), state).unwrap();
        Self {
            home: home.to_owned(),
            local,
        }
    }

    /// One for which a stack runs.
    pub(crate) fn on_a_stack(home: &Path) -> Self {
        let shell = Self::open(home);
        testkit("up", &shell.local);
        let output = shell.run(". .local/env");
        assert!(output.status.success(), "{output:?}");
        shell
    }

    /// Each command has a shell of its own that begins with the variables the one before it ended with.
    pub(crate) fn run(&self, line: &str) -> Output {
        let script = r#". ./state; eval "$1"; code=$?; export -p >state; exit "$code""#;
        Command::new("bash")
            .args(["-c", script, "bash", line])
            .current_dir(&self.home)
            .env_clear()
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What a command prints that succeeds.
    pub(crate) fn prints(&self, line: &str) -> String {
        let output = self.run(line);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{line}: {}\n{said}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        said
    }

    /// Gives a command, again and again where it only looks, until it ends with this status and prints these words.
    pub(crate) async fn until(&self, place: &str, line: &str, status: i32, words: &[&str], looks: bool) {
        let started = Instant::now();
        loop {
            let output = self.run(line);
            let (said, why) = (
                String::from_utf8_lossy(&output.stdout).into_owned(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            );
            let ended = output.status.code() == Some(status);
            if ended && words.iter().all(|word| said.contains(word)) {
                break;
            }
            assert!(
                looks && started.elapsed() < PATIENCE,
                "{place}: {line}\n{}: {words:?} expected\n{said}{why}",
                output.status
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What is played in another way, and why.
    pub(crate) async fn replaced(&self, line: &str) -> bool {
        match line.split(" #").next().unwrap_or_default().trim() {
            // What these start is of this test, and already built.
            "make up" => drop(testkit("up", &self.local)),
            "make down" => drop(testkit("down", &self.local)),
            // Those that pages give, where the AWS CLI is not installed.
            command if command.starts_with("aws ") && !self.run("aws --version").status.success() => {
                self.call_aws(command).await;
            }
            _ => return false,
        }
        true
    }

    /// A client of the simulated AWS, as somebody else than the operator.
    pub(crate) fn elb(&self) -> elb::Client {
        let config = elb::Config::builder()
            .behavior_version(elb::config::BehaviorVersion::latest())
            .region(elb::config::Region::new("us-east-1"))
            .endpoint_url(self.prints("printf %s \"$AWS_ENDPOINT_URL\""))
            .credentials_provider(aws_credential_types::Credentials::from_keys(
                "AKIDEXAMPLE",
                "secret",
                None,
            ));
        elb::Client::from_conf(config.build())
    }

    async fn call_aws(&self, command: &str) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let client = self.elb();
        match words.as_slice() {
            [
                "aws",
                "elb",
                "delete-load-balancer-listeners",
                "--load-balancer-name",
                name,
                "--load-balancer-ports",
                port,
            ] => {
                let call = client.delete_load_balancer_listeners().load_balancer_name(*name);
                call.load_balancer_ports(port.parse().unwrap()).send().await.unwrap();
            }
            ["aws", "elb", "add-tags", "--load-balancer-names", name, "--tags", tag] => {
                let (key, value) = tag.strip_prefix("Key=").unwrap().split_once(",Value=").unwrap();
                let tag = elb::types::Tag::builder().key(key).value(value).build().unwrap();
                client
                    .add_tags()
                    .load_balancer_names(*name)
                    .tags(tag)
                    .send()
                    .await
                    .unwrap();
            }
            ["aws", "elb", "describe-tags", "--load-balancer-names", name] => {
                client.describe_tags().load_balancer_names(*name).send().await.unwrap();
            }
            _ => panic!("without the AWS CLI: {command}"),
        }
    }
}

/// The commands of a page, each with its place and its remark.
pub(crate) fn commands(page: &str) -> Vec<(String, String)> {
    section(page, "")
}

/// Those below a heading of it, which end with the next one of the same level.
pub(crate) fn section(page: &str, heading: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(tool::root().join(page)).unwrap();
    let (mut found, mut open, mut begun) = (Vec::new(), false, String::new());
    let mut inside = heading.is_empty();
    for (at, line) in text.lines().enumerate() {
        if !open && !heading.is_empty() && line.starts_with("## ") {
            inside = line == heading;
        }
        match (line, line.strip_suffix('\\')) {
            ("```sh", _) => open = true,
            ("```", _) => open = false,
            (_, Some(begins)) if open && inside => begun.push_str(begins),
            (ends, None) if open && inside => {
                found.push((format!("{page}:{}", at + 1), std::mem::take(&mut begun) + ends));
            }
            _ => {}
        }
    }
    assert!(!found.is_empty(), "{page} gives no command below {heading:?}");
    found
}
