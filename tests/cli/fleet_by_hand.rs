//! Load balancers as people made them before there was an operator.

use std::collections::BTreeMap;

use serde_json::json;
use testkit::{Result, Stack};

/// A call about a load balancer.
pub(crate) async fn call(stack: &Stack, name: &str, action: &str, members: &[(&str, &str)]) -> Result<String> {
    let own = if matches!(action, "AddTags" | "DescribeTags" | "DescribeLoadBalancers") {
        ("LoadBalancerNames.member.1", name)
    } else {
        ("LoadBalancerName", name)
    };
    let members = [&[own], members].concat();
    stack
        .simulator()
        .query("elasticloadbalancing", "2012-06-01", action, &members)
        .await
}

pub(crate) async fn tag(stack: &Stack, name: &str, key: &str, value: &str) -> Result<()> {
    let members = [("Tags.member.1.Key", key), ("Tags.member.1.Value", value)];
    call(stack, name, "AddTags", &members).await.map(drop)
}

pub(crate) async fn tags(stack: &Stack, name: &str) -> Result<BTreeMap<String, String>> {
    let reply = stack
        .simulator()
        .elb()
        .describe_tags()
        .load_balancer_names(name)
        .send()
        .await
        .expect("its tags");
    let tags = reply
        .tag_descriptions()
        .iter()
        .flat_map(aws_sdk_elasticloadbalancing::types::TagDescription::tags);
    Ok(tags
        .map(|tag| (tag.key().to_owned(), tag.value().unwrap_or_default().to_owned()))
        .collect())
}

/// What a rich one refers to.
pub(crate) struct Rich {
    pub(crate) certificate: String,
    pub(crate) instance: String,
    pub(crate) subnets: Vec<String>,
    pub(crate) security_groups: Vec<String>,
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

/// One with something of everything.
pub(crate) async fn rich(stack: &Stack, name: &str) -> Result<Rich> {
    let digits: String = name
        .bytes()
        .rev()
        .take(8)
        .map(|byte| char::from_digit(u32::from(byte % 16), 16).unwrap_or('0'))
        .collect();
    let instance = format!("i-000000000{digits}");
    let certificate = format!("arn:aws:acm:us-east-1:123456789012:certificate/{digits}-0000-0000-0000-000000000000");
    let seed = json!({"regions": [{
        "instances": [{"id": instance, "availabilityZone": "us-east-1a"}],
        "certificates": [{"arn": certificate, "domainName": format!("{}.example.com", name.to_ascii_lowercase())}],
    }]});
    stack.simulator().seed(&seed).await?;
    let zones = [
        ("AvailabilityZones.member.1", "us-east-1a"),
        ("AvailabilityZones.member.2", "us-east-1b"),
    ];
    call(
        stack,
        name,
        "CreateLoadBalancer",
        &[&listener(["HTTP", "80", "8080"])[..], &zones].concat(),
    )
    .await?;
    let secure = [
        ("Listeners.member.1.InstanceProtocol", "HTTP"),
        ("Listeners.member.1.SSLCertificateId", &*certificate),
    ];
    let https = [&listener(["HTTPS", "443", "8080"])[..], &secure].concat();
    call(stack, name, "CreateLoadBalancerListeners", &https).await?;
    call(
        stack,
        name,
        "CreateLoadBalancerListeners",
        &listener(["TCP", "9000", "9000"]),
    )
    .await?;
    tag(stack, name, "team", "web").await?;
    let cookie = [("PolicyName", "their-cookie"), ("CookieName", "session")];
    call(stack, name, "CreateAppCookieStickinessPolicy", &cookie).await?;
    let spare = [("PolicyName", "their-spare"), ("CookieName", "other")];
    call(stack, name, "CreateAppCookieStickinessPolicy", &spare).await?;
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
        call(stack, name, "CreateLoadBalancerPolicy", &members).await?;
    }
    for (port, policy) in [("80", "their-cookie"), ("443", "their-tls")] {
        let set = [("LoadBalancerPort", port), ("PolicyNames.member.1", policy)];
        call(stack, name, "SetLoadBalancerPoliciesOfListener", &set).await?;
    }
    let set = [("InstancePort", "9000"), ("PolicyNames.member.1", "their-proxy")];
    call(stack, name, "SetLoadBalancerPoliciesForBackendServer", &set).await?;
    let check = [
        ("HealthCheck.Target", "HTTP:8080/health"),
        ("HealthCheck.Interval", "20"),
        ("HealthCheck.Timeout", "4"),
        ("HealthCheck.UnhealthyThreshold", "5"),
        ("HealthCheck.HealthyThreshold", "3"),
    ];
    call(stack, name, "ConfigureHealthCheck", &check).await?;
    let attributes = [
        ("LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled", "true"),
        ("LoadBalancerAttributes.ConnectionSettings.IdleTimeout", "120"),
        ("LoadBalancerAttributes.ConnectionDraining.Enabled", "true"),
        ("LoadBalancerAttributes.ConnectionDraining.Timeout", "30"),
    ];
    call(stack, name, "ModifyLoadBalancerAttributes", &attributes).await?;
    call(
        stack,
        name,
        "RegisterInstancesWithLoadBalancer",
        &[("Instances.member.1.InstanceId", &instance)],
    )
    .await?;
    let reply = stack
        .simulator()
        .elb()
        .describe_load_balancers()
        .load_balancer_names(name)
        .send()
        .await;
    let reply = reply.expect("it is there");
    let lb = &reply.load_balancer_descriptions()[0];
    Ok(Rich {
        certificate,
        instance,
        subnets: lb.subnets().to_vec(),
        security_groups: lb.security_groups().to_vec(),
    })
}
