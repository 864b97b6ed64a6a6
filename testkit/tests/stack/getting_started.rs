//! The pages for newcomers, played: every command in their order, in a shell, on the stack of `testkit up`.

use std::collections::BTreeSet;

use kube::api::DynamicObject;
use testkit::{Kind, object};

use crate::shell::{Shell, commands};
use crate::{Down, cluster};

/// What a command prints. It is given again until it does, as somebody would who looks too early, so these only look.
const PRINTS: [(&str, &[&str]); 19] = [
    (
        "kubectl get clb my-lb -o jsonpath",
        &["my-lb-", ".us-east-1.elb.amazonaws.com"],
    ),
    ("kubectl get clb my-lb", &["NAME", "my-lb", "True"]),
    ("kubectl get clb -o wide", &["my-lb", "True"]),
    ("kubectl get clb", &["READY", "my-lb"]),
    (
        "kubectl describe clb my-lb",
        &["TargetsHealthy", "i-4f8cf126", "Events:"],
    ),
    ("kubectl explain clb.spec.listeners", &["instancePort", "certificate"]),
    ("kubectl clb list", &["my-lb", "default/my-lb"]),
    ("kubectl clb status my-lb", &["Ready", "i-0bb7ca62", "8443"]),
    (DRIFTED.0, &[DRIFTED.1]),
    (REPAIRED.0, &[REPAIRED.1]),
    (
        "kubectl events --for clb/my-lb | grep DriftCorrected",
        &["CreateLoadBalancerListeners"],
    ),
    (
        "curl -s \"$CLB_OPERATOR_URL/metrics\" | grep drift",
        &["clb_load_balancer_drift_corrected_total", "my-lb"],
    ),
    ("curl -s \"$CLB_OPERATOR_URL/readyz\"", &[""]),
    ("tail -f .local/operator.log", &["my-lb"]),
    ("tail .local/operator.log", &["my-lb"]),
    ("echo \"$AWS_ENDPOINT_URL\"", &["http://127.0.0.1:"]),
    (
        "curl -s \"$AWS_ENDPOINT_URL/_simulator/requests\"",
        &["CreateLoadBalancer"],
    ),
    ("kubectl wait --for=condition=Ready clb/my-lb", &["condition met"]),
    ("kubectl delete clb my-lb", &["deleted"]),
];

/// `plan`, which the page shows twice with what it prints.
const DRIFTED: (&str, &str) = (
    "kubectl clb plan my-lb # CreateLoadBalancerListeners TCP 443 to TCP 8443",
    "CreateLoadBalancerListeners TCP 443 to TCP 8443",
);
const REPAIRED: (&str, &str) = (
    "kubectl clb plan my-lb # nothing to do: AWS is as declared",
    "nothing to do: AWS is as declared",
);

impl Shell {
    /// Plays a command of a page; what it prints, if anything is told of that, is told in `PRINTS`.
    async fn play(&self, place: &str, line: &str, told: &mut BTreeSet<&'static str>) {
        if self.replaced(line).await {
            return;
        }
        let plain = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let prints = PRINTS.iter().find(|(command, _)| plain.starts_with(command));
        // It never ends.
        let line = line.replacen("tail -f ", "tail ", 1);
        let words = prints.map_or(&[][..], |(_, words)| words);
        // `plan` says by its status that there is something to do.
        let status = if prints.is_some_and(|(command, _)| *command == DRIFTED.0) {
            3
        } else {
            0
        };
        let looks = prints.is_some() && !plain.starts_with("kubectl delete");
        self.until(place, &line, status, words, looks).await;
        told.extend(prints.map(|(command, _)| *command));
    }
}

/// The instance that runs in a zone which the load balancer does not serve.
fn elsewhere_is_told(object: &DynamicObject) -> bool {
    let told = object::condition(object, "TargetsHealthy").map(|condition| condition.message);
    object.data["status"]["instances"]["registered"] == 3 && told.is_some_and(|told| told.contains("us-east-1c"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_for_newcomers_do_what_they_say() {
    let temporary = tempfile::tempdir().unwrap();
    let home = temporary.path().canonicalize().unwrap();
    let shell = Shell::open(&home);
    let _down = Down(shell.local.clone());
    let mut told = BTreeSet::new();
    let page = commands("docs/getting-started.md");
    let labels = page
        .iter()
        .position(|(_, line)| line.starts_with("kubectl label node web-c role=web"));
    let labels = labels.expect("the page has a Node labelled");
    for (at, (place, line)) in page.iter().enumerate() {
        shell.play(place, line, &mut told).await;
        if at == labels {
            let cluster = cluster(&shell.local.join("kubeconfig")).await;
            let what = "have three instances, one of them in a zone that is not served";
            cluster
                .until(Kind::CLB, "my-lb", what, elsewhere_is_told)
                .await
                .unwrap();
        }
    }
    // Its first block compiles, and runs every test.
    let readme = commands("README.md");
    let from = readme
        .iter()
        .position(|(_, line)| line.starts_with("make up "))
        .unwrap();
    let until = readme.iter().position(|(_, line)| line == "make down").unwrap();
    for (place, line) in &readme[from..=until] {
        shell.play(place, line, &mut told).await;
    }
    let untold: Vec<_> = PRINTS.iter().filter(|(command, _)| !told.contains(command)).collect();
    assert!(untold.is_empty(), "on no page any more: {untold:?}");
}
