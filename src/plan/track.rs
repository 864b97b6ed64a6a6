//! Pure: the parts of a load balancer whose steps fail alone.

use std::fmt;
use std::str::FromStr;

/// What the steps of a track are about, as `status.errors` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Track {
    /// The load balancer itself.
    LoadBalancer,
    /// Listeners and their certificates.
    Listeners,
    /// Policies of listeners.
    Policies,
    /// Policies of instance ports.
    Backends,
    /// Attributes.
    Attributes,
    /// The health check.
    HealthCheck,
    /// Zones or subnets.
    Placement,
    /// Security groups.
    SecurityGroups,
    /// Registered instances.
    Instances,
    /// Auto Scaling groups.
    AutoScalingGroups,
    /// Tags.
    Tags,
}

impl Track {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::LoadBalancer,
        Self::Listeners,
        Self::Policies,
        Self::Backends,
        Self::Attributes,
        Self::HealthCheck,
        Self::Placement,
        Self::SecurityGroups,
        Self::Instances,
        Self::AutoScalingGroups,
        Self::Tags,
    ];

    /// The word in `status.errors`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoadBalancer => "loadBalancer",
            Self::Listeners => "listeners",
            Self::Policies => "policies",
            Self::Backends => "backends",
            Self::Attributes => "attributes",
            Self::HealthCheck => "healthCheck",
            Self::Placement => "placement",
            Self::SecurityGroups => "securityGroups",
            Self::Instances => "instances",
            Self::AutoScalingGroups => "autoScalingGroups",
            Self::Tags => "tags",
        }
    }
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No track has that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTrack;

impl FromStr for Track {
    type Err = UnknownTrack;

    fn from_str(name: &str) -> Result<Self, UnknownTrack> {
        Self::ALL
            .into_iter()
            .find(|track| track.as_str() == name)
            .ok_or(UnknownTrack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for track in Track::ALL {
            assert_eq!(track.as_str().parse(), Ok(track));
        }
        assert_eq!("listener".parse::<Track>(), Err(UnknownTrack));
    }
}
