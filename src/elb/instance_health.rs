//! Pure: the health of a registered instance, in AWS's words.

use std::borrow::Cow;

use super::InstanceId;

/// What AWS says of almost every instance. A fleet has many of them, so these words are not kept for each.
const WORDS: [&str; 11] = [
    "InService",
    "OutOfService",
    "Unknown",
    "N/A",
    "ELB",
    "Instance",
    "Instance registration is still in progress.",
    "Instance deregistration currently in progress.",
    "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
    "Instance has not passed the configured HealthyThreshold number of health checks consecutively.",
    "Instance is in stopped state.",
];

/// A word of AWS's.
pub(super) type Word = Cow<'static, str>;

/// The health of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceHealth {
    /// The id of the instance.
    pub id: InstanceId,
    /// `InService`, `OutOfService` or `Unknown`.
    pub state: Word,
    /// `ELB`, `Instance` or `N/A`.
    pub reason: Option<Word>,
    /// One of AWS's sentences.
    pub description: Option<Word>,
}

impl InstanceHealth {
    /// A word as AWS sent it.
    pub fn word(text: impl Into<String>) -> Word {
        let text = text.into();
        let known = WORDS.iter().find(|known| **known == text);
        known.map_or(Cow::Owned(text), |known| Cow::Borrowed(*known))
    }

    /// Whether the instance finishes its connections and leaves. AWS calls that `InService`.
    pub fn is_draining(&self) -> bool {
        self.description
            .as_deref()
            .is_some_and(|text| text.contains("deregistration currently in progress"))
    }

    /// Whether it takes new connections.
    pub fn is_in_service(&self) -> bool {
        self.state == "InService" && !self.is_draining()
    }

    /// Whether the state will change by itself in a short while: it drains, is being registered, or passes its first
    /// health checks. One that fails them is described so soon.
    pub fn is_settling(&self) -> bool {
        let comes = |text: &str| text.contains("still in progress") || text.contains("has not passed");
        self.is_draining() || self.description.as_deref().is_some_and(comes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_are_not_kept_for_each_instance() {
        for known in WORDS {
            assert!(matches!(InstanceHealth::word(known), Cow::Borrowed(word) if word == known));
        }
        assert_eq!(InstanceHealth::word("Else"), "Else");
    }
}
