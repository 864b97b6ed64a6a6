//! `kubectl clb list`.

use std::sync::Arc;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use futures::{StreamExt as _, stream};
use serde::Serialize;

use super::account::{Account, is_id};
use super::balancer::Shown;
use super::failure::Failure;
use super::kubernetes::Server;
use super::output::{self, ListFormat};
use super::progress::Progress;
use super::table::Table;
use super::{Exit, kubernetes, screen};
use crate::aws::{AccountRegion, Accounts, Class, Client, Error, Limits, time_for_health};
use crate::elb::{InstanceHealth, glob};
use crate::flags::region_name;

/// Health costs a call for each load balancer. The plain table of more load balancers than this does without.
const HEALTH_IN_TABLE: usize = 30;
/// Seconds that are worth a word before.
const LONG: u64 = 5;
/// Calls under way at once.
const AT_ONCE: usize = 8;

/// List the Classic load balancers of the account in a region.
///
/// Shows every load balancer, whoever made it: DNS name, listeners, instances in service of those registered, and the
/// cluster and object that own it, as its tags say. A load balancer of a Service of type LoadBalancer is shown as
/// service/NAMESPACE/NAME. The plain table of more than 30 load balancers shows ?/N for the instances, since each load
/// balancer costs AWS a call; `-o wide`, json and yaml ask unless --no-health says otherwise.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb list
  kubectl clb list my-lb other-lb --region eu-west-1
  kubectl clb list 'shop-*' -o wide
  kubectl clb list -n shop
  kubectl clb list --account payments
  kubectl clb list -o json | jq -r '.loadBalancers[] | select(.owner == null) | .name'

Exit status: 1 when a NAME matches no load balancer.")]
pub(super) struct List {
    /// Names of load balancers in AWS, with * for any characters and ? for one. Default: all.
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    names: Vec<String>,
    /// Those of objects and Services in this namespace, as their tags say.
    #[arg(short, long, value_parser = kubernetes::name)]
    namespace: Option<String>,
    /// Whoever made them, whatever -n says.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// The region. Default: AWS_REGION or the profile's.
    #[arg(long, value_parser = region_name)]
    region: Option<String>,
    /// The account of this AWSAccount, by its name or by the id of the account, which is entered by its role unless the
    /// credentials are of it. Default: the account of the credentials.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    account: Option<String>,
    /// Do not read the health of the instances, which costs a call for each load balancer.
    #[arg(long)]
    no_health: bool,
    /// How to show them.
    #[arg(short, long, value_enum, default_value_t)]
    output: ListFormat,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listing<'a> {
    region: &'a str,
    load_balancers: &'a [Shown],
}

impl List {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let aws = super::aws().await?;
        let region = self.region.as_deref().or(aws.default_region());
        let region = region.ok_or_else(|| Failure::usage("no AWS region: give --region or set AWS_REGION"))?;
        let asked = self.account(&aws, region).await?;
        let mut shown = self.read(&asked.client, region).await?;
        let unread = self.read_health(&asked, &mut shown).await;
        self.show(region, &shown)?;

        let mut exit = Exit::Ok;
        for name in self.names.iter().filter(|name| !matches_any(name, &shown)) {
            let what = if glob::is_pattern(name) {
                "that matches"
            } else {
                "called"
            };
            screen::note(&format!("no Classic load balancer {what} {name:?} in {region}"));
            exit = Exit::Failed;
        }
        for line in unread_health(region, &unread) {
            screen::note(&line);
            exit = Exit::Failed;
        }
        Ok(exit)
    }

    /// The region in the account that is meant. The cluster is asked only for another one than that of the credentials.
    async fn account(&self, aws: &Accounts, region: &str) -> Result<Arc<AccountRegion>, Failure> {
        let own = aws.region(region);
        let Some(called) = &self.account else {
            return Ok(own);
        };
        if is_id(called) {
            let answering = own.account().await.map_err(|error| Failure::aws(region, &error))?;
            if answering.id == *called {
                return Ok(own);
            }
        }
        let client = self.server.connect(None).await?.client;
        Account::called(&client, aws, called)
            .await?
            .region(aws, region, None)
            .await
    }

    /// The load balancers that were asked for, with their tags, by name.
    async fn read(&self, client: &Client, region: &str) -> Result<Vec<Shown>, Failure> {
        let failed = |error| Failure::aws(region, &error);
        let mut progress = Progress::start(&format!("asking AWS in {region}"));
        let seen = |count| progress.tell(&format!("{count} load balancers"));
        let mut balancers = client.load_balancers(seen).await.map_err(failed)?;
        if !self.names.is_empty() {
            balancers.retain(|balancer| self.names.iter().any(|name| glob::matches(name, &balancer.name)));
        }
        balancers.sort_by(|a, b| a.name.cmp(&b.name));

        let names: Vec<String> = balancers.iter().map(|balancer| balancer.name.clone()).collect();
        let seen = |count| progress.tell(&format!("tags of {count} of {} load balancers", names.len()));
        let mut tags = client.tags_of(&names, seen).await.map_err(failed)?;
        let with_tags = balancers.into_iter().map(|balancer| {
            let tags = tags.remove(&balancer.name).unwrap_or_default();
            Shown::new(region, balancer, tags)
        });
        let namespace = self.namespace.as_deref().filter(|_| !self.all_namespaces);
        let wanted = |balancer: &Shown| namespace.is_none_or(|namespace| balancer.is_of(namespace));
        Ok(with_tags.filter(wanted).collect())
    }

    /// Puts the health in; returns the load balancers whose health could not be read. One that was deleted meanwhile is
    /// shown as it was.
    async fn read_health(&self, region: &AccountRegion, shown: &mut [Shown]) -> Vec<(String, Error)> {
        let with_instances = shown.iter_mut().filter(|balancer| balancer.in_service.is_none());
        let to_read: Vec<&mut Shown> = with_instances.collect();
        let total = to_read.len();
        if self.no_health {
            return Vec::new();
        }
        if self.output == ListFormat::Table && total > HEALTH_IN_TABLE {
            screen::note(&format!(
                "the health of the instances of {total} load balancers was not read, since each costs AWS a call: name \
                 fewer, or use -o wide"
            ));
            return Vec::new();
        }
        // Nobody shall wonder whether it still runs; where a person looks on, the progress tells.
        if let Some(seconds) = takes(total).filter(|_| !Progress::is_seen()) {
            screen::note(&format!(
                "reading the health of the instances of {total} load balancers takes about {seconds} s, since AWS allows an \
                 account few calls; --no-health does without"
            ));
        }
        let mut progress = Progress::start("reading the health of the instances");
        let mut reads = stream::iter(to_read)
            .map(|balancer| async { (health(region, &balancer.name).await, balancer) })
            .buffer_unordered(AT_ONCE);
        let (mut done, mut unread) = (0, Vec::new());
        while let Some((read, balancer)) = reads.next().await {
            done += 1;
            let left = takes(total - done).map_or(String::new(), |seconds| format!(", about {seconds} s to go"));
            progress.tell(&format!("instances of {done} of {total} load balancers{left}"));
            match read {
                Ok(health) => balancer.set_health(&health),
                Err(error) if error.class == Class::Gone => {}
                Err(error) => unread.push((balancer.name.clone(), error)),
            }
        }
        unread.sort_by(|a, b| a.0.cmp(&b.0));
        unread
    }

    fn show(&self, region: &str, shown: &[Shown]) -> Result<(), Failure> {
        let listing = Listing {
            region,
            load_balancers: shown,
        };
        match self.output {
            ListFormat::Json => output::json(&listing),
            ListFormat::Yaml => output::yaml(&listing),
            // With names the missing ones are told one by one.
            _ if shown.is_empty() && self.names.is_empty() => {
                screen::note(&format!("no Classic load balancers in {region}"));
                Ok(())
            }
            _ if shown.is_empty() => Ok(()),
            ListFormat::Table => screen::show(&render(shown, false)),
            ListFormat::Wide => screen::show(&render(shown, true)),
        }
    }
}

/// Seconds for so many reads of health, where that is long.
fn takes(reads: usize) -> Option<u64> {
    let seconds = time_for_health(reads, &Limits::default()).as_secs();
    (seconds >= LONG).then_some(seconds)
}

/// Reads within the share of the region that is meant for health, so that other tools of the account still get theirs.
pub(super) async fn health(region: &AccountRegion, name: &str) -> Result<Vec<InstanceHealth>, Error> {
    while let Err(wait) = region.health_turn(true) {
        tokio::time::sleep(wait).await;
    }
    region.view.instance_health(name).await
}

/// Whose health could not be read, and why. A right that is missing is missing for all, and is told once.
pub(super) fn unread_health(region: &str, unread: &[(String, Error)]) -> Vec<String> {
    let (denied, others): (Vec<_>, Vec<_>) = unread.iter().partition(|(_, error)| error.class == Class::Denied);
    let line = |(name, error): &&(String, Error)| format!("the instances of {name}: {}", Failure::aws(region, error));
    let denied = match denied.as_slice() {
        [first, _, ..] => {
            let count = denied.len();
            let why = Failure::aws(region, &first.1);
            vec![format!(
                "the instances of {count} load balancers, {} the first: {why}",
                first.0
            )]
        }
        few => few.iter().map(line).collect(),
    };
    denied.into_iter().chain(others.iter().map(line)).collect()
}

fn matches_any(name: &str, shown: &[Shown]) -> bool {
    shown.iter().any(|balancer| glob::matches(name, &balancer.name))
}

fn render(shown: &[Shown], wide: bool) -> String {
    let mut header = vec!["NAME", "DNS-NAME", "LISTENERS", "IN-SERVICE", "CLUSTER", "OWNER"];
    if wide {
        header.extend([
            "SCHEME",
            "VPC",
            "ZONES",
            "SUBNETS",
            "SECURITY-GROUPS",
            "HEALTH-CHECK",
            "CREATED",
        ]);
    }
    let mut table = Table::new(&header);
    for balancer in shown {
        let (cluster, owner) = match &balancer.owner {
            Some(owner) => (owner.cluster.clone(), owner_cell(owner.kind, owner.object.as_deref())),
            None => (None, String::new()),
        };
        let mut cells = vec![
            balancer.name.clone(),
            balancer.dns_name.clone().unwrap_or_default(),
            balancer.listeners_cell(wide),
            balancer.summary(),
            cluster.unwrap_or_default(),
            owner,
        ];
        if wide {
            cells.extend([
                balancer.scheme.to_owned(),
                balancer.vpc_id.clone().unwrap_or_default(),
                balancer.availability_zones.join(","),
                balancer.subnets.join(","),
                balancer.security_groups.join(","),
                balancer.health_check.target.clone(),
                balancer.created_time.clone().unwrap_or_default(),
            ]);
        }
        table.row(cells);
    }
    table.render(0)
}

fn owner_cell(kind: &str, object: Option<&str>) -> String {
    match (kind, object) {
        ("Service", Some(object)) => format!("service/{object}"),
        ("Service", None) => "service".to_owned(),
        (_, object) => object.unwrap_or_default().to_owned(),
    }
}
