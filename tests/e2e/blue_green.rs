//! What AWS cannot change: another balancer is made beside, takes over, and the one before it goes.

use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Calls, LoadBalancer, Result};

use crate::setup::Setup;
use crate::{Test, describe, error, registered, set, tags, unique};

/// A balancer with three instances that is replaced where AWS cannot change it.
fn replaceable(keep: u32) -> Setup {
    let lines = format!("replacement: BlueGreen\nreplacementKeepSeconds: {keep}");
    Test::web().instances(3).by_id().with(&lines)
}

fn beside(web: &LoadBalancer) -> &str {
    web.text("/replacement/loadBalancerName")
}

/// The names of those that were made or deleted, in order.
fn named(calls: &Calls, operation: &str) -> Vec<String> {
    let made = calls.successful().of(operation);
    made.iter().map(|call| call.member("LoadBalancerName")).collect()
}

/// Waits until another balancer than `before` has taken over: it serves before it is used, and the one before is kept.
pub(crate) async fn until_moved(test: &Test, before: &LoadBalancer) -> Result<LoadBalancer> {
    let moved = test
        .until("the move", |web| web.text("/dnsName") != before.text("/dnsName"))
        .await?;
    assert_ne!(moved.name(), before.name());
    assert_eq!(moved.summary(), before.summary(), "it serves before it is used");
    assert_eq!(beside(&moved), before.name());
    assert_eq!(moved.text("/replacement/phase"), "Keeping");
    assert_eq!(moved.text("/replacement/dnsName"), before.text("/dnsName"));
    assert!(moved.is_ready(), "{:?}", moved.condition("Ready"));
    Ok(moved)
}

/// Waits until the one before is gone, with each step told.
pub(crate) async fn until_over(test: &Test, before: &LoadBalancer, moved: &LoadBalancer) -> Result<()> {
    let done = test
        .until("the end", |web| web.status("/replacement").is_null())
        .await?;
    assert_eq!(done.name(), moved.name());
    assert!(
        describe(&test.stack, &before.name()).await.is_none(),
        "the old one is gone"
    );
    for told in [
        "is made to take the place of",
        "status.dnsName is that of",
        "was kept long enough",
    ] {
        test.until_event("Replacement", told).await?;
    }
    test.idle("once it is over").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_of_the_other_scheme_takes_over_when_it_serves() -> Result<()> {
    let test = replaceable(3).ready().await?;
    let before = test.until("all in service", |web| web.summary() == "3/3").await?;
    let (old, mark) = (before.name(), test.mark()?);
    test.patch(json!({"scheme": "internal"})).await?;
    let moved = until_moved(&test, &before).await?;
    let new = moved.name();
    assert_eq!(moved.text("/scheme"), "internal");
    assert!(
        moved.text("/dnsName").starts_with("internal-"),
        "{}",
        moved.text("/dnsName")
    );
    until_over(&test, &before, &moved).await?;
    assert_eq!(registered(&test.in_aws().await?), set(&test.ids));
    let calls = test.simulator().calls(mark)?;
    assert_eq!(named(&calls.naming(&new), "CreateLoadBalancer"), [new.as_str()]);
    assert_eq!(named(&calls.naming(&old), "DeleteLoadBalancer"), [old.as_str()]);
    assert!(calls.naming(&old).of("DeregisterInstancesFromLoadBalancer").is_empty());
    // And back, under the first name again.
    test.patch(json!({"scheme": "internet-facing"})).await?;
    let back = test
        .until("the way back", |web| {
            web.text("/scheme") == "internet-facing" && web.status("/replacement").is_null()
        })
        .await?;
    assert_eq!(back.name(), old);
    assert!(describe(&test.stack, &new).await.is_none());
    test.delete().await?;
    assert!(describe(&test.stack, &old).await.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_name_is_taken_back_while_the_old_one_is_kept() -> Result<()> {
    let (blue, green) = (format!("blue-{}", unique()), format!("green-{}", unique()));
    let named = format!("loadBalancerName: {blue}");
    let test = replaceable(3600).with(&format!("\n{named}")).ready().await?;
    let blue_dns = test.get().await?.text("/dnsName").to_owned();
    test.until("all in service", |web| web.summary() == "3/3").await?;
    test.patch(json!({"loadBalancerName": green})).await?;
    let moved = test.until("the move", |web| web.name() == green).await?;
    assert_eq!(beside(&moved), blue);
    // What clients may still use follows the spec.
    let one = json!({"targets": {"instanceIds": [test.ids[0]]}});
    test.patch(one).await?;
    for name in [&blue, &green] {
        let fewer = |calls: &Calls| !calls.naming(name).of("DeregisterInstancesFromLoadBalancer").is_empty();
        test.simulator().until_calls(0, name, fewer).await?;
    }
    let mark = test.mark()?;
    test.patch(json!({"loadBalancerName": blue})).await?;
    let back = test.until("the move back", |web| web.name() == blue).await?;
    assert_eq!(back.text("/dnsName"), blue_dns);
    assert_eq!(beside(&back), green);
    assert!(
        test.simulator()
            .calls(mark)?
            .naming(&blue)
            .of("CreateLoadBalancer")
            .is_empty()
    );
    test.patch(json!({"replacementKeepSeconds": 0})).await?;
    // Deleted meanwhile, neither stays.
    test.delete().await?;
    for name in [&blue, &green] {
        assert!(describe(&test.stack, name).await.is_none(), "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_does_not_serve_takes_nothing_over_and_can_be_called_off() -> Result<()> {
    let (blue, green) = (format!("blue-{}", unique()), format!("green-{}", unique()));
    let named = format!("\nloadBalancerName: {blue}");
    let test = replaceable(1).with(&named).ready().await?;
    let before = test.until("all in service", |web| web.summary() == "3/3").await?;
    let refused = error("InvalidInstance", 400, "not today");
    let rule =
        json!({"match": {"operation": "RegisterInstancesWithLoadBalancer", "loadBalancer": green}, "do": refused});
    test.simulator().fault(&rule).await?;
    test.patch(json!({"loadBalancerName": green})).await?;
    let waits = test
        .until("the wait", |web| web.text("/replacement/phase") == "WaitingForHealth")
        .await?;
    assert_eq!((waits.name(), beside(&waits)), (blue.clone(), green.as_str()));
    let told = test.until_reason("Programmed", "Replacing").await?;
    assert!(told.contains(&blue) && told.contains(&green), "{told}");
    let found = tags(&test.stack, &green).await;
    assert_eq!(found["classiclb.dev/origin"], "created");
    let mark = test.mark()?;
    test.pass().await?;
    let web = test.get().await?;
    assert_eq!(web.text("/dnsName"), before.text("/dnsName"));
    test.patch(json!({"loadBalancerName": blue})).await?;
    let off = test
        .until("the end", |web| web.status("/replacement").is_null() && web.is_ready())
        .await?;
    assert_eq!(off.name(), blue);
    assert!(describe(&test.stack, &green).await.is_none());
    let writes = test.simulator().calls(mark)?.naming(&blue).writes();
    let about_blue = writes.only(|call| call.member("LoadBalancerName") == blue);
    assert!(about_blue.is_empty(), "{about_blue}");
    test.until_event("Replacement", "the spec asks for it no more").await?;
    test.simulator().clear_faults().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_observes_replaces_nothing() -> Result<()> {
    let test = replaceable(1).ready().await?;
    let before = test.get().await?;
    let mark = test.mark()?;
    test.patch(json!({"scheme": "internal", "management": "Observe"}))
        .await?;
    let told = test.until_reason("Ready", "Observing").await?;
    assert!(told.contains("to take the place of"), "{told}");
    let web = test.get().await?;
    assert_eq!(web.text("/dnsName"), before.text("/dnsName"));
    assert_eq!(*web.status("/replacement"), Value::Null);
    test.patch(json!({"management": "Suspended"})).await?;
    test.until_reason("Ready", "Suspended").await?;
    test.nothing_written(mark, "while it only observes").await?;
    assert!(
        test.simulator()
            .calls(mark)?
            .of("CreateLoadBalancer")
            .naming(&test.role)
            .is_empty()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_the_old_one_is_kept_follows_the_spec() -> Result<()> {
    let (blue, green) = (format!("blue-{}", unique()), format!("green-{}", unique()));
    let test = replaceable(3600)
        .with(&format!("\nloadBalancerName: {blue}"))
        .ready()
        .await?;
    test.until("all in service", |web| web.summary() == "3/3").await?;
    test.patch(json!({"loadBalancerName": green})).await?;
    let moved = test.until("the move", |web| web.name() == green).await?;
    let until = |web: &LoadBalancer| {
        let told = web.text("/replacement/keptUntil");
        told.parse::<Timestamp>().expect("a time").as_second()
    };
    let first = until(&moved);
    test.patch(json!({"replacementKeepSeconds": 7200})).await?;
    let longer = test.until("a longer time", |web| until(web) != first).await?;
    assert_eq!(until(&longer), first + 3600);
    let message = longer.text("/replacement/message");
    assert!(message.contains(longer.text("/replacement/keptUntil")), "{message}");
    test.patch(json!({"replacementKeepSeconds": 0})).await?;
    test.until("the end", |web| web.status("/replacement").is_null())
        .await?;
    assert!(describe(&test.stack, &blue).await.is_none());
    test.delete().await
}
