//! Balancers made by other hands are taken over when that is asked for and permitted, and left as they were found.

use std::collections::BTreeMap;

use serde_json::json;
use testkit::{LoadBalancer, Policies, Result, Stack};

use crate::network::Vpc;
use crate::setup::{minimal, with_args};
use crate::{Test, by_hand, describe, tags, unique};

pub(crate) async fn tag(stack: &Stack, name: &str, key: &str, value: &str) -> Result<()> {
    let members = [("Tags.member.1.Key", key), ("Tags.member.1.Value", value)];
    by_hand(stack, name, "AddTags", &members).await.map(drop)
}

/// The members of a listener.
fn listener(members: [&str; 3]) -> [(&'static str, &str); 3] {
    let names = [
        "Listeners.member.1.Protocol",
        "Listeners.member.1.LoadBalancerPort",
        "Listeners.member.1.InstancePort",
    ];
    [0, 1, 2].map(|at| (names[at], members[at]))
}

/// A plain balancer made by other hands, with one listener.
pub(crate) async fn plain_with(stack: &Stack, name: &str, listening: [&str; 3]) -> Result<()> {
    let zones = [
        ("AvailabilityZones.member.1", "us-east-1a"),
        ("AvailabilityZones.member.2", "us-east-1b"),
    ];
    let members = [&listener(listening)[..], &zones].concat();
    by_hand(stack, name, "CreateLoadBalancer", &members).await.map(drop)
}

/// A plain balancer made by other hands.
pub(crate) async fn plain(stack: &Stack, name: &str) -> Result<()> {
    plain_with(stack, name, ["HTTP", "80", "8080"]).await
}

/// A balancer with something of everything, made by other hands.
async fn rich(stack: &Stack, name: &str, certificate: &str, instance: &str) -> Result<()> {
    plain(stack, name).await?;
    let call = async |action: &str, members: &[(&str, &str)]| by_hand(stack, name, action, members).await;
    let secure = [
        ("Listeners.member.1.InstanceProtocol", "HTTP"),
        ("Listeners.member.1.SSLCertificateId", certificate),
    ];
    let https = [&listener(["HTTPS", "443", "8080"])[..], &secure].concat();
    call("CreateLoadBalancerListeners", &https).await?;
    call("CreateLoadBalancerListeners", &listener(["TCP", "9000", "9000"])).await?;
    tag(stack, name, "team", "web").await?;
    let cookie = [("PolicyName", "their-cookie"), ("CookieName", "session")];
    call("CreateAppCookieStickinessPolicy", &cookie).await?;
    let tls = ["Reference-Security-Policy", "ELBSecurityPolicy-TLS-1-2-2017-01"];
    for (policy, kind, [attribute, value]) in [
        ("their-tls", "SSLNegotiationPolicyType", tls),
        ("their-proxy", "ProxyProtocolPolicyType", ["ProxyProtocol", "true"]),
    ] {
        let members = [
            ("PolicyName", policy),
            ("PolicyTypeName", kind),
            ("PolicyAttributes.member.1.AttributeName", attribute),
            ("PolicyAttributes.member.1.AttributeValue", value),
        ];
        call("CreateLoadBalancerPolicy", &members).await?;
    }
    for (port, policy) in [("80", "their-cookie"), ("443", "their-tls")] {
        let set = [("LoadBalancerPort", port), ("PolicyNames.member.1", policy)];
        call("SetLoadBalancerPoliciesOfListener", &set).await?;
    }
    let set = [("InstancePort", "9000"), ("PolicyNames.member.1", "their-proxy")];
    call("SetLoadBalancerPoliciesForBackendServer", &set).await?;
    let check = [
        ("HealthCheck.Target", "HTTP:8080/health"),
        ("HealthCheck.Interval", "20"),
        ("HealthCheck.Timeout", "4"),
        ("HealthCheck.UnhealthyThreshold", "5"),
        ("HealthCheck.HealthyThreshold", "3"),
    ];
    call("ConfigureHealthCheck", &check).await?;
    let attributes = [
        ("LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled", "true"),
        ("LoadBalancerAttributes.ConnectionSettings.IdleTimeout", "120"),
        ("LoadBalancerAttributes.ConnectionDraining.Enabled", "true"),
        ("LoadBalancerAttributes.ConnectionDraining.Timeout", "30"),
    ];
    call("ModifyLoadBalancerAttributes", &attributes).await?;
    let register = [("Instances.member.1.InstanceId", instance)];
    call("RegisterInstancesWithLoadBalancer", &register).await.map(drop)
}

/// Everything that AWS knows of a balancer, but for the operator's own tags.
pub(crate) async fn everything(stack: &Stack, name: &str) -> Result<(String, BTreeMap<String, String>)> {
    let mut tags = tags(stack, name).await;
    tags.retain(|key, _| !key.starts_with("classiclb.dev/"));
    let mut all = format!("{:?}", describe(stack, name).await.expect("the load balancer"));
    for action in ["DescribeLoadBalancerAttributes", "DescribeLoadBalancerPolicies"] {
        let reply = by_hand(stack, name, action, &[]).await?;
        // The request id is another each time.
        all.push_str(reply.split("<ResponseMetadata>").next().unwrap_or_default());
    }
    Ok((all, tags))
}

/// The tag that offers a balancer to the test's object.
pub(crate) fn offer(test: &Test) -> String {
    format!("test/{}/web", test.namespace.namespace())
}

/// What can never be put on this load balancer is told before anything is written to it.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_told_before_it_is_taken_over() -> Result<()> {
    let test = Test::new().await?;
    let name = format!("found-{}", unique());
    plain(&test.stack, &name).await?;
    tag(&test.stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;
    let vpc = Vpc::new(test.simulator()).await?;
    let subnet = vpc.subnet("us-east-1a").await?;
    let listener = "{port: 80, protocol: HTTP, instancePort: 8080}";
    let secure = "{port: 443, protocol: HTTPS, instanceProtocol: HTTP, instancePort: 8080, certificate: {arn: \
                  'arn:aws:acm:eu-west-1:123456789012:certificate/elsewhere'}}";
    for (lines, words) in [
        (
            format!("subnets: [{subnet}]\nlisteners: [{listener}]"),
            ["spec.subnets", vpc.id.as_str()],
        ),
        (
            format!("availabilityZones: [us-east-1a, us-east-1b]\nlisteners: [{listener}, {secure}]"),
            ["spec.listeners[port=443].certificate", "eu-west-1"],
        ),
    ] {
        let mark = test.mark()?;
        test.apply(&format!("loadBalancerName: {name}\nadopt: true\n{lines}"))
            .await?;
        let message = test.until_reason("Accepted", "Invalid").await?;
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
        let writes = test.simulator().calls(mark)?.of_operator().writes();
        assert!(writes.naming(&name).is_empty(), "{writes}");
        test.delete().await?;
    }
    Ok(())
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
        let test = Test::web().instances(1).start().await?;
        let (name, certificate) = (format!("rich-{}", unique()), test.certificate().await?);
        rich(&test.stack, &name, &certificate, &test.ids[0]).await?;
        tag(&test.stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;
        let found = everything(&test.stack, &name).await?;
        let mark = test.mark()?;
        let spec = if states_all {
            full(&name, &certificate, &test.ids[0])
        } else {
            short(&name, &certificate)
        };
        test.ready(&spec).await?;
        test.pass().await?;
        let calls = test.writes(mark).await?;
        assert_eq!(calls.operations(), ["AddTags"], "{calls}");
        let members = calls.iter().flat_map(|call| call.members("Tags.member."));
        let mut keys = members.filter(|(member, _)| member.ends_with("Key"));
        assert!(keys.all(|(_, key)| key.starts_with("classiclb.dev/")), "{calls}");
        assert_eq!(everything(&test.stack, &name).await?, found);
        assert_eq!(test.tags().await?["classiclb.dev/origin"], "adopted");
        assert!(!test.get().await?.text("/dnsName").is_empty());

        let mark = test.mark()?;
        test.delete().await?;
        let calls = test.simulator().calls(mark)?.naming(&name).writes();
        assert_eq!(calls.operations(), ["RemoveTags"], "{calls}");
        assert_eq!(everything(&test.stack, &name).await?, found);
        let left = tags(&test.stack, &name).await;
        assert!(!left.keys().any(|key| key.starts_with("classiclb.dev/")), "{left:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refusal_gives_the_tag_to_set_and_setting_it_is_enough() -> Result<()> {
    let test = Test::new().await?;
    let name = format!("plain-{}", unique());
    plain(&test.stack, &name).await?;
    let mark = test.mark()?;
    let spec = minimal(&format!("loadBalancerName: {name}"));
    test.apply(&spec).await?;
    let tag_text = format!("classiclb.dev/adopt-by={}", offer(&test));
    let message = test.until_reason("Accepted", "NotAdopted").await?;
    assert!(
        message.contains("spec.adopt: true") && message.contains(&tag_text),
        "{message}"
    );
    test.apply(&format!("{spec}\nadopt: true")).await?;
    let told = test.until("the tag alone to be asked for", |web| {
        let message = web.message("Accepted");
        web.says("Accepted", "NotAdopted") && !message.contains("spec.adopt") && message.contains(&tag_text)
    });
    assert!(told.await?.has("Stalled", "True"));
    test.nothing_written(mark, "refused").await?;

    tag(&test.stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;
    let mark = test.mark()?;
    test.request().await?;
    test.until_ready().await?;
    let calls = test.writes(mark).await?;
    assert_eq!(
        calls.operations(),
        ["AddTags"],
        "no health check, no attributes: {calls}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_of_the_other_scheme_is_not_adopted() -> Result<()> {
    let test = Test::new().await?;
    let name = format!("plain-{}", unique());
    plain(&test.stack, &name).await?;
    tag(&test.stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;
    let mark = test.mark()?;
    let lines = format!("loadBalancerName: {name}\nscheme: internal\nadopt: true");
    test.apply(&minimal(&lines)).await?;
    let message = test.until_reason("Accepted", "Invalid").await?;
    assert!(message.contains("spec.scheme: internet-facing"), "{message}");
    test.nothing_written(mark, "refused").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_restored_with_another_uid_takes_its_balancer_over_only_when_asked() -> Result<()> {
    let test = Test::web().ready().await?;
    let name = test.name().await?;
    tag(&test.stack, &name, "classiclb.dev/uid", "before-the-restore").await?;
    let mark = test.mark()?;
    test.request().await?;
    let message = test.until_reason("Accepted", "Conflict").await?;
    assert!(
        message.contains("before-the-restore") && message.contains("spec.adopt: true"),
        "{message}"
    );
    test.nothing_written(mark, "refused").await?;
    let ready = test.ready(&minimal("adopt: true")).await?;
    let calls = test.writes(mark).await?;
    assert_eq!(calls.operations(), ["AddTags"], "{calls}");
    let tags = test.tags().await?;
    assert_eq!(Some(&tags["classiclb.dev/uid"]), ready.metadata.uid.as_ref());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_of_an_object_that_lives_is_not_taken_over() -> Result<()> {
    let (owner, other) = (Test::new().await?, Test::new().await?);
    let name = format!("shared-{}", unique());
    owner.ready(&minimal(&format!("loadBalancerName: {name}"))).await?;
    tag(&owner.stack, &name, "classiclb.dev/adopt-by", &offer(&other)).await?;
    let mark = other.mark()?;
    let spec = minimal(&format!("loadBalancerName: {name}\nadopt: true"));
    other.apply(&spec).await?;
    let message = other.until_reason("Accepted", "Conflict").await?;
    assert!(message.contains("deletionPolicy: Retain"), "{message}");
    other.nothing_written(mark, "refused").await?;

    // The way out that the message names.
    owner.change(json!({"deletionPolicy": "Retain"})).await?;
    owner.delete().await?;
    tag(&owner.stack, &name, "classiclb.dev/adopt-by", &offer(&other)).await?;
    other.request().await?;
    other.until_ready().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_tags_removed_by_hand_are_told_with_the_way_back() -> Result<()> {
    let test = Test::web().ready().await?;
    let keys = [
        ("Tags.member.1.Key", "classiclb.dev/cluster"),
        ("Tags.member.2.Key", "classiclb.dev/owner"),
        ("Tags.member.3.Key", "classiclb.dev/uid"),
    ];
    test.by_hand("RemoveTags", &keys).await?;
    test.request().await?;
    let message = test.until_reason("Accepted", "NotAdopted").await?;
    let way = format!("classiclb.dev/adopt-by={}", offer(&test));
    assert!(message.contains("were removed") && message.contains(&way), "{message}");
    tag(
        &test.stack,
        &test.name().await?,
        "classiclb.dev/adopt-by",
        &offer(&test),
    )
    .await?;
    test.ready(&minimal("adopt: true")).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_objects_that_adopt_one_balancer_one_gets_it() -> Result<()> {
    let mut options = with_args(&["--adoption=any"]);
    options.policies = Policies::default().and("deploy/iam/adopt-any.json");
    let first = Test::web().on(options).start().await?;
    let second = first.stack.namespace().await?;
    plain(&first.stack, "wanted").await?;
    let spec = minimal("loadBalancerName: wanted\nadopt: true");
    let mark = first.mark()?;
    let object = crate::manifest(&spec);
    let (one, two) = tokio::join!(first.apply(&spec), second.apply(&object));
    one?;
    two?;
    let settled = |web: &LoadBalancer| web.is_ready() || web.says("Accepted", "Conflict");
    let one = first.until("it to be settled", settled).await?;
    let settled = |object: &kube::api::DynamicObject| settled(&object.clone().into());
    let two = second
        .until(testkit::Kind::CLB, "web", "it to be settled", settled)
        .await?;
    let owner = tags(&first.stack, "wanted").await["classiclb.dev/owner"].clone();
    let ready = [one.is_ready(), testkit::object::is_ready(&two)];
    let owns = [&first.namespace, &second].map(|namespace| owner == format!("{}/web", namespace.namespace()));
    assert_eq!(ready, owns, "{owner}");
    let calls = first.simulator().calls(mark)?.writes();
    assert_eq!(calls.operations(), ["AddTags"], "{calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_name_makes_nothing_and_is_told_what_may_be_meant() -> Result<()> {
    let test = Test::new().await?;
    let name = format!("legacy-{}", crate::unique());
    plain_with(&test.stack, &name, ["HTTP", "80", "8080"]).await?;
    let mark = test.mark()?;
    let misspelt = name.replace("legacy", "legcy");
    test.apply(&minimal(&format!("loadBalancerName: {misspelt}\nadopt: true")))
        .await?;
    let message = test.until_reason("Accepted", "NothingToAdopt").await?;
    assert!(message.contains(&name) && message.contains("none is made"), "{message}");
    let told = test.get().await?;
    assert!(told.has("Stalled", "True") && told.status("/dnsName").is_null());
    let calls = test.simulator().calls(mark)?.naming(&misspelt).writes();
    assert!(calls.is_empty(), "{calls}");
    test.delete().await
}

/// In a VPC that is not the default one there are subnets alone: nothing is written before that is told.
#[tokio::test(flavor = "multi_thread")]
async fn zones_for_a_load_balancer_of_another_vpc_are_refused_before_it_is_taken_over() -> Result<()> {
    let test = Test::new().await?;
    let vpc = Vpc::new(test.simulator()).await?;
    let subnet = vpc.subnet("us-east-1a").await?;
    vpc.publish(&[&subnet]).await?;
    let name = format!("elsewhere-{}", unique());
    let members = [
        &listener(["HTTP", "80", "8080"])[..],
        &[("Subnets.member.1", subnet.as_str())],
    ]
    .concat();
    by_hand(&test.stack, &name, "CreateLoadBalancer", &members).await?;
    tag(&test.stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;
    let mark = test.mark()?;
    test.apply(&minimal(&format!("loadBalancerName: {name}\nadopt: true")))
        .await?;
    let message = test.until_reason("Accepted", "Invalid").await?;
    for words in ["spec.availabilityZones", "spec.subnets", "us-east-1a", vpc.id.as_str()] {
        assert!(message.contains(words), "{words}: {message}");
    }
    let calls = test.simulator().calls(mark)?.naming(&name).writes();
    assert!(calls.is_empty(), "{calls}");

    // The zones that it is in are fine, and others are told of without a call that AWS refuses.
    let adopt = format!("loadBalancerName: {name}\nadopt: true\ndeletionPolicy: Retain");
    let in_zone = minimal(&adopt).replace("[us-east-1a, us-east-1b]", "[us-east-1a]");
    test.ready(&in_zone).await?;
    test.patch(json!({"availabilityZones": ["us-east-1a", "us-east-1b"]}))
        .await?;
    test.until_reason("Ready", "Invalid").await?;
    let calls = test.simulator().calls(mark)?.naming(&name);
    assert!(calls.of("EnableAvailabilityZonesForLoadBalancer").is_empty(), "{calls}");
    test.delete().await
}

/// Deleted while AWS does not show our tags yet: they are waited for, and not left behind as somebody's.
#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_whose_tags_are_shown_late_is_given_back_whole() -> Result<()> {
    // Faults are for all that share a simulator.
    let test = Test::web().on(with_args(&[])).start().await?;
    let name = format!("late-{}", crate::unique());
    plain_with(&test.stack, &name, ["HTTP", "80", "8080"]).await?;
    tag(&test.stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;
    let matching = json!({"operation": "DescribeTags", "loadBalancer": name});
    test.simulator()
        .fault(&json!({"match": matching, "do": {"staleRead": {"millis": 15_000}}}))
        .await?;
    // What was set before is old enough to be shown.
    let mark = test.mark()?;
    test.apply(&minimal(&format!("loadBalancerName: {name}\nadopt: true")))
        .await?;
    test.simulator()
        .until_calls(mark, "the adoption", |calls| {
            calls.naming(&name).of("AddTags").successful().len() == 1
        })
        .await?;
    test.delete().await?;
    test.simulator().clear_faults().await?;
    let left = crate::tags(&test.stack, &name).await;
    assert!(!left.contains_key("classiclb.dev/cluster"), "{left:?}");
    let calls = test.simulator().calls(mark)?.naming(&name).writes();
    assert_eq!(calls.operations(), ["AddTags", "RemoveTags"], "{calls}");
    Ok(())
}
