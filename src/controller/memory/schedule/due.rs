//! Pure: what an object can be due for.

/// Why an object is due. In the order in which a log names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::controller) enum Due {
    /// A reconcile that failed is tried again.
    Retry,
    /// What AWS lets the account ask was used up, and its turn has come.
    Rate,
    /// The next instances leave, or EC2 must be asked about one.
    Step,
    /// Instances that AWS refused to register are tried again.
    Suspects,
    /// Instances by tags and by group that were lacking are looked for once more.
    Lacking,
    /// AWS is read again though nothing changed here.
    Resync,
    /// What costs a call for each load balancer, or for a few, is read again: tags, attributes and policies.
    Details,
    /// What was read last was older than our own write, or cannot be believed yet.
    Lag,
    /// Instances by tags and by group are looked up again.
    Lookup,
    /// The health of the instances is read again.
    Health,
    /// A Node will have been not ready for too long.
    Grace,
}

impl Due {
    /// The word in the log.
    pub(in crate::controller) fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Rate => "rate",
            Self::Step => "step",
            Self::Suspects => "suspects",
            Self::Details => "details",
            Self::Resync => "resync",
            Self::Lag => "lag",
            Self::Lookup | Self::Lacking => "lookup",
            Self::Health => "health",
            Self::Grace => "grace",
        }
    }

    /// Whether it would meet the same empty bucket, and can wait for it.
    pub(super) fn waits_for_a_turn(self) -> bool {
        matches!(
            self,
            Self::Retry | Self::Rate | Self::Details | Self::Resync | Self::Lag
        )
    }

    /// Whether everything is read and planned, and not one thing alone.
    pub(super) fn is_full(self) -> bool {
        matches!(
            self,
            Self::Retry | Self::Rate | Self::Step | Self::Suspects | Self::Details | Self::Resync | Self::Lag
        )
    }
}
