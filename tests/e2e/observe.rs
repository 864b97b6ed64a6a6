//! Under Observe everything is read and planned, and nothing is written to AWS.

use std::time::Duration;

use kube::ResourceExt as _;
use serde_json::json;
use testkit::{LoadBalancer, Options, Result};

use crate::adoption::{offer, plain_with, tag};
use crate::setup::minimal;
use crate::{MINIMAL, Test, describe};

/// The operations that are planned.
pub(crate) fn operations(web: &LoadBalancer) -> Vec<String> {
    let plan = web.plan();
    let operations = plan.iter().filter_map(|line| line.split(' ').next());
    operations.map(ToOwned::to_owned).collect()
}

async fn observing(test: &Test) -> Result<LoadBalancer> {
    test.until_reason("Ready", "Observing").await?;
    test.get().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planned_for_a_new_balancer_is_what_is_done() -> Result<()> {
    let setup = Test::web().instances(1).by_id();
    let test = setup
        .with("attributes: {idleTimeoutSeconds: 90}\ntags: {a: b}")
        .start()
        .await?;
    let mark = test.mark()?;
    test.apply(&test.spec("management: Observe")).await?;
    let web = observing(&test).await?;
    assert!(web.has("Ready", "True") && web.has("Programmed", "False") && web.says("Programmed", "Differs"));
    assert!(*web.status("/plannedCalls") == web.plan().len());
    assert!(web.condition("Stalled").is_none() && web.condition("Reconciling").is_none());
    assert!(web.finalizers().is_empty());
    let planned = operations(&web);
    assert_eq!(planned[0], "CreateLoadBalancer", "{planned:?}");
    test.nothing_written(mark, "observed").await?;
    assert!(describe(&test.stack, &web.name()).await.is_none());

    let mark = test.mark()?;
    let web = test.ready(&test.spec("")).await?;
    assert!(web.plan().is_empty(), "what was planned is done");
    let calls = test.writes(mark).await?;
    assert_eq!(calls.operations(), planned, "{calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_told_and_left_and_deletion_releases() -> Result<()> {
    let setup = Test::web().instances(1).by_id();
    let test = setup.with("attributes: {crossZone: true}").ready().await?;
    test.apply(&test.spec("management: Observe")).await?;
    let web = observing(&test).await?;
    let name = web.name();
    assert!(web.plan().is_empty(), "nothing differs");
    assert!(web.has("Programmed", "True"));
    let message = web.message("Ready");
    assert!(
        message.contains("spec.management is Observe") && message.contains("no call"),
        "{message}"
    );

    let out = [("Instances.member.1.InstanceId", test.ids[0].as_str())];
    test.by_hand("DeregisterInstancesFromLoadBalancer", &out).await?;
    let mark = test.mark()?;
    test.patch(json!({"healthCheck": {"target": "TCP:80"}})).await?;
    let web = test
        .until("two calls to be planned", |web| web.plan().len() == 2)
        .await?;
    assert_eq!(
        operations(&web),
        ["ConfigureHealthCheck", "RegisterInstancesWithLoadBalancer"]
    );
    assert_eq!(web.summary(), "0/1", "facts are still told");
    assert!(!web.text("/dnsName").is_empty());

    test.delete().await?;
    let calls = test.simulator().calls(mark)?.naming(&name);
    assert!(calls.writes().is_empty(), "{calls}");
    assert!(describe(&test.stack, &name).await.is_some());
    test.until_event("Released", "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_is_planned_and_refusals_are_told() -> Result<()> {
    let test = Test::new().await?;
    let name = format!("seen-{}", crate::unique());
    plain_with(&test.stack, &name, ["HTTP", "81", "8080"]).await?;
    let lines = format!("loadBalancerName: {name}\nmanagement: Observe\nadopt: true");
    test.apply(&minimal(&lines)).await?;
    let web = observing(&test).await?;
    let offered = [
        "AddTags",
        "AddTags",
        "CreateLoadBalancerListeners",
        "DeleteLoadBalancerListeners",
    ];
    assert_eq!(operations(&web), offered, "as if it were offered");
    assert!(
        web.plan()[0].contains(&offer(&test)),
        "first what a person has to do: {:?}",
        web.plan()
    );
    assert!(
        web.plan()[3].contains("takes something away") && web.message("Ready").contains("DeleteLoadBalancerListeners")
    );
    assert!(web.has("Accepted", "False") && web.says("Accepted", "NotAdopted"));
    assert!(!web.text("/dnsName").is_empty(), "it can be looked at");
    assert!(web.status("/createdTime").is_null(), "but is not taken for ours");

    tag(&test.stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;
    let mark = test.mark()?;
    test.request().await?;
    let web = test.until("a plan", |web| web.plan().len() == 3).await?;
    let expected = ["AddTags", "CreateLoadBalancerListeners", "DeleteLoadBalancerListeners"];
    assert_eq!(operations(&web), expected);
    assert!(web.has("Accepted", "True"));
    test.nothing_written(mark, "observed").await?;
    assert!(web.finalizers().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_operator_writes_nothing_and_says_so() -> Result<()> {
    let mut options = Options::default();
    options.operator.env = vec![("CLB_READ_ONLY".into(), "true".into())];
    let test = Test::web().on(options).start().await?;
    test.apply(MINIMAL).await?;
    let web = test
        .until("to be observed", |web| {
            web.says("Ready", "Observing") && web.message("Ready").contains("--read-only")
        })
        .await?;
    assert_eq!(operations(&web), ["CreateLoadBalancer", "ConfigureHealthCheck"]);
    let calls = test.simulator().calls(0)?.writes();
    assert!(calls.is_empty(), "{calls}");
    test.delete().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_ours_is_not_forgotten_while_it_is_only_looked_at() -> Result<()> {
    let test = Test::web().ready().await?;
    let before = test.get().await?;
    let writers = before.metadata.managed_fields.iter().flatten();
    let ours = writers.filter(|entry| entry.manager.as_deref() == Some("classic-lb-operator"));
    assert_eq!(
        ours.count(),
        2,
        "its finalizer and its status: {:?}",
        before.metadata.managed_fields
    );
    // Somebody replaces it.
    test.lose().await?;
    // Times in AWS are whole seconds, and of two balancers of one name only the time tells them apart.
    test.simulator().core().clock().advance(Duration::from_secs(1));
    plain_with(&test.stack, &before.name(), ["TCP", "81", "81"]).await?;
    test.request().await?;
    let message = test.until_reason("Accepted", "Conflict").await?;
    assert!(
        message.contains("it was replaced behind the operator's back"),
        "{message}"
    );
    test.apply(&minimal("management: Observe")).await?;
    let after = observing(&test).await?;
    for path in ["/createdTime", "/dnsName"] {
        assert_eq!(after.text(path), before.text(path), "{path}");
    }
    test.lose().await?;
    let mark = test.mark()?;
    test.apply(MINIMAL).await?;
    test.until_reason("Ready", "Lost").await?;
    test.nothing_written(mark, "lost").await
}
