//! `kubectl clb export`.

mod aws_cli;
mod cloudformation;
pub(super) mod hcl;
#[cfg(test)]
mod laws;
mod terraform;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use hcl::Labels;
use kube::ResourceExt as _;
use terraform::Providers;

use super::account::Account;
use super::failure::Failure;
use super::fleet::{Fleet, Wanted};
use super::kubernetes::{self, Kubernetes, Named};
use super::{Exit, find, screen};
use crate::aws::{AccountRegion, Accounts};
use crate::controller::Kind;
use crate::elb::{DEFAULT_TLS_POLICY, InstanceId, LoadBalancer, Policy, PolicyName, TAG_PREFIX, TlsPolicy};
use crate::flags::region_name;

/// Write what makes another tool take a load balancer over: the way out.
///
/// Terraform gets a configuration with import blocks, CloudFormation a template for a change set of type IMPORT, and
/// aws-cli the commands that would make it anew. What the tool cannot say is told. Nothing is changed; when the other tool
/// has the load balancer, delete the object with deletionPolicy: Retain.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb export web -n shop --to terraform > web.tf
  kubectl clb export web -n shop --to cloudformation > web.yaml
  kubectl clb export --load-balancer 'shop-*' --to aws-cli

Exit status: 1 when one is not found or cannot be read.")]
pub(super) struct Export {
    /// Names of ClassicLoadBalancer objects.
    #[arg(value_name = "NAME", value_parser = kubernetes::object, required_unless_present = "load_balancer")]
    names: Vec<Named>,
    /// Load balancers in AWS instead, by name, with * for any characters and ? for one.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', conflicts_with = "names",
        value_parser = NonEmptyStringValueParser::new())]
    load_balancer: Vec<String>,
    /// The tool.
    #[arg(long, value_enum)]
    to: Tool,
    /// Those of --load-balancer in the account of this AWSAccount. Default: the account of the credentials.
    #[arg(long, value_name = "NAME", requires = "load_balancer", value_parser = NonEmptyStringValueParser::new())]
    account: Option<String>,
    /// The region of --load-balancer. Default: AWS_REGION or the profile's.
    #[arg(long, value_parser = region_name, requires = "load_balancer")]
    region: Option<String>,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

/// Who takes a load balancer over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tool {
    /// Terraform or OpenTofu.
    Terraform,
    /// AWS CloudFormation.
    Cloudformation,
    /// A script.
    AwsCli,
}

/// A load balancer on its way out.
#[derive(Debug)]
struct Subject {
    region: String,
    /// The `AWSAccount` that it is in, where its object refers to one.
    account: Option<String>,
    lb: LoadBalancer,
    /// The instances that were registered one by one.
    single: BTreeSet<InstanceId>,
}

/// Where load balancers are.
#[derive(Debug)]
struct Place {
    /// The `AWSAccount`, where objects refer to one.
    account: Option<String>,
    asked: Arc<AccountRegion>,
    names: Vec<String>,
}

/// The tags, but for AWS's and the operator's own.
pub(super) fn kept_tags(tags: &BTreeMap<String, String>) -> BTreeMap<&String, &String> {
    tags.iter()
        .filter(|(key, _)| !key.to_ascii_lowercase().starts_with("aws:") && !key.starts_with(TAG_PREFIX))
        .collect()
}

/// What is to be said of the policies of which nothing but the name, and perhaps the type, is known. `so` is what comes of it.
fn unknown(lb: &LoadBalancer, so: &str) -> Vec<String> {
    let used = lb.listeners.values().flat_map(|listener| &listener.policies);
    let used = used.chain(lb.backends.values().flatten());
    let names: BTreeSet<&PolicyName> = lb.policies.keys().chain(used).collect();
    let told = names.into_iter().filter(|name| is_unknown(lb, name)).map(|name| {
        let kind = match lb.policies.get(name) {
            Some(Policy::Unknown(kind)) if !kind.is_empty() => format!(" ({kind})"),
            _ => String::new(),
        };
        format!("policy {name}{kind} could not be read, or is of a type that this version does not know: {so}")
    });
    told.collect()
}

/// Whether the content of a policy is not known. AWS's default for TLS is of no account.
fn is_unknown(lb: &LoadBalancer, name: &str) -> bool {
    let unknown = lb
        .policies
        .get(name)
        .is_none_or(|policy| matches!(policy, Policy::Unknown(_)));
    unknown && name != DEFAULT_TLS_POLICY
}

/// A policy that somebody has put under the name of AWS's default gets a name of its own: under that name every tool finds AWS's.
fn under_own_names(mut lb: LoadBalancer) -> LoadBalancer {
    let is_other = |policy: &Policy| *policy != Policy::Tls(TlsPolicy::default()) && *policy != Policy::UNREAD;
    let Some(other) = lb
        .policies
        .get(DEFAULT_TLS_POLICY)
        .filter(|policy| is_other(policy))
        .cloned()
    else {
        return lb;
    };
    let name = other.own_name();
    lb.policies.remove(DEFAULT_TLS_POLICY);
    lb.policies.insert(name.clone(), other);
    for listener in lb.listeners.values_mut() {
        if listener.policies.remove(DEFAULT_TLS_POLICY) {
            listener.policies.insert(name.clone());
        }
    }
    lb
}

/// As comments of a file.
fn commented(notes: &[String]) -> String {
    notes.iter().map(|note| format!("# {note}\n")).collect()
}

impl Export {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let mut exit = Exit::Ok;
        let subjects = self.subjects(&mut exit).await?;
        let mut labels = Labels::default();
        let (texts, notes): (Vec<_>, Vec<_>) = match self.to {
            Tool::Terraform => {
                let providers = Providers::of(&subjects);
                let each = subjects.iter();
                let (mut texts, notes): (Vec<_>, Vec<_>) = each
                    .map(|one| terraform::terraform(one, &providers, &mut labels))
                    .unzip();
                texts.splice(0..0, providers.blocks());
                (texts, notes)
            }
            Tool::AwsCli => subjects.iter().map(aws_cli::aws_cli).unzip(),
            Tool::Cloudformation => {
                let place = |subject: &Subject| (subject.account.clone(), subject.region.clone());
                let regions = subjects.chunk_by(|one, other| place(one) == place(other));
                let made: Vec<_> = regions.map(cloudformation::cloudformation).collect::<Result<_, _>>()?;
                let (texts, notes): (Vec<_>, Vec<_>) = made.into_iter().unzip();
                (texts, notes.concat())
            }
        };
        for (subject, notes) in subjects.iter().zip(notes) {
            let name = &subject.lb.name;
            for note in notes {
                screen::note(&format!("{name}: {note}"));
            }
            if subject.lb.listeners.is_empty() {
                screen::note(&format!(
                    "{name}: it has no listener, and no load balancer is made without one: add one to what is written"
                ));
            }
            if let (Some(account), Tool::Terraform) = (&subject.account, self.to) {
                screen::note(&format!(
                    "{name}: it is in the account of AWSAccount {account}: give its resources the provider of that account"
                ));
            }
            if !self.names.is_empty() {
                screen::note(&format!(
                    "{name}: when the other tool has it, delete the object; deletionPolicy: Retain leaves the load balancer"
                ));
            }
        }
        let between = match self.to {
            Tool::Cloudformation => "---\n",
            _ => "\n",
        };
        if self.to == Tool::Cloudformation && texts.len() > 1 {
            screen::note(
                "a stack is of one account and region: each document that is written is a template of its own",
            );
        }
        screen::print(&texts.join(between))?;
        Ok(exit)
    }

    async fn subjects(&self, exit: &mut Exit) -> Result<Vec<Subject>, Failure> {
        let aws = super::aws().await?;
        let places = if self.load_balancer.is_empty() {
            self.objects(&aws, exit).await?
        } else {
            let region = self.region.as_deref().or(aws.default_region());
            let region = region.ok_or_else(|| Failure::usage("no AWS region: give --region or set AWS_REGION"))?;
            let account = match self.account.as_deref() {
                None => Account::default(),
                name => Account::of(&self.kubernetes.connect().await?.client, &aws, name).await?,
            };
            vec![Place {
                account: self.account.clone(),
                asked: account.region(&aws, region, None).await?,
                names: self.load_balancer.clone(),
            }]
        };
        let mut subjects = Vec::new();
        for Place { account, asked, names } in places {
            let region = &asked.region;
            let wanted = Wanted {
                names,
                ..Wanted::default()
            };
            let mut fleet = Fleet::read(&asked, &wanted).await?;
            for name in fleet.missing(&wanted) {
                screen::note(&format!("no Classic load balancer {name:?} in {region}"));
                *exit = Exit::Failed;
            }
            for (name, error) in &fleet.unread {
                screen::note(&format!("{name}: {}", Failure::aws(region, error)));
                *exit = Exit::Failed;
            }
            let balancers = std::mem::take(&mut fleet.balancers);
            subjects.extend(balancers.into_iter().map(|lb| Subject {
                region: region.clone(),
                account: account.clone(),
                single: fleet.single(&lb),
                lb: under_own_names(lb),
            }));
        }
        Ok(subjects)
    }

    /// The load balancers of the objects, by account and region.
    async fn objects(&self, aws: &Accounts, exit: &mut Exit) -> Result<Vec<Place>, Failure> {
        let connection = self.kubernetes.connect().await?;
        let wanted = find::Wanted {
            names: &self.names,
            kinds: &[Kind::Owner],
            selector: None,
            all_namespaces: false,
        };
        let objects = find::find(&connection, &wanted).await?;
        if let Some(name) = wanted.missing(&objects).first() {
            return Err(Failure::new(wanted.not_found(&connection, name)));
        }
        let mut all: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for object in objects {
            let object = find::typed(object)?.object;
            let status = object.status.clone().unwrap_or_default();
            let spec = &object.spec;
            let name = status.load_balancer_name.or_else(|| spec.load_balancer_name.clone());
            let name = name.ok_or_else(|| Failure::new(format!("{} has no load balancer yet", object.name_any())))?;
            let region = status.region.or_else(|| spec.region.clone());
            let region = region.or_else(|| aws.default_region().map(ToOwned::to_owned));
            let region = region.ok_or_else(|| Failure::usage("no AWS region: set AWS_REGION"))?;
            let account = spec.account_ref.as_ref().map(|account| account.name.clone());
            all.entry((account, region, status.account_id)).or_default().push(name);
        }
        let (alone, mut places) = (all.len() == 1, Vec::new());
        for ((account, region, known), names) in all {
            let entering = async {
                let entered = Account::of(&connection.client, aws, account.as_deref()).await?;
                entered.region(aws, &region, known.as_deref()).await
            };
            match entering.await {
                Ok(asked) => places.push(Place { account, asked, names }),
                Err(why) if alone => return Err(why),
                // The others can be read.
                Err(why) => {
                    screen::note(&format!("{}: {why}", names.join(", ")));
                    *exit = Exit::Failed;
                }
            }
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::{Listener, Protocol};

    #[test]
    fn a_policy_that_is_not_known_is_told_to_every_tool_and_made_by_none() {
        let mut lb = LoadBalancer::bare("web");
        let listener = Listener {
            port: 443,
            protocol: Protocol::Https,
            instance_port: 8080,
            instance_protocol: Protocol::Http,
            certificate: Some("arn:aws:iam::123456789012:server-certificate/a".to_owned()),
            policies: ["odd", "unread", "cookie"].map(ToOwned::to_owned).into(),
        };
        lb.listeners.insert(443, listener);
        let cookie = Policy::Stickiness(crate::elb::Stickiness::LoadBalancerCookie(Some(60)));
        lb.policies = [
            ("odd".to_owned(), Policy::Unknown("FutureType".to_owned())),
            ("cookie".to_owned(), cookie),
            ("idle".to_owned(), Policy::UNREAD),
        ]
        .into();
        let subject = Subject {
            region: "us-east-1".to_owned(),
            account: None,
            lb,
            single: BTreeSet::new(),
        };
        let (script, told) = aws_cli::aws_cli(&subject);
        assert!(script.contains("--policy-names cookie\n"), "{script}");
        let (configuration, named) = terraform::terraform(&subject, &Providers::default(), &mut Labels::default());
        // What AWS has is kept by its name.
        assert!(
            configuration.contains("\"odd\"") && configuration.contains("\"unread\""),
            "{configuration}"
        );
        assert!(!configuration.contains("FutureType\"\n"), "{configuration}");
        assert_eq!(
            configuration.matches("resource \"aws_load_balancer_policy\"").count(),
            1,
            "{configuration}"
        );
        let (template, mut lacks) = cloudformation::cloudformation(&[subject]).expect("YAML");
        for (text, notes) in [(script, told), (configuration, named), (template, lacks.remove(0))] {
            for name in ["odd (FutureType)", "unread", "idle"] {
                let note = notes
                    .iter()
                    .find(|note| note.starts_with(&format!("policy {name} could not be read")));
                let note = note.unwrap_or_else(|| panic!("{name}: {notes:?}"));
                assert!(text.contains(&format!("# {note}\n")), "{name}: {text}");
            }
        }
    }
}
