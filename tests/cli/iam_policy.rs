//! `kubectl clb iam-policy`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{Options, Policies, Result, Stack, object};

use crate::{Person, manifest};

/// The actions that a policy allows, and the ids of its statements.
fn of(policy: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut actions, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for statement in policy["Statement"].as_array().expect("statements") {
        ids.insert(statement["Sid"].as_str().expect("an id").to_owned());
        if statement["Effect"] == "Allow" {
            let action = &statement["Action"];
            let all = action.as_array().map_or(std::slice::from_ref(action), Vec::as_slice);
            actions.extend(all.iter().map(|action| action.as_str().expect("text").to_owned()));
        }
    }
    (actions, ids)
}

/// With stickiness, attributes, tags, subnets by a selector and instances.
fn rich(ids: &[String]) -> String {
    manifest("rich", ids).replace(
        "availabilityZones: [us-east-1a]\n  listeners:\n  - {port: 80, protocol: HTTP, instancePort: 8080}\n",
        "subnetSelector: {role: Public}\n  listeners:\n  - {port: 80, protocol: HTTP, instancePort: 8080, stickiness: \
         {loadBalancerCookie: {}}}\n  attributes: {idleTimeoutSeconds: 90}\n  tags: {team: shop}\n",
    )
}

/// Prints the policy for an operator with these flags.
const PRINT: [&str; 5] = [
    "iam-policy",
    "--cluster-id",
    "test",
    "--adoption=tagged",
    "--default-tags=",
];

/// An operator with the policy that was printed for its objects is refused nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_printed_policy_is_enough() -> Result<()> {
    let person = Person::new().await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a"])
        .await?;
    let empty = person.here(&PRINT).ended(0);
    empty.complains(&["no object works with this role"]);
    assert_eq!(of(&empty.json()).0.len(), 2, "{empty:#?}");

    person.namespace.apply(&manifest("plain", &[])).await?;
    // Until a load balancer is there, the role of the service may have to be made.
    person.namespace.until_ready("plain").await?;
    let (plain, _) = of(&person.here(&PRINT).ended(0).json());
    person.namespace.apply(&rich(&ids)).await?;
    person.namespace.until_ready("rich").await?;
    let printed = person.here(&PRINT).ended(0).json();
    let (actions, sids) = of(&printed);
    assert!(plain.is_subset(&actions));
    for (action, of_plain, of_rich) in [
        ("elasticloadbalancing:CreateLoadBalancer", true, true),
        (
            "elasticloadbalancing:EnableAvailabilityZonesForLoadBalancer",
            true,
            true,
        ),
        ("elasticloadbalancing:AttachLoadBalancerToSubnets", false, true),
        ("elasticloadbalancing:CreateLBCookieStickinessPolicy", false, true),
        ("elasticloadbalancing:CreateAppCookieStickinessPolicy", false, false),
        ("elasticloadbalancing:ModifyLoadBalancerAttributes", false, true),
        ("elasticloadbalancing:RemoveTags", false, true),
        ("ec2:DescribeRouteTables", false, true),
        ("autoscaling:AttachLoadBalancers", false, false),
        ("acm:DescribeCertificate", false, false),
        ("iam:GetServerCertificate", false, false),
        ("iam:CreateServiceLinkedRole", false, false),
    ] {
        assert_eq!(
            (plain.contains(action), actions.contains(action)),
            (of_plain, of_rich),
            "{action}"
        );
    }
    assert!(
        sids.contains("OnlyClassicLoadBalancers") && !sids.contains("Adopt"),
        "{sids:?}"
    );
    assert!(
        printed
            .to_string()
            .contains("\"aws:ResourceTag/classiclb.dev/cluster\":\"test\"")
    );

    let file = crate::file(&printed.to_string());
    let stack = Stack::start(Options {
        policies: Policies::only(crate::path(&file)),
        ..Options::default()
    })
    .await?;
    let other = Person::at(&stack).await?;
    let ids = other.namespace.instances(stack.simulator(), &["us-east-1a"]).await?;
    other.namespace.apply(&manifest("plain", &[])).await?;
    other.namespace.apply(&rich(&ids)).await?;
    other.namespace.until_ready("plain").await?;
    other.namespace.until_ready("rich").await?;
    let in_service = |object: &kube::api::DynamicObject| object.data["status"]["instances"]["inService"] == 1;
    other
        .namespace
        .until(Kind::CLB, "rich", "its instance in service", in_service)
        .await?;
    let change = json!({"spec": {
        "listeners": [{"port": 81, "protocol": "HTTP", "instancePort": 8080}],
        "attributes": {"idleTimeoutSeconds": null}, "tags": {"team": null}, "targets": {"instanceIds": []},
        "healthCheck": {"intervalSeconds": 10},
    }});
    let patched = other.namespace.patch(Kind::CLB, "rich", change).await?;
    let generation = patched.metadata.generation;
    let is_done = |object: &kube::api::DynamicObject| {
        object.data["status"]["observedGeneration"].as_i64() == generation && object::is_ready(object)
    };
    other
        .namespace
        .until(Kind::CLB, "rich", "the change to be made", is_done)
        .await?;
    for name in ["plain", "rich"] {
        other.namespace.delete_and_wait(Kind::CLB, name).await?;
    }
    let denied = stack.simulator().calls(0)?.of_operator().denied();
    assert_eq!(denied.operations(), [""; 0], "what the policy lacks");
    Ok(())
}

/// One that was adopted is replaced under the policy that was printed for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_printed_policy_is_enough_for_a_replacement() -> Result<()> {
    let person = Person::new().await?;
    let own =
        "spec:\n  adopt: true\n  loadBalancerName: replaced\n  replacement: BlueGreen\n  replacementKeepSeconds: 0\n";
    let taken = manifest("taken", &[]).replace("spec:\n", own);
    person.namespace.apply(&taken).await?;
    let file = crate::file(&person.here(&PRINT).ended(0).json().to_string());
    let stack = Stack::start(Options {
        policies: Policies::only(crate::path(&file)),
        ..Options::default()
    })
    .await?;
    let other = Person::at(&stack).await?;
    let offer = format!("test/{}/taken", other.namespace.namespace());
    crate::list::make(&stack, "replaced", &[("classiclb.dev/adopt-by", &offer)]).await;
    other.namespace.apply(&taken).await?;
    other.namespace.until_ready("taken").await?;
    let change = json!({"spec": {"scheme": "internal"}});
    other.namespace.patch(Kind::CLB, "taken", change).await?;
    let is_done = |object: &kube::api::DynamicObject| {
        let status = &object.data["status"];
        status["scheme"] == "internal" && status["replacement"].is_null() && object::is_ready(object)
    };
    other
        .namespace
        .until(Kind::CLB, "taken", "the replacement to be over", is_done)
        .await?;
    let calls = stack.simulator().calls(0)?.of_operator();
    assert_eq!(calls.denied().operations(), [""; 0], "what the policy lacks");
    assert_eq!(calls.of("CreateLoadBalancer").len(), 1, "{calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn adoption_and_accounts_bring_their_statements() -> Result<()> {
    let person = Person::new().await?;
    let adopt = manifest("taken", &[]).replace("spec:\n", "spec:\n  adopt: true\n");
    person.namespace.apply(&adopt).await?;
    let print = |more: &[&str]| {
        let arguments = ["iam-policy", "--cluster-id", "test", "--default-tags="];
        of(&person.here(&[&arguments, more].concat()).ended(0).json())
    };
    let (actions, ids) = print(&["--adoption=tagged"]);
    assert!(
        ids.contains("Adopt") && !ids.contains("CreateWithClusterTag"),
        "{ids:?}"
    );
    assert!(
        !ids.contains("AdoptWhatNobodyOwns") && !ids.contains("FirstBalancerOfTheAccount"),
        "{ids:?}"
    );
    assert!(
        !actions.contains("elasticloadbalancing:DeleteLoadBalancer"),
        "it is retained: {actions:?}"
    );
    assert!(print(&["--adoption=any"]).1.contains("AdoptWhatNobodyOwns"));
    assert!(!print(&["--adoption=never"]).1.contains("Adopt"));
    let (actions, _) = print(&["--read-only", "--adoption=tagged"]);
    assert!(
        actions
            .iter()
            .all(|action| !action.contains(":Create") && !action.contains("AddTags")),
        "{actions:?}"
    );

    let name = person.namespace.namespace();
    let role = "arn:aws:iam::210987654321:role/classic-lb-operator";
    let account = json!({
        "apiVersion": "classiclb.dev/v1alpha1", "kind": "AWSAccount", "metadata": {"name": name},
        "spec": {"accountId": "210987654321", "roleArn": role, "namespaces": {"from": "All"}},
    });
    person.namespace.apply(&account.to_string()).await?;
    let there = manifest("there", &[]).replace("spec:\n", &format!("spec:\n  accountRef: {{name: {name}}}\n"));
    person.namespace.apply(&there).await?;
    let ran = person.here(&["iam-policy", "--cluster-id", "test"]).ended(0);
    ran.complains(&["print the policy of each with --account"]);
    let policy = ran.json();
    let statements = policy["Statement"].as_array().expect("statements");
    let enter = statements
        .iter()
        .find(|statement| statement["Sid"] == "EnterOtherAccounts")
        .expect("the statement");
    assert!(
        enter["Resource"].as_array().expect("roles").contains(&json!(role)),
        "{enter}"
    );
    assert!(
        !of(&policy).1.contains("CreateWithClusterTag"),
        "that is for the other role: {policy}"
    );
    let (_, ids) = print(&["--account", name]);
    assert!(
        ids.contains("CreateWithClusterTag") && !ids.contains("EnterOtherAccounts"),
        "{ids:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_objects_to_read_there_is_no_policy() -> Result<()> {
    let person = Person::new().await?;
    let print = ["iam-policy", "--cluster-id", "test"];
    person
        .here(&[&print[..], &["--as", "nobody"]].concat())
        .fails(1, &["forbidden", "ask for that right"]);
    person
        .run(&[&print[..], &["--kubeconfig", "/nonexistent"]].concat())
        .fails(1, &["/nonexistent"]);
    person
        .here(&["iam-policy"])
        .fails(2, &["the cluster id is not known", "--cluster-id"]);
    person
        .here(&[&print[..], &["--account", "nobody"]].concat())
        .fails(1, &["no AWSAccount called \"nobody\""]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_permits_goes_before_the_flags_of_the_operator() -> Result<()> {
    let person = Person::new().await?;
    let account = crate::accounts::other(&person).await?;
    let refers = |manifest: &str| manifest.replace("spec:\n", &format!("spec:\n  accountRef: {{name: {account}}}\n"));
    // That bindings alone refer to it is enough.
    let canary = crate::bindings::binding("canary", "theirs", &[]);
    person.namespace.apply(&refers(&canary)).await?;
    let print = |more: &[&str]| {
        let flags = [
            "iam-policy",
            "--cluster-id",
            "test",
            "--adoption=tagged",
            "--binding=tagged",
        ];
        of(&person.here(&[&flags[..], more].concat()).ended(0).json()).1
    };
    assert!(print(&[]).contains("EnterOtherAccounts"), "the operator takes its role");
    let taken = manifest("taken", &[]).replace("spec:\n", "spec:\n  adopt: true\n  loadBalancerName: theirs\n");
    person.namespace.apply(&refers(&taken)).await?;
    for (permission, adopt, bind) in [
        (Value::Null, vec!["Adopt"], vec!["Bind"]),
        (
            json!("Any"),
            vec!["Adopt", "AdoptWhatNobodyOwns"],
            vec!["Bind", "BindToWhatNobodyOwns"],
        ),
        (json!("Never"), vec![], vec![]),
    ] {
        let spec = json!({"spec": {"adoption": permission, "binding": permission}});
        person.namespace.patch(Kind::ACCOUNT, &account, spec).await?;
        let ids = print(&["--account", &account]);
        let of_kind = |kind: &str| {
            ids.iter()
                .filter(|id| id.starts_with(kind))
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (of_kind("Adopt"), of_kind("Bind")),
            (
                adopt.iter().map(ToString::to_string).collect(),
                bind.iter().map(ToString::to_string).collect()
            ),
            "{permission}"
        );
    }
    person.namespace.delete_and_wait(Kind::ACCOUNT, &account).await
}
