//! `kubectl clb plan`.

mod deployment;
mod subject;
mod terms;

use std::path::PathBuf;

use clap::Args;
use kube::{Client, ResourceExt as _};
use serde::Serialize;
use terms::{OperatorFlags, ShownTerms, Terms};

use super::failure::Failure;
use super::kubernetes::{self, Kubernetes};
use super::output::{self, Format};
use super::progress::Progress;
use super::screen::{self, Colour, Paint};
use super::{Exit, region};
use crate::api::{ClassicLoadBalancer, Management};
use crate::aws::{Accounts, Class};
use crate::controller::preview::preview;
use crate::controller::{Error, Rules};

/// Show the AWS calls that would be made for an object, in order, without making them.
///
/// NAME plans for an object as it is stored; -f plans for what applying a file would make of it: the API server checks
/// the file first (a dry run, which stores nothing). Planned by the code of the operator under the flags that it runs
/// with, which are read from its Deployment. AWS and Kubernetes are only read.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb plan web -n shop
  kubectl clb plan -f web.yaml --cluster-id production
  kubectl kustomize overlays/prod | kubectl clb plan -f -
  kubectl clb plan web || echo 'something is to be done, or cannot be'

Exit status: 0 nothing is to be done, 1 the plan has problems or could not be made, 3 calls would be made.")]
pub(super) struct Plan {
    /// Names of ClassicLoadBalancer objects.
    #[arg(value_name = "NAME", value_parser = kubernetes::name, required_unless_present_any = ["filename", "selector", "all_namespaces"])]
    names: Vec<String>,
    /// A file with objects, - for standard input. Documents of other kinds are passed over.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["names", "selector", "all_namespaces"])]
    filename: Option<PathBuf>,
    /// Objects with these labels.
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// In all namespaces.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// The region of objects that name none and have no load balancer yet. Default: the operator's, else AWS_REGION or
    /// the profile's.
    #[arg(long, value_parser = region::parse)]
    region: Option<String>,
    /// How to show the plan.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    operator: OperatorFlags,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    cluster_id: String,
    /// What the operator runs with.
    operator: ShownTerms,
    differences: bool,
    objects: Vec<Planned>,
}

/// The plan of one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    namespace: String,
    name: String,
    region: String,
    /// Whether nothing but the own environment names the region.
    #[serde(skip)]
    own_region: bool,
    steps: Vec<String>,
    problems: Vec<String>,
}

impl Plan {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let connection = self.kubernetes.connect().await?;
        let objects = self.subjects(&connection).await?;
        let namespaces = objects.iter().filter_map(kube::ResourceExt::namespace).collect();
        let terms = self.operator.terms(&connection.client, &namespaces).await?;
        let aws = super::aws().await?;
        let mut progress = Progress::start("asking AWS and Kubernetes");
        let mut planned = Vec::new();
        for (at, object) in objects.iter().enumerate() {
            progress.tell(&format!("planning {} of {}", at + 1, objects.len()));
            planned.push(self.plan(connection.client.clone(), &aws, &terms, object).await?);
        }
        drop(progress);
        if let (Some(deployment), Some(object)) = (&terms.deployment, planned.iter().find(|object| object.own_region)) {
            screen::note(&format!(
                "Deployment {deployment} does not say which region its pods are given: planning {} in {}, which is yours; give \
                 --region where theirs is another",
                object.name, object.region
            ));
        }
        let shown = Shown {
            operator: terms.shown(),
            cluster_id: terms.cluster_id.clone(),
            differences: planned.iter().any(|planned| !planned.steps.is_empty()),
            objects: planned,
        };
        if shown.differences && terms.rules.read_only {
            screen::note("the operator runs with --read-only and will make none of these calls");
        }
        for (object, planned) in objects.iter().zip(&shown.objects) {
            not_by_the_operator(object, planned, &terms.rules);
        }
        match self.output {
            Format::Text => screen::print(&render(&shown, Paint::for_output()))?,
            Format::Json => output::json(&shown)?,
            Format::Yaml => output::yaml(&shown)?,
        }
        Ok(if shown.objects.iter().any(|planned| !planned.problems.is_empty()) {
            Exit::Failed
        } else if shown.differences {
            Exit::Differences
        } else {
            Exit::Ok
        })
    }

    async fn plan(
        &self,
        client: Client,
        aws: &Accounts,
        terms: &Terms,
        object: &ClassicLoadBalancer,
    ) -> Result<Planned, Failure> {
        let mut object = object.clone();
        let name = object.name_any();
        let named = self.region_of(&object, terms);
        let own_region = named.is_none();
        let region = named
            .or_else(|| aws.default_region().map(ToOwned::to_owned))
            .ok_or_else(|| Failure::usage(format!("{name} names no region: give --region or set AWS_REGION")))?;
        can_ask(aws, &region, &object).await?;
        // What the operator takes from its own environment, which is not that of whoever runs this.
        object.spec.region = Some(region.clone());
        let preview = Box::pin(preview(client, aws, &terms.cluster_id, terms.rules.clone(), &object))
            .await
            .map_err(|error| failed(&name, &error))?;
        Ok(Planned {
            namespace: object.namespace().unwrap_or_default(),
            name,
            region,
            own_region,
            steps: preview.steps,
            problems: preview.problems,
        })
    }

    /// Where the load balancer is or would be, as far as anything but the own environment tells.
    fn region_of(&self, object: &ClassicLoadBalancer, terms: &Terms) -> Option<String> {
        let known = object.status.as_ref().and_then(|status| status.region.clone());
        let region = object.spec.region.clone().or(known);
        region.or_else(|| self.region.clone()).or_else(|| terms.region.clone())
    }
}

/// Says of an object why the operator will make none of its calls.
fn not_by_the_operator(object: &ClassicLoadBalancer, planned: &Planned, rules: &Rules) {
    let (namespace, name) = (&planned.namespace, &planned.name);
    if !rules.namespaces.hold(namespace) {
        screen::note(&format!(
            "{namespace}/{name} is outside of the namespaces that the operator watches (--watch-namespaces={}), so it makes \
             none of its calls and tells nothing in its status",
            rules.namespaces
        ));
    }
    if let Some(management @ (Management::Observe | Management::Suspended)) = object.spec.management
        && !planned.steps.is_empty()
    {
        screen::note(&format!(
            "{name} has management: {management:?}, so the operator makes none of its calls"
        ));
    }
}

/// Whether AWS knows the credentials, and as those of the account that the load balancer is in: with others a load
/// balancer that is well would look lost.
async fn can_ask(aws: &Accounts, region: &str, object: &ClassicLoadBalancer) -> Result<(), Failure> {
    let theirs = object.status.as_ref().and_then(|status| status.account_id.as_deref());
    match (aws.region(region).account().await, theirs) {
        (Ok(ours), Some(theirs)) if ours.id != theirs => Err(Failure::new(format!(
            "the load balancer of {} is in AWS account {theirs}, but these credentials are of {}: set AWS_PROFILE",
            object.name_any(),
            ours.id
        ))),
        (Err(error), _) if error.class == Class::Denied => Err(Failure::aws(region, &error)),
        // The calls that matter tell what else is wrong.
        _ => Ok(()),
    }
}

fn failed(name: &str, error: &Error) -> Failure {
    let doing = format!("planning {name}");
    match error {
        Error::Kube(error) => Failure::kube(&doing, error),
        error => Failure::new(format!(
            "{doing}: {error}; check the network, AWS_ENDPOINT_URL, and that the credentials may read what the operator reads"
        )),
    }
}

fn render(shown: &Shown, paint: Paint) -> String {
    let mut text = String::new();
    for planned in &shown.objects {
        let title = format!("{}/{} in {}", planned.namespace, planned.name, planned.region);
        text.push_str(&format!("{}\n", paint.paint(Colour::Bold, &title)));
        for (at, step) in planned.steps.iter().enumerate() {
            text.push_str(&format!("  {}. {step}\n", at + 1));
        }
        for problem in &planned.problems {
            text.push_str(&format!("  {} {problem}\n", paint.paint(Colour::Red, "problem:")));
        }
        if planned.steps.is_empty() && planned.problems.is_empty() {
            text.push_str("  nothing to do: AWS is as declared\n");
        }
    }
    text
}
