//! The layering of the operator, which rustc does not enforce: a module imports only from lower layers or from its own
//! children, and foreign types stay where they belong.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::similar_names,
    clippy::many_single_char_names
)] // tests may

use std::fs;
use std::path::{Path, PathBuf};

/// The layer of the binaries, which see the library from outside.
const BINARY: u8 = 6;

/// Top-level modules and their layers.
const LAYERS: &[(&str, u8)] = &[
    ("elb", 0),
    ("api", 0),
    ("metrics", 0),
    ("readiness", 0),
    ("telemetry", 0),
    ("plan", 1),
    ("aws", 2),
    ("controller", 3),
    ("server", 3),
    ("operator", 4),
    ("cli", 5),
    ("main", BINARY),
    ("bin", BINARY),
];

/// Crates and the only modules that may name them.
const HOMES: &[(&str, &[&str])] = &[
    ("aws_sdk_", &["aws"]),
    ("aws_config", &["aws"]),
    ("aws_smithy_", &["aws"]),
    ("aws_types", &["aws"]),
    ("kube", &["api", "controller", "operator", "cli"]),
    ("axum", &["server"]),
    ("clap", &["main", "telemetry", "operator", "cli", "bin"]),
    ("anyhow", &["main", "operator"]),
    ("prometheus_client", &["metrics"]),
    (
        "tokio",
        &["aws", "controller", "operator", "server", "cli", "main", "bin"],
    ),
];

/// Modules that compute and never wait, so that they can be tested without anything around them.
const PURE: &[&str] = &["elb", "plan"];

/// Words that say nothing about a module.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "common", "manager", "types", "misc"];

/// A file of the operator.
struct Source {
    path: PathBuf,
    /// The top-level module it belongs to.
    module: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(&root).expect("below src");
                let first = relative
                    .components()
                    .next()
                    .expect("a component")
                    .as_os_str()
                    .to_string_lossy();
                let module = first.trim_end_matches(".rs").to_owned();
                let text = fs::read_to_string(&path).expect("a text");
                found.push(Source {
                    path: relative.to_owned(),
                    module,
                    text,
                });
            }
        }
    }
    assert!(found.len() > 20, "the sources were found");
    found
}

fn layer(module: &str) -> u8 {
    let entry = LAYERS.iter().find(|(name, _)| *name == module);
    entry
        .unwrap_or_else(|| panic!("module {module} has no layer: add it to the table and to the crate's docs"))
        .1
}

/// Code without comments, so that prose may name anything.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

/// Every `WORD` of `prefix::WORD` in a line.
fn words_after<'a>(line: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(prefix).map(move |(at, _)| {
        let rest = &line[at + prefix.len()..];
        rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .next()
            .unwrap_or_default()
    })
}

#[test]
fn modules_import_from_lower_layers_only() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| source.module != "lib") {
        let own = layer(&source.module);
        for line in code(&source.text) {
            let crate_name = if own == BINARY {
                "classic_lb_operator::"
            } else {
                "crate::"
            };
            for word in words_after(line, crate_name).filter(|word| !word.is_empty() && *word != source.module) {
                if layer(word) >= own {
                    wrong.push(format!("{}: {}", source.path.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the layers:\n{}", wrong.join("\n"));
}

#[test]
fn the_model_and_the_resource_do_not_know_each_other() {
    for source in sources() {
        let other = match source.module.as_str() {
            "elb" => "crate::api",
            "api" => "crate::elb",
            _ => continue,
        };
        assert!(
            !code(&source.text).any(|line| line.contains(other)),
            "{} names {other}",
            source.path.display()
        );
    }
}

#[test]
fn foreign_types_stay_at_home() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, homes) in HOMES {
            if homes.contains(&source.module.as_str()) {
                continue;
            }
            let named = |line: &&str| {
                words_after(line, "use ").any(|word| word == *name || (name.ends_with('_') && word.starts_with(name)))
                    || line.contains(&format!(" {name}::"))
            };
            wrong.extend(
                code(&source.text)
                    .filter(named)
                    .map(|l| format!("{}: {}", source.path.display(), l.trim())),
            );
        }
    }
    assert!(wrong.is_empty(), "foreign types away from home:\n{}", wrong.join("\n"));
}

#[test]
fn planning_is_pure() {
    for source in sources().iter().filter(|source| PURE.contains(&source.module.as_str())) {
        for impure in [
            "async fn",
            ".await",
            "std::time::",
            "std::fs",
            "std::env",
            "fastrand",
            "tracing::",
        ] {
            assert!(
                !code(&source.text).any(|line| line.contains(impure)),
                "{}: {impure}",
                source.path.display()
            );
        }
    }
}

#[test]
fn names_say_something_and_files_fit_a_reader() {
    for source in sources() {
        let stem = source.path.file_stem().expect("a name").to_string_lossy();
        assert!(!EMPTY_NAMES.contains(&&*stem), "{} says nothing", source.path.display());
        let lines = source.text.lines().count();
        assert!(lines <= 420, "{} has {lines} lines", source.path.display());
        assert!(
            source.path.file_name().is_none_or(|name| name != "mod.rs"),
            "modules are foo.rs beside foo/"
        );
    }
}
