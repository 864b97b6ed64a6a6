//! `kubectl-clb` as a person runs it: the real binary, a real API server, the operator, and AWS over HTTP.
#![allow(clippy::expect_used, clippy::panic)] // tests may

mod accounts;
mod adopt;
mod bindings;
mod check;
mod check_aws;
mod completion;
mod credentials;
mod diff;
mod events;
mod every_command;
mod export;
mod fleet;
mod fleet_by_hand;
mod iam_policy;
mod import;
mod import_terraform;
mod inventory;
mod list;
mod migrate;
mod operator_flags;
mod plan;
mod regions;
mod rights;
mod status;
mod trouble;
mod usage;
mod varied;
mod watch;
mod why;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use testkit::{Namespace, Result, Stack};

const BINARY: &str = env!("CARGO_BIN_EXE_kubectl-clb");

/// The least that a balancer needs.
const SPEC: &str = "spec:
  availabilityZones: [us-east-1a]
  listeners:
  - {port: 80, protocol: HTTP, instancePort: 8080}
";

/// Somebody with a terminal, and a namespace of their own.
struct Person<'a> {
    stack: &'a Stack,
    namespace: Namespace,
}

impl Person<'static> {
    async fn new() -> Result<Self> {
        Self::at(Stack::shared().await?).await
    }
}

impl<'a> Person<'a> {
    async fn at(stack: &'a Stack) -> Result<Self> {
        let namespace = stack.namespace().await?;
        Ok(Self { stack, namespace })
    }

    /// Their shell, in the namespace of the test.
    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("KUBECONFIG", self.stack.control_plane().kubeconfig())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.stack.simulator().environment())
            .env_remove("CLB_CLUSTER_ID")
            .env_remove("CLB_ADOPTION")
            .env_remove("CLB_DEFAULT_TAGS")
            .env_remove("CLB_READ_ONLY")
            .env_remove("CLB_WATCH_NAMESPACES")
            // Whatever the machine has of its own.
            .env("HOME", "/nonexistent")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(Path::new(BINARY), arguments))
    }

    /// With `-n` of the test's namespace.
    fn here(&self, arguments: &[&str]) -> Ran {
        self.run(&[arguments, &["-n", self.namespace.namespace()]].concat())
    }

    /// With other variables; an empty value takes one out.
    fn with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = self.command(Path::new(BINARY), arguments);
        for &(name, value) in variables {
            match value {
                "" => command.env_remove(name),
                value => command.env(name, value),
            };
        }
        Ran::of(&mut command)
    }

    fn plan(&self, arguments: &[&str]) -> Ran {
        self.here(&[&["plan", "--cluster-id", "test"], arguments].concat())
    }
}

/// What a command wrote and how it ended.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        Self::of_output(command.output().expect("it starts"))
    }

    fn of_output(Output { status, stdout, stderr }: Output) -> Self {
        Self {
            code: status.code(),
            out: String::from_utf8(stdout).expect("text"),
            err: String::from_utf8(stderr).expect("text"),
        }
    }

    /// Ended with this status; an error is one line that says who speaks.
    fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(
            !self.out.contains('\u{1b}') && !self.err.contains('\u{1b}'),
            "no colour in a pipe"
        );
        for line in self.err.lines() {
            assert!(line.starts_with("kubectl-clb: "), "{self:#?}");
        }
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    fn yaml(&self) -> Value {
        serde_saphyr::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Failed with one line that has these words, and wrote no data at all.
    fn fails(self, code: i32, words: &[&str]) -> Self {
        let ran = self.ended(code);
        assert_eq!(ran.err.lines().count(), 1, "{ran:#?}");
        assert!(ran.out.is_empty(), "{ran:#?}");
        ran.complains(words);
        ran
    }

    fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.out.contains(word), "{word:?} is missing: {self:#?}");
        }
        self
    }

    fn complains(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing: {self:#?}");
        }
        self
    }
}

/// An object with instances.
fn manifest(name: &str, instances: &[String]) -> String {
    format!(
        "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {{name: {name}}}\n{SPEC}  targets: \
         {{instanceIds: [{}]}}\n",
        instances.join(", ")
    )
}

/// A file that is gone with the value.
fn file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(content.as_bytes()).expect("written");
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().expect("text")
}
