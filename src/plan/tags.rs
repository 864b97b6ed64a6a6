//! Pure: steps for tags.

use std::collections::{BTreeMap, BTreeSet};

use super::Step;
use crate::elb::LoadBalancer;

/// Adds before it removes; keys that nobody here ever set are left alone by `Declared::over`.
pub(super) fn differences(observed: &LoadBalancer, wanted: &LoadBalancer) -> Vec<Step> {
    let mut steps = Vec::new();
    let add: BTreeMap<_, _> = wanted
        .tags
        .iter()
        .filter(|(key, value)| observed.tags.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !add.is_empty() {
        steps.push(Step::AddTags(add));
    }
    let remove: BTreeSet<_> = observed
        .tags
        .keys()
        .filter(|key| !wanted.tags.contains_key(*key))
        .cloned()
        .collect();
    if !remove.is_empty() {
        steps.push(Step::RemoveTags(remove));
    }
    steps
}
