//! Pure: manifests as a person would have written them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::api::{
    AccountRef, Attributes, Backend, ClassicLoadBalancerSpec, DeletionPolicy, HealthCheck, Listener, Registration,
    Scheme, Targets,
};
use crate::cli::failure::Failure;
use crate::controller::Kind;

/// The longest name of a namespace.
const NAMESPACE: usize = 63;

/// An object to be written.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cli) struct Manifest {
    pub(in crate::cli) kind: Kind,
    pub(in crate::cli) namespace: String,
    pub(in crate::cli) name: String,
    pub(in crate::cli) spec: ClassicLoadBalancerSpec,
    /// What stands above it as comments.
    pub(in crate::cli) comments: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    spec: Spec<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    namespace: &'a str,
    name: &'a str,
}

/// The fields in the order in which people think of them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_ref: Option<&'a AccountRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_balancer_name: Option<&'a String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adopt: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_policy: Option<DeletionPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheme: Option<Scheme>,
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_zones: Option<&'a Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subnets: Option<&'a Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_groups: Option<&'a Vec<String>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    listeners: &'a [Listener],
    #[serde(skip_serializing_if = "Option::is_none")]
    backends: Option<&'a Vec<Backend>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check: Option<&'a HealthCheck>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<&'a Attributes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<&'a Targets>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration: Option<&'a Registration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a BTreeMap<String, String>>,
}

impl Manifest {
    fn document(&self) -> Document<'_> {
        let spec = &self.spec;
        Document {
            api_version: "classiclb.dev/v1alpha1",
            kind: match self.kind {
                Kind::Owner => "ClassicLoadBalancer",
                Kind::Binding => "ClassicLoadBalancerBinding",
            },
            metadata: Metadata {
                namespace: &self.namespace,
                name: &self.name,
            },
            spec: Spec {
                region: spec.region.as_ref(),
                account_ref: spec.account_ref.as_ref(),
                load_balancer_name: spec.load_balancer_name.as_ref(),
                adopt: spec.adopt,
                deletion_policy: spec.deletion_policy,
                scheme: Some(spec.scheme).filter(|scheme| *scheme != Scheme::default()),
                availability_zones: spec.availability_zones.as_ref(),
                subnets: spec.subnets.as_ref(),
                security_groups: spec.security_groups.as_ref(),
                listeners: &spec.listeners,
                backends: spec.backends.as_ref(),
                health_check: spec.health_check.as_ref(),
                attributes: spec.attributes.as_ref(),
                targets: spec.targets.as_ref(),
                registration: spec.registration.as_ref(),
                tags: spec.tags.as_ref(),
            },
        }
    }

    /// As YAML.
    pub(in crate::cli) fn yaml(&self) -> Result<String, Failure> {
        let document = serde_saphyr::to_string(&self.document())
            .map_err(|error| Failure::new(format!("writing YAML: {error}")))?;
        let comments: String = self.comments.iter().map(|line| format!("# {line}\n")).collect();
        Ok(comments + &document)
    }

    /// As JSON.
    pub(in crate::cli) fn json(&self) -> Result<serde_json::Value, Failure> {
        serde_json::to_value(self.document()).map_err(|error| Failure::new(format!("writing JSON: {error}")))
    }
}

/// The `kustomization.yaml` of these files.
pub(in crate::cli) fn kustomization(files: &[String]) -> String {
    let resources: String = files.iter().map(|file| format!("- {file}\n")).collect();
    format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{resources}")
}

/// The name of an object for a load balancer, which no other object of its namespace or kind has.
pub(in crate::cli) fn object_name(
    load_balancer: &str,
    region: &str,
    scope: &str,
    taken: &mut BTreeSet<(String, String)>,
) -> String {
    let plain = load_balancer.to_ascii_lowercase();
    let in_region = format!("{plain}-{region}");
    let numbered = (2..).map(|number| format!("{plain}-{number}"));
    let names = [plain.clone(), in_region].into_iter().chain(numbered);
    let mut free = names.filter(|name| taken.insert((scope.to_owned(), name.clone())));
    free.next().unwrap_or(plain)
}

/// A text as the name of a namespace; `None` where nothing of it is left.
pub(in crate::cli) fn namespace(text: &str) -> Option<String> {
    let legal = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = text.chars().map(legal).take(NAMESPACE).collect();
    let name = name.trim_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_load_balancers_and_unique() {
        let mut taken = BTreeSet::new();
        let mut name = |lb: &str, namespace: &str| object_name(lb, "eu-west-1", namespace, &mut taken);
        assert_eq!(name("Web", "shop"), "web");
        assert_eq!(name("web", "shop"), "web-eu-west-1");
        assert_eq!(name("WEB", "shop"), "web-2");
        assert_eq!(name("web", "other"), "web");
        assert_eq!(namespace("Team Shop").as_deref(), Some("team-shop"));
        assert_eq!(namespace("..."), None);
    }

    #[test]
    fn nothing_of_a_spec_is_left_out_but_the_default_scheme() {
        let spec: ClassicLoadBalancerSpec = serde_json::from_value(serde_json::json!({
            "region": "us-east-1", "accountRef": {"name": "payments"}, "loadBalancerName": "web", "adopt": true, "deletionPolicy": "Retain",
            "scheme": "internal", "subnets": ["subnet-0123456789abcdef0"], "securityGroups": ["sg-0123456789abcdef0"],
            "listeners": [{"port": 80, "protocol": "TCP", "instancePort": 8080}],
            "backends": [{"instancePort": 8080, "proxyProtocol": true}],
            "healthCheck": {"target": "HTTP:8080/"}, "attributes": {"crossZone": true},
            "targets": {"instanceIds": ["i-0123456789abcdef0"]}, "registration": {"mode": "Additive"},
            "tags": {"team": "shop", "yes": "no", "number": "1"},
        }))
        .expect("a spec");
        let mut manifest = Manifest {
            kind: Kind::Owner,
            namespace: "shop".into(),
            name: "web".into(),
            spec,
            comments: vec!["a word".into()],
        };
        let read = |manifest: &Manifest| -> ClassicLoadBalancerSpec {
            let text = manifest.yaml().expect("YAML");
            assert!(
                text.starts_with("# a word\napiVersion: classiclb.dev/v1alpha1\n"),
                "{text}"
            );
            let value: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
            assert_eq!(value, manifest.json().expect("JSON"), "{text}");
            serde_json::from_value(value["spec"].clone()).expect("a spec")
        };
        assert_eq!(read(&manifest), manifest.spec);
        manifest.spec.scheme = Scheme::InternetFacing;
        assert_eq!(read(&manifest), manifest.spec);
        assert!(!manifest.yaml().expect("YAML").contains("scheme"));
    }
}
