//! The services with JSON in their bodies: ACM and resource tagging.

use serde_json::Value as Json;

use super::super::ask::Ask;
use super::{Subject, Tags};

pub(super) fn acm(subject: &Subject<'_>) -> Vec<Ask> {
    let operation = subject.operation;
    let text = |name: &str| subject.json.get(name).and_then(Json::as_str);
    let tags = tags(subject.json);
    let ask = match text("CertificateArn") {
        Some(arn) => {
            let known = subject.region().and_then(|region| region.certificates.get(arn));
            let ask = subject.ask(operation, Some(arn.to_owned()));
            // ACM has no key of its own for them.
            ask.on_tags("aws:ResourceTag", known.map(|certificate| &certificate.tags))
        }
        None if operation == "ListCertificates" => subject.ask(operation, None),
        None => subject.ask(operation, Some(subject.arn("acm", "certificate/*"))),
    };
    vec![match operation {
        "RemoveTagsFromCertificate" => ask.naming(tags.keys()),
        _ => ask.bringing(&tags),
    }]
}

/// Resources are named in the requests, but the actions know none.
pub(super) fn tagging(subject: &Subject<'_>) -> Vec<Ask> {
    let given = subject.json.get("Tags").and_then(Json::as_object).into_iter().flatten();
    let tags: Tags = given
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let removed = subject
        .json
        .get("TagKeys")
        .and_then(Json::as_array)
        .into_iter()
        .flatten();
    let removed: Vec<String> = removed.filter_map(Json::as_str).map(str::to_owned).collect();
    let ask = subject.ask(subject.operation, None);
    vec![if removed.is_empty() {
        ask.bringing(&tags)
    } else {
        ask.naming(&removed)
    }]
}

fn tags(json: &Json) -> Tags {
    let text = |tag: &Json, name: &str| tag.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let tags = json.get("Tags").and_then(Json::as_array).into_iter().flatten();
    tags.map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
}
