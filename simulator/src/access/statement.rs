//! One statement of a policy.

use serde_json::{Map, Value as Json};

use super::ask::Ask;
use super::condition::Condition;
use super::pattern::{ArnPattern, Syntax, Template};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    actions: Scope<Template>,
    resources: Scope<ArnPattern>,
    conditions: Vec<Condition>,
}

/// What a statement is about: what it lists, or all else.
#[derive(Clone, Debug)]
struct Scope<T> {
    listed: Vec<T>,
    /// `NotAction`, `NotResource`.
    inverted: bool,
}

impl<T> Scope<T> {
    fn has(&self, matches: impl Fn(&T) -> bool) -> bool {
        self.listed.iter().any(matches) != self.inverted
    }

    /// From the member of that name or of its opposite, one of which there must be.
    fn parse(
        members: &Map<String, Json>,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Self, String> {
        let not = format!("Not{name}");
        let (json, inverted) = match (members.get(name), members.get(&not)) {
            (Some(json), None) => (json, false),
            (None, Some(json)) => (json, true),
            (Some(_), Some(_)) => return Err(format!("it has both {name} and {not}")),
            (None, None) => return Err(format!("it has neither {name} nor {not}")),
        };
        let texts = match json {
            Json::Array(texts) => texts.as_slice(),
            text => std::slice::from_ref(text),
        };
        let listed = texts
            .iter()
            .map(|text| {
                parse(
                    text.as_str()
                        .ok_or_else(|| format!("{name} is no text and no list of texts"))?,
                )
            })
            .collect::<Result<Vec<_>, String>>()?;
        if listed.is_empty() {
            return Err(format!("{name} lists nothing"));
        }
        Ok(Self { listed, inverted })
    }
}

const MEMBERS: [&str; 7] = [
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

impl Statement {
    pub(super) fn parse(json: &Json, variables: bool) -> Result<Self, String> {
        let members = json.as_object().ok_or("it is no object")?;
        if let Some(other) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            let hint = if other.ends_with("Principal") {
                ": a policy of an identity is about whoever has it"
            } else {
                ""
            };
            return Err(format!("it has the member {other:?}, which is not known{hint}"));
        }
        let sid = members.get("Sid").map(|sid| sid.as_str().unwrap_or("?"));
        if sid.is_some_and(|sid| !sid.chars().all(|char| char.is_ascii_alphanumeric())) {
            return Err("its Sid is not made of letters and digits alone".to_owned());
        }
        let effect = match members.get("Effect").and_then(Json::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err("its Effect is neither Allow nor Deny".to_owned()),
        };
        let conditions = match members.get("Condition") {
            Some(json) => Condition::parse_all(json, variables)?,
            None => Vec::new(),
        };
        Ok(Self {
            effect,
            actions: Scope::parse(members, "Action", action)?,
            resources: Scope::parse(members, "Resource", |text| ArnPattern::parse(text, variables))?,
            conditions,
        })
    }

    pub(super) fn applies(&self, ask: &Ask) -> bool {
        let context = &ask.context;
        self.actions.has(|action| action.matches(&ask.action, true, context))
            && self
                .resources
                .has(|resource| resource.covers(ask.resource.as_deref(), context))
            && self.conditions.iter().all(|condition| condition.holds(context))
    }
}

/// `*`, or a service and its action, which may have wildcards.
fn action(text: &str) -> Result<Template, String> {
    let name = |part: &str, wild: bool| {
        let legal = |char: char| char.is_ascii_alphanumeric() || char == '-' || wild && "*?".contains(char);
        !part.is_empty() && part.chars().all(legal)
    };
    let well_formed = match text.split_once(':') {
        Some((service, action)) => name(service, false) && name(action, true),
        None => text == "*",
    };
    if !well_formed {
        return Err(format!("{text:?} is no action such as elasticloadbalancing:AddTags"));
    }
    let syntax = Syntax {
        wildcards: true,
        variables: false,
    };
    Template::parse(text, syntax)
}
