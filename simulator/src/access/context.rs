//! What a request says of itself under IAM's condition keys.

use std::collections::BTreeMap;

use super::keys::normalized;

/// Values by key. A key without any value is not there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Puts the values of a key; none leave it out.
    pub(super) fn put<T: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = T>) {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        if !values.is_empty() {
            self.0.insert(normalized(key), values);
        }
    }

    /// Puts tags under a key such as `aws:RequestTag`.
    pub(super) fn put_tags<'t>(&mut self, key: &str, tags: impl IntoIterator<Item = (&'t String, &'t String)>) {
        for (tag, value) in tags {
            self.put(&format!("{key}/{tag}"), [value.as_str()]);
        }
    }

    /// The values of a key in lower case.
    pub(super) fn values(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map(Vec::as_slice)
    }

    /// The value of a key in lower case that has one.
    pub(super) fn single(&self, key: &str) -> Option<&str> {
        self.values(key)?.first().map(String::as_str)
    }
}
