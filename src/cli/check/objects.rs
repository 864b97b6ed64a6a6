//! The objects: how many are Ready.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use super::{Checked, of};
use crate::api::condition::READY;
use crate::api::{AWSAccount, ClassicLoadBalancer};
use crate::cli::failure::Failure;
use crate::cli::finding::Finding;
use crate::cli::kubernetes::Connection;

/// More names than these are counted.
const NAMED: usize = 5;

pub(super) async fn checks(connection: &Connection) -> Vec<Checked> {
    let (client, here) = (&connection.client, &connection.namespace);
    let all: Api<ClassicLoadBalancer> = Api::all(client.clone());
    let mut place = "all namespaces".to_owned();
    let mut list = all.list(&ListParams::default()).await;
    if matches!(&list, Err(kube::Error::Api(status)) if status.code == 403) {
        place = format!("namespace {here}");
        let api: Api<ClassicLoadBalancer> = Api::namespaced(client.clone(), here);
        list = api.list(&ListParams::default()).await;
    }
    let mut checks = vec![of(
        "objects",
        match list {
            Err(error) => Finding::warning("the ClassicLoadBalancers were not looked at")
                .with(&Failure::kube("listing them", &error).to_string()),
            Ok(list) => {
                let named = list.items.iter().map(|object| {
                    let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
                    let conditions = object.status.as_ref().map(|status| status.conditions.as_slice());
                    (name, conditions.unwrap_or_default())
                });
                let told = judged(&format!("ClassicLoadBalancers in {place}"), named);
                told.hint_where_bad("kubectl clb why NAMESPACE/NAME tells why")
            }
        },
    )];
    let accounts: Api<AWSAccount> = Api::all(client.clone());
    if let Ok(list) = accounts.list(&ListParams::default()).await
        && !list.items.is_empty()
    {
        let named = list.items.iter().map(|account| {
            let conditions = account.status.as_ref().map(|status| status.conditions.as_slice());
            (account.name_any(), conditions.unwrap_or_default())
        });
        let told = judged("AWSAccounts", named);
        checks.push(of(
            "accounts",
            told.hint_where_bad("kubectl describe awsaccount NAME tells why"),
        ));
    }
    checks
}

fn judged<'a>(what: &str, objects: impl Iterator<Item = (String, &'a [Condition])>) -> Finding {
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
