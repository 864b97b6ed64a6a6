//! Every text that a person can meet in a condition, an Event, a refusal or an answer of the operator, with what fills
//! it in. The code takes its texts from here and has none of its own: a [`Message`] or a [`Refusal`] cannot be made
//! elsewhere. `docs/reference/conditions.md` is printed from the same literals.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// A text, with the reason that it is told with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    reason: String,
    text: String,
}

impl Message {
    fn new(reason: impl Into<String>, text: String) -> Self {
        Self {
            reason: reason.into(),
            text,
        }
    }

    /// What a condition says already.
    pub fn again(condition: &Condition) -> Self {
        Self::new(&condition.reason, condition.message.clone())
    }

    /// The reason for a condition or an Event.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a spec cannot be realised: what must hold, and the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(Message);

impl From<Refusal> for Message {
    fn from(refusal: Refusal) -> Self {
        refusal.0
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is told where AWS gave no usable answer, with a code as AWS would have given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The code, one of [`super::reason::AWS_CODES`].
    pub code: &'static str,
    /// The text.
    pub text: String,
}

/// A text of a condition or an Event, for the page.
#[derive(Clone, Copy, Debug)]
pub struct MessageDoc {
    /// The reasons that it is told with.
    pub reasons: &'static [&'static str],
    /// The text; `{…}` stands for what is filled in.
    pub text: &'static str,
    /// Whether it fills in a part of another text and never stands alone.
    pub is_part: bool,
}

/// A refusal, for the page.
#[derive(Clone, Copy, Debug)]
pub struct RefusalDoc {
    /// The path of the field below `spec`.
    pub field: &'static str,
    /// The text.
    pub text: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// An answer that AWS did not give, for the page.
#[derive(Clone, Copy, Debug)]
pub struct AnswerDoc {
    /// The code that it stands under.
    pub code: &'static str,
    /// The text.
    pub text: &'static str,
}

/// A text that belongs to no object, for the page.
#[derive(Clone, Copy, Debug)]
pub struct TextDoc {
    /// The text.
    pub text: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Texts of conditions and Events. `fn` makes a [`Message`] with the first of the reasons, `under` one with a reason
/// that is given, and `part` a text that fills in others.
macro_rules! messages {
    ($table:ident: $( $kind:ident $name:ident ($($param:ident),*) $reasons:tt $text:literal; )*) => {
        $( messages!(@ $kind $name ($($param),*) $reasons $text); )*

        /// The texts of this part of the table.
        pub(super) const $table: &[super::MessageDoc] = &[$(
            super::MessageDoc { reasons: &$reasons, text: $text, is_part: messages!(@ $kind) },
        )*];
    };
    (@ fn $name:ident ($($param:ident),*) [$reason:expr $(, $also:expr)*] $text:literal) => {
        #[doc = concat!("`", $text, "`")]
        pub fn $name($($param: impl std::fmt::Display),*) -> super::Message {
            super::Message::new($reason, format!($text))
        }
    };
    (@ under $name:ident ($($param:ident),*) $reasons:tt $text:literal) => {
        #[doc = concat!("`", $text, "`")]
        pub fn $name(reason: impl Into<String>, $($param: impl std::fmt::Display),*) -> super::Message {
            super::Message::new(reason, format!($text))
        }
    };
    (@ part $name:ident ($($param:ident),*) $reasons:tt $text:literal) => {
        #[doc = concat!("`", $text, "`")]
        pub fn $name($($param: impl std::fmt::Display),*) -> String {
            format!($text)
        }
    };
    (@ part) => { true };
    (@ $kind:ident) => { false };
}

/// Refusals: the field, the text and what to do.
macro_rules! refusals {
    ($table:ident: $( fn $name:ident ($($param:ident),*) $field:literal $text:literal => $remedy:literal; )*) => {
        $(
            #[doc = concat!("`spec.", $field, ": ", $text, "`")]
            pub fn $name($($param: impl std::fmt::Display),*) -> super::Refusal {
                let text = format!(concat!("spec.", $field, ": ", $text), $($param = $param),*);
                super::Refusal(super::Message::new(crate::api::reason::INVALID, text))
            }
        )*

        /// All refusals.
        pub(super) const $table: &[super::RefusalDoc] = &[$(
            super::RefusalDoc { field: $field, text: $text, remedy: $remedy },
        )*];
    };
}

/// What is told in place of an answer of AWS: the code and the text.
macro_rules! answers {
    ($table:ident: $( fn $name:ident ($($param:ident),*) $code:literal $text:literal; )*) => {
        $(
            #[doc = concat!("`", $code, ": ", $text, "`")]
            pub fn $name($($param: impl std::fmt::Display),*) -> super::Answer {
                super::Answer { code: $code, text: format!($text) }
            }
        )*

        /// All answers of this kind.
        pub(super) const $table: &[super::AnswerDoc] = &[$(
            super::AnswerDoc { code: $code, text: $text },
        )*];
    };
}

/// Texts that belong to no object: the text and what to do.
macro_rules! words {
    ($table:ident: $( fn $name:ident ($($param:ident),*) $text:literal => $remedy:literal; )*) => {
        $(
            #[doc = concat!("`", $text, "`")]
            pub fn $name($($param: impl std::fmt::Display),*) -> String {
                format!($text)
            }
        )*

        /// The texts of this part of the table.
        pub(super) const $table: &[super::TextDoc] = &[$(
            super::TextDoc { text: $text, remedy: $remedy },
        )*];
    };
}

mod accounts;
mod aws;
mod bindings;
mod life;
mod network;
mod operator;
mod ownership;
mod references;
mod refusals;
mod targets;

pub use accounts::*;
pub use aws::*;
pub use bindings::*;
pub use life::*;
pub use network::*;
pub use operator::*;
pub use ownership::*;
pub use references::*;
pub use refusals::*;
pub use targets::*;

/// Every text of conditions and Events.
pub fn all() -> impl Iterator<Item = &'static MessageDoc> {
    let tables = [
        life::LIFE,
        ownership::OWNERSHIP,
        bindings::BINDINGS,
        accounts::ACCOUNTS,
        network::NETWORK,
        references::REFERENCES,
        targets::TARGETS,
        aws::AWS,
    ];
    tables.into_iter().flatten()
}

/// Every refusal.
pub fn refused() -> &'static [RefusalDoc] {
    refusals::REFUSALS
}

/// Everything that is told in place of an answer of AWS.
pub fn unanswered() -> &'static [AnswerDoc] {
    aws::ANSWERS
}

/// Everything that `/readyz` tells.
pub fn readyz() -> &'static [TextDoc] {
    operator::READYZ
}

/// What `kubectl clb plan` tells of its own.
pub fn plan() -> &'static [TextDoc] {
    operator::PLAN
}

/// Everything that keeps the operator from starting.
pub fn start() -> &'static [TextDoc] {
    operator::START
}
