//! `kubectl clb plan`.

mod foresee;
mod subject;

use std::sync::Arc;

use clap::Args;
use futures::{StreamExt as _, stream};
use kube::Client;
use serde::Serialize;
use subject::Subject;

use super::account::Account;
use super::failure::Failure;
use super::find::Read;
use super::kubernetes::{self, Kubernetes, Named};
use super::output::{self, Format};
use super::progress::Progress;
use super::screen::{self, Colour, Paint};
use super::terms::ShownTerms;
use super::{Exit, region};
use crate::api::message;
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerStatus, Management};
use crate::aws::{AccountRegion, Accounts, Class};
use crate::controller::preview::{Compared, compare};
use crate::controller::{Error, Rules};
use crate::elb::LoadBalancer;
use crate::flags::region_name;
use crate::plan::Explained;

pub(super) use super::terms::{OperatorFlags, Terms};
pub(super) use subject::{ask, in_file};

/// Objects that are planned for at once.
const AT_ONCE: usize = 8;

/// Show the AWS calls that would be made for an object, in order, without making them.
///
/// NAME plans for an object as it is stored; -f plans for what applying a file would make of it: the API server checks
/// the file first (a dry run, which stores nothing). Planned by the code of the operator under the flags that it runs
/// with, which are read from its Deployment. AWS and Kubernetes are only read.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb plan web -n shop
  kubectl clb plan binding/web             what a ClassicLoadBalancerBinding registers
  kubectl clb plan -f web.yaml --cluster-id production
  kubectl clb plan -f overlays/prod -R     every manifest in a folder and below it
  kubectl kustomize overlays/prod | kubectl clb plan -f -
  kubectl clb plan web || echo 'something is to be done, or cannot be'

Exit status: 0 nothing is to be done, 1 the plan has problems or could not be made, 3 calls would be made.")]
pub(super) struct Plan {
    /// Objects: web or clb/web for a ClassicLoadBalancer, binding/web for a ClassicLoadBalancerBinding.
    #[arg(value_name = "NAME", value_parser = kubernetes::named, required_unless_present_any = ["filename", "selector", "all_namespaces"])]
    names: Vec<Named>,
    /// Files, folders or addresses (https://...) with objects, - for standard input. Documents of other kinds are passed
    /// over.
    #[arg(short, long, value_name = "FILE,...", value_delimiter = ',', conflicts_with_all = ["names", "selector", "all_namespaces"])]
    filename: Vec<String>,
    /// Look also into the folders of folders.
    #[arg(short = 'R', long, requires = "filename")]
    recursive: bool,
    /// Objects with these labels.
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    /// In all namespaces, whatever -n says.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// The region of objects that name none and have no load balancer yet. Default: the operator's, else AWS_REGION or
    /// the profile's.
    #[arg(long, value_parser = region_name)]
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

/// The plan of one object. The name of a binding has its kind before it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Planned {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Absent where the object could not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<String>,
    /// Whether nothing but the own environment names the region.
    #[serde(skip)]
    own_region: bool,
    /// The calls in words.
    steps: Vec<String>,
    /// The same with what they make, take away and replace.
    calls: Vec<Call>,
    pub(super) problems: Vec<String>,
    /// The calls as they were planned.
    #[serde(skip)]
    pub(super) explained: Vec<Explained>,
    /// The load balancer as AWS has it.
    #[serde(skip)]
    pub(super) observed: Option<LoadBalancer>,
    /// What the object says of what was applied.
    #[serde(skip)]
    pub(super) status: Option<Box<ClassicLoadBalancerStatus>>,
    /// Where AWS was asked for it.
    #[serde(skip)]
    pub(super) asked: Option<Arc<AccountRegion>>,
    /// Why there is no plan of it.
    #[serde(skip)]
    failure: Option<Failure>,
    /// What the object says of being worked on.
    #[serde(skip)]
    management: Option<Management>,
}

/// One call to AWS.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    operation: &'static str,
    /// The call in words.
    step: String,
    /// What a creation carries, what was there before a change.
    details: Vec<String>,
}

impl From<Explained> for Call {
    fn from(explained: Explained) -> Self {
        Self {
            operation: explained.step.operation(),
            step: explained.step.to_string(),
            details: explained.details,
        }
    }
}

impl Plan {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let (planned, terms, missing) = Box::pin(self.planned()).await?;
        let exit = self.show(planned, &terms)?;
        Ok(if missing { Exit::Failed } else { exit })
    }

    /// The plans of all objects, what they were made under, and whether some that were named do not exist.
    pub(super) async fn planned(&self) -> Result<(Vec<Planned>, Terms, bool), Failure> {
        let connection = self.kubernetes.connect().await?;
        let (mut subjects, missing) = self.subjects(&connection).await?;
        if let Some(failure) = common(&mut subjects, |subject| subject.object.as_mut().err()) {
            return Err(failure);
        }
        let found = subjects.iter().filter(|subject| subject.object.is_ok());
        let namespaces = found.map(|subject| subject.namespace.clone()).collect();
        let terms = self.operator.terms(&connection.client, &namespaces).await?;
        let aws = super::aws().await?;
        let mut progress = Progress::start("asking AWS and Kubernetes");
        let total = subjects.len();
        let mut plans = stream::iter(subjects)
            .map(|subject| self.plan(connection.client.clone(), &aws, &terms, subject))
            .buffered(AT_ONCE);
        let mut planned = Vec::new();
        while let Some(plan) = plans.next().await {
            planned.push(plan);
            progress.tell(&format!("planned {} of {total}", planned.len()));
        }
        drop((plans, progress));
        if let Some(failure) = common(&mut planned, |planned| planned.failure.as_mut()) {
            return Err(failure);
        }
        Ok((planned, terms, missing))
    }

    /// How to show what was planned.
    pub(super) fn output(&self) -> Format {
        self.output
    }

    fn show(&self, planned: Vec<Planned>, terms: &Terms) -> Result<Exit, Failure> {
        if let (Some(deployment), Some(object)) = (&terms.deployment, planned.iter().find(|object| object.own_region)) {
            screen::note(&format!(
                "Deployment {deployment} does not say which region its pods are given: planning {} in {}, which is yours; give \
                 --region where theirs is another",
                object.name,
                object.region.as_deref().unwrap_or_default()
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
        for planned in &shown.objects {
            not_by_the_operator(planned, &terms.rules);
        }
        match self.output {
            Format::Text => screen::show(&render(&shown, Paint::for_output()))?,
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

    /// The plan of one object. Where there can be none the reason is its problem, so that the others are still planned.
    async fn plan(&self, client: Client, aws: &Accounts, terms: &Terms, subject: Subject) -> Planned {
        let Subject {
            namespace,
            name,
            object,
        } = subject;
        let mut planned = Planned {
            namespace,
            name,
            region: None,
            own_region: false,
            steps: Vec::new(),
            calls: Vec::new(),
            problems: Vec::new(),
            explained: Vec::new(),
            observed: None,
            status: None,
            asked: None,
            failure: None,
            management: None,
        };
        let made = match object {
            Ok(object) => Box::pin(self.fill(client, aws, terms, *object, &mut planned)).await,
            Err(why) => Err(why),
        };
        if let Err(why) = made {
            planned.problems = vec![why.to_string()];
            planned.failure = Some(why);
        }
        planned
    }

    async fn fill(
        &self,
        client: Client,
        aws: &Accounts,
        terms: &Terms,
        read: Read,
        planned: &mut Planned,
    ) -> Result<(), Failure> {
        let name = read.named().to_string();
        let Read { kind, mut object } = read;
        let named = self.region_of(&object, terms);
        planned.own_region = named.is_none();
        planned.management = object.spec.management;
        let region = named
            .or_else(|| aws.default_region().map(ToOwned::to_owned))
            .ok_or_else(|| Failure::usage(format!("{name} names no region: give --region or set AWS_REGION")))?;
        planned.region = Some(region.clone());
        let asked = asked(&client, aws, &region, &object).await?;
        planned.asked.clone_from(&asked);
        // What the operator takes from its own environment, which is not that of whoever runs this.
        object.spec.region = Some(region.clone());
        planned.status = object.status.clone().map(Box::new);
        let compared = Box::pin(compare(
            client,
            aws,
            &terms.cluster_id,
            terms.rules.clone(),
            (kind, &object),
        ))
        .await
        .map_err(|error| failed(&name, &region, &error))?;
        let Compared { preview, observed } = compared;
        planned.observed = observed;
        planned.explained.clone_from(&preview.explained);
        planned.problems = preview.problems;
        if let Some(asked) = asked {
            let foreseen = Box::pin(foresee::foresee(&asked, &preview.explained, planned.observed.as_ref())).await;
            planned.problems.extend(foreseen);
        }
        planned.calls = preview.explained.into_iter().map(Call::from).collect();
        planned.steps = preview.steps;
        Ok(())
    }

    /// Where the load balancer is or would be, as far as anything but the own environment tells.
    fn region_of(&self, object: &ClassicLoadBalancer, terms: &Terms) -> Option<String> {
        let known = object.status.as_ref().and_then(|status| status.region.clone());
        let region = object.spec.region.clone().or(known);
        region.or_else(|| self.region.clone()).or_else(|| terms.region.clone())
    }
}

/// Why there is no plan at all, where it is one and the same reason: of one object, or such as a missing credential.
fn common<T>(all: &mut [T], failure: impl Fn(&mut T) -> Option<&mut Failure>) -> Option<Failure> {
    let mut failures = all.iter_mut().map(failure).collect::<Option<Vec<_>>>()?;
    let first = failures.pop()?;
    let same = failures.iter().all(|other| other.to_string() == first.to_string());
    same.then(|| first.take())
}

/// Says of an object why the operator will make none of its calls.
fn not_by_the_operator(planned: &Planned, rules: &Rules) {
    let (namespace, name) = (&planned.namespace, &planned.name);
    if !rules.namespaces.hold(namespace) {
        screen::note(&format!(
            "{namespace}/{name} is outside of the namespaces that the operator watches (--watch-namespaces={}), so it makes \
             none of its calls and tells nothing in its status",
            rules.namespaces
        ));
    }
    if let Some(management @ (Management::Observe | Management::Suspended)) = planned.management
        && !planned.steps.is_empty()
    {
        screen::note(&format!(
            "{name} has management: {management:?}, so the operator makes none of its calls"
        ));
    }
}

/// Where AWS is asked for the object: with the credentials of another account a load balancer that is well would look lost.
/// `None`: the account that it refers to cannot be entered, which the plan itself tells.
async fn asked(
    client: &Client,
    aws: &Accounts,
    region: &str,
    object: &ClassicLoadBalancer,
) -> Result<Option<Arc<AccountRegion>>, Failure> {
    match aws.region(region).account().await {
        Err(error) if error.class == Class::Denied => return Err(Failure::aws(region, &error)),
        // The calls that matter tell what else is wrong.
        _ => {}
    }
    let Some(reference) = &object.spec.account_ref else {
        let theirs = object.status.as_ref().and_then(|status| status.account_id.as_deref());
        return Account::default().region(aws, region, theirs).await.map(Some);
    };
    let account = Account::of(client, aws, Some(&reference.name)).await;
    Ok(match account {
        Ok(account) => account.region(aws, region, None).await.ok(),
        Err(_) => None,
    })
}

/// Why an object could not be planned for.
pub(super) fn failed(name: &str, in_region: &str, error: &Error) -> Failure {
    let doing = format!("planning {name}");
    match error {
        Error::Kube(error) => Failure::kube(&doing, error),
        error if !region::is_known(in_region) => {
            Failure::new(format!("{doing}: {error}; {}", message::region_not_known(in_region)))
        }
        error => Failure::new(format!(
            "{doing}: {error}; check the network, AWS_ENDPOINT_URL, and that the credentials may read what the operator reads"
        )),
    }
}

fn render(shown: &Shown, paint: Paint) -> String {
    let mut text = String::new();
    for planned in &shown.objects {
        let mut title = planned.name.clone();
        if !planned.namespace.is_empty() {
            title = format!("{}/{title}", planned.namespace);
        }
        if let Some(region) = &planned.region {
            title.push_str(&format!(" in {region}"));
        }
        text.push_str(&format!("{}\n", paint.paint(Colour::Bold, &title)));
        for (at, call) in planned.calls.iter().enumerate() {
            text.push_str(&format!("  {}. {}\n", at + 1, call.step));
            for detail in &call.details {
                text.push_str(&format!("       {detail}\n"));
            }
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
