//! Attributes, each on its own.

use aws_sdk_elasticloadbalancing::types::LoadBalancerAttributes;
use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{MINIMAL, Test, unique, without};

async fn in_aws(test: &Test) -> Result<LoadBalancerAttributes> {
    let elb = test.stack.simulator().elb();
    let request = elb
        .describe_load_balancer_attributes()
        .load_balancer_name(test.name().await?);
    let reply = request.send().await.expect("attributes");
    Ok(reply.load_balancer_attributes.expect("attributes"))
}

/// Cross-zone, idle timeout, draining, access log, desync mode; with `-` where a switch is off.
async fn summary(test: &Test) -> Result<String> {
    let all = in_aws(test).await?;
    let draining = all.connection_draining().expect("draining");
    let log = all.access_log().expect("a log");
    let mode = all
        .additional_attributes()
        .iter()
        .find_map(|attribute| attribute.value());
    Ok(format!(
        "{} {} {} {} {}",
        all.cross_zone_load_balancing()
            .is_some_and(|cross_zone| cross_zone.enabled()),
        all.connection_settings().expect("settings").idle_timeout(),
        if draining.enabled() {
            draining.timeout().unwrap_or_default().to_string()
        } else {
            "-".into()
        },
        if log.enabled() {
            let (bucket, prefix) = (
                log.s3_bucket_name().unwrap_or_default(),
                log.s3_bucket_prefix().unwrap_or_default(),
            );
            format!("{bucket}/{prefix}/{}", log.emit_interval().unwrap_or_default())
        } else {
            "-".into()
        },
        mode.unwrap_or_default(),
    ))
}

const DEFAULT: &str = "false 60 - - defensive";

async fn set(test: &Test, attributes: Value) -> Result<String> {
    test.namespace
        .patch(Kind::CLB, "web", json!({"spec": {"attributes": attributes}}))
        .await?;
    test.namespace.until_ready("web").await?;
    summary(test).await
}

/// A bucket that AWS may write logs to.
async fn bucket(test: &Test) -> Result<String> {
    let name = format!("logs-{}", unique());
    test.stack
        .simulator()
        .seed(&json!({"buckets": [{"name": name}]}))
        .await?;
    Ok(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_set_changed_unset_and_repaired() -> Result<()> {
    let test = Test::new().await?;
    let bucket = bucket(&test).await?;
    let mark = test.mark()?;
    test.ready(MINIMAL).await?;
    let calls = test.calls(mark).await?;
    assert!(
        calls.of("DescribeLoadBalancerAttributes").is_empty(),
        "not declared, not asked for: {calls}"
    );

    assert_eq!(set(&test, json!({"crossZone": true})).await?, "true 60 - - defensive");
    assert_eq!(
        set(&test, json!({"idleTimeoutSeconds": 4000})).await?,
        "true 4000 - - defensive"
    );
    let draining = json!({"connectionDraining": {"enabled": true}});
    assert_eq!(set(&test, draining).await?, "true 4000 300 - defensive");
    let draining = json!({"connectionDraining": {"timeoutSeconds": 20}});
    assert_eq!(set(&test, draining).await?, "true 4000 20 - defensive");
    assert_eq!(
        set(&test, json!({"desyncMitigationMode": "strictest"})).await?,
        "true 4000 20 - strictest"
    );
    let log = json!({"accessLog": {"enabled": true, "bucket": bucket, "prefix": "web", "emitIntervalMinutes": 5}});
    let all = format!("true 4000 20 {bucket}/web/5 strictest");
    assert_eq!(set(&test, log).await?, all);

    let mark = test.mark()?;
    test.pass().await?;
    assert!(
        test.calls(mark).await?.writes().is_empty(),
        "a second pass writes nothing"
    );

    let elb = test.stack.simulator().elb();
    let by_hand = LoadBalancerAttributes::builder().cross_zone_load_balancing(
        aws_sdk_elasticloadbalancing::types::CrossZoneLoadBalancing::builder()
            .enabled(false)
            .build(),
    );
    let request = elb
        .modify_load_balancer_attributes()
        .load_balancer_name(test.name().await?);
    request
        .load_balancer_attributes(by_hand.build())
        .send()
        .await
        .expect("by hand");
    let mark = test.mark()?;
    test.pass().await?;
    let calls = test.calls(mark).await?.writes();
    assert_eq!(calls.operations(), ["ModifyLoadBalancerAttributes"], "{calls}");
    assert_eq!(summary(&test).await?, all, "drift is repaired");

    assert_eq!(
        set(&test, json!({"crossZone": null})).await?,
        all.replace("true", "false"),
        "un-set, alone"
    );
    assert_eq!(
        set(&test, json!({"accessLog": {"enabled": false}})).await?,
        "false 4000 20 - strictest"
    );
    test.namespace.patch(Kind::CLB, "web", without("attributes")).await?;
    test.namespace.until_ready("web").await?;
    assert_eq!(summary(&test).await?, DEFAULT, "all un-set");
    let kept = test.get().await?;
    assert_eq!(object::at(&kept, "/status/applied"), None, "and forgotten");
    let mark = test.mark()?;
    test.pass().await?;
    assert!(
        test.calls(mark)
            .await?
            .elb()
            .of("DescribeLoadBalancerAttributes")
            .is_empty(),
        "not asked for any more"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_bucket_is_told_with_the_policy_it_needs_and_the_rest_converges() -> Result<()> {
    let test = Test::new().await?;
    let name = format!("missing-{}", unique());
    test.apply(&format!(
        "{MINIMAL}\ntags: {{team: web}}\nattributes: {{crossZone: true, accessLog: {{enabled: true, bucket: {name}, prefix: a}}}}"
    ))
    .await?;
    let message = test.until_reason("Programmed", "InvalidConfigurationRequest").await?;
    for word in [
        &*name,
        "s3:PutObject",
        "arn:aws:iam::127311923021:root",
        "a/AWSLogs/123456789012/*",
    ] {
        assert!(message.contains(word), "no {word} in {message}");
    }
    assert!(object::has(&test.get().await?, "Reconciling", "True"));
    assert_eq!(object::text(&test.get().await?, "/status/errors/0/track"), "attributes");
    assert_eq!(
        summary(&test).await?,
        "true 60 - - defensive",
        "the other attribute is set"
    );
    assert_eq!(test.tags().await?.get("team").map(String::as_str), Some("web"));
    test.stack
        .simulator()
        .seed(&json!({"buckets": [{"name": name}]}))
        .await?;
    test.namespace.until_ready("web").await?;
    assert_eq!(summary(&test).await?, format!("true 60 - {name}/a/60 defensive"));
    Ok(())
}
