//! What Auto Scaling remembers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::clock::Timestamp;
use crate::wire::ApiError;
use crate::wire::params::short;

/// Auto Scaling in one region of one account.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Groups {
    pub(crate) configurations: BTreeMap<String, LaunchConfiguration>,
    pub(crate) by_name: BTreeMap<String, Group>,
    /// When something has to happen next.
    pub(super) due: Option<Timestamp>,
}

impl Groups {
    /// Has the groups looked at by that time.
    pub(crate) fn wake(&mut self, at: Timestamp) {
        if !self.by_name.is_empty() {
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
        }
    }

    pub(super) fn get(&self, name: &str) -> Result<&Group, ApiError> {
        self.by_name.get(name).ok_or_else(|| no_group(name))
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Result<&mut Group, ApiError> {
        self.by_name.get_mut(name).ok_or_else(|| no_group(name))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LaunchConfiguration {
    pub(crate) image_id: String,
    pub(crate) instance_type: String,
    pub(crate) key_name: Option<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) created: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group {
    pub(crate) launch_configuration: Option<String>,
    /// Name or id of a launch template, which the simulator does not look into.
    pub(crate) launch_template: Option<String>,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) desired: u32,
    /// The subnets instances are launched in.
    pub(crate) subnets: Vec<String>,
    /// Whether the request gave subnets, which Describe then shows.
    pub(crate) by_subnet: bool,
    pub(crate) zones: Vec<String>,
    pub(crate) balancers: BTreeMap<String, Attachment>,
    pub(crate) members: BTreeMap<SmolStr, Member>,
    pub(crate) tags: BTreeMap<String, GroupTag>,
    pub(crate) health_check_type: String,
    pub(crate) grace_period: u32,
    pub(crate) cooldown: u32,
    pub(crate) created: Timestamp,
    /// Before this nothing is launched or terminated.
    pub(crate) acts_from: Timestamp,
    pub(crate) activities: Vec<Activity>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct GroupTag {
    pub(crate) value: String,
    pub(crate) propagate: bool,
}

/// A balancer of a group.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Attachment {
    /// Members are registered from then on.
    Adding(Timestamp),
    Added,
    /// It is gone from the group from then on.
    Removing(Timestamp),
}

/// An instance of a group.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) since: Timestamp,
    /// When it leaves this state by itself, for those that wait for connections to drain.
    pub(crate) until: Option<Timestamp>,
    pub(crate) protected: bool,
}

/// The lifecycle states of members. Those of lifecycle hooks and warm pools come only by seeds, and stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Lifecycle {
    Pending,
    #[serde(rename = "Pending:Wait")]
    PendingWait,
    #[serde(rename = "Pending:Proceed")]
    PendingProceed,
    InService,
    Terminating,
    #[serde(rename = "Terminating:Wait")]
    TerminatingWait,
    #[serde(rename = "Terminating:Proceed")]
    TerminatingProceed,
    Detaching,
    EnteringStandby,
    Standby,
    #[serde(rename = "Warmed:Pending")]
    WarmedPending,
    #[serde(rename = "Warmed:Running")]
    WarmedRunning,
    #[serde(rename = "Warmed:Stopped")]
    WarmedStopped,
}

impl Lifecycle {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::PendingWait => "Pending:Wait",
            Self::PendingProceed => "Pending:Proceed",
            Self::InService => "InService",
            Self::Terminating => "Terminating",
            Self::TerminatingWait => "Terminating:Wait",
            Self::TerminatingProceed => "Terminating:Proceed",
            Self::Detaching => "Detaching",
            Self::EnteringStandby => "EnteringStandby",
            Self::Standby => "Standby",
            Self::WarmedPending => "Warmed:Pending",
            Self::WarmedRunning => "Warmed:Running",
            Self::WarmedStopped => "Warmed:Stopped",
        }
    }

    /// Whether it counts towards the desired capacity.
    pub(crate) fn is_active(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::PendingWait | Self::PendingProceed | Self::InService
        )
    }

    /// Whether it leaves the group.
    pub(crate) fn is_leaving(self) -> bool {
        matches!(
            self,
            Self::Terminating | Self::TerminatingWait | Self::TerminatingProceed | Self::Detaching
        )
    }
}

impl Member {
    pub(crate) fn new(lifecycle: Lifecycle, since: Timestamp) -> Self {
        Self {
            lifecycle,
            since,
            until: None,
            protected: false,
        }
    }
}

/// Something a group did.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Activity {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) description: String,
}

fn no_group(name: &str) -> ApiError {
    let shown = short(name);
    ApiError::validation(format!(
        "AutoScalingGroup name not found - AutoScalingGroup '{shown}' not found"
    ))
}
