use std::collections::BTreeMap;

use super::*;
use crate::controller::memory::RefusedRebuild;
use crate::elb::{HealthCheck, Owner};
use crate::plan::desired::{self, Resolved, Wish};

const UNKNOWN: &str = "i-0dead0000000beef0";

fn declared() -> Declared {
    let spec = "
availabilityZones: [us-east-1a]
listeners: [{port: 80, protocol: HTTP, instancePort: 8080}]
";
    let spec = serde_saphyr::from_str(spec).expect("a spec");
    let owner = Owner {
        cluster: "test".into(),
        object: "default/web".into(),
        uid: "1".into(),
    };
    let wish = Wish {
        spec: &spec,
        name: "web",
        owner: &owner,
        applied: None,
        resolved: &Resolved::default(),
    };
    desired::declare(&wish).expect("valid").declared
}

fn error(operation: &'static str, code: &str) -> Error {
    Error::new(operation, Class::Refused, code, "no")
}

fn failure(step: Step, code: &str) -> Failure<Error> {
    Failure {
        track: Track::Instances,
        error: error(step.operation(), code),
        step,
        put_back: false,
    }
}

/// What is told of a reconcile in which AWS refused something, with the instance among those that the user named or
/// not.
fn messages(failures: Vec<Failure<Error>>, refusals: &Refusals, is_named: bool) -> Vec<(String, String)> {
    let outcome = Outcome {
        failures,
        ..Outcome::default()
    };
    let unknown = UNKNOWN.to_owned();
    let named = if is_named { [&unknown].into() } else { BTreeSet::new() };
    let (problems, _) = told(&outcome, refusals, &named, &Resolution::default(), &[]);
    let all = problems.iter().map(|problem| &problem.message);
    all.map(|message| (message.reason().to_owned(), message.text().to_owned()))
        .collect()
}

/// The problems, and what `status.errors` says.
fn told(
    outcome: &Outcome,
    refusals: &Refusals,
    named: &BTreeSet<&String>,
    resolution: &Resolution,
    missing: &[Problem],
) -> (Vec<Problem>, Vec<TrackError>) {
    let setting = Setting {
        refusals,
        resolution,
        missing,
        named,
        declared: &declared(),
        region: "us-east-1",
    };
    let health = Health::default();
    (outcome.problems(&setting), outcome.errors(&setting, &health))
}

#[test]
fn each_problem_is_an_error_of_its_track_with_field_and_remedy() {
    let mut denied = failure(Step::AddTags(BTreeMap::new()), "AccessDenied");
    denied.track = Track::Tags;
    let mut groups = failure(
        Step::ApplySecurityGroups(["sg-1".to_owned()].into()),
        "InvalidSecurityGroup",
    );
    groups.track = Track::SecurityGroups;
    groups.error.class = Class::MissingReference;
    let mut outcome = Outcome {
        failures: vec![denied, groups],
        held: Some(Held {
            waiting: 1,
            why: Why::Unread,
        }),
        ..Outcome::default()
    };
    outcome.met.unread(
        Track::Attributes,
        &error("DescribeLoadBalancerAttributes", "AccessDenied"),
    );
    let invalid = message::subnet_of_another_vpc("spec.subnets", "subnet-1", "vpc-1", "vpc-2");
    outcome.met.problems.push(Problem::invalid(Track::Placement, invalid));
    let mut refusals = Refusals::of_instances([UNKNOWN]);
    refusals.keep_missing_groups(["nope".to_owned()].into());
    let unknown = UNKNOWN.to_owned();
    let missing = [Problem::missing(
        Track::Listeners,
        message::no_service(80, "web", "default"),
    )];
    let resolution = Resolution {
        suspicion: Some(Problem::new(Track::Instances, Cause::Doubt, message::no_nodes())),
        ..Resolution::default()
    };
    let (problems, errors) = told(&outcome, &refusals, &[&unknown].into(), &resolution, &missing);
    let summary: Vec<_> = errors
        .iter()
        .map(|error| (error.track.as_str(), error.operation.as_str(), error.code.as_str()))
        .collect();
    assert_eq!(
        summary,
        [
            ("tags", "AddTags", "AccessDenied"),
            (
                "securityGroups",
                "ApplySecurityGroupsToLoadBalancer",
                "InvalidSecurityGroup"
            ),
            ("attributes", "DescribeLoadBalancerAttributes", "AccessDenied"),
            ("listeners", "", "ServiceNotFound"),
            ("autoScalingGroups", "", "AutoScalingGroupNotFound"),
            ("instances", "", "InstanceNotFound"),
            ("instances", "", "NodeViewSuspect"),
            ("instances", "", "Deregistering"),
            ("placement", "", "Invalid"),
        ]
    );
    assert_eq!(problems.len(), errors.len(), "as many as the condition counts");
    assert_eq!(
        errors[0].message, "no",
        "what AWS says stands beside its operation and code"
    );
    assert_eq!(
        errors[1].message,
        format!("no; spec.securityGroups: {}", message::correct_groups())
    );
    for (problem, error) in problems
        .iter()
        .zip(&errors)
        .filter(|(_, error)| error.operation.is_empty())
    {
        assert_eq!(error.message, problem.message.text());
    }
}

/// AWS's own answer to ids that are told in our words is kept, since a later reconcile goes by what was refused.
#[test]
fn a_refused_call_is_kept_where_its_problem_has_other_words() {
    let outcome = Outcome {
        failures: vec![failure(
            Step::RegisterInstances([UNKNOWN.to_owned()].into()),
            "InvalidInstance",
        )],
        ..Outcome::default()
    };
    let unknown = UNKNOWN.to_owned();
    let refusals = Refusals::of_instances([UNKNOWN]);
    let (problems, errors) = told(&outcome, &refusals, &[&unknown].into(), &Resolution::default(), &[]);
    assert_eq!(problems.len(), 1);
    let operations: Vec<_> = errors.iter().map(|error| error.operation.as_str()).collect();
    assert_eq!(operations, ["", "RegisterInstancesWithLoadBalancer"]);
}

#[test]
fn an_unknown_instance_is_told_in_our_words_and_once() {
    let refusals = Refusals::of_instances([UNKNOWN]);
    let refused = || failure(Step::RegisterInstances([UNKNOWN.to_owned()].into()), "InvalidInstance");
    let denied = || failure(Step::AddTags(BTreeMap::new()), "AccessDenied");

    let ours = messages(vec![refused()], &refusals, true);
    assert_eq!(ours.len(), 1, "{ours:?}");
    let (reason, text) = &ours[0];
    assert!(
        reason == "InstanceNotFound" && text.starts_with("spec.targets.instanceIds names") && text.ends_with(UNKNOWN),
        "{ours:?}"
    );
    assert_eq!(
        messages(Vec::new(), &refusals, true),
        ours,
        "as in a reconcile that does not try it again"
    );

    let both = messages(vec![denied(), refused()], &refusals, true);
    let reasons: Vec<&str> = both.iter().map(|(reason, _)| reason.as_str()).collect();
    assert_eq!(reasons, ["AccessDenied", "InstanceNotFound"]);

    let of_another_source = messages(vec![refused()], &refusals, false);
    assert!(
        of_another_source[0].1.contains(": InvalidInstance: "),
        "{of_another_source:?}"
    );
}

#[test]
fn an_id_whose_node_is_in_another_region_says_so() {
    let (here, there) = ("i-0dead0000000beef1".to_owned(), UNKNOWN.to_owned());
    let refusals = Refusals::of_instances([here.as_str(), there.as_str()]);
    let mut resolution = Resolution::default();
    for (id, zone) in [(&here, "us-east-1a"), (&there, "eu-west-1b")] {
        let member = resolution.resolved.members.entry(id.clone()).or_default();
        member.zone = Some(zone.to_owned());
    }
    let (problems, _) = told(
        &Outcome::default(),
        &refusals,
        &[&here, &there].into(),
        &resolution,
        &[],
    );
    let text = problems[0].message.text();
    assert!(
        text.ends_with(&format!(
            "{there} (in eu-west-1b, and the load balancer in us-east-1), {here}"
        )),
        "{text}"
    );
}

#[test]
fn a_refused_rebuild_is_told_with_a_legal_reason() {
    let refused = RefusedRebuild {
        listener: declared().listeners[&80].clone(),
        track: Track::Listeners,
        error: error("CreateLoadBalancerListeners", "Client.Odd-Code"),
    };
    let refusals = Refusals::of_rebuild(80, refused);
    let messages = messages(Vec::new(), &refusals, false);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0].0, "ClientOddCode");
    assert!(
        messages[0].1.starts_with("listener 80 was refused as declared"),
        "{messages:?}"
    );
    let (_, errors) = told(
        &Outcome::default(),
        &refusals,
        &BTreeSet::new(),
        &Resolution::default(),
        &[],
    );
    assert_eq!(errors[0].code, "Client.Odd-Code", "AWS's own code");
}

#[test]
fn what_aws_calls_wrong_is_told_with_its_field() {
    let ids = || ["x-1".to_owned()].into();
    let steps = [
        (
            Step::ConfigureHealthCheck(HealthCheck::of("TCP:80".into())),
            "spec.healthCheck",
        ),
        (
            Step::SetPolicies {
                port: 443,
                policies: ids(),
            },
            "spec.listeners[port=443]",
        ),
        (
            Step::SetBackendPolicies {
                port: 80,
                policies: ids(),
            },
            "spec.backends[instancePort=80]",
        ),
        (
            Step::ModifyAttribute(Attribute::AccessLog(None)),
            "spec.attributes.accessLog",
        ),
        (Step::EnableZones(ids()), "spec.availabilityZones"),
        (Step::AttachSubnets(ids()), "spec.subnets"),
        (Step::ApplySecurityGroups(ids()), "spec.securityGroups"),
        (Step::RegisterInstances(ids()), "spec.targets"),
        (
            Step::AttachAutoScalingGroup("web".into()),
            "spec.targets.autoScalingGroups",
        ),
        (Step::RemoveTags(ids()), "spec.tags"),
    ];
    for (step, field) in steps {
        let told = |class| {
            let mut failure = failure(step.clone(), "ValidationError");
            failure.error.class = class;
            of_failure(&failure, &declared()).message.text().to_owned()
        };
        assert!(
            told(Class::Invalid).starts_with(&format!("{field}: ")),
            "{}",
            told(Class::Invalid)
        );
        assert!(!told(Class::Throttled).contains(field), "{}", told(Class::Throttled));
    }
}
