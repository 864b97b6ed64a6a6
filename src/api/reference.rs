//! The page `docs/reference/conditions.md`: every message that a user can meet, from the tables and from the definition
//! of the resource.

use std::fmt::Write as _;

use serde_json::Value;

use super::message::{self, TextDoc};
use super::reason::{self, ANY, AWS_CODE, AWS_CODES, Entry, Progress};

const INTRODUCTION: &str = "\
# Conditions, Events and refusals

Written by `make generate` from the code: every reason and message that an object can show, with what to do. In messages
`<…>` stands for what is filled in. The way from a symptom to a remedy is in [troubleshooting](../troubleshooting.md).

Conditions are `Ready`, `Accepted`, `Programmed`, `TargetsHealthy`, and while they hold `Reconciling` (it goes on by itself)
and `Stalled` (it goes on when somebody changes the spec or the account). Where `Accepted` is False, `Programmed` is so with
the reason `NotAccepted`. Each change of `Ready` is published as an Event with the reason and the message of `Ready`, of type
Warning where it is False and the object is not being deleted. A message that is marked as a part fills in a `<…>` of
another one.
";

/// Adds text; writing to a `String` cannot fail.
macro_rules! add {
    ($page:expr, $($text:tt)*) => { let _ = writeln!($page, $($text)*); };
}

/// The page.
///
/// # Errors
/// The definition of the resource cannot be made.
pub fn page() -> Result<String, serde_json::Error> {
    let mut page = INTRODUCTION.to_owned();
    add!(
        page,
        "\nWhere several things keep a load balancer from being as declared, the message is that of the first of \
         them. Lists of names are cut.\n\nWhat to do: See the reason of the message; `kubectl clb status` lists the \
         rest."
    );
    messages(&mut page, ANY);
    entries(&mut page, "Conditions", reason::CONDITIONS);
    entries(&mut page, "TargetsHealthy", reason::TARGETS);
    entries(&mut page, "Events", reason::EVENTS);
    codes(&mut page);
    refused(&mut page);
    refusals(
        &mut page,
        &super::crd::definition()?,
        &super::crd::account_definition()?,
    );
    words(
        &mut page,
        "Told by /readyz",
        "The kubelet asks the operator's pod, and shows the answer in the Events of the pod while it is not ready.",
        message::readyz(),
    );
    words(
        &mut page,
        "Told when the operator does not start",
        "On standard error, after `clb-operator:`. For a flag its name and value come first; where the system gives a \
         cause, it follows after a colon.",
        message::start(),
    );
    words(
        &mut page,
        "Told by kubectl clb plan",
        "As problems of the plan, or on standard error, beside what an object would be told.",
        message::plan(),
    );
    Ok(page)
}

fn entries(page: &mut String, title: &str, entries: &[Entry]) {
    add!(page, "\n## {title}");
    for entry in entries {
        let progress = match entry.progress {
            Progress::Reconciling => "; `Reconciling`",
            Progress::Awaited => "; `Reconciling`, and `Stalled` after ten minutes",
            Progress::Stalled => "; `Stalled`",
            Progress::Either => "; `Stalled`, or `Reconciling` where the message says that it is tried again",
            Progress::Neither => "",
        };
        add!(page, "\n### {}\n\n{}{progress}.\n", entry.reason, entry.stands);
        add!(page, "{}\n\nWhat to do: {}", entry.meaning, entry.remedy);
        messages(page, entry.reason);
    }
}

fn messages(page: &mut String, reason: &str) {
    let mut messages = message::all()
        .filter(|message| message.reasons.contains(&reason))
        .peekable();
    if messages.peek().is_some() {
        add!(page, "");
    }
    for message in messages {
        let mark = if message.is_part { "a part: " } else { "" };
        add!(page, "- {mark}`{}`", shown(message.text));
    }
}

/// A text with `<…>` for what is filled in.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((fixed, (name, after))) = rest
        .split_once('{')
        .and_then(|(fixed, after)| Some((fixed, after.split_once('}')?)))
    {
        let words = name.split('_').map(|word| match word {
            "aws" => "AWS",
            "vpc" => "VPC",
            "vpcs" => "VPCs",
            other => other,
        });
        let _ = write!(shown, "{fixed}<{}>", words.collect::<Vec<_>>().join(" "));
        rest = after;
    }
    shown + rest
}

fn codes(page: &mut String) {
    add!(
        page,
        "\n## Codes of AWS\n\nThe reason is the code of AWS, as letters and digits alone, or the reason after the \
         arrow. A code that is not listed is tried again. `status.errors` holds the operation, the code and the \
         message for each part of the load balancer."
    );
    messages(page, AWS_CODE);
    for group in AWS_CODES {
        let code = |(code, reason): &(&str, Option<&str>)| match reason {
            Some(reason) => format!("`{code}` → `{reason}`"),
            None => format!("`{code}`"),
        };
        let codes: Vec<String> = group.codes.iter().map(code).collect();
        add!(
            page,
            "\n### {}\n\n{}.\n\n{}.",
            group.kind.text(),
            codes.join(", "),
            group.stands
        );
        add!(page, "\nWhat to do: {}", group.remedy);
        let mut ours = message::unanswered()
            .iter()
            .filter(|answer| group.codes.iter().any(|(code, _)| *code == answer.code))
            .peekable();
        if ours.peek().is_some() {
            add!(page, "");
        }
        for answer in ours {
            add!(page, "- `{}: {}`", answer.code, shown(answer.text));
        }
    }
}

/// What the operator refuses.
fn refused(page: &mut String) {
    add!(
        page,
        "\n## Refused by the operator\n\nThe object is stored, and told `Accepted=False` and `Stalled` with the \
         reason `Invalid` and `<field>: <message>`. A load balancer that exists stays as it is.\n\n| field | message \
         | what to do |\n|---|---|---|"
    );
    for refusal in message::refused() {
        let (field, text) = (shown(refusal.field), cell(&shown(refusal.text)));
        add!(page, "| `spec.{field}` | `{text}` | {} |", refusal.remedy);
    }
}

/// What is told of no object.
fn words(page: &mut String, title: &str, introduction: &str, words: &[TextDoc]) {
    add!(
        page,
        "\n## {title}\n\n{introduction}\n\n| message | what to do |\n|---|---|"
    );
    for word in words {
        add!(page, "| `{}` | {} |", cell(&shown(word.text)), cell(word.remedy));
    }
}

/// What the API server refuses.
fn refusals(page: &mut String, definition: &Value, accounts: &Value) {
    let (rules, limits) = rules_of(definition);
    add!(
        page,
        "\n## Refused at admission\n\nThe API server refuses the object, and nothing is stored. What to do: change the field \
         as the message says, and apply it again. An object that was stored under an older definition is told the same by \
         the reason `Invalid`, as `<field>: <message>`.\n\n\
         | field | message |\n|---|---|"
    );
    for (field, message) in rules {
        add!(page, "| `{field}` | {} |", cell(&message));
    }
    add!(
        page,
        "| `spec.deletionProtection` | on deletion, where the chart's ValidatingAdmissionPolicy is installed: \
         `<namespace>/<name> is protected: set spec.deletionProtection to false before deleting it` |"
    );
    add!(
        page,
        "\n### Limits\n\nThe API server names the field and the limit.\n\n| field | limits |\n|---|---|"
    );
    for (field, limit) in limits {
        add!(page, "| `{field}` | {limit} |");
    }
    let (rules, limits) = rules_of(accounts);
    add!(page, "\n### Of an AWSAccount\n\n| field | message |\n|---|---|");
    for (field, message) in rules {
        add!(page, "| `{field}` | {} |", cell(&message));
    }
    add!(page, "\n| field | limits |\n|---|---|");
    for (field, limit) in limits {
        add!(page, "| `{field}` | {limit} |");
    }
}

/// Names and what is said of them.
type Pairs = Vec<(String, String)>;

/// The rules and the limits of a definition.
fn rules_of(definition: &Value) -> (Pairs, Pairs) {
    let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec");
    let (mut rules, mut limits) = (Vec::new(), Vec::new());
    if let Some(schema) = schema {
        walk("spec", schema, &mut rules, &mut limits);
    }
    (rules, limits)
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Collects the rules and the limits of a schema and of everything below it.
fn walk(path: &str, schema: &Value, rules: &mut Vec<(String, String)>, limits: &mut Vec<(String, String)>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let text = rule["message"].as_str().or(rule["messageExpression"].as_str());
        let text = text.or(rule["rule"].as_str()).unwrap_or_default();
        rules.push((path.to_owned(), text.to_owned()));
    }
    let found = limits_of(schema);
    if !found.is_empty() {
        limits.push((path.to_owned(), found.join(", ")));
    }
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), below, rules, limits);
    }
    for (word, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(below) = schema.get(word).filter(|below| below.is_object()) {
            walk(&format!("{path}{mark}"), below, rules, limits);
        }
    }
}

fn limits_of(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (least, most, what) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " entries"),
        ("minProperties", "maxProperties", " entries"),
    ] {
        match (schema[least].as_i64(), schema[most].as_i64()) {
            (Some(least), Some(most)) => found.push(format!("{least} to {most}{what}")),
            (None, Some(most)) => found.push(format!("at most {most}{what}")),
            (Some(least), None) => found.push(format!("at least {least}{what}")),
            (None, None) => {}
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("`{}`", word.as_str().unwrap_or_default()))
            .collect();
        found.push(format!("one of {}", words.join(", ")));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        // One holds a backtick itself.
        let mark = if pattern.contains('`') { "``" } else { "`" };
        found.push(format!("pattern {mark}{}{mark}", cell(pattern)));
    }
    if schema["x-kubernetes-list-type"] == "set" {
        found.push("each once".to_owned());
    }
    let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
    found.extend(keys.filter_map(Value::as_str).map(|key| format!("each `{key}` once")));
    let required: Vec<String> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|field| field.as_str().map(|field| format!("`{field}`")))
        .collect();
    if !required.is_empty() {
        found.push(format!("requires {}", required.join(", ")));
    }
    found
}
