//! Pure: selectors over labels, as specs have them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use kube::core::{ParseExpressionError, Selector, SelectorExt as _};

use crate::api::{LabelSelector, LabelSelectorOperator};

/// A selector over labels.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    selector: Selector,
    /// Of the labels that are named with their values, one of which it must be: these.
    values: Vec<(String, Vec<String>)>,
}

impl Labels {
    /// Reads a selector.
    ///
    /// # Errors
    /// When one of its requirements is none.
    pub(super) fn of(selector: &LabelSelector) -> Result<Self, ParseExpressionError> {
        let equal = selector.match_labels.iter().flatten();
        let equal = equal.map(|(key, value)| (key.clone(), vec![value.clone()]));
        let expressions = selector.match_expressions.iter().flatten();
        let among = expressions.clone().filter_map(|requirement| {
            let among = matches!(requirement.operator, LabelSelectorOperator::In);
            among.then(|| (requirement.key.clone(), requirement.values.clone().unwrap_or_default()))
        });
        let values = equal.chain(among).collect();
        let expressions = expressions.map(|requirement| meta::LabelSelectorRequirement {
            key: requirement.key.clone(),
            operator: match requirement.operator {
                LabelSelectorOperator::In => "In",
                LabelSelectorOperator::NotIn => "NotIn",
                LabelSelectorOperator::Exists => "Exists",
                LabelSelectorOperator::DoesNotExist => "DoesNotExist",
            }
            .to_owned(),
            values: requirement.values.clone(),
        });
        let selector = Selector::try_from(meta::LabelSelector {
            match_labels: selector.match_labels.clone().map(BTreeMap::from_iter),
            match_expressions: Some(expressions.collect()),
        })?;
        Ok(Self { selector, values })
    }

    /// Whether labels fulfil all of it.
    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selector.matches(labels)
    }

    /// The labels that are named with their values: the key of each, and the values one of which it must have.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &String>)> {
        self.values.iter().map(|(key, values)| (key.as_str(), values.iter()))
    }
}
