//! Conditions: their types, and the one way to make a list of them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::message::Message;
use super::reason;

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
            && says_the_same(&condition.reason, &condition.message, &text)
    });
    stands.map_or(text, |condition| condition.message.clone())
}

/// Whether two texts of one reason differ in nothing but what nobody reads: ids of a try, and times. Of what AWS says, numbers are
/// such, too: what it counts is of that moment.
pub fn says_the_same(reason: &str, one: &str, other: &str) -> bool {
    const ACCOUNT: usize = 12;
    let of_aws = reason::all().all(|entry| entry.reason != reason);
    let is_number = |word: &str| word.len() < ACCOUNT && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let passing = |word: &str| passes(word) || (of_aws && is_number(word));
    let (one, other) = (words(one), words(other));
    let mut pairs = one.iter().zip(&other);
    one.len() == other.len() && pairs.all(|(a, b)| a == b || (passing(a) && passing(b)))
}

/// Whitespace parts words, and nothing else: a slash may be in the middle of an id.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace()
        .map(|word| {
            word.trim_matches(|c: char| matches!(c, '.' | ',' | ';' | ':' | '(' | ')' | '[' | ']' | '\'' | '"'))
        })
        .collect()
}

/// Whether a word is another with each try. What names something that a person may look for is not: ids of resources have a hyphen
/// after letters, ARNs colons.
fn passes(word: &str) -> bool {
    const OPAQUE: usize = 32;
    let has_letter = word.contains(|c: char| c.is_ascii_alphabetic());
    let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    let has_digit = word.contains(|c: char| c.is_ascii_digit());
    let is_time =
        word.len() >= 14 && word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('T') && word.ends_with('Z');
    let is_id = word.len() >= OPAQUE && !word.contains(':') && !word.contains('.');
    // The ids of requests and of tries, in hexadecimal.
    let is_hex = word.len() >= 8 && word.contains('-') && has_letter && word.chars().all(hex);
    has_digit && (is_time || is_id || is_hex)
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
        assert!(says_the_same("UnauthorizedOperation", &first, &second));
        let base64 = |word: &str| text(&format!("{}/{}", word.repeat(12), word.repeat(30)));
        for (one, other) in [
            (base64("a1B2"), base64("q7/x")),
            (
                "Signature expired: 20260131T000010Z is now earlier than 20260131T000510Z (20260131T001010Z - 5 min.)"
                    .into(),
                "Signature expired: 20260131T000011Z is now earlier than 20260131T000511Z (20260131T001011Z - 5 min.)"
                    .into(),
            ),
            (
                "failed (Request ID: 3f9a41c2-11).".to_owned(),
                "failed (Request ID: 77b0e1d0-4c).".to_owned(),
            ),
            (
                "try again in 12 seconds".to_owned(),
                "try again in 7.5 seconds".to_owned(),
            ),
        ] {
            assert!(says_the_same("SignatureDoesNotMatch", &one, &other), "{one}");
        }
        for (reason, one, other) in [
            ("InvalidInstance", "no such instance i-1", "no such instance i-2"),
            (
                "InvalidInstance",
                "i-0a1b2c3d4e5f60718 is not there",
                "i-0a1b2c3d4e5f60719 is not there",
            ),
            (
                "AccessDenied",
                "on arn:aws:iam::123456789012:role/a",
                "on arn:aws:iam::123456789013:role/a",
            ),
            (
                "AccessDenied",
                "spec.listeners[port=80]: no",
                "spec.listeners[port=81]: no",
            ),
            (
                "AccessDenied",
                "account 123456789012 answers",
                "account 123456789013 answers",
            ),
            ("CertificateExpiring", "it ends on 2026-01-31", "it ends on 2026-02-28"),
            ("Unhealthy", "2 of 3 serve", "1 of 3 serve"),
        ] {
            assert!(!says_the_same(reason, one, other), "what people read counts: {one}");
        }
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
