//! The span of a call to AWS. What only the SDK knows of it is written into it by an interceptor.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

use super::Error;
use crate::telemetry::CALLS;

// The span of the call under way; the current one would be of the SDK's own where its log is wanted.
tokio::task_local!(static CALL: Span);

/// The span of a call that is about to be made. The names of its fields are those of OpenTelemetry's conventions.
pub(super) fn span(operation: &'static str, region: &str) -> Span {
    info_span!(
        target: CALLS,
        "call",
        otel.name = operation,
        otel.kind = "client",
        otel.status_code = Empty,
        rpc.system = "aws-api",
        rpc.service = Empty,
        rpc.method = operation,
        cloud.region = region,
        http.response.status_code = Empty,
        http.request.resend_count = Empty,
        aws.request_id = Empty,
        error.type = Empty,
    )
}

/// The call within its span.
pub(super) async fn within<T>(span: &Span, call: impl Future<Output = T>) -> T {
    CALL.scope(span.clone(), call.instrument(span.clone())).await
}

/// The call failed.
pub(super) fn failed(span: &Span, error: &Error) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", error.code.as_str());
}

/// Tells the span of a call which service answered, and how.
#[derive(Debug)]
pub(super) struct Answered;

#[dyn_dispatch_hint]
impl Intercept for Answered {
    fn name(&self) -> &'static str {
        "Answered"
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Outside of a call there is none: a session asks for its credentials by itself.
        let _ = CALL.try_with(|span| {
            if let Some(metadata) = config.load::<Metadata>() {
                span.record("rpc.service", metadata.service());
            }
            let attempts = config.load::<RequestAttempts>().map_or(0, RequestAttempts::attempts);
            if attempts > 1 {
                span.record("http.request.resend_count", attempts - 1);
            }
            if let Some(response) = context.response() {
                span.record("http.response.status_code", response.status().as_u16());
                if let Some(id) = response.headers().get("x-amzn-requestid") {
                    span.record("aws.request_id", id);
                }
            }
        });
        Ok(())
    }
}
