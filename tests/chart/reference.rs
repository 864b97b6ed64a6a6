//! `docs/reference/` against the code: the pages are what the program prints, nothing is missing from them, and no code has
//! texts of its own.

use std::collections::BTreeSet;
use std::path::Path;

use classic_lb_operator::api::reason::{ANY, AWS_CODE, AWS_CODES};
use classic_lb_operator::api::{message, reason, reference};
use classic_lb_operator::metrics;
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Attribute, ExprMethodCall, ItemMod, LitStr, Macro};

use crate::helm::{read, root};

/// The files of a folder of the operator, by path.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().display().to_string();
            found.push((path, text));
        }
    }
    found
}

/// The names of the functions that make texts.
fn texts() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, source) in sources(&root().join("src/api/message")) {
        for line in source.lines() {
            let begins = ["    fn ", "    under ", "    part "];
            let rest = begins.iter().find_map(|word| line.strip_prefix(word));
            names.extend(rest.and_then(|rest| Some(rest.split_once('(')?.0.to_owned())));
        }
    }
    names
}

fn is_known(word: &str) -> bool {
    [AWS_CODE, ANY].contains(&word) || reason::all().any(|entry| entry.reason == word)
}

#[test]
fn the_page_is_what_the_program_prints() {
    assert!(
        read("docs/reference/conditions.md") == reference::page().unwrap(),
        "docs/reference/conditions.md is out of date: run `make generate`"
    );
}

#[test]
fn the_page_of_metrics_is_what_the_program_prints() {
    assert!(
        read("docs/reference/metrics.md") == metrics::reference::page().unwrap(),
        "docs/reference/metrics.md is out of date: run `make generate`"
    );
}

#[test]
fn the_pages_of_fields_and_flags_are_what_the_program_prints() {
    for page in ["fields", "command-line"] {
        let mut operator = std::process::Command::new(env!("CARGO_BIN_EXE_clb-operator"));
        let output = operator.args(["reference", page]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(
            read(&format!("docs/reference/{page}.md")) == String::from_utf8(output.stdout).unwrap(),
            "docs/reference/{page}.md is out of date: run `make generate`"
        );
    }
    let page = read("docs/reference/command-line.md");
    for row in [
        "| `--adoption ADOPTION` | `CLB_ADOPTION` |",
        "| `--resync-period RESYNC_PERIOD` | `CLB_RESYNC_PERIOD` | `10m` |",
        "### kubectl clb plan",
    ] {
        assert!(page.contains(row), "{row}");
    }
}

/// A metric that is registered where the page does not look would be missing from it.
#[test]
fn every_metric_of_the_code_is_on_the_page() {
    let page = read("docs/reference/metrics.md");
    let mut names = 0;
    let mut code = read("src/metrics.rs");
    code.extend(
        sources(&root().join("src/metrics"))
            .into_iter()
            .filter(|(path, _)| !path.ends_with("reference.rs"))
            .map(|(_, text)| text),
    );
    for name in code.split('"').skip(1).step_by(2) {
        let is_metric = ["clb_", "controller_runtime_"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        if is_metric && name != "clb_" && name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            let shown = ["", "_total", "_info"].map(|suffix| format!("| `{name}{suffix}` |"));
            let is_there = shown.iter().any(|row| page.contains(row));
            assert!(is_there, "{name} is not on the page");
            names += 1;
        }
    }
    assert!(names > 10, "only {names} metrics were found");
}

#[test]
fn every_reason_has_a_message_and_every_message_a_reason() {
    for entry in reason::all() {
        assert!(
            message::all().any(|message| message.reasons.contains(&entry.reason)),
            "{} has no message in src/api/message/",
            entry.reason
        );
    }
    for message in message::all() {
        assert!(!message.reasons.is_empty(), "{:?} has no reason", message.text);
        for word in message.reasons {
            assert!(is_known(word), "{word} is not in src/api/reason.rs");
        }
    }
    for answer in message::unanswered() {
        let known = |code: &(&str, Option<&str>)| code.0 == answer.code;
        assert!(
            AWS_CODES.iter().any(|group| group.codes.iter().any(known)),
            "{} is not in src/api/reason/aws.rs",
            answer.code
        );
    }
}

#[test]
fn everything_says_what_to_do() {
    let reasons = reason::all().map(|entry| (entry.reason, entry.remedy));
    let codes = AWS_CODES.iter().map(|group| (group.kind.text(), group.remedy));
    let refused = message::refused().iter().map(|refusal| (refusal.text, refusal.remedy));
    let words = message::readyz().iter().chain(message::start()).chain(message::plan());
    let words = words.map(|word| (word.text, word.remedy));
    for (what, remedy) in reasons.chain(codes).chain(refused).chain(words) {
        assert!(remedy.len() > 5 && remedy.ends_with('.'), "{what:?}: {remedy:?}");
    }
}

/// The policy of the chart speaks for itself, and the page quotes it.
#[test]
fn the_page_quotes_the_admission_policy() {
    let text = "is protected: set spec.deletionProtection to false before deleting it";
    let template = read("charts/classic-lb-operator/templates/admission-policy.yaml");
    for (place, content) in [("the chart", template), ("the page", reference::page().unwrap())] {
        assert!(content.contains(text), "{place} does not say {text:?}");
    }
}

/// A text that nothing tells any more would stand on the page all the same.
#[test]
fn every_text_is_told() {
    let all = sources(&root().join("src"));
    let code: String = all
        .into_iter()
        .filter(|(path, _)| !path.starts_with("src/api/"))
        .map(|(_, text)| text)
        .collect();
    let names = texts();
    assert_eq!(
        names.len(),
        message::all().count()
            + message::refused().len()
            + message::unanswered().len()
            + message::readyz().len()
            + message::start().len()
            + message::plan().len(),
        "each entry is found by its name"
    );
    for name in names {
        let told = code.match_indices(&format!("message::{name}")).any(|(at, found)| {
            let next = code[at + found.len()..].chars().next();
            next.is_some_and(|c| !c.is_ascii_alphanumeric() && c != '_')
        });
        assert!(told, "nothing tells message::{name}");
    }
}

/// How many plain words a literal has, beside what is filled in.
fn words(literal: &str) -> usize {
    let fixed: String = literal
        .split('{')
        .map(|part| part.split_once('}').map_or(part, |(_, fixed)| fixed))
        .collect();
    let trimmed = fixed
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()));
    trimmed
        .filter(|word| word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase()))
        .count()
}

/// Calls whose literals are no texts for people: what is logged, and searches for the words of others.
const LEFT_OUT: [&str; 8] = [
    "info",
    "warn",
    "error",
    "debug",
    "trace",
    "contains",
    "starts_with",
    "split",
];

/// The literals of code that make sentences, with their lines. Attributes and tests are left out.
#[derive(Default)]
struct Sentences(Vec<(usize, String)>);

impl Sentences {
    fn of(code: &str) -> Vec<(usize, String)> {
        let mut found = Self::default();
        found.visit_file(&syn::parse_file(code).unwrap());
        found.0
    }

    fn take(&mut self, literal: &LitStr) {
        if words(&literal.value()) > 1 {
            self.0.push((literal.span().start().line, literal.value()));
        }
    }

    /// What a macro is given is no syntax tree yet.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut name = String::new();
        for token in tokens {
            match token {
                TokenTree::Group(group) if !LEFT_OUT.contains(&name.as_str()) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    if let Ok(literal) = syn::parse2::<LitStr>(TokenTree::from(literal).into()) {
                        self.take(&literal);
                    }
                }
                TokenTree::Ident(ident) => name = ident.to_string(),
                TokenTree::Group(_) | TokenTree::Punct(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Sentences {
    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !module.attrs.iter().any(|attribute| attribute.path().is_ident("cfg")) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast LitStr) {
        self.take(literal);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.visit_expr(&call.receiver);
        if !LEFT_OUT.iter().any(|name| call.method == name) {
            for argument in &call.args {
                self.visit_expr(argument);
            }
        }
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        let name = call.path.segments.last().map(|segment| segment.ident.to_string());
        if !name.is_some_and(|name| LEFT_OUT.contains(&name.as_str())) {
            self.tokens(call.tokens.clone());
        }
    }
}

#[test]
fn sentences_are_found() {
    let code = r#"
        // "this is a comment"
        #[error("this is an attribute")]
        fn f() { info!(x, "this is a log line"); g(format!("{x} is not there: \"create it\""), '"', '('); }
        const PATH: &str = "spec.targets";
        #[cfg(test)]
mod tests { const IT: &str = "this is a test"; }
    "#;
    let found = Sentences::of(code);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0 == 4 && found[0].1.contains("create it"), "{found:?}");
}

/// What people are told of an object, by the operator and by the calls that it plans, is made in src/api/message/ alone.
#[test]
fn code_has_no_texts_of_its_own() {
    const FILES: [&str; 10] = [
        "aws",
        "controller",
        "flags",
        "lease",
        "main",
        "operator",
        "plan",
        "readiness",
        "server",
        "telemetry",
    ];
    let folders = ["src/aws", "src/controller", "src/plan"];
    let mut all: Vec<(String, String)> = folders
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
        .collect();
    all.extend(FILES.map(|file| (file.to_owned(), read(&format!("src/{file}.rs")))));
    all.retain(|(path, _)| !path.ends_with("tests.rs"));
    assert!(all.len() > 70, "the sources were found");
    let mut wrong = Vec::new();
    for (path, code) in all {
        for (line, text) in Sentences::of(&code) {
            wrong.push(format!("{path}:{line}: {text:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "texts that belong into src/api/message/:\n{}",
        wrong.join("\n")
    );
}
