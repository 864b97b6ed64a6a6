//! `kubectl clb plan`.

use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{Person, file, manifest, path};

#[tokio::test(flavor = "multi_thread")]
async fn plan_tells_the_calls_and_makes_none() -> Result<()> {
    let person = Person::new().await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a", "us-east-1a"])
        .await?;
    let fresh = file(&manifest("web", &ids[..1]));
    let mark = person.stack.simulator().mark()?;
    let ran = person.plan(&["-f", path(&fresh)]).ended(3);
    ran.says(&["web in us-east-1", "1. CreateLoadBalancer"]);
    // What the one call carries.
    ran.says(&[
        "scheme internet-facing",
        "listener HTTP 80 to HTTP 8080",
        "zones us-east-1a",
        "tag classiclb.dev/cluster=test",
    ]);
    assert!(
        person.namespace.get(Kind::CLB, "web").await.is_err(),
        "nothing was stored"
    );

    person.namespace.apply(&manifest("web", &ids[..1])).await?;
    let ready = person.namespace.until_ready("web").await?;
    let name = object::text(&ready, "/status/loadBalancerName").to_owned();
    person.plan(&["web"]).ended(0).says(&["nothing to do"]);
    person.plan(&["-f", path(&fresh)]).ended(0).says(&["nothing to do"]);

    let before = person.stack.simulator().calls(mark)?.writes().naming(&name).len();
    let more = file(&manifest("web", &ids).replace("port: 80,", "port: 81,"));
    let planned = person.plan(&["-f", path(&more), "-o", "json"]).ended(3).json();
    assert_eq!(planned["differences"], true);
    let steps = planned["objects"][0]["steps"].to_string();
    for word in [
        "CreateLoadBalancerListeners",
        "DeleteLoadBalancerListeners",
        "RegisterInstances",
    ] {
        assert!(steps.contains(word), "{steps}");
    }
    // What a change takes away and replaces.
    let call = |operation: &str| {
        let calls = planned["objects"][0]["calls"].as_array().expect("calls");
        let found = calls.iter().find(|call| call["operation"] == operation);
        found.unwrap_or_else(|| panic!("no {operation} in {planned:#}"))["details"].to_string()
    };
    assert!(
        call("DeleteLoadBalancerListeners").contains("was HTTP 80 to HTTP 8080"),
        "{planned:#}"
    );
    let checked = manifest("web", &ids).replace(
        "spec:\n",
        "spec:\n  healthCheck: {target: 'TCP:8080', intervalSeconds: 10}\n",
    );
    let ran = person.plan(&["-f", path(&file(&checked))]).ended(3);
    ran.says(&["ConfigureHealthCheck TCP:8080 every 10 s", "was TCP:8080 every 30 s"]);
    let after = person.stack.simulator().calls(mark)?.writes().naming(&name).len();
    assert_eq!(before, after, "a plan writes nothing");

    // Planned is also what the operator is told to leave alone, with a word about it.
    let left = file(&manifest("web", &ids).replace("spec:\n", "spec:\n  management: Suspended\n"));
    let ran = person.plan(&["-f", path(&left)]).ended(3);
    ran.complains(&["web has management: Suspended"]);

    // The operator applies what was planned, and then there is nothing left.
    person
        .namespace
        .apply(&manifest("web", &ids).replace("port: 80,", "port: 81,"))
        .await?;
    person.namespace.until_ready("web").await?;
    person.plan(&["web"]).ended(0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_refuses_files_in_the_words_of_the_api_server() -> Result<()> {
    let person = Person::new().await?;
    let wrong = file(&manifest("web", &[]).replace("port: 80,", "port: 80, prot: x,"));
    person.plan(&["-f", path(&wrong)]).ended(1).complains(&["prot"]);
    let wrong = file(&manifest("web", &[]).replace("instancePort: 8080", "instancePort: 8080, instanceProtocol: TCP"));
    person
        .plan(&["-f", path(&wrong)])
        .ended(1)
        .complains(&["web", "listeners"]);
    let empty = file("kind: ConfigMap\napiVersion: v1\nmetadata: {name: x}\n");
    person
        .plan(&["-f", path(&empty)])
        .ended(1)
        .complains(&["no ClassicLoadBalancer"]);
    person
        .plan(&["-f", "/nonexistent.yaml"])
        .ended(1)
        .complains(&["/nonexistent.yaml"]);
    let ran = person.here(&["plan", "-f", path(&file(&manifest("web", &[])))]);
    ran.ended(2).complains(&["cluster id", "--cluster-id"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_foresees_what_aws_will_refuse() -> Result<()> {
    let person = Person::new().await?;
    let listener = "{port: 80, protocol: HTTP, instancePort: 8080}";
    let secure = |arn: &str| {
        manifest("web", &[]).replace(
            listener,
            &format!("{{port: 443, protocol: HTTPS, instancePort: 8080, instanceProtocol: HTTP, certificate: {{arn: '{arn}'}}}}"),
        )
    };
    let plain = manifest("web", &[]);
    for (text, words) in [
        (
            plain.replace("us-east-1a", "us-east-1z"),
            &["spec.availabilityZones", "us-east-1z", "us-east-1a, us-east-1b"][..],
        ),
        (
            plain.replace("spec:\n", "spec:\n  securityGroups: [sg-0123456789abcdeff]\n"),
            &["spec.securityGroups", "sg-0123456789abcdeff"],
        ),
        (
            secure("arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-00000000dead"),
            &["spec.listeners[port=443].certificate", "dead does not exist"],
        ),
        (
            secure("arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-0000-0000-00000000dead"),
            &["spec.listeners[port=443].certificate", "is of eu-west-1"],
        ),
        (
            secure("arn:aws:acm:us-east-1:210987654321:certificate/00000000-0000-0000-0000-00000000dead"),
            &["spec.listeners[port=443].certificate", "is of account 210987654321"],
        ),
        (
            manifest("web", &["i-00000000dead0000c".to_owned()]),
            &["spec.targets", "i-00000000dead0000c"],
        ),
    ] {
        let ran = person.plan(&["-f", path(&file(&text))]).ended(1);
        ran.says(&["problem:"]).says(words);
    }
    // What is right has no problem.
    person.plan(&["-f", path(&file(&plain))]).ended(3);
    Ok(())
}
