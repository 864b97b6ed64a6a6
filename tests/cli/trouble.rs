//! Whatever is wrong, one line says what and what to do; nothing is written that could pass for data.

use std::path::Path;

use serde_json::{Value, json};
use testkit::Result;

use crate::{BINARY, Person, file, manifest, path};

/// The person's kubeconfig with changes.
pub(crate) fn kubeconfig(person: &Person<'_>, change: impl Fn(&mut Value)) -> tempfile::NamedTempFile {
    let text = std::fs::read_to_string(person.stack.control_plane().kubeconfig()).expect("read");
    let mut config: Value = serde_saphyr::from_str(&text).expect("a kubeconfig");
    change(&mut config);
    file(&config.to_string())
}

/// With another API server.
pub(crate) fn server(url: String) -> impl Fn(&mut Value) {
    move |config: &mut Value| config["clusters"][0]["cluster"]["server"] = json!(url)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_cannot_be_asked_is_told() -> Result<()> {
    let person = Person::new().await?;
    // Nothing listens there.
    let closed = "127.0.0.1:1";
    let aws = person.stack.simulator().url().to_owned();
    let plugin = |command: &str, arguments: &[&str]| {
        json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": command,
            "args": arguments,
        }})
    };
    let user = |user: Value| move |config: &mut Value| config["users"][0]["user"] = user.clone();
    let cases = [
        (
            kubeconfig(&person, server(format!("https://{closed}"))),
            "Connection refused",
        ),
        (
            kubeconfig(&person, server("nonsense".to_owned())),
            "must begin with https://",
        ),
        (kubeconfig(&person, server(aws)), "is none of a Kubernetes API server"),
        (kubeconfig(&person, user(json!({"token": "wrong"}))), "Unauthorized"),
        (
            kubeconfig(&person, user(plugin("no-such-plugin", &[]))),
            "is it installed?",
        ),
        (
            kubeconfig(&person, user(plugin("sh", &["-c", "echo sign in first >&2; exit 3"]))),
            "(exit status: 3): sign in first",
        ),
        (file("secret: ["), "unclosed"),
        (file(""), "current context"),
    ];
    for (config, words) in cases {
        for command in [
            &["status", "web", "-o", "json"][..],
            &["plan", "web", "--cluster-id", "test"],
        ] {
            let ran = person.run(&[command, &["--kubeconfig", path(&config)]].concat());
            let ran = ran.fails(1, &[words]);
            assert!(ran.err.contains("kubeconfig"), "the remedy: {ran:#?}");
            assert!(!ran.err.contains("secret") && !ran.err.contains("stderr:"), "{ran:#?}");
        }
    }
    person
        .with(&[("KUBECONFIG", "/nonexistent")], &["status", "web"])
        .fails(1, &["/nonexistent", "give --kubeconfig or set KUBECONFIG"]);
    person
        .run(&["status", "web", "--context", "nowhere"])
        .fails(1, &["nowhere", "kubectl config get-contexts"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aws_that_cannot_be_asked_is_told() -> Result<()> {
    let person = Person::new().await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    person.namespace.until_ready("web").await?;
    let here = ["-n", person.namespace.namespace(), "-o", "json"];
    let plan = [
        &[
            "plan",
            "web",
            "--cluster-id",
            "test",
            "--adoption=any",
            "--default-account=on",
            "--default-tags=",
            "--node-draining=none",
            "--read-only",
            "--watch-namespaces=",
        ],
        &here[..],
    ];
    // Nothing listens there.
    let closed = "127.0.0.1:1";
    let closed = format!("http://{closed}");
    for command in [&["list", "-o", "json"][..], &["regions", "-o", "yaml"], &plan.concat()] {
        person
            .with(&[("AWS_ENDPOINT_URL", &closed)], command)
            .fails(1, &["Connection refused", "check the network", "AWS_ENDPOINT_URL"]);
        person
            .with(&[("AWS_ENDPOINT_URL", "nonsense")], command)
            .fails(2, &["the AWS endpoint \"nonsense\"", "https://"]);
        person
            .with(&[("AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING", "localhost:1")], command)
            .fails(2, &["the AWS endpoint \"localhost:1\"", "https://"]);
        person
            .with(&[("AWS_SECRET_ACCESS_KEY", "wrong")], command)
            .fails(1, &["SignatureDoesNotMatch", "the credentials must be valid"]);
        person
            .with(&[("AWS_REGION", "a b")], command)
            .fails(2, &["the AWS region \"a b\"", "AWS_REGION"]);
    }
    let mut empty = person.command(Path::new(BINARY), &["list"]);
    crate::Ran::of(empty.env("AWS_ENDPOINT_URL", "")).fails(2, &["the AWS endpoint \"\"", "unset AWS_ENDPOINT_URL"]);
    person
        .run(&["list", "--region", "mars-1", "-o", "json"])
        .fails(1, &["mars-1 is no region", "kubectl clb regions"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_hold_no_plan_are_told() -> Result<()> {
    let person = Person::new().await?;
    let good = manifest("web", &[]);
    for (content, words) in [
        ("foo: [".to_owned(), "is no YAML: line 1 column 6"),
        (format!("{good}---\nfoo: ["), "is no YAML"),
        ("a: &a [*a]".to_owned(), "is no YAML"),
        (String::new(), "holds no ClassicLoadBalancer"),
        ("---\n---\n".to_owned(), "holds no ClassicLoadBalancer"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}".to_owned(),
            "holds no ClassicLoadBalancer",
        ),
        (good.replace("v1alpha1", "v9"), "it knows classiclb.dev/v1alpha1"),
        (good.replace("name: web", "generateName: web-"), "has no metadata.name"),
        (good.replace("{name: web}", "[web]"), "no Kubernetes object"),
        (good.replace("name: web", "name: Web"), "metadata.name"),
        (
            good.split("spec:").next().expect("a head").to_owned(),
            "spec: Required value",
        ),
        (good.replace("name: web", "name: web, namespace: nowhere"), "nowhere"),
    ] {
        let file = file(&content);
        let ran = person.run(&["plan", "--cluster-id", "test", "-o", "json", "-f", path(&file)]);
        ran.fails(1, &[words]);
    }
    let elsewhere = file(&good.replace("name: web", "name: web, namespace: nowhere"));
    person
        .plan(&["-f", path(&elsewhere)])
        .fails(2, &["in namespace nowhere, but -n names"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_documents_and_lists_are_planned_one_by_one() -> Result<()> {
    let person = Person::new().await?;
    let config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";
    let two = format!("{}---\n{config_map}---\n{}", manifest("one", &[]), manifest("two", &[]));
    let documents = file(&two);
    let planned = person.plan(&["-f", path(&documents), "-o", "json"]).ended(3).json();
    let names = |planned: &Value| {
        let objects = planned["objects"].as_array().expect("a list").iter();
        objects.map(|object| object["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&planned), ["one", "two"]);

    // What `kubectl get -o yaml` writes.
    for name in ["one", "two"] {
        person.namespace.apply(&manifest(name, &[])).await?;
        person.namespace.until_ready(name).await?;
    }
    let list = person.here(&["status", "-l", "!none", "-o", "yaml"]).ended(0);
    list.says(&["kind: List", "resourceVersion"]);
    let list = file(&list.out);
    let planned = person.plan(&["-f", path(&list), "-o", "json"]).ended(0).json();
    assert_eq!(names(&planned), ["one", "two"]);
    Ok(())
}
