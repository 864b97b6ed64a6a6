//! Pure: how reconciles end.

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// Well, or waiting for its time.
    Success,
    /// The object asks for what cannot be had, or not yet: that is for its owner, and looked at again later.
    RequeueAfter,
    /// The operator, Kubernetes or AWS failed.
    Error,
}

impl Reconciled {
    pub(super) const ALL: [Self; 3] = [Self::Success, Self::RequeueAfter, Self::Error];

    /// As controller-runtime calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::RequeueAfter => "requeue_after",
            Self::Error => "error",
        }
    }
}
