//! Filters of Describe operations.

use crate::wire::params::short;
use crate::wire::{ApiError, Value};

/// The filters of a request: what is asked about is listed when each of them has a value of its.
pub(super) struct Filters {
    filters: Vec<(String, Vec<String>)>,
}

impl Filters {
    /// Reads those of a request, each of a kind that the operation has; `tag:` stands for every tag's.
    pub(super) fn read(params: &Value, kinds: &[&str]) -> Result<Self, ApiError> {
        let mut filters = Vec::new();
        for filter in params.list("Filters") {
            let name = filter.str("Name").unwrap_or_default();
            let of_tag = name.starts_with("tag:") && kinds.contains(&"tag:");
            if !of_tag && !kinds.contains(&name) {
                return Err(ApiError::validation(format!(
                    "Filter type {} is not correct. Allowed Filter types are: {}",
                    short(name),
                    kinds.join(" ")
                )));
            }
            filters.push((name.to_owned(), filter.strings("Values")));
        }
        Ok(Self { filters })
    }

    /// Whether every filter admits something, told its name and its values.
    pub(super) fn admit(&self, mut admits: impl FnMut(&str, &[String]) -> bool) -> bool {
        self.filters.iter().all(|(name, values)| admits(name, values))
    }

    /// Name and value of each filter.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        let each = self.filters.iter();
        each.flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value.as_str())))
    }
}
