//! A fleet of many kinds, taken over as a whole and given back.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancing::types::{HealthCheck, PolicyAttribute};
use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{Result, Stack};

use crate::Person;

const REGION: &str = "eu-west-2";
const CERTIFICATE: &str = "arn:aws:acm:eu-west-2:123456789012:certificate/00000000-0000-0000-0000-0000000000bb";

/// What they listen on.
fn listeners() -> Vec<Value> {
    let plain = |protocol: &str, port: u16, to: u16| json!({"protocol": protocol, "port": port, "instancePort": to});
    let secure = |protocol: &str, port: u16, inner: &str, to: u16| {
        json!({"protocol": protocol, "port": port, "instanceProtocol": inner, "instancePort": to,
            "certificate": CERTIFICATE})
    };
    vec![
        json!([plain("HTTP", 80, 8080)]),
        json!([plain("TCP", 9000, 9000)]),
        json!([plain("HTTP", 80, 8080), secure("HTTPS", 443, "HTTP", 8080)]),
        json!([secure("SSL", 993, "TCP", 143)]),
        json!([plain("HTTP", 80, 8080), plain("TCP", 22, 22)]),
        json!([secure("HTTPS", 443, "HTTPS", 8443)]),
    ]
}

/// Twelve load balancers: every set of listeners, internal in one zone, and public in two with tags and an instance.
async fn seed(stack: &Stack) -> Result<Vec<String>> {
    let mut balancers = Vec::new();
    for (kind, listeners) in listeners().into_iter().enumerate() {
        for (at, (scheme, zones)) in [("internal", 1), ("internet-facing", 2)].into_iter().enumerate() {
            let zones: Vec<String> = ["a", "b"]
                .iter()
                .take(zones)
                .map(|zone| format!("{REGION}{zone}"))
                .collect();
            let mut one = json!({"name": format!("Varied-{kind}-{at}"), "listeners": listeners,
                "availabilityZones": zones});
            if scheme == "internal" {
                one["scheme"] = json!(scheme);
            }
            if at == 1 {
                one["tags"] = json!({"team": "Shop Team", "on": "yes", "count": "1", "kubernetes.io/role": "x"});
                one["instances"] = json!(["i-0c11c11e"]);
            }
            balancers.push(one);
        }
    }
    let names = balancers
        .iter()
        .map(|one| one["name"].as_str().expect("a name").to_owned())
        .collect();
    let instances = json!([{"id": "i-0c11c11e", "availabilityZone": format!("{REGION}a")}]);
    let certificates = json!([{"arn": CERTIFICATE}]);
    let region = json!({"region": REGION, "instances": instances, "certificates": certificates,
        "loadBalancers": balancers});
    stack.simulator().seed(&json!({"regions": [region]})).await?;
    Ok(names)
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
        "wrote 12 manifests",
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
    let before = person.here(&[&import[..], &["-o", "json"]].concat()).ended(0).json();
    let specs = |list: &Value| -> BTreeMap<String, Value> {
        let items = list["items"].as_array().expect("a list").iter();
        items
            .map(|item| (item["spec"]["loadBalancerName"].to_string(), item["spec"].clone()))
            .collect()
    };
    let ran = person.here(&["adopt", "-f", to, "--cluster-id", "test"]).ended(0);
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
    let after = person.here(&[&import[..], &["-o", "json"]].concat()).ended(0).json();
    assert_eq!(specs(&after), specs(&before), "as it was found");
    Ok(())
}
