//! `kubectl clb status`.

use http::Method;
use kube::api::DynamicObject;
use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{Person, manifest};

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_the_object_in_full() -> Result<()> {
    let person = Person::new().await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a", "us-east-1a"])
        .await?;
    person.namespace.apply(&manifest("web", &ids)).await?;
    let ready = person.namespace.until_ready("web").await?;
    let ran = person.here(&["status", "web"]).ended(0);
    ran.says(&[
        "Name:",
        "Conditions",
        "Ready",
        "True",
        "HTTP 80",
        "HTTP 8080",
        "Events",
        "Created",
    ]);
    ran.says(&[
        object::text(&ready, "/status/dnsName"),
        &ids[0],
        &ids[1],
        "us-east-1",
        "TCP:8080 every 30 s",
    ]);
    let given = person.here(&["status", "web", "-o", "json"]).ended(0).json();
    assert_eq!(given["kind"], "ClassicLoadBalancer");
    assert_eq!(given["status"]["dnsName"], object::text(&ready, "/status/dnsName"));
    assert!(given["metadata"].get("managedFields").is_none());
    person
        .here(&["status", "web", "-o", "yaml"])
        .ended(0)
        .says(&["kind: ClassicLoadBalancer", "listeners:"]);

    // A refusal is told to its last word.
    let missing = "i-00000000dead0000b";
    person.namespace.apply(&manifest("web", &[missing.to_owned()])).await?;
    let object = person
        .namespace
        .until(Kind::CLB, "web", "the refusal", |object| {
            object::has_reason(object, "Programmed", "InstanceNotFound")
        })
        .await?;
    let message = object::condition(&object, "Programmed").expect("the condition").message;
    let ran = person.here(&["status", "web"]).ended(0);
    ran.says(&["InstanceNotFound", message.lines().next().expect("a line")]);

    let ran = person.here(&["status", "nobody"]).ended(1);
    ran.complains(&["no ClassicLoadBalancer called \"nobody\" in namespace", "-A"]);
    assert!(ran.out.is_empty());
    let ran = person.run(&["status", "-A", "-o", "json"]).ended(0).json();
    assert!(ran["kind"] == "List" || ran["kind"] == "ClassicLoadBalancer");
    person
        .here(&["status", "web", "--as", "nobody"])
        .ended(1)
        .complains(&["forbidden", "--as"]);
    Ok(())
}

/// Two Nodes with an instance each, and a balancer that is to have both.
async fn with_nodes(person: &Person<'_>) -> Result<Vec<String>> {
    let zones = ["us-east-1a", "us-east-1b"];
    let ids = person.namespace.instances(person.stack.simulator(), &zones).await?;
    let role = person.namespace.namespace().to_owned();
    for (id, zone) in ids.iter().zip(zones) {
        let provider = format!("aws:///{zone}/{id}");
        let name = format!("node-{id}");
        person
            .namespace
            .node(&name, Some(&provider), &[("role", &role)])
            .await?;
    }
    let manifest = format!(
        "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {{name: web, labels: {{tier: front}}}}\n\
         spec:\n  availabilityZones: [us-east-1a, us-east-1b]\n  listeners:\n  - {{port: 80, protocol: HTTP, instancePort: \
         8080}}\n  - {{port: 9000, protocol: TCP, instancePort: 9000}}\n  targets: {{nodeSelector: {{matchLabels: {{role: \
         {role}}}}}}}\n"
    );
    person.namespace.apply(&manifest).await?;
    Ok(ids)
}

/// The lines of a status and what of them is missing in a text, with columns as wide as they may be.
fn lacks<'a>(text: &str, words: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_missing = |word: &&str| !squeezed.contains(&word.split_whitespace().collect::<Vec<_>>().join(" "));
    words.into_iter().filter(is_missing).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_known_of_an_object_is_shown() -> Result<()> {
    let person = Person::new().await?;
    let ids = with_nodes(&person).await?;
    person.namespace.until_ready("web").await?;
    let sick = json!([{"instanceId": ids[1], "port": 8080, "healthy": false}]);
    person
        .stack
        .simulator()
        .control(Method::POST, "instance-health", sick.to_string())
        .await?;
    let told = |object: &DynamicObject| object::has(object, "TargetsHealthy", "False");
    person
        .namespace
        .until(Kind::CLB, "web", "the instance to be told", told)
        .await?;

    // Status and text may be of different moments; the instances of both are the same ones.
    let ran = person.here(&["status", "web"]).ended(0);
    let object = person.namespace.get(Kind::CLB, "web").await?;
    let status = &object.data["status"];
    for condition in status["conditions"].as_array().expect("conditions") {
        let text = |member: &str| condition[member].as_str().expect("text");
        assert!(lacks(&ran.out, [text("type"), text("reason")]).is_empty(), "{ran:#?}");
        assert_eq!(lacks(&ran.out, text("message").lines()), [""; 0], "{ran:#?}");
    }
    let instances = status["instances"]["items"].as_array().expect("instances");
    assert_eq!(instances.len(), 2);
    for instance in instances {
        let id = instance["id"].as_str().expect("an id");
        let row = ran.out.lines().find(|line| line.trim_start().starts_with(id));
        let row = row.unwrap_or_else(|| panic!("no row of {id}: {ran:#?}"));
        let members = ["node", "zone", "state", "reason", "description"];
        let cells = members.map(|member| instance[member].as_str().unwrap_or_default());
        let cells = cells.into_iter().filter(|cell| *cell != "N/A");
        assert_eq!(lacks(row, cells), [""; 0], "{row}");
    }
    ran.says(&["OutOfService", "InService", "us-east-1a 1/1", "us-east-1b 0/1"]);
    ran.says(&["HTTP 80", "HTTP 8080", "TCP 9000"]);
    let events = person.namespace.events("web").await?;
    assert!(!events.is_empty());
    for (kind, reason, note) in &events {
        assert_eq!(lacks(&ran.out, [kind.as_str(), reason, note]), [""; 0], "{ran:#?}");
    }

    let label = person
        .here(&["status", "-l", "tier=front", "-o", "json"])
        .ended(0)
        .json();
    assert_eq!(label["metadata"]["name"], "web");
    person
        .here(&["status", "-l", "tier=back"])
        .ended(0)
        .complains(&["no ClassicLoadBalancers and no bindings found"]);
    let (json, yaml) = (["status", "web", "-o", "json"], ["status", "web", "-o", "yaml"]);
    let mut both = [person.here(&json).ended(0).json(), person.here(&yaml).ended(0).yaml()];
    for object in &mut both {
        object["metadata"]["resourceVersion"].take();
        object["status"].take();
    }
    assert_eq!(both[0], both[1]);
    assert_eq!(both[0]["spec"], object.data["spec"]);
    Ok(())
}
