//! What the SDK tries again by itself: replies that were cut short, and not throttles.
//!
//! The SDK's XML reader takes a list that ends early for a shorter list: a proxy that truncates a body makes load
//! balancers and instances vanish without an error. A whole reply ends with the closing tag of its root element. A throttle is for the budget: trying again at
//! once would draw from a bucket that is empty.

use std::error::Error as _;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::ErrorKind;

use super::cause::stems_from;
use crate::api::message;

/// The reply ended before its closing tag.
#[derive(Debug, thiserror::Error)]
#[error("{}", message::cut_short().text)]
pub(super) struct CutShort;

/// Fails a successful reply whose body does not end as a whole one does.
#[derive(Debug)]
pub(super) struct WholeReply;

#[dyn_dispatch_hint]
impl Intercept for WholeReply {
    fn name(&self) -> &'static str {
        "WholeReply"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        // An error reply keeps its code and its own retry, whole or not.
        if !response.status().is_success() {
            return Ok(());
        }
        let whole = response
            .body()
            .bytes()
            .is_some_and(|body| body.trim_ascii_end().ends_with(b"Response>"));
        if whole { Ok(()) } else { Err(CutShort.into()) }
    }
}

/// Lets the SDK try again what [`WholeReply`] refused.
#[derive(Debug)]
pub(super) struct RetryCutShort;

impl ClassifyRetry for RetryCutShort {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        match error.source() {
            Some(cause) if stems_from::<CutShort>(cause) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "RetryCutShort"
    }
}

/// Keeps the SDK from trying again what AWS throttled.
#[derive(Debug)]
pub(super) struct ThrottlesWait;

impl ClassifyRetry for ThrottlesWait {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(&self, _: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        match previous {
            RetryAction::RetryIndicated(RetryReason::RetryableError {
                kind: ErrorKind::ThrottlingError,
                ..
            }) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "ThrottlesWait"
    }

    /// After those that tell what a throttle is.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
