//! The operator: its Deployment, its pods, and who leads.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::{Checked, clock, of};
use crate::cli::age::age;
use crate::cli::deployment::{self, Deployed};
use crate::cli::failure::Failure;
use crate::cli::finding::{Finding, Grade};
use crate::controller::Namespaces;
use crate::flags::LeasePer;

/// So many restarts are none of an upgrade.
const RESTARTS: i32 = 3;

/// An operator that was found.
#[derive(Debug)]
pub(super) struct Operator {
    /// Namespace and name of its Deployment.
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) cluster_id: String,
    pub(super) service_account: String,
    pub(super) lease: String,
    pub(super) lease_namespace: String,
    /// Its replicas share the work.
    pub(super) shares: bool,
    /// Those that it watches; empty: all.
    pub(super) namespaces: Vec<String>,
    /// The labels of its pods.
    pub(super) selector: String,
    /// The scheme and the port of its metrics.
    pub(super) metrics: (&'static str, i32),
}

/// The port of the metrics, where the pod says nothing of ports.
const PORT: i32 = 8080;

/// What is to be said of every operator of the cluster.
pub(super) async fn checks(client: &Client, pre: bool) -> (Vec<Checked>, Vec<Operator>) {
    let code = "operator-deployment";
    let found = match deployment::list(client).await {
        Ok(found) => found,
        Err(failure) => {
            let finding = Finding::warning("the operator's Deployment was not looked for");
            return (vec![of(code, finding.with(&failure.to_string()))], Vec::new());
        }
    };
    let (mut checks, mut operators) = (Vec::new(), Vec::new());
    if found.is_empty() {
        let finding = if pre {
            Finding::success("no operator is installed yet")
        } else {
            no_deployment(client).await
        };
        checks.push(of(code, finding));
    }
    for deployment in &found {
        let name = format!(
            "{}/{}",
            deployment.namespace().unwrap_or_default(),
            deployment.name_any()
        );
        if pre {
            let line = format!("Deployment {name} is an operator already");
            let hint = "another one must have a clusterId and namespaces of its own";
            checks.push(of(code, Finding::warning(line).hint(hint)));
            continue;
        }
        checks.push(of(code, replicas(&name, deployment)));
        checks.extend(pods(client, &name, deployment).await);
        match deployment::read(deployment) {
            Err(why) => checks.push(of(
                "operator-version",
                Finding::warning(why).hint("take the kubectl-clb of the operator's version"),
            )),
            Ok(deployed) => {
                checks.push(of("operator-version", version(&deployed)));
                let operator = operator(deployment, deployed);
                checks.push(of("operator-lease", leader(client, &operator).await));
                operators.push(operator);
            }
        }
    }
    (checks, operators)
}

/// No Deployment was found. An operator may work all the same, as a process on some machine: then it holds a Lease.
async fn no_deployment(client: &Client) -> Finding {
    let label = "no Deployment has the label app.kubernetes.io/name=classic-lb-operator";
    let leases = Api::<Lease>::all(client.clone()).list(&ListParams::default()).await;
    let leases = leases.map(|list| list.items).unwrap_or_default();
    let prefix = Namespaces::default().lease();
    let mut leaders = leases.iter().filter(|lease| lease.name_any().starts_with(&prefix));
    let leader = leaders.find_map(|lease| {
        let name = format!("{}/{}", lease.namespace().unwrap_or_default(), lease.name_any());
        let found = held(&name, lease, clock::now());
        (found.result == Grade::Success).then_some(found.description)
    });
    match leader {
        Some(leader) => Finding::warning(format!("{label}, but {leader}"))
            .hint("an operator runs outside of the cluster: its flags, version and rights are not checked"),
        None => Finding::error(format!("no operator is installed: {label}"))
            .hint("install the chart; kubectl clb check --pre says whether you can"),
    }
}

fn operator(deployment: &Deployment, deployed: Deployed) -> Operator {
    let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let account = pod.and_then(|pod| pod.service_account_name.clone());
    let namespaces = deployed.rules.rules().namespaces;
    Operator {
        name: deployed.name,
        cluster_id: deployed.cluster_id,
        namespace: deployment.namespace().unwrap_or_default(),
        service_account: account.unwrap_or_else(|| "default".to_owned()),
        lease: namespaces.lease(),
        lease_namespace: deployed.lease_namespace,
        shares: deployed.lease_per == LeasePer::Region,
        namespaces: namespaces.named().map(ToOwned::to_owned).collect(),
        selector: selector(deployment),
        metrics: metrics(deployment),
    }
}

/// The labels of a Deployment's pods.
fn selector(deployment: &Deployment) -> String {
    let spec = deployment.spec.as_ref();
    let labels = spec.and_then(|spec| spec.selector.match_labels.as_ref());
    let labels = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={value}"));
    labels.collect::<Vec<_>>().join(",")
}

/// The chart calls the port `metrics` where they are behind TLS on one of their own.
fn metrics(deployment: &Deployment) -> (&'static str, i32) {
    let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let containers = pod.into_iter().flat_map(|pod| &pod.containers);
    let ports: Vec<_> = containers
        .flat_map(|container| container.ports.iter().flatten())
        .collect();
    let port = |name: &str| {
        let found = ports.iter().find(|port| port.name.as_deref() == Some(name));
        found.map(|port| port.container_port)
    };
    port("metrics").map_or_else(|| ("http", port("http").unwrap_or(PORT)), |port| ("https", port))
}

fn replicas(name: &str, deployment: &Deployment) -> Finding {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas);
    let line = format!(
        "Deployment {name}: {} of {wanted} pods ready",
        ready.unwrap_or_default()
    );
    match ready.unwrap_or_default() {
        _ if wanted == 0 => Finding::error(format!("Deployment {name} has no replicas")).hint(format!(
            "kubectl scale deployment --replicas=1 -n {}",
            name.replacen('/', " ", 1)
        )),
        0 => Finding::error(line).hint(format!("kubectl describe deployment -n {}", name.replacen('/', " ", 1))),
        ready if ready < wanted => Finding::warning(line).hint("one of them serves; see its pods"),
        _ => Finding::success(line),
    }
}

fn version(deployed: &Deployed) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    let image = deployed.image.split('@').next().unwrap_or_default();
    let tag = image
        .rsplit_once(':')
        .map(|(_, tag)| tag)
        .filter(|tag| !tag.contains('/'));
    let told = format!("{} runs {}", deployed.name, deployed.image);
    match tag {
        Some(tag) if tag.trim_start_matches('v') == ours => Finding::success(told),
        _ => Finding::warning(format!("{told}, and this is kubectl-clb {ours}"))
            .hint("take the kubectl-clb of the operator's version where they differ"),
    }
}

/// Pods that do not get on.
async fn pods(client: &Client, name: &str, deployment: &Deployment) -> Vec<Checked> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &deployment.namespace().unwrap_or_default());
    let list = match api.list(&ListParams::default().labels(&selector(deployment))).await {
        Ok(list) => list,
        Err(error) => {
            let finding = Finding::warning(format!("the pods of {name} were not looked at"));
            return vec![of(
                "operator-pods",
                finding.with(&Failure::kube("listing pods", &error).to_string()),
            )];
        }
    };
    list.items
        .iter()
        .filter_map(ailing)
        .map(|finding| of("operator-pods", finding))
        .collect()
}

fn ailing(pod: &Pod) -> Option<Finding> {
    let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    containers.iter().find_map(|container| {
        let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
        let ended = container
            .last_state
            .as_ref()
            .and_then(|state| state.terminated.as_ref());
        let why = waiting.and_then(|waiting| waiting.reason.clone());
        if why.is_none() && (container.restart_count < RESTARTS || container.ready) {
            return None;
        }
        let why = why.unwrap_or_else(|| format!("{} restarts", container.restart_count));
        let said = waiting.and_then(|waiting| waiting.message.clone());
        let said = said.or_else(|| ended.and_then(|ended| ended.message.clone()));
        Some(
            Finding::error(format!("pod {namespace}/{name}: {why}"))
                .with(&said.unwrap_or_default())
                .hint(format!("kubectl logs -n {namespace} {name} --previous")),
        )
    })
}

async fn leader(client: &Client, operator: &Operator) -> Finding {
    let (namespace, name) = (&operator.lease_namespace, &operator.lease);
    let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
    match api.get_opt(name).await {
        Ok(Some(lease)) => held(&format!("{namespace}/{name}"), &lease, clock::now()),
        Ok(None) => Finding::error(format!("nobody leads: there is no Lease {namespace}/{name}"))
            .hint("see the log of the operator, and whether it may create Leases there"),
        Err(error) => Finding::warning(format!("who holds Lease {namespace}/{name} is not known"))
            .with(&Failure::kube("reading it", &error).to_string()),
    }
}

fn held(name: &str, lease: &Lease, now: Timestamp) -> Finding {
    let spec = lease.spec.clone().unwrap_or_default();
    let holder = spec.holder_identity.unwrap_or_default();
    let lasts = i64::from(spec.lease_duration_seconds.unwrap_or_default());
    let renewed = spec.renew_time.map(|time| time.0);
    let hint = "the operator takes it within a minute; if it does not, see its log";
    match renewed {
        _ if holder.is_empty() => Finding::error(format!("nobody holds Lease {name}")).hint(hint),
        // The clocks of two machines are compared.
        Some(renewed) if now.as_second() - renewed.as_second() > lasts.max(1) * 2 => Finding::error(format!(
            "{holder} holds Lease {name} and has not renewed it for {}",
            age(renewed, now)
        ))
        .hint(hint),
        _ => Finding::success(format!("{holder} leads (Lease {name})")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_lease_that_nobody_renews_is_told() {
        let now: Timestamp = "2026-11-27T11:00:00Z".parse().expect("a time");
        let of = |holder: &str, renewed: &str| {
            let spec = json!({"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": renewed});
            held(
                "a/b",
                &serde_json::from_value(json!({"spec": spec})).expect("a Lease"),
                now,
            )
            .result
        };
        assert_eq!(of("me", "2026-11-27T10:59:50.000000Z"), Grade::Success);
        assert_eq!(of("me", "2026-11-27T10:59:00.000000Z"), Grade::Error);
        assert_eq!(of("", "2026-11-27T10:59:59.000000Z"), Grade::Error);
    }

    #[test]
    fn a_pod_that_does_not_get_on_is_told() {
        let pod = |container: &serde_json::Value| {
            let pod =
                json!({"metadata": {"name": "p", "namespace": "n"}, "status": {"containerStatuses": [container]}});
            ailing(&serde_json::from_value(pod).expect("a pod")).map(|found| found.description)
        };
        let base = |ready: bool, restarts: i32, state: serde_json::Value| json!({"name": "operator", "image": "x", "imageID": "x", "ready": ready, "restartCount": restarts, "state": state});
        assert_eq!(pod(&base(true, 0, json!({}))), None);
        assert_eq!(pod(&base(true, 9, json!({}))), None);
        assert_eq!(pod(&base(false, 9, json!({}))).as_deref(), Some("pod n/p: 9 restarts"));
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff"}});
        assert_eq!(
            pod(&base(false, 0, waiting)).as_deref(),
            Some("pod n/p: ImagePullBackOff")
        );
    }
}
