//! Pure: the resources of a state, whichever of its forms it has.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::flat;

/// What to do with a state that is too old.
const TOO_OLD: &str = "run `terraform state pull` with Terraform 0.13 or later and give that";

/// A resource that Terraform manages.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cli) struct Resource {
    /// Its address with the keys of `count` and `for_each`: `module.shop["eu"].aws_elb.web[0]`.
    pub(in crate::cli) address: String,
    /// Its type, such as `aws_elb`.
    pub(in crate::cli) kind: String,
    /// Its attributes.
    pub(in crate::cli) values: Value,
    /// The addresses that it refers to, without keys.
    pub(in crate::cli) dependencies: BTreeSet<String>,
    /// The provider that has it, with its alias; empty where the form of the state does not tell the alias.
    pub(in crate::cli) provider: String,
}

impl Resource {
    /// The address of its block in the configuration, without keys.
    pub(in crate::cli) fn block(&self) -> String {
        without_keys(&self.address)
    }

    /// The modules that it is in, from the outermost on, with their keys.
    pub(super) fn modules(&self) -> Vec<&str> {
        let mut parts = parts(&self.address).into_iter();
        let mut modules = Vec::new();
        while parts.next() == Some("module") {
            modules.extend(parts.next());
        }
        modules
    }

    /// An attribute that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values[name].as_str().filter(|text| !text.is_empty())
    }
}

/// A state.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::cli) struct State {
    pub(in crate::cli) resources: Vec<Resource>,
    /// What was passed over, with why.
    pub(in crate::cli) skipped: Vec<String>,
    /// Whether Terraform wrote it in a version that knows `removed` blocks.
    pub(in crate::cli) knows_removed: bool,
}

impl State {
    /// The resources of a type.
    pub(super) fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }
}

/// Reads a state: version 4 as `terraform state pull` writes it, or what `terraform show -json` makes of a state or of a
/// plan.
///
/// # Errors
/// What it is instead, and what to do.
pub(in crate::cli) fn parse(text: &str) -> Result<State, String> {
    let state: Value = serde_json::from_str(text)
        .map_err(|error| format!("is no JSON: {error}; give a state or `terraform show -json`"))?;
    let mut read = if state.get("encrypted_data").is_some() {
        return Err("is an encrypted state: give what `tofu show -json` writes".to_owned());
    } else if let Some(version) = state.get("version").and_then(Value::as_u64) {
        if version != 4 {
            return Err(format!(
                "is a state of version {version}, and only 4 is read: {TOO_OLD}"
            ));
        }
        stored(&state)
    } else if state.get("format_version").is_some() {
        // A plan holds what was before it, too.
        let values = state.get("values").or_else(|| state["prior_state"].get("values"));
        let mut read = State::default();
        if let Some(values) = values {
            shown(&values["root_module"], &mut read);
        }
        read
    } else {
        return Err("is neither a state of Terraform nor what `terraform show -json` writes".to_owned());
    };
    let version = state["terraform_version"].as_str().unwrap_or_default();
    // OpenTofu has blocks of the same name that mean something else.
    read.knows_removed = knows_removed(version) && !text.contains("registry.opentofu.org");
    Ok(read)
}

/// Terraform knows them since 1.7.
fn knows_removed(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= (1, 7),
        _ => false,
    }
}

fn stored(state: &Value) -> State {
    let mut read = State::default();
    for resource in state["resources"].as_array().into_iter().flatten() {
        if resource["mode"] != "managed" {
            continue;
        }
        let text = |member: &str| resource[member].as_str().unwrap_or_default();
        let module = match text("module") {
            "" => String::new(),
            module => format!("{module}."),
        };
        let kind = text("type").to_owned();
        let block = format!("{module}{kind}.{}", text("name"));
        for instance in resource["instances"].as_array().into_iter().flatten() {
            let address = format!("{block}{}", key(&instance["index_key"]));
            if instance.get("deposed").is_some_and(|deposed| !deposed.is_null()) {
                read.skipped
                    .push(format!("{address}: an instance that is being replaced (deposed)"));
                continue;
            }
            let values = match (&instance["attributes"], &instance["attributes_flat"]) {
                (Value::Null, Value::Object(flat)) => flat::nested(flat),
                (values, _) => values.clone(),
            };
            let dependencies = instance["dependencies"].as_array().into_iter().flatten();
            read.resources.push(Resource {
                address,
                kind: kind.clone(),
                values,
                dependencies: dependencies.filter_map(Value::as_str).map(without_keys).collect(),
                provider: text("provider").to_owned(),
            });
        }
    }
    read
}

/// A module of `terraform show -json`, and those in it.
fn shown(module: &Value, read: &mut State) {
    for resource in module["resources"].as_array().into_iter().flatten() {
        if resource["mode"] != "managed" {
            continue;
        }
        let address = resource["address"].as_str().unwrap_or_default().to_owned();
        if resource.get("deposed_key").is_some_and(|key| !key.is_null()) {
            read.skipped
                .push(format!("{address}: an instance that is being replaced (deposed)"));
            continue;
        }
        let dependencies = resource["depends_on"].as_array().into_iter().flatten();
        read.resources.push(Resource {
            kind: resource["type"].as_str().unwrap_or_default().to_owned(),
            values: resource
                .get("values")
                .cloned()
                .unwrap_or_else(|| Value::Object(Map::new())),
            dependencies: dependencies.filter_map(Value::as_str).map(without_keys).collect(),
            provider: String::new(),
            address,
        });
    }
    for child in module["child_modules"].as_array().into_iter().flatten() {
        shown(child, read);
    }
}

/// The key of an instance as an address has it.
fn key(index: &Value) -> String {
    match index {
        Value::Number(number) => format!("[{number}]"),
        Value::String(key) => format!("[{}]", Value::String(key.clone())),
        _ => String::new(),
    }
}

/// An address without what stands in brackets.
pub(super) fn without_keys(address: &str) -> String {
    let inside = in_key(address);
    let outside = address.chars().zip(inside).filter(|(_, inside)| !inside);
    outside.map(|(c, _)| c).collect()
}

/// What stands between the dots of an address, but for those in keys.
fn parts(address: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    for ((at, c), inside) in address.char_indices().zip(in_key(address)) {
        if c == '.' && !inside {
            parts.extend(address.get(start..at));
            start = at + 1;
        }
    }
    parts.extend(address.get(start..));
    parts
}

/// Of each character of an address, whether it belongs to a key. A key may hold brackets itself, in quotes.
fn in_key(address: &str) -> Vec<bool> {
    let (mut inside, mut quoted, mut escaped) = (false, false, false);
    let each = address.chars().map(|c| {
        if !inside {
            inside = c == '[';
            return inside;
        }
        let is_escaped = escaped;
        escaped = quoted && !is_escaped && c == '\\';
        match c {
            '"' if !is_escaped => quoted = !quoted,
            ']' if !quoted => inside = false,
            _ => {}
        }
        true
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_out_of_addresses() {
        for (address, expected) in [
            ("aws_elb.web", "aws_elb.web"),
            ("aws_elb.web[0]", "aws_elb.web"),
            (r#"module.a["x.y"].aws_elb.web["a]b"]"#, "module.a.aws_elb.web"),
            (r#"aws_elb.web["a\"]b"]"#, "aws_elb.web"),
        ] {
            assert_eq!(without_keys(address), expected);
        }
        let resource = Resource {
            address: r#"module.a["x.y"].module.b[0].aws_elb.web["a]b"]"#.to_owned(),
            kind: "aws_elb".to_owned(),
            values: Value::Null,
            dependencies: BTreeSet::new(),
            provider: String::new(),
        };
        assert_eq!(resource.modules(), [r#"a["x.y"]"#, "b[0]"]);
    }

    #[test]
    fn what_is_no_state_is_told() {
        for (text, words) in [
            ("{", "is no JSON"),
            ("{}", "neither a state"),
            (r#"{"version": 3, "modules": []}"#, "version 3"),
            (r#"{"encrypted_data": "x"}"#, "encrypted"),
        ] {
            let error = parse(text).expect_err("refused");
            assert!(error.contains(words), "{error}");
        }
        let empty = parse(r#"{"format_version": "1.0", "terraform_version": "1.6.6"}"#).expect("an empty state");
        assert_eq!(empty, State::default());
        assert!(
            parse(r#"{"version": 4, "terraform_version": "1.11.4"}"#)
                .expect("empty")
                .knows_removed
        );
    }
}
