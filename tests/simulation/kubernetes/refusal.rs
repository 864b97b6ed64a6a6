//! Errors in the form of the API.

use serde_json::{Value, json};

use super::kinds::Kind;

/// A `Status` that tells of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.resource()))
    }

    pub(crate) fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.resource());
        Self::new(409, "AlreadyExists", message)
    }

    /// The object is another one than was meant, or was written meanwhile.
    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.resource());
        Self::new(409, "Conflict", message)
    }

    pub(crate) fn modified(kind: &Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, why)
    }

    pub(crate) fn other_uid(kind: &Kind, name: &str, asked: &str, stored: &str) -> Self {
        let why = format!("Precondition failed: UID in precondition: {asked}, UID in object meta: {stored}");
        Self::conflict(kind, name, &why)
    }

    pub(crate) fn immutable_uid(kind: &Kind, name: &str, uid: &str) -> Self {
        let why = format!("metadata.uid: Invalid value: {uid:?}: field is immutable");
        Self::invalid(kind, name, &why)
    }

    pub(crate) fn invalid(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("{}.{} \"{name}\" is invalid: {why}", kind.name, kind.group);
        Self::new(422, "Invalid", message)
    }

    pub(crate) fn expired() -> Self {
        Self::new(410, "Expired", "The resourceVersion for the provided watch is too old.")
    }

    /// The body of the reply.
    pub(crate) fn body(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        })
    }
}
