//! Everything that alerts are about is made to happen to one operator, and what it says is written down.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{LoadBalancer, OperatorOptions, Options, Reply, Result, Stack};

use super::recorded::Scrape;
use crate::bindings::Shared;
use crate::certificates::{https, issued};
use crate::recovery::let_dream;
use crate::setup::{by_ids, by_role, minimal};
use crate::{REQUESTED_AT, Test, by_hand, error, manifest, unique};

/// So many objects have metrics of their own.
const LIMIT: usize = 12;

/// What was said, and when.
pub(super) struct Happened {
    /// The namespace of the objects.
    pub(super) namespace: String,
    /// The certificate that ends soon.
    pub(super) certificate: String,
    /// With an object for each thing that can be the matter.
    pub(super) wrong: Scrape,
    /// AWS throttled since then.
    pub(super) throttled: Scrape,
    /// Before AWS failed, and after.
    pub(super) before: Scrape,
    pub(super) failing: Scrape,
    /// More objects than have metrics.
    pub(super) many: Scrape,
    /// One that does not lead.
    pub(super) follower: Scrape,
}

impl Happened {
    /// Makes it happen, on a stack of its own.
    pub(super) async fn record() -> Result<Self> {
        let mut options = Options::default();
        options.operator.args = vec![format!("--object-metrics={LIMIT}")];
        let shared = Shared::offered(Test::on(Stack::start(options).await?).await?).await?;
        let test = &shared.test;
        let certificate = test.have_everything_go_wrong(&shared).await?;
        let wrong = test.scrape().await?;
        let throttled = test.have_aws_throttle(&wrong).await?;
        let [before, failing] = test.have_aws_fail().await?;
        for number in 0..LIMIT {
            test.another(&format!("spare-{number}"), &minimal("management: Suspended"))
                .await?;
        }
        let many = |reply: &Reply| !reply.body.contains("\nclb_operator_objects_without_metrics 0\n");
        let operator = test.stack.operator();
        let many = operator.until("/metrics", "more than have metrics", many).await?;
        let second = test.stack.another_operator(&OperatorOptions::default())?;
        second.start_ready().await?;
        Ok(Self {
            namespace: test.namespace.namespace().to_owned(),
            certificate,
            wrong,
            throttled,
            before,
            failing,
            many: Scrape::of(&many.body),
            follower: Scrape::of(&second.get("/metrics").await?.body),
        })
    }
}

impl Test {
    /// Applies an object with another name than `web`, with these lines as its spec.
    pub(crate) async fn another(&self, name: &str, spec: &str) -> Result<()> {
        let manifest = manifest(spec).replace("name: web", &format!("name: {name}"));
        self.namespace.apply(&manifest).await.map(drop)
    }

    /// Watches an object until the condition holds, and returns its name in AWS.
    async fn until_other(&self, name: &str, what: &str, holds: impl Fn(&LoadBalancer) -> bool) -> Result<String> {
        let holds = |object: &kube::api::DynamicObject| holds(&object.clone().into());
        let found = self.namespace.until(Kind::CLB, name, what, holds).await?;
        Ok(LoadBalancer::from(found).name())
    }

    /// The same, and waits until it is ready; returns its name in AWS.
    pub(crate) async fn another_ready(&self, name: &str, spec: &str) -> Result<String> {
        self.another(name, spec).await?;
        self.until_other(name, "Ready to be True", LoadBalancer::is_ready).await
    }

    /// Asks for a pass over it.
    pub(crate) async fn ask_for(&self, name: &str) -> Result<()> {
        let value = unique();
        let asked = self.namespace.annotate(Kind::CLB, name, REQUESTED_AT, Some(&value));
        asked.await.map(drop)
    }

    /// What the operator says of itself now.
    pub(crate) async fn scrape(&self) -> Result<Scrape> {
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
    pub(crate) async fn have_everything_go_wrong(&self, shared: &Shared) -> Result<String> {
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

        let certificate = self.have_objects_in_trouble().await?;
        self.have_removals_and_drift().await?;
        let_dream(self).await?;
        self.another("odd", &minimal("management: Dreaming")).await?;
        let undecodable = |reply: &Reply| reply.body.contains("\nclb_operator_undecodable_objects 1\n");
        let operator = self.stack.operator();
        operator
            .until("/metrics", "one that cannot be read", undecodable)
            .await?;
        Ok(certificate)
    }

    /// One that is lost, one whose certificate ends soon, one that cannot go; returns the certificate.
    async fn have_objects_in_trouble(&self) -> Result<String> {
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
        Ok(certificate)
    }

    /// One that the brake holds, and one that somebody else changed.
    async fn have_removals_and_drift(&self) -> Result<()> {
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
        Ok(())
    }

    /// Lets AWS throttle a change of `web`; returns what is said then.
    pub(crate) async fn have_aws_throttle(&self, before: &Scrape) -> Result<Scrape> {
        let fault = error("Throttling", 400, "Rate exceeded");
        let rule = json!({"match": {"operation": "ConfigureHealthCheck"}, "do": fault});
        self.simulator().fault(&rule).await?;
        self.patch(json!({"healthCheck": {"target": "HTTP:8080/one"}})).await?;
        let grown = |now: &Scrape| now.growth(before, "clb_operator_aws_api_throttles_total") >= 1.0;
        let throttled = self.until_scraped("a throttle", grown).await?;
        self.simulator().clear_faults().await?;
        Ok(throttled)
    }

    /// What it says before AWS fails, and when it does.
    pub(crate) async fn have_aws_fail(&self) -> Result<[Scrape; 2]> {
        let fault = error("InternalFailure", 500, "try again");
        let rule = json!({"match": {"service": "elasticloadbalancing"}, "do": fault});
        self.simulator().fault(&rule).await?;
        let before = self.scrape().await?;
        // Looks at health alone do not count as failures, and few are due.
        for name in ["web", "secure", "drifted", "held"] {
            self.ask_for(name).await?;
        }
        let share = |now: &Scrape| {
            let all = now.growth(&before, "controller_runtime_reconcile_total");
            now.growth(&before, "controller_runtime_reconcile_errors_total") / all.max(1.0)
        };
        let failing = self
            .until_scraped("many reconciles to fail", |now| share(now) > 0.4)
            .await?;
        self.simulator().clear_faults().await?;
        Ok([before, failing])
    }
}
