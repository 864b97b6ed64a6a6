//! Every operation against every constraint of the service model, read from the table that the simulator reads too but
//! taken apart here once more.

use std::collections::{BTreeMap, HashMap};

use crate::client::{Aws, everywhere};

const TABLE: &str = include_str!("../../src/model/elb.table");

type Shapes = HashMap<&'static str, Vec<&'static str>>;
type Form = BTreeMap<String, String>;

/// A member of a request, however deep: its name on the wire, its place in messages, its shape.
#[derive(Clone, Debug)]
struct Member {
    name: String,
    path: String,
    shape: &'static str,
    required: bool,
}

fn lines(kinds: &[&str]) -> impl Iterator<Item = Vec<&'static str>> {
    TABLE
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(move |words| kinds.contains(&words[0]))
}

fn shapes() -> Shapes {
    lines(&["structure", "list", "integer", "text", "boolean"])
        .map(|words| (words[1], words))
        .collect()
}

fn operations() -> Vec<(&'static str, &'static str)> {
    lines(&["operation"]).map(|words| (words[1], words[2])).collect()
}

fn lower_first(name: &str) -> String {
    name[..1].to_lowercase() + &name[1..]
}

fn walk(shapes: &Shapes, shape: &'static str, name: &str, path: &str, out: &mut Vec<Member>) {
    let words = &shapes[shape];
    match words[0] {
        "structure" => {
            for word in &words[2..] {
                let (member, shape) = word.split_once('=').unwrap();
                let (member, required) = (member.trim_end_matches('!'), member.ends_with('!'));
                let dot = if name.is_empty() { "" } else { "." };
                let at = Member {
                    name: format!("{name}{dot}{member}"),
                    path: format!("{path}{dot}{}", lower_first(member)),
                    shape,
                    required,
                };
                out.push(at.clone());
                walk(shapes, shape, &at.name, &at.path, out);
            }
        }
        "list" => {
            let (name, path) = (format!("{name}.member.1"), format!("{path}.1.member"));
            walk(shapes, words[2], &name, &path, out);
            if !["structure", "list"].contains(&shapes[words[2]][0]) {
                out.push(Member {
                    name,
                    path,
                    shape: words[2],
                    required: false,
                });
            }
        }
        _ => {}
    }
}

/// A value that breaks nothing by itself nor beside the others.
fn sample(operation: &str, shape: &str) -> &'static str {
    match shape {
        "AvailabilityZone" => "us-east-1a",
        "Protocol" => "HTTPS",
        "HealthCheckTarget" => "TCP:80",
        "HealthCheckInterval" => "30",
        "AccessLogInterval" => "5",
        "AdditionalAttributeKey" => "elb.http.desyncmitigationmode",
        "AdditionalAttributeValue" => "monitor",
        "InstanceId" => "i-4f8cf126",
        // What follows the mark is where the last page ended.
        "Marker" if operation == "DescribeAccountLimits" => "YWZ0ZXI6Y2xhc3NpYy1saXN0ZW5lcnM",
        "Marker" => "YWZ0ZXI6YQ",
        _ => "a",
    }
}

fn is_scalar(shapes: &Shapes, shape: &str) -> bool {
    !["structure", "list"].contains(&shapes[shape][0])
}

fn full_form(shapes: &Shapes, operation: &str, members: &[Member]) -> Form {
    let scalar = members.iter().filter(|member| is_scalar(shapes, member.shape));
    let mut form: Form = scalar
        .map(|member| {
            let value = match (shapes[member.shape][0], sample(operation, member.shape)) {
                ("integer", "a") => "9",
                ("boolean", _) => "true",
                (_, text) => text,
            };
            (member.name.clone(), value.to_owned())
        })
        .collect();
    if operation == "CreateLoadBalancer" {
        form.remove("Subnets.member.1");
    }
    form
}

/// The bounds of a shape and what they are bounds of.
fn bounds(shapes: &Shapes, shape: &str) -> Option<(&'static str, Option<i64>, Option<i64>)> {
    let words = &shapes[shape];
    let (of, at) = match words[0] {
        "integer" => ("value", 2),
        "text" => ("length", 2),
        "list" => ("length", 3),
        _ => return None,
    };
    let (min, max) = words.get(at)?.split_once("..")?;
    // The one place where the user guide is followed and not the model.
    let max = if shape == "IdleTimeout" { "4000" } else { max };
    Some((of, min.parse().ok(), max.parse().ok()))
}

fn without(form: &Form, name: &str) -> Form {
    let below = format!("{name}.");
    let kept = form.iter().filter(|(key, _)| *key != name && !key.starts_with(&below));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn with(form: &Form, name: &str, value: &str) -> Form {
    let mut form = without(form, name);
    form.insert(name.to_owned(), value.to_owned());
    form
}

/// The forms that break one member, each with a part of the message that it must be answered with.
fn broken(shapes: &Shapes, member: &Member, form: &Form) -> Vec<(Form, String)> {
    let at = |constraint: &str| format!("at '{}' failed to satisfy constraint: {constraint}", member.path);
    let mut cases = Vec::new();
    let parent = member.name.rsplit_once('.').map(|(parent, _)| format!("{parent}."));
    let less = without(form, &member.name);
    // Without its last member a structure is not sent at all.
    let parent_stays = parent.is_none_or(|parent| less.keys().any(|key| key.starts_with(&parent)));
    if member.required && parent_stays {
        cases.push((less, at("Member must not be null")));
    }
    let kind = shapes[member.shape][0];
    let of_length = |length: i64| match kind {
        "integer" => with(form, &member.name, &length.to_string()),
        "text" => with(form, &member.name, &"x".repeat(usize::try_from(length).unwrap())),
        _ if length == 0 => with(form, &member.name, ""),
        _ => (1..=length).fold(without(form, &member.name), |mut all, number| {
            for (key, value) in form {
                if let Some(rest) = key.strip_prefix(&format!("{}.member.1", member.name)) {
                    all.insert(format!("{}.member.{number}{rest}", member.name), value.clone());
                }
            }
            all
        }),
    };
    if let Some((of, min, max)) = bounds(shapes, member.shape) {
        if let Some(max) = max {
            let told = format!("Member must have {of} less than or equal to {max}");
            cases.push((of_length(max + 1), at(&told)));
        }
        if let Some(min) = min.filter(|min| *min > 0 || kind == "integer") {
            let told = format!("Member must have {of} greater than or equal to {min}");
            cases.push((of_length(min - 1), at(&told)));
        }
    }
    match kind {
        "integer" => cases.push((with(form, &member.name, "many"), at("Member must be an integer"))),
        "boolean" => cases.push((with(form, &member.name, "perhaps"), at("Member must be true or false"))),
        "text" if shapes[member.shape].len() > 3 => cases.push((
            with(form, &member.name, "a;b"),
            at("Member must satisfy regular expression pattern: "),
        )),
        _ => {}
    }
    cases
}

fn send(aws: &Aws, operation: &str, form: &Form) -> Result<(), crate::client::Refusal> {
    let parameters: Vec<_> = form.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    aws.elb(operation, &parameters).map(|_| ())
}

#[test]
fn each_constraint_of_each_operation_is_checked_and_counted() {
    everywhere(|| {
        let (aws, shapes) = (Aws::new(), shapes());
        let mut count = 0;
        for (operation, input) in operations() {
            let mut members = Vec::new();
            walk(&shapes, input, "", "", &mut members);
            let form = full_form(&shapes, operation, &members);
            if let Err(refusal) = send(&aws, operation, &form) {
                assert_ne!(refusal.code, "ValidationError", "{operation} {form:?}: {refusal:?}");
            }
            assert_eq!(aws.simulator.violations(), count, "{operation} {form:?}");
            let mut cases: Vec<_> = members
                .iter()
                .flat_map(|member| broken(&shapes, member, &form))
                .collect();
            cases.push((with(&form, "Unheard", "of"), "Unheard is not known".to_owned()));
            for (form, told) in cases {
                let refusal = send(&aws, operation, &form).unwrap_err();
                count += 1;
                assert_eq!(
                    (refusal.status, refusal.code.as_str()),
                    (400, "ValidationError"),
                    "{operation} {form:?}: {refusal:?}"
                );
                assert!(
                    refusal.message.contains(&told),
                    "{operation}: {refusal:?} and not {told}"
                );
                assert_eq!(aws.simulator.violations(), count, "{operation}: it is counted");
            }
        }
        assert!(count > 150, "{count} ways to break the model");
    });
}

#[test]
fn all_broken_constraints_are_told_at_once() {
    let aws = Aws::new();
    let health = [
        ("LoadBalancerName", "lb"),
        ("HealthCheck.Target", "TCP:80"),
        ("HealthCheck.Interval", "4"),
        ("HealthCheck.Timeout", "2"),
        ("HealthCheck.UnhealthyThreshold", "11"),
    ];
    let refusal = aws.elb("ConfigureHealthCheck", &health).unwrap_err();
    assert_eq!(
        refusal.message,
        "3 validation errors detected: \
         Value '4' at 'healthCheck.interval' failed to satisfy constraint: Member must have value greater than or equal to 5; \
         Value '11' at 'healthCheck.unhealthyThreshold' failed to satisfy constraint: Member must have value less than or equal to 10; \
         Value null at 'healthCheck.healthyThreshold' failed to satisfy constraint: Member must not be null"
    );
    let names: Vec<String> = (1..=21)
        .map(|number| format!("LoadBalancerNames.member.{number}"))
        .collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "lb")).collect();
    let refusal = aws.elb("DescribeTags", &many).unwrap_err();
    let listed = vec!["lb"; 21].join(", ");
    assert_eq!(
        refusal.message,
        format!(
            "1 validation error detected: Value '[{listed}]' at 'loadBalancerNames' failed to satisfy constraint: \
             Member must have length less than or equal to 20"
        )
    );
    assert_eq!(aws.simulator.violations(), 2);
}

/// An operation, its parameters, and a part of the message it must be refused with.
type Case = (&'static str, Vec<(&'static str, &'static str)>, &'static str);

#[test]
fn rules_between_members_are_checked_and_counted() {
    let aws = Aws::new();
    aws.create("lb");
    let lb = ("LoadBalancerName", "lb");
    let health = |interval, timeout| {
        [
            lb,
            ("HealthCheck.Target", "TCP:80"),
            ("HealthCheck.Interval", interval),
            ("HealthCheck.Timeout", timeout),
            ("HealthCheck.UnhealthyThreshold", "2"),
            ("HealthCheck.HealthyThreshold", "2"),
        ]
    };
    let listener = |protocol, certificate: Option<&'static str>| {
        let mut all = vec![
            lb,
            ("Listeners.member.1.Protocol", protocol),
            ("Listeners.member.1.LoadBalancerPort", "81"),
            ("Listeners.member.1.InstancePort", "81"),
        ];
        all.extend(certificate.map(|arn| ("Listeners.member.1.SSLCertificateId", arn)));
        all
    };
    let name = ("LoadBalancerNames.member.1", "lb");
    let cases: Vec<Case> = vec![
        (
            "ConfigureHealthCheck",
            health("30", "30").to_vec(),
            "must be less than interval",
        ),
        (
            "CreateLoadBalancerListeners",
            listener("HTTPS", None),
            "must specify SSLCertificateId",
        ),
        (
            "CreateLoadBalancerListeners",
            listener("tcp", Some("arn")),
            "is not allowed",
        ),
        (
            "CreateLoadBalancerListeners",
            vec![lb, ("Listeners", "")],
            "at least one",
        ),
        (
            "RegisterInstancesWithLoadBalancer",
            vec![lb, ("Instances", "")],
            "cannot be empty",
        ),
        (
            "DeregisterInstancesFromLoadBalancer",
            vec![lb, ("Instances", "")],
            "cannot be empty",
        ),
        (
            "AddTags",
            vec![name, ("LoadBalancerNames.member.2", "lb"), ("Tags.member.1.Key", "k")],
            "Exactly 1 LoadBalancerName",
        ),
        (
            "RemoveTags",
            vec![name, ("LoadBalancerNames.member.2", "lb"), ("Tags.member.1.Key", "k")],
            "Exactly 1 LoadBalancerName",
        ),
        ("AddTags", vec![name, ("Tags.member.1.Key", "AWS:k")], "reserved"),
        (
            "CreateLoadBalancer",
            [lb].into_iter().chain(crate::client::LISTENER_80).collect(),
            "Either AvailabilityZones or SubnetIds",
        ),
    ];
    for (number, (operation, parameters, told)) in (1..).zip(cases) {
        let refusal = aws.elb(operation, &parameters).unwrap_err();
        assert_eq!(refusal.code, "ValidationError", "{operation}: {refusal:?}");
        assert!(refusal.message.contains(told), "{operation}: {refusal:?}");
        assert_eq!(aws.simulator.violations(), number, "{operation}: {refusal:?}");
    }
    aws.elb("ConfigureHealthCheck", &health("30", "29")).unwrap();
}

#[test]
fn the_limits_of_an_account_come_in_pages() {
    let aws = Aws::new();
    let (mut names, mut marker) = (Vec::new(), String::new());
    for _ in 0..3 {
        let parameters = [("PageSize", "1"), ("Marker", marker.as_str())];
        let given = if marker.is_empty() {
            &parameters[..1]
        } else {
            &parameters
        };
        let page = aws.elb("DescribeAccountLimits", given).unwrap();
        names.push(page.one("Limits/member/Name"));
        marker = page.all("NextMarker").pop().unwrap_or_default();
    }
    assert_eq!(
        names,
        [
            "classic-load-balancers",
            "classic-listeners",
            "classic-registered-instances"
        ]
    );
    assert_eq!(marker, "");
}
