//! `kubectl clb regions`.

use clap::Args;
use serde::Serialize;

use super::failure::{self, Failure};
use super::output::{self, ListFormat};
use super::progress::Progress;
use super::table::{NOTHING, Table};
use super::{Exit, region, screen};
use crate::aws::{Class, EnabledRegion, Error};
use crate::flags::region_name;

/// List the regions of AWS with their endpoints of Classic ELB.
///
/// EC2 is asked for the regions of the account's partition (DescribeRegions). Without AWS credentials the regions of
/// all partitions come from a table in this program.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb regions
  kubectl clb regions --offline            from the table alone
  kubectl clb regions -o json | jq -r '.regions[] | select(.enabled) | .name'")]
pub(super) struct Regions {
    /// The region to ask; it decides the partition. Default: AWS_REGION or the profile's, else us-east-1.
    #[arg(long, value_parser = region_name)]
    region: Option<String>,
    /// Do not ask AWS.
    #[arg(long)]
    offline: bool,
    /// How to show them.
    #[arg(short, long, value_enum, default_value_t)]
    output: ListFormat,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    /// `ec2` or `table`.
    source: &'static str,
    regions: Vec<ShownRegion>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownRegion {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<String>,
    endpoint: String,
    /// Whether the account can use it; absent where AWS was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opt_in_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl Regions {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let shown = if self.offline { from_table() } else { self.ask().await? };
        match self.output {
            ListFormat::Json => output::json(&shown)?,
            ListFormat::Yaml => output::yaml(&shown)?,
            ListFormat::Table => screen::show(&render(&shown, false))?,
            ListFormat::Wide => screen::show(&render(&shown, true))?,
        }
        Ok(Exit::Ok)
    }

    async fn ask(&self) -> Result<Shown, Failure> {
        let aws = super::aws().await?;
        let region = self.region.as_deref().or(aws.default_region()).unwrap_or(region::FIRST);
        let progress = Progress::start(&format!("asking AWS in {region}"));
        let answer = aws.region(region).client.regions().await;
        drop(progress);
        match answer {
            Ok(regions) => Ok(from_ec2(regions)),
            Err(error) if is_not_ours_to_ask(&error) => {
                let why = match error.code.as_str() {
                    failure::NO_CREDENTIALS => failure::no_credentials(&error),
                    _ => error.to_string(),
                };
                screen::note(&format!(
                    "{why}; showing the regions that this version knows, which may not be enabled for the account"
                ));
                Ok(from_table())
            }
            Err(error) => Err(Failure::new(format!(
                "{}; --offline shows the regions that this version knows",
                Failure::aws(region, &error)
            ))),
        }
    }
}

/// No credentials, or none with the right to `ec2:DescribeRegions`. Wrong credentials are a failure.
fn is_not_ours_to_ask(error: &Error) -> bool {
    is_not_allowed(error) || (error.class == Class::Denied && error.code == failure::NO_CREDENTIALS)
}

/// Credentials without the right to `ec2:DescribeRegions`.
pub(super) fn is_not_allowed(error: &Error) -> bool {
    error.class == Class::Denied && matches!(error.code.as_str(), "UnauthorizedOperation" | "AccessDenied")
}

fn from_table() -> Shown {
    let regions = region::all().map(|facts| ShownRegion {
        name: facts.name.to_owned(),
        partition: Some(facts.partition.to_owned()),
        endpoint: facts.endpoint.to_owned(),
        enabled: None,
        opt_in_status: None,
        description: Some(facts.description.to_owned()),
    });
    Shown {
        source: "table",
        regions: regions.collect(),
    }
}

fn from_ec2(mut regions: Vec<EnabledRegion>) -> Shown {
    regions.sort_by(|a, b| a.name.cmp(&b.name));
    let regions = regions.into_iter().map(|found| {
        let facts = region::find(&found.name);
        let endpoint = facts.map(|facts| facts.endpoint.to_owned());
        ShownRegion {
            endpoint: endpoint.unwrap_or_else(|| beside(&found)),
            enabled: found.opt_in_status.as_deref().map(|status| status != "not-opted-in"),
            opt_in_status: found.opt_in_status,
            partition: facts.map(|facts| facts.partition.to_owned()),
            description: facts.map(|facts| facts.description.to_owned()),
            name: found.name,
        }
    });
    Shown {
        source: "ec2",
        regions: regions.collect(),
    }
}

/// The endpoint in a region that is newer than this program: its name ends as that of EC2 does.
fn beside(region: &EnabledRegion) -> String {
    let own = format!("elasticloadbalancing.{}.amazonaws.com", region.name);
    let ec2 = region
        .endpoint
        .as_deref()
        .and_then(|endpoint| endpoint.strip_prefix("ec2."));
    ec2.map_or(own, |rest| format!("elasticloadbalancing.{rest}"))
}

fn render(shown: &Shown, wide: bool) -> String {
    let header: &[&str] = if wide {
        &["REGION", "ENDPOINT", "ENABLED", "PARTITION", "OPT-IN", "NAME"]
    } else {
        &["REGION", "ENDPOINT", "ENABLED", "NAME"]
    };
    let mut table = Table::new(header);
    for region in &shown.regions {
        let enabled = match region.enabled {
            Some(true) => "yes",
            Some(false) => "no",
            None => NOTHING,
        };
        let mut cells = vec![region.name.clone(), region.endpoint.clone(), enabled.to_owned()];
        if wide {
            cells.push(region.partition.clone().unwrap_or_default());
            cells.push(region.opt_in_status.clone().unwrap_or_default());
        }
        cells.push(region.description.clone().unwrap_or_default());
        table.row(cells);
    }
    table.render(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_the_table_lacks_gets_its_endpoint_from_ec2() {
        let region = |name: &str, endpoint: Option<&str>, status: &str| EnabledRegion {
            name: name.into(),
            endpoint: endpoint.map(Into::into),
            opt_in_status: Some(status.into()),
        };
        let shown = from_ec2(vec![
            region("mars-north-1", Some("ec2.mars-north-1.amazonaws.mars"), "not-opted-in"),
            region("eu-west-1", None, "opt-in-not-required"),
        ]);
        let endpoints: Vec<_> = shown.regions.iter().map(|r| (r.endpoint.as_str(), r.enabled)).collect();
        assert_eq!(
            endpoints,
            [
                ("elasticloadbalancing.eu-west-1.amazonaws.com", Some(true)),
                ("elasticloadbalancing.mars-north-1.amazonaws.mars", Some(false)),
            ]
        );
    }
}
