//! The health check for Argo CD, run as Argo CD runs it: the object in the global `obj`, Lua 5.1.

use std::collections::BTreeSet;

use mlua::{Lua, LuaSerdeExt as _, Table};
use serde_json::{Value, json};

use crate::helm::{document, read, yaml};

/// Everything that the operator gives a status.
const KINDS: [&str; 3] = ["ClassicLoadBalancer", "ClassicLoadBalancerBinding", "AWSAccount"];

const UNSEEN: &str = "The operator has not seen this version of the object yet";

/// Status and message for an object.
fn health(object: &Value) -> (String, String) {
    let lua = Lua::new();
    lua.globals().set("obj", lua.to_value(object).unwrap()).unwrap();
    let result: Table = lua.load(read("deploy/argocd/health.lua")).eval().unwrap();
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
