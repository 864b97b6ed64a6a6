//! `kubectl clb why`.

mod instance;
mod object;

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Args;
use instance::Subject;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use serde::Serialize;

use super::Exit;
use super::account::Account;
use super::events;
use super::failure::Failure;
use super::find::{self, Read, Wanted};
use super::finding::{Finding, Grade};
use super::kubernetes::{self, Kubernetes, Placed};
use super::output::{self, Format};
use super::screen::{self, Colour, Paint};
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerStatus};
use crate::aws::AccountRegion;
use crate::controller::standing::{Standing, standing};
use crate::elb::{InstanceHealth, InstanceId, LoadBalancer};

/// Say why an object is not Ready, or why an instance gets no traffic, and what to do.
///
/// NAME alone answers for the object: its conditions, the calls that AWS refused, its instances, the last warnings.
/// With INSTANCE, the id of an instance or the name of a Node, the way of that instance is followed: whether it is a
/// target, the state of its Node, whether it is registered, its zone and its health. Kubernetes is asked, and AWS where
/// the credentials allow it; nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb why web -n shop
  kubectl clb why shop/web
  kubectl clb why shop/web i-0123456789abcdef0
  kubectl clb why shop/web ip-10-0-1-7.ec2.internal
  kubectl clb why shop/web -o json | jq -r '.answers[] | select(.result == \"error\") | .hint'

Exit status: 0 when there is an answer, whatever it is; 1 when the object or the Node is not found.")]
pub(super) struct Why {
    /// The object: web, clb/web or NAMESPACE/web; binding/web for a ClassicLoadBalancerBinding.
    #[arg(value_name = "NAME", value_parser = kubernetes::placed)]
    name: Placed,
    /// An instance by its id, or by the name of its Node.
    #[arg(value_name = "INSTANCE", value_parser = kubernetes::name)]
    instance: Option<String>,
    /// Do not ask AWS: answer from Kubernetes alone.
    #[arg(long)]
    no_aws: bool,
    /// How to show the answers.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

/// What AWS says of the load balancer.
#[derive(Debug)]
enum Asked {
    /// There was nothing to ask for.
    Nothing,
    /// It could not be asked, and why.
    Not(String),
    /// There is none of that name.
    Absent,
    /// As it is.
    Found {
        balancer: Box<LoadBalancer>,
        health: Vec<InstanceHealth>,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    namespace: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    /// Whether nothing is the matter.
    well: bool,
    answers: Vec<Finding>,
}

impl Why {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let mut connection = self.kubernetes.connect().await?;
        connection.place(&self.name)?;
        let names = [self.name.object.clone()];
        let wanted = Wanted {
            names: &names,
            kinds: find::EVERY_KIND,
            selector: None,
            all_namespaces: false,
        };
        let found = find::find(&connection, &wanted).await?.pop();
        let found = found.ok_or_else(|| Failure::new(wanted.not_found(&connection, &names[0])))?;
        let read = find::typed(found)?;
        let shown = match &self.instance {
            Some(instance) => self.of_instance(&connection.client, &read, instance).await?,
            None => self.of_object(&connection.client, &read).await,
        };
        match self.output {
            Format::Text => screen::show(&render(&shown, Paint::for_output()))?,
            Format::Json => output::json(&shown)?,
            Format::Yaml => output::yaml(&shown)?,
        }
        Ok(Exit::Ok)
    }

    async fn of_object(&self, client: &Client, read: &Read) -> Shown {
        let object = &read.object;
        let (_, aws) = self.ask(client, object).await;
        let list = events::of(client, read).await;
        let mut answers = object::answers(read, &aws, list.as_deref().unwrap_or_default(), now());
        answers.extend(list.err().map(Finding::warning));
        shown(read, answers)
    }

    async fn of_instance(&self, client: &Client, read: &Read, named: &str) -> Result<Shown, Failure> {
        let object = &read.object;
        let seen = Seen::of(client, object, named).await?;
        let (region, aws) = self.ask(client, object).await;
        let is_gone = match region {
            Some(region) => {
                let wanted: BTreeSet<InstanceId> = BTreeSet::from([seen.id.clone()]);
                region
                    .client
                    .terminated(&wanted)
                    .await
                    .ok()
                    .map(|gone| !gone.is_empty())
            }
            None => None,
        };
        let mut answers = instance::answers(&Subject {
            object,
            id: &seen.id,
            node: seen.node.as_ref().map(|(name, node)| (name.as_str(), node)),
            aws: &aws,
            is_gone,
            at: now(),
        });
        answers.extend(seen.unread.map(Finding::warning));
        Ok(Shown {
            instance: Some(seen.id),
            node: seen.node.map(|(name, _)| name),
            ..shown(read, answers)
        })
    }

    /// Asks AWS for the load balancer, in the account of the object.
    async fn ask(&self, client: &Client, object: &ClassicLoadBalancer) -> (Option<Arc<AccountRegion>>, Asked) {
        let status = object.status.clone().unwrap_or_default();
        let (Some(name), false) = (&status.load_balancer_name, self.no_aws) else {
            return (None, Asked::Nothing);
        };
        match reachable(client, &status, object).await {
            Err(why) => (None, Asked::Not(why.to_string())),
            Ok((region, place)) => {
                let answer = described(&region, &place, name).await;
                (Some(region), answer)
            }
        }
    }
}

/// The region of the load balancer in its account, or why it cannot be asked there.
async fn reachable(
    client: &Client,
    status: &ClassicLoadBalancerStatus,
    object: &ClassicLoadBalancer,
) -> Result<(Arc<AccountRegion>, String), Failure> {
    let place = status.region.clone().or_else(|| object.spec.region.clone());
    let place = place.ok_or_else(|| Failure::new("the object names no region"))?;
    let aws = super::aws().await?;
    let reference = object.spec.account_ref.as_ref().map(|account| account.name.as_str());
    let account = Account::of(client, &aws, reference).await?;
    let region = account.region(&aws, &place, status.account_id.as_deref()).await?;
    Ok((region, place))
}

async fn described(region: &AccountRegion, place: &str, name: &str) -> Asked {
    let failed = |error| Asked::Not(Failure::aws(place, &error).to_string());
    let balancer = match region.client.find(name).await {
        Ok(Some(balancer)) => Box::new(balancer),
        Ok(None) => return Asked::Absent,
        Err(error) => return failed(error),
    };
    match region.client.instance_health(name).await {
        Ok(health) => Asked::Found { balancer, health },
        Err(error) => failed(error),
    }
}

/// The instance that is meant, and its Node.
#[derive(Debug)]
struct Seen {
    id: InstanceId,
    node: Option<(String, Standing)>,
    /// Why the Nodes were not read.
    unread: Option<String>,
}

impl Seen {
    async fn of(client: &Client, object: &ClassicLoadBalancer, named: &str) -> Result<Self, Failure> {
        let api: Api<Node> = Api::all(client.clone());
        if !is_instance_id(named) {
            let node = api.get_opt(named).await;
            let node = node.map_err(|error| Failure::kube(&format!("reading Node {named}"), &error))?;
            let node = node.ok_or_else(|| {
                Failure::new(format!(
                    "no Node called {named:?}, and it is no id of an instance: those look like i-0123456789abcdef0"
                ))
            })?;
            let standing = standing(&node, &object.spec, now());
            let id = standing.instance.clone().ok_or_else(|| {
                Failure::new(format!(
                    "Node {named} runs on no EC2 instance, so it can be no target: its spec.providerID names none"
                ))
            })?;
            return Ok(Self {
                id,
                node: Some((named.to_owned(), standing)),
                unread: None,
            });
        }
        // A status names its Node; without one every Node may be meant.
        let (mut node, mut unread) = (None, None);
        match api.list(&ListParams::default()).await {
            Ok(nodes) => {
                let each = nodes.items.iter();
                let mut each = each.map(|node| (node.name_any(), standing(node, &object.spec, now())));
                node = each.find(|(_, standing)| standing.instance.as_deref() == Some(named));
            }
            Err(error) => unread = Some(Failure::kube("reading the Nodes", &error).to_string()),
        }
        Ok(Self {
            id: named.to_owned(),
            node,
            unread,
        })
    }
}

/// Whether it is the id of an instance. Nodes may be named after theirs, with a domain behind it.
fn is_instance_id(text: &str) -> bool {
    text.strip_prefix("i-").is_some_and(|digits| {
        (8..=17).contains(&digits.len()) && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn shown(read: &Read, answers: Vec<Finding>) -> Shown {
    Shown {
        namespace: read.object.namespace().unwrap_or_default(),
        name: read.named().to_string(),
        instance: None,
        node: None,
        well: answers.iter().all(|answer| answer.result != Grade::Error),
        answers,
    }
}

#[allow(clippy::disallowed_methods)] // ages are for the person who asks now
fn now() -> Timestamp {
    Timestamp::now()
}

fn render(shown: &Shown, paint: Paint) -> String {
    let mut title = format!("{}/{}", shown.namespace, shown.name);
    if let Some(instance) = &shown.instance {
        let node = shown
            .node
            .as_ref()
            .map(|node| format!(" (Node {node})"))
            .unwrap_or_default();
        title = format!("{instance}{node} of {title}");
    }
    let answers: String = shown.answers.iter().map(|answer| answer.render(paint)).collect();
    format!("{}\n{answers}", paint.paint(Colour::Bold, &title))
}
