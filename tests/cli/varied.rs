//! A fleet of many kinds, taken over as a whole and given back.

use std::collections::BTreeMap;
use std::path::Path;

use aws_sdk_elasticloadbalancing::types::{
    AdditionalAttribute, ConnectionDraining, ConnectionSettings, CrossZoneLoadBalancing, HealthCheck,
    LoadBalancerAttributes, PolicyAttribute,
};
use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{Result, Stack};

use crate::Person;

const REGION: &str = "eu-west-2";
const CERTIFICATE: &str = "arn:aws:acm:eu-west-2:123456789012:certificate/00000000-0000-0000-0000-0000000000bb";

const SECOND_CERTIFICATE: &str = "arn:aws:iam::123456789012:server-certificate/varied";

/// What they listen on.
fn listeners() -> Vec<Value> {
    let plain = |protocol: &str, port: u16, to: u16| json!({"protocol": protocol, "port": port, "instancePort": to});
    let with = |certificate: &str, protocol: &str, port: u16, inner: &str, to: u16| {
        json!({"protocol": protocol, "port": port, "instanceProtocol": inner, "instancePort": to,
            "certificate": certificate})
    };
    let secure = |protocol: &str, port: u16, inner: &str, to: u16| with(CERTIFICATE, protocol, port, inner, to);
    let ports = |from: u16| {
        (from..from + 12)
            .map(|port| plain("TCP", port, port))
            .collect::<Vec<_>>()
    };
    vec![
        json!([plain("HTTP", 80, 8080)]),
        json!([plain("TCP", 9000, 9000)]),
        json!([plain("HTTP", 80, 8080), secure("HTTPS", 443, "HTTP", 8080)]),
        json!([secure("SSL", 993, "TCP", 143)]),
        json!([plain("HTTP", 80, 8080), plain("TCP", 22, 22)]),
        json!([secure("HTTPS", 443, "HTTPS", 8443)]),
        json!([
            with(SECOND_CERTIFICATE, "HTTPS", 443, "HTTP", 80),
            secure("HTTPS", 8443, "HTTP", 80)
        ]),
        json!([secure("SSL", 443, "SSL", 8443), plain("TCP", 80, 8081)]),
        json!([plain("HTTP", 80, 30080), plain("HTTP", 8080, 30080)]),
        json!(ports(20_000)),
    ]
}

/// Ways to be made: internal in one zone; public in two with tags and an instance; in subnets of a network with security
/// groups; and with attributes and a check of its own.
const WAYS: usize = 4;

fn one(kind: usize, way: usize, listeners: &Value) -> Value {
    let mut one = json!({"name": format!("Varied-{kind}-{way}"), "listeners": listeners});
    let zone = |letter: char| format!("{REGION}{letter}");
    match way {
        0 => {
            one["scheme"] = json!("internal");
            one["availabilityZones"] = json!([zone('a')]);
        }
        1 => {
            one["availabilityZones"] = json!([zone('a'), zone('b')]);
            one["tags"] = json!({"team": "Shop Team", "on": "yes", "count": "1", "kubernetes.io/role": "x"});
            one["instances"] = json!(["i-0c11c11e"]);
        }
        2 => {
            one["subnets"] = json!(["subnet-0fa11e0a", "subnet-0fa11e0b"]);
            one["securityGroups"] = json!(["sg-0fa11e01", "sg-0fa11e02"]);
            one["instances"] = json!(["i-0c11c11f"]);
            one["tags"] = json!({"empty": ""});
        }
        _ => one["availabilityZones"] = json!([zone('b'), zone('c')]),
    }
    one
}

/// Forty load balancers: every set of listeners in every way.
async fn seed(stack: &Stack) -> Result<Vec<String>> {
    let mut balancers = Vec::new();
    for (kind, listeners) in listeners().iter().enumerate() {
        balancers.extend((0..WAYS).map(|way| one(kind, way, listeners)));
    }
    let names: Vec<String> = balancers
        .iter()
        .map(|one| one["name"].as_str().expect("a name").to_owned())
        .collect();
    let subnet = |letter: char, third: u8| {
        json!({"id": format!("subnet-0fa11e0{letter}"), "vpcId": "vpc-0fa11e01",
            "availabilityZone": format!("{REGION}{letter}"), "cidrBlock": format!("10.77.{third}.0/24")})
    };
    let region = json!({
        "region": REGION,
        "vpcs": [{"id": "vpc-0fa11e01", "cidrBlock": "10.77.0.0/16", "internetGateway": true}],
        "subnets": [subnet('a', 1), subnet('b', 2)],
        "securityGroups": [{"id": "sg-0fa11e01", "name": "front", "vpcId": "vpc-0fa11e01"},
            {"id": "sg-0fa11e02", "name": "office", "vpcId": "vpc-0fa11e01"}],
        "instances": [{"id": "i-0c11c11e", "availabilityZone": format!("{REGION}a")},
            {"id": "i-0c11c11f", "subnetId": "subnet-0fa11e0a"}],
        "certificates": [{"arn": CERTIFICATE}],
        "serverCertificates": [{"name": "varied"}],
        "loadBalancers": balancers,
    });
    stack.simulator().seed(&json!({"regions": [region]})).await?;
    for kind in 0..listeners().len() {
        attributes(stack, &format!("Varied-{kind}-3"), kind).await;
    }
    Ok(names)
}

/// Attributes and a check, other ones for each.
async fn attributes(stack: &Stack, name: &str, kind: usize) {
    let elb = stack.simulator().elb_in(REGION);
    let seconds = i32::try_from(kind).expect("a small number") * 100 + 30;
    let draining = ConnectionDraining::builder()
        .enabled(!kind.is_multiple_of(3))
        .timeout(seconds);
    let mode = ["monitor", "defensive", "strictest"][kind % 3];
    let mode = AdditionalAttribute::builder()
        .key("elb.http.desyncmitigationmode")
        .value(mode)
        .build();
    let attributes = LoadBalancerAttributes::builder()
        .cross_zone_load_balancing(
            CrossZoneLoadBalancing::builder()
                .enabled(kind.is_multiple_of(2))
                .build(),
        )
        .connection_settings(
            ConnectionSettings::builder()
                .idle_timeout(seconds)
                .build()
                .expect("built"),
        )
        .connection_draining(draining.build())
        .additional_attributes(mode);
    let request = elb.modify_load_balancer_attributes().load_balancer_name(name);
    let request = request.load_balancer_attributes(attributes.build());
    request.send().await.expect("modified");
    let target = ["TCP:80", "HTTP:8080/", "HTTPS:8443/health?deep=1", "SSL:443"][kind % 4];
    let check = HealthCheck::builder()
        .target(target)
        .interval(10 + seconds / 10)
        .timeout(4);
    let check = check.unhealthy_threshold(3).healthy_threshold(5).build();
    let request = elb.configure_health_check().load_balancer_name(name);
    request
        .health_check(check.expect("a check"))
        .send()
        .await
        .expect("configured");
}

/// What no creation carries: policies by hand, checks and a custom choice of ciphers.
async fn by_hand(stack: &Stack) {
    let elb = stack.simulator().elb_in(REGION);
    let check = HealthCheck::builder().target("HTTP:8080/x?y=z").interval(7).timeout(3);
    let check = check
        .unhealthy_threshold(4)
        .healthy_threshold(10)
        .build()
        .expect("a check");
    let request = elb.configure_health_check().load_balancer_name("Varied-0-1");
    request.health_check(check).send().await.expect("configured");
    let request = elb
        .create_lb_cookie_stickiness_policy()
        .load_balancer_name("Varied-0-0");
    request.policy_name("sticky").send().await.expect("made");
    let request = elb
        .set_load_balancer_policies_of_listener()
        .load_balancer_name("Varied-0-0");
    request
        .load_balancer_port(80)
        .policy_names("sticky")
        .send()
        .await
        .expect("set");
    let on = |name: &str| {
        PolicyAttribute::builder()
            .attribute_name(name)
            .attribute_value("true")
            .build()
    };
    for name in ["Varied-2-0", "Varied-5-1"] {
        let request = elb
            .create_load_balancer_policy()
            .load_balancer_name(name)
            .policy_name("own-tls");
        let request = request.policy_type_name("SSLNegotiationPolicyType");
        let request = request
            .policy_attributes(on("Protocol-TLSv1.2"))
            .policy_attributes(on("AES128-SHA"));
        request
            .policy_attributes(on("Server-Defined-Cipher-Order"))
            .send()
            .await
            .expect("made");
        let request = elb.set_load_balancer_policies_of_listener().load_balancer_name(name);
        request
            .load_balancer_port(443)
            .policy_names("own-tls")
            .send()
            .await
            .expect("set");
    }
    let request = elb
        .create_load_balancer_policy()
        .load_balancer_name("Varied-1-1")
        .policy_name("proxy");
    let proxy = PolicyAttribute::builder()
        .attribute_name("ProxyProtocol")
        .attribute_value("true")
        .build();
    let request = request
        .policy_type_name("ProxyProtocolPolicyType")
        .policy_attributes(proxy);
    request.send().await.expect("made");
    let request = elb
        .set_load_balancer_policies_for_backend_server()
        .load_balancer_name("Varied-1-1");
    request
        .instance_port(9000)
        .policy_names("proxy")
        .send()
        .await
        .expect("set");
    // A secure listener without any policy can be had, and no manifest can say so.
    let request = elb
        .set_load_balancer_policies_of_listener()
        .load_balancer_name("Varied-3-1");
    request
        .load_balancer_port(993)
        .set_policy_names(Some(Vec::new()))
        .send()
        .await
        .expect("set");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_varied_fleet_is_taken_over_with_no_write_but_tags_and_given_back_as_it_was() -> Result<()> {
    let person = Person::new().await?;
    let names = seed(person.stack).await?;
    by_hand(person.stack).await;
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().to_str().expect("text");
    let import = ["import", "--all", "--region", REGION, "--cluster-id", "test"];
    let mark = person.stack.simulator().mark()?;
    let ran = person.here(&[&import[..], &["--output-dir", to]].concat()).ended(0);
    ran.complains(&[
        "wrote 40 manifests",
        "Varied-3-1: listener 993 has no TLS policy",
        "Varied-0-1: tags of other tools are left to them: kubernetes.io/role",
    ]);
    let writes = || -> Result<_> {
        Ok(person
            .stack
            .simulator()
            .calls(mark)?
            .elb()
            .writes()
            .only(|call| call.region == REGION))
    };
    assert!(writes()?.is_empty());
    // To import is the dearest of it: AWS allows few calls, and the command keeps to that.
    let before = written(folder.path());
    assert_eq!(before.len(), names.len());
    let ran = person
        .here(&["adopt", "-f", to, "--cluster-id", "test", "--parallel", "20"])
        .ended(0);
    assert_eq!(
        ran.out.lines().filter(|line| line.ends_with("is adopted")).count(),
        names.len(),
        "{ran:#?}"
    );
    let made = writes()?;
    assert!(made.iter().all(|call| call.operation == "AddTags"), "{made}");
    // They are somebody's now.
    let again = person.here(&import).ended(0);
    assert!(again.out.is_empty(), "{again:#?}");
    again.complains(&["is left out: it is the ClassicLoadBalancer"]);
    for name in &names {
        person.namespace.delete(Kind::CLB, &name.to_ascii_lowercase()).await?;
    }
    for name in &names {
        person
            .namespace
            .until_gone(Kind::CLB, &name.to_ascii_lowercase())
            .await?;
    }
    let made = writes()?;
    assert!(
        made.iter()
            .all(|call| ["AddTags", "RemoveTags"].contains(&call.operation.as_str())),
        "{made}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().to_str().expect("text");
    person.here(&[&import[..], &["--output-dir", to]].concat()).ended(0);
    assert_eq!(written(folder.path()), before, "as it was found");
    Ok(())
}

/// What the manifests in a folder declare, by load balancer.
fn written(folder: &Path) -> BTreeMap<String, Value> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let manifests = entries.filter_map(|entry| {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("read");
        let manifest: Value = serde_saphyr::from_str(&text).expect("YAML");
        let name = manifest["spec"]["loadBalancerName"].as_str()?.to_owned();
        Some((name, manifest["spec"].clone()))
    });
    manifests.collect()
}
