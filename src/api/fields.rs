//! Pure: the page `docs/reference/fields.md`: every field of the resources, read from the definition that is installed.

use std::fmt::Write as _;

use serde_json::Value;

const INTRODUCTION: &str = "\
# Fields

Written by `make generate` from the definition that is installed; `kubectl explain clb.spec` says the same. A field that is left out
is left as AWS has it, one that is taken out again goes back to AWS's default once: [what absent, empty and removed
mean](../concepts.md#absent-empty-removed).
";

/// The page for these definitions.
///
/// # Errors
/// None but those of writing to a string.
pub fn page(definitions: &[Value]) -> Result<String, std::fmt::Error> {
    let mut page = INTRODUCTION.to_owned();
    for definition in definitions {
        let names = &definition["spec"]["names"];
        let group = text(&definition["spec"]["group"]);
        for version in list(&definition["spec"]["versions"]) {
            let schema = &version["schema"]["openAPIV3Schema"];
            let selectable = list(&version["selectableFields"]);
            let version = text(&version["name"]);
            writeln!(
                page,
                "\n## {}\n\n`{group}/{version}`. {}",
                text(&names["kind"]),
                about(schema)
            )?;
            selectors(&mut page, selectable)?;
            for part in ["spec", "status"] {
                let part_schema = &schema["properties"][part];
                writeln!(page, "\n### {part}\n\n| field | type | what it is |\n|---|---|---|")?;
                rows(&mut page, part_schema, "")?;
                rules(&mut page, part_schema)?;
            }
        }
    }
    Ok(page)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A description as the text of a cell.
fn about(schema: &Value) -> String {
    text(&schema["description"]).replace('\n', " ").replace('|', "\\|")
}

/// What a list can be narrowed down by where it is asked for.
fn selectors(page: &mut String, selectable: &[Value]) -> std::fmt::Result {
    let fields: Vec<String> = selectable
        .iter()
        .map(|field| format!("`{}`", text(&field["jsonPath"]).trim_start_matches('.')))
        .collect();
    if fields.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "\n`kubectl get --field-selector` knows {}; a field that is left out is empty there.",
        fields.join(", ")
    )
}

/// The members of an object, each before its own.
fn rows(page: &mut String, schema: &Value, path: &str) -> std::fmt::Result {
    let required = list(&schema["required"]);
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let must = if required.iter().any(|known| text(known) == name) {
            ", required"
        } else {
            ""
        };
        writeln!(page, "| `{path}` | {}{must} | {} |", kind(member), about(member))?;
        // Conditions are those of every resource.
        if path == "conditions" {
            continue;
        }
        if member["type"] == "array" {
            rows(page, &member["items"], &format!("{path}[]"))?;
        } else {
            rows(page, member, &path)?;
        }
    }
    Ok(())
}

/// The type with what bounds it.
fn kind(schema: &Value) -> String {
    let choices: Vec<String> = list(&schema["enum"])
        .iter()
        .filter_map(|choice| choice.as_str().map(|choice| format!("`{choice}`")))
        .collect();
    let mut kind = if !choices.is_empty() {
        choices.join(", ")
    } else if schema["x-kubernetes-int-or-string"] == true {
        "number or name".to_owned()
    } else {
        match text(&schema["type"]) {
            "array" => format!("list of {}", kind_of_items(&schema["items"])),
            "object" if !schema["additionalProperties"].is_null() => "map".to_owned(),
            other => other.to_owned(),
        }
    };
    let bound = |name: &str| schema[name].as_i64();
    let range = match (bound("minimum"), bound("maximum")) {
        (Some(low), Some(high)) => format!(", {low} to {high}"),
        (Some(low), None) => format!(", at least {low}"),
        (None, Some(high)) => format!(", at most {high}"),
        (None, None) => String::new(),
    };
    kind.push_str(&range);
    for (name, unit) in [
        ("maxLength", "characters"),
        ("maxItems", "items"),
        ("maxProperties", "entries"),
    ] {
        if let Some(most) = bound(name) {
            let _ = write!(kind, ", at most {most} {unit}");
        }
    }
    if let Some(default) = schema.get("default") {
        let _ = write!(kind, ", default `{}`", default.to_string().trim_matches('"'));
    }
    kind
}

fn kind_of_items(items: &Value) -> String {
    if list(&items["enum"]).is_empty() {
        format!("{}s", text(&items["type"]))
    } else {
        kind(items)
    }
}

/// What admission refuses beyond types and bounds, in its words.
fn rules(page: &mut String, schema: &Value) -> std::fmt::Result {
    let mut found = Vec::new();
    collect(schema, "", &mut found);
    if found.is_empty() {
        return Ok(());
    }
    writeln!(page, "\nRefused at admission:\n")?;
    for (path, message) in found {
        let place = if path.is_empty() {
            String::new()
        } else {
            format!("`{path}`: ")
        };
        writeln!(page, "- {place}{message}")?;
    }
    Ok(())
}

fn collect(schema: &Value, path: &str, found: &mut Vec<(String, String)>) {
    for rule in list(&schema["x-kubernetes-validations"]) {
        let message = text(&rule["message"]);
        let expression = text(&rule["messageExpression"]);
        let words = if message.is_empty() { expression } else { message };
        found.push((path.to_owned(), words.to_owned()));
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        collect(member, &path, found);
        collect(&member["items"], &format!("{path}[]"), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_definition_has_a_row_that_says_something() {
        let definition = crate::api::crd::definition().expect("a definition");
        let page = page(&[definition]).expect("a page");
        for row in [
            "| `listeners` | list of objects, at most 100 items, required |",
            "| `listeners[].port` | integer, 1 to 65535, required |",
            "| `listeners[].certificate.acmDomainName` | ",
            "| `instances.items[].state` | ",
        ] {
            assert!(page.contains(row), "{row} is not in:\n{page}");
        }
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        assert!(rows.len() > 120, "{}", rows.len());
        for row in rows {
            assert!(!row.ends_with("|  |"), "{row} says nothing");
        }
        assert!(page.contains("region cannot be changed"), "{page}");
        let selectors = "`spec.loadBalancerName`, `spec.scheme`, `spec.region`, `spec.accountRef.name`; a field that is left out is empty";
        assert!(page.contains(selectors), "{page}");
    }
}
