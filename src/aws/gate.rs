//! The gate that every call to AWS passes: leadership for writes, then the call, its class and its metrics.

use std::sync::Arc;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::Instant;
use tracing::debug;

use super::{Class, Error};
use crate::api::message;
use crate::lease::Leadership;
use crate::metrics::Metrics;

/// What is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// It changes nothing.
    Read,
    /// It changes AWS, so it is the leader's alone.
    Write,
}

/// The gate of one account and region.
#[derive(Debug)]
pub(super) struct Gate {
    leadership: Leadership,
    metrics: Arc<Metrics>,
}

impl Gate {
    pub(super) fn new(leadership: Leadership, metrics: Arc<Metrics>) -> Self {
        Self { leadership, metrics }
    }

    /// Sends, counts, times and classifies. A write without a current claim is not sent.
    pub(super) async fn call<T, E>(
        &self,
        operation: &'static str,
        access: Access,
        sending: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Error>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        if access == Access::Write && !self.leadership.is_current() {
            let answer = message::not_leader();
            return Err(Error::new(operation, Class::NotLeader, answer.code, answer.text));
        }
        let started = Instant::now();
        let result = sending.await.map_err(|error| Error::of_sdk(operation, &error));
        let code = result.as_ref().map_or_else(|error| error.code.as_str(), |_| "OK");
        let throttled = result.as_ref().is_err_and(|error| error.class == Class::Throttled);
        self.metrics.call(operation, code, throttled, started.elapsed());
        match &result {
            Ok(_) => debug!(operation, "AWS answered"),
            Err(error) => debug!(operation, %error, request_id = error.request_id, "AWS refused"),
        }
        result
    }
}
