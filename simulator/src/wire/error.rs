//! The error of one API call, before it is written in the service's own form.

use std::borrow::Cow;
use std::fmt::Display;

/// What a service answers instead of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    /// The sender is at fault: HTTP 400, as for nearly all of AWS's errors.
    pub(crate) fn sender(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// A value that the service's model or prose does not allow.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::sender("ValidationError", message)
    }

    /// One violated constraint in the words AWS uses for all its query services.
    pub(crate) fn constraint(value: &str, path: impl Display, constraint: &str) -> Self {
        let shown: String = value.chars().take(300).collect();
        Self::validation(format!(
            "1 validation error detected: Value '{shown}' at '{path}' failed to satisfy constraint: {constraint}"
        ))
    }

    /// A required member that is absent.
    pub(crate) fn missing(path: impl Display) -> Self {
        Self::validation(format!(
            "1 validation error detected: Value null at '{path}' failed to satisfy constraint: Member must not be null"
        ))
    }
}
