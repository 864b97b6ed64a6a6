//! Pure: who has load balancers before an object does, and how that lets go.

use std::collections::BTreeSet;

use crate::cli::{cloudformation, terraform};

/// Another tool that has the load balancers.
#[derive(Debug)]
pub(super) enum Keeper {
    /// None that is known.
    Nobody,
    /// Terraform, with each state and what it holds.
    Terraform(Vec<(terraform::State, Vec<terraform::Known>)>),
    /// CloudFormation, with what its templates hold.
    CloudFormation(Vec<cloudformation::Described>),
}

impl Keeper {
    /// How it lets go of those that have a manifest now: what it calls them, with their names in AWS.
    pub(super) fn release(&self, going: &BTreeSet<(&str, &str)>) -> String {
        match self {
            Self::Nobody => String::new(),
            Self::Terraform(states) => {
                let each = states.iter().map(|(state, known)| {
                    let goes = |known: &&terraform::Known| going.contains(&(&*known.address, &*known.lb.name));
                    let known = known.iter().filter(goes);
                    terraform::release(state, &known.collect::<Vec<_>>()).text()
                });
                each.collect()
            }
            Self::CloudFormation(all) => {
                let going = all.iter().filter_map(|one| {
                    let is_it = |name: &str| one.name.as_deref().is_none_or(|own| own == name);
                    let mut names = going.iter().filter(|(id, name)| *id == one.id && is_it(name));
                    Some((one, names.next()?.1.to_owned()))
                });
                cloudformation::release(&going.collect::<Vec<_>>())
            }
        }
    }
}
