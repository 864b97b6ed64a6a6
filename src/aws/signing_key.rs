//! Which access key signs the calls, so that another identity is noticed when its first answer comes.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// The id of the access key that signed last. A clone is told of the same.
#[derive(Clone, Debug, Default)]
pub(super) struct SigningKey(Arc<Mutex<Option<String>>>);

impl SigningKey {
    /// The id; `None`: nothing was signed yet.
    pub(super) fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The id in `AWS4-HMAC-SHA256 Credential=<id>/<date>/…`.
fn key_of(authorization: &str) -> Option<&str> {
    authorization.split_once("Credential=")?.1.split('/').next()
}

#[dyn_dispatch_hint]
impl Intercept for SigningKey {
    fn name(&self) -> &'static str {
        "SigningKey"
    }

    fn read_after_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(key) = context.request().headers().get("authorization").and_then(key_of) {
            let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if last.as_deref() != Some(key) {
                *last = Some(key.to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_read_from_the_signature() {
        let header = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/elasticloadbalancing/aws4_request, …";
        assert_eq!(key_of(header), Some("AKIDEXAMPLE"));
        assert_eq!(key_of("Bearer x"), None);
    }
}
