//! Nothing that the operator did not create is ever changed or deleted.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, Stack};

use crate::setup::{minimal, with_args};
use crate::{MINIMAL, Test, describe, error, manifest, unique};

/// A balancer made by somebody else.
async fn make(stack: &Stack, name: &str, tags: &[(&str, &str)]) -> Result<()> {
    crate::adoption::plain(stack, name).await?;
    for (key, value) in tags {
        crate::adoption::tag(stack, name, key, value).await?;
    }
    Ok(())
}

/// The tags of a balancer of another cluster.
const OTHER: [(&str, &str); 3] = [
    ("classiclb.dev/cluster", "other"),
    ("classiclb.dev/owner", "shop/web"),
    ("classiclb.dev/uid", "1234"),
];

fn spec(name: &str) -> String {
    minimal(&format!("loadBalancerName: {name}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_of_somebody_else_gets_no_write_also_when_the_object_is_deleted() -> Result<()> {
    for (tags, reason) in [
        (&[][..], "NotAdopted"),
        (&[("kubernetes.io/cluster/other", "owned")], "NotAdopted"),
        (&OTHER, "Conflict"),
    ] {
        let test = Test::new().await?;
        let name = format!("foreign-{}", unique());
        make(&test.stack, &name, tags).await?;
        let mark = test.mark()?;
        test.apply(&spec(&name)).await?;
        let message = test.until_reason("Accepted", reason).await?;
        assert!(message.contains(&name), "{message}");
        let web = test.get().await?;
        assert!(web.has("Ready", "False") && web.has("Stalled", "True"));
        test.delete().await?;
        let calls = test.simulator().calls(mark)?.naming(&name);
        assert!(calls.writes().is_empty(), "{calls}");
        assert!(describe(&test.stack, &name).await.is_some());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_taken_in_the_same_moment_is_told_with_its_owner() -> Result<()> {
    // Almost alone in its region: beside others its questions may be joined to theirs, and name nobody.
    let test = Test::web().on(with_args(&[])).start().await?;
    // Whether the region lets it in is known by now, and not asked for with the first look.
    let second = test.stack.namespace().await?;
    second.apply(&manifest(MINIMAL)).await?;
    second.until_ready("web").await?;
    let name = format!("foreign-{}", unique());
    make(&test.stack, &name, &OTHER).await?;
    let reads = |nth: u8, count: u8| json!({"operation": "DescribeLoadBalancers", "loadBalancer": name, "nth": nth, "count": count});
    // The first look comes before the other one is made.
    let early = error("LoadBalancerNotFound", 400, "There is no ACTIVE Load Balancer");
    // And the second, all three tries of it, is not answered: that says nothing of whose the name is.
    let throttled = error("Throttling", 400, "Rate exceeded");
    let rules = json!([{"match": reads(1, 1), "do": early}, {"match": reads(2, 3), "do": throttled}]);
    test.simulator().fault(&rules).await?;
    let mark = test.mark()?;
    test.apply(&spec(&name)).await?;
    test.until_reason("Ready", "Throttling").await?;
    let message = test.until_reason("Accepted", "Conflict").await?;
    assert!(message.contains("belongs to shop/web of cluster other"), "{message}");
    let calls = test.simulator().calls(mark)?.naming(&name).writes();
    assert_eq!(calls.operations(), ["CreateLoadBalancer"], "{calls}");
    assert!(calls.successful().is_empty(), "{calls}");
    test.delete().await?;
    second.delete_and_wait(Kind::CLB, "web").await?;
    assert!(describe(&test.stack, &name).await.is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_whose_tags_were_taken_away_is_not_touched_and_not_deleted() -> Result<()> {
    let test = Test::web().ready().await?;
    let name = test.name().await?;
    let keys = [
        ("Tags.member.1.Key", "classiclb.dev/cluster"),
        ("Tags.member.2.Key", "classiclb.dev/owner"),
        ("Tags.member.3.Key", "classiclb.dev/uid"),
        ("Tags.member.4.Key", "classiclb.dev/origin"),
    ];
    test.by_hand("RemoveTags", &keys).await?;
    let mark = test.mark()?;
    test.request().await?;
    test.until_reason("Accepted", "NotAdopted").await?;
    test.delete().await?;
    let calls = test.simulator().calls(mark)?.naming(&name);
    assert!(calls.writes().is_empty(), "{calls}");
    let events = test.namespace.events("web").await?;
    let told = |(kind, reason, _): &(String, String, String)| kind == "Warning" && reason == "NotOwned";
    assert!(events.iter().any(told), "{events:?}");
    Ok(())
}

/// Nobody asks for a look: the Node alone brings the operator to what it takes for its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_that_changed_hands_gets_no_write_when_nodes_come() -> Result<()> {
    for (key, value) in [
        ("classiclb.dev/uid", "another"),
        ("classiclb.dev/owner", "shop/other"),
        ("classiclb.dev/cluster", "other"),
    ] {
        let test = Test::web().instances(1).by_node().ready().await?;
        let new = test.instances(&["us-east-1a"]).await?.remove(0);
        let tag = [("Tags.member.1.Key", key), ("Tags.member.1.Value", value)];
        test.by_hand("AddTags", &tag).await?;
        let mark = test.mark()?;
        test.node(&new).await?;
        test.until_reason("Accepted", "Conflict").await?;
        test.until_called(mark, "DescribeTags").await?;
        test.nothing_written(mark, &format!("another's by {key}")).await?;
    }
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
    second.delete().await?;
    first.nothing_written(mark, "of two").await?;
    first.pass().await?;
    assert!(first.get().await?.is_ready());
    Ok(())
}
