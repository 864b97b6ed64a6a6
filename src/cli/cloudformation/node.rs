//! Pure: a template as data. The short forms of YAML become the long ones of JSON: `!Ref x` is `{"Ref": "x"}`.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::Tagged;

use crate::cli::failure::without_snippet;

/// A node with the tags of the nodes in it read.
struct Node(Value);

/// Reads the templates of a text, in YAML or JSON; also as AWS answers `GetTemplate`, with the template in `TemplateBody`.
///
/// # Errors
/// What it is instead.
pub(in crate::cli) fn parse(text: &str) -> Result<Vec<Value>, String> {
    let mut templates = Vec::new();
    for document in documents(text)? {
        match document.get("TemplateBody") {
            // As it was uploaded, where that was YAML.
            Some(Value::String(text)) => templates.extend(documents(text)?),
            Some(body) => templates.push(body.clone()),
            None => templates.push(document),
        }
    }
    if !templates.is_empty() && templates.iter().all(|template| template["Resources"].is_object()) {
        Ok(templates)
    } else {
        Err("is no CloudFormation template: it has no Resources".to_owned())
    }
}

fn documents(text: &str) -> Result<Vec<Value>, String> {
    let documents: Vec<Tagged<Node>> = serde_saphyr::from_multiple(text)
        .map_err(|error| format!("is neither YAML nor JSON: {}", without_snippet(&error.to_string())))?;
    let each = documents.into_iter();
    Ok(each.map(|Tagged(node, tag)| long(node, tag.as_deref())).collect())
}

/// The long form of an intrinsic function.
fn long(Node(value): Node, tag: Option<&str>) -> Value {
    let name = match tag.and_then(|tag| tag.strip_prefix('!')) {
        None | Some("") => return value,
        Some(name @ ("Ref" | "Condition")) => name.to_owned(),
        Some(name) => format!("Fn::{name}"),
    };
    Value::Object(Map::from_iter([(name, value)]))
}

/// Whether a value says what it is, without an intrinsic function anywhere in it.
pub(super) fn is_literal(value: &Value) -> bool {
    match value {
        Value::Object(members) => members
            .iter()
            .all(|(key, value)| !is_intrinsic(key) && is_literal(value)),
        Value::Array(items) => items.iter().all(is_literal),
        _ => true,
    }
}

/// Whether this is the name of an intrinsic function.
pub(super) fn is_intrinsic(key: &str) -> bool {
    key.starts_with("Fn::") || matches!(key, "Ref" | "Condition")
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node(value.into()))
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut all = Vec::new();
        while let Some(Tagged(node, tag)) = items.next_element::<Tagged<Node>>()? {
            all.push(long(node, tag.as_deref()));
        }
        Ok(Node(Value::Array(all)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut all = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let Tagged(node, tag) = members.next_value::<Tagged<Node>>()?;
            all.insert(key, long(node, tag.as_deref()));
        }
        Ok(Node(Value::Object(all)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_forms_become_long_ones() {
        let text = "Resources:\n  Web:\n    Properties:\n      Name: !Ref Name\n      Zones: !GetAZs ''\n      Url: !Sub \
                    'http://${Web}'\n      Dns: !GetAtt Web.DNSName\n      List: [!Ref A, b]\n      Port: 80\n      On: \
                    !If [Many, !Ref X, 'no']\n";
        let template = parse(text).expect("a template").remove(0);
        let expected = json!({
            "Name": {"Ref": "Name"}, "Zones": {"Fn::GetAZs": ""}, "Url": {"Fn::Sub": "http://${Web}"},
            "Dns": {"Fn::GetAtt": "Web.DNSName"}, "List": [{"Ref": "A"}, "b"], "Port": 80,
            "On": {"Fn::If": ["Many", {"Ref": "X"}, "no"]},
        });
        assert_eq!(template["Resources"]["Web"]["Properties"], expected);
        assert!(is_literal(&expected["Port"]) && !is_literal(&expected["List"]));
        let same = parse(&template.to_string()).expect("JSON");
        assert_eq!(same, std::slice::from_ref(&template));
        for body in [template.clone(), json!(text)] {
            let answer = json!({"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]});
            assert_eq!(
                parse(&answer.to_string()).expect("an answer"),
                std::slice::from_ref(&template)
            );
        }
        let both = parse(&format!("{text}---\n{text}")).expect("two templates");
        assert_eq!(both, [template.clone(), template]);
        assert!(parse("").is_err_and(|why| why.contains("no CloudFormation template")));
        assert!(parse("a: [").is_err_and(|why| why.contains("neither YAML nor JSON")));
        assert!(parse(r#"{"TemplateBody": "a: ["}"#).is_err_and(|why| why.contains("neither YAML nor JSON")));
        assert!(parse("a: b").is_err_and(|why| why.contains("no CloudFormation template")));
    }
}
