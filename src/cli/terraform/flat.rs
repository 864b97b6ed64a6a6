//! Pure: attributes of a resource that no newer Terraform has touched: `listener.3057123.lb_port` as one key.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The same as objects, lists and maps. Everything stays a text, and sets come in the order of their hashes.
pub(super) fn nested(flat: &Map<String, Value>) -> Value {
    let pairs = flat
        .iter()
        .map(|(key, value)| (key.split('.').collect::<Vec<_>>(), value));
    group(pairs.collect())
}

fn group(pairs: Vec<(Vec<&str>, &Value)>) -> Value {
    if let [(path, value)] = pairs.as_slice()
        && path.is_empty()
    {
        return (*value).clone();
    }
    let mut members: BTreeMap<&str, Vec<(Vec<&str>, &Value)>> = BTreeMap::new();
    let (mut is_list, mut is_map) = (false, false);
    for (mut path, value) in pairs {
        if path.is_empty() {
            continue;
        }
        let first = path.remove(0);
        match first {
            "#" => is_list = true,
            // Keys of a map may have dots themselves.
            "%" => is_map = true,
            _ => members.entry(first).or_default().push((path, value)),
        }
    }
    if is_map {
        let whole = members.into_iter().flat_map(|(first, rest)| {
            rest.into_iter().map(move |(path, value)| {
                let key: Vec<&str> = std::iter::once(first).chain(path).collect();
                (key.join("."), value.clone())
            })
        });
        return Value::Object(whole.collect());
    }
    if is_list {
        let mut indices: Vec<_> = members.into_iter().collect();
        indices.sort_by_key(|(index, _)| index.parse::<u64>().unwrap_or(u64::MAX));
        return Value::Array(indices.into_iter().map(|(_, rest)| group(rest)).collect());
    }
    Value::Object(
        members
            .into_iter()
            .map(|(name, rest)| (name.to_owned(), group(rest)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn flat_keys_become_objects_and_lists() {
        let flat = json!({
            "name": "web", "listener.#": "2", "listener.90.lb_port": "443", "listener.7.lb_port": "80",
            "listener.7.lb_protocol": "http", "tags.%": "2", "tags.a": "1", "tags.b.c/d": "2", "subnets.#": "1",
            "subnets.12": "subnet-1", "access_logs.#": "0",
        });
        let expected = json!({
            "name": "web", "listener": [{"lb_port": "80", "lb_protocol": "http"}, {"lb_port": "443"}],
            "tags": {"a": "1", "b.c/d": "2"}, "subnets": ["subnet-1"], "access_logs": [],
        });
        assert_eq!(nested(flat.as_object().expect("an object")), expected);
    }
}
