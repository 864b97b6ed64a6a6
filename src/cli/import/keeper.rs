//! Pure: who has load balancers before an object does, and how that lets go.

use std::collections::BTreeSet;

use crate::cli::{cloudformation, terraform};

/// What another tool calls a load balancer: two states may have one address and one name, in two regions or accounts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    /// The address, or the logical id.
    id: String,
    region: Option<String>,
    account: Option<String>,
}

impl From<&terraform::Known> for Origin {
    fn from(known: &terraform::Known) -> Self {
        Self {
            id: known.address.clone(),
            region: known.region.clone(),
            account: known.account.clone(),
        }
    }
}

impl From<&cloudformation::Described> for Origin {
    fn from(described: &cloudformation::Described) -> Self {
        Self {
            id: described.id.clone(),
            region: None,
            account: None,
        }
    }
}

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
    pub(super) fn release(&self, going: &BTreeSet<(&Origin, &str)>) -> String {
        match self {
            Self::Nobody => String::new(),
            Self::Terraform(states) => {
                let each = states.iter().map(|(state, known)| {
                    let goes =
                        |known: &&terraform::Known| going.contains(&(&Origin::from(*known), known.lb.name.as_str()));
                    let known = known.iter().filter(goes);
                    terraform::release(state, &known.collect::<Vec<_>>()).text()
                });
                each.collect()
            }
            Self::CloudFormation(all) => {
                let going = all.iter().filter_map(|one| {
                    let origin = Origin::from(one);
                    let is_it = |name: &str| one.name.as_deref().is_none_or(|own| own == name);
                    let mut names = going.iter().filter(|(going, name)| **going == origin && is_it(name));
                    Some((one, names.next()?.1.to_owned()))
                });
                cloudformation::release(&going.collect::<Vec<_>>())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_two_states_with_one_address_and_one_name_each_lets_its_own_go() {
        let state = |region: &str, block: &str| {
            let arn = format!("arn:aws:elasticloadbalancing:{region}:123456789012:loadbalancer/web");
            let resource = |kind: &str, name: &str, values| json!({"mode": "managed", "type": kind, "name": name, "instances": [{"attributes": values}]});
            let resources = [
                resource("aws_elb", "web", json!({"name": "web", "arn": arn})),
                resource("aws_elb_attachment", block, json!({"elb": "web", "instance": "i-1"})),
            ];
            let state = json!({"version": 4, "terraform_version": "1.11.4", "resources": resources});
            let state = terraform::parse(&state.to_string()).expect("a state");
            let known = terraform::known(&state).0;
            (state, known)
        };
        let keeper = Keeper::Terraform(vec![state("eu-west-1", "eu"), state("us-east-1", "us")]);
        let Keeper::Terraform(states) = &keeper else { return };
        let origin = Origin::from(&states[1].1[0]);
        let released = keeper.release(&[(&origin, "web")].into());
        assert_eq!(released.matches("from = aws_elb.web\n").count(), 1, "{released}");
        assert!(released.contains("from = aws_elb_attachment.us\n"), "{released}");
    }
}
