//! Balancers made by other hands are taken over when that is asked for and permitted, and left as they were found.

use std::collections::BTreeMap;

use testkit::cluster::Kind;
use testkit::{OperatorOptions, Options, Result, Stack, object};

use crate::{MINIMAL, Test, describe, manifest, tags, unique};

/// A call of ELB by other hands.
async fn elb(stack: &Stack, action: &str, members: &[(&str, &str)]) -> Result<()> {
    let simulator = stack.simulator();
    simulator
        .query("elasticloadbalancing", "2012-06-01", action, members)
        .await
        .map(drop)
}

pub(crate) async fn tag(stack: &Stack, name: &str, key: &str, value: &str) -> Result<()> {
    let members = [
        ("LoadBalancerNames.member.1", name),
        ("Tags.member.1.Key", key),
        ("Tags.member.1.Value", value),
    ];
    elb(stack, "AddTags", &members).await
}

/// A plain balancer made by other hands.
pub(crate) async fn plain(stack: &Stack, name: &str) -> Result<()> {
    let members = [
        ("LoadBalancerName", name),
        ("Listeners.member.1.Protocol", "HTTP"),
        ("Listeners.member.1.LoadBalancerPort", "80"),
        ("Listeners.member.1.InstancePort", "8080"),
        ("AvailabilityZones.member.1", "us-east-1a"),
        ("AvailabilityZones.member.2", "us-east-1b"),
    ];
    elb(stack, "CreateLoadBalancer", &members).await
}

/// A balancer with something of everything, made by other hands.
async fn rich(stack: &Stack, name: &str, certificate: &str, instance: &str) -> Result<()> {
    let lb = ("LoadBalancerName", name);
    let create = [
        lb,
        ("Listeners.member.1.Protocol", "HTTP"),
        ("Listeners.member.1.LoadBalancerPort", "80"),
        ("Listeners.member.1.InstancePort", "8080"),
        ("Listeners.member.2.Protocol", "HTTPS"),
        ("Listeners.member.2.LoadBalancerPort", "443"),
        ("Listeners.member.2.InstanceProtocol", "HTTP"),
        ("Listeners.member.2.InstancePort", "8080"),
        ("Listeners.member.2.SSLCertificateId", certificate),
        ("Listeners.member.3.Protocol", "TCP"),
        ("Listeners.member.3.LoadBalancerPort", "9000"),
        ("Listeners.member.3.InstancePort", "9000"),
        ("AvailabilityZones.member.1", "us-east-1a"),
        ("AvailabilityZones.member.2", "us-east-1b"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "web"),
    ];
    elb(stack, "CreateLoadBalancer", &create).await?;
    let cookie = [lb, ("PolicyName", "their-cookie"), ("CookieName", "session")];
    elb(stack, "CreateAppCookieStickinessPolicy", &cookie).await?;
    let set = [lb, ("LoadBalancerPort", "80"), ("PolicyNames.member.1", "their-cookie")];
    elb(stack, "SetLoadBalancerPoliciesOfListener", &set).await?;
    let tls = [
        lb,
        ("PolicyName", "their-tls"),
        ("PolicyTypeName", "SSLNegotiationPolicyType"),
        ("PolicyAttributes.member.1.AttributeName", "Reference-Security-Policy"),
        (
            "PolicyAttributes.member.1.AttributeValue",
            "ELBSecurityPolicy-TLS-1-2-2017-01",
        ),
    ];
    elb(stack, "CreateLoadBalancerPolicy", &tls).await?;
    let set = [lb, ("LoadBalancerPort", "443"), ("PolicyNames.member.1", "their-tls")];
    elb(stack, "SetLoadBalancerPoliciesOfListener", &set).await?;
    let proxy = [
        lb,
        ("PolicyName", "their-proxy"),
        ("PolicyTypeName", "ProxyProtocolPolicyType"),
        ("PolicyAttributes.member.1.AttributeName", "ProxyProtocol"),
        ("PolicyAttributes.member.1.AttributeValue", "true"),
    ];
    elb(stack, "CreateLoadBalancerPolicy", &proxy).await?;
    let set = [lb, ("InstancePort", "9000"), ("PolicyNames.member.1", "their-proxy")];
    elb(stack, "SetLoadBalancerPoliciesForBackendServer", &set).await?;
    let check = [
        lb,
        ("HealthCheck.Target", "HTTP:8080/health"),
        ("HealthCheck.Interval", "20"),
        ("HealthCheck.Timeout", "4"),
        ("HealthCheck.UnhealthyThreshold", "5"),
        ("HealthCheck.HealthyThreshold", "3"),
    ];
    elb(stack, "ConfigureHealthCheck", &check).await?;
    let attributes = [
        lb,
        ("LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled", "true"),
        ("LoadBalancerAttributes.ConnectionSettings.IdleTimeout", "120"),
        ("LoadBalancerAttributes.ConnectionDraining.Enabled", "true"),
        ("LoadBalancerAttributes.ConnectionDraining.Timeout", "30"),
    ];
    elb(stack, "ModifyLoadBalancerAttributes", &attributes).await?;
    let register = [lb, ("Instances.member.1.InstanceId", instance)];
    elb(stack, "RegisterInstancesWithLoadBalancer", &register).await
}

/// Everything that AWS knows of a balancer, but for the operator's own tags.
pub(crate) async fn everything(stack: &Stack, name: &str) -> Result<(String, BTreeMap<String, String>)> {
    let mut tags = tags(stack, name).await;
    tags.retain(|key, _| !key.starts_with("classiclb.dev/"));
    let simulator = stack.simulator();
    let mut all = format!("{:?}", describe(stack, name).await.expect("the balancer"));
    for action in ["DescribeLoadBalancerAttributes", "DescribeLoadBalancerPolicies"] {
        let reply = simulator
            .query(
                "elasticloadbalancing",
                "2012-06-01",
                action,
                &[("LoadBalancerName", name)],
            )
            .await?;
        // The request id is another each time.
        all.push_str(reply.split("<ResponseMetadata>").next().unwrap_or_default());
    }
    Ok((all, tags))
}

/// The tag that offers a balancer to the test's object.
fn offer(test: &Test) -> String {
    format!("test/{}/web", test.namespace.namespace())
}

const NAMED: &str = "\
adopt: true
availabilityZones: [us-east-1a, us-east-1b]";

fn short(name: &str, certificate: &str) -> String {
    format!(
        "loadBalancerName: {name}\n{NAMED}\nlisteners:\n- {{port: 80, protocol: HTTP, instancePort: 8080}}\n\
         - {{port: 443, protocol: HTTPS, instanceProtocol: HTTP, instancePort: 8080, certificate: {{arn: '{certificate}'}}}}\n\
         - {{port: 9000, protocol: TCP, instancePort: 9000}}"
    )
}

fn full(name: &str, certificate: &str, instance: &str) -> String {
    format!(
        "loadBalancerName: {name}\n{NAMED}\nlisteners:\n\
         - {{port: 80, protocol: HTTP, instancePort: 8080, stickiness: {{applicationCookie: {{name: session}}}}}}\n\
         - {{port: 443, protocol: HTTPS, instanceProtocol: HTTP, instancePort: 8080, certificate: {{arn: '{certificate}'}}, \
         sslPolicy: {{predefined: ELBSecurityPolicy-TLS-1-2-2017-01}}}}\n\
         - {{port: 9000, protocol: TCP, instancePort: 9000}}\n\
         backends: [{{instancePort: 9000, proxyProtocol: true}}]\n\
         healthCheck: {{target: 'HTTP:8080/health', intervalSeconds: 20, timeoutSeconds: 4, unhealthyThreshold: 5, \
         healthyThreshold: 3}}\n\
         attributes: {{crossZone: true, idleTimeoutSeconds: 120, connectionDraining: {{enabled: true, timeoutSeconds: 30}}}}\n\
         tags: {{team: web}}\ntargets: {{instanceIds: [{instance}]}}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rich_balancer_is_adopted_with_nothing_but_our_tags_and_left_as_it_was_found() -> Result<()> {
    for states_all in [false, true] {
        let mut test = Test::new().await?;
        let stack = test.stack;
        let ids = test.namespace.instances(stack.simulator(), &["us-east-1a"]).await?;
        let (name, certificate) = (format!("rich-{}", unique()), test.certificate().await?);
        rich(stack, &name, &certificate, &ids[0]).await?;
        tag(stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;
        let found = everything(stack, &name).await?;
        let mark = test.mark()?;
        let spec = if states_all {
            full(&name, &certificate, &ids[0])
        } else {
            short(&name, &certificate)
        };
        test.ready(&spec).await?;
        test.pass().await?;
        let calls = test.calls(mark).await?;
        assert_eq!(calls.writes().operations(), ["AddTags"], "{calls}");
        let keys: Vec<String> = calls
            .writes()
            .iter()
            .flat_map(|call| call.members("Tags.member."))
            .filter(|(member, _)| member.ends_with("Key"))
            .map(|(_, key)| key)
            .collect();
        assert!(keys.iter().all(|key| key.starts_with("classiclb.dev/")), "{keys:?}");
        assert_eq!(everything(stack, &name).await?, found);
        assert_eq!(test.tags().await?["classiclb.dev/origin"], "adopted");
        let object = test.get().await?;
        assert!(!object::text(&object, "/status/dnsName").is_empty());

        let mark = test.mark()?;
        test.namespace.delete_and_wait(Kind::CLB, "web").await?;
        let calls = stack.simulator().calls(mark)?.naming(&name);
        assert_eq!(calls.writes().operations(), ["RemoveTags"], "{calls}");
        assert_eq!(everything(stack, &name).await?, found);
        let left = tags(stack, &name).await;
        assert!(!left.keys().any(|key| key.starts_with("classiclb.dev/")), "{left:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refusal_gives_the_tag_to_set_and_setting_it_is_enough() -> Result<()> {
    let test = Test::new().await?;
    let name = format!("plain-{}", unique());
    plain(test.stack, &name).await?;
    let mark = test.mark()?;
    let spec = format!("loadBalancerName: {name}\n{MINIMAL}");
    test.apply(&spec).await?;
    let tag_text = format!("classiclb.dev/adopt-by={}", offer(&test));
    let message = test.until_reason("Accepted", "NotAdopted").await?;
    assert!(
        message.contains("spec.adopt: true") && message.contains(&tag_text),
        "{message}"
    );
    test.apply(&format!("{spec}\nadopt: true")).await?;
    let told = |object: &kube::api::DynamicObject| {
        object::condition(object, "Accepted").is_some_and(|accepted| {
            accepted.reason == "NotAdopted"
                && !accepted.message.contains("spec.adopt")
                && accepted.message.contains(&tag_text)
        })
    };
    test.namespace
        .until(Kind::CLB, "web", "the tag alone to be asked for", told)
        .await?;
    assert!(object::has(&test.get().await?, "Stalled", "True"));
    assert!(test.calls(mark).await?.writes().is_empty());

    tag(test.stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;
    let mark = test.mark()?;
    test.request().await?;
    test.namespace.until_ready("web").await?;
    let calls = test.calls(mark).await?;
    assert_eq!(
        calls.writes().operations(),
        ["AddTags"],
        "no health check, no attributes: {calls}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_of_the_other_scheme_is_not_adopted() -> Result<()> {
    let test = Test::new().await?;
    let name = format!("plain-{}", unique());
    plain(test.stack, &name).await?;
    tag(test.stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;
    let mark = test.mark()?;
    test.apply(&format!(
        "loadBalancerName: {name}\nscheme: internal\nadopt: true\n{MINIMAL}"
    ))
    .await?;
    let message = test.until_reason("Accepted", "Invalid").await?;
    assert!(message.contains("spec.scheme: internet-facing"), "{message}");
    assert!(test.calls(mark).await?.writes().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_restored_with_another_uid_takes_its_balancer_over_only_when_asked() -> Result<()> {
    let test = Test::new().await?;
    test.ready(MINIMAL).await?;
    let name = test.name().await?;
    tag(test.stack, &name, "classiclb.dev/uid", "before-the-restore").await?;
    let mark = test.mark()?;
    test.request().await?;
    let message = test.until_reason("Accepted", "Conflict").await?;
    assert!(
        message.contains("before-the-restore") && message.contains("spec.adopt: true"),
        "{message}"
    );
    assert!(test.calls(mark).await?.writes().is_empty());
    test.apply(&format!("{MINIMAL}\nadopt: true")).await?;
    test.namespace.until_ready("web").await?;
    let calls = test.calls(mark).await?;
    assert_eq!(calls.writes().operations(), ["AddTags"], "{calls}");
    let uid = test.get().await?.metadata.uid;
    assert_eq!(Some(test.tags().await?["classiclb.dev/uid"].clone()), uid);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_of_an_object_that_lives_is_not_taken_over() -> Result<()> {
    let (owner, other) = (Test::new().await?, Test::new().await?);
    let name = format!("shared-{}", unique());
    owner.ready(&format!("loadBalancerName: {name}\n{MINIMAL}")).await?;
    tag(owner.stack, &name, "classiclb.dev/adopt-by", &offer(&other)).await?;
    let mark = other.mark()?;
    other
        .apply(&format!("loadBalancerName: {name}\nadopt: true\n{MINIMAL}"))
        .await?;
    let message = other.until_reason("Accepted", "Conflict").await?;
    assert!(message.contains("deletionPolicy: Retain"), "{message}");
    assert!(other.calls(mark).await?.writes().is_empty());

    // The way out that the message names.
    let retain = serde_json::json!({"spec": {"deletionPolicy": "Retain"}});
    owner.namespace.patch(Kind::CLB, "web", retain).await?;
    owner.namespace.until_ready("web").await?;
    owner.namespace.delete_and_wait(Kind::CLB, "web").await?;
    tag(owner.stack, &name, "classiclb.dev/adopt-by", &offer(&other)).await?;
    other.request().await?;
    other.namespace.until_ready("web").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_tags_removed_by_hand_are_told_with_the_way_back() -> Result<()> {
    let test = Test::new().await?;
    test.ready(MINIMAL).await?;
    let name = test.name().await?;
    let mut members = vec![("LoadBalancerNames.member.1", name.as_str())];
    members.extend([
        ("Tags.member.1.Key", "classiclb.dev/cluster"),
        ("Tags.member.2.Key", "classiclb.dev/owner"),
        ("Tags.member.3.Key", "classiclb.dev/uid"),
    ]);
    elb(test.stack, "RemoveTags", &members).await?;
    test.request().await?;
    let message = test.until_reason("Accepted", "NotAdopted").await?;
    let way = format!("classiclb.dev/adopt-by={}", offer(&test));
    assert!(message.contains("were removed") && message.contains(&way), "{message}");
    tag(test.stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;
    test.apply(&format!("{MINIMAL}\nadopt: true")).await?;
    test.namespace.until_ready("web").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_objects_that_adopt_one_balancer_one_gets_it() -> Result<()> {
    let operator = OperatorOptions {
        args: vec!["--adoption=any".into()],
        ..OperatorOptions::default()
    };
    let stack = Stack::start(Options {
        operator,
        ..Options::default()
    })
    .await?;
    plain(&stack, "wanted").await?;
    let spec = manifest(&format!("loadBalancerName: wanted\nadopt: true\n{MINIMAL}"));
    let (first, second) = (stack.namespace().await?, stack.namespace().await?);
    let mark = stack.simulator().mark()?;
    let (one, two) = tokio::join!(first.apply(&spec), second.apply(&spec));
    one?;
    two?;
    let settled = |object: &kube::api::DynamicObject| {
        object::is_ready(object) || object::has_reason(object, "Accepted", "Conflict")
    };
    let one = first.until(Kind::CLB, "web", "it to be settled", settled).await?;
    let two = second.until(Kind::CLB, "web", "it to be settled", settled).await?;
    let owner = tags(&stack, "wanted").await["classiclb.dev/owner"].clone();
    let ready = [&one, &two].map(object::is_ready);
    let owns = [&first, &second].map(|namespace| owner == format!("{}/web", namespace.namespace()));
    assert_eq!(ready, owns, "{owner}");
    let calls = stack.simulator().calls(mark)?.writes();
    assert_eq!(calls.operations(), ["AddTags"], "{calls}");
    Ok(())
}
