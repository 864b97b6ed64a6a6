//! What kstatus, the library that Flux judges by, says of load balancers, and that `docs/gitops.md` says the same.

use std::io::{Seek as _, Write as _};
use std::process::Command;

use classic_lb_operator::api::reason::{self, Progress};
use serde_json::{Value, json};

use crate::argocd;
use crate::helm::{built, document, read};

/// Status and message for each object.
fn judged(objects: &[Value]) -> Vec<(String, String)> {
    // A file, since two pipes can wait for each other.
    let mut input = tempfile::tempfile().unwrap();
    for object in objects {
        writeln!(input, "{object}").unwrap();
    }
    input.rewind().unwrap();
    let output = Command::new(built("kstatus")).stdin(input).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<_> = lines
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .map(|(status, message)| (status.to_owned(), message.to_owned()))
        .collect();
    assert_eq!(answers.len(), objects.len(), "{lines}");
    answers
}

/// A load balancer of generation 2 with conditions written as for Argo CD's check.
fn object(observed_generation: i64, conditions: &str) -> Value {
    let mut object = argocd::object(observed_generation, conditions);
    object["apiVersion"] = json!("classiclb.dev/v1alpha1");
    object["kind"] = json!("ClassicLoadBalancer");
    object["metadata"]["name"] = json!("web");
    object
}

fn deleted(mut object: Value) -> Value {
    object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    object
}

/// The rows of the page: the situation, what kstatus says, what a Kustomization does.
fn page() -> Vec<[String; 3]> {
    let text = read("docs/gitops.md");
    let section = text
        .split("\n## ")
        .find_map(|part| part.strip_prefix("Flux\n"))
        .unwrap();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").map(|cell| cell.replace('`', "")).collect::<Vec<_>>())
        .skip(1)
        .map(|cells| cells.try_into().unwrap())
        .collect()
}

/// How each row of the page begins, and objects in that situation: what kstatus says, and the conditions as
/// `src/controller/status/verdict.rs` states them.
const SITUATIONS: &str = "
    not seen
        InProgress  | unseen  | Ready=True/Ready Accepted=True/Accepted Programmed=True/Programmed
        InProgress  | unseen  | Ready=False/Invalid Accepted=False/Invalid Programmed=False/NotAccepted Stalled=True/Invalid
        InProgress  | unseen  | Ready=True/Suspended Accepted=True/Accepted Programmed=True/Programmed
    being worked on
        InProgress  |         | Ready=False/Creating Accepted=True/Accepted Programmed=False/Creating Reconciling=True/Creating
        InProgress  |         | Ready=False/Deregistering Accepted=True/Accepted Programmed=False/Deregistering Reconciling=True/Deregistering
        InProgress  |         | Ready=False/NodeViewSuspect Accepted=True/Accepted Programmed=False/NodeViewSuspect Reconciling=True/NodeViewSuspect
        InProgress  |         | Ready=False/Conflict Accepted=False/Conflict Programmed=False/NotAccepted Reconciling=True/Conflict
        InProgress  |         | Ready=False/SubnetNotFound Accepted=False/SubnetNotFound Programmed=False/NotAccepted Reconciling=True/SubnetNotFound
        InProgress  |         | Ready=False/InstanceNotFound Accepted=True/Accepted Programmed=False/InstanceNotFound Reconciling=True/InstanceNotFound
        InProgress  |         | Ready=False/AccessDenied Accepted=True/Accepted Programmed=False/AccessDenied Reconciling=True/AccessDenied
        InProgress  |         | Ready=False/Throttling Accepted=Unknown/Pending Programmed=False/Throttling Reconciling=True/Throttling
        InProgress  |         | Ready=False/Timeout Accepted=True/Accepted Programmed=False/Timeout Reconciling=True/Timeout
    Stalled
        Failed      |         | Ready=False/Invalid Accepted=False/Invalid Programmed=False/NotAccepted Stalled=True/Invalid
        Failed      |         | Ready=False/Conflict Accepted=False/Conflict Programmed=False/NotAccepted Stalled=True/Conflict
        Failed      |         | Ready=False/NotAdopted Accepted=False/NotAdopted Programmed=False/NotAccepted Stalled=True/NotAdopted
        Failed      |         | Ready=False/NothingToAdopt Accepted=False/NothingToAdopt Programmed=False/NotAccepted Stalled=True/NothingToAdopt
        Failed      |         | Ready=False/Lost Accepted=True/Accepted Programmed=False/Lost Stalled=True/Lost
        Failed      |         | Ready=False/AccountChanged Accepted=True/Accepted Programmed=False/AccountChanged Stalled=True/AccountChanged
        Failed      |         | Ready=False/TooManyLoadBalancers Accepted=True/Accepted Programmed=False/TooManyLoadBalancers Stalled=True/TooManyLoadBalancers
    something that it refers to
        Failed      |         | Ready=False/SubnetNotFound Accepted=False/SubnetNotFound Programmed=False/NotAccepted Stalled=True/SubnetNotFound
        Failed      |         | Ready=False/CertificateNotFound Accepted=True/Accepted Programmed=False/CertificateNotFound Stalled=True/CertificateNotFound
    Ready
        Current     |         | Ready=True/Ready Accepted=True/Accepted Programmed=True/Programmed TargetsHealthy=True/AllInService
        Current     |         | Ready=True/Ready Accepted=True/Accepted Programmed=True/Programmed TargetsHealthy=False/Unhealthy
        Current     |         | Ready=True/Ready Accepted=True/Accepted Programmed=True/Programmed TargetsHealthy=Unknown/Pending
    management
        Current     |         | Ready=True/Suspended Accepted=True/Accepted Programmed=True/Programmed
        Current     |         | Ready=True/Suspended Accepted=Unknown/Pending Programmed=Unknown/Pending TargetsHealthy=Unknown/Pending
        Current     |         | Ready=True/Observing Accepted=True/Accepted Programmed=True/Programmed
        Current     |         | Ready=True/Observing Accepted=True/Accepted Programmed=False/Differs
        Current     |         | Ready=True/Observing Accepted=False/NotAdopted Programmed=False/NotAccepted
    being deleted
        Terminating | deleted | Ready=True/Ready Accepted=True/Accepted Programmed=True/Programmed
        Terminating | deleted | Ready=False/Deleting Accepted=True/Accepted Programmed=False/Deleting Reconciling=True/Deleting
        Terminating | deleted | Ready=False/DeletionProtected Accepted=True/Accepted Programmed=True/Programmed
        Terminating | deleted | Ready=True/Suspended Accepted=True/Accepted Programmed=True/Programmed
";

#[test]
fn the_page_says_what_kstatus_says_in_every_situation() {
    let mut rows = page().into_iter();
    let mut row = [const { String::new() }; 3];
    let (mut objects, mut expected) = (Vec::new(), Vec::new());
    for line in SITUATIONS.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [status, mark, conditions] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            row = rows
                .next()
                .unwrap_or_else(|| panic!("the page has no row for `{line}`"));
            assert!(row[0].starts_with(line), "`{line}` was expected, the page has {row:?}");
            continue;
        };
        assert_eq!(row[1], status, "the page has {row:?}, but: {line}");
        objects.push(match mark {
            "unseen" => object(1, conditions),
            "deleted" => deleted(object(2, conditions)),
            _ => object(2, conditions),
        });
        expected.push((status, line));
    }
    assert_eq!(rows.next(), None, "a row of the page that nothing is held against");
    assert!(expected.len() > 30);
    for ((found, message), (status, line)) in judged(&objects).into_iter().zip(expected) {
        assert_eq!(found, status, "{line}");
        // The reasons are the messages here. What is the matter comes through, whatever else is said.
        if !line.contains("unseen") && ["InProgress", "Failed"].contains(&status) {
            let ready = line.split("Ready=False/").nth(1).unwrap();
            assert_eq!(ready.split_whitespace().next(), Some(message.as_str()), "{line}");
        }
    }
}

/// At `Current` Flux goes on, at `Failed` it gives up unless it was told not to; everything else it waits out.
#[test]
fn the_page_tells_what_follows_from_each_status() {
    for [situation, status, follows] in page() {
        let begins = match status.as_str() {
            "Current" => "goes on",
            "Failed" => "fails at once",
            _ => "waits",
        };
        assert!(follows.starts_with(begins), "{situation}: {status}, but: {follows}");
    }
}

/// With the reasons as the reference has them, so that a new one is tried as well.
#[test]
fn no_reason_says_something_else_to_kstatus_than_to_people() {
    let (mut objects, mut expected) = (Vec::new(), Vec::new());
    for entry in reason::all().filter(|entry| entry.stands.contains("`Ready=")) {
        let stands: String = entry
            .stands
            .split('`')
            .skip(1)
            .step_by(2)
            .fold(String::new(), |list, word| match word.split_once('=') {
                Some(_) => format!("{list}{word}/{} ", entry.reason),
                None => list,
            });
        let with = |condition: &str| object(2, &format!("{stands} {condition}=True/{}", entry.reason));
        let stalled = || ("Failed", with("Stalled"));
        let reconciling = || ("InProgress", with("Reconciling"));
        let cases = match entry.progress {
            Progress::Stalled => vec![stalled()],
            Progress::Reconciling => vec![reconciling()],
            Progress::Either | Progress::Awaited => vec![stalled(), reconciling()],
            Progress::Neither if stands.contains("Ready=True") => vec![("Current", object(2, &stands))],
            // Nothing else is not ready and says neither that it goes on nor that it does not.
            Progress::Neither => vec![("Terminating", deleted(object(2, &stands)))],
        };
        for (status, object) in cases {
            expected.push((entry.reason, status));
            objects.push(object);
        }
    }
    assert!(expected.len() > 25, "{expected:?}");
    let found = judged(&objects);
    let found: Vec<_> = expected
        .iter()
        .zip(&found)
        .map(|((reason, _), (status, _))| (*reason, status.as_str()))
        .collect();
    assert_eq!(found, expected);
}

/// Without a generation to compare, kstatus takes an object that nobody has looked at for done. So the definition gives
/// each new object a status.
#[test]
fn a_new_object_is_in_progress_before_the_operator_sees_it() {
    let definition = document(&read("crds/classicloadbalancers.yaml"));
    let default = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status/default");
    let mut new = object(0, "");
    new["metadata"]["generation"] = json!(1);
    new["status"] = default.unwrap().clone();
    let mut bare = new.clone();
    bare.as_object_mut().unwrap().remove("status");
    let found = judged(&[new, bare]);
    let statuses: Vec<_> = found.iter().map(|(status, _)| status.as_str()).collect();
    assert_eq!(statuses, ["InProgress", "Current"]);
}
