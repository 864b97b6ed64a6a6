use std::collections::BTreeMap;

use super::*;
use crate::api::Applied;
use crate::elb::Owner;
use crate::plan::desired::{self, Resolved};

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
    let (applied, resolved) = (Applied::default(), Resolved::default());
    let desired = desired::declare(&spec, "web", &owner, &applied, &resolved);
    desired.expect("valid").declared
}

fn error(operation: &'static str, code: &str) -> Error {
    Error {
        operation,
        class: Class::Refused,
        code: code.into(),
        message: "no".into(),
        request_id: None,
    }
}

fn failure(step: Step, code: &str) -> Failure {
    Failure {
        track: track::INSTANCES,
        error: error(step.operation(), code),
        step,
        put_back: false,
    }
}

/// What is told of a pass in which AWS refused something, with the instance among those that the user named or not.
fn messages(failures: Vec<Failure>, memory: &Memory, is_named: bool) -> Vec<(String, String)> {
    let work = Work {
        failures,
        ..Work::default()
    };
    let unknown = UNKNOWN.to_owned();
    let named = if is_named { [&unknown].into() } else { BTreeSet::new() };
    let problems = problems(&work, memory, &Resolution::default(), &[], &named, &declared());
    let all = problems.iter().map(|problem| &problem.message);
    all.map(|message| (message.reason().to_owned(), message.text().to_owned()))
        .collect()
}

#[test]
fn an_unknown_instance_is_told_in_our_words_and_once() {
    let memory = Memory {
        refused_instances: [UNKNOWN.to_owned()].into(),
        ..Memory::default()
    };
    let refused = || failure(Step::RegisterInstances([UNKNOWN.to_owned()].into()), "InvalidInstance");
    let denied = || failure(Step::AddTags(BTreeMap::new()), "AccessDenied");

    let ours = messages(vec![refused()], &memory, true);
    assert_eq!(ours.len(), 1, "{ours:?}");
    let (reason, text) = &ours[0];
    assert!(
        reason == "InstanceNotFound" && text.starts_with("targets.instanceIds names") && text.ends_with(UNKNOWN),
        "{ours:?}"
    );
    assert_eq!(
        messages(Vec::new(), &memory, true),
        ours,
        "as in a pass that does not try it again"
    );

    let both = messages(vec![denied(), refused()], &memory, true);
    let reasons: Vec<&str> = both.iter().map(|(reason, _)| reason.as_str()).collect();
    assert_eq!(reasons, ["AccessDenied", "InstanceNotFound"]);

    let of_another_source = messages(vec![refused()], &memory, false);
    assert!(
        of_another_source[0].1.contains(": InvalidInstance: "),
        "{of_another_source:?}"
    );
}

#[test]
fn a_refused_rebuild_is_told_with_a_legal_reason() {
    let listener = declared().listeners[&80].clone();
    let refused = RefusedRebuild {
        listener,
        track: track::LISTENERS,
        error: error("CreateLoadBalancerListeners", "Client.Odd-Code"),
    };
    let memory = Memory {
        refused_rebuilds: [(80, refused)].into(),
        ..Memory::default()
    };
    let messages = messages(Vec::new(), &memory, false);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0].0, "ClientOddCode");
    assert!(messages[0].1.starts_with("listener 80 was refused as declared"), "{messages:?}");
    let errors = Work::default().errors(&memory);
    assert_eq!(errors[0].code, "Client.Odd-Code", "AWS's own code");
}
