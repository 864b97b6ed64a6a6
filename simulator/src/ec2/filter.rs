//! Filters of Describe operations.

use wildmatch::WildMatch;

use super::state::Tags;
use crate::wire::params::short;
use crate::wire::{ApiError, Value};

/// The filters of a request: a resource is listed when each of them has a value that it matches.
pub(super) struct Filters {
    /// Names and patterns, in which `*` stands for any characters and `?` for one.
    filters: Vec<(String, Vec<WildMatch>)>,
}

impl Filters {
    pub(super) fn read(params: &Value) -> Self {
        let filters = params.list("Filter").into_iter();
        Self {
            filters: filters
                .map(|filter| {
                    let patterns = filter.list("Value").into_iter().filter_map(Value::text);
                    let name = filter.str("Name").unwrap_or_default();
                    (name.to_owned(), patterns.map(WildMatch::new).collect())
                })
                .collect(),
        }
    }

    /// Whether a resource with these tags and properties is listed; `property` knows nothing of an unknown filter.
    pub(super) fn admit(&self, tags: &Tags, property: impl Fn(&str) -> Option<Vec<String>>) -> Result<bool, ApiError> {
        let mut admitted = true;
        for (name, wanted) in &self.filters {
            let has = match name.split_once(':') {
                Some(("tag", key)) => tags.get(key).cloned().into_iter().collect(),
                _ if name == "tag-key" => tags.keys().cloned().collect(),
                _ if name == "tag-value" => tags.values().cloned().collect(),
                _ => property(name).ok_or_else(|| {
                    ApiError::sender(
                        "InvalidParameterValue",
                        format!("The filter '{}' is invalid", short(name)),
                    )
                })?,
            };
            // What one filter has ruled out is shown to the others still: whether they are valid hangs on none but them.
            admitted &= has
                .iter()
                .any(|value| wanted.iter().any(|pattern| pattern.matches(value)));
        }
        Ok(admitted)
    }
}

/// A property with one value.
pub(super) fn one(value: impl Into<String>) -> Option<Vec<String>> {
    Some(vec![value.into()])
}

/// A property that is given or not.
pub(super) fn maybe(value: Option<impl ToString>) -> Option<Vec<String>> {
    Some(value.map(|value| value.to_string()).into_iter().collect())
}

/// A property that AWS documents and no resource here has: a filter for it is valid and matches nothing.
pub(super) fn absent(name: &str, documented: &[&str]) -> Option<Vec<String>> {
    documented.contains(&name).then(Vec::new)
}

#[cfg(test)]
mod tests {
    use super::WildMatch;

    #[test]
    fn wildcards() {
        for (pattern, text, matched) in [
            ("", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "aéc", true),
            ("*b*b", "abab", true),
            ("ELB my-*", "ELB my-lb", true),
        ] {
            assert_eq!(WildMatch::new(pattern).matches(text), matched, "{pattern} {text}");
        }
    }
}
