//! Filters of Describe operations.

use super::state::Tags;
use crate::wire::params::short;
use crate::wire::{ApiError, Value};

/// The filters of a request: a resource is listed when each of them has a value that it matches.
pub(super) struct Filters {
    filters: Vec<(String, Vec<String>)>,
}

impl Filters {
    pub(super) fn read(params: &Value) -> Self {
        let filters = params.list("Filter").into_iter();
        Self {
            filters: filters
                .map(|f| (f.str("Name").unwrap_or_default().to_owned(), f.strings("Value")))
                .collect(),
        }
    }

    /// Whether a resource with these tags and properties is listed; `property` knows nothing of an unknown filter.
    pub(super) fn admit(&self, tags: &Tags, property: impl Fn(&str) -> Option<Vec<String>>) -> Result<bool, ApiError> {
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
            if !has.iter().any(|value| {
                wanted
                    .iter()
                    .any(|pattern| matches(pattern.as_bytes(), value.as_bytes()))
            }) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// `*` stands for any characters, `?` for one.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut retry) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || Some(byte) == text.get(t) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|byte| *byte == b'*')
}

/// A property with one value.
pub(super) fn one(value: impl Into<String>) -> Option<Vec<String>> {
    Some(vec![value.into()])
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards() {
        for (pattern, text, matched) in [
            ("", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*b", "abab", true),
            ("ELB my-*", "ELB my-lb", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                matched,
                "{pattern} {text}"
            );
        }
    }
}
