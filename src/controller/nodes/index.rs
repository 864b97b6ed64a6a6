//! Pure: the Nodes by name, and by what they are looked for.
//!
//! Every reconcile looks for some of them, and at ten thousand of each nobody can look through all of them each time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Node;
use crate::controller::selector::Labels;
use crate::elb::InstanceId;

/// So many keys of labels are kept in order. Selectors of others look through all Nodes.
const KEYS: usize = 32;

type Names = BTreeSet<Arc<str>>;

/// Nodes by name.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    by_name: BTreeMap<Arc<str>, Arc<Node>>,
    on: HashMap<InstanceId, Names>,
    leaving: Names,
    /// By the values of a label; of the keys that selectors have asked for.
    labels: HashMap<String, HashMap<String, Names>>,
}

/// Whether they are the same Nodes.
impl PartialEq for Nodes {
    fn eq(&self, other: &Self) -> bool {
        self.by_name == other.by_name
    }
}

impl Nodes {
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Node>> {
        self.by_name.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Node>)> {
        self.by_name.iter()
    }

    /// Takes one in. Whether that changes anything.
    pub(super) fn insert(&mut self, name: &str, node: Node) -> bool {
        if self.get(name).is_some_and(|known| **known == node) {
            return false;
        }
        self.remove(name);
        let name: Arc<str> = name.into();
        if let Some(id) = &node.instance {
            self.on.entry(id.clone()).or_default().insert(Arc::clone(&name));
        }
        if node.leaving_since.is_some() {
            self.leaving.insert(Arc::clone(&name));
        }
        for (key, values) in &mut self.labels {
            add(values, key, &name, &node);
        }
        self.by_name.insert(name, Arc::new(node));
        true
    }

    /// Takes one out. Whether it was there.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let Some(node) = self.by_name.remove(name) else {
            return false;
        };
        if let Some(id) = &node.instance {
            take(&mut self.on, id, name);
        }
        self.leaving.remove(name);
        for (key, values) in &mut self.labels {
            if let Some(value) = node.labels.get(key) {
                take(values, value, name);
            }
        }
        true
    }

    /// The Nodes that run on an instance; of several the last by name.
    pub(super) fn on(&self, id: &InstanceId) -> Option<(&Arc<str>, &Arc<Node>)> {
        self.by_name.get_key_value(self.on.get(id)?.last()?)
    }

    /// Those that are about to go.
    pub(super) fn leaving(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.leaving.iter().filter_map(|name| self.by_name.get(name))
    }

    /// Those that a selector matches, by name.
    pub(super) fn matching(&mut self, selector: &Labels) -> Vec<(Arc<str>, Arc<Node>)> {
        self.order(selector);
        let few = selector.values().filter_map(|(key, values)| {
            let known = self.labels.get(key)?;
            let names: Vec<&Names> = values.filter_map(|value| known.get(value)).collect();
            Some((names.iter().map(|names| names.len()).sum::<usize>(), names))
        });
        let few = few.min_by_key(|(count, _)| *count);
        let found = |(name, node): (&Arc<str>, &Arc<Node>)| {
            let matches = selector.matches(&node.labels);
            matches.then(|| (Arc::clone(name), Arc::clone(node)))
        };
        match few {
            None => self.by_name.iter().filter_map(found).collect(),
            Some((_, names)) => {
                let names: BTreeSet<&Arc<str>> = names.into_iter().flatten().collect();
                let nodes = names.into_iter().filter_map(|name| self.by_name.get_key_value(name));
                nodes.filter_map(found).collect()
            }
        }
    }

    /// Keeps the keys that a selector asks for in order from now on.
    fn order(&mut self, selector: &Labels) {
        for (key, _) in selector.values() {
            if self.labels.len() >= KEYS || self.labels.contains_key(key) {
                continue;
            }
            let mut values = HashMap::new();
            for (name, node) in &self.by_name {
                add(&mut values, key, name, node);
            }
            self.labels.insert(key.to_owned(), values);
        }
    }
}

fn add(values: &mut HashMap<String, Names>, key: &str, name: &Arc<str>, node: &Node) {
    if let Some(value) = node.labels.get(key) {
        values.entry(value.clone()).or_default().insert(Arc::clone(name));
    }
}

fn take(names: &mut HashMap<String, Names>, key: &str, name: &str) {
    if let Some(known) = names.get_mut(key) {
        known.remove(name);
        if known.is_empty() {
            names.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn node(labels: &Value, instance: &str) -> Node {
        Node {
            labels: serde_json::from_value(labels.clone()).expect("labels"),
            instance: Some(instance.into()),
            zone: None,
            not_ready_since: None,
            told: None,
            cordoned: false,
            deleting: false,
            leaving_since: None,
        }
    }

    fn names(nodes: &mut Nodes, selector: &Value) -> Vec<String> {
        let selector = serde_json::from_value(selector.clone()).expect("a selector");
        let selector = Labels::of(&selector).expect("it is legal");
        let found = nodes.matching(&selector).into_iter();
        found.map(|(name, _)| name.to_string()).collect()
    }

    /// Those found by keys that are kept in order are those found by looking through all.
    #[test]
    fn what_is_found_in_order_is_what_matches() {
        let mut nodes = Nodes::default();
        let selectors = [
            json!({"matchLabels": {"role": "web"}}),
            json!({"matchLabels": {"role": "web", "pool": "1"}}),
            json!({"matchLabels": {"role": "none"}}),
            json!({"matchExpressions": [{"key": "pool", "operator": "In", "values": ["1", "2", "9"]}]}),
            json!({"matchExpressions": [{"key": "pool", "operator": "NotIn", "values": ["1"]}]}),
            json!({"matchLabels": {"role": "db"}, "matchExpressions": [{"key": "pool", "operator": "Exists"}]}),
            json!({}),
        ];
        let check = |nodes: &mut Nodes| {
            for selector in &selectors {
                let found = names(nodes, selector);
                let selector = serde_json::from_value(selector.clone()).expect("a selector");
                let selector = Labels::of(&selector).expect("it is legal");
                let all = nodes.iter().filter(|(_, node)| selector.matches(&node.labels));
                let all: Vec<String> = all.map(|(name, _)| name.to_string()).collect();
                assert_eq!(found, all, "{selector:?}");
            }
        };
        for number in 0..12 {
            let role = ["web", "db"][number % 2];
            let pool = (number % 3).to_string();
            assert!(nodes.insert(&format!("n{number}"), node(&json!({"role": role, "pool": pool}), "i-1")));
            check(&mut nodes);
        }
        assert!(!nodes.insert("n0", node(&json!({"role": "web", "pool": "0"}), "i-1")));
        assert!(nodes.insert("n0", node(&json!({"role": "db"}), "i-2")));
        check(&mut nodes);
        for number in 0..6 {
            assert!(nodes.remove(&format!("n{number}")) && !nodes.remove(&format!("n{number}")));
            check(&mut nodes);
        }
        assert_eq!(nodes.on(&"i-1".into()).map(|(name, _)| &**name), Some("n9"));
        assert!(nodes.on(&"i-2".into()).is_none());
    }

    #[test]
    fn keys_beyond_some_are_not_kept_in_order_and_found_all_the_same() {
        let mut nodes = Nodes::default();
        nodes.insert("n", node(&json!({"last": "yes"}), "i-1"));
        for number in 0..2 * KEYS {
            let none = names(&mut nodes, &json!({"matchLabels": {format!("key-{number}"): "yes"}}));
            assert!(none.is_empty());
        }
        assert_eq!(nodes.labels.len(), KEYS);
        assert_eq!(names(&mut nodes, &json!({"matchLabels": {"last": "yes"}})), ["n"]);
    }
}
