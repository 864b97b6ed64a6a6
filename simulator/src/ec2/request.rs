//! What the requests of EC2 have in common: parameters they lack, and ids of which there is nothing.

use crate::call::Call;
use crate::wire::params::{short, shorter};
use crate::wire::{ApiError, Xml};

/// The error for an id of which there is nothing, in the form all EC2 resources share.
pub(super) fn not_found(code: &'static str, kind: &str, id: &str) -> ApiError {
    none_of(code, kind, &[id])
}

/// The same for several, which AWS names together.
fn none_of(code: &'static str, kind: &str, ids: &[&str]) -> ApiError {
    let shown: Vec<String> = ids.iter().map(|id| short(id)).collect();
    let (ending, verb) = if ids.len() == 1 { ("", "does") } else { ("s", "do") };
    let shown = shorter(&shown.join(", "), 2000);
    ApiError::sender(code, format!("The {kind} ID{ending} '{shown}' {verb} not exist"))
}

/// Refuses a request that names what does not exist.
pub(super) fn require_all(
    code: &'static str,
    kind: &str,
    ids: &[String],
    exists: impl Fn(&str) -> bool,
) -> Result<(), ApiError> {
    let unknown: Vec<&str> = ids.iter().map(String::as_str).filter(|id| !exists(id)).collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(none_of(code, kind, &unknown))
    }
}

/// The name of a request's list of ids, for [`paging::Paging`], when there is any in it.
pub(super) fn named<'n>(set: &'n str, ids: &[String]) -> Option<&'n str> {
    (!ids.is_empty()).then_some(set)
}

/// The error for a required parameter that is absent.
pub(super) fn missing(name: &str) -> ApiError {
    ApiError::sender(
        "MissingParameter",
        format!("The request must contain the parameter {name}"),
    )
}

/// A required parameter, or EC2's error for its absence.
pub(super) fn required<'p>(call: &Call<'p>, name: &str) -> Result<&'p str, ApiError> {
    call.params.non_empty(name).ok_or_else(|| missing(name))
}

/// Most changes answer only this.
pub(super) fn done(xml: &mut Xml) {
    xml.show("return", true);
}

/// The same for an instance, whose id may also be none.
pub(super) fn no_instance(id: &str) -> ApiError {
    if !is_well_formed(id) {
        let message = format!("Invalid id: \"{}\"", short(id));
        return ApiError::sender("InvalidInstanceID.Malformed", message);
    }
    not_found("InvalidInstanceID.NotFound", "instance", id)
}

/// Whether an id could be that of an instance.
pub(super) fn is_well_formed(id: &str) -> bool {
    let hex = id.strip_prefix("i-").unwrap_or_default();
    (8..=17).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}
