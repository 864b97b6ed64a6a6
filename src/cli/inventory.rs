//! `kubectl clb inventory`.

mod certificates;
mod owner;
mod places;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use certificates::Ends;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use futures::{StreamExt as _, stream};
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use owner::{Addresses, Drift, Live, Owner};
use places::Place;
use serde::Serialize;

use super::balancer::Shown;
use super::failure::Failure;
use super::fleet::AT_ONCE;
use super::kubernetes::Kubernetes;
use super::list::{health, unread_health};
use super::plan::OperatorFlags;
use super::progress::Progress;
use super::{Exit, files, output, screen, terraform};
use crate::api::ClassicLoadBalancer;
use crate::aws::{AccountRegion, Class, Error};
use crate::flags::region_name;

/// Show every Classic load balancer with who has it and what is wrong with it.
///
/// The owner is an object of a cluster, a Service, Elastic Beanstalk, kOps, an address of a Terraform state, a
/// CloudFormation stack, Terraform, or nobody, as tags and the state say. DRIFT is what an object of this cluster says: none, the
/// calls that are planned and not made, or why AWS is not as declared. Found are load balancers without a healthy instance or
/// without any, certificates that end soon, and orphans: those that an object of this cluster made that does not exist any
/// more. Nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb inventory
  kubectl clb inventory --all-regions -o csv > fleet.csv
  kubectl clb inventory --all-accounts --all-regions
  kubectl clb inventory --terraform-state state.json
  kubectl clb inventory -o json | jq -r '.loadBalancers[] | select(.findings != []) | .name'

Exit status: 1 when an account, a region or a part of it could not be read.")]
pub(super) struct Inventory {
    /// The region. Default: AWS_REGION or the profile's.
    #[arg(long, value_parser = region_name, conflicts_with = "all_regions")]
    region: Option<String>,
    /// Every region that the account has enabled.
    #[arg(long)]
    all_regions: bool,
    /// The account of this AWSAccount, which is entered by its role unless the credentials are of it; can be given several
    /// times. Default: the account of the credentials.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "all_accounts")]
    account: Vec<String>,
    /// The account of the credentials and that of every AWSAccount.
    #[arg(long)]
    all_accounts: bool,
    /// States of Terraform, which tell what is Terraform's.
    #[arg(long, value_name = "FILE,...", value_delimiter = ',')]
    terraform_state: Vec<String>,
    /// Certificates that end within so many days are found.
    #[arg(long, default_value_t = 30, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=3650))]
    certificates_within: u32,
    /// Do not read the health of the instances, which costs a call for each load balancer.
    #[arg(long)]
    no_health: bool,
    /// How to show them.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    operator: OperatorFlags,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

/// Objects in one page of a list.
const PAGE: u32 = 500;

/// Formats of the inventory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table.
    #[default]
    Table,
    /// A table with more columns.
    Wide,
    /// JSON with all there is to know.
    Json,
    /// The same as YAML.
    Yaml,
    /// A line for each, for a table program.
    Csv,
}

/// A load balancer, who has it, and what was found.
#[derive(Debug, Serialize)]
struct Row {
    /// The id of the account; absent where nobody asked who answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// As `list` shows it, without its own word for the owner.
    #[serde(flatten)]
    balancer: Shown,
    owner: Owner,
    /// Absent where no object of the cluster has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    drift: Option<Drift>,
    findings: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listing<'a> {
    load_balancers: &'a [Row],
}

impl Inventory {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let aws = super::aws().await?;
        let terraform = self.terraform(aws.default_region()).await?;
        let mut failed = Vec::new();
        let places = Box::pin(self.places(&aws, !terraform.is_empty(), &mut failed)).await?;
        let live = self.live().await;
        let (mut rows, mut read, mut closed) = (Vec::new(), 0, Vec::new());
        for place in &places {
            match Box::pin(self.in_region(place, &terraform, live.as_ref(), &mut failed)).await {
                Ok(more) => {
                    read += 1;
                    rows.extend(more);
                }
                Err(error) if place.is_closed(&error) => closed.push(place.told(&place.asked.region)),
                // The others can be read.
                Err(error) => {
                    let why = Failure::aws(&place.asked.region, &error).to_string();
                    failed.push(place.told(&why));
                }
            }
        }
        if !closed.is_empty() {
            failed.push(format!(
                "these regions accept no credentials of the account, which may not have enabled them: {}",
                closed.join(", ")
            ));
        }
        if read == 0 && !failed.is_empty() {
            return Err(Failure::new(failed.swap_remove(0)));
        }
        let accounts: BTreeSet<&Option<String>> = places.iter().map(|place| &place.account).collect();
        let several = accounts.len() > 1;
        match self.output {
            Format::Json => output::json(&Listing { load_balancers: &rows })?,
            Format::Yaml => output::yaml(&Listing { load_balancers: &rows })?,
            Format::Csv => screen::print(&table::csv(&rows))?,
            _ if rows.is_empty() => screen::note("no Classic load balancers"),
            format => screen::show(&table::table(&rows, format == Format::Wide, several))?,
        }
        for line in &failed {
            screen::note(line);
        }
        Ok(if failed.is_empty() { Exit::Ok } else { Exit::Failed })
    }

    /// The load balancers of the states.
    async fn terraform(&self, default: Option<&str>) -> Result<Addresses, Failure> {
        let mut all = Addresses::default();
        for file in files::read(&self.terraform_state, false).await {
            let text = file.text?;
            let state = terraform::parse(&text).map_err(|why| Failure::new(format!("{} {why}", file.from)))?;
            let (known, _) = terraform::known(&state);
            for known in known {
                if let Some(region) = known.region.as_deref().or(default).map(ToOwned::to_owned) {
                    all.add(known.account, (region, known.lb.name), known.address);
                }
            }
        }
        Ok(all)
    }

    /// The objects of the cluster. Without them nothing is called an orphan, which is told.
    async fn live(&self) -> Option<Live> {
        let read = async {
            let connection = self.kubernetes.connect().await?;
            let terms = self.operator.terms(&connection.client, &BTreeSet::new()).await?;
            let api: Api<ClassicLoadBalancer> = Api::all(connection.client);
            Ok::<Live, Failure>(Live {
                cluster_id: terms.cluster_id,
                objects: drifts(&api).await?,
            })
        };
        match read.await {
            Ok(live) => Some(live),
            Err(why) => {
                screen::note(&format!("orphans and drift are not looked for: {why}"));
                None
            }
        }
    }

    async fn in_region(
        &self,
        place: &Place,
        terraform: &Addresses,
        live: Option<&Live>,
        failed: &mut Vec<String>,
    ) -> Result<Vec<Row>, Error> {
        let region = &*place.asked;
        let mut progress = Progress::start(&place.told(&format!("asking AWS in {}", region.region)));
        let client = &region.client;
        let mut balancers = client.load_balancers(|_| {}).await?;
        balancers.sort_by(|a, b| a.name.cmp(&b.name));
        let names: Vec<String> = balancers.iter().map(|balancer| balancer.name.clone()).collect();
        progress.tell(&format!("{} load balancers in {}", names.len(), region.region));
        let mut tags = client.tags_of(&names, |_| {}).await?;
        let certificates = balancers
            .iter()
            .flat_map(|lb| lb.listeners.values().filter_map(|one| one.certificate.clone()));
        let ends = Ends::read(region, certificates.collect()).await;
        let unread = ends.unread.iter();
        failed.extend(unread.map(|why| place.told(&format!("the certificates were not all looked at: {why}"))));
        #[allow(clippy::disallowed_methods)] // a person asks now
        let now = Timestamp::now();
        let mut rows = Vec::new();
        for lb in balancers {
            let own = tags.remove(&lb.name).unwrap_or_default();
            let mut findings = owner::findings(&own, live);
            let each = lb.listeners.values().filter_map(|listener| {
                ends.finding(
                    listener.certificate.as_ref()?,
                    listener.port,
                    self.certificates_within,
                    now,
                )
            });
            findings.extend(each);
            let drift = live.and_then(|live| live.drift(&own)).cloned();
            let address = terraform.of(place.account.as_deref(), &region.region, &lb.name);
            let owner = owner::owner(&lb.name, &own, address);
            let mut balancer = Shown::new(&region.region, lb, own);
            balancer.owner = None;
            rows.push(Row {
                account: place.account.clone(),
                balancer,
                owner,
                drift,
                findings,
            });
        }
        drop(progress);
        if !self.no_health {
            let unread = read_health(region, &mut rows).await;
            failed.extend(unread.iter().map(|why| place.told(why)));
        }
        Ok(rows)
    }
}

/// What every object of the cluster says of its load balancer, page by page.
async fn drifts(api: &Api<ClassicLoadBalancer>) -> Result<BTreeMap<String, Drift>, Failure> {
    let mut page = ListParams::default().limit(PAGE);
    let mut all = BTreeMap::new();
    loop {
        let list = api.list(&page).await;
        let list = list.map_err(|error| Failure::kube("listing ClassicLoadBalancers", &error))?;
        all.extend(list.items.iter().filter_map(|object| {
            let drift = object.status.as_ref().map(Drift::of).unwrap_or_default();
            Some((object.uid()?, drift))
        }));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(all),
        }
    }
}

/// Puts the health in, and what it shows. What could not be read is told.
async fn read_health(region: &AccountRegion, rows: &mut [Row]) -> Vec<String> {
    let mut progress = Progress::start("reading the health of the instances");
    let total = rows.len();
    let mut reads = stream::iter(rows)
        .map(async |row: &mut Row| {
            let read = match row.balancer.in_service {
                Some(_) => None,
                None => Some(health(region, &row.balancer.name).await),
            };
            (row, read)
        })
        .buffer_unordered(AT_ONCE);
    let (mut done, mut unread) = (0, Vec::new());
    while let Some((row, read)) = reads.next().await {
        done += 1;
        progress.tell(&format!(
            "instances of {done} of {total} load balancers in {}",
            region.region
        ));
        match read {
            Some(Ok(health)) => row.balancer.set_health(&health),
            Some(Err(error)) if error.class != Class::Gone => unread.push((row.balancer.name.clone(), error)),
            _ => {}
        }
        match (row.balancer.in_service, row.balancer.registered) {
            (_, 0) => row.findings.push("no instances".to_owned()),
            (Some(0), _) => row.findings.push("no healthy instance".to_owned()),
            _ => {}
        }
    }
    unread.sort_by(|one, other| one.0.cmp(&other.0));
    unread_health(&region.region, &unread)
}
