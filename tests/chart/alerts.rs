//! The alerts and the dashboard: what they ask for is exposed, Prometheus itself judges the rules, and each alert has a page.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::helm::{built, object, read, render, root};

const NAME: &str = "test-classic-lb-operator";

/// The rules as the chart renders them.
fn rules(values: &str) -> Vec<Value> {
    let objects = render(values);
    let groups = &object(&objects, "PrometheusRule", NAME)["spec"]["groups"];
    groups[0]["rules"].as_array().unwrap().clone()
}

fn alert_names(rules: &[Value]) -> BTreeSet<&str> {
    rules.iter().map(|rule| rule["alert"].as_str().unwrap()).collect()
}

/// The names of metrics in an expression.
fn metrics_of(expression: &str) -> Vec<&str> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let prefixes = ["clb_", "controller_runtime_", "leader_election_", "workqueue_"];
    words
        .filter(|word| prefixes.iter().any(|prefix| word.starts_with(prefix)))
        .collect()
}

fn is_exposed(metric: &str, page: &str) -> bool {
    let names = [metric, metric.trim_end_matches("_bucket")];
    names.iter().any(|name| page.contains(&format!("| `{name}` |")))
}

#[test]
fn prometheus_says_when_each_alert_speaks() {
    let promtool = built("promtool");
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(&promtool)
            .args(arguments)
            .current_dir(folder.path())
            .output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "promtool {arguments:?}:\n{said}");
    };
    let write = |rules: &[Value]| {
        let file = json!({"groups": [{"name": "classic-lb-operator", "rules": rules}]});
        std::fs::write(folder.path().join("rules.yaml"), file.to_string()).unwrap();
    };
    let mut rules = rules("prometheusRule: {enabled: true}");
    write(&rules);
    run(&["check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"]);
    for rule in &mut rules {
        let annotations = rule["annotations"].as_object_mut().unwrap();
        annotations.retain(|name, _| name == "summary");
    }
    write(&rules);
    std::fs::write(folder.path().join("tests.yaml"), read("tests/chart/alerts.test.yaml")).unwrap();
    run(&["test", "rules", "tests.yaml"]);

    // Of each alert it is shown when it speaks and when it does not.
    let tests = crate::helm::document(&read("tests/chart/alerts.test.yaml"));
    let cases: Vec<&Value> = tests["tests"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|test| test["alert_rule_test"].as_array().unwrap())
        .collect();
    for alert in alert_names(&rules) {
        for speaks in [true, false] {
            let shown = cases
                .iter()
                .any(|case| case["alertname"] == alert && case["exp_alerts"].as_array().unwrap().is_empty() != speaks);
            assert!(shown, "{alert}: no test where it speaks = {speaks}");
        }
    }
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let page = read("docs/reference/metrics.md");
    let mut asked = 0;
    let mut expressions: Vec<String> = rules("prometheusRule: {enabled: true}")
        .iter()
        .map(|rule| rule["expr"].as_str().unwrap().to_owned())
        .collect();
    let dashboard: Value = serde_json::from_str(&read("charts/classic-lb-operator/files/dashboard.json")).unwrap();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "two panels of one id");
        for target in panel["targets"].as_array().into_iter().flatten() {
            expressions.push(target["expr"].as_str().unwrap().to_owned());
            assert_eq!(target["datasource"]["uid"], "${datasource}", "any Prometheus will do");
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        expressions.extend(variable["definition"].as_str().map(ToOwned::to_owned));
    }
    for expression in &expressions {
        let metrics = metrics_of(expression);
        assert!(!metrics.is_empty(), "{expression} asks for nothing");
        for metric in metrics {
            assert!(is_exposed(metric, &page), "{metric} is not exposed: {expression}");
            asked += 1;
        }
    }
    assert!(asked > 40, "only {asked} metrics were looked at");
}

/// What the dashboard and the page of metrics ask, in place of its variables what Grafana puts there.
#[test]
fn prometheus_understands_what_the_dashboard_and_the_page_ask() {
    let dashboard = read("charts/classic-lb-operator/files/dashboard.json");
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let mut expressions: Vec<String> = targets
        .map(|target| {
            let expression = target["expr"].as_str().unwrap();
            let expression = expression.replace("$__rate_interval", "5m");
            expression.replace("$namespace", ".*").replace("$name", ".*")
        })
        .collect();
    let page = read("docs/reference/metrics.md");
    let questions = page.split("## Questions").nth(1).unwrap().lines();
    let cells = questions.filter_map(|line| line.strip_suffix("` |")?.rsplit_once("| `"));
    expressions.extend(cells.map(|(_, expression)| expression.to_owned()));
    assert!(expressions.len() > 30, "{expressions:?}");
    let rules: Vec<Value> = expressions
        .iter()
        .enumerate()
        .map(|(at, expression)| json!({"record": format!("asked:{at}"), "expr": expression}))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = json!({"groups": [{"name": "asked", "rules": rules}]});
    std::fs::write(folder.path().join("rules.yaml"), file.to_string()).unwrap();
    let mut promtool = Command::new(built("promtool"));
    let output = promtool
        .args(["check", "rules", "rules.yaml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn each_alert_has_a_page_and_each_page_an_alert() {
    let rules =
        rules("prometheusRule: {enabled: true, runbookUrl: 'https://example.com/books/', alertLabels: {team: a}}");
    let names = alert_names(&rules);
    assert!(names.len() >= 10, "{names:?}");
    for rule in &rules {
        let name = rule["alert"].as_str().unwrap();
        let page = read(&format!("docs/runbooks/{name}.md"));
        for part in ["## What it means", "## What clients notice", "## What to do"] {
            assert!(page.contains(part), "docs/runbooks/{name}.md lacks {part:?}");
        }
        let url = format!("https://example.com/books/{name}.html");
        assert_eq!(rule["annotations"]["runbook_url"], url);
        assert_eq!(rule["labels"]["team"], "a");
        assert!(["warning", "critical"].contains(&rule["labels"]["severity"].as_str().unwrap()));
    }
    let pages = std::fs::read_dir(root().join("docs/runbooks")).unwrap();
    let pages: BTreeSet<String> = pages
        .map(|page| page.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|page| page != "README")
        .collect();
    assert_eq!(pages, names.iter().map(|name| (*name).to_owned()).collect());

    let schema: Value = serde_json::from_str(&read("charts/classic-lb-operator/values.schema.json")).unwrap();
    let known = &schema["properties"]["prometheusRule"]["properties"]["disabled"]["items"]["enum"];
    let known: Vec<String> = serde_json::from_value(known.clone()).unwrap();
    let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
    assert_eq!(known, names, "those that can be left out");
}

#[test]
fn alerts_are_left_out_added_and_moved_by_values() {
    let rules = rules(
        "prometheusRule: {enabled: true, disabled: [ClassicLoadBalancerLost], certificateDays: 7, \
         extraRules: [{alert: Mine, expr: up == 0}]}",
    );
    let names = alert_names(&rules);
    assert!(!names.contains("ClassicLoadBalancerLost") && names.contains("Mine"));
    let certificate = rules
        .iter()
        .find(|rule| rule["alert"] == "ClassicLoadBalancerCertificateExpires");
    let expression = certificate.unwrap()["expr"].as_str().unwrap();
    assert!(expression.ends_with("< 604800"), "{expression}");
    let dashboard = render("dashboard: {enabled: true, annotations: {grafana_folder: AWS}}");
    let dashboard = object(&dashboard, "ConfigMap", &format!("{NAME}-dashboard"));
    assert_eq!(dashboard["metadata"]["labels"]["grafana_dashboard"], "1");
    let text = dashboard["data"]["classic-lb-operator.json"].as_str().unwrap();
    let inner: Value = serde_json::from_str(text).unwrap();
    assert_eq!(inner["uid"], "classic-lb-operator");
}
