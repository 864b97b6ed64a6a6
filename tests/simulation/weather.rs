//! What happens in a world by chance: machines come and go, people change their minds, AWS and Kubernetes have bad hours.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::kubernetes::{Fault, What};
use crate::world::{ROLES, World};

impl World {
    /// Lets things happen until then, about once in `every`.
    pub(crate) async fn live_until(&mut self, end: Instant, every: Duration) {
        loop {
            let next = Instant::now() + every.mul_f64(0.1 + 1.8 * self.dice.f64());
            self.run_until(next.min(end)).await;
            if next >= end {
                return;
            }
            self.something_happens().await;
        }
    }

    fn some_name(&mut self) -> Option<String> {
        let names = self.names();
        self.dice.choice(names)
    }

    fn some_node(&mut self) -> Option<String> {
        let names: Vec<String> = self.machines.keys().cloned().collect();
        self.dice.choice(names)
    }

    async fn something_happens(&mut self) {
        match self.dice.u8(0..100) {
            0..15 => self.join_node().await,
            15..28 => {
                let terminate = self.dice.bool();
                if let Some(node) = self.some_node().filter(|_| self.machines.len() > ROLES.len() * 3) {
                    self.remove_node(&node, terminate).await;
                }
            }
            28..34 => {
                let role = self.dice.choice(ROLES).unwrap_or(ROLES[0]);
                if let Some(node) = self.some_node() {
                    self.relabel_node(&node, role).await;
                }
            }
            34..40 => {
                let healthy = self.dice.bool();
                if let Some(node) = self.some_node() {
                    self.set_health(&node, healthy);
                }
            }
            40..60 => self.somebody_edits().await,
            60..66 => self.an_object_goes_or_comes().await,
            66..74 => self.somebody_meddles().await,
            74..86 => self.aws_has_a_bad_hour(),
            86..95 => self.kubernetes_has_a_bad_hour(),
            95..98 => self.restart(),
            _ => self.clear_faults(),
        }
    }

    async fn somebody_edits(&mut self) {
        let Some(name) = self.some_name() else { return };
        let port = self.dice.u16(8000..9000);
        let patch = match self.dice.u8(0..6) {
            0 => json!({"listeners": [{"port": 80, "protocol": "HTTP", "instancePort": port}]}),
            1 => json!({"listeners": [
                {"port": 80, "protocol": "HTTP", "instancePort": port},
                {"port": 8443, "protocol": "TCP", "instancePort": port + 1000},
            ]}),
            2 => json!({"healthCheck": {"intervalSeconds": self.dice.u16(10..60)}}),
            3 => json!({"tags": {"turn": port.to_string()}}),
            4 => json!({"targets": {"nodeSelector": {"matchLabels": {"role": self.dice.choice(ROLES)}}}}),
            _ => json!({"attributes": {"idleTimeoutSeconds": self.dice.u16(1..4000)}}),
        };
        self.edit(&name, json!({"spec": patch})).await;
    }

    async fn an_object_goes_or_comes(&mut self) {
        let names = self.names();
        let missing = (1..names.len() + 2).find(|number| !names.contains(&format!("lb-{number:02}")));
        match missing.filter(|number| *number < names.len()) {
            Some(number) => self.create_object(number).await,
            None => {
                if let Some(name) = self.some_name().filter(|name| name != "foreign") {
                    self.delete_object(&name).await;
                }
            }
        }
    }

    /// By hand, in the console of AWS.
    async fn somebody_meddles(&mut self) {
        let Some(name) = self.some_name().filter(|name| name != "foreign") else {
            return;
        };
        let port = self.dice.u16(2000..3000);
        let action = match self.dice.u8(0..4) {
            0 => format!("Action=DeleteLoadBalancerListeners&LoadBalancerName={name}&LoadBalancerPorts.member.1=80"),
            1 => format!(
                "Action=CreateLoadBalancerListeners&LoadBalancerName={name}&Listeners.member.1.Protocol=TCP\
                 &Listeners.member.1.LoadBalancerPort={port}&Listeners.member.1.InstancePort={port}"
            ),
            2 => {
                let Some(node) = self.some_node() else { return };
                let id = self.machines[&node].id.clone();
                format!(
                    "Action=DeregisterInstancesFromLoadBalancer&LoadBalancerName={name}&Instances.member.1.InstanceId={id}"
                )
            }
            _ => format!(
                "Action=ConfigureHealthCheck&LoadBalancerName={name}&HealthCheck.Target=TCP:{port}\
                 &HealthCheck.Interval=30&HealthCheck.Timeout=5&HealthCheck.UnhealthyThreshold=2\
                 &HealthCheck.HealthyThreshold=10"
            ),
        };
        if self.call(&action).await {
            self.ledger.disturb(&name);
        }
    }

    fn aws_has_a_bad_hour(&mut self) {
        let (count, seed) = (self.dice.u32(1..60), self.dice.u32(..));
        let operation = self.dice.choice([
            "*",
            "Describe*",
            "DescribeInstanceHealth",
            "Register*",
            "Create*",
            "De*",
        ]);
        let action = match self.dice.u8(0..8) {
            0 | 1 => json!({"error": {"code": "Throttling", "status": 400}}),
            2 => json!({"error": {"code": "ServiceUnavailable", "status": 503, "message": "try again"}}),
            3 => json!("resetAfter"),
            4 => json!("resetBefore"),
            5 => json!({"latency": {"millis": self.dice.u32(1000..15_000)}}),
            6 => json!({"cutBody": {"percent": 60}}),
            _ => json!("hang"),
        };
        let matching = json!({"operation": operation, "count": count, "probability": 0.5, "seed": seed});
        self.tell(&format!("AWS has a bad hour: {matching} {action}"));
        self.fault(&json!({"match": matching, "do": action}));
    }

    fn kubernetes_has_a_bad_hour(&mut self) {
        let plural = self
            .dice
            .choice(["classicloadbalancers", "nodes", "services"])
            .unwrap_or("nodes");
        let count = self.dice.u64(1..10);
        let objects = |what| Fault::of_writes("classicloadbalancers", count, what);
        let what = self.dice.u8(0..8);
        self.tell(&format!("Kubernetes has a bad hour: {what} {plural} {count}"));
        match what {
            0 => self.kubernetes.end_watches(plural),
            1 => self.kubernetes.break_watches(plural),
            2 => self.kubernetes.expire_watches(plural),
            3 => self.kubernetes.fault(objects(What::Refuse(500, "InternalError"))),
            4 => self.kubernetes.fault(objects(What::Refuse(409, "Conflict"))),
            5 => self.kubernetes.fault(objects(What::LoseAnswer)),
            6 => self.kubernetes.fault(objects(What::LoseRequest)),
            _ => self.kubernetes.fault(objects(What::Delay(Duration::from_secs(2)))),
        }
    }
}
