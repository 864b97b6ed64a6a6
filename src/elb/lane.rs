//! Pure: what calls to AWS are made for, which decides who waits for whom.

/// What a call is made for. A lane leaves a part of each bucket to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Instances come and go.
    Instances,
    /// Somebody changed an object, or deleted it.
    Change,
    /// What was done before is tried again, or drift repaired.
    Repair,
    /// A look though nothing happened.
    Sweep,
}

impl Lane {
    /// All of them, the first first.
    pub const ALL: [Self; 4] = [Self::Instances, Self::Change, Self::Repair, Self::Sweep];

    /// As metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Change => "change",
            Self::Repair => "repair",
            Self::Sweep => "sweep",
        }
    }
}
