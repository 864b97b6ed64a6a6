//! `kubectl clb why`.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::rights::reader;
use crate::{Person, Ran, manifest};

/// The descriptions of one result.
fn told(ran: &Ran, result: &str) -> Vec<String> {
    let answers = ran.json()["answers"].as_array().expect("answers").clone();
    let of = answers.iter().filter(|answer| answer["result"] == result);
    of.map(|answer| answer["description"].as_str().expect("text").to_owned())
        .collect()
}

/// A Node with an instance in a zone, with labels.
async fn node(person: &Person<'_>, zone: &str, labels: &[(&str, &str)]) -> Result<(String, String)> {
    let ids = person.namespace.instances(person.stack.simulator(), &[zone]).await?;
    let name = format!("{}-{}", ids[0], person.namespace.namespace());
    let provider = format!("aws:///{zone}/{}", ids[0]);
    person.namespace.node(&name, Some(&provider), labels).await?;
    Ok((ids[0].clone(), name))
}

#[tokio::test(flavor = "multi_thread")]
async fn why_an_object_is_not_ready_is_told_with_what_to_do() -> Result<()> {
    let person = Person::new().await?;
    let missing = "i-00000000dead0000c";
    person.namespace.apply(&manifest("web", &[missing.to_owned()])).await?;
    let refused = |object: &_| object::has_reason(object, "Programmed", "InstanceNotFound");
    person.namespace.until(Kind::CLB, "web", "the refusal", refused).await?;
    let place = format!("{}/web", person.namespace.namespace());
    let ran = person.run(&["why", &place]).ended(0);
    ran.says(&[
        &place,
        "✗ Programmed=False InstanceNotFound, for ",
        missing,
        "→ Take it out of spec.targets.instanceIds",
        "✓ AWS has ",
    ]);
    let ran = person.here(&["why", "clb/web", "-o", "json"]).ended(0);
    assert_eq!(ran.json()["well"], false);
    assert!(
        told(&ran, "error")[0].starts_with("Programmed=False InstanceNotFound"),
        "{ran:#?}"
    );
    let ran = person.run(&["why", &place, missing, "-o", "json"]).ended(0);
    let errors = told(&ran, "error");
    assert!(errors[0].contains("does not exist, or is terminated"), "{ran:#?}");
    assert!(
        told(&ran, "success").contains(&"it is a target by instanceIds".to_owned()),
        "{ran:#?}"
    );

    // And of one that is well nothing is told but that.
    person.namespace.apply(&manifest("well", &[])).await?;
    person.namespace.until_ready("well").await?;
    let ran = person.here(&["why", "well", "-o", "yaml"]).ended(0);
    assert!(ran.out.contains("Ready=True"), "{ran:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_of_an_instance_is_followed_to_where_it_stops() -> Result<()> {
    let person = Person::new().await?;
    let role = person.namespace.namespace().to_owned();
    let labels = [("role", role.as_str())];
    let (good, good_node) = node(&person, "us-east-1a", &labels).await?;
    let (sick, _) = node(&person, "us-east-1a", &labels).await?;
    let (away, _) = node(&person, "us-east-1b", &labels).await?;
    let (cordoned, cordoned_node) = node(&person, "us-east-1a", &labels).await?;
    let (other, other_node) = node(&person, "us-east-1a", &[("role", "another")]).await?;
    let exclude = [
        labels[0],
        ("node.kubernetes.io/exclude-from-external-load-balancers", ""),
    ];
    let (_, excluded_node) = node(&person, "us-east-1a", &exclude).await?;
    let unschedulable = json!({"spec": {"unschedulable": true}});
    person
        .namespace
        .patch(Kind::NODE, &cordoned_node, unschedulable)
        .await?;
    person.stack.simulator().set_instance_health(&sick, false).await?;
    let text = manifest("web", &[]).replace(
        "targets: {instanceIds: []}",
        &format!(
            "targets: {{nodeSelector: {{matchLabels: {{role: {role}}}}}}}\n  registration: {{cordonedNodes: Remove}}"
        ),
    );
    person.namespace.apply(&text).await?;
    let is_told = |object: &kube::api::DynamicObject| {
        let instances = &object.data["status"]["instances"];
        instances["inService"] == 1 && instances["registered"] == 3 && object::is_ready(object)
    };
    person
        .namespace
        .until(Kind::CLB, "web", "one of three instances in service", is_told)
        .await?;

    let why = |instance: &str| person.here(&["why", "web", instance, "-o", "json"]).ended(0);
    let ran = why(&good);
    assert_eq!(
        (told(&ran, "error"), ran.json()["well"].as_bool()),
        (vec![], Some(true)),
        "{ran:#?}"
    );
    let said = told(&ran, "success");
    for words in [
        "it is a target by nodeSelector",
        "it is registered with the load balancer",
        "its zone us-east-1a is served",
        "it is in service: it gets traffic",
    ] {
        assert!(said.iter().any(|line| line == words), "{words}: {ran:#?}");
    }
    assert_eq!(ran.json()["node"], good_node);
    // The same by the name of its Node, for people.
    let ran = person.here(&["why", "web", &good_node]).ended(0);
    ran.says(&[&good, "✓ it is in service"]);

    let ran = why(&sick);
    assert_eq!(
        told(&ran, "error"),
        ["its health is OutOfService, reason Instance"],
        "{ran:#?}"
    );
    ran.says(&["must answer TCP:8080", "let security group"]);
    let ran = why(&away);
    assert!(
        told(&ran, "error").contains(&"its zone us-east-1b is not served, only us-east-1a".to_owned()),
        "{ran:#?}"
    );
    ran.says(&["spec.availabilityZones"]);
    let ran = why(&cordoned);
    let errors = told(&ran, "error");
    assert!(
        errors
            .iter()
            .any(|line| line.contains("is cordoned, and spec.registration takes it out")),
        "{ran:#?}"
    );
    assert!(
        errors.iter().any(|line| line.starts_with("it is not registered")),
        "{ran:#?}"
    );
    ran.says(&["kubectl uncordon"]);
    let ran = why(&other);
    assert_eq!(
        told(&ran, "error")[0],
        "it is no target: no source of spec.targets names it"
    );
    ran.says(&[&format!("does not match the labels of Node {other_node}")]);
    why(&excluded_node).says(&["its label node.kubernetes.io/exclude-from-external-load-balancers keeps it out"]);

    let ran = person.here(&["why", "web"]).ended(0);
    ran.says(&[
        "✓ Ready=True",
        "✗ TargetsHealthy=False",
        "2 of 3 instances are not in service",
        "kubectl clb why",
    ]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_asked_is_told_and_the_rest_answered() -> Result<()> {
    let person = Person::new().await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a"])
        .await?;
    person.namespace.apply(&manifest("web", &ids)).await?;
    person.namespace.until_ready("web").await?;
    let in_service = |object: &kube::api::DynamicObject| object.data["status"]["instances"]["inService"] == 1;
    person
        .namespace
        .until(Kind::CLB, "web", "its instance in service", in_service)
        .await?;
    let place = format!("{}/web", person.namespace.namespace());
    let closed = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    for arguments in [&["why", &place][..], &["why", &place, &ids[0]]] {
        let ran = person.with(&closed, arguments).ended(0);
        ran.says(&["‼ AWS was not asked", "Connection refused", "in service"]);
        let none = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
        person
            .with(&none, arguments)
            .ended(0)
            .says(&["‼ AWS was not asked", "no AWS credentials were found"]);
        let ran = person.with(&closed, &[arguments, &["--no-aws"]].concat()).ended(0);
        assert!(!ran.out.contains("AWS was not asked"), "{ran:#?}");
        person
            .run(&[arguments, &["--as", "nobody"]].concat())
            .fails(1, &["forbidden", "ask for that right"]);
        person
            .run(&[arguments, &["--kubeconfig", "/nonexistent"]].concat())
            .fails(1, &["/nonexistent"]);
    }
    let user = reader(&person).await?;
    let ran = person.run(&["why", &place, &ids[0], "--as", &user]).ended(0);
    ran.says(&["✓ it is in service", "‼ reading the Nodes", "forbidden"]);
    person
        .run(&["why", &place, "--as", &user])
        .ended(0)
        .says(&["✓ Ready=True", "‼ reading events", "forbidden"]);

    person
        .here(&["why", "nobody"])
        .fails(1, &["no ClassicLoadBalancer called \"nobody\"", "-n names another one"]);
    person
        .here(&["why", "web", "no-such-node"])
        .fails(1, &["no Node called \"no-such-node\"", "i-0123456789abcdef0"]);
    person
        .run(&["why", &place, "-n", "elsewhere"])
        .fails(2, &["but -n names elsewhere"]);
    Ok(())
}
