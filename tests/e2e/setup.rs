//! What is there before a test begins: the stack, instances with or without Nodes, and the balancer itself.

use std::ops::Deref;

use serde_json::json;
use testkit::simulator::REGION;
use testkit::{Options, Result, Stack};

use crate::{MINIMAL, Test, unique};

/// The stack of a test.
pub(crate) enum Home {
    /// The one that all tests share.
    Shared(&'static Stack),
    /// A variant of its own, or, where the control plane suffers, all of its own.
    Own(Box<Stack>),
}

impl Deref for Home {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        match self {
            Self::Shared(stack) => stack,
            Self::Own(stack) => stack,
        }
    }
}

impl From<Stack> for Home {
    fn from(stack: Stack) -> Self {
        Self::Own(Box::new(stack))
    }
}

/// What a balancer is set up with: `Test::web().instances(3).by_node().ready()`.
#[derive(Default)]
pub(crate) struct Setup {
    options: Option<Options>,
    zones: Vec<&'static str>,
    targets: Targets,
    lines: String,
}

/// What makes the instances targets.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Targets {
    #[default]
    Nothing,
    Ids,
    Nodes,
}

impl Setup {
    /// On a variant of the stack with these options.
    pub(crate) fn on(self, options: Options) -> Self {
        let options = Some(options);
        Self { options, ..self }
    }

    /// With an instance in each of these zones.
    pub(crate) fn zones(self, zones: &[&'static str]) -> Self {
        let zones = zones.to_vec();
        Self { zones, ..self }
    }

    /// With so many instances in the first zone.
    pub(crate) fn instances(self, count: usize) -> Self {
        self.zones(&vec!["us-east-1a"; count])
    }

    /// The instances are targets by their ids.
    pub(crate) fn by_id(self) -> Self {
        let targets = Targets::Ids;
        Self { targets, ..self }
    }

    /// The instances are targets by their Nodes, each called as its instance, with a label that no other test has.
    pub(crate) fn by_node(self) -> Self {
        let targets = Targets::Nodes;
        Self { targets, ..self }
    }

    /// With these lines in its spec beside the least that there must be.
    pub(crate) fn with(self, lines: &str) -> Self {
        let lines = format!("{}{lines}\n", self.lines);
        Self { lines, ..self }
    }

    /// Makes everything but the object.
    pub(crate) async fn start(self) -> Result<Test> {
        let stack = match self.options {
            None => Home::Shared(Stack::shared().await?),
            Some(options) => Stack::variant(options).await?.into(),
        };
        let mut test = Test::on(stack).await?;
        test.ids = test.instances(&self.zones).await?;
        match self.targets {
            Targets::Nothing => test.lines = self.lines,
            Targets::Ids => test.lines = format!("{}{}", self.lines, by_ids(&test.ids)),
            Targets::Nodes => {
                test.lines = format!("{}{}", self.lines, by_role(&test.role));
                for (id, zone) in test.ids.iter().zip(&self.zones) {
                    test.node_in(zone, id).await?;
                }
            }
        }
        Ok(test)
    }

    /// Makes everything and waits until the object is ready.
    pub(crate) async fn ready(self) -> Result<Test> {
        let test = self.start().await?;
        test.ready(&test.spec("")).await?;
        Ok(test)
    }
}

impl Test {
    /// The least that a balancer needs, its targets, and these lines.
    pub(crate) fn spec(&self, lines: &str) -> String {
        minimal(&format!("{}\n{lines}", self.lines))
    }

    /// Running instances, one in each of these zones.
    pub(crate) async fn instances(&self, zones: &[&str]) -> Result<Vec<String>> {
        self.namespace.instances(self.simulator(), zones).await
    }

    /// A Node of the test's role for an instance in the first zone.
    pub(crate) async fn node(&self, id: &str) -> Result<()> {
        self.node_in("us-east-1a", id).await
    }

    async fn node_in(&self, zone: &str, id: &str) -> Result<()> {
        let (provider, role) = (format!("aws:///{zone}/{id}"), self.role.as_str());
        self.namespace
            .node(id, Some(&provider), &[("role", role)])
            .await
            .map(drop)
    }

    /// A server certificate of the account; returns its ARN.
    pub(crate) async fn certificate(&self) -> Result<String> {
        let name = format!("certificate-{}", unique());
        let seed = json!({"regions": [{"region": REGION, "serverCertificates": [{"name": name}]}]});
        self.simulator().seed(&seed).await?;
        Ok(format!("arn:aws:iam::123456789012:server-certificate/{name}"))
    }

    /// A bucket that AWS may write logs to.
    pub(crate) async fn bucket(&self) -> Result<String> {
        let name = format!("logs-{}", unique());
        self.simulator().seed(&json!({"buckets": [{"name": name}]})).await?;
        Ok(name)
    }
}

/// The least that a balancer needs, and these lines.
pub(crate) fn minimal(lines: &str) -> String {
    format!("{MINIMAL}\n{lines}")
}

/// These instances as targets.
pub(crate) fn by_ids(ids: &[String]) -> String {
    format!("targets: {{instanceIds: [{}]}}", ids.join(", "))
}

/// The Nodes of a role as targets.
pub(crate) fn by_role(role: &str) -> String {
    format!("targets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}")
}

/// Options with these arguments of the operator.
pub(crate) fn with_args(args: &[&str]) -> Options {
    let mut options = Options::default();
    options.operator.args = args.iter().map(|&arg| arg.to_owned()).collect();
    options
}

/// Options under which health is read so often.
pub(crate) fn health_every(interval: &str) -> Options {
    let mut options = Options::default();
    interval.clone_into(&mut options.operator.health_interval);
    options
}
