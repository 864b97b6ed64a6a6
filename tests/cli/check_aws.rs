//! What `kubectl clb check` says of how the operator gets on with AWS.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use testkit::{Kind, Options, Result, Stack};

use crate::check::{of, one};
use crate::operator_flags::deployment;
use crate::{Person, manifest};

/// Gives an object a status, as whoever works on it would.
async fn status(person: &Person<'_>, kind: Kind, name: &str, status: Value) -> Result<()> {
    let api = person.namespace.api(kind).await?;
    let patch = Patch::Merge(json!({"status": status}));
    let patched = api.patch_status(name, &PatchParams::default(), &patch).await;
    patched.map(drop).expect("a status that is taken");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_the_operator_up_at_aws_is_told() -> Result<()> {
    // Without the operator nobody writes over what stands in a status here.
    let options = Options {
        without_operator: true,
        ..Options::default()
    };
    let stack = Stack::start(options).await?;
    let person = Person::at(&stack).await?;
    let check = || person.here(&["check", "--no-aws", "-o", "json"]);
    assert!(of(&check(), "aws-rate").is_empty(), "there is no object");
    let account = "apiVersion: classiclb.dev/v1alpha1\nkind: AWSAccount\nmetadata: {name: payments}\n\
                   spec: {accountId: '123456789012', namespaces: {from: All}}\n";
    person.namespace.apply(account).await?;
    let condition = |reason: &str| {
        let holds = if reason == "Ready" { "True" } else { "False" };
        json!([{"type": "Ready", "status": holds, "reason": reason, "message": reason, "observedGeneration": 1,
                "lastTransitionTime": "2026-01-01T00:00:00Z"}])
    };
    for (name, reason) in [("web", "Ready"), ("slow", "Throttling"), ("waits", "WaitingForAWSRate")] {
        person.namespace.apply(&manifest(name, &[])).await?;
        status(&person, Kind::CLB, name, json!({"conditions": condition(reason)})).await?;
    }
    let regions =
        |view: &str, budget: &str| json!({"regions": [{"name": "eu-west-1", "view": view, "budget": budget}]});
    status(&person, Kind::ACCOUNT, "payments", regions("Silent", "Throttled")).await?;
    let ran = check();
    one(&ran, "aws-rate", "warning", "2 objects wait for AWS's rate");
    one(
        &ran,
        "aws-rate",
        "warning",
        "little of AWS's rate in eu-west-1 of AWSAccount payments",
    );
    one(
        &ran,
        "aws-view",
        "warning",
        "AWS has not answered in eu-west-1 of AWSAccount payments",
    );
    assert!(
        ran.out.contains("slow: Throttling")
            && ran.out.contains("waits: WaitingForAWSRate")
            && !ran.out.contains("web: "),
        "{ran:#?}"
    );
    for name in ["slow", "waits"] {
        status(&person, Kind::CLB, name, json!({"conditions": condition("Ready")})).await?;
    }
    status(&person, Kind::ACCOUNT, "payments", regions("Answering", "Sufficient")).await?;
    let ran = check();
    one(&ran, "aws-rate", "success", "no object waits for AWS's rate");
    assert_eq!(of(&ran, "aws-rate").len(), 1, "{ran:#?}");
    assert!(of(&ran, "aws-view").is_empty(), "{ran:#?}");
    a_pod_is_asked_by_those_who_may(&person).await
}

/// A pod that runs and does not answer, seen by somebody who may ask it and by somebody who may not.
async fn a_pod_is_asked_by_those_who_may(person: &Person<'_>) -> Result<()> {
    let check = || person.here(&["check", "--no-aws", "-o", "json"]);
    person
        .namespace
        .apply(&deployment("clb", &["run", "--cluster-id=test"], &json!([])))
        .await?;
    let labels = json!({"app.kubernetes.io/name": "classic-lb-operator", "app.kubernetes.io/instance": "clb"});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator", "labels": labels},
        "spec": {"containers": [{"name": "operator", "image": "x"}]},
    });
    person.namespace.apply(&pod.to_string()).await?;
    assert!(of(&check(), "aws-view").is_empty(), "it does not run yet");
    let running = json!({"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]});
    status(person, Kind("v1", "Pod"), "operator", running).await?;
    one(
        &check(),
        "aws-view",
        "warning",
        "operator does not say how old its view of AWS is",
    );
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "looks"},
        "rules": [{"apiGroups": ["*"], "resources": ["deployments", "pods", "leases", "classicloadbalancers"],
                   "verbs": ["get", "list"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "looks"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "looks"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "looker"}],
    });
    for object in [role, binding] {
        person.namespace.apply(&object.to_string()).await?;
    }
    let looks = || person.here(&["check", "--no-aws", "-o", "json", "--as", "looker"]);
    let until = std::time::Instant::now() + testkit::cluster::PATIENCE;
    while of(&looks(), "operator-deployment")
        .iter()
        .all(|(_, said)| !said.contains("has no replicas"))
    {
        assert!(std::time::Instant::now() < until, "the API server takes the binding up");
    }
    assert!(
        of(&looks(), "aws-view").is_empty(),
        "who may not ask hears nothing of it"
    );
    Ok(())
}
