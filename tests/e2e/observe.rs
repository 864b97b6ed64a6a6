//! Under Observe everything is read and planned, and nothing is written to AWS.

use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{OperatorOptions, Options, Result, Stack, object};

use crate::{MINIMAL, Test, describe, manifest};

fn plan(object: &DynamicObject) -> Vec<String> {
    let lines = object::at(object, "/status/plan").and_then(Value::as_array);
    let lines = lines.into_iter().flatten();
    lines.map(|line| line.as_str().unwrap_or_default().to_owned()).collect()
}

fn operations(plan: &[String]) -> Vec<&str> {
    plan.iter()
        .map(|line| line.split(' ').next().unwrap_or_default())
        .collect()
}

async fn observing(test: &Test) -> Result<DynamicObject> {
    test.until_reason("Ready", "Observing").await?;
    test.get().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planned_for_a_new_balancer_is_what_is_done() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"])
        .await?;
    let spec = format!(
        "{MINIMAL}\nattributes: {{idleTimeoutSeconds: 90}}\ntags: {{a: b}}\ntargets: {{instanceIds: [{}]}}",
        ids[0]
    );
    let mark = test.mark()?;
    test.apply(&format!("{spec}\nmanagement: Observe")).await?;
    let object = observing(&test).await?;
    assert!(object::has(&object, "Ready", "Unknown") && object::has(&object, "Programmed", "False"));
    assert!(object::condition(&object, "Stalled").is_none() && object::condition(&object, "Reconciling").is_none());
    assert!(object.finalizers().is_empty());
    let planned = plan(&object);
    assert!(planned[0].starts_with("CreateLoadBalancer "), "{planned:?}");
    assert!(test.calls(mark).await?.writes().is_empty());
    assert!(describe(test.stack, &test.name().await?).await.is_none());

    let mark = test.mark()?;
    test.apply(&spec).await?;
    let object = test.namespace.until_ready("web").await?;
    assert!(plan(&object).is_empty(), "what was planned is done");
    let calls = test.stack.simulator().calls(mark)?.writes();
    let calls = calls.only(|call| call.names(object::text(&object, "/status/loadBalancerName")));
    assert_eq!(calls.operations(), operations(&planned), "{calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_told_and_left_and_deletion_releases() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"])
        .await?;
    let spec = format!(
        "{MINIMAL}\nattributes: {{crossZone: true}}\ntargets: {{instanceIds: [{}]}}",
        ids[0]
    );
    test.ready(&spec).await?;
    let name = test.name().await?;
    test.apply(&format!("{spec}\nmanagement: Observe")).await?;
    let object = observing(&test).await?;
    assert!(plan(&object).is_empty(), "nothing differs");
    assert!(object::has(&object, "Programmed", "True"));
    let message = object::condition(&object, "Ready").expect("Ready").message;
    assert!(
        message.contains("spec.management is Observe") && message.contains("no call"),
        "{message}"
    );

    let delete = [
        ("LoadBalancerName", name.as_str()),
        ("Instances.member.1.InstanceId", ids[0].as_str()),
    ];
    let simulator = test.stack.simulator();
    simulator
        .query(
            "elasticloadbalancing",
            "2012-06-01",
            "DeregisterInstancesFromLoadBalancer",
            &delete,
        )
        .await?;
    let mark = test.mark()?;
    test.namespace
        .patch(Kind::CLB, "web", json!({"spec": {"healthCheck": {"target": "TCP:80"}}}))
        .await?;
    let told = |object: &DynamicObject| plan(object).len() == 2;
    let object = test
        .namespace
        .until(Kind::CLB, "web", "two calls to be planned", told)
        .await?;
    assert_eq!(
        operations(&plan(&object)),
        ["ConfigureHealthCheck", "RegisterInstancesWithLoadBalancer"]
    );
    assert_eq!(
        object::text(&object, "/status/instances/summary"),
        "0/1",
        "facts are still told"
    );
    assert!(!object::text(&object, "/status/dnsName").is_empty());

    test.namespace.delete_and_wait(Kind::CLB, "web").await?;
    let calls = simulator.calls(mark)?.naming(&name);
    assert!(calls.writes().is_empty(), "{calls}");
    assert!(describe(test.stack, &name).await.is_some());
    let events = test.namespace.events("web").await?;
    assert!(events.iter().any(|(_, reason, _)| reason == "Released"), "{events:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_is_planned_and_refusals_are_told() -> Result<()> {
    let test = Test::new().await?;
    let name = format!("seen-{}", crate::unique());
    let members = [
        ("LoadBalancerName", name.as_str()),
        ("Listeners.member.1.Protocol", "HTTP"),
        ("Listeners.member.1.LoadBalancerPort", "81"),
        ("Listeners.member.1.InstancePort", "8080"),
        ("AvailabilityZones.member.1", "us-east-1a"),
        ("AvailabilityZones.member.2", "us-east-1b"),
    ];
    let simulator = test.stack.simulator();
    simulator
        .query("elasticloadbalancing", "2012-06-01", "CreateLoadBalancer", &members)
        .await?;
    let spec = format!("loadBalancerName: {name}\nmanagement: Observe\nadopt: true\n{MINIMAL}");
    test.apply(&spec).await?;
    let object = observing(&test).await?;
    assert!(plan(&object).is_empty());
    assert!(object::has(&object, "Accepted", "False") && object::has_reason(&object, "Accepted", "NotAdopted"));
    assert!(
        !object::text(&object, "/status/dnsName").is_empty(),
        "it can be looked at"
    );
    assert!(
        object::at(&object, "/status/createdTime").is_none(),
        "but is not taken for ours"
    );

    let offer = format!("test/{}/web", test.namespace.namespace());
    let members = [
        ("LoadBalancerNames.member.1", name.as_str()),
        ("Tags.member.1.Key", "classiclb.dev/adopt-by"),
        ("Tags.member.1.Value", offer.as_str()),
    ];
    simulator
        .query("elasticloadbalancing", "2012-06-01", "AddTags", &members)
        .await?;
    let mark = test.mark()?;
    test.request().await?;
    let told = |object: &DynamicObject| !plan(object).is_empty();
    let object = test.namespace.until(Kind::CLB, "web", "a plan", told).await?;
    assert_eq!(
        operations(&plan(&object)),
        ["AddTags", "CreateLoadBalancerListeners", "DeleteLoadBalancerListeners"]
    );
    assert!(object::has(&object, "Accepted", "True"));
    assert!(test.calls(mark).await?.writes().is_empty());
    assert!(object.finalizers().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_operator_writes_nothing_and_says_so() -> Result<()> {
    let operator = OperatorOptions {
        env: vec![("CLB_READ_ONLY".into(), "true".into())],
        ..OperatorOptions::default()
    };
    let stack = Stack::start(Options {
        operator,
        ..Options::default()
    })
    .await?;
    let namespace = stack.namespace().await?;
    let mark = stack.simulator().mark()?;
    namespace.apply(&manifest(MINIMAL)).await?;
    let told = |object: &DynamicObject| {
        object::condition(object, "Ready")
            .is_some_and(|ready| ready.reason == "Observing" && ready.message.contains("--read-only"))
    };
    let object = namespace.until(Kind::CLB, "web", "to be observed", told).await?;
    assert_eq!(
        operations(&plan(&object)),
        ["CreateLoadBalancer", "ConfigureHealthCheck"]
    );
    let calls = stack.simulator().calls(mark)?.writes();
    assert!(calls.is_empty(), "{calls}");
    namespace.delete_and_wait(Kind::CLB, "web").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_ours_is_not_forgotten_while_it_is_only_looked_at() -> Result<()> {
    let test = Test::new().await?;
    let before = test.ready(MINIMAL).await?;
    let writers = before.metadata.managed_fields.iter().flatten();
    let ours = |manager: &&str| *manager == "classic-lb-operator";
    let ours = writers.filter_map(|entry| entry.manager.as_deref()).filter(ours);
    assert_eq!(
        ours.count(),
        2,
        "its finalizer and its status: {:?}",
        before.metadata.managed_fields
    );
    let name = test.name().await?;
    let elb = test.stack.simulator().elb();
    // Somebody replaces it.
    test.lose().await?;
    let listener = aws_sdk_elasticloadbalancing::types::Listener::builder()
        .protocol("TCP")
        .load_balancer_port(81)
        .instance_port(81);
    // Times in AWS are whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    elb.create_load_balancer()
        .load_balancer_name(&name)
        .availability_zones("us-east-1a")
        .listeners(listener.build().expect("a listener"))
        .send()
        .await
        .expect("replaced");
    test.request().await?;
    let message = test.until_reason("Accepted", "Conflict").await?;
    assert!(
        message.contains("it was replaced behind the operator's back"),
        "{message}"
    );
    test.apply(&format!("{MINIMAL}\nmanagement: Observe")).await?;
    test.until_reason("Ready", "Observing").await?;
    let after = test.get().await?;
    for path in ["/status/createdTime", "/status/dnsName"] {
        assert_eq!(object::text(&after, path), object::text(&before, path), "{path}");
    }
    test.lose().await?;
    let mark = test.mark()?;
    test.apply(MINIMAL).await?;
    test.until_reason("Ready", "Lost").await?;
    let calls = test.calls(mark).await?.writes();
    assert!(calls.is_empty(), "{calls}");
    Ok(())
}
