//! What a command found, with what to do: a mark, a line, what is known besides, and the remedy.

use serde::Serialize;

use super::screen::{Colour, Paint};
use crate::api::reason::{self, AWS_CODES, known_code};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Grade {
    /// As it should be.
    Success,
    /// Something to know, or that could not be looked at.
    Warning,
    /// Something is the matter.
    Error,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    pub(super) result: Grade,
    /// In one line.
    pub(super) description: String,
    /// What is known besides, such as a message of AWS.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) details: Vec<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

impl Finding {
    pub(super) fn new(result: Grade, description: impl Into<String>) -> Self {
        Self {
            result,
            description: description.into(),
            details: Vec::new(),
            hint: None,
        }
    }

    pub(super) fn success(description: impl Into<String>) -> Self {
        Self::new(Grade::Success, description)
    }

    pub(super) fn warning(description: impl Into<String>) -> Self {
        Self::new(Grade::Warning, description)
    }

    pub(super) fn error(description: impl Into<String>) -> Self {
        Self::new(Grade::Error, description)
    }

    /// With more that is known, in lines.
    pub(super) fn with(mut self, details: &str) -> Self {
        let lines = details.lines().filter(|line| !line.trim().is_empty());
        self.details.extend(lines.map(ToOwned::to_owned));
        self
    }

    /// With what to do, where there is anything.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self
    }

    /// With what to do, unless all is well.
    pub(super) fn hint_where_bad(self, hint: &str) -> Self {
        match self.result {
            Grade::Success => self,
            Grade::Warning | Grade::Error => self.hint(hint),
        }
    }

    /// For people: the mark and the line, and what belongs to it further in.
    pub(super) fn render(&self, paint: Paint) -> String {
        let (colour, mark) = match self.result {
            Grade::Success => (Colour::Green, "✓"),
            Grade::Warning => (Colour::Yellow, "‼"),
            Grade::Error => (Colour::Red, "✗"),
        };
        let mut text = format!("{} {}\n", paint.paint(colour, mark), self.description);
        for line in &self.details {
            text.push_str(&format!("    {line}\n"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("    → {hint}\n"));
        }
        text
    }
}

/// What to do about a reason of ours or a code of AWS, as the page on conditions says.
pub(super) fn remedy(reason: &str) -> Option<String> {
    if let Some(entry) = reason::all().find(|entry| entry.reason == reason) {
        return Some(plain(entry.remedy));
    }
    let (kind, _) = known_code(reason)?;
    let codes = AWS_CODES.iter().find(|codes| codes.kind == kind)?;
    Some(plain(codes.remedy))
}

/// Where the pages are that remedies refer to, seen from the page that lists those.
const PAGES: (&str, &str) = ("../", "docs/");

/// A line of a page without the marks of Markdown: a link becomes the name of its page.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some((before, after)) = rest.split_once("](") {
        match (before.rsplit_once('['), after.split_once(')')) {
            (Some((lead, _)), Some((target, tail))) => {
                text.push_str(lead);
                text.push_str(&format!("see {}", target.replacen(PAGES.0, PAGES.1, 1)));
                rest = tail;
            }
            _ => break,
        }
    }
    text.push_str(rest);
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_is_a_line_without_marks() {
        assert_eq!(
            plain("Take it over ([adoption](../adoption.md)), or set `a: b`."),
            "Take it over (see docs/adoption.md), or set a: b."
        );
        for entry in reason::all() {
            let told = remedy(entry.reason).unwrap_or_default();
            assert!(!told.contains('`') && !told.contains("]("), "{told}");
            for page in told.split("see docs/").skip(1) {
                let page = page.split(['#', ')', ' ']).next().unwrap_or_default();
                let page = format!(
                    "{}/docs/{}",
                    env!("CARGO_MANIFEST_DIR"),
                    page.trim_end_matches(['.', ','])
                );
                assert!(std::path::Path::new(&page).exists(), "{told}: {page}");
            }
        }
        assert!(remedy("AccessDenied").is_some_and(|told| !told.is_empty()));
        assert_eq!(remedy("nothing of the kind"), None);
    }
}
