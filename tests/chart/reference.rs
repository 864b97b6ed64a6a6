//! `docs/reference/conditions.md` against the code: it is what the program prints, no reason is missing from it, and its
//! messages are those of the sources.

use std::path::Path;

use classic_lb_operator::api::{message, reason, reference};

use crate::helm::{read, root};

/// Code that makes conditions and Events, without its tests and with every run of white space as one space.
fn sources() -> Vec<(String, String)> {
    fn squeeze(text: &str) -> String {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        code.replace("\\\n", " ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }
    fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.file_name().is_some_and(|name| name != "tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.display().to_string(), squeeze(&text)));
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["src/controller", "src/plan", "src/aws"] {
        collect(&root().join(folder), &mut found);
    }
    for file in ["src/controller.rs", "src/plan.rs", "src/aws.rs"] {
        found.push((file.to_owned(), squeeze(&read(file))));
    }
    assert!(found.len() > 40, "the sources were found");
    found
}

/// The word of a literal that begins a text, where it looks like a reason.
fn literal(text: &str) -> Option<&str> {
    let word = text.trim_start().strip_prefix('"')?.split('"').next()?;
    let starts = word.starts_with(|c: char| c.is_ascii_uppercase());
    (starts && word.chars().all(|c| c.is_ascii_alphanumeric())).then_some(word)
}

/// The arguments of a call, cut at commas.
fn arguments(rest: &str) -> impl Iterator<Item = &str> {
    rest.split(';').next().unwrap().split(',').take(4)
}

#[test]
fn the_page_is_what_the_program_prints() {
    assert!(
        read("docs/reference/conditions.md") == reference::page().unwrap(),
        "docs/reference/conditions.md is out of date: run `make generate`"
    );
}

#[test]
fn no_reason_is_missing() {
    let known = |word: &str| reason::all().any(|entry| entry.reason == word);
    let mut seen = 0;
    for (path, code) in sources() {
        // The constructor, and which of its arguments is the reason.
        for (constructor, at) in [
            ("Problem::stalled(", 0),
            ("Problem::reconciling(", 0),
            ("Claim::Refused(", 0),
            ("Statement::new(", 2),
            ("event::normal(", 2),
            ("event::warning(", 2),
            ("not_ours(", 0),
            ("missing(", 0),
            ("ready(", 1),
            ("reason: ", 0),
        ] {
            for (start, _) in code.match_indices(constructor) {
                let rest = &code[start + constructor.len()..];
                if let Some(word) = arguments(rest).nth(at).and_then(literal) {
                    assert!(known(word), "{path}: {word} is not in src/api/reason.rs");
                    seen += 1;
                }
            }
        }
        // A pair of a reason and a message, as a tail or in `Err((…))`: the reason ends in one of these.
        for word in code.split('"').skip(1).step_by(2) {
            let ends = ["NotFound", "Unread", "Suspect", "Unreadable", "Ambiguous"]
                .iter()
                .any(|end| word.ends_with(end));
            if ends && literal(&format!("\"{word}\"")).is_some() && !path.contains("/aws") {
                assert!(known(word), "{path}: {word} is not in src/api/reason.rs");
                seen += 1;
            }
        }
    }
    // Most are constants of that module, which cannot be missing.
    println!("{seen} literals");
}

#[test]
fn no_known_code_of_aws_is_missing() {
    let text = read("src/aws/error.rs");
    let code = text.split("#[cfg(test)]").next().unwrap();
    let classify = code.split("fn classify(").nth(1).unwrap();
    let mut words: Vec<&str> = classify.split('"').skip(1).step_by(2).collect();
    // These are parts of messages.
    words.retain(|word| !word.contains(' ') && *word != "tachLoadBalancers");
    assert!(words.len() > 40, "{words:?}");
    for word in words {
        let known = reason::AWS_CODES
            .iter()
            .any(|group| group.codes.iter().any(|(code, _)| *code == word));
        assert!(known, "{word} is not in src/api/reason/aws.rs");
    }
}

/// A text that the code puts together of two.
fn seams(part: &str) -> impl Iterator<Item = &str> {
    part.split([',', ':']).map(str::trim)
}

#[test]
fn messages_are_those_of_the_sources() {
    let code: String = sources().into_iter().map(|(_, code)| code + "\n").collect();
    for message in message::ALL {
        let known = message.reason == reason::AWS_CODE || reason::all().any(|entry| entry.reason == message.reason);
        assert!(known, "{} is not in src/api/reason.rs", message.reason);
        let mut rest = message.template;
        while !rest.is_empty() {
            let (fixed, after) = rest.split_once('<').unwrap_or((rest, ""));
            rest = after.split_once('>').map_or("", |(_, rest)| rest);
            for part in fixed
                .split(['…', ';'])
                .map(|part| part.trim_matches([' ', ',', ':', ')', '(']))
            {
                // Short ones prove nothing, and are often the seam of two texts.
                assert!(
                    part.len() < 12 || code.contains(part) || seams(part).all(|piece| code.contains(piece)),
                    "{}: {part:?} of the message {:?} is not in the sources",
                    message.reason,
                    message.template
                );
            }
        }
    }
}

#[test]
fn every_reason_has_a_message_or_says_itself_what_it_is() {
    // Their messages are those of others: of Accepted, and of the calls that were made.
    let without = [reason::NOT_ACCEPTED_REASON, reason::UPDATED, reason::AWS_ERROR];
    for entry in reason::all().filter(|entry| !without.contains(&entry.reason)) {
        assert!(
            message::ALL.iter().any(|message| message.reason == entry.reason),
            "{} has no message in src/api/message.rs",
            entry.reason
        );
    }
}
