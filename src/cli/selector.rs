//! Pure: load balancers by their tags, written as kubectl writes selectors of labels.

use std::collections::BTreeMap;

/// All of these must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Is(String, String),
    IsNot(String, String),
    Has(String),
    HasNot(String),
}

impl Selector {
    /// By one tag and its value.
    pub(super) fn is(key: &str, value: &str) -> Self {
        Self(vec![Requirement::Is(key.to_owned(), value.to_owned())])
    }

    /// By a tag, whatever its value is.
    pub(super) fn has(key: &str) -> Self {
        Self(vec![Requirement::Has(key.to_owned())])
    }

    /// Whether these tags are meant.
    pub(super) fn matches(&self, tags: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::Is(key, value) => tags.get(key) == Some(value),
            Requirement::IsNot(key, value) => tags.get(key) != Some(value),
            Requirement::Has(key) => tags.contains_key(key),
            Requirement::HasNot(key) => !tags.contains_key(key),
        })
    }
}

/// Reads `KEY=VALUE`, `KEY!=VALUE`, `KEY` and `!KEY`, with commas between.
pub(super) fn parse(text: &str) -> Result<Selector, String> {
    let each = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let requirements: Vec<Requirement> = each.map(requirement).collect::<Result<_, _>>()?;
    if requirements.is_empty() {
        return Err("must name a tag: KEY=VALUE, KEY!=VALUE, KEY or !KEY, with commas between".to_owned());
    }
    Ok(Selector(requirements))
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let requirement = if let Some((key, value)) = text.split_once("!=") {
        Requirement::IsNot(key.to_owned(), value.to_owned())
    } else if let Some((key, value)) = text.split_once('=') {
        Requirement::Is(key.to_owned(), value.trim_start_matches('=').to_owned())
    } else if let Some(key) = text.strip_prefix('!') {
        Requirement::HasNot(key.to_owned())
    } else {
        Requirement::Has(text.to_owned())
    };
    let (Requirement::Is(key, _) | Requirement::IsNot(key, _) | Requirement::Has(key) | Requirement::HasNot(key)) =
        &requirement;
    if key.is_empty() {
        return Err(format!("{text:?} names no key of a tag"));
    }
    Ok(requirement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_selected_as_labels_are() {
        let tags = BTreeMap::from([
            ("team".to_owned(), "shop".to_owned()),
            ("env".to_owned(), "a=b".to_owned()),
        ]);
        for (text, expected) in [
            ("team=shop", true),
            ("team==shop", true),
            ("team=shop,env", true),
            ("team=shop, !gone", true),
            ("team!=shop", false),
            ("gone!=x", true),
            ("gone", false),
            ("!team", false),
            ("env=a=b", true),
        ] {
            assert_eq!(parse(text).expect("legal").matches(&tags), expected, "{text}");
        }
        assert!(parse("").is_err() && parse(" , ").is_err() && parse("=x").is_err());
    }
}
