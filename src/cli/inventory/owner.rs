//! Pure: who has a load balancer.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::api::ClassicLoadBalancerStatus;
use crate::api::condition::PROGRAMMED;
use crate::elb::{TAG_ADOPT_BY, TAG_CLUSTER, TAG_OWNER, TAG_SERVICE_NAME, TAG_UID};

/// With which other controllers of Kubernetes mark the load balancers of a cluster.
const SERVICE_CLUSTER: &str = "kubernetes.io/cluster/";
/// The tags of CloudFormation and of Elastic Beanstalk.
const STACK: &str = "aws:cloudformation:stack-name";
const ENVIRONMENT: &str = "elasticbeanstalk:environment-name";
/// The tag of kOps.
const KOPS: &str = "KubernetesCluster";

/// Who has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Owner {
    /// `ClassicLoadBalancer`, `Service`, `ElasticBeanstalk`, `Kops`, `CloudFormation`, `Terraform` or `Nobody`.
    pub(super) kind: &'static str,
    /// What that calls it: `namespace/name`, an environment, a stack, an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// The cluster, where it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<String>,
    /// `tags` or `terraformState`: what says so. Nobody has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_by: Option<&'static str>,
}

/// Tags that stay when whoever set them has let go are no proof.
const STAYING: [&str; 2] = ["CloudFormation", "Terraform"];

impl Owner {
    fn new(kind: &'static str, name: Option<&str>, cluster: Option<&str>) -> Self {
        Self {
            kind,
            name: name.map(ToOwned::to_owned),
            cluster: cluster.map(ToOwned::to_owned),
            known_by: (kind != "Nobody").then_some("tags"),
        }
    }

    /// As a cell of a table.
    pub(super) fn short(&self) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        match self.kind {
            "ClassicLoadBalancer" => name.to_owned(),
            "Nobody" => String::new(),
            kind => {
                let mut text = kind.to_ascii_lowercase();
                if !name.is_empty() {
                    text.push_str(&format!("/{name}"));
                }
                if STAYING.contains(&kind) && self.known_by == Some("tags") {
                    text.push_str(" (by its tags)");
                }
                text
            }
        }
    }
}

/// What states of Terraform call load balancers.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// By region and name.
    all: BTreeMap<(String, String), Vec<Address>>,
}

/// What a state calls a load balancer, with the account where it tells it.
type Address = (Option<String>, String);

impl Addresses {
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds one by region and name.
    pub(super) fn add(&mut self, account: Option<String>, place: (String, String), address: String) {
        self.all.entry(place).or_default().push((account, address));
    }

    /// What the load balancer is called that an account has. One of another account is something else.
    pub(super) fn of(&self, account: Option<&str>, region: &str, name: &str) -> Option<&str> {
        let there = self.all.get(&(region.to_owned(), name.to_owned()))?;
        let is_it = |theirs: &Option<String>| {
            let (Some(theirs), Some(own)) = (theirs, account) else {
                return true;
            };
            theirs == own
        };
        let mut found = there.iter().filter(|(theirs, _)| is_it(theirs));
        found.next().map(|(_, address)| address.as_str())
    }
}

/// What the tags say, and after them what Terraform says: `address` is what it calls the load balancer.
pub(super) fn owner(name: &str, tags: &BTreeMap<String, String>, address: Option<&str>) -> Owner {
    let tag = |key: &str| tags.get(key).map(String::as_str);
    let service_cluster = || tags.keys().find_map(|key| key.strip_prefix(SERVICE_CLUSTER));
    if tag(TAG_CLUSTER).is_some() || tag(TAG_OWNER).is_some() {
        Owner::new("ClassicLoadBalancer", tag(TAG_OWNER), tag(TAG_CLUSTER))
    } else if let Some(service) = tag(TAG_SERVICE_NAME) {
        Owner::new("Service", Some(service), service_cluster())
    } else if let Some(environment) = tag(ENVIRONMENT) {
        Owner::new("ElasticBeanstalk", Some(environment), None)
    } else if let Some(cluster) = tag(KOPS).filter(|_| name.starts_with("api-")) {
        Owner::new("Kops", Some(cluster), Some(cluster))
    } else if let Some(address) = address {
        Owner {
            known_by: Some("terraformState"),
            ..Owner::new("Terraform", Some(address), None)
        }
    } else if let Some(stack) = tag(STACK) {
        Owner::new("CloudFormation", Some(stack), None)
    } else if tags.iter().any(|(key, value)| is_terraforms(key, value)) {
        Owner::new("Terraform", None, None)
    } else if let Some(cluster) = service_cluster() {
        Owner::new("Service", None, Some(cluster))
    } else {
        Owner::new("Nobody", None, None)
    }
}

/// Whether a tag is one by which people mark what Terraform or OpenTofu has, such as `managed-by: terraform`.
fn is_terraforms(key: &str, value: &str) -> bool {
    let (key, value) = (key.to_ascii_lowercase(), value.to_ascii_lowercase());
    let word: String = key.rsplit('/').next().unwrap_or_default().replace(['-', '_', ' '], "");
    let is_tool = |text: &str| matches!(text, "terraform" | "opentofu");
    (word == "managedby" && is_tool(&value))
        || (is_tool(&key) && matches!(value.as_str(), "true" | "yes" | "1"))
        || key.split_once(':').is_some_and(|(tool, _)| is_tool(tool))
}

/// What is to be said of its owner: that it is gone, or that it is offered to one.
pub(super) fn findings(tags: &BTreeMap<String, String>, live: Option<&Live>) -> Vec<String> {
    let tag = |key: &str| tags.get(key).map(String::as_str);
    let mut all = Vec::new();
    if let (Some(live), Some(cluster)) = (live, tag(TAG_CLUSTER))
        && live.cluster_id == cluster
        && !tag(TAG_UID).is_some_and(|uid| live.objects.contains_key(uid))
    {
        all.push("orphan: its object does not exist".to_owned());
    }
    if tag(TAG_CLUSTER).is_none()
        && let Some(to) = tag(TAG_ADOPT_BY)
    {
        all.push(format!("offered to {to}"));
    }
    all
}

/// The objects of a cluster.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) cluster_id: String,
    /// Whether AWS is as they declare, by UID.
    pub(super) objects: BTreeMap<String, Drift>,
}

impl Live {
    /// What the object says that has the load balancer with these tags.
    pub(super) fn drift(&self, tags: &BTreeMap<String, String>) -> Option<&Drift> {
        let is_ours = tags.get(TAG_CLUSTER).is_some_and(|cluster| *cluster == self.cluster_id);
        self.objects.get(tags.get(TAG_UID).filter(|_| is_ours)?)
    }
}

/// Whether AWS is as an object declares, in the words of its status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Drift {
    /// `True`, `False` or `Unknown` of its condition Programmed.
    programmed: String,
    reason: String,
    /// Calls that would make it so and that nobody makes.
    planned_calls: usize,
}

impl Drift {
    pub(super) fn of(status: &ClassicLoadBalancerStatus) -> Self {
        let mut conditions = status.conditions.iter();
        let programmed = conditions.find(|condition| condition.type_ == PROGRAMMED);
        Self {
            programmed: programmed.map_or_else(|| "Unknown".to_owned(), |condition| condition.status.clone()),
            reason: programmed.map(|condition| condition.reason.clone()).unwrap_or_default(),
            planned_calls: status.plan.len(),
        }
    }

    /// As a cell of a table.
    pub(super) fn short(&self) -> String {
        match (self.planned_calls, self.programmed.as_str()) {
            (0, "True") => "none".to_owned(),
            (0, _) if self.reason.is_empty() => "not known yet".to_owned(),
            (0, _) => self.reason.clone(),
            (1, _) => "1 call planned".to_owned(),
            (calls, _) => format!("{calls} calls planned"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_states_tell_the_owner() {
        let mut terraform = Addresses::default();
        terraform.add(
            Some("1".to_owned()),
            ("r".to_owned(), "web".to_owned()),
            "aws_elb.web".to_owned(),
        );
        assert_eq!(terraform.of(None, "r", "web"), Some("aws_elb.web"));
        assert_eq!(terraform.of(Some("2"), "r", "web"), None, "another account");
        let of = |name: &str, tags: &[(&str, &str)]| {
            let tags = tags
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect();
            owner(name, &tags, terraform.of(Some("1"), "r", name)).short()
        };
        assert_eq!(of("x", &[("team", "shop")]), "");
        assert_eq!(of("web", &[]), "terraform/aws_elb.web");
        assert_eq!(of("web", &[("classiclb.dev/owner", "shop/web")]), "shop/web");
        assert_eq!(
            of("x", &[("kubernetes.io/service-name", "shop/api")]),
            "service/shop/api"
        );
        assert_eq!(of("x", &[("kubernetes.io/cluster/b", "owned")]), "service");
        assert_eq!(
            of(
                "x",
                &[("elasticbeanstalk:environment-name", "prod"), (STACK, "awseb-e-1")]
            ),
            "elasticbeanstalk/prod"
        );
        assert_eq!(of("x", &[(STACK, "shop")]), "cloudformation/shop (by its tags)");
        assert_eq!(of("api-x", &[(KOPS, "k.example")]), "kops/k.example");
        for tag in [
            ("managed-by", "terraform"),
            ("ManagedBy", "Terraform"),
            ("managed_by", "OpenTofu"),
            ("app.kubernetes.io/managed-by", "terraform"),
            ("Terraform", "true"),
            ("terraform", "Yes"),
            ("terraform:workspace", "shop"),
        ] {
            assert_eq!(of("x", &[tag]), "terraform (by its tags)", "{tag:?}");
        }
        for tag in [
            ("managed-by", "hand"),
            ("Terraform", "false"),
            ("terraformed", "true"),
            ("team", "terraform"),
        ] {
            assert_eq!(of("x", &[tag]), "", "{tag:?}");
        }
        assert_eq!(of("web", &[("Terraform", "true")]), "terraform/aws_elb.web");
        assert_eq!(
            of("x", &[("Terraform", "true"), (STACK, "shop")]),
            "cloudformation/shop (by its tags)"
        );
    }

    #[test]
    fn what_has_no_object_is_an_orphan_of_its_own_cluster_alone() {
        let tags = |cluster: &str, uid: &str| {
            BTreeMap::from([
                (TAG_CLUSTER.to_owned(), cluster.to_owned()),
                (TAG_UID.to_owned(), uid.to_owned()),
            ])
        };
        let live = Live {
            cluster_id: "a".into(),
            objects: [("1".to_owned(), Drift::default())].into(),
        };
        assert!(live.drift(&tags("a", "1")).is_some() && live.drift(&tags("b", "1")).is_none());
        assert!(findings(&tags("a", "1"), Some(&live)).is_empty());
        assert!(findings(&tags("b", "2"), Some(&live)).is_empty());
        assert!(findings(&tags("a", "2"), None).is_empty());
        assert_eq!(
            findings(&tags("a", "2"), Some(&live)),
            ["orphan: its object does not exist"]
        );
    }
}
