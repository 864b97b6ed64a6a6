//! Query parameters as a tree: `Listeners.member.1.Protocol=HTTP` is the text at Listeners, member, 1, Protocol.

use std::collections::BTreeMap;

use super::error::ApiError;

/// Nothing in AWS nests deeper; more would only be a way to exhaust the stack.
const MAX_DEPTH: usize = 12;

/// One parameter: its own text, the parameters below it, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Value {
    text: Option<String>,
    fields: BTreeMap<String, Value>,
}

impl Value {
    /// Reads a form body or a query string.
    pub(crate) fn parse(form: &[u8]) -> Result<Self, ApiError> {
        let mut root = Self::default();
        for (key, text) in form_urlencoded::parse(form) {
            if key.is_empty() {
                continue;
            }
            if key.matches('.').count() > MAX_DEPTH {
                return Err(ApiError::validation("A parameter name is nested too deeply."));
            }
            root.put(&key, text.into_owned());
        }
        Ok(root)
    }

    /// Parameters that were read before, by their full names.
    pub(crate) fn of(parameters: &BTreeMap<String, String>) -> Self {
        let mut root = Self::default();
        for (key, text) in parameters {
            root.put(key, text.clone());
        }
        root
    }

    fn put(&mut self, key: &str, text: String) {
        let mut at = self;
        for part in key.split('.') {
            at = at.fields.entry(part.to_owned()).or_default();
        }
        at.text = Some(text);
    }

    /// Its own text.
    pub(crate) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The parameter one step below.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.fields.get(name)
    }

    /// Everything one step below.
    pub(crate) fn fields(&self) -> &BTreeMap<String, Self> {
        &self.fields
    }

    /// The text of the parameter one step below, `None` when it is absent.
    pub(crate) fn str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Self::text)
    }

    /// The text of the parameter one step below, `None` when it is absent or empty.
    pub(crate) fn non_empty(&self, name: &str) -> Option<&str> {
        self.str(name).filter(|text| !text.is_empty())
    }

    /// As [`Value::str`], but its absence is the error AWS gives for it.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.non_empty(name).ok_or_else(|| ApiError::missing(lower_first(name)))
    }

    /// A whole number one step below.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.non_empty(name).map(|text| integer(text, name)).transpose()
    }

    /// A truth value one step below.
    pub(crate) fn bool(&self, name: &str) -> Option<bool> {
        self.str(name).map(|text| text.eq_ignore_ascii_case("true"))
    }

    /// The members of a list in order: `Name.member.N` as ELB writes it or `Name.N` as EC2 does.
    pub(crate) fn list(&self, name: &str) -> Vec<&Self> {
        self.get(name).map(Self::members).unwrap_or_default()
    }

    /// Its own members, where it is such a list.
    pub(crate) fn members(&self) -> Vec<&Self> {
        let members = self.get("member").map_or(&self.fields, |member| &member.fields);
        let mut numbered: Vec<(u64, &Self)> = members
            .iter()
            .filter_map(|(number, value)| Some((number.parse().ok()?, value)))
            .collect();
        numbered.sort_by_key(|(number, _)| *number);
        numbered.into_iter().map(|(_, value)| value).collect()
    }

    /// The texts of a list in order.
    pub(crate) fn strings(&self, name: &str) -> Vec<String> {
        self.list(name)
            .into_iter()
            .filter_map(|member| member.text().map(str::to_owned))
            .collect()
    }

    /// The numbers that a list's members carry, as sent, to see whether they count from 1.
    pub(crate) fn member_numbers(&self) -> Vec<&str> {
        self.get("member")
            .map(|member| member.fields.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }
}

/// A whole number, or the error AWS gives for text in its place.
pub(crate) fn integer(text: &str, name: &str) -> Result<i64, ApiError> {
    text.trim().parse().map_err(|_| {
        ApiError::sender(
            "MalformedInput",
            format!("The value '{}' of {name} is not a number.", short(text)),
        )
    })
}

/// At most 100 characters of what the caller sent, to be repeated in a message.
pub(crate) fn short(text: &str) -> String {
    shorter(text, 100)
}

/// At most so many characters.
pub(crate) fn shorter(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// `LoadBalancerName` as AWS spells it in messages: `loadBalancerName`.
pub(crate) fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
