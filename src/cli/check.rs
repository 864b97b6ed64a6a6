//! `kubectl clb check`.

mod aws;
mod clock;
mod cluster;
mod definitions;
mod objects;
mod operator;
mod rights;
mod view;
mod writes;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;

use super::Exit;
use super::failure::Failure;
use super::finding::{Finding, Grade};
use super::kubernetes::Kubernetes;
use super::output::{self, Format};
use super::progress::Progress;
use super::screen::{self, Colour, Paint};
use crate::flags::{cluster_id, region_name};

/// Check the cluster, the operator and AWS, and say what to do about what is wrong.
///
/// Checks the API server, the definitions and their version, what you and the operator may do, the operator's Deployment,
/// its pods and who leads, the objects, and AWS as you: identity, clock, and every action that only reads, one by one; with --writes or --role those that write too.
/// With --pre: whether the operator can be installed. Nothing is written. AWS is asked as you, not as the operator: with
/// the operator's role in AWS_PROFILE it is its permissions that are checked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb check
  kubectl clb check --pre                          before the installation
  AWS_PROFILE=operator kubectl clb check --strict  the operator's own permissions; warnings are failures
  kubectl clb check --role arn:aws:iam::123456789012:role/clb      what the operator's role may write
  kubectl clb check -o json | jq -r '.categories[].checks[] | select(.result != \"success\") | .hint'

Exit status: 0 all is well or there are only warnings, 1 something is wrong; the same for every form of output.")]
#[allow(clippy::struct_excessive_bools)] // they are flags
pub(super) struct Check {
    /// Check what an installation needs.
    #[arg(long)]
    pre: bool,
    /// End with status 1 for warnings too.
    #[arg(long)]
    strict: bool,
    /// Do not ask AWS.
    #[arg(long)]
    no_aws: bool,
    /// Ask IAM also for the calls that write, by iam:SimulatePrincipalPolicy. None of them is made.
    #[arg(long, conflicts_with = "no_aws")]
    writes: bool,
    /// Ask for those of this role or user, whose policies yours may read, and not for your own.
    #[arg(long, value_name = "ARN", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "no_aws")]
    role: Option<String>,
    /// The cluster id in the tags that the writes would bring. Default: the operator's.
    #[arg(long, env = "CLB_CLUSTER_ID", value_name = "ID", value_parser = cluster_id)]
    cluster_id: Option<String>,
    /// The region to ask AWS in. Default: AWS_REGION or the profile's.
    #[arg(long, value_parser = region_name)]
    region: Option<String>,
    /// How to show the results.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

/// One check. Its code is its anchor in the documentation.
#[derive(Debug, Serialize)]
struct Checked {
    code: &'static str,
    #[serde(flatten)]
    finding: Finding,
}

/// A check with this code.
fn of(code: &'static str, finding: Finding) -> Checked {
    Checked { code, finding }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Category {
    category_name: &'static str,
    checks: Vec<Checked>,
}

#[derive(Debug, Serialize)]
struct Shown {
    success: bool,
    categories: Vec<Category>,
}

impl Shown {
    fn count(&self, grade: Grade) -> usize {
        let all = self.categories.iter().flat_map(|category| &category.checks);
        all.filter(|check| check.finding.result == grade).count()
    }
}

impl Check {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let mut progress = Progress::start("asking Kubernetes");
        let (mut categories, found) = self.of_kubernetes(&mut progress).await;
        if !self.no_aws {
            progress.tell("asking AWS");
            let asked = writes::Asked {
                principal: self.role.as_deref(),
                cluster_id: self.cluster_id.as_deref().or(found.as_deref()),
            };
            let asked = (self.writes || self.role.is_some()).then_some(&asked);
            categories.push(Category {
                category_name: "AWS, as you",
                checks: aws::checks(self.region.as_deref(), asked).await,
            });
        }
        drop(progress);
        let mut shown = Shown {
            success: false,
            categories,
        };
        let wrong = shown.count(Grade::Error) + if self.strict { shown.count(Grade::Warning) } else { 0 };
        shown.success = wrong == 0;
        match self.output {
            Format::Text => screen::show(&render(&shown, Paint::for_output()))?,
            Format::Json => output::json(&shown)?,
            Format::Yaml => output::yaml(&shown)?,
        }
        Ok(if shown.success { Exit::Ok } else { Exit::Failed })
    }

    /// What the API server is asked, and the cluster id of the operator; nothing more where it does not answer.
    async fn of_kubernetes(&self, progress: &mut Progress) -> (Vec<Category>, Option<String>) {
        let category = |category_name, checks| Category { category_name, checks };
        let connection = match self.kubernetes.connect().await {
            Ok(connection) => connection,
            Err(failure) => {
                let all = vec![category("Kubernetes", vec![cluster::unreachable(&failure)])];
                return (all, None);
            }
        };
        let (checks, answers) = cluster::checks(&connection).await;
        let mut all = vec![category("Kubernetes", checks)];
        if !answers {
            return (all, None);
        }
        progress.tell("asking for definitions and rights");
        all.push(category(
            "Definitions",
            definitions::checks(&connection.client, self.pre).await,
        ));
        all.push(category("Rights, yours", rights::yours(&connection, self.pre).await));
        progress.tell("asking for the operator");
        let (checks, operators) = operator::checks(&connection.client, self.pre).await;
        all.push(category("Operator", checks));
        if !self.pre {
            let mut checks = Vec::new();
            for one in &operators {
                checks.extend(rights::of_operator(&connection.client, one).await);
            }
            if !checks.is_empty() {
                all.push(category("Rights, the operator's", checks));
            }
            let (checks, mut of_aws) = objects::checks(&connection).await;
            all.push(category("Objects", checks));
            of_aws.extend(view::of_operators(&connection.client, &operators).await);
            if !of_aws.is_empty() {
                all.push(category("AWS, as the operator finds it", of_aws));
            }
        }
        (all, operators.into_iter().next().map(|operator| operator.cluster_id))
    }
}

fn render(shown: &Shown, paint: Paint) -> String {
    let mut text = String::new();
    for category in &shown.categories {
        text.push_str(&format!("{}\n", paint.paint(Colour::Bold, category.category_name)));
        for check in &category.checks {
            text.push_str(&check.finding.render(paint));
        }
        text.push('\n');
    }
    let (errors, warnings) = (shown.count(Grade::Error), shown.count(Grade::Warning));
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let verdict = match (errors, warnings) {
        (0, 0) => "all is well".to_owned(),
        _ => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    };
    text.push_str(&format!("Result: {verdict}\n"));
    text
}
