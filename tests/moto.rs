//! A second opinion: the successful paths against moto 5.2.5, an AWS that others wrote. `make test-moto` starts it.
//!
//! Where moto is known to differ from AWS, the test asks for what moto does and says so:
//!
//! - a new balancer has no health check until one is configured;
//! - the protocol of instances is told as that of the listener, so both are the same here;
//! - deleting two ports in one call deletes neither, so ports go one by one;
//! - an instance that an Auto Scaling group registered stays when it is deregistered by hand;
//! - `RegisterInstances` registers an instance twice where it is sent twice;
//! - registered instances are in service at once, and a deregistered one does not drain;
//! - policies of an instance port are kept only for ports that the balancer was created with;
//! - a TLS policy is not expanded, and no listener gets AWS's default one.
#![allow(clippy::expect_used, clippy::panic)] // tests may

use std::collections::{BTreeMap, BTreeSet};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_elasticloadbalancing::types::{LoadBalancerAttributes, LoadBalancerDescription};
use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Namespace, OperatorOptions, Options, Result, Stack, object};

/// Clients of moto.
struct Moto {
    elb: aws_sdk_elasticloadbalancing::Client,
    ec2: aws_sdk_ec2::Client,
    autoscaling: aws_sdk_autoscaling::Client,
}

impl Moto {
    async fn at(endpoint: &str) -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
            .endpoint_url(endpoint)
            .load()
            .await;
        Self {
            elb: aws_sdk_elasticloadbalancing::Client::new(&config),
            ec2: aws_sdk_ec2::Client::new(&config),
            autoscaling: aws_sdk_autoscaling::Client::new(&config),
        }
    }

    async fn instances(&self, count: i32) -> Vec<String> {
        let request = self
            .ec2
            .run_instances()
            .image_id("ami-12c6146b")
            .min_count(count)
            .max_count(count);
        let reply = request.send().await.expect("instances");
        let ids = reply
            .instances()
            .iter()
            .filter_map(|instance| instance.instance_id.clone());
        ids.collect()
    }

    async fn find(&self, name: &str) -> Option<LoadBalancerDescription> {
        let reply = self
            .elb
            .describe_load_balancers()
            .load_balancer_names(name)
            .send()
            .await
            .ok()?;
        reply.load_balancer_descriptions.unwrap_or_default().into_iter().next()
    }

    async fn get(&self, name: &str) -> LoadBalancerDescription {
        self.find(name).await.expect("the balancer")
    }

    async fn attributes(&self, name: &str) -> LoadBalancerAttributes {
        let request = self.elb.describe_load_balancer_attributes().load_balancer_name(name);
        let reply = request.send().await.expect("attributes");
        reply.load_balancer_attributes.expect("attributes")
    }

    async fn tags(&self, name: &str) -> BTreeMap<String, String> {
        let reply = self
            .elb
            .describe_tags()
            .load_balancer_names(name)
            .send()
            .await
            .expect("tags");
        let tags = reply.tag_descriptions.unwrap_or_default().into_iter();
        let tags = tags.flat_map(|description| description.tags.unwrap_or_default());
        tags.map(|tag| (tag.key, tag.value.unwrap_or_default())).collect()
    }

    /// A group of one instance.
    async fn group(&self, name: &str) {
        let launch = self
            .autoscaling
            .create_launch_configuration()
            .launch_configuration_name(name);
        launch
            .image_id("ami-12c6146b")
            .instance_type("t3.micro")
            .send()
            .await
            .expect("a launch configuration");
        let group = self
            .autoscaling
            .create_auto_scaling_group()
            .auto_scaling_group_name(name);
        let group = group
            .launch_configuration_name(name)
            .min_size(0)
            .max_size(3)
            .desired_capacity(1);
        group.availability_zones("us-east-1b").send().await.expect("a group");
    }
}

fn ports(lb: &LoadBalancerDescription) -> BTreeMap<i32, i32> {
    let listeners = lb
        .listener_descriptions()
        .iter()
        .filter_map(|description| description.listener());
    listeners
        .map(|listener| (listener.load_balancer_port(), listener.instance_port()))
        .collect()
}

fn registered(lb: &LoadBalancerDescription) -> BTreeSet<String> {
    lb.instances()
        .iter()
        .filter_map(|instance| instance.instance_id.clone())
        .collect()
}

/// How many calls changed AWS so far, as the operator counts them.
async fn writes(stack: &Stack) -> Result<String> {
    let metrics = stack.operator().get("/metrics").await?.body;
    let lines = metrics
        .lines()
        .filter(|line| line.starts_with("clb_operator_plan_steps_total"));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

async fn change(namespace: &Namespace, spec: serde_json::Value) -> Result<()> {
    namespace.patch(Kind::CLB, "web", json!({"spec": spec})).await?;
    namespace.until_ready("web").await.map(drop)
}

fn zones(spec: &str, ids: &[String]) -> String {
    format!(
        "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {{name: web}}\nspec:\n  \
         loadBalancerName: web\n  availabilityZones: [us-east-1a, us-east-1b]\n  listeners:\n  - {{port: 80, protocol: HTTP, \
         instancePort: 8080}}\n  - {{port: 443, protocol: TCP, instancePort: 8443}}\n  healthCheck: {{target: \
         \"HTTP:8080/health\", intervalSeconds: 20, healthyThreshold: 3, unhealthyThreshold: 5}}\n  tags: {{team: web}}\n  \
         targets: {{instanceIds: [{}]}}\n{spec}",
        ids.join(", ")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_successful_paths() -> Result<()> {
    let endpoint = std::env::var("MOTO_ENDPOINT").expect("MOTO_ENDPOINT: run `make test-moto`");
    let moto = Moto::at(&endpoint).await;
    let operator = OperatorOptions {
        env: vec![("AWS_ENDPOINT_URL".into(), endpoint)],
        ..OperatorOptions::default()
    };
    let stack = Stack::start(Options {
        operator,
        ..Options::default()
    })
    .await?;
    let namespace = stack.namespace().await?;
    let ids = moto.instances(3).await;

    namespace
        .apply(&zones(
            "  attributes: {crossZone: true, idleTimeoutSeconds: 90}\n",
            &ids[..2],
        ))
        .await?;
    let ready = namespace.until_ready("web").await?;
    let lb = moto.get("web").await;
    assert_eq!(Some(object::text(&ready, "/status/dnsName")), lb.dns_name());
    assert_eq!(ports(&lb), [(80, 8080), (443, 8443)].into());
    assert_eq!(registered(&lb), ids[..2].iter().cloned().collect());
    let check = lb.health_check().expect("a health check");
    assert_eq!(
        (check.target(), check.interval(), check.healthy_threshold()),
        ("HTTP:8080/health", 20, 3)
    );
    let attributes = moto.attributes("web").await;
    assert!(
        attributes
            .cross_zone_load_balancing()
            .is_some_and(|cross_zone| cross_zone.enabled())
    );
    assert_eq!(attributes.connection_settings().expect("settings").idle_timeout(), 90);
    let tags = moto.tags("web").await;
    assert_eq!(tags.get("team").map(String::as_str), Some("web"));
    assert_eq!(tags.get("classiclb.dev/cluster").map(String::as_str), Some("test"));

    // A pass that nothing asked for.
    let before = writes(&stack).await?;
    let resource_version = namespace.get(Kind::CLB, "web").await?.metadata.resource_version;
    let annotated = namespace
        .annotate(Kind::CLB, "web", "classiclb.dev/requested-at", Some("now"))
        .await?;
    change(&namespace, json!({"recreatePolicy": "Never"})).await?;
    assert_ne!(annotated.metadata.resource_version, resource_version);
    assert_eq!(writes(&stack).await?, before, "nothing was to be done");

    change(&namespace, json!({"availabilityZones": ["us-east-1b", "us-east-1c"]})).await?;
    let zones: BTreeSet<String> = moto.get("web").await.availability_zones().iter().cloned().collect();
    assert_eq!(zones, ["us-east-1b".to_owned(), "us-east-1c".to_owned()].into());
    let listeners = json!([
        {"port": 80, "protocol": "HTTP", "instancePort": 8081, "stickiness": {"loadBalancerCookie": {"expirationSeconds": 60}}},
        {"port": 8443, "protocol": "TCP", "instancePort": 8443},
    ]);
    change(
        &namespace,
        json!({"listeners": listeners, "healthCheck": {"target": "TCP:8081"}}),
    )
    .await?;
    let lb = moto.get("web").await;
    assert_eq!(ports(&lb), [(80, 8081), (8443, 8443)].into());
    let policies = lb.policies().expect("policies").lb_cookie_stickiness_policies();
    assert_eq!(
        policies.first().and_then(|policy| policy.cookie_expiration_period()),
        Some(60)
    );
    assert_eq!(lb.health_check().expect("a health check").target(), "TCP:8081");

    change(
        &namespace,
        json!({"targets": {"instanceIds": [ids[1], ids[2]]}, "tags": {"team": "shop"}}),
    )
    .await?;
    assert_eq!(registered(&moto.get("web").await), ids[1..].iter().cloned().collect());
    assert_eq!(moto.tags("web").await.get("team").map(String::as_str), Some("shop"));
    change(&namespace, json!({"attributes": {"idleTimeoutSeconds": null}})).await?;
    assert_eq!(
        moto.attributes("web")
            .await
            .connection_settings()
            .expect("settings")
            .idle_timeout(),
        60
    );

    moto.group("group").await;
    change(
        &namespace,
        json!({"targets": {"autoScalingGroups": [{"name": "group"}]}}),
    )
    .await?;
    assert_eq!(
        registered(&moto.get("web").await).len(),
        3,
        "the group registers its own"
    );
    change(&namespace, json!({"targets": {"autoScalingGroups": null}})).await?;
    assert_eq!(
        registered(&moto.get("web").await),
        ids[1..].iter().cloned().collect(),
        "and takes it out again"
    );

    namespace.delete_and_wait(Kind::CLB, "web").await?;
    assert!(moto.find("web").await.is_none(), "deleted");
    in_subnets(&moto, &namespace).await
}

/// Subnets and security groups, changed in place.
async fn in_subnets(moto: &Moto, namespace: &Namespace) -> Result<()> {
    let reply = moto.ec2.describe_subnets().send().await.expect("subnets");
    let mut subnets: Vec<String> = reply
        .subnets()
        .iter()
        .filter_map(|subnet| subnet.subnet_id.clone())
        .collect();
    subnets.sort();
    let vpc = reply
        .subnets()
        .first()
        .and_then(|subnet| subnet.vpc_id.clone())
        .expect("a VPC");
    let mut groups = Vec::new();
    for name in ["one", "two"] {
        let request = moto
            .ec2
            .create_security_group()
            .group_name(name)
            .description(name)
            .vpc_id(&vpc);
        groups.push(request.send().await.expect("a group").group_id.expect("an id"));
    }
    let spec = |subnets: &[String], group: &str| {
        format!(
            "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {{name: inner}}\nspec:\n  scheme: \
             internal\n  subnets: [{}]\n  securityGroups: [{group}]\n  listeners: [{{port: 80, protocol: HTTP, instancePort: \
             80}}]\n",
            subnets.join(", ")
        )
    };
    namespace.apply(&spec(&subnets[..2], &groups[0])).await?;
    let ready = namespace.until_ready("inner").await?;
    let name = object::text(&ready, "/status/loadBalancerName").to_owned();
    namespace.apply(&spec(&subnets[1..3], &groups[1])).await?;
    namespace.until_ready("inner").await?;
    let lb = moto.get(&name).await;
    assert_eq!(
        lb.subnets().iter().cloned().collect::<BTreeSet<_>>(),
        subnets[1..3].iter().cloned().collect()
    );
    assert_eq!(lb.security_groups(), [groups[1].clone()]);
    assert_eq!(lb.scheme(), Some("internal"));
    namespace.delete_and_wait(Kind::CLB, "inner").await?;
    assert!(moto.find(&name).await.is_none());
    Ok(())
}
