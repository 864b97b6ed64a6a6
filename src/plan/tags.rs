//! Pure: steps for tags.

use std::collections::{BTreeMap, BTreeSet};

use super::Step;
use crate::elb::{LoadBalancer, TAGS};

/// Adds before it removes, unless what is removed makes the room that all need; keys that nobody here ever set are left alone by
/// `Declared::over`.
pub(super) fn differences(observed: &LoadBalancer, wanted: &LoadBalancer) -> Vec<Step> {
    let add: BTreeMap<_, _> = wanted
        .tags
        .iter()
        .filter(|(key, value)| observed.tags.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let remove: BTreeSet<_> = observed
        .tags
        .keys()
        .filter(|key| !wanted.tags.contains_key(*key))
        .cloned()
        .collect();
    let new = add.keys().filter(|key| !observed.tags.contains_key(*key)).count();
    let all = observed.tags.len() + new;
    let full = all > TAGS && all - remove.len() <= TAGS;
    let add = (!add.is_empty()).then_some(Step::AddTags(add));
    let remove = (!remove.is_empty()).then_some(Step::RemoveTags(remove));
    let order = if full { [remove, add] } else { [add, remove] };
    order.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many tags of others, and one of ours.
    fn tagged(others: usize, ours: &str) -> LoadBalancer {
        let others = (0..others).map(|number| (format!("other-{number}"), "x".to_owned()));
        LoadBalancer {
            tags: others.chain([(ours.to_owned(), "x".to_owned())]).collect(),
            ..LoadBalancer::bare("web")
        }
    }

    #[test]
    fn a_tag_is_renamed_also_where_no_more_fit() {
        for (others, first) in [(10, "AddTags"), (TAGS - 2, "AddTags"), (TAGS - 1, "RemoveTags")] {
            let steps = differences(&tagged(others, "old"), &tagged(others, "new"));
            let operations: Vec<_> = steps.iter().map(Step::operation).collect();
            assert_eq!((operations.len(), operations.first()), (2, Some(&first)), "{others}");
            let mut lb = tagged(others, "old");
            for step in steps {
                step.apply_to(&mut lb);
                assert!(lb.tags.len() <= TAGS);
            }
            assert_eq!(lb, tagged(others, "new"));
        }
    }

    /// AWS refuses what does not fit, and what was there is not lost for it.
    #[test]
    fn nothing_is_removed_for_what_does_not_fit_all_the_same() {
        let observed = tagged(TAGS - 1, "old");
        let mut wanted = tagged(TAGS - 1, "new");
        wanted.tags.insert("newer".to_owned(), "x".to_owned());
        let steps = differences(&observed, &wanted);
        assert_eq!(steps.first().map(Step::operation), Some("AddTags"));
    }
}
