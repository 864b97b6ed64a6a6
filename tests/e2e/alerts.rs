//! The alerts and the dashboard are held against what a real operator says of itself when that happens which they are about: each
//! series and label that they ask for is there, and the alerts speak.

mod recorded;

use std::process::Command;

use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{LoadBalancer, OperatorOptions, Options, Reply, Result, Stack, tool};

use self::recorded::{Scrape, TARGET, lacking};
use crate::bindings::Shared;
use crate::certificates::{https, issued};
use crate::recovery::let_dream;
use crate::setup::{by_ids, by_role, minimal};
use crate::{REQUESTED_AT, Test, by_hand, error, manifest, unique};

/// So many objects have metrics of their own.
const LIMIT: usize = 12;

/// What no process says so early: it looks for load balancers without an object a quarter of an hour after it began to lead. The
/// simulation tests have the series as it is told.
const LATER: &str = "clb_operator_orphans";

/// What an alert is to say of a scrape.
struct Speaks<'a> {
    alert: &'a str,
    of: (&'a Scrape, &'a Scrape),
    object: Option<&'a str>,
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

impl Test {
    /// Applies an object with another name than `web`, with these lines as its spec.
    async fn another(&self, name: &str, spec: &str) -> Result<()> {
        let manifest = manifest(spec).replace("name: web", &format!("name: {name}"));
        self.namespace.apply(&manifest).await.map(drop)
    }

    /// Watches an object until the condition holds, and returns its name in AWS.
    async fn until_other(&self, name: &str, what: &str, holds: impl Fn(&LoadBalancer) -> bool) -> Result<String> {
        let holds = |object: &kube::api::DynamicObject| holds(&object.clone().into());
        let found = self.namespace.until(Kind::CLB, name, what, holds).await?;
        Ok(LoadBalancer::from(found).name())
    }

    async fn another_ready(&self, name: &str, spec: &str) -> Result<String> {
        self.another(name, spec).await?;
        self.until_other(name, "Ready to be True", LoadBalancer::is_ready).await
    }

    async fn ask_for(&self, name: &str) -> Result<()> {
        let value = unique();
        let asked = self.namespace.annotate(Kind::CLB, name, REQUESTED_AT, Some(&value));
        asked.await.map(drop)
    }

    async fn scrape(&self) -> Result<Scrape> {
        Ok(Scrape::of(&self.stack.operator().get("/metrics").await?.body))
    }

    /// Scrapes until this is said of an object: a metric, labels after its name, and the beginning of a value.
    async fn says(&self, metric: &str, object: &str, rest: &str) -> Result<()> {
        let start = format!(
            "{metric}{{namespace=\"{}\",name=\"{object}\"{rest}",
            self.namespace.namespace()
        );
        let said = |reply: &Reply| reply.body.lines().any(|line| line.starts_with(&start));
        self.stack.operator().until("/metrics", &start, said).await.map(drop)
    }

    /// Scrapes until that is as wanted.
    async fn until_scraped(&self, what: &str, holds: impl Fn(&Scrape) -> bool) -> Result<Scrape> {
        let holds = |reply: &Reply| holds(&Scrape::of(&reply.body));
        let reply = self.stack.operator().until("/metrics", what, holds).await?;
        Ok(Scrape::of(&reply.body))
    }

    /// One object for each thing that can be the matter.
    async fn have_everything_go_wrong(&self, shared: &Shared) -> Result<String> {
        let nowhere = "availabilityZones: [us-east-1a]\nlisteners:\n\
                       - {port: 80, protocol: HTTP, instancePortFrom: {serviceName: nowhere, port: 80}}";
        self.another("missing", nowhere).await?;
        self.says("clb_load_balancer_ready", "missing", "} 0").await?;

        let [sick, near, leaving] = <[String; 3]>::try_from(self.instances(&["us-east-1a"; 3]).await?).expect("three");
        self.ready(&minimal(&by_ids(&[sick.clone()]))).await?;
        shared.bound("near", &[near.clone()]).await?;
        shared.bound("leaving", &[leaving]).await?;
        for id in [sick, near] {
            self.simulator().set_instance_health(&id, false).await?;
        }
        // Their health is not due yet.
        self.request().await?;
        let asked = self
            .namespace
            .annotate(Kind::BINDING, "near", REQUESTED_AT, Some("now"));
        asked.await?;
        self.says("clb_load_balancer_instances", "web", ",state=\"InService\"} 0")
            .await?;
        self.says("clb_binding_instances", "near", ",state=\"InService\"} 0")
            .await?;
        let refused = error("AccessDenied", 403, "not authorized");
        let rule = json!({"operation": "DeregisterInstancesFromLoadBalancer", "loadBalancer": shared.name});
        self.simulator().fault(&json!({"match": rule, "do": refused})).await?;
        self.namespace.delete(Kind::BINDING, "leaving").await?;
        self.says("clb_binding_deletion_pending_seconds", "leaving", "} ")
            .await?;
        let far = "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancerBinding\nmetadata: {name: far}\n\
                   spec: {loadBalancerName: nowhere, targets: {instanceIds: []}}";
        self.namespace.apply(far).await?;
        self.says("clb_binding_ready", "far", "} 0").await?;

        let lost = self.another_ready("lost", &minimal("")).await?;
        by_hand(&self.stack, &lost, "DeleteLoadBalancer", &[]).await?;
        self.ask_for("lost").await?;
        self.says("clb_load_balancer_reason", "lost", ",reason=\"Lost\"} 1")
            .await?;

        let certificate = issued(self, &format!("{}.example.com", unique()), 10).await?;
        self.another_ready("secure", &https(&format!("arn: '{certificate}'")))
            .await?;

        self.another_ready("going", &minimal("deletionProtection: true"))
            .await?;
        self.namespace.delete(Kind::CLB, "going").await?;
        self.says("clb_load_balancer_deletion_pending_seconds", "going", "} ")
            .await?;

        for id in self.instances(&["us-east-1a"; 2]).await? {
            self.node(&id).await?;
        }
        self.another_ready("held", &minimal(&by_role(&self.role))).await?;
        self.until_other("held", "two in service", |held| held.summary() == "2/2")
            .await?;
        let nobody = json!({"spec": {"targets": {"nodeSelector": null}}});
        self.namespace.patch(Kind::CLB, "held", nobody).await?;
        self.says("clb_load_balancer_removals_held", "held", "} 1").await?;

        let drifted = self.another_ready("drifted", &minimal("")).await?;
        let port = [("LoadBalancerPorts.member.1", "80")];
        by_hand(&self.stack, &drifted, "DeleteLoadBalancerListeners", &port).await?;
        self.ask_for("drifted").await?;
        self.says("clb_load_balancer_drift_corrected_total", "drifted", "} 1")
            .await?;

        let_dream(self).await?;
        self.another("odd", &minimal("management: Dreaming")).await?;
        let undecodable = |reply: &Reply| reply.body.contains("\nclb_operator_undecodable_objects 1\n");
        self.stack
            .operator()
            .until("/metrics", "one that cannot be read", undecodable)
            .await?;
        Ok(certificate)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_says_when_it_happens_has_the_alerts_speak_and_the_dashboard_show_it() -> Result<()> {
    let mut options = Options::default();
    options.operator.args = vec![format!("--object-metrics={LIMIT}")];
    let shared = Shared::offered(Test::on(Stack::start(options).await?).await?).await?;
    let test = &shared.test;
    let nothing = Scrape::default();
    let certificate = test.have_everything_go_wrong(&shared).await?;
    let wrong = test.scrape().await?;

    // AWS throttles, and then it fails altogether.
    let throttles =
        json!({"match": {"operation": "ConfigureHealthCheck"}, "do": error("Throttling", 400, "Rate exceeded")});
    test.simulator().fault(&throttles).await?;
    test.patch(json!({"healthCheck": {"target": "HTTP:8080/one"}})).await?;
    let grown = |now: &Scrape, before: &Scrape| now.growth(before, "clb_operator_aws_api_throttles_total") >= 1.0;
    let throttled = test.until_scraped("a throttle", |now| grown(now, &wrong)).await?;
    test.simulator().clear_faults().await?;
    let fails = json!({"match": {"service": "elasticloadbalancing"}, "do": error("InternalFailure", 500, "try again")});
    test.simulator().fault(&fails).await?;
    let before = test.scrape().await?;
    // Looks at health alone do not count as failures, and few are due.
    for name in ["web", "secure", "drifted", "held"] {
        test.ask_for(name).await?;
    }
    let share = |now: &Scrape| {
        let grown = |name: &str| now.growth(&before, name);
        let all = grown("controller_runtime_reconcile_total");
        grown("controller_runtime_reconcile_errors_total") / all.max(1.0)
    };
    let failing = test
        .until_scraped("most reconciles to fail", |now| share(now) > 0.4)
        .await?;
    test.simulator().clear_faults().await?;

    for number in 0..LIMIT {
        test.another(&format!("spare-{number}"), &minimal("management: Suspended"))
            .await?;
    }
    let many = |reply: &Reply| !reply.body.contains("\nclb_operator_objects_without_metrics 0\n");
    let operator = test.stack.operator();
    let many = Scrape::of(&operator.until("/metrics", "more than have metrics", many).await?.body);
    let second = test.stack.another_operator(&OperatorOptions::default())?;
    second.start_ready().await?;
    let follower = Scrape::of(&second.get("/metrics").await?.body);

    let scrapes = [&wrong, &throttled, &failing, &many, &follower];
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

    let namespace = test.namespace.namespace();
    let object = |severity: &str, name: &str| json!({"severity": severity, "namespace": namespace, "name": name});
    let mut of_certificate = object("warning", "secure");
    of_certificate["certificate"] = json!(certificate);
    let [home, job, pod, instance] = TARGET.map(|(_, value)| value);
    let of_wrong = |alert, name, labels| Speaks {
        alert,
        of: (&nothing, &wrong),
        object: Some(name),
        labels,
    };
    let of_operator = |alert, of, labels| Speaks {
        alert,
        of,
        object: None,
        labels,
    };
    let speak = [
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
        of_operator(
            "ClassicLoadBalancerThrottled",
            (&wrong, &throttled),
            json!({"severity": "warning", "operation": "ConfigureHealthCheck"}),
        ),
        of_operator(
            "ClassicLoadBalancerViewOld",
            (&nothing, &wrong),
            json!({"severity": "warning", "region": testkit::simulator::REGION}),
        ),
        of_operator(
            "ClassicLoadBalancerOperatorFails",
            (&before, &failing),
            json!({"severity": "warning"}),
        ),
        of_operator(
            "ClassicLoadBalancerOperatorHearsNothing",
            (&nothing, &wrong),
            json!({"severity": "warning", "namespace": home, "job": job, "pod": pod, "instance": instance}),
        ),
        of_operator(
            "ClassicLoadBalancerOperatorWithoutLeader",
            (&nothing, &follower),
            json!({"severity": "critical", "name": "classic-lb-operator"}),
        ),
        of_operator(
            "ClassicLoadBalancerUndecodable",
            (&nothing, &wrong),
            json!({"severity": "warning", "namespace": home, "job": job}),
        ),
        of_operator(
            "ClassicLoadBalancerObjectsWithoutMetrics",
            (&nothing, &many),
            json!({"severity": "warning", "namespace": home, "job": job}),
        ),
    ];
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
