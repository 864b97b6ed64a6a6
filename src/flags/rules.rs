//! The flags that decide what is done with an object.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use clap::{Args, ValueEnum};

use super::region_name;
use crate::api::Permission;
use crate::controller::{Namespaces, NodeDraining, Rules};
use crate::plan::adoption::Adoption;
use crate::plan::desired;

/// The flags that decide what is done with an object. None has a default here, so that those of one command line can
/// stand in for what another leaves out.
#[derive(Args, Clone, Debug, Default)]
pub struct RuleFlags {
    /// Namespaces whose objects are worked on, such as shop,web; may be given more than once. Their objects and
    /// Services are watched in each, Nodes in the whole cluster. The operator's default is all namespaces.
    #[arg(long, env = "CLB_WATCH_NAMESPACES", value_name = "NAMESPACE,…", value_parser = Namespaces::from_str)]
    watch_namespaces: Option<Vec<Namespaces>>,
    /// Tags of every load balancer, such as team=web,env=prod. Tags of an object win over them; taken out here, they
    /// are removed.
    #[arg(long, env = "CLB_DEFAULT_TAGS", value_name = "KEY=VALUE,…", value_parser = DefaultTags::read)]
    default_tags: Option<DefaultTags>,
    /// Which existing load balancers are taken over where an object asks for it (spec.adopt): none; those whose tags
    /// offer them, by classiclb.dev/adopt-by=CLUSTER-ID/NAMESPACE/NAME or by naming the object before it was restored;
    /// or also any that has no owner. The operator's default is tagged.
    #[arg(long, env = "CLB_ADOPTION", value_enum)]
    pub(super) adoption: Option<PermissionFlag>,
    /// Which load balancers of others objects may register instances with (ClassicLoadBalancerBinding): none; those whose
    /// tags offer them, by classiclb.dev/bind-by=CLUSTER-ID/NAMESPACE/NAME; or also any that has no owner. The operator's
    /// default is tagged.
    #[arg(long, env = "CLB_BINDING", value_enum)]
    binding: Option<PermissionFlag>,
    /// Regions of AWS that there are though this version does not know them, such as xx-west-1,yy-east-1. An object in
    /// another is refused.
    #[arg(long, env = "CLB_EXTRA_REGIONS", value_name = "REGION,…", value_parser = region_name, value_delimiter = ',')]
    extra_regions: Option<Vec<String>>,
    /// Whether objects may do without spec.accountRef: their load balancers are then in the account of the operator's own
    /// identity. The operator's default is on.
    #[arg(long, env = "CLB_DEFAULT_ACCOUNT", value_enum)]
    default_account: Option<Switch>,
    /// What is done with Nodes that are about to go, as taints of the cluster autoscaler, of Karpenter and of the AWS Node
    /// Termination Handler announce: nothing, before they are deleted; deregister them and tell each by an annotation how far
    /// it has drained; or also make the cluster autoscaler wait for that. The operator's default is none.
    #[arg(long, env = "CLB_NODE_DRAINING", value_enum)]
    node_draining: Option<DrainingFlag>,
    /// Write nothing to AWS: every object is treated as if spec.management were Observe.
    #[arg(long, env = "CLB_READ_ONLY", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    read_only: Option<bool>,
}

impl RuleFlags {
    /// These, and the other's where these say nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let Self {
            watch_namespaces,
            default_tags,
            adoption,
            binding,
            extra_regions,
            default_account,
            node_draining,
            read_only,
        } = self;
        Self {
            watch_namespaces: watch_namespaces.or(other.watch_namespaces),
            default_tags: default_tags.or(other.default_tags),
            adoption: adoption.or(other.adoption),
            binding: binding.or(other.binding),
            extra_regions: extra_regions.or(other.extra_regions),
            default_account: default_account.or(other.default_account),
            node_draining: node_draining.or(other.node_draining),
            read_only: read_only.or(other.read_only),
        }
    }

    /// The flags that are not given.
    pub fn unsaid(&self) -> Vec<&'static str> {
        let Self {
            watch_namespaces,
            default_tags,
            adoption,
            binding: _,
            extra_regions: _,
            default_account,
            node_draining,
            read_only,
        } = self;
        let flags = [
            ("--adoption", adoption.is_none()),
            ("--default-account", default_account.is_none()),
            ("--default-tags", default_tags.is_none()),
            ("--node-draining", node_draining.is_none()),
            ("--read-only", read_only.is_none()),
            ("--watch-namespaces", watch_namespaces.is_none()),
        ];
        flags
            .into_iter()
            .filter(|(_, unsaid)| *unsaid)
            .map(|(flag, _)| flag)
            .collect()
    }

    /// The rules, with the operator's defaults for what is not said.
    pub fn rules(self) -> Rules {
        let Self {
            watch_namespaces,
            default_tags,
            adoption,
            binding,
            extra_regions,
            default_account,
            node_draining,
            read_only,
        } = self;
        let defaults = Rules::default();
        Rules {
            namespaces: watch_namespaces.into_iter().flatten().collect(),
            adoption: adoption.map_or(defaults.adoption, Into::into),
            binding: binding.map_or(defaults.binding, Into::into),
            extra_regions: extra_regions.into_iter().flatten().collect(),
            read_only: read_only.unwrap_or(defaults.read_only),
            default_tags: default_tags.map_or(defaults.default_tags, |tags| tags.0),
            node_draining: node_draining.map_or(defaults.node_draining, Into::into),
            requires_account: default_account.map_or(defaults.requires_account, |switch| switch == Switch::Off),
        }
    }
}

/// Whether something is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Tags of every load balancer.
#[derive(Clone, Debug)]
struct DefaultTags(BTreeMap<String, String>);

impl DefaultTags {
    fn read(text: &str) -> Result<Self, String> {
        desired::default_tags(text).map(Self)
    }
}

/// Which load balancers of others may be used.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PermissionFlag {
    Never,
    Tagged,
    Any,
}

/// What is done with Nodes that are about to go.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum DrainingFlag {
    None,
    Tell,
    Delay,
}

impl From<DrainingFlag> for NodeDraining {
    fn from(flag: DrainingFlag) -> Self {
        match flag {
            DrainingFlag::None => Self::None,
            DrainingFlag::Tell => Self::Tell,
            DrainingFlag::Delay => Self::Delay,
        }
    }
}

impl From<PermissionFlag> for Adoption {
    fn from(flag: PermissionFlag) -> Self {
        match flag {
            PermissionFlag::Never => Self::Never,
            PermissionFlag::Tagged => Self::Tagged,
            PermissionFlag::Any => Self::Any,
        }
    }
}

impl From<PermissionFlag> for Permission {
    fn from(flag: PermissionFlag) -> Self {
        match flag {
            PermissionFlag::Never => Self::Never,
            PermissionFlag::Tagged => Self::Tagged,
            PermissionFlag::Any => Self::Any,
        }
    }
}
