//! Faults by rule: what goes wrong, with which requests, how often.

use std::time::Duration;

use super::request::{Asked, Verb};

/// A fault and the requests that it strikes.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Which requests.
    pub(crate) matching: Matching,
    /// How many of them are let through before the first is struck.
    pub(crate) skip: u64,
    /// How many are struck at most.
    pub(crate) count: u64,
    /// What happens to them.
    pub(crate) what: What,
}

/// Which requests; absent members match every one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matching {
    /// One of them is asked for.
    pub(crate) verbs: Vec<Verb>,
    /// The resource, by its plural.
    pub(crate) plural: Option<String>,
    /// The subresource; `Some("")`: none.
    pub(crate) subresource: Option<String>,
    /// The name of the object.
    pub(crate) name: Option<String>,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It is answered with this status and not carried out.
    Refuse(u16, &'static str),
    /// It is carried out, and the connection breaks before the answer comes.
    LoseAnswer,
    /// The connection breaks before it is carried out.
    LoseRequest,
    /// It waits so long before it is carried out.
    Delay(Duration),
    /// It is never answered.
    Hang,
}

impl Fault {
    /// A fault that strikes the next requests to write an object or its status.
    pub(crate) fn of_writes(plural: &str, count: u64, what: What) -> Self {
        let matching = Matching {
            verbs: vec![Verb::Create, Verb::Update, Verb::Patch, Verb::Delete],
            plural: Some(plural.to_owned()),
            ..Matching::default()
        };
        Self {
            matching,
            skip: 0,
            count,
            what,
        }
    }
}

impl Matching {
    fn covers(&self, asked: &Asked) -> bool {
        let same = |wanted: &Option<String>, given: &str| wanted.as_deref().is_none_or(|wanted| wanted == given);
        (self.verbs.is_empty() || self.verbs.contains(&asked.verb))
            && same(&self.plural, &asked.plural)
            && same(&self.subresource, &asked.subresource)
            && same(&self.name, &asked.name)
    }
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.rules.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// What happens to a request, in the order of the rules.
    pub(super) fn strike(&mut self, asked: &Asked) -> Vec<What> {
        let mut struck = Vec::new();
        for rule in &mut self.rules {
            if rule.count == 0 || !rule.matching.covers(asked) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.count -= 1;
            struck.push(rule.what.clone());
        }
        self.rules.retain(|rule| rule.count > 0);
        struck
    }
}
