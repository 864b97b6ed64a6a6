//! The state that Terraform has after it applied a configuration: of HCL, what an export writes.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Map, Value, json};

use crate::elb::LoadBalancer;

/// What the provider takes for granted.
const DEFAULTS: &str = r#"{"idle_timeout": 60, "connection_draining": false, "connection_draining_timeout": 300,
    "desync_mitigation_mode": "defensive", "cross_zone_load_balancing": true, "access_logs": []}"#;

/// As `terraform show -json` writes it, where AWS has this already.
pub(super) fn applied(configuration: &str, there: &LoadBalancer) -> Value {
    let file = Reader(configuration.chars().peekable()).body(true);
    let mut blocks: BTreeMap<(String, String), Value> = BTreeMap::new();
    for (header, body) in &file {
        if header == "provider \"aws\"" {
            continue;
        }
        if let [kind, name] = header
            .strip_prefix("resource ")
            .map(labels)
            .unwrap_or_default()
            .as_slice()
        {
            assert!(
                blocks.insert((kind.clone(), name.clone()), body[0].clone()).is_none(),
                "{header} stands there twice"
            );
        } else {
            assert_eq!(header, "import");
        }
    }
    let mut resources = Vec::new();
    for ((kind, name), body) in &blocks {
        let each = match &body["for_each"] {
            Value::Null => vec![None],
            keys => keys
                .as_array()
                .expect("a set")
                .iter()
                .map(|key| Some(key.clone()))
                .collect(),
        };
        for key in each {
            let mut values = resolved(body, key.as_ref(), &blocks);
            for argument in ["for_each", "provider"] {
                values.as_object_mut().expect("members").remove(argument);
            }
            if kind == "aws_elb" {
                let mut whole: Map<String, Value> = serde_json::from_str(DEFAULTS).expect("JSON");
                whole.extend(values.as_object().cloned().unwrap_or_default());
                values = Value::Object(whole);
            }
            let index = key.map(|key| format!("[{key}]")).unwrap_or_default();
            resources.push(json!({
                "address": format!("{kind}.{name}{index}"), "mode": "managed", "type": kind, "name": name, "values": values,
            }));
        }
    }
    let policies = resources
        .iter()
        .filter(|resource| resource["type"] == "aws_load_balancer_policy");
    let names: Vec<String> = policies
        .map(|policy| policy["values"]["policy_name"].to_string())
        .collect();
    let of_aws = there.policies.keys().map(|name| json!(name).to_string());
    let names: Vec<String> = names.into_iter().chain(of_aws).collect();
    let once: BTreeSet<&String> = names.iter().collect();
    assert_eq!(once.len(), names.len(), "DuplicatePolicyName: {configuration}");
    json!({"format_version": "1.0", "terraform_version": "1.11.4", "values": {"root_module": {"resources": resources}}})
}

/// The quoted words of a header.
fn labels(header: &str) -> Vec<String> {
    header.split('"').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

/// With what references stand for.
fn resolved(value: &Value, key: Option<&Value>, blocks: &BTreeMap<(String, String), Value>) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| resolved(item, key, blocks)).collect(),
        Value::Object(members) => match members.get("reference") {
            Some(Value::String(path)) => {
                if path == "each.value" {
                    return key.expect("for_each").clone();
                }
                if path.starts_with("aws.") {
                    return Value::Null;
                }
                let parts: Vec<&str> = path.split('.').collect();
                let [kind, name, attribute] = parts.as_slice() else {
                    panic!("{path}");
                };
                let block = blocks.get(&((*kind).to_owned(), (*name).to_owned()));
                let block = block.unwrap_or_else(|| panic!("{path} is not there"));
                // The id of an aws_elb is its name.
                let attribute = if *attribute == "id" { "name" } else { attribute };
                block[attribute].clone()
            }
            _ => members
                .iter()
                .map(|(name, value)| (name.clone(), resolved(value, key, blocks)))
                .collect(),
        },
        plain => plain.clone(),
    }
}

struct Reader<'a>(Peekable<Chars<'a>>);

impl Reader<'_> {
    fn space(&mut self) {
        while let Some(c) = self.0.peek() {
            if *c == '#' {
                while self.0.next().is_some_and(|c| c != '\n') {}
            } else if c.is_whitespace() {
                self.0.next();
            } else {
                break;
            }
        }
    }

    fn comes(&mut self, wanted: char) -> bool {
        self.space();
        self.0.next_if_eq(&wanted).is_some()
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self
            .0
            .next_if(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
        {
            word.push(c);
        }
        assert!(
            !word.is_empty(),
            "a word should stand before {:?}",
            self.0.clone().collect::<String>()
        );
        word
    }

    /// Attributes, and blocks by their headers as lists.
    fn body(&mut self, whole: bool) -> Map<String, Value> {
        let mut all = Map::new();
        loop {
            self.space();
            if self.0.peek().is_none() {
                assert!(whole, "a block has no end");
                return all;
            }
            if !whole && self.comes('}') {
                return all;
            }
            let mut name = self.word();
            if self.comes('=') {
                let value = self.expression();
                assert!(all.insert(name.clone(), value).is_none(), "{name} stands there twice");
                continue;
            }
            while !self.comes('{') {
                name = format!("{name} \"{}\"", self.text());
            }
            let body = Value::Object(self.body(false));
            let list = all.entry(name).or_insert_with(|| json!([]));
            list.as_array_mut().expect("a list").push(body);
        }
    }

    fn expression(&mut self) -> Value {
        self.space();
        match self.0.peek() {
            Some('"') => Value::String(self.text()),
            Some('[') => self.list(),
            Some('{') => self.map(),
            _ => match self.word().as_str() {
                "toset" => {
                    assert!(self.comes('('));
                    let list = self.expression();
                    assert!(self.comes(')'));
                    list
                }
                "true" => json!(true),
                "false" => json!(false),
                word => word
                    .parse::<i64>()
                    .map_or_else(|_| json!({"reference": word}), |number| json!(number)),
            },
        }
    }

    fn list(&mut self) -> Value {
        let mut items = Vec::new();
        assert!(self.comes('['));
        while !self.comes(']') {
            items.push(self.expression());
            let _ = self.comes(',');
        }
        Value::Array(items)
    }

    fn map(&mut self) -> Value {
        let mut pairs = Map::new();
        assert!(self.comes('{'));
        while !self.comes('}') {
            let key = self.text();
            assert!(self.comes('='));
            pairs.insert(key, self.expression());
        }
        Value::Object(pairs)
    }

    /// A quoted text, in which nothing may be a template.
    fn text(&mut self) -> String {
        assert!(self.comes('"'));
        let mut text = String::new();
        loop {
            match self.0.next().expect("the end of a text") {
                '"' => return text,
                '\\' => text.push(match self.0.next() {
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some(c @ ('"' | '\\')) => c,
                    other => panic!("{other:?} is no escape"),
                }),
                c @ ('$' | '%') => {
                    // Doubled before a brace, where it would begin a template otherwise.
                    let mut ahead = self.0.clone();
                    match (ahead.next(), ahead.next()) {
                        (Some(next), Some('{')) if next == c => {
                            self.0.next();
                            self.0.next();
                            text.push(c);
                            text.push('{');
                        }
                        (Some('{'), _) => panic!("a template begins in {text:?}"),
                        _ => text.push(c),
                    }
                }
                '\n' => panic!("a text ends with its line: {text:?}"),
                c => text.push(c),
            }
        }
    }
}
