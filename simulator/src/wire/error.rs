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
        Self::constraints(&[Self::constraint_text(value, path, constraint)])
    }

    /// A required member that is absent.
    pub(crate) fn missing(path: impl Display) -> Self {
        Self::constraints(&[Self::missing_text(path)])
    }

    /// All violated constraints of a request in one error.
    pub(crate) fn constraints(told: &[String]) -> Self {
        let plural = if told.len() == 1 { "" } else { "s" };
        Self::validation(format!(
            "{} validation error{plural} detected: {}",
            told.len(),
            told.join("; ")
        ))
    }

    /// One of the parts of [`ApiError::constraints`].
    pub(crate) fn constraint_text(value: &str, path: impl Display, constraint: &str) -> String {
        let shown: String = value.chars().take(300).collect();
        format!("Value '{shown}' at '{path}' failed to satisfy constraint: {constraint}")
    }

    /// The part of [`ApiError::constraints`] for an absent member.
    pub(crate) fn missing_text(path: impl Display) -> String {
        format!("Value null at '{path}' failed to satisfy constraint: Member must not be null")
    }
}
