//! The objects: how many are Ready.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::{Checked, of};
use crate::api::condition::READY;
use crate::api::{AWSAccount, ClassicLoadBalancer, ClassicLoadBalancerBinding};
use crate::cli::failure::Failure;
use crate::cli::finding::Finding;
use crate::cli::kubernetes::Connection;

/// More names than these are counted.
const NAMED: usize = 5;

pub(super) async fn checks(connection: &Connection) -> Vec<Checked> {
    let client = &connection.client;
    let conditions = |object: &ClassicLoadBalancer| object.status.clone().unwrap_or_default().conditions;
    let owners = in_namespaces(connection, "ClassicLoadBalancers", conditions).await;
    let hint = "kubectl clb why NAMESPACE/NAME tells why";
    let mut checks = vec![of("objects", owners.0.hint_where_bad(hint))];
    let conditions = |object: &ClassicLoadBalancerBinding| object.status.clone().unwrap_or_default().conditions;
    let (bindings, are_there) = in_namespaces(connection, "ClassicLoadBalancerBindings", conditions).await;
    if are_there {
        let hint = "kubectl clb why -n NAMESPACE binding/NAME tells why";
        checks.push(of("bindings", bindings.hint_where_bad(hint)));
    }
    let accounts: Api<AWSAccount> = Api::all(client.clone());
    if let Ok(list) = accounts.list(&ListParams::default()).await
        && !list.items.is_empty()
    {
        let named = list.items.iter().map(|account| {
            let conditions = account.status.clone().unwrap_or_default().conditions;
            (account.name_any(), conditions)
        });
        let told = judged("AWSAccounts", named);
        checks.push(of(
            "accounts",
            told.hint_where_bad("kubectl describe awsaccount NAME tells why"),
        ));
    }
    checks
}

/// The objects of a kind in all namespaces, or in the own one where that is all that may be listed; and whether there are
/// any, or may be. Whether the kind is installed is asked elsewhere.
async fn in_namespaces<K>(connection: &Connection, kinds: &str, conditions: fn(&K) -> Vec<Condition>) -> (Finding, bool)
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let (client, here) = (&connection.client, &connection.namespace);
    let mut place = "all namespaces".to_owned();
    let mut list = Api::<K>::all(client.clone()).list(&ListParams::default()).await;
    if matches!(&list, Err(kube::Error::Api(status)) if status.code == 403) {
        place = format!("namespace {here}");
        let api: Api<K> = Api::namespaced(client.clone(), here);
        list = api.list(&ListParams::default()).await;
    }
    match list {
        Err(error) => {
            let is_unknown = matches!(&error, kube::Error::Api(status) if status.code == 404);
            let why = Failure::kube("listing them", &error).to_string();
            let finding = Finding::warning(format!("the {kinds} were not looked at"));
            (finding.with(&why), !is_unknown)
        }
        Ok(list) => {
            let named = list.items.iter().map(|object| {
                let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
                (name, conditions(object))
            });
            (judged(&format!("{kinds} in {place}"), named), !list.items.is_empty())
        }
    }
}

fn judged(what: &str, objects: impl Iterator<Item = (String, Vec<Condition>)>) -> Finding {
    let (mut total, mut bad) = (0, Vec::new());
    for (name, conditions) in objects {
        total += 1;
        match conditions.iter().find(|condition| condition.type_ == READY) {
            Some(ready) if ready.status == "True" => {}
            Some(ready) => bad.push(format!("{name}: {}", ready.reason)),
            None => bad.push(format!("{name}: not seen by the operator yet")),
        }
    }
    if bad.is_empty() {
        return Finding::success(format!("{total} of {total} {what} are Ready"));
    }
    let mut finding = Finding::warning(format!("{} of {total} {what} are not Ready", bad.len()));
    finding = finding.with(&bad.iter().take(NAMED).cloned().collect::<Vec<_>>().join("\n"));
    if bad.len() > NAMED {
        finding = finding.with(&format!("and {} more", bad.len() - NAMED));
    }
    finding
}
