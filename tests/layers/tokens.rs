//! Paths in tokens that are no syntax tree: what macros are given, and their bodies.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

use crate::facts::{Mention, Wait};

/// Methods that read a clock.
pub(crate) const CLOCK_METHODS: &[&str] = &["elapsed", "now"];

/// What tokens name.
#[derive(Default)]
pub(crate) struct Found {
    /// The paths.
    pub mentions: Vec<Mention>,
    /// Where something waits.
    pub waits: Vec<Wait>,
}

/// Every path of tokens. A single word counts as a path: it may be a name that is imported.
pub(crate) fn scan(tokens: &TokenStream) -> Found {
    let mut found = Found::default();
    stream(tokens, &mut found);
    found
}

/// Paths in string literals, as derives take them: `#[serde(with = "crate::…")]`.
pub(crate) fn quoted(tokens: &TokenStream) -> Vec<Mention> {
    let mut mentions = Vec::new();
    for token in tokens.clone() {
        match token {
            TokenTree::Group(group) => mentions.extend(quoted(&group.stream())),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let path: Vec<_> = text.trim_matches('"').split("::").map(str::to_owned).collect();
                let is_word = |part: &String| {
                    part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                        && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                };
                if path.len() > 1 && path.iter().all(is_word) {
                    mentions.push(Mention {
                        path,
                        is_global: false,
                        is_macro: false,
                        line: literal.span().start().line,
                    });
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
    mentions
}

fn stream(tokens: &TokenStream, found: &mut Found) {
    let trees: Vec<_> = tokens.clone().into_iter().collect();
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        at = match tree {
            TokenTree::Group(group) => {
                stream(&group.stream(), found);
                at + 1
            }
            TokenTree::Ident(first) => path(&trees, at, first, found),
            TokenTree::Punct(_) | TokenTree::Literal(_) => at + 1,
        };
    }
}

fn is(trees: &[TokenTree], at: usize, mark: char) -> bool {
    matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

fn is_colons(trees: &[TokenTree], at: usize) -> bool {
    is(trees, at, ':') && is(trees, at + 1, ':')
}

/// The path that begins with a word, and where it ends.
fn path(trees: &[TokenTree], start: usize, first: &Ident, found: &mut Found) -> usize {
    let line = first.span().start().line;
    let mut segments = vec![first.to_string()];
    let before = |distance: usize, mark| start >= distance && is(trees, start - distance, mark);
    if matches!(segments[0].as_str(), "async" | "await") {
        found.waits.push(Wait {
            line,
            what: segments[0].clone(),
        });
    }
    let mut at = start + 1;
    while is_colons(trees, at) {
        match trees.get(at + 2) {
            Some(TokenTree::Ident(next)) => segments.push(next.to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                grouped(&segments, &group.stream(), found);
                return at + 3;
            }
            _ => break, // a turbofish, or `*`
        }
        at += 3;
    }
    let is_member = before(1, '.') && !before(2, '.');
    if is_member && CLOCK_METHODS.contains(&segments[0].as_str()) {
        found.waits.push(Wait {
            line,
            what: format!(".{}()", segments[0]),
        });
    }
    let is_variable = before(1, '$') && segments[0] != "crate";
    let is_after_colons = before(1, ':') && before(2, ':');
    let is_continued = is_after_colons && before(3, '>');
    if !(is_member || is_variable || is_continued || before(1, '\'')) {
        let is_macro = is(trees, at, '!') && matches!(trees.get(at + 1), Some(TokenTree::Group(_)));
        found.mentions.push(Mention {
            path: segments,
            is_global: is_after_colons,
            is_macro,
            line,
        });
    }
    at
}

/// The paths of `prefix::{a, b::c, …}`.
fn grouped(prefix: &[String], tokens: &TokenStream, found: &mut Found) {
    let trees: Vec<_> = tokens.clone().into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        let mut segments = prefix.to_vec();
        let line = trees[at].span().start().line;
        let mut is_nested = false;
        loop {
            match &trees[at] {
                TokenTree::Ident(word) if *word != "self" => segments.push(word.to_string()),
                TokenTree::Group(group) => {
                    grouped(&segments, &group.stream(), found);
                    is_nested = true;
                }
                _ => {}
            }
            at += 1;
            if is_colons(&trees, at) && at + 2 < trees.len() {
                at += 2;
            } else {
                break;
            }
        }
        if !is_nested {
            found.mentions.push(Mention {
                path: segments,
                is_global: false,
                is_macro: false,
                line,
            });
        }
        while at < trees.len() && !is(&trees, at, ',') {
            at += 1;
        }
        at += 1;
    }
}
