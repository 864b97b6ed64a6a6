//! `kubectl clb diff`.

use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{Person, Ran, file, manifest, path};

const TERMS: [&str; 4] = ["--cluster-id", "test", "--adoption=tagged", "--default-tags="];

fn diff(person: &Person<'_>, arguments: &[&str]) -> Ran {
    person.here(&[&["diff"], &TERMS[..], arguments].concat())
}

/// A field of the first object.
fn field(ran: &Ran, name: &str) -> Value {
    let shown = ran.json();
    let fields = shown["objects"][0]["fields"].as_array().expect("fields").clone();
    let found = fields.into_iter().find(|field| field["field"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {ran:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_that_differs_is_shown_as_declared_applied_and_in_aws() -> Result<()> {
    let person = Person::new().await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a"])
        .await?;
    let first = manifest("web", &ids).replace(
        "spec:\n",
        "spec:\n  tags: {team: shop}\n  attributes: {idleTimeoutSeconds: 90}\n",
    );
    person.namespace.apply(&first).await?;
    person.namespace.until_ready("web").await?;
    diff(&person, &["web"]).ended(0).says(&["no field differs"]);
    let ran = diff(&person, &["web", "--all", "-o", "json"]).ended(0);
    assert_eq!(ran.json()["differences"], false);
    assert_eq!(
        field(&ran, "attributes.idleTimeoutSeconds"),
        json!({"field": "attributes.idleTimeoutSeconds", "declared": "90 s", "applied": "set", "inAws": "90 s", "differs": false})
    );
    assert_eq!(field(&ran, "targets.instances")["applied"], "1 registered");
    assert_eq!(field(&ran, "listeners[80]")["inAws"], "HTTP 80 to HTTP 8080");

    // What applying a file would change.
    let changed = first
        .replace("port: 80,", "port: 81,")
        .replace("team: shop", "team: web")
        .replace("idleTimeoutSeconds: 90", "idleTimeoutSeconds: 91");
    let changed = file(&changed);
    let ran = diff(&person, &["-f", path(&changed), "-o", "json"]).ended(3);
    assert_eq!(ran.json()["differences"], true);
    assert_eq!(
        field(&ran, "listeners[81]"),
        json!({"field": "listeners[81]", "declared": "HTTP 81 to HTTP 8080", "differs": true})
    );
    assert_eq!(
        field(&ran, "listeners[80]"),
        json!({"field": "listeners[80]", "applied": "HTTP 80 to HTTP 8080", "inAws": "HTTP 80 to HTTP 8080", "differs": true})
    );
    let tag = field(&ran, "tags[team]");
    assert_eq!(
        (&tag["declared"], &tag["applied"], &tag["inAws"]),
        (&json!("web"), &json!("set"), &json!("shop"))
    );
    assert_eq!(
        ran.json()["objects"][0]["fields"].as_array().map(Vec::len),
        Some(4),
        "{ran:#?}"
    );
    let ran = diff(&person, &["-f", path(&changed)]).ended(3);
    ran.says(&[
        "FIELD",
        "DECLARED",
        "APPLIED",
        "IN AWS",
        "≠   attributes.idleTimeoutSeconds",
        "91 s",
        "90 s",
    ]);

    // One that is not there yet.
    let fresh = file(&manifest("fresh", &ids));
    let ran = diff(&person, &["-f", path(&fresh), "-o", "yaml"]).ended(3);
    let fields = ran.yaml()["objects"][0]["fields"].clone();
    let all = fields.as_array().expect("fields");
    assert!(
        all.iter()
            .all(|field| field.get("inAws").is_none() && field["differs"] == true),
        "{ran:#?}"
    );
    Ok(())
}

/// Somebody changes the load balancer while the operator only looks.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_another_hand_is_seen() -> Result<()> {
    let person = Person::new().await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    person.namespace.until_ready("web").await?;
    let suspended = manifest("web", &[]).replace("spec:\n", "spec:\n  management: Suspended\n");
    person.namespace.apply(&suspended).await?;
    let is_suspended = |object: &kube::api::DynamicObject| object::has_reason(object, "Ready", "Suspended");
    let object = person
        .namespace
        .until(testkit::cluster::Kind::CLB, "web", "to be suspended", is_suspended)
        .await?;
    let name = object::text(&object, "/status/loadBalancerName");
    let port = aws_sdk_elasticloadbalancing::types::Listener::builder()
        .protocol("TCP")
        .load_balancer_port(9000)
        .instance_port(9000)
        .build()
        .expect("a listener");
    let elb = person.stack.simulator().elb();
    let make = elb
        .create_load_balancer_listeners()
        .load_balancer_name(name)
        .listeners(port);
    make.send().await.expect("made");
    let ran = diff(&person, &["web", "-o", "json"]).ended(3);
    assert_eq!(
        field(&ran, "listeners[9000]"),
        json!({"field": "listeners[9000]", "inAws": "TCP 9000 to TCP 9000", "differs": true})
    );
    assert_eq!(
        ran.json()["objects"][0]["fields"].as_array().map(Vec::len),
        Some(1),
        "{ran:#?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_told_in_one_line() -> Result<()> {
    let person = Person::new().await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    person.namespace.until_ready("web").await?;
    diff(&person, &["nobody"]).fails(1, &["no ClassicLoadBalancer called \"nobody\""]);
    diff(&person, &["web", "--as", "nobody"]).fails(1, &["forbidden", "ask for that right"]);
    diff(&person, &["web", "--kubeconfig", "/nonexistent"]).fails(1, &["/nonexistent"]);
    person.here(&["diff", "web"]).fails(2, &["the cluster id is not known"]);
    let arguments = [&["diff", "web", "-n", person.namespace.namespace()], &TERMS[..]].concat();
    let arguments = [
        &arguments[..],
        &[
            "--read-only=false",
            "--default-account=on",
            "--node-draining=none",
            "--watch-namespaces=",
        ],
    ]
    .concat();
    person
        .with(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")], &arguments)
        .fails(1, &["Connection refused", "check the network"]);
    let none = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    person
        .with(&none, &arguments)
        .fails(1, &["no AWS credentials were found"]);
    person.run(&["diff"]).fails(2, &["NAME"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changed_a_field_is_told_where_cloudtrail_may_be_asked() -> Result<()> {
    let person = Person::new().await?;
    let simulator = person.stack.simulator();
    let spec = manifest("web", &[]).replace(
        "spec:\n",
        "spec:\n  tags: {team: shop}\n  attributes: {idleTimeoutSeconds: 90}\n",
    );
    person.namespace.apply(&spec).await?;
    let ready = person.namespace.until_ready("web").await?;
    let name = object::text(&ready, "/status/loadBalancerName");
    person
        .namespace
        .patch(Kind::CLB, "web", json!({"spec": {"management": "Observe"}}))
        .await?;
    person
        .namespace
        .until(Kind::CLB, "web", "observed", |object| {
            object.data["status"]["observedGeneration"].as_i64() == object.metadata.generation
        })
        .await?;
    // By hand, one after the other: the first is not the last that changed it.
    for idle in ["91", "92"] {
        let attributes = [
            ("LoadBalancerName", name),
            ("LoadBalancerAttributes.ConnectionSettings.IdleTimeout", idle),
        ];
        simulator
            .query(
                "elasticloadbalancing",
                "2012-06-01",
                "ModifyLoadBalancerAttributes",
                &attributes,
            )
            .await?;
    }
    let mark = simulator.mark()?;
    let ran = diff(&person, &["web"]).ended(3);
    assert!(!ran.out.contains("CHANGED BY"), "{ran:#?}");
    assert!(
        simulator.calls(mark)?.of("LookupEvents").is_empty(),
        "nobody asked for it"
    );

    let ran = diff(&person, &["web", "--who"]).ended(3);
    ran.says(&["IN AWS   CHANGED BY", "92 s     simulator, 20"]);
    let changed = file(&spec.replace("port: 80,", "port: 81,"));
    let ran = diff(&person, &["-f", path(&changed), "--who", "-o", "json"]).ended(3);
    let idle = field(&ran, "attributes.idleTimeoutSeconds");
    let by = &idle["changedBy"];
    assert_eq!(
        (&by["user"], &by["accessKeyId"], &by["operation"]),
        (
            &json!("simulator"),
            &json!("AKIDEXAMPLE"),
            &json!("ModifyLoadBalancerAttributes")
        ),
        "{idle:#}"
    );
    // What only the manifest changes is as whoever made it left it.
    let listener = field(&ran, "listeners[80]");
    assert_eq!(listener["changedBy"]["operation"], "CreateLoadBalancer", "{listener:#}");
    assert_eq!(listener["changedBy"]["accessKeyId"], "AKIDOPERATOR", "{listener:#}");

    let denied = json!({"code": "AccessDeniedException", "message": "User is not authorized"});
    simulator
        .fault(&json!({"match": {"operation": "LookupEvents", "count": 1}, "do": {"error": denied}}))
        .await?;
    let ran = diff(&person, &["web", "--who"]).ended(3);
    ran.says(&["92 s     -"]);
    ran.complains(&["who changed it is not known", "allowed to LookupEvents"]);
    assert_eq!(
        ran.err.lines().count(),
        2,
        "and that the operator's flags are not known: {ran:#?}"
    );
    Ok(())
}
