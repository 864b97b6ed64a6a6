//! The namespaces that the operator looks at.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use sha2::{Digest as _, Sha256};

use crate::api::message;

/// The namespaces whose objects are worked on: all, where none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces(BTreeSet<String>);

impl Namespaces {
    /// Whether objects of this namespace are worked on.
    pub fn hold(&self, namespace: &str) -> bool {
        self.0.is_empty() || self.0.contains(namespace)
    }

    /// Those that are named, in order; none where all are meant.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The name of the Lease of operators that look at exactly these namespaces. Those of other ones do not wait for each
    /// other.
    pub fn lease(&self) -> String {
        const NAME: &str = "classic-lb-operator";
        if self.0.is_empty() {
            return NAME.to_owned();
        }
        let digest = Sha256::digest(self.to_string());
        let hash = digest
            .iter()
            .take(4)
            .fold(0_u32, |hash, byte| (hash << 8) | u32::from(*byte));
        format!("{NAME}-{hash:08x}")
    }

    /// Everything of a kind that is to be listed and watched: once for the cluster, or once in each namespace.
    pub fn apis<K>(&self, client: &Client) -> Vec<Api<K>>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        if self.0.is_empty() {
            return vec![Api::all(client.clone())];
        }
        self.named()
            .map(|namespace| Api::namespaced(client.clone(), namespace))
            .collect()
    }
}

impl FromIterator<Self> for Namespaces {
    /// Everything that one of the lists names.
    fn from_iter<T: IntoIterator<Item = Self>>(lists: T) -> Self {
        Self(lists.into_iter().flat_map(|list| list.0).collect())
    }
}

impl FromStr for Namespaces {
    type Err = String;

    /// Reads names with commas between them; none is all namespaces.
    ///
    /// # Errors
    /// When one cannot be the name of a namespace.
    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(namespace).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Namespaces {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.named().collect::<Vec<_>>().join(","))
    }
}

/// The name of a namespace, as a flag gives it.
///
/// # Errors
/// When it cannot be one.
pub fn namespace(text: &str) -> Result<String, String> {
    if is_label(text) {
        Ok(text.to_owned())
    } else {
        Err(message::not_a_namespace(text))
    }
}

/// Whether Kubernetes takes it for the name of a namespace (RFC 1123).
fn is_label(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len()) && name.chars().all(legal) && !name.starts_with('-') && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_every_namespace_and_lists_add_up() {
        let all = Namespaces::from_str("").expect("read");
        assert!(all.hold("anything") && all == Namespaces::default());
        let lists = ["shop, web,", "", "web,pay"].map(|text| Namespaces::from_str(text).expect("read"));
        let some: Namespaces = lists.into_iter().collect();
        assert_eq!(some.to_string(), "pay,shop,web");
        assert!(some.hold("pay") && !some.hold("anything") && !some.hold(""));
    }

    #[test]
    fn what_no_namespace_can_be_called_is_refused() {
        for text in ["Shop", "a,b_c", "-a", "a-", "a b", &"a".repeat(64)] {
            let why = Namespaces::from_str(text).expect_err("refused");
            assert!(why.contains("namespace"), "{text}: {why}");
        }
        assert!(Namespaces::from_str(&"a".repeat(63)).is_ok());
    }
}
