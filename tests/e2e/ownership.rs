//! Nothing that the operator did not create is ever changed or deleted.

use aws_sdk_elasticloadbalancing::types::{Listener, Tag};
use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, Stack, object};

use crate::{Test, describe, unique};

/// A balancer made by somebody else.
async fn make(stack: &Stack, name: &str, tags: &[(&str, &str)]) {
    let listener = Listener::builder()
        .protocol("HTTP")
        .load_balancer_port(80)
        .instance_port(8080)
        .build()
        .expect("a listener");
    let mut request = stack
        .simulator()
        .elb()
        .create_load_balancer()
        .load_balancer_name(name)
        .listeners(listener);
    request = request.availability_zones("us-east-1a");
    for (key, value) in tags {
        request = request.tags(Tag::builder().key(*key).value(*value).build().expect("a tag"));
    }
    request.send().await.expect("created");
}

fn spec(name: &str) -> String {
    format!("loadBalancerName: {name}\n{}", crate::MINIMAL)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_of_somebody_else_gets_no_write_also_when_the_object_is_deleted() -> Result<()> {
    for (tags, reason) in [
        (vec![], "NotAdopted"),
        (vec![("kubernetes.io/cluster/other", "owned")], "NotAdopted"),
        (
            vec![
                ("classiclb.dev/cluster", "other"),
                ("classiclb.dev/owner", "shop/web"),
                ("classiclb.dev/uid", "1234"),
            ],
            "Conflict",
        ),
    ] {
        let test = Test::new().await?;
        let name = format!("foreign-{}", unique());
        make(test.stack, &name, &tags).await;
        let mark = test.mark()?;
        test.apply(&spec(&name)).await?;
        let message = test.until_reason("Accepted", reason).await?;
        assert!(message.contains(&name), "{message}");
        let object = test.get().await?;
        assert!(object::has(&object, "Ready", "False") && object::has(&object, "Stalled", "True"));
        test.namespace.delete_and_wait(Kind::CLB, "web").await?;
        let calls = test.stack.simulator().calls(mark)?.naming(&name);
        assert!(calls.writes().is_empty(), "{calls}");
        assert!(describe(test.stack, &name).await.is_some());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_taken_in_the_same_moment_is_told_with_its_owner() -> Result<()> {
    let test = Test::new().await?;
    let name = format!("foreign-{}", unique());
    let owner = [
        ("classiclb.dev/cluster", "other"),
        ("classiclb.dev/owner", "shop/web"),
        ("classiclb.dev/uid", "1234"),
    ];
    make(test.stack, &name, &owner).await;
    // The first look comes before the other one is made.
    let early = json!({
        "match": {"operation": "DescribeLoadBalancers", "loadBalancer": name, "nth": 1},
        "do": {"error": {"code": "LoadBalancerNotFound", "status": 400, "message": "There is no ACTIVE Load Balancer"}},
    });
    // And the second, all three tries of it, is not answered: that says nothing of whose the name is.
    let throttled = json!({
        "match": {"operation": "DescribeLoadBalancers", "loadBalancer": name, "nth": 2, "count": 3},
        "do": {"error": {"code": "Throttling", "status": 400, "message": "Rate exceeded"}},
    });
    test.stack.simulator().fault(&json!([early, throttled])).await?;
    let mark = test.mark()?;
    test.apply(&spec(&name)).await?;
    test.until_reason("Ready", "Throttling").await?;
    let message = test.until_reason("Accepted", "Conflict").await?;
    assert!(message.contains("belongs to shop/web of cluster other"), "{message}");
    let calls = test.stack.simulator().calls(mark)?.naming(&name);
    assert_eq!(calls.writes().operations(), ["CreateLoadBalancer"], "{calls}");
    assert!(calls.writes().successful().is_empty(), "{calls}");
    test.namespace.delete_and_wait(Kind::CLB, "web").await?;
    assert!(describe(test.stack, &name).await.is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_whose_tags_were_taken_away_is_not_touched_and_not_deleted() -> Result<()> {
    let test = Test::new().await?;
    test.ready(crate::MINIMAL).await?;
    let name = test.name().await?;
    let keys = [
        "classiclb.dev/cluster",
        "classiclb.dev/owner",
        "classiclb.dev/uid",
        "classiclb.dev/origin",
    ];
    let keys = keys.map(|key| {
        aws_sdk_elasticloadbalancing::types::TagKeyOnly::builder()
            .key(key)
            .build()
    });
    let request = test.stack.simulator().elb().remove_tags().load_balancer_names(&name);
    request.set_tags(Some(keys.to_vec())).send().await.expect("untagged");
    let mark = test.mark()?;
    test.request().await?;
    test.until_reason("Accepted", "NotAdopted").await?;
    test.namespace.delete_and_wait(Kind::CLB, "web").await?;
    let calls = test.stack.simulator().calls(mark)?.naming(&name);
    assert!(calls.writes().is_empty(), "{calls}");
    let events = test.namespace.events("web").await?;
    assert!(
        events
            .iter()
            .any(|(kind, reason, _)| kind == "Warning" && reason == "NotOwned"),
        "{events:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_that_changed_hands_gets_no_write_when_nodes_come() -> Result<()> {
    let mut test = Test::new().await?;
    let role = unique();
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a", "us-east-1a"])
        .await?;
    test.namespace.node(&ids[0], Some(&ids[0]), &[("role", &role)]).await?;
    let spec = format!(
        "{}\ntargets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}",
        crate::MINIMAL
    );
    test.ready(&spec).await?;
    let name = test.name().await?;
    let tag = Tag::builder()
        .key("classiclb.dev/uid")
        .value("another")
        .build()
        .expect("a tag");
    let request = test.stack.simulator().elb().add_tags().load_balancer_names(&name);
    request.tags(tag).send().await.expect("tagged");
    test.request().await?;
    test.until_reason("Accepted", "Conflict").await?;
    let mark = test.mark()?;
    test.namespace.node(&ids[1], Some(&ids[1]), &[("role", &role)]).await?;
    let looked = |calls: &testkit::Calls| !calls.naming(&name).of("DescribeTags").is_empty();
    test.stack
        .simulator()
        .until_calls(mark, "a look at the balancer", looked)
        .await?;
    test.pass().await?;
    assert!(
        test.calls(mark).await?.writes().is_empty(),
        "{}",
        test.calls(mark).await?
    );
    assert!(object::has_reason(&test.get().await?, "Accepted", "Conflict"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_objects_of_one_name_do_not_fight() -> Result<()> {
    let (first, second) = (Test::new().await?, Test::new().await?);
    let name = format!("shared-{}", unique());
    first.ready(&spec(&name)).await?;
    let mark = first.mark()?;
    second.apply(&spec(&name)).await?;
    let message = second.until_reason("Accepted", "Conflict").await?;
    // The name cannot be changed, so that is not the way out.
    assert!(
        message.contains("make it again with another loadBalancerName"),
        "{message}"
    );
    assert!(
        message.contains(first.namespace.namespace()),
        "it says whose it is: {message}"
    );
    second.namespace.delete_and_wait(Kind::CLB, "web").await?;
    assert!(first.calls(mark).await?.writes().is_empty());
    first.pass().await?;
    assert!(object::is_ready(&first.get().await?));
    Ok(())
}
