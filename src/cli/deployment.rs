//! What the operator of the cluster was started with, as its Deployment says.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use crate::cli::failure::Failure;
use crate::flags::{LeasePer, RuleFlags, Run};

/// The label of the chart's Deployment.
const LABEL: &str = "app.kubernetes.io/name=classic-lb-operator";
/// The chart's name of the container.
const CONTAINER: &str = "operator";
/// What the variables of our own flags begin with.
const OURS: &str = "CLB_";
/// Where AWS's standard chain looks for the region, first to last.
const REGION: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// An operator's command line.
#[derive(Debug)]
pub(super) struct Deployed {
    /// Namespace and name of the Deployment.
    pub(super) name: String,
    pub(super) cluster_id: String,
    pub(super) rules: RuleFlags,
    /// The region of objects that name none.
    pub(super) region: Option<String>,
    /// Variables of flags whose values do not stand in the Deployment.
    pub(super) unread: Vec<String>,
    /// The namespace of the Lease that its pods lead by.
    pub(super) lease_namespace: String,
    /// What has a Lease.
    pub(super) lease_per: LeasePer,
    /// The image of its container.
    pub(super) image: String,
}

impl Deployed {
    fn watches(&self, namespaces: &BTreeSet<String>) -> bool {
        let watched = self.rules.clone().rules().namespaces;
        namespaces.iter().all(|namespace| watched.hold(namespace))
    }
}

/// Every Deployment of an operator.
pub(super) async fn list(client: &Client) -> Result<Vec<Deployment>, Failure> {
    let list = Api::<Deployment>::all(client.clone())
        .list(&ListParams::default().labels(LABEL))
        .await;
    list.map(|list| list.items)
        .map_err(|error| Failure::kube("looking for the operator's Deployment", &error))
}

/// The operator of this cluster, or that with this cluster id; of several, the one that watches these namespaces. The
/// error says in words why it is not known.
pub(super) async fn find(
    client: &Client,
    wanted: Option<&str>,
    namespaces: &BTreeSet<String>,
) -> Result<Deployed, String> {
    let list = list(client).await.map_err(|failure| failure.to_string())?;
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for deployment in &list {
        match read(deployment) {
            Ok(deployed) => found.push(deployed),
            Err(why) => refused.push(why),
        }
    }
    if let Some(id) = wanted {
        found.retain(|deployed| deployed.cluster_id == id);
    }
    if found.len() > 1 && found.iter().any(|deployed| deployed.watches(namespaces)) {
        found.retain(|deployed| deployed.watches(namespaces));
    }
    match <[Deployed; 1]>::try_from(found) {
        Ok([deployed]) => Ok(deployed),
        Err(none) if none.is_empty() => Err(match (refused.is_empty(), wanted) {
            (false, _) => refused.join("; "),
            (true, Some(id)) if !list.is_empty() => format!("no operator of cluster id {id} was found"),
            (true, _) => "no Deployment of the operator was found".to_owned(),
        }),
        Err(several) => {
            let each = several
                .iter()
                .map(|one| format!("{} with {}", one.name, one.cluster_id));
            Err(format!(
                "several operators run: {}",
                each.collect::<Vec<_>>().join(", ")
            ))
        }
    }
}

/// What it says.
///
/// # Errors
/// In words, where this version cannot read it.
pub(super) fn read(deployment: &Deployment) -> Result<Deployed, String> {
    let name = format!(
        "{}/{}",
        deployment.namespace().unwrap_or_default(),
        deployment.name_any()
    );
    let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let containers = pod.map(|pod| pod.containers.as_slice()).unwrap_or_default();
    let container = containers.iter().find(|container| container.name == CONTAINER);
    let container = container
        .or(containers.first())
        .ok_or_else(|| format!("Deployment {name} has no container"))?;
    let (environment, unknown) = environment(container);
    let expand = |text: &String| expand(text, &environment, &unknown);
    // The image's entrypoint is the program alone; a command of the Deployment's own replaces it.
    let command = container.command.iter().flatten().skip(1);
    let arguments = command.chain(container.args.iter().flatten()).map(expand);
    let run = arguments
        .collect::<Result<Vec<String>, String>>()
        .and_then(|arguments| Run::elsewhere(&arguments, &environment))
        .map_err(|why| format!("the arguments in Deployment {name} cannot be read by this version: {why}"))?;
    let mut unread: Vec<String> = unknown.into_iter().filter(|name| name.starts_with(OURS)).collect();
    if container.env_from.as_ref().is_some_and(|sources| !sources.is_empty()) {
        unread.push("envFrom".to_owned());
    }
    Ok(Deployed {
        name,
        cluster_id: run.cluster_id,
        rules: run.rules,
        lease_namespace: run.lease_namespace,
        lease_per: run.lease_per,
        image: container.image.clone().unwrap_or_default(),
        region: REGION
            .into_iter()
            .filter_map(|name| environment.get(name))
            .find(|region| !region.is_empty())
            .cloned(),
        unread,
    })
}

/// The variables whose values stand here, and the names of those that come from a ConfigMap, a Secret or a field.
fn environment(container: &Container) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let (mut known, mut unknown) = (BTreeMap::new(), BTreeSet::new());
    for variable in container.env.iter().flatten() {
        if variable.value_from.is_some() {
            unknown.insert(variable.name.clone());
            continue;
        }
        let value = variable.value.clone().unwrap_or_default();
        match expand(&value, &known, &unknown) {
            Ok(value) => {
                known.insert(variable.name.clone(), value);
            }
            Err(_) => {
                unknown.insert(variable.name.clone());
            }
        }
    }
    (known, unknown)
}

/// As the kubelet does: `$(NAME)` is the value of a variable, `$$` a dollar sign, and a name that nobody gave stays as
/// it is.
fn expand(text: &str, known: &BTreeMap<String, String>, unknown: &BTreeSet<String>) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match known.get(name) {
                Some(value) => expanded.push_str(value),
                None if unknown.contains(name) => return Err(format!("$({name}) has its value elsewhere")),
                None => expanded.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            expanded.push('$');
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn deployment(container: &Value) -> Deployment {
        let pod = json!({"metadata": {}, "spec": {"containers": [{"name": "sidecar"}, container]}});
        let spec = json!({"selector": {}, "template": pod});
        let text = json!({"metadata": {"namespace": "ops", "name": "clb"}, "spec": spec});
        serde_json::from_value(text).expect("a Deployment")
    }

    #[test]
    fn what_this_version_would_refuse_is_told_with_the_deployment() {
        let environment = json!([{"name": "CLUSTER", "value": "blue"}]);
        let container =
            json!({"name": "operator", "args": ["run", "--cluster-id=$(CLUSTER)-$$(x)"], "env": environment});
        let why = read(&deployment(&container)).expect_err("a dollar sign is none that a cluster id may have");
        assert!(why.contains("ops/clb") && why.contains("blue-$(x)"), "{why}");
    }

    #[test]
    fn a_command_goes_before_the_arguments_and_what_comes_from_elsewhere_is_named() {
        let read = read(&deployment(&json!({
            "name": "operator",
            "command": ["/clb-operator", "run"],
            "args": ["--cluster-id=$(CLUSTER)", "--adoption=any"],
            "env": [
                {"name": "CLUSTER", "value": "blue"},
                {"name": "AWS_DEFAULT_REGION", "value": "eu-west-1"},
                {"name": "CLB_READ_ONLY", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}},
                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
            "envFrom": [{"secretRef": {"name": "x"}}],
        })))
        .expect("read");
        assert_eq!((read.name.as_str(), read.cluster_id.as_str()), ("ops/clb", "blue"));
        assert_eq!(read.region.as_deref(), Some("eu-west-1"));
        assert_eq!(read.unread, ["CLB_READ_ONLY", "envFrom"]);
    }

    #[test]
    fn an_argument_whose_value_stands_elsewhere_is_not_guessed() {
        let why = read(&deployment(&json!({
            "name": "operator",
            "args": ["run", "--cluster-id=$(CLUSTER)"],
            "env": [{"name": "CLUSTER", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}],
        })))
        .expect_err("refused");
        assert!(why.contains("$(CLUSTER) has its value elsewhere"), "{why}");
    }

    #[test]
    fn references_are_expanded_as_the_kubelet_does() {
        let known = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        for (text, expected) in [
            ("$(A)b", "1b"),
            ("$$(A)", "$(A)"),
            ("$(B)", "$(B)"),
            ("$A $(A", "$A $(A"),
            ("$", "$"),
        ] {
            assert_eq!(
                expand(text, &known, &BTreeSet::new()),
                Ok(expected.to_owned()),
                "{text}"
            );
        }
    }
}
