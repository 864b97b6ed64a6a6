//! Pure: why AWS refused a call, as far as it decides what follows.

/// What follows from a refusal, or from an answer that did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The load balancer does not exist: the one proof of absence.
    Gone,
    /// Something the request refers to does not exist, or not yet.
    MissingReference,
    /// The request can never succeed as it is.
    Invalid,
    /// A load balancer of that name exists with other properties.
    Duplicate,
    /// A quota of the account is used up.
    Quota,
    /// The credentials are missing, expired or not allowed to.
    Denied,
    /// AWS asks for fewer requests.
    Throttled,
    /// AWS is still busy with an earlier change of ours.
    Settling,
    /// AWS does not want to, for a reason that this program does not know.
    Refused,
    /// AWS did not answer, or not usefully.
    Unavailable,
    /// It was not sent: this process does not lead, or does not any more.
    NotLeader,
    /// It was not sent: our share of what AWS lets the account ask is used up for the moment.
    OverBudget,
}

impl Class {
    /// Whether the same request may well succeed a moment later.
    pub fn is_passing(self) -> bool {
        matches!(
            self,
            Self::Throttled | Self::Settling | Self::Unavailable | Self::NotLeader | Self::OverBudget
        )
    }

    /// Whether it is certain that AWS did not carry the request out, nor a try of it whose answer was lost.
    pub fn is_certain(self) -> bool {
        !matches!(
            self,
            Self::Unavailable | Self::Duplicate | Self::Throttled | Self::NotLeader
        )
    }

    /// Whether further calls about the same load balancer would only wait or fail as well.
    pub fn ends_a_plan(self) -> bool {
        matches!(self, Self::Gone | Self::Unavailable | Self::NotLeader)
    }
}

/// The refusals that planning learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// An instance of the request does not exist, does not run, is of another VPC, or is not registered.
    InvalidInstance,
    /// The port is taken, perhaps still by a listener that was just deleted.
    DuplicateListener,
    /// Two subnets would share an Availability Zone.
    SameZone,
    /// Any other.
    Other,
}
