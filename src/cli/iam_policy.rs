//! `kubectl clb iam-policy`.

mod needed;

use std::collections::BTreeSet;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use needed::{Needs, needed};
use serde_json::{Value, json};

use super::Exit;
use super::account;
use super::failure::Failure;
use super::find::{self, Wanted};
use super::kubernetes::{Connection, Kubernetes};
use super::output;
use super::screen;
use super::terms::{OperatorFlags, Terms};
use crate::api::{AWSAccount, ClassicLoadBalancer, ClassicLoadBalancerBinding};
use crate::controller::Kind;

/// Every action, with its resources and conditions.
const CATALOGUE: &str = include_str!("../../deploy/iam/policy.json");
/// What `--adoption=any` needs besides.
const ADOPT_ANY: &str = include_str!("../../deploy/iam/adopt-any.json");
/// What `--binding=any` needs besides.
const BIND_ANY: &str = include_str!("../../deploy/iam/bind-any.json");
/// What stands in them for the cluster id.
const CLUSTER_ID: &str = "CLUSTER_ID";
/// The statement for the first load balancer of an account, and the one for adoption.
const FIRST: &str = "FirstBalancerOfTheAccount";
const ADOPT: &str = "Adopt";
/// The one for instances of load balancers of others.
const BIND: &str = "Bind";
const CREATE: [&str; 2] = ["CreateWithClusterTag", "TagAtCreation"];

/// Print the least IAM policy for the features that the objects of the cluster use.
///
/// Made of the policy that is shipped: the actions that no object needs are taken out, conditions and resources stay. A
/// feature that comes into use later needs its actions then, which kubectl clb check and the object itself tell. With
/// AWSAccounts each role has a policy of its own: --account names one. Only Kubernetes is asked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl clb iam-policy > policy.json
  aws iam put-role-policy --role-name classic-lb-operator --policy-name clb --policy-document file://policy.json
  kubectl clb iam-policy --account payments      the policy of the role of AWSAccount payments
  kubectl clb iam-policy -n shop                 for the objects of one namespace

Exit status: 1 when the objects cannot be read.")]
pub(super) struct IamPolicy {
    /// The role of this AWSAccount: the policy for the objects that refer to it. Default: the operator's own role.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    account: Option<String>,
    #[command(flatten)]
    operator: OperatorFlags,
    #[command(flatten)]
    kubernetes: Kubernetes,
}

impl IamPolicy {
    pub(super) async fn run(self) -> Result<Exit, Failure> {
        let connection = self.kubernetes.connect().await?;
        let objects = objects(&connection).await?;
        let bindings = bindings(&connection).await?;
        let every = || objects.iter().chain(&bindings);
        let refers = every().any(|object| object.spec.account_ref.is_some());
        let accounts = self.accounts(&connection, refers).await?;
        let namespaces = every().filter_map(ResourceExt::namespace).collect();
        let terms = self.operator.terms(&connection.client, &namespaces).await?;
        let is_theirs = |object: &&ClassicLoadBalancer| {
            let named = object.spec.account_ref.as_ref().map(|account| account.name.as_str());
            let entered = named.filter(|name| {
                accounts
                    .iter()
                    .any(|a| a.name_any() == *name && a.spec.role_arn.is_some())
            });
            entered == self.account.as_deref() || (self.account.is_some() && named == self.account.as_deref())
        };
        let own: Vec<&ClassicLoadBalancer> = objects.iter().filter(is_theirs).collect();
        let bound: Vec<&ClassicLoadBalancer> = bindings.iter().filter(is_theirs).collect();
        if own.is_empty() && bound.is_empty() {
            screen::note("no object works with this role: the policy permits only what every operator asks");
        }
        let own_accounts: Vec<&AWSAccount> = accounts
            .iter()
            .filter(|account| own.iter().chain(&bound).any(|object| refers_to(object, account)))
            .collect();
        let mut needs = needed(&own, &own_accounts, &terms.rules);
        needs.add_bindings(&bound, &own_accounts, &terms.rules);
        let mut policy = reduced(&needs, &terms)?;
        if self.account.is_none() {
            let roles: BTreeSet<&str> = accounts.iter().filter_map(|a| a.spec.role_arn.as_deref()).collect();
            enter(&mut policy, &roles);
        }
        output::json(&policy)?;
        Ok(Exit::Ok)
    }

    /// The accounts that objects refer to. Without one there is nothing to read.
    async fn accounts(&self, connection: &Connection, refers: bool) -> Result<Vec<AWSAccount>, Failure> {
        if self.account.is_none() && !refers {
            return Ok(Vec::new());
        }
        let api: Api<AWSAccount> = Api::all(connection.client.clone());
        let list = api.list(&ListParams::default()).await;
        let list = list
            .map_err(|error| Failure::kube("listing AWSAccounts", &error))?
            .items;
        match &self.account {
            Some(name) if !list.iter().any(|account| account.name_any() == *name) => Err(account::not_found(name)),
            _ => Ok(list),
        }
    }
}

/// Those of the namespace that a flag names, else of the cluster.
async fn objects(connection: &Connection) -> Result<Vec<ClassicLoadBalancer>, Failure> {
    let wanted = Wanted {
        names: &[],
        kinds: &[Kind::Owner],
        selector: None,
        all_namespaces: !connection.named,
    };
    let found = find::find(connection, &wanted).await?;
    found
        .into_iter()
        .map(|object| Ok(find::typed(object)?.object))
        .collect()
}

/// The bindings of the same namespaces, as the load balancers of which they declare the targets.
async fn bindings(connection: &Connection) -> Result<Vec<ClassicLoadBalancer>, Failure> {
    let client = connection.client.clone();
    let api: Api<ClassicLoadBalancerBinding> = if connection.named {
        Api::namespaced(client, &connection.namespace)
    } else {
        Api::all(client)
    };
    match api.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items.into_iter().map(find::as_owner).collect()),
        // An older installation has none.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(Failure::kube("listing ClassicLoadBalancerBindings", &error)),
    }
}

fn refers_to(object: &ClassicLoadBalancer, account: &AWSAccount) -> bool {
    let named = object.spec.account_ref.as_ref().map(|named| named.name.as_str());
    named == Some(account.name_any().as_str())
}

/// The catalogue without what is not needed, for this cluster id.
fn reduced(needs: &Needs, terms: &Terms) -> Result<Value, Failure> {
    let mut policy = read(CATALOGUE, &terms.cluster_id)?;
    let mut statements = taken(&mut policy);
    statements.retain(|statement| match statement["Sid"].as_str() {
        Some(FIRST) => needs.first,
        Some(ADOPT) => needs.adopt,
        Some(BIND) => needs.bind,
        Some(sid) if CREATE.contains(&sid) => needs.create,
        _ => true,
    });
    let permitted = &needs.actions;
    for statement in &mut statements {
        let sid = statement["Sid"].as_str().unwrap_or_default();
        if [FIRST, ADOPT, BIND].contains(&sid) || CREATE.contains(&sid) {
            continue;
        }
        let mut actions = listed(&statement["Action"]);
        actions.retain(|action| permitted.contains(action.as_str()));
        statement["Action"] = json!(actions);
    }
    statements.retain(|statement| statement["Action"].as_array().is_none_or(|actions| !actions.is_empty()));
    if needs.adopt_any {
        statements.extend(taken(&mut read(ADOPT_ANY, &terms.cluster_id)?));
    }
    if needs.bind_any {
        statements.extend(taken(&mut read(BIND_ANY, &terms.cluster_id)?));
    }
    policy["Statement"] = Value::Array(statements);
    Ok(policy)
}

/// The policy as it is shipped, for this cluster id.
pub(super) fn shipped(cluster_id: &str) -> Result<Value, Failure> {
    read(CATALOGUE, cluster_id)
}

fn read(text: &str, cluster_id: &str) -> Result<Value, Failure> {
    serde_json::from_str(&text.replace(CLUSTER_ID, cluster_id))
        .map_err(|error| Failure::new(format!("the policy of this version cannot be read: {error}")))
}

fn taken(policy: &mut Value) -> Vec<Value> {
    match policy["Statement"].take() {
        Value::Array(statements) => statements,
        _ => Vec::new(),
    }
}

/// A member that IAM takes as one string or as a list.
fn listed(value: &Value) -> Vec<String> {
    let one = value.as_str().map(ToOwned::to_owned);
    let all = value.as_array().into_iter().flatten();
    one.into_iter()
        .chain(all.filter_map(|action| action.as_str().map(ToOwned::to_owned)))
        .collect()
}

/// Lets the operator take the roles of other accounts, these and no others.
fn enter(policy: &mut Value, roles: &BTreeSet<&str>) {
    if roles.is_empty() {
        return;
    }
    screen::note(&format!(
        "objects work with the roles {}: print the policy of each with --account",
        roles.iter().copied().collect::<Vec<_>>().join(", ")
    ));
    if let Some(statements) = policy["Statement"].as_array_mut() {
        statements.push(json!({
            "Sid": "EnterOtherAccounts",
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Resource": roles,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_that_can_be_needed_is_in_the_catalogue_and_the_other_way_round() {
        let catalogue = read(CATALOGUE, "x").expect("a policy");
        let mut actions = BTreeSet::new();
        for statement in catalogue["Statement"].as_array().expect("statements") {
            let special = statement["Sid"] == FIRST || statement["Effect"] == "Deny";
            if !special {
                actions.extend(listed(&statement["Action"]));
            }
        }
        let known: BTreeSet<String> = needed::ACTIONS.iter().map(|(action, _)| (*action).to_owned()).collect();
        // These stand in statements that come and go as a whole.
        actions.remove("elasticloadbalancing:CreateLoadBalancer");
        let mut known = known;
        known.remove("elasticloadbalancing:CreateLoadBalancer");
        assert_eq!(known, actions);
    }
}
