//! States of all providers from 3 to 6, in every form that holds them.

mod several;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Known, known, parse, release};
use crate::elb::{Policy, Protocol, Stickiness, TlsPolicy};

/// A state of version 4 with these resources: type, name, index and attributes.
fn state(resources: &[(&str, &str, Value, Value)]) -> Value {
    let resources = resources.iter().map(|(kind, name, index, values)| {
        let mut instance = json!({"schema_version": 0, "attributes": values, "dependencies": ["aws_elb.web"]});
        if !index.is_null() {
            instance["index_key"] = index.clone();
        }
        json!({"mode": "managed", "type": kind, "name": name, "instances": [instance],
            "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]"})
    });
    json!({"version": 4, "terraform_version": "1.11.4", "resources": resources.collect::<Vec<_>>()})
}

fn read(state: &Value) -> (Vec<Known>, Vec<String>) {
    known(&parse(&state.to_string()).expect("a state"))
}

fn listener(port: u16, protocol: &str, certificate: &str) -> Value {
    json!({"lb_port": port, "lb_protocol": protocol, "instance_port": 8080, "instance_protocol": "http",
        "ssl_certificate_id": certificate})
}

fn web() -> Value {
    json!({
        "id": "web", "name": "web", "internal": true, "subnets": ["subnet-1"], "instances": ["i-1"],
        "dns_name": "internal-web-1.eu-west-1.elb.amazonaws.com",
        "listener": [listener(80, "http", ""), listener(443, "https", "arn")],
        "cross_zone_load_balancing": true, "connection_draining": true, "connection_draining_timeout": 30,
        "access_logs": [{"bucket": "logs", "bucket_prefix": "", "interval": 5, "enabled": false}],
        "tags": {"a": "own"}, "tags_all": {"a": "own", "b": "default"},
    })
}

#[test]
fn companions_are_put_together_with_their_load_balancer() {
    let custom = json!([{"name": "Protocol-TLSv1.2", "value": "true"}, {"name": "Protocol-TLSv1", "value": "false"},
        {"name": "AES128-SHA", "value": "true"}]);
    let expanded = json!([{"name": "Reference-Security-Policy", "value": "ELBSecurityPolicy-TLS-1-2-2017-01"},
        {"name": "Protocol-TLSv1.2", "value": "true"}]);
    let (all, told) = read(&state(&[
        ("aws_elb", "web", Value::Null, web()),
        (
            "aws_elb_attachment",
            "web",
            json!("x"),
            json!({"elb": "web", "instance": "i-2"}),
        ),
        (
            "aws_autoscaling_attachment",
            "old",
            Value::Null,
            json!({"autoscaling_group_name": "g", "elb": "web"}),
        ),
        (
            "aws_autoscaling_attachment",
            "alb",
            Value::Null,
            json!({"autoscaling_group_name": "h", "elb": "", "lb_target_group_arn": "arn"}),
        ),
        (
            "aws_lb_ssl_negotiation_policy",
            "tls",
            Value::Null,
            json!({"load_balancer": "web", "lb_port": 443, "name": "tls", "attribute": custom}),
        ),
        (
            "aws_lb_cookie_stickiness_policy",
            "c",
            Value::Null,
            json!({"load_balancer": "web", "lb_port": 80, "name": "c", "cookie_expiration_period": 0}),
        ),
        (
            "aws_proxy_protocol_policy",
            "p",
            Value::Null,
            json!({"load_balancer": "web", "instance_ports": ["8080"]}),
        ),
        (
            "aws_load_balancer_policy",
            "spare",
            Value::Null,
            json!({"load_balancer_name": "web", "policy_name": "spare",
            "policy_type_name": "SSLNegotiationPolicyType", "policy_attribute": expanded}),
        ),
        (
            "aws_elb_attachment",
            "other",
            Value::Null,
            json!({"elb": "elsewhere", "instance": "i-9"}),
        ),
        ("aws_route53_record", "www", Value::Null, json!({"name": "www"})),
    ]));
    assert_eq!(all.len(), 1);
    let Known {
        region,
        lb,
        companions,
        dependents,
        ..
    } = &all[0];
    assert_eq!(region.as_deref(), Some("eu-west-1"), "from the DNS name");
    assert_eq!(lb.instances, BTreeSet::from(["i-1".to_owned(), "i-2".to_owned()]));
    assert_eq!(
        lb.auto_scaling_groups,
        BTreeSet::from(["g".to_owned()]),
        "a target group is none of ours"
    );
    assert_eq!(lb.listeners[&443].policies, BTreeSet::from(["tls".to_owned()]));
    let on: BTreeSet<String> = ["Protocol-TLSv1.2".to_owned(), "AES128-SHA".to_owned()].into();
    assert_eq!(lb.policies["tls"], Policy::Tls(TlsPolicy::Custom(on)));
    assert_eq!(
        lb.policies["c"],
        Policy::Stickiness(Stickiness::LoadBalancerCookie(None))
    );
    let predefined = TlsPolicy::Predefined("ELBSecurityPolicy-TLS-1-2-2017-01".into());
    assert_eq!(lb.policies["spare"], Policy::Tls(predefined));
    assert!(lb.backends[&8080].contains("TFEnableProxyProtocol"));
    assert_eq!(lb.attributes.access_log, Some(None), "it is switched off");
    assert_eq!(lb.attributes.connection_draining, Some(Some(30)));
    assert_eq!(lb.tags.len(), 2, "those of the provider, too");
    assert_eq!(companions.len(), 6);
    assert_eq!(
        *dependents,
        BTreeSet::from([
            "aws_autoscaling_attachment.alb".to_owned(),
            "aws_route53_record.www".to_owned()
        ])
    );
    assert_eq!(told.len(), 1);
    assert!(
        told[0].contains("aws_elb_attachment.other: its load balancer elsewhere"),
        "{told:?}"
    );
}

#[test]
fn every_form_of_a_state_holds_the_same() {
    let expected = read(&state(&[("aws_elb", "web", Value::Null, web())])).0.remove(0).lb;
    let resource = json!({"address": "module.a[\"x\"].aws_elb.web[0]", "mode": "managed", "type": "aws_elb", "name": "web",
        "index": 0, "values": web()});
    let data =
        json!({"address": "data.aws_elb.web", "mode": "data", "type": "aws_elb", "name": "web", "values": web()});
    let values = json!({"root_module": {"resources": [data], "child_modules": [{"address": "module.a[\"x\"]",
        "resources": [resource]}]}});
    let shown = json!({"format_version": "1.0", "terraform_version": "1.5.0", "values": values});
    let planned = json!({"format_version": "1.2", "terraform_version": "1.5.0", "planned_values": {},
        "prior_state": {"values": values}});
    for state in [shown, planned] {
        let (mut all, _) = read(&state);
        assert_eq!(all.len(), 1, "data sources are not managed");
        let one = all.remove(0);
        assert_eq!(one.address, "module.a[\"x\"].aws_elb.web[0]");
        assert_eq!(one.lb, expected);
    }
    // As provider 2 and 3 left it, in a state that was only upgraded.
    let flat = json!({
        "id": "web", "name": "web", "internal": "true", "subnets.#": "1", "subnets.77": "subnet-1", "instances.#": "1",
        "instances.5": "i-1", "listener.#": "2", "listener.9.lb_port": "80", "listener.9.lb_protocol": "http",
        "listener.9.instance_port": "8080", "listener.9.instance_protocol": "http", "listener.9.ssl_certificate_id": "",
        "listener.10.lb_port": "443", "listener.10.lb_protocol": "HTTPS", "listener.10.instance_port": "8080",
        "listener.10.instance_protocol": "HTTP", "listener.10.ssl_certificate_id": "arn",
        "cross_zone_load_balancing": "true", "connection_draining": "true", "connection_draining_timeout": "30",
        "access_logs.#": "0", "tags.%": "2", "tags.a": "own", "tags.b": "default",
    });
    let old = json!({"version": 4, "terraform_version": "0.12.31", "resources": [{"mode": "managed", "type": "aws_elb",
        "name": "web", "provider": "provider.aws", "instances": [
            {"schema_version": 0, "attributes_flat": flat},
            {"schema_version": 0, "deposed": "0a1b", "attributes_flat": {"name": "gone"}}]}]});
    let (all, told) = read(&old);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].lb, expected);
    assert_eq!(all[0].lb.listeners[&443].protocol, Protocol::Https);
    assert!(told[0].contains("deposed"), "{told:?}");
}

#[test]
fn one_of_several_goes_by_a_command_and_all_of_them_by_a_block() {
    let of = |name: &str, index: Value| ("aws_elb", "web", index, json!({"name": name}));
    // Each instance of its own, as one resource with two instances.
    let mut both = state(&[of("a", json!("x")), of("b", json!("it's"))]);
    let second = both["resources"][1]["instances"][0].clone();
    both["resources"][0]["instances"]
        .as_array_mut()
        .expect("a list")
        .push(second);
    both["resources"].as_array_mut().expect("a list").truncate(1);
    let parsed = parse(&both.to_string()).expect("a state");
    let (all, _) = known(&parsed);
    let whole = release(&parsed, &all.iter().collect::<Vec<_>>());
    assert_eq!(whole.commands, Vec::<String>::new());
    assert_eq!(whole.blocks.matches("from = aws_elb.web\n").count(), 1, "{whole:?}");
    let one = release(&parsed, &[&all[1]]);
    assert_eq!(one.commands, [r#"terraform state rm 'aws_elb.web["it'\''s"]'"#]);
    assert!(one.blocks.is_empty());
    // OpenTofu has other `removed` blocks.
    let tofu = both
        .to_string()
        .replace("registry.terraform.io", "registry.opentofu.org");
    let parsed = parse(&tofu).expect("a state");
    let (all, _) = known(&parsed);
    assert_eq!(release(&parsed, &all.iter().collect::<Vec<_>>()).commands.len(), 2);
}

#[test]
fn what_a_state_does_not_tell_is_as_aws_has_it() {
    let values = json!({"name": "web", "listener": [listener(443, "https", "arn")]});
    let (all, _) = read(&state(&[("aws_elb", "web", Value::Null, values)]));
    let mut actual = all[0].lb.clone();
    actual.scheme = crate::elb::Scheme::Internal;
    actual.health_check.interval = 6;
    actual.subnets = BTreeSet::from(["subnet-1".to_owned()]);
    assert_eq!(all[0].over(&actual), actual);
    assert!(
        actual.listeners[&443].policies.is_empty(),
        "the provider does not read them"
    );
    assert_eq!(actual.attributes.access_log, None);
    let (all, _) = read(&state(&[
        ("aws_elb", "web", Value::Null, web()),
        (
            "aws_load_balancer_listener_policy",
            "tls",
            Value::Null,
            json!({"load_balancer_name": "web", "load_balancer_port": 443,
                "policy_names": ["ELBSecurityPolicy-2016-08"]}),
        ),
    ]));
    let lb = &all[0].lb;
    assert_eq!(
        lb.policies["ELBSecurityPolicy-2016-08"],
        Policy::Tls(TlsPolicy::default())
    );
}

#[test]
fn what_the_provider_never_reads_again_is_as_aws_has_it() {
    let old = json!([{"name": "Protocol-TLSv1", "value": "true"}]);
    let (all, _) = read(&state(&[
        ("aws_elb", "web", Value::Null, web()),
        (
            "aws_lb_ssl_negotiation_policy",
            "tls",
            Value::Null,
            json!({"load_balancer": "web", "lb_port": 443, "name": "tls", "attribute": old}),
        ),
        (
            "aws_lb_ssl_negotiation_policy",
            "gone",
            Value::Null,
            json!({"load_balancer": "web", "lb_port": 443, "name": "gone", "attribute": old}),
        ),
        (
            "aws_proxy_protocol_policy",
            "p",
            Value::Null,
            json!({"load_balancer": "web", "instance_ports": ["8080", "9000"]}),
        ),
    ]));
    let mut actual = all[0].lb.clone();
    let now = Policy::Tls(TlsPolicy::Predefined("ELBSecurityPolicy-TLS-1-2-2017-01".into()));
    actual.policies.insert("tls".to_owned(), now.clone());
    actual.policies.remove("gone");
    // One port has proxy protocol under another name, the other has another policy.
    actual.policies.insert("theirs".to_owned(), Policy::ProxyProtocol(true));
    let keys = Policy::BackendAuthentication(BTreeSet::from(["key".to_owned()]));
    actual.policies.insert("keys".to_owned(), keys);
    actual.backends = [(8080, "theirs"), (9000, "keys")]
        .map(|(port, name)| (port, BTreeSet::from([name.to_owned()])))
        .into();
    let over = all[0].over(&actual);
    assert_eq!(over.policies["tls"], now);
    assert_ne!(
        over.policies["gone"], now,
        "what AWS does not have is as the state knows it"
    );
    let ports: Vec<_> = over.backends.keys().copied().collect();
    assert_eq!(ports, [8080], "{:?}", over.backends);
}
