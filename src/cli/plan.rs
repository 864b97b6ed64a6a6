//! `kubectl clb plan`.

mod subject;

use std::path::PathBuf;

use clap::Args;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use serde::Serialize;

use super::failure::Failure;
use super::kubernetes::Kubernetes;
use super::output::{self, Format};
use super::progress::Progress;
use super::screen::{self, Colour, Paint};
use super::{Exit, region};
use crate::api::ClassicLoadBalancer;
use crate::aws::Aws;
use crate::controller::preview::preview;

/// Show the AWS calls that would be made for an object, in order, without making them.
///
/// NAME plans for an object as it is stored; -f plans for what applying a file would make of it: the API server checks the
/// file first (a dry run, which stores nothing). Planned by the code of the operator, with its default rules. AWS and
/// Kubernetes are only read.
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
    #[arg(value_name = "NAME", required_unless_present_any = ["filename", "selector", "all_namespaces"])]
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
    /// The cluster id of the operator. Default: that of the operator's Deployment in the cluster.
    #[arg(long, env = "CLB_CLUSTER_ID", value_name = "ID")]
    cluster_id: Option<String>,
    /// The region of objects that name none and have no balancer yet. Default: AWS_REGION or the profile's.
    #[arg(long, value_parser = region::parse)]
    region: Option<String>,
    /// How to show the plan.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    cluster_id: String,
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
    steps: Vec<String>,
    problems: Vec<String>,
}

impl Plan {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let connection = self.kubernetes.connect().await?;
        let objects = self.subjects(&connection).await?;
        let cluster_id = match &self.cluster_id {
            Some(id) => id.clone(),
            None => cluster_id(&connection.client).await?,
        };
        let aws = super::aws().await;
        let mut progress = Progress::start();
        let mut planned = Vec::new();
        for (at, object) in objects.iter().enumerate() {
            progress.tell(&format!("planning {} of {}", at + 1, objects.len()));
            planned.push(self.plan(connection.client.clone(), &aws, &cluster_id, object).await?);
        }
        drop(progress);
        let shown = Shown {
            cluster_id,
            differences: planned.iter().any(|planned| !planned.steps.is_empty()),
            objects: planned,
        };
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
        aws: &Aws,
        cluster_id: &str,
        object: &ClassicLoadBalancer,
    ) -> Result<Planned, Failure> {
        let mut object = object.clone();
        let known = object.status.as_ref().and_then(|status| status.region.clone());
        let region = object.spec.region.clone().or(known).or_else(|| self.region.clone());
        let name = object.name_any();
        let region = region
            .or_else(|| aws.default_region().map(ToOwned::to_owned))
            .ok_or_else(|| Failure::usage(format!("{name} names no region: give --region or set AWS_REGION")))?;
        // What the operator takes from its own environment, which is not that of whoever runs this.
        object.spec.region = Some(region.clone());
        let preview = Box::pin(preview(client, aws, cluster_id, &object))
            .await
            .map_err(|error| Failure::new(format!("planning {name}: {error}")))?;
        Ok(Planned {
            namespace: object.namespace().unwrap_or_default(),
            name,
            region,
            steps: preview.steps,
            problems: preview.problems,
        })
    }
}

/// The cluster id that the operator of this cluster runs with, as the chart writes it into its Deployment.
async fn cluster_id(client: &Client) -> Result<String, Failure> {
    let unknown = |why: &str| {
        Failure::usage(format!(
            "the cluster id is not known ({why}): give --cluster-id or set CLB_CLUSTER_ID to the clusterId that the operator \
             was installed with"
        ))
    };
    let wanted = ListParams::default().labels("app.kubernetes.io/name=classic-lb-operator");
    let list = Api::<Deployment>::all(client.clone()).list(&wanted).await;
    let list =
        list.map_err(|error| unknown(&Failure::kube("looking for the operator's Deployment", &error).to_string()))?;
    let ids = list.items.iter().flat_map(ids_of);
    let mut ids: Vec<String> = ids.collect();
    ids.sort();
    ids.dedup();
    match <[String; 1]>::try_from(ids) {
        Ok([id]) => Ok(id),
        Err(none) if none.is_empty() => Err(unknown("no Deployment of the operator was found")),
        Err(several) => Err(unknown(&format!("several operators run: {}", several.join(", ")))),
    }
}

fn ids_of(deployment: &Deployment) -> Vec<String> {
    let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let arguments = pod
        .into_iter()
        .flat_map(|pod| &pod.containers)
        .flat_map(|c| c.args.iter().flatten());
    arguments
        .filter_map(|argument| argument.strip_prefix("--cluster-id=").map(ToOwned::to_owned))
        .collect()
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
