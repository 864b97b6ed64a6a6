//! The pages for newcomers, played: every command in their order, in a shell, on the stack of `testkit up`.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use kube::api::DynamicObject;
use testkit::cluster::PATIENCE;
use testkit::{Kind, object, tool};

use crate::{Down, cluster, testkit};

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

/// A shell that a newcomer has open, in a folder that looks like their clone.
struct Shell {
    home: PathBuf,
    local: PathBuf,
}

impl Shell {
    fn open(home: &Path) -> Self {
        let local = home.join(".local");
        symlink(
            tool::root().canonicalize().unwrap().join("examples"),
            home.join("examples"),
        )
        .unwrap();
        // `kubectl clb` is found by what `make up` writes down, and so is kubectl where none is installed.
        let path = std::env::var("PATH").unwrap();
        let state = format!("export PATH='{path}' HOME='{}'\n", home.display());
        std::fs::write(home.join("state"), state).unwrap();
        Self {
            home: home.to_owned(),
            local,
        }
    }

    /// Each command has a shell of its own that begins with the variables the one before it ended with.
    fn run(&self, line: &str) -> Output {
        let script = r#". ./state; eval "$1"; code=$?; export -p >state; exit "$code""#;
        Command::new("bash")
            .args(["-c", script, "bash", line])
            .current_dir(&self.home)
            .env_clear()
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What is played in another way, and why.
    async fn replaced(&self, line: &str) -> bool {
        match line.split(" #").next().unwrap_or_default().trim() {
            // What these start is of this test, and already built.
            "make up" => drop(testkit("up", &self.local)),
            "make down" => drop(testkit("down", &self.local)),
            // The one call of the page, where the AWS CLI is not installed.
            command if command.starts_with("aws ") && !self.run("aws --version").status.success() => {
                self.call_aws(command).await;
            }
            _ => return false,
        }
        true
    }

    async fn call_aws(&self, command: &str) {
        let words: Vec<&str> = command.split(' ').collect();
        let [
            "aws",
            "elb",
            "delete-load-balancer-listeners",
            "--load-balancer-name",
            name,
            "--load-balancer-ports",
            port,
        ] = words.as_slice()
        else {
            panic!("without the AWS CLI: {command}");
        };
        let endpoint = self.run("printf %s \"$AWS_ENDPOINT_URL\"").stdout;
        let config = aws_sdk_elasticloadbalancing::Config::builder()
            .behavior_version(aws_sdk_elasticloadbalancing::config::BehaviorVersion::latest())
            .region(aws_sdk_elasticloadbalancing::config::Region::new("us-east-1"))
            .endpoint_url(String::from_utf8(endpoint).unwrap())
            .credentials_provider(aws_credential_types::Credentials::from_keys(
                "AKIDEXAMPLE",
                "secret",
                None,
            ));
        let client = aws_sdk_elasticloadbalancing::Client::from_conf(config.build());
        let call = client.delete_load_balancer_listeners().load_balancer_name(*name);
        call.load_balancer_ports(port.parse().unwrap()).send().await.unwrap();
    }

    /// Plays a command of a page; what it prints, if anything is told of that, is told in `PRINTS`.
    async fn play(&self, place: &str, line: &str, told: &mut BTreeSet<&'static str>) {
        if self.replaced(line).await {
            return;
        }
        let plain = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let prints = PRINTS.iter().find(|(command, _)| plain.starts_with(command));
        // It never ends.
        let line = line.replacen("tail -f ", "tail ", 1);
        let started = Instant::now();
        loop {
            let output = self.run(&line);
            let (said, why) = (
                String::from_utf8_lossy(&output.stdout).into_owned(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            );
            let words = prints.map_or(&[][..], |(_, words)| words);
            // `plan` says by its status that there is something to do.
            let status = if prints.is_some_and(|(command, _)| *command == DRIFTED.0) {
                3
            } else {
                0
            };
            let ended = output.status.code() == Some(status);
            if ended && words.iter().all(|word| said.contains(word)) {
                break;
            }
            let again = prints.is_some() && !plain.starts_with("kubectl delete") && started.elapsed() < PATIENCE;
            assert!(
                again,
                "{place}: {line}\n{}: {words:?} expected\n{said}{why}",
                output.status
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        told.extend(prints.map(|(command, _)| *command));
    }
}

/// The commands of a page, each with its place and its remark.
fn commands(page: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(tool::root().join(page)).unwrap();
    let (mut found, mut open, mut begun) = (Vec::new(), false, String::new());
    for (at, line) in text.lines().enumerate() {
        match (line, line.strip_suffix('\\')) {
            ("```sh", _) => open = true,
            ("```", _) => open = false,
            (_, Some(begins)) if open => begun.push_str(begins),
            (ends, None) if open => found.push((format!("{page}:{}", at + 1), std::mem::take(&mut begun) + ends)),
            _ => {}
        }
    }
    found
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
