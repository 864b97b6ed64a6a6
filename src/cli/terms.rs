//! What a plan is made under: the flags of the operator.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use kube::Client;
use serde::Serialize;

use super::deployment::{self, Deployed};
use super::failure::Failure;
use super::screen;
use crate::controller::Rules;
use crate::flags::{self, RuleFlags};

/// The cluster id that is planned with where none is known.
const NO_CLUSTER: &str = "unknown-cluster";

/// Flags of the operator. Each wins over what the operator's Deployment says.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "The operator's flags (default: those in its Deployment)")]
pub(in crate::cli) struct OperatorFlags {
    /// The cluster id that the operator was installed with.
    #[arg(long, env = "CLB_CLUSTER_ID", value_name = "ID", value_parser = flags::cluster_id)]
    cluster_id: Option<String>,
    #[command(flatten)]
    rules: RuleFlags,
}

/// What the operator runs with.
#[derive(Debug)]
pub(in crate::cli) struct Terms {
    pub(in crate::cli) cluster_id: String,
    pub(in crate::cli) rules: Rules,
    /// The operator's region, for objects that name none.
    pub(in crate::cli) region: Option<String>,
    /// Namespace and name of the Deployment that says so; none where the operator's defaults are assumed.
    pub(super) deployment: Option<String>,
}

/// The same as data.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownTerms {
    deployment: Option<String>,
    watch_namespaces: Vec<String>,
    adoption: &'static str,
    binding: &'static str,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    extra_regions: BTreeSet<String>,
    read_only: bool,
    default_tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    requires_account: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_draining: Option<&'static str>,
}

impl OperatorFlags {
    /// What is given here, else what the operator's Deployment says, else the operator's defaults, which is told. The
    /// objects are in these namespaces.
    pub(in crate::cli) async fn terms(&self, client: &Client, namespaces: &BTreeSet<String>) -> Result<Terms, Failure> {
        let given = self.rules.clone();
        match (
            deployment::find(client, self.cluster_id.as_deref(), namespaces).await,
            &self.cluster_id,
        ) {
            (Ok(deployed), _) => Ok(deployed_terms(deployed, given)),
            (Err(why), None) => Err(Failure::usage(format!(
                "the cluster id is not known ({why}): give --cluster-id or set CLB_CLUSTER_ID to the clusterId that the \
                 operator was installed with"
            ))),
            (Err(why), Some(cluster_id)) => {
                let unsaid = given.unsaid();
                if !unsaid.is_empty() {
                    screen::note(&format!(
                        "the operator's flags are not known ({why}): planning with its defaults, give {} where it runs with \
                         others",
                        unsaid.join(", ")
                    ));
                }
                Ok(Terms {
                    cluster_id: cluster_id.clone(),
                    rules: given.rules(),
                    region: None,
                    deployment: None,
                })
            }
        }
    }
}

impl OperatorFlags {
    /// What is given here, and the operator's defaults for the rest; a cluster id that nobody has where none is given.
    pub(in crate::cli) fn assumed(&self) -> Terms {
        Terms {
            cluster_id: self.cluster_id.clone().unwrap_or_else(|| NO_CLUSTER.to_owned()),
            rules: self.rules.clone().rules(),
            region: None,
            deployment: None,
        }
    }

    /// Whether the cluster id is given here.
    pub(in crate::cli) fn names_cluster(&self) -> bool {
        self.cluster_id.is_some()
    }
}

fn deployed_terms(deployed: Deployed, given: RuleFlags) -> Terms {
    let Deployed {
        name,
        cluster_id,
        rules,
        region,
        unread,
        ..
    } = deployed;
    if !unread.is_empty() {
        screen::note(&format!(
            "Deployment {name} has {} from elsewhere, which was not read: give the operator's flags that they set",
            unread.join(", ")
        ));
    }
    Terms {
        cluster_id,
        rules: given.or(rules).rules(),
        region,
        deployment: Some(name),
    }
}

impl Terms {
    /// As data.
    pub(super) fn shown(&self) -> ShownTerms {
        let Rules {
            namespaces,
            adoption,
            binding,
            extra_regions,
            read_only,
            default_tags,
            requires_account,
            node_draining,
        } = self.rules.clone();
        ShownTerms {
            deployment: self.deployment.clone(),
            watch_namespaces: namespaces.named().map(ToOwned::to_owned).collect(),
            adoption: adoption.as_str(),
            binding: binding.as_str(),
            extra_regions,
            read_only,
            default_tags,
            requires_account,
            node_draining: node_draining.is_on().then(|| node_draining.as_str()),
        }
    }
}
