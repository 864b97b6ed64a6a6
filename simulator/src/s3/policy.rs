//! What a bucket policy says to those who deliver access logs.

use serde_json::Value as Json;

use crate::region::RegionFacts;

/// Delivers logs in every region that has no account for it, and in the others too.
const DELIVERY: &str = "logdelivery.elasticloadbalancing.amazonaws.com";

/// Whether ELB of a region may write: some statement allows it and none denies it.
pub(super) fn lets_logs_in(policy: &str, facts: &RegionFacts) -> bool {
    let Ok(policy) = serde_json::from_str::<Json>(policy) else {
        return false;
    };
    let says = |effect: &str| {
        one_or_many(policy.get("Statement")).any(|statement| {
            statement.get("Effect").and_then(Json::as_str) == Some(effect)
                && is_for_delivery(statement.get("Principal"), facts)
                && texts(statement.get("Action")).any(covers_put)
                // What hangs on a condition may well not concern log delivery.
                && (effect == "Allow" || statement.get("Condition").is_none())
        })
    };
    says("Allow") && !says("Deny")
}

fn is_for_delivery(principal: Option<&Json>, facts: &RegionFacts) -> bool {
    let Some(Json::Object(named)) = principal else {
        return texts(principal).any(|text| text == "*");
    };
    let account = |text: &str| {
        text == "*"
            || facts.log_account.is_some_and(|account| {
                text == account || text == format!("arn:{}:iam::{account}:root", facts.partition())
            })
    };
    texts(named.get("AWS")).any(account) || texts(named.get("Service")).any(|text| text == DELIVERY || text == "*")
}

/// Actions are compared without regard to case, with a star for any ending.
fn covers_put(action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    match action.strip_suffix('*') {
        Some(beginning) => "s3:putobject".starts_with(beginning),
        None => action == "s3:putobject",
    }
}

fn texts(value: Option<&Json>) -> impl Iterator<Item = &str> {
    one_or_many(value).filter_map(Json::as_str)
}

fn one_or_many(value: Option<&Json>) -> impl Iterator<Item = &Json> {
    let (one, many) = match value {
        Some(Json::Array(many)) => (None, many.as_slice()),
        one => (one, [].as_slice()),
    };
    one.into_iter().chain(many)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_one_who_delivers_and_only_when_allowed() {
        let lets = |region: &str, statement: Json| {
            let policy = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
            lets_logs_in(&policy, crate::region::find(region).unwrap())
        };
        let allow =
            |principal: Json, action: Json| json!({"Effect": "Allow", "Principal": principal, "Action": action});
        let account = json!({"AWS": "arn:aws:iam::127311923021:root"});
        let service = json!({"Service": DELIVERY});
        let good = allow(account.clone(), json!("s3:PutObject"));
        assert!(lets("us-east-1", json!([good])));
        assert!(lets("us-east-1", good.clone()));
        assert!(lets(
            "us-east-1",
            allow(json!({"AWS": ["127311923021"]}), json!(["s3:Put*"]))
        ));
        assert!(lets("us-east-1", allow(json!("*"), json!("s3:*"))));
        assert!(lets("eu-central-2", allow(service, json!("s3:PutObject"))));
        // Another region's account, another action, the account in another place, a denial.
        assert!(!lets("eu-west-1", good.clone()));
        assert!(!lets("us-east-1", allow(account.clone(), json!("s3:GetObject"))));
        let elsewhere = json!({"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "s3:*", "Resource": "127311923021"});
        assert!(!lets("us-east-1", elsewhere));
        let denied = json!({"Effect": "Deny", "Principal": account, "Action": "s3:PutObject"});
        assert!(!lets("us-east-1", denied.clone()));
        assert!(!lets("us-east-1", json!([good, denied])));
        assert!(!lets_logs_in("no json", crate::region::find("us-east-1").unwrap()));
    }
}
