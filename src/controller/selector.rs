//! Pure: selectors over labels, as specs have them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use kube::core::{ParseExpressionError, Selector};

use crate::api::{LabelSelector, LabelSelectorOperator};

/// Reads a selector.
///
/// # Errors
/// When one of its requirements is none.
pub(super) fn of(selector: &LabelSelector) -> Result<Selector, ParseExpressionError> {
    let expressions = selector
        .match_expressions
        .iter()
        .flatten()
        .map(|requirement| meta::LabelSelectorRequirement {
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
    Selector::try_from(meta::LabelSelector {
        match_labels: selector.match_labels.clone().map(BTreeMap::from_iter),
        match_expressions: Some(expressions.collect()),
    })
}
