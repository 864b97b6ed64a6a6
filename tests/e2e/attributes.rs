//! Attributes, each on its own.

use aws_sdk_elasticloadbalancing::types::{CrossZoneLoadBalancing, LoadBalancerAttributes};
use serde_json::{Value, json};
use testkit::Result;

use crate::setup::minimal;
use crate::{MINIMAL, Test, unique};

pub(crate) async fn in_aws(test: &Test) -> Result<LoadBalancerAttributes> {
    let request = test.simulator().elb().describe_load_balancer_attributes();
    let reply = request.load_balancer_name(test.name().await?).send().await;
    Ok(reply.expect("attributes").load_balancer_attributes.expect("attributes"))
}

/// Cross-zone, idle timeout, draining, access log, desync mode; with `-` where a switch is off.
async fn summary(test: &Test) -> Result<String> {
    let all = in_aws(test).await?;
    let cross_zone = all.cross_zone_load_balancing();
    let cross_zone = cross_zone.is_some_and(CrossZoneLoadBalancing::enabled);
    let idle = all.connection_settings().expect("settings").idle_timeout();
    let draining = all.connection_draining().filter(|draining| draining.enabled());
    let draining = draining.map_or("-".into(), |draining| {
        draining.timeout().unwrap_or_default().to_string()
    });
    let log = all.access_log().filter(|log| log.enabled()).map_or("-".into(), |log| {
        let (bucket, prefix) = (log.s3_bucket_name(), log.s3_bucket_prefix());
        let interval = log.emit_interval().unwrap_or_default();
        format!(
            "{}/{}/{interval}",
            bucket.unwrap_or_default(),
            prefix.unwrap_or_default()
        )
    });
    let mut modes = all.additional_attributes().iter();
    let mode = modes.find_map(|attribute| attribute.value()).unwrap_or_default();
    Ok(format!("{cross_zone} {idle} {draining} {log} {mode}"))
}

const DEFAULT: &str = "false 60 - - defensive";

async fn set(test: &Test, attributes: Value) -> Result<String> {
    test.change(json!({"attributes": attributes})).await?;
    summary(test).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_set_changed_unset_and_repaired() -> Result<()> {
    const OPERATION: &str = "DescribeLoadBalancerAttributes";
    let test = Test::new().await?;
    let bucket = test.bucket().await?;
    let mark = test.mark()?;
    test.ready(MINIMAL).await?;
    let calls = test.calls(mark).await?.of(OPERATION);
    assert!(calls.is_empty(), "not declared, not asked for: {calls}");

    let log = json!({"enabled": true, "bucket": bucket, "prefix": "web", "emitIntervalMinutes": 5});
    let all = format!("true 4000 20 {bucket}/web/5 strictest");
    for (attribute, expected) in [
        (json!({"crossZone": true}), "true 60 - - defensive"),
        (json!({"idleTimeoutSeconds": 4000}), "true 4000 - - defensive"),
        (
            json!({"connectionDraining": {"enabled": true}}),
            "true 4000 300 - defensive",
        ),
        (
            json!({"connectionDraining": {"timeoutSeconds": 20}}),
            "true 4000 20 - defensive",
        ),
        (json!({"desyncMitigationMode": "strictest"}), "true 4000 20 - strictest"),
        (json!({"accessLog": log}), &all),
    ] {
        assert_eq!(set(&test, attribute).await?, expected);
    }
    test.idle("a second pass").await?;

    let off = [("LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled", "false")];
    test.by_hand("ModifyLoadBalancerAttributes", &off).await?;
    let mark = test.mark()?;
    test.pass().await?;
    let calls = test.writes(mark).await?;
    assert_eq!(calls.operations(), ["ModifyLoadBalancerAttributes"], "{calls}");
    assert_eq!(summary(&test).await?, all, "drift is repaired");

    let without = set(&test, json!({"crossZone": null})).await?;
    assert_eq!(without, all.replace("true", "false"), "un-set, alone");
    let switched_off = json!({"accessLog": {"enabled": false}});
    assert_eq!(set(&test, switched_off).await?, "false 4000 20 - strictest");
    let kept = test.change(json!({"attributes": null})).await?;
    assert_eq!(summary(&test).await?, DEFAULT, "all un-set");
    assert!(kept.status("/applied").is_null(), "and forgotten");
    let mark = test.mark()?;
    test.pass().await?;
    let calls = test.calls(mark).await?.elb().of(OPERATION);
    assert!(calls.is_empty(), "not asked for any more: {calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_bucket_is_told_with_the_policy_it_needs_and_the_rest_converges() -> Result<()> {
    let test = Test::new().await?;
    let name = format!("missing-{}", unique());
    let log = format!("accessLog: {{enabled: true, bucket: {name}, prefix: a}}");
    let lines = format!("tags: {{team: web}}\nattributes: {{crossZone: true, {log}}}");
    test.apply(&minimal(&lines)).await?;
    let message = test.until_reason("Programmed", "InvalidConfigurationRequest").await?;
    for word in [
        &*name,
        "s3:PutObject",
        "arn:aws:iam::127311923021:root",
        "a/AWSLogs/123456789012/*",
    ] {
        assert!(message.contains(word), "no {word} in {message}");
    }
    let web = test.get().await?;
    assert!(web.has("Reconciling", "True"));
    assert_eq!(web.text("/errors/0/track"), "attributes");
    let expected = "true 60 - - defensive";
    assert_eq!(summary(&test).await?, expected, "the other attribute is set");
    assert_eq!(test.tags().await?["team"], "web");
    test.simulator().seed(&json!({"buckets": [{"name": name}]})).await?;
    test.until_ready().await?;
    assert_eq!(summary(&test).await?, format!("true 60 - {name}/a/60 defensive"));
    Ok(())
}
