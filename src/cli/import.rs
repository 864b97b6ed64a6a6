//! `kubectl clb import`.

mod bindings;
pub(super) mod check;
mod from_cloudformation;
mod from_terraform;
mod keeper;
pub(super) mod manifest;
pub(super) mod offer;
pub(super) mod told;
mod write;

use std::collections::BTreeSet;
use std::path::PathBuf;

use check::{Checked, Checker};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use futures::{StreamExt as _, stream};
use keeper::{Keeper, Origin};
use manifest::Manifest;

use super::account::Account;
use super::failure::Failure;
use super::fleet::{AT_ONCE, Fleet, Wanted};
use super::kubernetes::{Connection, Kubernetes};
use super::plan::{OperatorFlags, Terms};
use super::progress::Progress;
use super::selector::{self, Selector};
use super::{Exit, screen};
use crate::aws::{AccountRegion, Accounts};
use crate::controller::Kind;
use crate::elb::{InstanceId, LoadBalancer, glob};
use crate::flags::region_name;
use crate::plan::import::import;

/// Write manifests for load balancers that exist, which change nothing of them.
///
/// A manifest says what AWS has: listeners with their certificates and policies, health check, attributes, placement,
/// groups, instances and tags, without what is AWS's default anyway. Each is planned for as `kubectl clb plan` does before
/// it is printed: a call that would be more than the operator's own tags is named, and the exit status is 3. What no
/// manifest can say is told for each load balancer and stands above its manifest. Those that somebody keeps already, such
/// as another object or Elastic Beanstalk, are told and left out. Nothing is written to AWS or to Kubernetes, but for the
/// tag of --offer.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb import web -n shop > web.yaml
  kubectl clb import 'shop-*' -n shop --output-dir clusters/prod/shop
  kubectl clb import --selector team=shop --namespace-from-tag team --output-dir manifests
  kubectl clb import --all --output-dir manifests --offer --cluster-id production
  terraform state pull | kubectl clb import --from-terraform - -n shop --output-dir manifests
  terraform state pull | kubectl clb import --from-terraform - --bindings -n shop

Exit status: 0 every manifest changes nothing, 1 some could not be made, 3 some would change something.")]
pub(super) struct Import {
    /// Names of load balancers in AWS, with * for any characters and ? for one.
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new(),
        required_unless_present_any = ["all", "selector", "from_terraform", "from_cloudformation"])]
    names: Vec<String>,
    /// Every load balancer of the region.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Those with these tags in AWS, such as team=shop,env!=test.
    #[arg(short = 'l', long, value_name = "TAGS", value_parser = selector::parse)]
    selector: Option<Selector>,
    /// Those that a Terraform state holds: a file of `terraform state pull` or `terraform show -json`, - for standard
    /// input. What AWS has is imported, and where the state knows otherwise is told.
    #[arg(long, value_name = "FILE,...", value_delimiter = ',', conflicts_with_all = ["names", "all", "selector"])]
    from_terraform: Vec<String>,
    /// Make ClassicLoadBalancerBindings of what the state attaches to load balancers (aws_elb_attachment,
    /// aws_autoscaling_attachment), and leave the load balancers to whoever has them.
    #[arg(long, requires = "from_terraform",
        conflicts_with_all = ["names", "all", "selector", "from_cloudformation", "offer"])]
    bindings: bool,
    /// Those that a CloudFormation template holds, in YAML or JSON.
    #[arg(long, value_name = "FILE,...", value_delimiter = ',',
        conflicts_with_all = ["names", "all", "selector", "from_terraform"])]
    from_cloudformation: Vec<String>,
    /// The stack of the template, where several have been made of it.
    #[arg(long, value_name = "NAME", requires = "from_cloudformation")]
    stack: Option<String>,
    /// The region. Default: AWS_REGION or the profile's.
    #[arg(long, value_parser = region_name)]
    region: Option<String>,
    /// In the account of this AWSAccount, which is entered by its role unless the credentials are of it. The manifests refer
    /// to it. Default: the account of the credentials.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    account: Option<String>,
    /// Take the namespace of each object from the value of this tag; where it is missing, the one of -n.
    #[arg(long, value_name = "KEY", value_parser = NonEmptyStringValueParser::new())]
    namespace_from_tag: Option<String>,
    /// Write a file for each load balancer into this folder, and a kustomization.yaml. Files that are there are never
    /// written over.
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Offer each load balancer to its object, by the tag classiclb.dev/adopt-by, unless its manifest would change
    /// something. Needs the cluster id.
    #[arg(long)]
    offer: bool,
    /// How to write the manifests.
    #[arg(short, long, value_enum, default_value_t)]
    output: write::Form,
    #[command(flatten)]
    operator: OperatorFlags,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

/// A load balancer to be imported.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) region: String,
    pub(super) lb: LoadBalancer,
    /// The instances that attached groups register.
    pub(super) members: BTreeSet<InstanceId>,
    /// Whether it is known which groups are attached.
    pub(super) knows_groups: bool,
    /// What else is to be told of it.
    pub(super) notes: Vec<String>,
    /// What it is called where another tool keeps it, address or logical id: more than one where several states have it.
    origins: Vec<Origin>,
}

/// Where load balancers are from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) subjects: Vec<Subject>,
    /// Whether something could not be had.
    pub(super) exit: Exit,
    /// Which tool has them, and what it knows.
    keeper: Keeper,
}

/// A load balancer with its manifest.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) region: String,
    pub(super) load_balancer: String,
    origins: Vec<Origin>,
    pub(super) manifest: Manifest,
    pub(super) checked: Checked,
}

impl Made {
    fn is_clean(&self) -> bool {
        self.checked.differences.is_empty() && self.checked.problems.is_empty()
    }
}

impl Import {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let aws = super::aws().await?;
        if self.bindings {
            return Box::pin(self.bind(&aws)).await;
        }
        let (namespace, cluster) = self.place().await;
        let account = self.account(&aws, &cluster).await?;
        let Source {
            subjects,
            mut exit,
            keeper,
        } = self.source(&aws, &account).await?;
        let mut manifests = self.manifests(subjects, &namespace, &mut exit);
        for (manifest, _) in &mut manifests {
            manifest.spec.account_ref = account.reference();
        }
        let namespaces = manifests
            .iter()
            .map(|(manifest, _)| manifest.namespace.clone())
            .collect();
        let (terms, client) = self.terms(cluster, &namespaces).await?;
        let checker = Checker::new(&aws, &terms, client, self.offer)?;
        let made = checked(&checker, manifests).await;
        let going = made.iter().flat_map(|one| {
            let origins = one.origins.iter();
            origins.map(|origin| (origin, one.load_balancer.as_str()))
        });
        let release = keeper.release(&going.collect());
        write::write(self.output, self.output_dir.as_deref(), &made, &release)?;
        exit = tell(&made, exit);
        if self.offer {
            exit = offer::offer((&aws, &account), &terms.cluster_id, &made, exit).await;
        }
        Ok(exit)
    }

    /// The account that is asked.
    async fn account(&self, aws: &Accounts, cluster: &Result<Connection, Failure>) -> Result<Account, Failure> {
        match (self.account.as_deref(), cluster) {
            (None, _) => Ok(Account::default()),
            (name, Ok(connection)) => Account::of(&connection.client, aws, name).await,
            (Some(name), Err(why)) => Err(Failure::new(format!("AWSAccount {name} cannot be read: {why}"))),
        }
    }

    async fn source(&self, aws: &Accounts, account: &Account) -> Result<Source, Failure> {
        let region = self.region.as_deref().or(aws.default_region());
        if !self.from_terraform.is_empty() {
            return Box::pin(from_terraform::read((aws, account), &self.from_terraform, region)).await;
        }
        let region = region.ok_or_else(|| Failure::usage("no AWS region: give --region or set AWS_REGION"))?;
        let asked = account.region(aws, region, None).await?;
        if !self.from_cloudformation.is_empty() {
            let stack = self.stack.as_deref();
            return Box::pin(from_cloudformation::read(&asked, &self.from_cloudformation, stack)).await;
        }
        self.live(&asked).await
    }

    /// Those that are asked for, as AWS has them.
    async fn live(&self, asked: &AccountRegion) -> Result<Source, Failure> {
        let region = &asked.region;
        let wanted = Wanted {
            names: self.names.clone(),
            selector: self.selector.clone(),
            ..Wanted::default()
        };
        let mut fleet = Fleet::read(asked, &wanted).await?;
        let mut exit = Exit::Ok;
        for name in fleet.missing(&wanted) {
            screen::note(&format!("no Classic load balancer {name:?} in {region}"));
            exit = Exit::Failed;
        }
        for (name, error) in &fleet.unread {
            screen::note(&format!("{name}: {}", Failure::aws(region, error)));
            exit = Exit::Failed;
        }
        if fleet.balancers.is_empty() && exit == Exit::Ok {
            screen::note(&format!("no such Classic load balancers in {region}"));
        }
        let balancers = std::mem::take(&mut fleet.balancers);
        let subjects = balancers.into_iter().map(|lb| Subject {
            region: region.clone(),
            members: fleet.members(&lb.name),
            knows_groups: fleet.knows_groups(),
            lb,
            notes: Vec::new(),
            origins: Vec::new(),
        });
        Ok(Source {
            subjects: subjects.collect(),
            exit,
            keeper: Keeper::Nobody,
        })
    }

    /// The manifest of each, but for those that somebody keeps or that no manifest can declare.
    fn manifests(&self, subjects: Vec<Subject>, namespace: &str, exit: &mut Exit) -> Vec<(Manifest, Subject)> {
        let mut taken = BTreeSet::new();
        let mut manifests = Vec::new();
        for subject in subjects {
            let lb = &subject.lb;
            let is_named = self
                .names
                .iter()
                .any(|name| !glob::is_pattern(name) && *name == lb.name);
            let mut comments = subject.notes.clone();
            if let Some(claimed) = told::claimed(&lb.name, &lb.tags) {
                if !(is_named && claimed.by_name) {
                    screen::note(&format!("{} is left out: {}", lb.name, claimed.why));
                    *exit = if is_named { Exit::Failed } else { *exit };
                    continue;
                }
                comments.push(claimed.why);
            }
            let mut imported = match import(lb, &subject.region, &subject.members) {
                Ok(imported) => imported,
                Err(unfit) => {
                    screen::note(&format!("{} is left out: {}", lb.name, told::unfit(&unfit)));
                    *exit = Exit::Failed;
                    continue;
                }
            };
            if !subject.knows_groups {
                imported.spec.targets = None;
                imported.spec.registration = None;
                comments.push("targets are left out, since the Auto Scaling groups are not known".to_owned());
            }
            comments.extend(imported.left.iter().map(told::left));
            let own = self.namespace_of(lb).unwrap_or_else(|| namespace.to_owned());
            let manifest = Manifest {
                kind: Kind::Owner,
                name: manifest::object_name(&lb.name, &subject.region, &own, &mut taken),
                namespace: own,
                spec: imported.spec,
                comments,
            };
            manifests.push((manifest, subject));
        }
        manifests
    }

    /// The namespace of objects without one of their own, and the cluster where there is one.
    async fn place(&self) -> (String, Result<Connection, Failure>) {
        let cluster = self.kubernetes.connect().await;
        let namespace = match &cluster {
            Ok(connection) => connection.namespace.clone(),
            Err(_) => self.kubernetes.namespace().unwrap_or("default").to_owned(),
        };
        (namespace, cluster)
    }

    fn namespace_of(&self, lb: &LoadBalancer) -> Option<String> {
        let key = self.namespace_from_tag.as_ref()?;
        let name = lb.tags.get(key).and_then(|value| manifest::namespace(value));
        if name.is_none() {
            screen::note(&format!("{} has no tag {key} that could name a namespace", lb.name));
        }
        name
    }

    /// What is planned under, and the cluster where there is one. Without one, plans are made with the operator's
    /// defaults, which is told; only an offer needs to know whose it is.
    async fn terms(
        &self,
        cluster: Result<Connection, Failure>,
        namespaces: &BTreeSet<String>,
    ) -> Result<(Terms, Option<kube::Client>), Failure> {
        let why = match cluster {
            Err(why) => why,
            Ok(connection) => match self.operator.terms(&connection.client, namespaces).await {
                Ok(terms) => return Ok((terms, Some(connection.client))),
                Err(why) if self.offer => return Err(why),
                Err(why) => {
                    screen::note(&format!("planning with the operator's defaults: {why}"));
                    return Ok((self.operator.assumed(), Some(connection.client)));
                }
            },
        };
        if self.offer && !self.operator.names_cluster() {
            return Err(Failure::usage(format!(
                "--offer needs --cluster-id, or the cluster: {why}"
            )));
        }
        screen::note(&format!(
            "planning without a cluster, with the operator's defaults: {why}"
        ));
        Ok((self.operator.assumed(), None))
    }
}

/// Plans for each, in order.
async fn checked(checker: &Checker<'_>, manifests: Vec<(Manifest, Subject)>) -> Vec<Made> {
    let total = manifests.len();
    let mut progress = Progress::start("planning");
    let mut plans = stream::iter(manifests)
        .map(async |(manifest, subject): (Manifest, Subject)| Made {
            checked: match manifest.json() {
                Ok(document) => checker.check(&document, &subject.region, &subject.lb.tags).await,
                Err(why) => Checked {
                    problems: vec![why.to_string()],
                    ..Checked::default()
                },
            },
            region: subject.region,
            load_balancer: subject.lb.name,
            origins: subject.origins,
            manifest,
        })
        .buffered(AT_ONCE);
    let mut made = Vec::new();
    while let Some(one) = plans.next().await {
        made.push(one);
        progress.tell(&format!("planned {} of {total}", made.len()));
    }
    made
}

/// Says of each what no manifest carries, what would change and what is wrong.
fn tell(made: &[Made], mut exit: Exit) -> Exit {
    for one in made {
        let name = &one.load_balancer;
        for comment in &one.manifest.comments {
            screen::note(&format!("{name}: {comment}"));
        }
        for difference in &one.checked.differences {
            screen::note(&format!("{name}: its manifest would change it: {difference}"));
        }
        for problem in &one.checked.problems {
            screen::note(&format!("{name}: {problem}"));
        }
    }
    if made.iter().any(|one| !one.checked.problems.is_empty()) {
        exit = Exit::Failed;
    }
    if exit == Exit::Ok && made.iter().any(|one| !one.checked.differences.is_empty()) {
        exit = Exit::Differences;
    }
    exit
}
