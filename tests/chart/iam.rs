//! The IAM policies of `deploy/iam/`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::helm::{read, root};

const CLUSTER_TAG: &str = "classiclb.dev/cluster";
/// What bindings do.
const BINDING: [&str; 2] = [
    "elasticloadbalancing:DeregisterInstancesFromLoadBalancer",
    "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
];

fn statements(file: &str) -> Vec<Value> {
    let policy: Value = serde_json::from_str(&read(&format!("deploy/iam/{file}"))).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    policy["Statement"].as_array().unwrap().clone()
}

/// A member that IAM takes as one string or as a list.
fn list(value: &Value) -> Vec<&str> {
    value.as_array().map_or_else(
        || vec![value.as_str().unwrap()],
        |all| all.iter().map(|one| one.as_str().unwrap()).collect(),
    )
}

/// The calls in the operator's sources, by the names of the SDK's methods: `self.elb.add_tags()` is `AddTags`.
fn calls_made() -> BTreeSet<String> {
    fn collect(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, text);
            } else if path.file_name().is_some_and(|name| name != "inventory.rs") {
                // What is left out is asked for by people at the command line, under their own name.
                text.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut text = String::new();
    collect(&root().join("src"), &mut text);
    let text: String = text.split_whitespace().collect();
    let mut calls = BTreeSet::new();
    for (field, service) in [
        ("self.elb.", "elasticloadbalancing"),
        ("self.autoscaling.", "autoscaling"),
        ("self.ec2.", "ec2"),
        ("self.acm.", "acm"),
        ("self.iam.", "iam"),
    ] {
        for (at, _) in text.match_indices(field) {
            let method: String = text[at + field.len()..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            calls.insert(format!("{service}:{}", operation(&method)));
        }
    }
    // `kubectl clb check --writes` asks it, by whoever runs that.
    calls.remove("iam:SimulatePrincipalPolicy");
    calls
}

fn operation(method: &str) -> String {
    let word = |word: &str| {
        if word == "ssl" || word == "lb" {
            word.to_uppercase()
        } else {
            word[..1].to_uppercase() + &word[1..]
        }
    };
    method.split('_').map(word).collect()
}

#[test]
fn the_policy_allows_exactly_the_calls_that_are_made() {
    let statements = statements("policy.json");
    let allowed: BTreeSet<_> = statements
        .iter()
        .filter(|statement| statement["Effect"] == "Allow")
        .flat_map(|statement| list(&statement["Action"]))
        .filter(|action| *action != "iam:CreateServiceLinkedRole")
        .map(str::to_owned)
        .collect();
    assert_eq!(
        allowed,
        calls_made(),
        "allowed in deploy/iam/policy.json on the left, called in src/ on the right"
    );
}

#[test]
fn every_write_is_bound_to_the_tag_of_the_cluster() {
    let mut bound = 0;
    for statement in statements("policy.json") {
        let writes: Vec<_> = list(&statement["Action"])
            .into_iter()
            .filter(|action| ![":Describe", ":Get", ":List"].iter().any(|read| action.contains(read)))
            .collect();
        if statement["Effect"] != "Allow" || writes.is_empty() {
            continue;
        }
        assert_ne!(statement["Resource"], "*", "{writes:?} have resources");
        let equal = &statement["Condition"]["StringEquals"];
        if statement["Sid"] == "Bind" {
            // What is somebody else's carries no tag of ours: its owner offers it.
            assert_eq!(writes, BINDING);
            assert_eq!(
                statement["Condition"],
                json!({"StringLike": {
                    "aws:ResourceTag/classiclb.dev/bind-by": ["CLUSTER_ID/*", "* CLUSTER_ID/*"]
                }})
            );
        } else if writes.iter().all(|action| action.starts_with("elasticloadbalancing:")) {
            let at_first = ["CreateWithClusterTag", "TagAtCreation", "Adopt"];
            let from_request = at_first.contains(&statement["Sid"].as_str().unwrap());
            let key = format!(
                "aws:{}/{CLUSTER_TAG}",
                if from_request { "RequestTag" } else { "ResourceTag" }
            );
            assert_eq!(equal[&key], "CLUSTER_ID", "{}", statement["Sid"]);
            bound += writes.len();
        } else if writes == ["iam:CreateServiceLinkedRole"] {
            assert_eq!(equal["iam:AWSServiceName"], "elasticloadbalancing.amazonaws.com");
        } else {
            // Groups carry no tag of ours: what is attached to them is all that can be told.
            assert_eq!(
                writes,
                ["autoscaling:AttachLoadBalancers", "autoscaling:DetachLoadBalancers"]
            );
        }
    }
    assert!(bound >= 16, "only {bound} writes were looked at");
}

#[test]
fn tags_of_the_cluster_cannot_be_moved_to_a_foreign_balancer() {
    for statement in statements("policy.json") {
        if statement["Effect"] != "Allow" || !list(&statement["Action"]).contains(&"elasticloadbalancing:AddTags") {
            continue;
        }
        let condition = &statement["Condition"];
        let creates = condition["StringEquals"]["elasticloadbalancing:CreateAction"] == "CreateLoadBalancer";
        let own = condition["StringEquals"][format!("aws:ResourceTag/{CLUSTER_TAG}")] == "CLUSTER_ID"
            && condition["StringEqualsIfExists"][format!("aws:RequestTag/{CLUSTER_TAG}")] == "CLUSTER_ID";
        let offered = condition["StringLike"]["aws:ResourceTag/classiclb.dev/adopt-by"] == "CLUSTER_ID/*"
            && condition["StringEquals"][format!("aws:RequestTag/{CLUSTER_TAG}")] == "CLUSTER_ID";
        let ways = [creates, own, offered].into_iter().filter(|way| *way).count();
        assert_eq!(ways, 1, "{statement}");
        let own_tags_alone = condition["ForAllValues:StringLike"]["aws:TagKeys"] == "classiclb.dev/*";
        assert_eq!(own_tags_alone, offered, "{statement}");
    }
}

#[test]
fn what_nobody_offers_must_carry_no_tag_of_an_owner() {
    let [statement] = <[Value; 1]>::try_from(statements("adopt-any.json")).unwrap();
    assert_eq!(statement["Action"], "elasticloadbalancing:AddTags");
    let condition = &statement["Condition"];
    assert_eq!(
        condition["StringEquals"][format!("aws:RequestTag/{CLUSTER_TAG}")],
        "CLUSTER_ID"
    );
    assert_eq!(condition["ForAllValues:StringLike"]["aws:TagKeys"], "classiclb.dev/*");
    for tag in [
        CLUSTER_TAG,
        "classiclb.dev/owner",
        "classiclb.dev/adopt-by",
        "kubernetes.io/service-name",
    ] {
        assert_eq!(condition["Null"][format!("aws:ResourceTag/{tag}")], "true", "{tag}");
    }
}

#[test]
fn instances_are_bound_to_what_nobody_offers_only_where_nobody_owns_it() {
    let [statement] = <[Value; 1]>::try_from(statements("bind-any.json")).unwrap();
    assert_eq!(list(&statement["Action"]), BINDING);
    for tag in [
        CLUSTER_TAG,
        "classiclb.dev/owner",
        "classiclb.dev/uid",
        "classiclb.dev/bind-by",
    ] {
        assert_eq!(
            statement["Condition"]["Null"][format!("aws:ResourceTag/{tag}")],
            "true",
            "{tag}"
        );
    }
}

#[test]
fn other_kinds_of_load_balancers_are_out_of_reach() {
    let denied = statements("policy.json")
        .into_iter()
        .find(|statement| statement["Effect"] == "Deny")
        .unwrap();
    let resources = list(&denied["Resource"]);
    for kind in ["app", "gwy", "net"] {
        assert!(
            resources.contains(&format!("arn:*:elasticloadbalancing:*:*:loadbalancer/{kind}/*").as_str()),
            "{kind}"
        );
    }
    // The writes whose names mean something in the API of the other kinds too.
    for action in ["AddTags", "CreateLoadBalancer", "DeleteLoadBalancer", "RemoveTags"] {
        assert!(
            list(&denied["Action"]).contains(&format!("elasticloadbalancing:{action}").as_str()),
            "{action}"
        );
    }
}

#[test]
fn the_role_of_another_account_lets_the_operator_in_alone_and_by_its_external_id() {
    let [enter] = <[Value; 1]>::try_from(statements("assume-role.json")).unwrap();
    let [trust] = <[Value; 1]>::try_from(statements("trust-account.json")).unwrap();
    // Pod Identity's session tags go along, which both sides must permit.
    for statement in [&enter, &trust] {
        assert_eq!(statement["Action"], json!(["sts:AssumeRole", "sts:TagSession"]));
    }
    assert_eq!(enter["Resource"], "arn:*:iam::*:role/classic-lb-operator");
    assert_eq!(
        trust["Principal"],
        json!({"AWS": "arn:aws:iam::ACCOUNT_ID:role/classic-lb-operator"})
    );
    assert_eq!(
        trust["Condition"],
        json!({"StringEquals": {"sts:ExternalId": "EXTERNAL_ID"}})
    );
}

#[test]
fn only_the_operators_service_account_may_take_the_role() {
    let [irsa] = <[Value; 1]>::try_from(statements("trust-irsa.json")).unwrap();
    assert_eq!(irsa["Action"], "sts:AssumeRoleWithWebIdentity");
    assert_eq!(
        irsa["Condition"],
        json!({"StringEquals": {
            "OIDC_PROVIDER:aud": "sts.amazonaws.com",
            "OIDC_PROVIDER:sub": "system:serviceaccount:classic-lb-operator:classic-lb-operator",
        }})
    );
    let [pod_identity] = <[Value; 1]>::try_from(statements("trust-pod-identity.json")).unwrap();
    assert_eq!(pod_identity["Principal"], json!({"Service": "pods.eks.amazonaws.com"}));
    assert_eq!(pod_identity["Action"], json!(["sts:AssumeRole", "sts:TagSession"]));
    let condition = &pod_identity["Condition"]["StringEquals"];
    for tag in ["kubernetes-namespace", "kubernetes-service-account"] {
        assert_eq!(condition[format!("aws:RequestTag/{tag}")], "classic-lb-operator");
    }
}

#[test]
fn the_page_tells_what_each_statement_permits() {
    let page = crate::helm::read("docs/iam.md");
    let all = statements("policy.json");
    assert!(all.len() > 8, "{all:?}");
    for statement in all {
        let row = format!("\n| `{}` | ", statement["Sid"].as_str().unwrap());
        assert!(page.contains(&row), "docs/iam.md has no row {row:?}");
    }
}
