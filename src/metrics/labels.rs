//! The labels of metrics.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;

use super::Endpoint;

/// How a reconcile ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReconcileLabels {
    pub(super) controller: &'static str,
    pub(super) result: &'static str,
}

/// A Lease.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct LeaseLabels {
    pub(super) name: String,
}

/// The controller alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ControllerLabels {
    pub(super) controller: &'static str,
}

/// A call to AWS and its outcome: `OK` or the error code.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CallLabels {
    pub(super) operation: &'static str,
    pub(super) code: String,
    pub(super) lane: &'static str,
    pub(super) account: Arc<str>,
    pub(super) region: Arc<str>,
}

/// A request to the API server and its outcome: the status, or `<error>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) code: String,
    pub(super) method: String,
    pub(super) host: String,
}

/// An AWS operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OperationLabels {
    pub(super) operation: &'static str,
}

/// An AWS operation in a region of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ThrottleLabels {
    pub(super) operation: &'static str,
    pub(super) account: Arc<str>,
    pub(super) region: Arc<str>,
}

/// A region of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PlaceLabels {
    pub(super) account: Arc<str>,
    pub(super) region: Arc<str>,
}

/// A lane of calls, and a bucket of AWS's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct LaneLabels {
    pub(super) lane: &'static str,
    pub(super) bucket: &'static str,
    pub(super) account: Arc<str>,
    pub(super) region: Arc<str>,
}

impl CallLabels {
    pub(super) fn new(at: &Endpoint, operation: &'static str, lane: &'static str, code: &str) -> Self {
        Self {
            operation,
            code: code.to_owned(),
            lane,
            account: Arc::clone(&at.account),
            region: Arc::clone(&at.region),
        }
    }
}

impl ThrottleLabels {
    pub(super) fn new(at: &Endpoint, operation: &'static str) -> Self {
        Self {
            operation,
            account: Arc::clone(&at.account),
            region: Arc::clone(&at.region),
        }
    }
}

impl PlaceLabels {
    pub(super) fn new(at: &Endpoint) -> Self {
        Self {
            account: Arc::clone(&at.account),
            region: Arc::clone(&at.region),
        }
    }
}

impl LaneLabels {
    pub(super) fn new(at: &Endpoint, lane: &'static str, bucket: &'static str) -> Self {
        Self {
            lane,
            bucket,
            account: Arc::clone(&at.account),
            region: Arc::clone(&at.region),
        }
    }
}
