//! The alerts and the dashboard are held against what a real operator says of itself when that happens which they are about: each
//! series and label that they ask for is there, and the alerts speak.

mod happened;
mod recorded;

use std::process::Command;

use serde_json::{Value, json};
use testkit::{Result, tool};

use self::happened::Happened;
use self::recorded::{Scrape, TARGET, lacking};

/// What no process says so early: it looks for load balancers without an object a quarter of an hour after it began to lead. The
/// simulation tests have the series as it is told.
const LATER: &str = "clb_operator_orphans";

/// What an alert is to say of a scrape.
struct Speaks<'a> {
    alert: &'static str,
    /// At an earlier moment and now.
    of: (&'a Scrape, &'a Scrape),
    object: Option<&'static str>,
    labels: Value,
}

fn text(path: &str) -> String {
    std::fs::read_to_string(tool::root().join(path)).expect("a file")
}

/// The rules of the chart, without what is told to people.
fn rules() -> Vec<Value> {
    let file = text("charts/classic-lb-operator/files/alerts.yaml").replace("CERTIFICATE_SECONDS", "1814400");
    let file: Value = serde_saphyr::from_str(&file).expect("rules");
    let mut rules = file["groups"][0]["rules"].as_array().expect("rules").clone();
    for rule in &mut rules {
        rule.as_object_mut().expect("a rule").remove("annotations");
    }
    rules
}

/// What the panels of the dashboard ask.
fn panels() -> Vec<String> {
    let dashboard: Value =
        serde_json::from_str(&text("charts/classic-lb-operator/files/dashboard.json")).expect("a dashboard");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    panels
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten())
        .map(|target| target["expr"].as_str().expect("an expression").to_owned())
        .collect()
}

/// What the alerts are to say of objects.
fn of_objects<'a>(happened: &'a Happened, nothing: &'a Scrape) -> Vec<Speaks<'a>> {
    let namespace = &happened.namespace;
    let object = |severity: &str, name: &str| json!({"severity": severity, "namespace": namespace, "name": name});
    let mut of_certificate = object("warning", "secure");
    of_certificate["certificate"] = json!(happened.certificate);
    let of_wrong = |alert, name, labels| Speaks {
        alert,
        of: (nothing, &happened.wrong),
        object: Some(name),
        labels,
    };
    vec![
        of_wrong("ClassicLoadBalancerNotReady", "missing", object("warning", "missing")),
        of_wrong(
            "ClassicLoadBalancerWithoutHealthyInstance",
            "web",
            object("critical", "web"),
        ),
        of_wrong("ClassicLoadBalancerBindingNotReady", "far", object("warning", "far")),
        of_wrong(
            "ClassicLoadBalancerBindingWithoutHealthyInstance",
            "near",
            object("critical", "near"),
        ),
        of_wrong("ClassicLoadBalancerLost", "lost", object("critical", "lost")),
        of_wrong("ClassicLoadBalancerCertificateExpires", "secure", of_certificate),
        of_wrong("ClassicLoadBalancerDeletionStuck", "going", object("warning", "going")),
        of_wrong(
            "ClassicLoadBalancerDeletionStuck",
            "leaving",
            object("warning", "leaving"),
        ),
        of_wrong("ClassicLoadBalancerRemovalHeldBack", "held", object("warning", "held")),
        of_wrong(
            "ClassicLoadBalancerDriftAgainAndAgain",
            "drifted",
            object("warning", "drifted"),
        ),
    ]
}

/// What the alerts are to say of the operator.
fn of_the_operator<'a>(happened: &'a Happened, nothing: &'a Scrape) -> Vec<Speaks<'a>> {
    let [home, job, pod, instance] = TARGET.map(|(_, value)| value);
    let speaks = |alert, of, labels| Speaks {
        alert,
        of,
        object: None,
        labels,
    };
    vec![
        speaks(
            "ClassicLoadBalancerThrottled",
            (&happened.wrong, &happened.throttled),
            json!({
                "severity": "warning", "region": testkit::simulator::REGION, "operation": "ConfigureHealthCheck",
            }),
        ),
        speaks(
            "ClassicLoadBalancerViewOld",
            (nothing, &happened.wrong),
            json!({"severity": "warning", "region": testkit::simulator::REGION}),
        ),
        speaks(
            "ClassicLoadBalancerOperatorFails",
            (&happened.before, &happened.failing),
            json!({"severity": "warning"}),
        ),
        speaks(
            "ClassicLoadBalancerOperatorHearsNothing",
            (nothing, &happened.wrong),
            json!({"severity": "warning", "namespace": home, "job": job, "pod": pod, "instance": instance}),
        ),
        speaks(
            "ClassicLoadBalancerOperatorWithoutLeader",
            (nothing, &happened.follower),
            json!({"severity": "critical", "name": "classic-lb-operator"}),
        ),
        speaks(
            "ClassicLoadBalancerUndecodable",
            (nothing, &happened.wrong),
            json!({"severity": "warning", "namespace": home, "job": job}),
        ),
        speaks(
            "ClassicLoadBalancerObjectsWithoutMetrics",
            (nothing, &happened.many),
            json!({"severity": "warning", "namespace": home, "job": job}),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_says_when_it_happens_has_the_alerts_speak_and_the_dashboard_show_it() -> Result<()> {
    let (happened, nothing) = (Happened::record().await?, Scrape::default());
    let Happened {
        wrong,
        throttled,
        failing,
        many,
        follower,
        ..
    } = &happened;
    let scrapes = [wrong, throttled, failing, many, follower];
    let all: Vec<_> = scrapes.iter().flat_map(|scrape| scrape.series.clone()).collect();
    let rules = rules();
    let asked = rules
        .iter()
        .map(|rule| rule["expr"].as_str().expect("an expression").to_owned());
    let mut faults = Vec::new();
    for expression in asked.chain(panels()).filter(|expression| !expression.contains(LATER)) {
        let lacking = lacking(&expression, &all).into_iter();
        faults.extend(lacking.map(|lacks| format!("{lacks}: {expression}")));
    }
    assert!(faults.is_empty(), "no operator says that:\n{}", faults.join("\n"));

    let mut speak = of_objects(&happened, &nothing);
    speak.extend(of_the_operator(&happened, &nothing));
    for rule in &rules {
        let (name, expression) = (
            rule["alert"].as_str().expect("a name"),
            rule["expr"].as_str().expect("one"),
        );
        let shown = speak.iter().any(|speaks| speaks.alert == name) || expression.contains(LATER);
        assert!(shown, "{name} is not had to speak");
    }
    judge(&rules, &speak).await
}

/// Prometheus itself judges.
async fn judge(rules: &[Value], speak: &[Speaks<'_>]) -> Result<()> {
    let tests: Vec<Value> = speak
        .iter()
        .map(|speaks| {
            json!({
                "name": speaks.alert, "interval": "1m",
                "input_series": speaks.of.1.input_series(speaks.of.0, speaks.object),
                "alert_rule_test": [{
                    "eval_time": "2h", "alertname": speaks.alert, "exp_alerts": [{"exp_labels": speaks.labels}],
                }],
            })
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, file: &Value| std::fs::write(folder.path().join(name), file.to_string()).expect("written");
    write(
        "rules.yaml",
        &json!({"groups": [{"name": "classic-lb-operator", "rules": rules}]}),
    );
    write(
        "tests.yaml",
        &json!({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}),
    );
    let output = Command::new(tool::built("promtool").await?)
        .args(["test", "rules", "tests.yaml"])
        .current_dir(folder.path())
        .output()
        .expect("promtool");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Ok(())
}
