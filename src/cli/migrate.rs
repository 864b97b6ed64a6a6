//! `kubectl clb migrate`.

mod ack;
mod followed;
mod group;
mod model;
mod successor;
mod terraform;
mod text;
mod tls;

use std::collections::BTreeSet;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use followed::Followed;
use kube::{Api, ResourceExt as _};
use model::{Successor, Taken};
use serde_json::{Value, json};
use successor::{Wish, successors};

use super::Exit;
use super::account::Account;
use super::export::hcl::Labels;
use super::failure::Failure;
use super::fleet::{Fleet, Wanted};
use super::kubernetes::{Connection, Kubernetes};
use super::output;
use super::screen::{self, Paint};
use super::selector::{self, Selector};
use crate::api::ClassicLoadBalancer;
use crate::elb::{InstanceId, LoadBalancer, TAG_OWNER, TAG_UID, glob};
use crate::flags::region_name;

/// Tell what becomes of Classic load balancers as Application or Network Load Balancers.
///
/// Tells for each what takes its place and why, every feature that has no counterpart, what is another than before, how many
/// listeners and target groups it takes, and the steps of a cut-over by weighted DNS records. With -o terraform or -o
/// ack it writes the new load balancers for Terraform or for ACK's controller of elbv2, in the namespace of -n. Where an object
/// of the cluster has a load balancer it is read for the Nodes that it follows. Nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb migrate web
  kubectl clb migrate --all -o json | jq -r '.loadBalancers[] | select(.successors | length > 1) | .name'
  kubectl clb migrate web --to nlb -o terraform > web.tf

Exit status: 1 when a NAME matches no load balancer, or one cannot be read.")]
pub(super) struct Migrate {
    /// Names of load balancers in AWS, with * for any characters and ? for one.
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new(),
        required_unless_present_any = ["all", "selector"])]
    names: Vec<String>,
    /// Every load balancer of the region.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Those with these tags in AWS, such as team=shop,env!=test.
    #[arg(short = 'l', long, value_name = "TAGS", value_parser = selector::parse)]
    selector: Option<Selector>,
    /// What they shall become.
    #[arg(long, value_enum, default_value_t)]
    to: Wish,
    /// The region. Default: AWS_REGION or the profile's.
    #[arg(long, value_parser = region_name)]
    region: Option<String>,
    /// In the account of this AWSAccount, which is entered by its role unless the credentials are of it. Default: the account
    /// of the credentials.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    account: Option<String>,
    /// What to write.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

/// What is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A report for people.
    #[default]
    Text,
    /// The same as JSON.
    Json,
    /// The same as YAML.
    Yaml,
    /// A configuration of Terraform.
    Terraform,
    /// Manifests for ACK's controller.
    Ack,
}

/// A load balancer and what becomes of it.
#[derive(Debug)]
struct Migration {
    region: String,
    lb: LoadBalancer,
    /// The instances that were registered one by one.
    single: BTreeSet<InstanceId>,
    successors: Vec<Successor>,
    /// What its object follows, where it has one.
    followed: Option<Followed>,
}

impl Migration {
    fn vpc(&self) -> &str {
        self.lb.identity.vpc_id.as_deref().unwrap_or_default()
    }

    fn json(&self) -> Value {
        json!({"name": self.lb.name, "region": self.region, "successors": self.successors})
    }
}

impl Migrate {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let aws = super::aws().await?;
        let region = self.region.as_deref().or(aws.default_region());
        let region = region.ok_or_else(|| Failure::usage("no AWS region: give --region or set AWS_REGION"))?;
        let wanted = Wanted {
            names: self.names.clone(),
            selector: self.selector.clone(),
            ..Wanted::default()
        };
        let cluster = self.kubernetes.connect().await;
        let account = match (self.account.as_deref(), &cluster) {
            (None, _) => Account::default(),
            (name, Ok(connection)) => Account::of(&connection.client, &aws, name).await?,
            (Some(name), Err(why)) => return Err(Failure::new(format!("AWSAccount {name} cannot be read: {why}"))),
        };
        let asked = account.region(&aws, region, None).await?;
        let mut fleet = Fleet::read(&asked, &wanted).await?;
        let balancers = std::mem::take(&mut fleet.balancers);
        let mut taken = Taken::default();
        let migrations = balancers.into_iter().map(|lb| Migration {
            region: region.to_owned(),
            single: fleet.single(&lb),
            successors: successors(&lb, self.to, &mut taken),
            lb,
            followed: None,
        });
        let mut migrations: Vec<Migration> = migrations.collect();
        follow(&cluster, &mut migrations).await;
        let namespace = cluster.as_ref().map(|connection| connection.namespace.as_str());
        let own = self.kubernetes.namespace();
        self.show(&migrations, own.or(namespace.ok()).unwrap_or("default"))?;
        let mut exit = Exit::Ok;
        let there = |name: &str| migrations.iter().any(|one| glob::matches(name, &one.lb.name));
        for name in wanted.names.iter().filter(|name| !there(name)) {
            if !fleet.unread.iter().any(|(unread, _)| glob::matches(name, unread)) {
                screen::note(&format!("no Classic load balancer {name:?} in {region}"));
            }
            exit = Exit::Failed;
        }
        for (name, error) in &fleet.unread {
            screen::note(&format!("{name}: {}", Failure::aws(region, error)));
            exit = Exit::Failed;
        }
        Ok(exit)
    }

    fn show(&self, migrations: &[Migration], namespace: &str) -> Result<(), Failure> {
        let all = || json!({"loadBalancers": migrations.iter().map(Migration::json).collect::<Vec<_>>()});
        if matches!(self.output, Format::Terraform | Format::Ack) {
            for one in migrations {
                for line in one.followed.iter().flat_map(Followed::differs) {
                    screen::note(&format!("{}: {line}", one.lb.name));
                }
            }
        }
        match self.output {
            Format::Json => output::json(&all()),
            Format::Yaml => output::yaml(&all()),
            Format::Text => {
                let paint = Paint::for_output();
                let texts: Vec<String> = migrations.iter().map(|one| text::report(one, paint)).collect();
                screen::show(&texts.join("\n"))
            }
            Format::Terraform => {
                let mut labels = Labels::default();
                let texts = migrations.iter().map(|one| terraform::terraform(one, &mut labels));
                let texts: Vec<String> = texts.collect();
                screen::print(&texts.join("\n"))
            }
            Format::Ack => {
                let mut taken = BTreeSet::new();
                let texts = migrations.iter().map(|one| ack::ack(one, namespace, &mut taken));
                let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
                screen::print(&texts.join("---\n"))
            }
        }
    }
}

/// Reads the objects that have load balancers, as the tags of these say, and tells what they follow.
async fn follow(cluster: &Result<Connection, Failure>, migrations: &mut [Migration]) {
    let mut told = false;
    for one in migrations {
        let tags = &one.lb.tags;
        let Some((namespace, name)) = tags.get(TAG_OWNER).and_then(|owner| owner.split_once('/')) else {
            continue;
        };
        let read = async {
            let client = cluster.as_ref().map_err(ToString::to_string)?.client.clone();
            let api: Api<ClassicLoadBalancer> = Api::namespaced(client, namespace);
            let found = api.get_opt(name).await;
            found.map_err(|error| Failure::kube(&format!("reading {namespace}/{name}"), &error).to_string())
        };
        let followed = match read.await {
            // Another cluster has others of the same names.
            Ok(Some(object)) if object.uid().as_ref() == tags.get(TAG_UID) => Followed::of(&object, &one.lb),
            Ok(_) => Followed::unread(namespace, name),
            Err(why) => {
                if !std::mem::replace(&mut told, true) {
                    screen::note(&format!("what objects follow is not known: {why}"));
                }
                Followed::unread(namespace, name)
            }
        };
        for new in &mut one.successors {
            new.differs.extend(followed.differs());
        }
        one.followed = Some(followed);
    }
}
