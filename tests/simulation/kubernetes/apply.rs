//! Server-side apply: what is sent becomes what the sender wants, no more and no less.

use serde_json::{Map, Value, json};

use super::kinds::Kind;
use super::managers::{Fields, Managers, Writer, fields};
use super::refusal::Refusal;
use super::schema::{Merging, Place};

/// The object and its owners after somebody applied `sent`.
pub(super) fn apply(
    kind: &Kind,
    live: &Value,
    managers: &Managers,
    writer: &Writer,
    sent: &Value,
    force: bool,
) -> Result<(Value, Managers), Refusal> {
    let schema = &kind.schema;
    let sent_fields = fields(sent, schema);
    let conflicts = managers.conflicts(writer, &fields(live, schema), &sent_fields);
    let mut managers = managers.clone();
    if !conflicts.is_empty() && !force {
        return Err(refused(&conflicts));
    }
    for (other, lost) in &conflicts {
        if let Some(owned) = managers.0.get_mut(other) {
            owned.retain(|path| !lost.contains(path));
        }
    }
    let wanted: Fields = sent_fields.into_keys().collect();
    let before = managers.0.remove(writer).unwrap_or_default();
    let others: Fields = managers.0.values().flatten().cloned().collect();
    let abandoned: Fields = before
        .into_iter()
        .filter(|path| !wanted.contains(path) && !others.contains(path))
        .collect();
    let mut merged = merge(live, sent, schema.root());
    if !abandoned.is_empty() {
        merged = without(&merged, schema.root(), &mut String::new(), &abandoned, &wanted).unwrap_or_else(|| json!({}));
    }
    managers.0.insert(writer.clone(), wanted);
    managers.0.retain(|_, owned| !owned.is_empty());
    Ok((merged, managers))
}

fn refused(conflicts: &[(Writer, Fields)]) -> Refusal {
    let fields: usize = conflicts.iter().map(|(_, fields)| fields.len()).sum();
    let with = conflicts.iter().map(|(writer, fields)| {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        format!("conflicts with {:?}: {}", writer.manager, fields.join(", "))
    });
    let plural = if fields == 1 { "conflict" } else { "conflicts" };
    let message = format!(
        "Apply failed with {fields} {plural}: {}",
        with.collect::<Vec<_>>().join("; ")
    );
    Refusal::new(409, "Conflict", message)
}

/// What is sent over what is there. Members that are not sent stay.
fn merge(live: &Value, sent: &Value, place: Place<'_>) -> Value {
    let kept = match sent {
        // A null stands for an empty map or list, so it takes nothing away from one that has members.
        Value::Null => place.merging(live),
        _ => place.merging(sent),
    };
    match (live, sent) {
        (Value::Object(old), Value::Object(new)) if kept == Merging::Granular => {
            let mut merged = old.clone();
            for (name, value) in new {
                let value = match old.get(name) {
                    Some(old) => merge(old, value, place.member(name)),
                    None => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Value::Object(old), Value::Null) if kept == Merging::Granular && !old.is_empty() => live.clone(),
        (Value::Array(old), Value::Null) if kept != Merging::Atomic && !old.is_empty() => live.clone(),
        (Value::Array(old), Value::Array(new)) if kept != Merging::Atomic => {
            Value::Array(merge_lists(old, new, &kept, place))
        }
        _ => sent.clone(),
    }
}

/// What is not sent keeps its place before what followed it; the order is else that of what is sent.
fn merge_lists(old: &[Value], new: &[Value], merging: &Merging, place: Place<'_>) -> Vec<Value> {
    let key = |item: &Value| merging.key(item).unwrap_or_default();
    let sent: Vec<String> = new.iter().map(key).collect();
    let there: Vec<String> = old.iter().map(key).collect();
    let mut merged = Vec::new();
    let mut rest = old.iter().zip(&there).peekable();
    for (item, name) in new.iter().zip(&sent) {
        while let Some((kept, _)) = rest.next_if(|(_, other)| !sent.contains(other)) {
            merged.push(kept.clone());
        }
        rest.next_if(|(_, other)| *other == name);
        let at = there.iter().position(|other| other == name);
        merged.push(match at.and_then(|at| old.get(at)) {
            Some(old) => merge(old, item, place.item()),
            None => item.clone(),
        });
    }
    merged.extend(
        rest.filter(|(_, name)| !sent.contains(name))
            .map(|(kept, _)| kept.clone()),
    );
    merged
}

/// The value without these fields; `None`: it is one of them itself.
fn without(value: &Value, place: Place<'_>, path: &mut String, gone: &Fields, wanted: &Fields) -> Option<Value> {
    if gone.contains(path) {
        return None;
    }
    let concerned = gone
        .range::<String, _>(&*path..)
        .next()
        .is_some_and(|next| next.starts_with(path.as_str()));
    if !concerned {
        return Some(value.clone());
    }
    let merging = place.merging(value);
    let length = path.len();
    match value {
        Value::Object(members) => {
            let mut kept = Map::new();
            for (name, value) in members {
                path.push('/');
                path.push_str(name);
                if let Some(value) = without(value, place.member(name), path, gone, wanted) {
                    kept.insert(name.clone(), value);
                }
                path.truncate(length);
            }
            emptied(kept.is_empty(), Value::Object(kept), path, wanted)
        }
        Value::Array(items) => {
            let mut kept = Vec::new();
            for item in items {
                path.push_str(&merging.key(item).unwrap_or_default());
                kept.extend(without(item, place.item(), path, gone, wanted));
                path.truncate(length);
            }
            emptied(kept.is_empty(), Value::Array(kept), path, wanted)
        }
        _ => Some(value.clone()),
    }
}

/// What lost its last member goes too, unless it was sent empty: then it is made null.
fn emptied(empty: bool, kept: Value, path: &str, wanted: &Fields) -> Option<Value> {
    match (empty, wanted.contains(path)) {
        (false, _) => Some(kept),
        (true, true) => Some(Value::Null),
        (true, false) => None,
    }
}
