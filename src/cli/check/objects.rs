//! The objects: how many are Ready, and whether AWS holds them up.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::{Checked, of, view};
use crate::api::condition::READY;
use crate::api::{AWSAccount, ClassicLoadBalancer, ClassicLoadBalancerBinding};
use crate::cli::failure::Failure;
use crate::cli::finding::Finding;
use crate::cli::kubernetes::Connection;

/// More names than these are counted.
const NAMED: usize = 5;

/// What was found of the objects of a kind.
struct Seen {
    finding: Finding,
    /// Whether there are any, or may be.
    are_there: bool,
    /// Their names and conditions.
    objects: Vec<(String, Vec<Condition>)>,
}

/// What is to be said of the objects, and of what they say of AWS.
pub(super) async fn checks(connection: &Connection) -> (Vec<Checked>, Vec<Checked>) {
    let client = &connection.client;
    let conditions = |object: &ClassicLoadBalancer| object.status.clone().unwrap_or_default().conditions;
    let owners = in_namespaces(connection, "ClassicLoadBalancers", conditions).await;
    let hint = "kubectl clb why NAMESPACE/NAME tells why";
    let mut checks = vec![of("objects", owners.finding.hint_where_bad(hint))];
    let conditions = |object: &ClassicLoadBalancerBinding| object.status.clone().unwrap_or_default().conditions;
    let bindings = in_namespaces(connection, "ClassicLoadBalancerBindings", conditions).await;
    if bindings.are_there {
        let hint = "kubectl clb why -n NAMESPACE binding/NAME tells why";
        checks.push(of("bindings", bindings.finding.hint_where_bad(hint)));
    }
    let mut of_aws = Vec::new();
    if !owners.objects.is_empty() || !bindings.objects.is_empty() {
        let objects = owners.objects.iter().chain(&bindings.objects);
        of_aws.push(view::of_objects(
            objects.map(|(name, conditions)| (name.as_str(), conditions.as_slice())),
        ));
    }
    let accounts: Api<AWSAccount> = Api::all(client.clone());
    if let Ok(list) = accounts.list(&ListParams::default()).await
        && !list.items.is_empty()
    {
        let statuses = list.items.iter().map(|account| {
            let status = account.status.clone().unwrap_or_default();
            (account.name_any(), status)
        });
        let mut named = Vec::new();
        for (name, status) in statuses {
            of_aws.extend(view::of_account(&name, &status));
            named.push((name, status.conditions));
        }
        let told = judged("AWSAccounts", &named);
        checks.push(of(
            "accounts",
            told.hint_where_bad("kubectl describe awsaccount NAME tells why"),
        ));
    }
    (checks, of_aws)
}

/// The objects of a kind in all namespaces, or in the own one where that is all that may be listed. Whether the kind is
/// installed is asked elsewhere.
async fn in_namespaces<K>(connection: &Connection, kinds: &str, conditions: fn(&K) -> Vec<Condition>) -> Seen
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
            Seen {
                finding: Finding::warning(format!("the {kinds} were not looked at")).with(&why),
                are_there: !is_unknown,
                objects: Vec::new(),
            }
        }
        Ok(list) => {
            let named = list.items.iter().map(|object| {
                let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
                (name, conditions(object))
            });
            let objects: Vec<_> = named.collect();
            Seen {
                finding: judged(&format!("{kinds} in {place}"), &objects),
                are_there: !objects.is_empty(),
                objects,
            }
        }
    }
}

fn judged(what: &str, objects: &[(String, Vec<Condition>)]) -> Finding {
    let (total, mut bad) = (objects.len(), Vec::new());
    for (name, conditions) in objects {
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
