//! Conditions: their types, and the one way to make a list of them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::message::Message;

/// The load balancer exists, equals its spec, and its DNS name is known.
pub const READY: &str = "Ready";
/// The spec can be realised, the name is ours, and what the spec refers to was found.
pub const ACCEPTED: &str = "Accepted";
/// AWS matches the spec.
pub const PROGRAMMED: &str = "Programmed";
/// All wanted instances are in service. Does not feed `Ready`.
pub const TARGETS_HEALTHY: &str = "TargetsHealthy";
/// Work is under way, or is tried again by itself. Present only while true.
pub const RECONCILING: &str = "Reconciling";
/// Nothing more happens until the spec or the account changes. Present only while true.
pub const STALLED: &str = "Stalled";

/// Every type that the operator writes; conditions of other types in a status belong to others.
pub const ALL: [&str; 6] = [READY, ACCEPTED, PROGRAMMED, TARGETS_HEALTHY, RECONCILING, STALLED];

/// The longest message that the CRD takes, as any text in a status.
const MESSAGE_LENGTH: usize = super::crd::TEXT;

/// What a condition says, without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The type.
    pub type_: &'static str,
    /// `True`, `False` or `Unknown`.
    pub status: &'static str,
    /// The reason and the text.
    pub message: Message,
    /// The generation that it speaks of, where that is not the present one: a judgement from before that stands.
    pub of: Option<i64>,
}

impl Statement {
    /// Makes a statement.
    pub fn new(type_: &'static str, status: &'static str, message: Message) -> Self {
        Self {
            type_,
            status,
            message,
            of: None,
        }
    }
}

/// The list for a status: `Ready` first, the others in order. A transition time moves only when the status does, so
/// that a list which says the same is the same.
pub fn list(statements: Vec<Statement>, generation: i64, previous: &[Condition], now: Timestamp) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = statements
        .into_iter()
        .map(|statement| {
            let before = previous
                .iter()
                .find(|condition| condition.type_ == statement.type_ && condition.status == statement.status);
            let since = before.map_or_else(
                || Time(whole_seconds(now)),
                |condition| condition.last_transition_time.clone(),
            );
            Condition {
                type_: statement.type_.to_owned(),
                status: statement.status.to_owned(),
                reason: statement.message.reason().to_owned(),
                message: message_of(&statement, generation, before),
                observed_generation: Some(statement.of.unwrap_or(generation)),
                last_transition_time: since,
            }
        })
        .collect();
    conditions.sort_by(|a, b| (a.type_ != READY, &a.type_).cmp(&(b.type_ != READY, &b.type_)));
    conditions
}

/// Conditions that are told from now on where `before` stood, of something else: since when each is so is for whoever reads
/// the one after the other.
pub fn follow(conditions: &mut [Condition], before: &[Condition], now: Timestamp) {
    for condition in conditions {
        let stood = before.iter().find(|stood| stood.type_ == condition.type_);
        let same = stood.filter(|stood| stood.status == condition.status);
        condition.last_transition_time =
            same.map_or_else(|| Time(whole_seconds(now)), |stood| stood.last_transition_time.clone());
    }
}

/// The message, or the one that stands where both differ in nothing but ids of a try: AWS puts a new one into each of some
/// refusals, and a status that says nothing new is not written.
fn message_of(statement: &Statement, generation: i64, before: Option<&Condition>) -> String {
    let text: String = statement.message.text().chars().take(MESSAGE_LENGTH).collect();
    let stands = before.filter(|condition| {
        condition.reason == statement.message.reason()
            && condition.observed_generation == Some(generation)
            && says_the_same(&condition.message, &text)
    });
    stands.map_or(text, |condition| condition.message.clone())
}

/// Whether two texts differ in nothing but long words that nobody reads, such as the id of a request.
pub fn says_the_same(one: &str, other: &str) -> bool {
    const OPAQUE: usize = 32;
    let words = |text: &str| -> Vec<String> {
        let mark = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '='));
        text.split(mark).map(ToOwned::to_owned).collect()
    };
    let opaque = |word: &str| word.len() >= OPAQUE && word.contains(|c: char| c.is_ascii_digit());
    let (one, other) = (words(one), words(other));
    one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| a == b || (opaque(a) && opaque(b)))
}

/// The API keeps seconds; anything finer would read back as a change.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::message;

    fn statement(type_: &'static str, status: &'static str, text: &str) -> Statement {
        Statement::new(type_, status, message::updated(text))
    }

    #[test]
    fn what_differs_in_the_id_of_a_try_alone_is_no_news() {
        let text = |id: &str| format!("UnauthorizedOperation: Encoded authorization failure message: {id}");
        let (first, second) = (text(&"a1B2".repeat(20)), text(&"z9Y8".repeat(21)));
        assert!(says_the_same(&first, &second));
        assert!(
            !says_the_same("no such instance i-1", "no such instance i-2"),
            "what people read counts"
        );
        let list_of = |text: &str, generation, before: &[Condition]| {
            list(vec![statement(READY, "False", text)], generation, before, at(1))
        };
        let before = list_of(&first, 1, &[]);
        assert_eq!(list_of(&second, 1, &before), before);
        assert_ne!(
            list_of(&second, 2, &before)[0].message,
            first,
            "of another spec it is news"
        );
    }

    #[test]
    fn what_takes_the_place_of_another_is_so_since_that_was() {
        let before = list(
            vec![statement(READY, "True", ""), statement(PROGRAMMED, "False", "")],
            1,
            &[],
            at(1),
        );
        let of_other = ["True", "True", "False"];
        let statements = [READY, PROGRAMMED, ACCEPTED].into_iter().zip(of_other);
        let statements = statements.map(|(type_, status)| statement(type_, status, ""));
        let mut conditions = list(statements.collect(), 1, &[], at(5));
        follow(&mut conditions, &before, at(9));
        let since = |type_: &str| {
            let condition = conditions.iter().find(|condition| condition.type_ == type_);
            condition.expect("told").last_transition_time.0
        };
        assert_eq!([READY, PROGRAMMED, ACCEPTED].map(since), [at(1), at(9), at(9)]);
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn ready_comes_first_and_the_rest_in_order() {
        let statements = [STALLED, PROGRAMMED, READY, ACCEPTED].map(|t| statement(t, "True", ""));
        let types: Vec<_> = list(statements.to_vec(), 1, &[], at(1))
            .into_iter()
            .map(|c| c.type_)
            .collect();
        assert_eq!(types, [READY, ACCEPTED, PROGRAMMED, STALLED]);
    }

    #[test]
    fn a_message_is_cut_to_what_the_crd_takes() {
        let long = list(vec![statement(READY, "False", &"ä".repeat(10_000))], 1, &[], at(1));
        let crd = serde_json::to_value(super::super::crd::definition().expect("a CRD")).expect("JSON");
        let limit = crd
            .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/conditions/items/properties/message/maxLength")
            .and_then(serde_json::Value::as_u64);
        assert_eq!(limit, Some(long[0].message.chars().count() as u64));
    }

    #[test]
    fn the_transition_time_moves_with_the_status_alone() {
        let first = list(vec![statement(READY, "False", "a")], 1, &[], at(1));
        let second = list(vec![statement(READY, "False", "b")], 2, &first, at(2));
        assert_eq!(second[0].last_transition_time, first[0].last_transition_time);
        assert_eq!(second[0].observed_generation, Some(2));
        let third = list(vec![statement(READY, "True", "c")], 2, &second, at(3));
        assert_eq!(third[0].last_transition_time, Time(at(3)));
    }
}
