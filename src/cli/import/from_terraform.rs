//! The load balancers that a Terraform state holds.

use std::collections::{BTreeMap, BTreeSet};

use super::keeper::Keeper;
use super::{Source, Subject, told};
use crate::aws::{AccountRegion, Accounts};
use crate::cli::account::Account;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::fleet::{Fleet, Wanted};
use crate::cli::terraform::{self, Known, State};
use crate::cli::{Exit, screen};
use crate::elb::{InstanceId, LoadBalancer};
use crate::plan::import::differences;

/// A state with its load balancers.
struct Read {
    state: State,
    known: Vec<Known>,
}

/// Reads the states, and what AWS has of what stands in them.
pub(super) async fn read(
    (aws, account): (&Accounts, &Account),
    names: &[String],
    default: Option<&str>,
) -> Result<Source, Failure> {
    let mut exit = Exit::Ok;
    let mut states = Vec::new();
    for file in files::read(names, false).await {
        let parsed = file
            .text
            .and_then(|text| terraform::parse(&text).map_err(|why| Failure::new(format!("{} {why}", file.from))));
        let state = match parsed {
            Ok(state) => state,
            Err(why) if names.len() == 1 => return Err(why),
            Err(why) => {
                screen::complain(&why);
                exit = Exit::Failed;
                continue;
            }
        };
        let (known, told) = terraform::known(&state);
        for line in told {
            screen::note(&line);
        }
        if known.is_empty() {
            screen::note(&format!("{} holds no aws_elb", file.from));
        }
        states.push(Read { state, known });
    }
    let mut subjects = Vec::new();
    for (region, known) in by_region(&states, default)? {
        let asked = account.region(aws, &region, None).await?;
        let known = of_account(&asked, known, place, &mut exit).await?;
        subjects.extend(in_region(&asked, known, &mut exit).await?);
    }
    let states = states.into_iter().map(|Read { state, known }| (state, known));
    Ok(Source {
        subjects,
        exit,
        keeper: Keeper::Terraform(states.collect()),
    })
}

/// The load balancers by their regions.
fn by_region<'a>(states: &'a [Read], default: Option<&str>) -> Result<BTreeMap<String, Vec<&'a Known>>, Failure> {
    let mut all: BTreeMap<String, Vec<&Known>> = BTreeMap::new();
    for known in states.iter().flat_map(|read| &read.known) {
        let region = known.region.as_deref().or(default).ok_or_else(|| {
            Failure::usage(format!(
                "the state does not tell the region of {}: give --region",
                known.address
            ))
        })?;
        all.entry(region.to_owned()).or_default().push(known);
    }
    Ok(all)
}

fn place<'a>(known: &'a &Known) -> (Option<&'a str>, &'a str) {
    (known.account.as_deref(), &known.address)
}

/// Those of the account that answers, as far as the state tells: what another account has under the same name is something else.
/// `place` tells the account, where the state has it, and the address.
pub(super) async fn of_account<T>(
    asked: &AccountRegion,
    all: Vec<T>,
    place: impl Fn(&T) -> (Option<&str>, &str),
    exit: &mut Exit,
) -> Result<Vec<T>, Failure> {
    if all.iter().all(|one| place(one).0.is_none()) {
        return Ok(all);
    }
    let answering = asked.account().await;
    let answering = answering.map_err(|error| Failure::aws(&asked.region, &error))?.id;
    let is_here = |one: &T| place(one).0.is_none_or(|theirs| theirs == answering);
    let (here, others): (Vec<T>, Vec<T>) = all.into_iter().partition(is_here);
    let mut told: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in &others {
        let (theirs, address) = place(one);
        told.entry(theirs.unwrap_or_default()).or_default().push(address);
    }
    for (theirs, addresses) in told {
        screen::note(&told::elsewhere(&addresses, theirs, &answering));
        *exit = Exit::Failed;
    }
    Ok(here)
}

async fn in_region(asked: &AccountRegion, known: Vec<&Known>, exit: &mut Exit) -> Result<Vec<Subject>, Failure> {
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let region = asked.region.as_str();
    let wanted = Wanted {
        names: known.iter().map(|known| known.lb.name.clone()).collect(),
        ..Wanted::default()
    };
    let fleet = Fleet::read(asked, &wanted).await?;
    for (name, error) in &fleet.unread {
        screen::note(&format!("{name}: {}", Failure::aws(region, error)));
        *exit = Exit::Failed;
    }
    let unread: BTreeSet<&String> = fleet.unread.iter().map(|(name, _)| name).collect();
    let mut subjects: Vec<Subject> = Vec::new();
    for known in known {
        let name = &known.lb.name;
        let Some(lb) = fleet.balancers.iter().find(|lb| lb.name == *name) else {
            if !unread.contains(name) {
                screen::note(&format!(
                    "{}: AWS has no load balancer {name} in {region}",
                    known.address
                ));
            }
            *exit = Exit::Failed;
            continue;
        };
        let members = fleet.members(name);
        let notes = notes(known, lb, region, &members);
        // Two states may have one and the same, and both have to let it go.
        if let Some(subject) = subjects.iter_mut().find(|subject| subject.lb.name == *name) {
            subject.notes.extend(notes);
            subject.origins.push(known.into());
            continue;
        }
        subjects.push(Subject {
            region: region.to_owned(),
            members,
            knows_groups: fleet.knows_groups(),
            lb: lb.clone(),
            notes,
            origins: vec![known.into()],
        });
    }
    Ok(subjects)
}

/// What is to be told of it, beside what AWS has.
fn notes(known: &Known, lb: &LoadBalancer, region: &str, members: &BTreeSet<InstanceId>) -> Vec<String> {
    let mut notes = vec![format!("of Terraform: {}", known.address)];
    match differences(&known.over(lb), lb, region, members) {
        Ok(drift) => notes.extend(told::drift(&drift, "the state knows it", "Terraform")),
        Err(_) => notes.push("the state holds too little of it to be compared".to_owned()),
    }
    notes.extend(
        known
            .dependents
            .iter()
            .map(|address| format!("{address} refers to it: have that use data \"aws_elb\" before Terraform lets go")),
    );
    notes
}
