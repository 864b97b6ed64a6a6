//! What AWS has after a script: a shell reads the script, and each call of `aws` is applied here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::elb::{
    AccessLog, DEFAULT_TLS_POLICY, DesyncMitigationMode, HealthCheck, Listener, LoadBalancer, Policy, Protocol, Scheme,
    TlsPolicy,
};

/// In the place of the AWS CLI: the region that each of its versions would ask, its arguments, each before a NUL, and an empty line
/// after them.
const AWS: &str = r#"aws() { printf '%s\0' "$AWS_REGION" "$AWS_DEFAULT_REGION" "$@"; printf '\n\n\0'; }
"#;

/// The load balancer that the script makes of a new one.
pub(super) fn run(script: &str, region: &str, new: &LoadBalancer) -> LoadBalancer {
    let mut shell = Command::new("sh")
        .env("AWS_REGION", "elsewhere")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut input = shell.stdin.take().expect("a pipe");
    input.write_all(format!("{AWS}{script}").as_bytes()).expect("written");
    drop(input);
    let output = shell.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{script}");
    let said = String::from_utf8(output.stdout).expect("text");
    let mut lb = new.clone();
    for call in said.split_terminator("\n\n\0") {
        let words: Vec<&str> = call.split_terminator('\0').collect();
        let (regions, words) = words.split_at(2);
        assert_eq!(regions, [region, region], "{script}");
        apply(words, &mut lb);
    }
    lb
}

/// Flags with their values, as the CLI takes them.
fn flags<'a>(words: &[&'a str]) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut last = None;
    for word in words {
        if word.starts_with("--") {
            last = Some(*word);
            all.entry(word).or_default();
        } else if let Some(values) = last.and_then(|flag| all.get_mut(flag)) {
            values.push(word);
        }
    }
    all
}

fn apply(words: &[&str], lb: &mut LoadBalancer) {
    let [service, command, rest @ ..] = words else {
        panic!("{words:?}");
    };
    let given = flags(rest);
    let values = |flag: &str| given.get(flag).cloned().unwrap_or_default();
    let set = |flag: &str| {
        values(flag)
            .into_iter()
            .map(ToOwned::to_owned)
            .collect::<BTreeSet<String>>()
    };
    let one = |flag: &str| values(flag).first().map(|value| (*value).to_owned());
    let json = |flag: &str| one(flag).map_or(Value::Null, |text| serde_json::from_str(&text).expect("JSON"));
    if *service == "autoscaling" {
        assert_eq!(
            (*command, one("--load-balancer-names")),
            ("attach-load-balancers", Some(lb.name.clone()))
        );
        lb.auto_scaling_groups.extend(one("--auto-scaling-group-name"));
        return;
    }
    assert_eq!((*service, one("--load-balancer-name")), ("elb", Some(lb.name.clone())));
    // An empty list is written as one.
    let names = || {
        if one("--policy-names").as_deref() == Some("[]") {
            BTreeSet::new()
        } else {
            set("--policy-names")
        }
    };
    // The policies of a port, which have to be there.
    let assigned = |port: &str, lb: &LoadBalancer| {
        let names = names();
        assert!(
            names.iter().all(|name| lb.policies.contains_key(name)),
            "PolicyNotFound: {words:?}"
        );
        (one(port).and_then(|port| port.parse().ok()).expect("a port"), names)
    };
    if let Some(policy) = made(command, &given) {
        let name = one("--policy-name").expect("a name");
        assert!(
            lb.policies.insert(name, policy).is_none(),
            "DuplicatePolicyName: {words:?}"
        );
        return;
    }
    match *command {
        "create-load-balancer" => {
            lb.scheme = match one("--scheme").as_deref() {
                Some("internal") => Scheme::Internal,
                other => {
                    assert_eq!(other, None);
                    Scheme::InternetFacing
                }
            };
            lb.availability_zones = set("--availability-zones");
            lb.subnets = set("--subnets");
            lb.security_groups = set("--security-groups");
            for listener in json("--listeners").as_array().into_iter().flatten().map(listener) {
                if listener.protocol.is_secure() {
                    let default = Policy::Tls(TlsPolicy::default());
                    lb.policies.insert(DEFAULT_TLS_POLICY.to_owned(), default);
                }
                lb.listeners.insert(listener.port, listener);
            }
            for tag in json("--tags").as_array().into_iter().flatten() {
                lb.tags.insert(text(&tag["Key"]), text(&tag["Value"]));
            }
        }
        "configure-health-check" => lb.health_check = health_check(&json("--health-check")),
        "modify-load-balancer-attributes" => attributes(&json("--load-balancer-attributes"), lb),
        "set-load-balancer-policies-of-listener" => {
            let (port, names) = assigned("--load-balancer-port", lb);
            lb.listeners.get_mut(&port).expect("ListenerNotFound").policies = names;
        }
        "set-load-balancer-policies-for-backend-server" => {
            let (port, names) = assigned("--instance-port", lb);
            lb.backends.insert(port, names);
        }
        "register-instances-with-load-balancer" => {
            let ids = json("--instances");
            lb.instances = ids
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| text(&one["InstanceId"]))
                .collect();
        }
        other => panic!("{other} is not known here"),
    }
}

/// The policy that a call makes.
fn made(command: &str, given: &BTreeMap<&str, Vec<&str>>) -> Option<Policy> {
    let one = |flag: &str| Some((*given.get(flag)?.first()?).to_owned());
    Some(match command {
        "create-app-cookie-stickiness-policy" => {
            let cookie = ("CookieName".to_owned(), one("--cookie-name").expect("a name"));
            Policy::read("AppCookieStickinessPolicyType", &[cookie])
        }
        "create-lb-cookie-stickiness-policy" => {
            let seconds =
                one("--cookie-expiration-period").map(|seconds| ("CookieExpirationPeriod".to_owned(), seconds));
            Policy::read("LBCookieStickinessPolicyType", seconds.as_slice())
        }
        "create-load-balancer-policy" => {
            let attributes: Value =
                serde_json::from_str(&one("--policy-attributes").expect("attributes")).expect("JSON");
            let attributes = attributes.as_array().into_iter().flatten();
            let attributes: Vec<_> = attributes
                .map(|one| (text(&one["AttributeName"]), text(&one["AttributeValue"])))
                .collect();
            Policy::read(&one("--policy-type-name").expect("a type"), &attributes)
        }
        _ => return None,
    })
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn int<T: TryFrom<i64>>(value: &Value) -> T {
    value
        .as_i64()
        .and_then(|number| T::try_from(number).ok())
        .expect("a number")
}

fn listener(value: &Value) -> Listener {
    let protocol = |member: &str| text(&value[member]).parse::<Protocol>().expect("a protocol");
    Listener {
        port: int(&value["LoadBalancerPort"]),
        protocol: protocol("Protocol"),
        instance_port: int(&value["InstancePort"]),
        instance_protocol: protocol("InstanceProtocol"),
        certificate: value["SSLCertificateId"].as_str().map(ToOwned::to_owned),
        policies: protocol("Protocol").policies_at_creation(),
    }
}

fn health_check(value: &Value) -> HealthCheck {
    HealthCheck {
        target: text(&value["Target"]),
        interval: int(&value["Interval"]),
        timeout: int(&value["Timeout"]),
        unhealthy_threshold: int(&value["UnhealthyThreshold"]),
        healthy_threshold: int(&value["HealthyThreshold"]),
    }
}

fn attributes(all: &Value, lb: &mut LoadBalancer) {
    lb.attributes.cross_zone = all["CrossZoneLoadBalancing"]["Enabled"].as_bool();
    lb.attributes.idle_timeout = Some(int(&all["ConnectionSettings"]["IdleTimeout"]));
    if let draining @ Value::Object(_) = &all["ConnectionDraining"] {
        assert_eq!(draining["Enabled"], json!(true));
        lb.attributes.connection_draining = Some(Some(int(&draining["Timeout"])));
    }
    if let log @ Value::Object(_) = &all["AccessLog"] {
        assert_eq!(log["Enabled"], json!(true));
        lb.attributes.access_log = Some(Some(AccessLog {
            bucket: text(&log["S3BucketName"]),
            prefix: text(&log["S3BucketPrefix"]),
            emit_interval: int(&log["EmitInterval"]),
        }));
    }
    for one in all["AdditionalAttributes"].as_array().into_iter().flatten() {
        assert_eq!(one["Key"], "elb.http.desyncmitigationmode");
        lb.attributes.desync_mitigation_mode = DesyncMitigationMode::read(&text(&one["Value"]));
    }
}
