//! Pure: the health of a registered instance, in AWS's words.

use super::InstanceId;

/// The health of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceHealth {
    /// The id of the instance.
    pub id: InstanceId,
    /// `InService`, `OutOfService` or `Unknown`.
    pub state: String,
    /// `ELB`, `Instance` or `N/A`.
    pub reason: Option<String>,
    /// One of AWS's sentences.
    pub description: Option<String>,
}

impl InstanceHealth {
    /// Whether the instance finishes its connections and leaves. AWS calls that `InService`.
    pub fn is_draining(&self) -> bool {
        self.description
            .as_deref()
            .is_some_and(|text| text.contains("deregistration currently in progress"))
    }

    /// Whether it takes new connections.
    pub fn is_in_service(&self) -> bool {
        self.state == "InService" && !self.is_draining()
    }

    /// Whether the state will change by itself in a short while: it drains, is being registered, or passes its first
    /// health checks. One that fails them is described so soon.
    pub fn is_settling(&self) -> bool {
        let comes = |text: &str| text.contains("still in progress") || text.contains("has not passed");
        self.is_draining() || self.description.as_deref().is_some_and(comes)
    }
}
