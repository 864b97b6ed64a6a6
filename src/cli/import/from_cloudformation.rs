//! The load balancers that CloudFormation templates hold.

use super::keeper::Keeper;
use super::{Source, Subject, told};
use crate::aws::AccountRegion;
use crate::cli::cloudformation::{self, Described};
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::fleet::{Fleet, Wanted, tag};
use crate::cli::selector::Selector;
use crate::cli::{Exit, screen};
use crate::elb::LoadBalancer;
use crate::plan::import::differences;

/// The tags that CloudFormation sets, and nobody else can.
const STACK: &str = "aws:cloudformation:stack-name";
const LOGICAL_ID: &str = "aws:cloudformation:logical-id";

/// Reads the templates, and what AWS has of what stands in them.
pub(super) async fn read(asked: &AccountRegion, names: &[String], stack: Option<&str>) -> Result<Source, Failure> {
    let region = asked.region.as_str();
    let mut source = Source {
        subjects: Vec::new(),
        exit: Exit::Ok,
        keeper: Keeper::Nobody,
    };
    let mut all: Vec<Described> = Vec::new();
    for file in files::read(names, false).await {
        let parsed = file
            .text
            .and_then(|text| cloudformation::parse(&text).map_err(|why| Failure::new(format!("{} {why}", file.from))));
        match parsed {
            Ok(templates) => {
                let described: Vec<Described> = templates.iter().flat_map(cloudformation::described).collect();
                if described.is_empty() {
                    screen::note(&format!(
                        "{} holds no AWS::ElasticLoadBalancing::LoadBalancer",
                        file.from
                    ));
                }
                all.extend(described);
            }
            Err(why) if names.len() == 1 => return Err(why),
            Err(why) => {
                screen::complain(&why);
                source.exit = Exit::Failed;
            }
        }
    }
    let fleet = fleet(asked, stack, &all).await?;
    for (name, error) in &fleet.unread {
        screen::note(&format!("{name}: {}", Failure::aws(region, error)));
        source.exit = Exit::Failed;
    }
    for described in &all {
        match which(&fleet, described, stack) {
            Ok(lb) => source.subjects.push(subject(&fleet, region, described, lb)),
            Err(why) => {
                screen::note(&format!("{}: {why} in {region}", described.id));
                source.exit = Exit::Failed;
            }
        }
    }
    source.keeper = Keeper::CloudFormation(all);
    Ok(source)
}

/// Those that are named in plain words, and those that a stack has made.
async fn fleet(asked: &AccountRegion, stack: Option<&str>, all: &[Described]) -> Result<Fleet, Failure> {
    if all.is_empty() {
        return Ok(Fleet::default());
    }
    let wanted = Wanted {
        names: Vec::new(),
        selector: Some(match stack {
            Some(stack) => Selector::is(STACK, stack),
            None => Selector::has(LOGICAL_ID),
        }),
        whatever_tags: all.iter().filter_map(|described| described.name.clone()).collect(),
    };
    let every_name_known = wanted.whatever_tags.len() == all.len();
    let wanted = if every_name_known {
        Wanted {
            names: wanted.whatever_tags.into_iter().collect(),
            ..Wanted::default()
        }
    } else {
        wanted
    };
    Fleet::read(asked, &wanted).await
}

/// The one that a template means.
fn which<'a>(fleet: &'a Fleet, described: &Described, stack: Option<&str>) -> Result<&'a LoadBalancer, String> {
    if let Some(name) = &described.name {
        let found = fleet.balancers.iter().find(|lb| lb.name == *name);
        return found.ok_or_else(|| format!("AWS has no load balancer {name} of it"));
    }
    let mut made = fleet
        .balancers
        .iter()
        .filter(|lb| stack.is_none() || tag(&lb.tags, STACK) == stack)
        .filter(|lb| tag(&lb.tags, LOGICAL_ID) == Some(described.id.as_str()));
    match (made.next(), made.next()) {
        (Some(lb), None) => Ok(lb),
        (None, _) => Err("no stack has made a load balancer of this logical id".to_owned()),
        (Some(one), Some(other)) => {
            let stack = |lb: &LoadBalancer| tag(&lb.tags, STACK).unwrap_or("unknown").to_owned();
            Err(format!(
                "the stacks {} and {} have both made a load balancer of this logical id: name one with --stack,",
                stack(one),
                stack(other)
            ))
        }
    }
}

fn subject(fleet: &Fleet, region: &str, described: &Described, lb: &LoadBalancer) -> Subject {
    let members = fleet.members(&lb.name);
    let of = tag(&lb.tags, STACK)
        .map(|stack| format!(" in stack {stack}"))
        .unwrap_or_default();
    let mut notes = vec![format!("of CloudFormation: {}{of}", described.id)];
    if !described.elsewhere.is_empty() {
        let names = described.elsewhere.join(", ");
        notes.push(format!(
            "{names} stand elsewhere than in the template, and are taken from AWS"
        ));
    }
    let known = cloudformation::overlay(lb, &described.properties);
    if let Ok(drift) = differences(&known, lb, region, &members) {
        notes.extend(told::drift(&drift, "the template says it", "CloudFormation"));
    }
    Subject {
        region: region.to_owned(),
        members,
        knows_groups: fleet.knows_groups(),
        lb: lb.clone(),
        notes,
        origins: vec![described.into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_found_by_its_name_or_by_the_tags_of_its_stack() {
        let made = |name: &str, stack: &str| {
            let mut lb = LoadBalancer::bare(name);
            let tags = [(STACK, stack), (LOGICAL_ID, "Web")];
            lb.tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            lb
        };
        let mut fleet = Fleet::default();
        fleet.balancers = vec![made("a", "shop"), made("b", "other"), LoadBalancer::bare("named")];
        let template = serde_json::json!({"Resources": {
            "Named": {"Type": "AWS::ElasticLoadBalancing::LoadBalancer", "Properties": {"LoadBalancerName": "named"}},
            "Web": {"Type": "AWS::ElasticLoadBalancing::LoadBalancer", "Properties": {}},
        }});
        let all = cloudformation::described(&template);
        let found = |at: usize, stack| which(&fleet, &all[at], stack).map(|lb| lb.name.as_str());
        assert_eq!(found(0, None), Ok("named"));
        assert_eq!(found(0, Some("shop")), Ok("named"));
        assert_eq!(found(1, Some("shop")), Ok("a"));
        assert_eq!(found(1, Some("other")), Ok("b"));
        assert!(found(1, None).is_err_and(|why| why.contains("the stacks shop and other")));
    }
}
