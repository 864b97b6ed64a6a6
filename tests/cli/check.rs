//! `kubectl clb check`.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::{Options, Result, Simulator, Stack};

use crate::operator_flags::deployment;
use crate::rights::reader;
use crate::{BINARY, Person, Ran, manifest};

/// The checks of a code, as result and description.
pub(crate) fn of(ran: &Ran, code: &str) -> Vec<(String, String)> {
    let shown = ran.json();
    let categories = shown["categories"].as_array().expect("categories");
    let all = categories
        .iter()
        .flat_map(|category| category["checks"].as_array().expect("checks"));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    all.filter(|check| check["code"] == code)
        .map(|check| (text(&check["result"]), text(&check["description"])))
        .collect()
}

pub(crate) fn one(ran: &Ran, code: &str, result: &str, words: &str) {
    let found = of(ran, code);
    assert!(
        found.iter().any(|(told, said)| told == result && said.contains(words)),
        "{code} {result} {words:?}: {found:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_checked_before_and_after_the_installation() -> Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let person = Person::at(&stack).await?;
    let json = |arguments: &[&str]| person.here(&[arguments, &["-o", "json"]].concat());

    // Nothing is installed that kubectl could see.
    let ran = json(&["check", "--pre"]).ended(0);
    assert_eq!(ran.json()["success"], true, "{ran:#?}");
    one(&ran, "api-server", "success", "answers");
    one(&ran, "api-version", "success", "Kubernetes v1.");
    one(&ran, "api-clock", "success", "agrees");
    one(
        &ran,
        "your-rights",
        "success",
        "you may create deployments in namespace",
    );
    one(&ran, "operator-deployment", "success", "no operator is installed yet");
    // That of the test is a process.
    let ran = json(&["check"]).ended(0);
    one(
        &ran,
        "operator-deployment",
        "warning",
        "leads (Lease kube-system/classic-lb-operator)",
    );
    assert_eq!(of(&ran, "definitions").len(), 3);
    one(
        &ran,
        "definitions",
        "success",
        "classicloadbalancers.classiclb.dev is installed and of this version",
    );

    person
        .namespace
        .apply(&deployment("clb", &["run", "--cluster-id=test"], &json!([])))
        .await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    person.namespace.until_ready("web").await?;
    let ran = json(&["check"]).ended(1);
    one(&ran, "operator-deployment", "error", "has no replicas");
    one(
        &ran,
        "operator-lease",
        "success",
        "leads (Lease kube-system/classic-lb-operator)",
    );
    one(&ran, "operator-version", "warning", "this is kubectl-clb");
    // Nobody gave its service account anything.
    one(&ran, "operator-rights", "error", "lacks rights");
    one(
        &ran,
        "objects",
        "success",
        "1 of 1 ClassicLoadBalancers in all namespaces are Ready",
    );
    one(
        &ran,
        "aws-identity",
        "success",
        "in account 123456789012, region us-east-1",
    );
    one(&ran, "aws-clock", "success", "agrees with that of AWS");
    assert_eq!(of(&ran, "bindings"), [], "there are none");
    let actions = of(&ran, "aws-action");
    assert!(
        actions.len() == 16 && actions.iter().all(|(result, _)| result == "success"),
        "{actions:#?}"
    );
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "all"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": person.namespace.namespace()}],
    });
    person.namespace.apply(&binding.to_string()).await?;
    let granted = |ran: &Ran| of(ran, "operator-rights").iter().any(|(result, _)| result == "success");
    let until = std::time::Instant::now() + testkit::cluster::PATIENCE;
    while !granted(&json(&["check", "--no-aws"]).ended(1)) {
        assert!(std::time::Instant::now() < until, "the API server takes the binding up");
    }
    let ran = person.here(&["check"]).ended(1);
    ran.says(&[
        "Kubernetes\n✓ the API server answers\n",
        "AWS, as you\n",
        "✗ Deployment ",
        "→ kubectl scale deployment",
        "Result: 1 error, 1 warning",
    ]);
    let ran = json(&["check", "--pre"]).ended(0);
    one(&ran, "operator-deployment", "warning", "is an operator already");
    json(&["check", "--pre", "--strict"]).ended(1);
    let binding = "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancerBinding\nmetadata: {name: bound}\nspec:\n  \
                   loadBalancerName: not-there\n  targets: {instanceIds: [i-0abc0abc]}\n";
    person.namespace.apply(binding).await?;
    let bound = json(&["check", "--no-aws"]).ended(1);
    one(
        &bound,
        "bindings",
        "warning",
        "1 of 1 ClassicLoadBalancerBindings in all namespaces are not Ready",
    );
    an_action_that_is_denied_is_named(&person).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_stands_on_the_page() -> Result<()> {
    let person = Person::new().await?;
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kubectl-clb.md")).expect("read");
    let ran = person.here(&["check", "-o", "json"]);
    let shown = ran.json();
    let mut seen = 0;
    for category in shown["categories"].as_array().expect("categories") {
        for check in category["checks"].as_array().expect("checks") {
            let code = check["code"].as_str().expect("text");
            assert!(page.contains(&format!("| `{code}` |")), "{code} is not on the page");
            seen += 1;
        }
    }
    assert!(seen > 20, "{ran:#?}");
    // The same in the other form, and the same status.
    let yaml = person.here(&["check", "-o", "yaml"]).ended(ran.code.expect("a status"));
    assert_eq!(yaml.yaml()["categories"][0], shown["categories"][0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_answer_is_an_error_and_what_is_not_permitted_a_warning() -> Result<()> {
    let person = Person::new().await?;
    // No cluster; AWS is checked all the same.
    let ran = person
        .run(&["check", "--kubeconfig", "/nonexistent", "-o", "json"])
        .ended(1);
    one(&ran, "api-server", "error", "cannot be asked");
    one(&ran, "aws-identity", "success", "you are ");
    assert_eq!(ran.json()["categories"].as_array().map(Vec::len), Some(2));

    // No AWS.
    let closed = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    let ran = person.with(&closed, &["check", "--pre", "-o", "json"]).ended(1);
    one(&ran, "aws-clock", "error", "http://127.0.0.1:1 does not answer");
    one(&ran, "aws-identity", "error", "does not tell who you are");
    let ran = person
        .with(&closed, &["check", "--pre", "--no-aws", "-o", "json"])
        .ended(0);
    assert!(of(&ran, "aws-clock").is_empty());
    let none = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    let ran = person.with(&none, &["check", "--pre"]).ended(0);
    ran.says(&["‼ AWS was not asked", "no AWS credentials were found"]);
    person
        .with(&[("AWS_SECRET_ACCESS_KEY", "wrong")], &["check", "--pre"])
        .ended(1)
        .says(&["✗ AWS does not tell who you are", "SignatureDoesNotMatch"]);

    // No rights.
    let ran = person.here(&["check", "--as", "nobody", "-o", "json"]);
    one(
        &ran,
        "your-rights",
        "warning",
        "you may not get, list, watch classicloadbalancers",
    );
    one(&ran, "definitions", "warning", "was not looked at");
    one(&ran, "operator-deployment", "warning", "was not looked for");
    one(&ran, "objects", "warning", "were not looked at");
    assert_eq!(ran.code, Some(0), "what could not be looked at is not wrong: {ran:#?}");
    let ran = person
        .here(&["check", "--pre", "--as", "nobody", "-o", "json"])
        .ended(1);
    one(&ran, "your-rights", "error", "you may not create clusterroles");
    let user = reader(&person).await?;
    let ran = person
        .here(&["check", "--no-aws", "--as", &user, "-o", "json"])
        .ended(0);
    one(&ran, "your-rights", "warning", "you may not watch classicloadbalancers");
    one(&ran, "objects", "success", "ClassicLoadBalancers in namespace");

    // A reader that goes away.
    let mut child = person.command(Path::new(BINARY), &["check", "--no-aws"]);
    let mut child = child
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    child.wait().expect("it ends");
    let mut said = String::new();
    child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut said)
        .expect("text");
    assert!(said.is_empty(), "{said}");
    Ok(())
}

/// A simulator whose role `clb` has the shipped policy but for one action.
fn judging() -> Result<Simulator> {
    let policy = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/iam/policy.json"));
    let policy = policy.expect("read").replace("CLUSTER_ID", "blue");
    let policy = policy.replace("\"elasticloadbalancing:DeleteLoadBalancerPolicy\",", "");
    let mut config = aws_simulator::Config::default();
    let policy = aws_simulator::Policy::from_json(&policy).expect("a policy");
    config.access.bind("arn:aws:iam::123456789012:role/clb", policy.clone());
    let key = aws_simulator::AccessKey {
        secret: "secret".into(),
        account: "123456789012".into(),
    };
    config.keys.insert("AKIDJUDGED".into(), key);
    config.access.bind("AKIDJUDGED", policy);
    Simulator::start(config)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_writes_is_asked_of_iam_and_not_tried() -> Result<()> {
    let person = Person::new().await?;
    let simulator = judging()?;
    let url = [("AWS_ENDPOINT_URL", simulator.url())];
    let base = ["check", "--kubeconfig", "/nonexistent", "-o", "json"];
    let run = |more: &[&str]| person.with(&url, &[&base[..], more].concat()).ended(1);
    let mark = simulator.mark()?;
    let ran = run(&["--role", "arn:aws:iam::123456789012:role/clb", "--cluster-id", "blue"]);
    let found = of(&ran, "aws-write");
    one(
        &ran,
        "aws-write",
        "success",
        "role/clb has what CreateWithClusterTag of the policy grants",
    );
    let denied: Vec<_> = found.iter().filter(|(result, _)| result != "success").collect();
    assert!(
        denied.len() == 1
            && denied[0].0 == "warning"
            && denied[0]
                .1
                .contains("may not elasticloadbalancing:DeleteLoadBalancerPolicy, which ChangeOwn"),
        "{found:#?}"
    );
    assert_eq!(found.len(), 8, "a line for each statement but one: {found:#?}");
    let calls = simulator.calls(mark)?;
    assert_eq!(calls.of("SimulatePrincipalPolicy").len(), 8, "{calls}");
    assert!(calls.writes().is_empty(), "{calls}");

    // Another cluster's tags are not permitted to it.
    let ran = run(&["--role", "arn:aws:iam::123456789012:role/clb", "--cluster-id", "green"]);
    one(
        &ran,
        "aws-write",
        "warning",
        "may not elasticloadbalancing:CreateLoadBalancer",
    );
    // Whoever is judged by nobody may do everything; without being asked nothing is said.
    let ran = run(&["--writes", "--cluster-id", "blue"]);
    assert!(
        of(&ran, "aws-write").iter().all(|(result, _)| result == "success"),
        "{ran:#?}"
    );
    assert!(of(&run(&["--cluster-id", "blue"]), "aws-write").is_empty());
    let ran = run(&["--writes"]);
    one(&ran, "aws-write", "warning", "was not asked");
    assert!(ran.out.contains("give --cluster-id"), "{ran:#?}");
    // A role that nobody knows of, and one that may not ask.
    let ran = run(&["--role", "clb", "--cluster-id", "blue"]);
    assert!(ran.out.contains("give --role with the whole ARN"), "{ran:#?}");
    let judged = [url[0], ("AWS_ACCESS_KEY_ID", "AKIDJUDGED")];
    let ran = person
        .with(&judged, &[&base[..], &["--writes", "--cluster-id", "blue"]].concat())
        .ended(1);
    one(&ran, "aws-write", "warning", "was not asked");
    assert!(ran.out.contains("iam:SimulatePrincipalPolicy"), "{ran:#?}");
    Ok(())
}

async fn an_action_that_is_denied_is_named(person: &Person<'_>) -> Result<()> {
    let error = json!({"code": "UnauthorizedOperation", "status": 403, "message": "You are not authorized"});
    let denied = json!({"match": {"operation": "DescribeRouteTables"}, "do": {"error": error}});
    person.stack.simulator().fault(&denied).await?;
    let ran = person.here(&["check", "--pre", "-o", "json"]).ended(0);
    let actions = of(&ran, "aws-action").into_iter();
    let refused: Vec<_> = actions.filter(|(result, _)| result != "success").collect();
    let told = ("warning".to_owned(), "you may not ec2:DescribeRouteTables".to_owned());
    assert_eq!(refused, [told], "{ran:#?}");
    person
        .here(&["check", "--pre", "--strict"])
        .ended(1)
        .says(&["‼ you may not ec2:DescribeRouteTables", "kubectl clb iam-policy"]);
    Ok(())
}
