//! The means of the steps: kubectl as a person would type it, AWS as a person would look at it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use testkit::cluster::{Cluster, PATIENCE};
use testkit::{Calls, Stack, tool};

use crate::screen::Screen;

/// The balancer of the tutorial.
pub(crate) const BALANCER: &str = "my-lb";

pub(crate) struct Play<'a> {
    pub(crate) stack: &'a Stack,
    pub(crate) cluster: Cluster,
    pub(crate) screen: Screen,
    kubectl: PathBuf,
    home: tempfile::TempDir,
    mark: u64,
}

impl<'a> Play<'a> {
    pub(crate) async fn new(stack: &'a Stack, cluster: Cluster, screen: Screen) -> anyhow::Result<Self> {
        let kubectl = tool::kubectl().await?;
        // kubectl keeps a cache in its home folder, which is not to be the user's.
        let home = tempfile::tempdir()?;
        Ok(Self {
            stack,
            cluster,
            screen,
            kubectl,
            home,
            mark: 0,
        })
    }

    /// Begins a step: what AWS is asked from here on belongs to it.
    pub(crate) fn step(&mut self, title: &str, story: &str) -> anyhow::Result<()> {
        self.screen.step(title, story);
        self.mark()
    }

    /// Leaves what AWS was asked so far out of the step.
    pub(crate) fn mark(&mut self) -> anyhow::Result<()> {
        self.mark = self.stack.simulator().mark()?;
        Ok(())
    }

    /// Runs kubectl, shows the command and its output, and returns the output.
    pub(crate) async fn kubectl(&mut self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = tokio::process::Command::new(&self.kubectl)
            .args(arguments)
            .current_dir(tool::root())
            .env("KUBECONFIG", self.stack.control_plane().kubeconfig())
            .env("HOME", self.home.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("running {}", self.kubectl.display()))?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        let quoted: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
        let command = format!("kubectl {}", quoted.join(" "));
        self.screen.command(&command, &text);
        ensure!(output.status.success(), "`{command}` failed ({})", output.status);
        Ok(text)
    }

    /// Changes the tutorial's object with a merge patch.
    pub(crate) async fn change(&mut self, patch: &str) -> anyhow::Result<()> {
        self.kubectl(&["patch", "clb", BALANCER, "--type=merge", "-p", patch])
            .await
            .map(drop)
    }

    /// Waits until AWS has answered such a call of this step without an error.
    pub(crate) async fn until_asked(&self, operation: &str, value: &str) -> anyhow::Result<()> {
        let what = format!("{operation} naming {value}");
        let wanted = |calls: &Calls| !calls.of(operation).naming(value).successful().is_empty();
        self.stack.simulator().until_calls(self.mark, &what, wanted).await?;
        Ok(())
    }

    /// Shows what AWS was asked in this step.
    pub(crate) fn show_calls(&mut self) -> anyhow::Result<Calls> {
        let calls = self.stack.simulator().calls(self.mark)?;
        self.screen
            .asked(&calls.only(|call| call.is_write() || call.operation != "DescribeInstanceHealth"));
        Ok(calls)
    }

    /// Says that something holds, or fails with it.
    pub(crate) fn check(&mut self, holds: bool, what: &str) -> anyhow::Result<()> {
        ensure!(holds, "this was not seen to happen: {what}");
        self.screen.seen(what);
        Ok(())
    }

    /// The balancers that AWS has, by name.
    pub(crate) async fn balancers(&self) -> anyhow::Result<Vec<Balancer>> {
        let answer = self.stack.simulator().elb().describe_load_balancers().send().await?;
        let balancers = answer.load_balancer_descriptions().iter().map(|found| Balancer {
            name: found.load_balancer_name().unwrap_or_default().to_owned(),
            dns_name: found.dns_name().unwrap_or_default().to_owned(),
            zones: sorted(found.availability_zones().iter().cloned()),
            instances: sorted(
                found
                    .instances()
                    .iter()
                    .filter_map(|instance| instance.instance_id())
                    .map(str::to_owned),
            ),
        });
        Ok(balancers.collect())
    }

    /// The tutorial's balancer in AWS.
    pub(crate) async fn balancer(&self) -> anyhow::Result<Balancer> {
        let found = self
            .balancers()
            .await?
            .into_iter()
            .find(|balancer| balancer.name == BALANCER);
        found.with_context(|| format!("AWS has no balancer {BALANCER}"))
    }

    /// Waits until AWS has these instances registered, whoever registered them.
    pub(crate) async fn until_registered(&self, ids: &[String]) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            let registered = self.balancer().await?.instances;
            if ids.iter().all(|id| registered.contains(id)) {
                return Ok(());
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "not all of {ids:?} were registered, only {registered:?}"
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The state of every registered instance as AWS tells it, by id.
    pub(crate) async fn health(&self) -> anyhow::Result<Vec<(String, String)>> {
        let elb = self.stack.simulator().elb();
        let answer = elb
            .describe_instance_health()
            .load_balancer_name(BALANCER)
            .send()
            .await?;
        let states = answer.instance_states().iter().map(|state| {
            (
                state.instance_id().unwrap_or_default().to_owned(),
                state.state().unwrap_or_default().to_owned(),
            )
        });
        Ok(sorted(states))
    }
}

/// What the demo looks at in a balancer.
pub(crate) struct Balancer {
    pub(crate) name: String,
    pub(crate) dns_name: String,
    pub(crate) zones: Vec<String>,
    pub(crate) instances: Vec<String>,
}

fn sorted<T: Ord>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort();
    values
}

/// As a person would have to type it in a shell.
fn quoted(argument: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./=,:".contains(character);
    if argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}
