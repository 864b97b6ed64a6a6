//! A plan is made under the flags that the operator runs with. The Deployment here has the flags of the operator beside
//! it, so that what is planned can be held against what is done.

use aws_sdk_elasticloadbalancing::types::Tag;
use serde_json::{Value, json};
use testkit::aws_simulator::{AccessKey, Config};
use testkit::cluster::Kind;
use testkit::simulator::SECRET_ACCESS_KEY;
use testkit::{OperatorOptions, Options, Policies, Result, Stack, object};

use crate::{Person, file, manifest, path};

const FLAGS: [&str; 2] = ["--adoption=any", "--default-tags=team=web"];
/// A key of another account.
const OTHER_KEY: &str = "AKIDSTRANGER";

async fn stack() -> Result<Stack> {
    let mut aws = Config::default();
    let other = AccessKey {
        secret: SECRET_ACCESS_KEY.to_owned(),
        account: "210987654321".to_owned(),
    };
    aws.keys.insert(OTHER_KEY.to_owned(), other);
    let operator = OperatorOptions {
        args: FLAGS.map(str::to_owned).into(),
        ..OperatorOptions::default()
    };
    Stack::start(Options {
        aws,
        operator,
        policies: Policies::default().and("deploy/iam/adopt-any.json"),
        ..Options::default()
    })
    .await
}

/// A Deployment as the chart makes it.
pub(crate) fn deployment(name: &str, arguments: &[&str], environment: &Value) -> String {
    let labels = json!({"app.kubernetes.io/name": "classic-lb-operator", "app.kubernetes.io/instance": name});
    let container = json!({"name": "operator", "image": "x", "args": arguments, "env": environment});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
    })
    .to_string()
}

const DEPLOYMENT: Kind = Kind("apps/v1", "Deployment");

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_made_under_the_flags_of_the_operators_deployment() -> Result<()> {
    let stack = stack().await?;
    let person = Person::at(&stack).await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    let ready = person.namespace.until_ready("web").await?;

    without_it(&person);
    let arguments = [&["run", "--cluster-id=test", "--listen=0.0.0.0:8080"], &FLAGS[..]].concat();
    person
        .namespace
        .apply(&deployment("clb", &arguments, &json!([])))
        .await?;
    with_it(&person);
    flags_win(&person);
    what_is_planned_is_what_is_done(&person).await?;
    credentials_of_another_account(&person, object::text(&ready, "/status/loadBalancerName"));
    by_the_environment(&person).await?;
    that_cannot_be_read(&person).await?;
    several(&person).await?;
    of_other_namespaces(&person).await?;
    of_the_chart(&person).await
}

/// Defaults are assumed, which is told, and the default tags look superfluous.
fn without_it(person: &Person<'_>) {
    person
        .here(&["plan", "web"])
        .fails(2, &["no Deployment of the operator was found", "--cluster-id"]);
    let ran = person.plan(&["web"]).ended(3);
    ran.says(&["RemoveTags", "team"]);
    ran.complains(&[
        "the operator's flags are not known",
        "with its defaults",
        "--adoption, --default-account, --default-tags",
    ]);
    // Whoever gives them all assumes nothing.
    let ran = person
        .plan(&[
            "web",
            "--adoption",
            "any",
            "--default-account=on",
            "--default-tags",
            "team=web",
            "--node-draining=none",
            "--read-only=false",
            "--watch-namespaces=",
        ])
        .ended(0);
    assert!(ran.err.is_empty(), "{ran:#?}");
}

fn with_it(person: &Person<'_>) {
    for arguments in [&["plan", "web"][..], &["plan", "web", "--cluster-id", "test"]] {
        let ran = person.here(arguments).ended(0);
        assert!(ran.says(&["nothing to do"]).err.is_empty(), "{ran:#?}");
    }
    let json = person.here(&["plan", "web", "-o", "json"]).ended(0).json();
    assert_eq!(json["clusterId"], "test");
    let name = format!("{}/clb", person.namespace.namespace());
    let operator = json!({"deployment": name, "watchNamespaces": [], "adoption": "any", "binding": "tagged", "readOnly": false, "defaultTags": {"team": "web"}});
    assert_eq!(json["operator"], operator);
    assert_eq!(json, person.here(&["plan", "web", "-o", "yaml"]).ended(0).yaml());
}

fn flags_win(person: &Person<'_>) {
    let ran = person.here(&["plan", "web", "--default-tags=squad=shop"]).ended(3);
    ran.says(&["AddTags", "squad"]);
    let ran = person.here(&["plan", "web", "--default-tags="]).ended(3);
    ran.says(&["RemoveTags", "team"]);
    let variable = [("CLB_DEFAULT_TAGS", "squad=env")];
    let arguments = ["plan", "web", "-n", person.namespace.namespace()];
    person.with(&variable, &arguments).ended(3).says(&["squad"]);
    let ran = person.here(&["plan", "web", "--read-only", "--default-tags="]).ended(3);
    ran.complains(&["--read-only and will make none of these calls"]);
    // Another cluster's operator is not this one.
    let ran = person.here(&["plan", "web", "--cluster-id", "other"]).ended(1);
    ran.complains(&["no operator of cluster id other was found", "with its defaults"]);
    ran.says(&["problem:"]);
}

/// A balancer made by hand, taken over.
async fn what_is_planned_is_what_is_done(person: &Person<'_>) -> Result<()> {
    let simulator = person.stack.simulator();
    crate::list::make(person.stack, "by-hand", &[]).await;
    let spec = manifest("taken", &[]).replace("spec:\n", "spec:\n  loadBalancerName: by-hand\n  adopt: true\n");
    let spec = spec.replace(
        "{port: 80, protocol: HTTP, instancePort: 8080}",
        "{port: 443, protocol: TCP, instancePort: 8443}",
    );
    let taken = file(&spec);
    let refused = person.here(&["plan", "-f", path(&taken), "--adoption=never"]).ended(1);
    refused.says(&["problem:", "--adoption=never"]);
    let refused = person.here(&["plan", "-f", path(&taken), "--adoption=tagged"]).ended(1);
    refused.says(&["problem:", "classiclb.dev/adopt-by=test/"]);

    let planned = person.here(&["plan", "-f", path(&taken), "-o", "json"]).ended(3).json();
    let steps = planned["objects"][0]["steps"].as_array().expect("steps");
    assert!(steps.iter().any(|step| step.to_string().contains("team")), "{planned}");
    let mark = simulator.mark()?;
    person.namespace.apply(&spec).await?;
    person.namespace.until_ready("taken").await?;
    let calls = simulator.calls(mark)?.writes().naming("by-hand");
    let operations = steps
        .iter()
        .map(|step| step.as_str().expect("text").split(' ').next().unwrap_or_default());
    assert_eq!(calls.operations(), operations.collect::<Vec<_>>(), "{calls}");
    let tags = simulator
        .elb()
        .describe_tags()
        .load_balancer_names("by-hand")
        .send()
        .await
        .expect("the tags");
    let tags = tags.tag_descriptions()[0].tags();
    assert!(
        tags.iter()
            .any(|tag: &Tag| tag.key() == "team" && tag.value() == Some("web")),
        "{tags:?}"
    );
    Ok(())
}

/// With them every balancer would look lost.
fn credentials_of_another_account(person: &Person<'_>, name: &str) {
    let variables = [("AWS_ACCESS_KEY_ID", OTHER_KEY)];
    person
        .with(&variables, &["list", name])
        .ended(1)
        .complains(&["no Classic load balancer called"]);
    let arguments = ["plan", "web", "-n", person.namespace.namespace()];
    person.with(&variables, &arguments).fails(
        1,
        &["in AWS account 123456789012", "are of 210987654321", "AWS_PROFILE"],
    );
}

/// The operator's own region, and flags that are variables or have some in them.
async fn by_the_environment(person: &Person<'_>) -> Result<()> {
    let environment = json!([
        {"name": "CLUSTER", "value": "test"},
        {"name": "CLB_ADOPTION", "value": "never"},
        {"name": "CLB_DEFAULT_TAGS", "value": "team=web"},
        {"name": "AWS_REGION", "value": "eu-west-1"},
        {"name": "CLB_READ_ONLY", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}},
    ]);
    let arguments = ["run", "--cluster-id=$(CLUSTER)", "--adoption=tagged"];
    person
        .namespace
        .apply(&deployment("clb", &arguments, &environment))
        .await?;
    let ran = person.here(&["plan", "web", "-o", "json"]).ended(0);
    ran.complains(&["CLB_READ_ONLY", "was not read"]);
    let json = ran.json();
    assert_eq!(
        (&json["operator"]["adoption"], &json["clusterId"]),
        (&json!("tagged"), &json!("test"))
    );
    assert_eq!(json["operator"]["defaultTags"], json!({"team": "web"}));
    assert_eq!(json["objects"][0]["region"], "us-east-1", "where the load balancer is");
    let fresh = file(&manifest("fresh", &[]).replace("us-east-1a", "eu-west-1a"));
    person
        .here(&["plan", "-f", path(&fresh)])
        .ended(3)
        .says(&["fresh in eu-west-1"]);
    let fresh = file(&manifest("fresh", &[]).replace("us-east-1a", "eu-west-3a"));
    let ran = person
        .here(&["plan", "-f", path(&fresh), "--region", "eu-west-3"])
        .ended(3);
    ran.says(&["fresh in eu-west-3"]);

    // What the cluster gives its pods by itself cannot be read, and an empty region is none.
    let environment = json!([{"name": "AWS_REGION", "value": ""}]);
    let arguments = ["run", "--cluster-id=test"];
    person
        .namespace
        .apply(&deployment("clb", &arguments, &environment))
        .await?;
    let ours = file(&manifest("fresh", &[]));
    let ran = person.here(&["plan", "-f", path(&ours)]).ended(3);
    ran.complains(&["does not say which region", "planning fresh in us-east-1", "--region"]);
    let ran = person
        .here(&["plan", "-f", path(&ours), "--region", "us-east-1"])
        .ended(3);
    assert!(!ran.err.contains("which region"), "{ran:#?}");
    Ok(())
}

async fn that_cannot_be_read(person: &Person<'_>) -> Result<()> {
    let arguments = ["run", "--cluster-id=test", "--flag-of-tomorrow"];
    person
        .namespace
        .apply(&deployment("clb", &arguments, &json!([])))
        .await?;
    let words = ["/clb cannot be read by this version", "--flag-of-tomorrow"];
    person.here(&["plan", "web"]).fails(2, &words);
    let ran = person.plan(&["web", "--default-tags=team=web"]).ended(0);
    ran.complains(&words)
        .complains(&["give --adoption, --default-account, --node-draining, --read-only"]);
    Ok(())
}

async fn several(person: &Person<'_>) -> Result<()> {
    let arguments = |id| ["run", id, "--default-tags=team=web"];
    person
        .namespace
        .apply(&deployment("clb", &arguments("--cluster-id=test"), &json!([])))
        .await?;
    person
        .namespace
        .apply(&deployment("two", &arguments("--cluster-id=two"), &json!([])))
        .await?;
    person.here(&["plan", "web"]).fails(
        2,
        &[
            "several operators run",
            "/clb with test",
            "/two with two",
            "--cluster-id",
        ],
    );
    let ran = person.plan(&["web"]).ended(0);
    assert!(ran.err.is_empty(), "{ran:#?}");
    person.namespace.delete(DEPLOYMENT, "clb").await?;
    person.here(&["plan", "web"]).ended(1).says(&["problem:"]);
    Ok(())
}

/// Whoever does not look at the object will not do what is planned for it.
async fn of_other_namespaces(person: &Person<'_>) -> Result<()> {
    let arguments = [
        "run",
        "--cluster-id=test",
        "--default-tags=squad=x",
        "--watch-namespaces=shop,other",
    ];
    let elsewhere = deployment("clb", &arguments, &json!([]));
    person.namespace.apply(&elsewhere).await?;
    person.namespace.delete(DEPLOYMENT, "two").await?;
    let ran = person.here(&["plan", "web", "-o", "json"]).ended(3);
    let namespace = person.namespace.namespace();
    ran.complains(&[
        &format!("{namespace}/web is outside of the namespaces"),
        "--watch-namespaces=other,shop",
    ]);
    assert_eq!(ran.json()["operator"]["watchNamespaces"], json!(["other", "shop"]));

    // Of two operators it is the one that looks at it.
    let watched = format!("--watch-namespaces={namespace}");
    let here = deployment(
        "two",
        &["run", "--cluster-id=test", "--default-tags=team=web", &watched],
        &json!([]),
    );
    person.namespace.apply(&here).await?;
    let ran = person.here(&["plan", "web"]).ended(0);
    assert!(ran.err.is_empty(), "{ran:#?}");
    person.namespace.delete(DEPLOYMENT, "clb").await
}

/// The Deployment that people install.
async fn of_the_chart(person: &Person<'_>) -> Result<()> {
    person.namespace.delete(DEPLOYMENT, "two").await?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(include_str!("../../deploy/install.yaml")).expect("YAML");
    let mut installed = documents
        .into_iter()
        .find(|document| document["kind"] == "Deployment")
        .expect("a Deployment");
    installed["metadata"]["namespace"].take();
    let name = installed["metadata"]["name"].as_str().expect("a name").to_owned();
    let installed = installed
        .to_string()
        .replace("\"namespace\":null,", "")
        .replace("CLUSTER_ID", "test");
    person.namespace.apply(&installed).await?;
    let json = person
        .here(&["plan", "web", "--default-tags=team=web", "-o", "json"])
        .ended(0)
        .json();
    assert_eq!(
        json["operator"]["deployment"],
        format!("{}/{name}", person.namespace.namespace())
    );
    assert_eq!(
        (&json["clusterId"], &json["operator"]["adoption"]),
        (&json!("test"), &json!("tagged"))
    );
    Ok(())
}
