//! The health check for Argo CD, run as Argo CD runs it: the object in the global `obj`, Lua 5.1.

use std::collections::BTreeSet;

use kube::api::{Patch, PatchParams, ValidationDirective};
use mlua::{Lua, LuaSerdeExt as _, Table};
use serde_json::{Value, json};
use testkit::Kind;

use crate::helm::{chart, document, read, yaml};
use crate::install::Turn;
use crate::papers::files;

/// Everything that the operator gives a status.
const KINDS: [&str; 3] = ["ClassicLoadBalancer", "ClassicLoadBalancerBinding", "AWSAccount"];

const UNSEEN: &str = "The operator has not seen this version of the object yet";

/// Status and message for an object.
fn health(object: &Value) -> (String, String) {
    judged_by("deploy/argocd/health.lua", object)
}

/// Status and message for an object, by a script.
fn judged_by(script: &str, object: &Value) -> (String, String) {
    let lua = Lua::new();
    lua.globals().set("obj", lua.to_value(object).unwrap()).unwrap();
    let result: Table = lua.load(read(script)).eval().unwrap();
    (result.get("status").unwrap(), result.get("message").unwrap())
}

/// An object of generation 2 with conditions written as `Ready=False/Reason`, whose messages are their reasons.
pub(crate) fn object(observed_generation: i64, conditions: &str) -> Value {
    let conditions: Vec<_> = conditions
        .split_whitespace()
        .map(|condition| {
            let (kind, rest) = condition.split_once('=').unwrap();
            let (status, reason) = rest.split_once('/').unwrap();
            json!({"type": kind, "status": status, "reason": reason, "message": reason})
        })
        .collect();
    json!({
        "metadata": {"generation": 2},
        "status": {"observedGeneration": observed_generation, "conditions": conditions},
    })
}

#[test]
fn health_follows_the_conditions_in_whatever_order_they_come() {
    let table = "
        Healthy     | Ready      | Ready=True/Ready TargetsHealthy=True/Healthy
        Healthy     | Ready      | Ready=True/Ready TargetsHealthy=False/Unhealthy
        Healthy     | Ready      | Stalled=False/Fine Ready=True/Ready
        Progressing | Throttling | Ready=False/Throttling Reconciling=True/Throttling
        Progressing | Deleting   | Reconciling=True/Deleting Ready=False/Deleting
        Degraded    | Lost       | Ready=False/Lost Stalled=True/Lost
        Degraded    | Invalid    | Stalled=True/Invalid Ready=False/Invalid
        Healthy     | Suspended  | Ready=True/Suspended Programmed=True/Programmed
        Healthy     | Observing  | Ready=True/Observing Programmed=False/Differs
        Degraded    | AccessDenied         | Ready=False/AccessDenied Reconciling=True/AccessDenied
        Degraded    | CredentialsNotLoaded | Ready=False/CredentialsNotLoaded Reconciling=True/CredentialsNotLoaded
        Degraded    | UnauthorizedOperation | Ready=False/UnauthorizedOperation Reconciling=True/UnauthorizedOperation
        Progressing | The operator has not judged the object yet | Programmed=Unknown/Pending
    ";
    let mut cases = 0;
    for line in table.lines().filter(|line| line.contains('|')) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let expected = (cells[0].to_owned(), cells[1].to_owned());
        assert_eq!(health(&object(2, cells[2])), expected, "{line}");
        // What was said of an older version is not said of this one.
        let unseen = ("Progressing".to_owned(), UNSEEN.to_owned());
        assert_eq!(health(&object(1, cells[2])), unseen, "{line}");
        cases += 1;
    }
    assert_eq!(cases, 13);
}

#[test]
fn an_object_without_a_word_from_the_operator_is_in_progress() {
    for status in [json!(null), json!({"observedGeneration": -1}), json!({})] {
        let mut object = json!({"metadata": {"generation": 1}, "status": status});
        if object["status"].is_null() {
            object.as_object_mut().unwrap().remove("status");
        }
        assert_eq!(
            health(&object),
            ("Progressing".to_owned(), UNSEEN.to_owned()),
            "{object}"
        );
    }
}

#[test]
fn the_config_map_and_the_values_carry_the_script() {
    let config = document(&read("deploy/argocd/argocd-cm.yaml"));
    let values = document(&read("deploy/argocd/argocd-values.yaml"));
    for kind in KINDS {
        let key = format!("resource.customizations.health.classiclb.dev_{kind}");
        assert_eq!(config["data"][&key], read("deploy/argocd/health.lua"));
        assert_eq!(values["configs"]["cm"][&key], read("deploy/argocd/health.lua"));
    }
}

/// What a case of `health_test.yaml` says: the file of an object below the kind's folder, and its status and message.
struct Case {
    file: String,
    object: Value,
    expected: (String, String),
}

/// The folder of a kind, in the form that Argo CD's own repository has.
fn customization(kind: &str) -> String {
    format!("deploy/argocd/resource_customizations/classiclb.dev/{kind}")
}

fn cases(kind: &str) -> Vec<Case> {
    let folder = customization(kind);
    let tests = document(&read(&format!("{folder}/health_test.yaml")));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let case = |test: &Value| {
        let file = text(&test["inputPath"]);
        Case {
            object: document(&read(&format!("{folder}/{file}"))),
            expected: (
                text(&test["healthStatus"]["status"]),
                text(&test["healthStatus"]["message"]),
            ),
            file,
        }
    };
    tests["tests"].as_array().unwrap().iter().map(case).collect()
}

/// As Argo CD's repository runs the tests of the checks that it ships: status and message have to be equal.
#[test]
fn the_customizations_for_upstream_pass_their_own_tests() {
    for kind in KINDS {
        let folder = customization(kind);
        let cases = cases(kind);
        for case in &cases {
            assert_eq!(case.object["kind"], kind, "{}", case.file);
            let judged = judged_by(&format!("{folder}/health.lua"), &case.object);
            assert_eq!(judged, case.expected, "{folder}/{}", case.file);
        }
        let found: BTreeSet<&str> = cases.iter().map(|case| case.expected.0.as_str()).collect();
        assert_eq!(found, BTreeSet::from(["Degraded", "Healthy", "Progressing"]), "{kind}");
        let named: BTreeSet<String> = cases.iter().map(|case| case.file.clone()).collect();
        let there = files(&format!("{folder}/testdata"), "yaml");
        let there = there
            .iter()
            .map(|path| format!("testdata/{}", path.file_name().unwrap().to_str().unwrap()));
        assert_eq!(named, there.collect(), "{kind}");
    }
}

/// The statuses in the files were written by the operator once. The definitions of today have every field of them.
#[tokio::test]
async fn the_statuses_that_upstream_is_shown_are_those_of_the_definitions() {
    let turn = Turn::begin("customizations").await;
    turn.install(&chart(), &["--set", "admissionWarnings.enabled=false"])
        .unwrap();
    turn.served().await;
    for kind in [Kind::CLB, Kind::BINDING, Kind::ACCOUNT] {
        let api = turn.cluster.api(kind).await.unwrap();
        let cases = cases(kind.1).into_iter();
        for Case { file, object, .. } in cases.filter(|case| case.object["metadata"]["deletionTimestamp"].is_null()) {
            let name = object["metadata"]["name"].as_str().unwrap();
            let plain = json!({
                "apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": {"name": name},
                "spec": object["spec"],
            });
            turn.cluster
                .create(&plain.to_string())
                .await
                .unwrap_or_else(|why| panic!("{file}: {why}"));
            let strictly = PatchParams {
                field_validation: Some(ValidationDirective::Strict),
                ..PatchParams::default()
            };
            let status = json!({"status": object["status"]});
            let taken = api.patch_status(name, &strictly, &Patch::Merge(&status)).await;
            let taken = taken.unwrap_or_else(|why| panic!("{file}: {why}"));
            assert_eq!(taken.data["status"], object["status"], "{file}");
            turn.cluster.delete_and_wait(kind, name).await.unwrap();
        }
    }
    turn.uninstall();
}

/// Both tools give up at the same refusals of AWS.
#[test]
fn the_health_check_of_flux_names_the_same_denials() {
    let script = read("deploy/argocd/health.lua");
    let table = script
        .split("local denied = {")
        .nth(1)
        .unwrap()
        .split('}')
        .next()
        .unwrap();
    let of_argocd: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.trim().strip_suffix(" = true,"))
        .collect();
    let objects = yaml(&read("deploy/flux/load-balancers.yaml"));
    let checks = objects[1]["spec"]["healthCheckExprs"].as_array().unwrap();
    let kinds: Vec<&str> = checks.iter().map(|check| check["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, KINDS);
    for check in checks {
        for part in ["inProgress", "failed", "current"] {
            assert_eq!(check[part], checks[0][part], "{}", check["kind"]);
        }
    }
    let failed = checks[0]["failed"].as_str().unwrap();
    let list = failed.split('[').nth(1).unwrap().split(']').next().unwrap();
    let of_flux: BTreeSet<&str> = list.split(',').map(|word| word.trim().trim_matches('"')).collect();
    assert!(of_argocd.len() > 5, "{table}");
    assert_eq!(of_flux, of_argocd);
}
