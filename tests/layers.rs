//! The layering of the operator, which rustc does not enforce: who may import from whom, that nothing imports in a circle,
//! that what calls itself pure is, and that foreign types stay where they belong. The sources are parsed; what the test does
//! not understand makes it fail.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may, and so may the functions they share"
)]

#[path = "layers/checker.rs"]
mod checker;
#[path = "layers/circles.rs"]
mod circles;
#[path = "layers/collect.rs"]
mod collect;
#[path = "layers/facts.rs"]
mod facts;
#[path = "layers/resolve.rs"]
mod resolve;
#[path = "layers/rules.rs"]
mod rules;
#[path = "layers/tokens.rs"]
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use facts::{Source, Tree};
use resolve::Graph;
use rules::{Home, Impure, Layer};

/// The layers, from the top. A module imports only from lower ones and from its own children; `controller::x` gives a place
/// inside of `controller`, below all of its modules that have none.
const LAYERS: &[Layer] = &[
    layer(&[7], "main", "clb-operator: parses arguments, runs"),
    layer(&[7], "bin", "kubectl-clb: the same"),
    layer(
        &[6],
        "operator",
        "composition root: clients, lease, controller, server; the order of start and stop",
    ),
    layer(&[6], "cli", "the commands of kubectl-clb"),
    layer(
        &[5],
        "flags",
        "the command line of clb-operator, which `kubectl clb plan` reads too",
    ),
    layer(
        &[4],
        "controller",
        "resolve → desired → observe → plan → carry out → status",
    ),
    layer(&[4], "server", "/metrics /healthz /readyz"),
    layer(&[3], "aws", "the only place that names SDK types"),
    layer(&[2], "lease", "leadership: who may write"),
    layer(&[2], "plan", "pure: desired × observed → Plan"),
    layer(&[1], "elb", "pure: the model"),
    layer(&[1], "api", "the resources: spec, status, conditions, messages"),
    layer(&[1], "metrics", "what Prometheus reads"),
    layer(&[1], "readiness", "whether the operator can work"),
    layer(&[1], "telemetry", "logs and traces"),
];

/// Crates and the only modules that may name them.
const HOMES: &[Home] = &[
    home("aws_sdk_", &["aws"]),
    home("aws_config", &["aws"]),
    home("aws_credential_types", &["aws"]),
    home("aws_smithy_", &["aws"]),
    home("aws_types", &["aws"]),
    home("kube", &["api", "controller", "lease", "operator", "cli"]),
    home("axum", &["server"]),
    home("clap", &["main", "telemetry", "flags", "cli", "bin"]),
    home("anyhow", &["main", "operator"]),
    home("prometheus_client", &["metrics"]),
    home("governor", &["aws"]),
    home("tracing_subscriber", &["telemetry"]),
    home("tracing_opentelemetry", &["telemetry"]),
    home("opentelemetry", &["telemetry"]),
    home("opentelemetry_", &["telemetry"]),
    home(
        "tokio",
        &[
            "aws",
            "controller",
            "lease",
            "operator",
            "server",
            "telemetry",
            "cli",
            "main",
            "bin",
        ],
    ),
];

/// Modules that are pure in all their files.
const PURE: &[&str] = &["elb", "plan"];

/// What a file that begins with `//! Pure:` does not name, besides `async` and `.await`.
const IMPURE: Impure = Impure {
    foreign: &[
        "tokio",
        "futures",
        "fastrand",
        "tracing",
        "aws_",
        "axum",
        "governor",
        "kube::Client",
        "kube::Api",
        "kube::api::Api",
        "kube::client",
        "kube::runtime",
        "std::fs",
        "std::env",
        "std::net",
        "std::process",
        "std::thread",
    ],
    values: &["tokio::time::Instant", "tokio::time::Duration"],
    clocks: &["Instant", "SystemTime", "Timestamp", "Zoned"],
    macros: &["print", "println", "eprint", "eprintln", "dbg"],
    own: &[
        "aws::accounts",
        "aws::budget",
        "aws::client",
        "aws::gate",
        "aws::view",
        "lease",
    ],
};

/// Whether a module that uses its own children depends on them. It may (see the layers), and they may use what it defines:
/// a parent and its children are one unit, so only what goes round outside of that is a circle.
const CHILDREN_COUNT: bool = false;

/// Words that say nothing about a module. Modules are `foo.rs` beside `foo/`.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "common", "manager", "types", "misc", "mod"];

/// The longest file, in lines.
const FILE: usize = 420;

/// The longest function, in lines.
const FUNCTION: usize = 73;

/// The one that shows a whole reconcile, where it is, and how long it may be, so that it fits a screen.
const DRIVER: (&str, &str, usize) = ("controller/reconcile.rs", "reconcile", 50);

const fn layer(level: &'static [u8], module: &'static str, says: &'static str) -> Layer {
    Layer { level, module, says }
}

const fn home(name: &'static str, modules: &'static [&'static str]) -> Home {
    Home { name, modules }
}

static OPERATOR: LazyLock<(Tree, Graph)> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let tree = Tree::read("classic_lb_operator", &sources(&root)).unwrap_or_else(|error| panic!("{error}"));
    let graph = Graph::of(&tree);
    (tree, graph)
});

/// Every file below a folder.
fn sources(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let parts = path.strip_prefix(root).expect("below the root").components();
                let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
                let text = fs::read_to_string(&path).expect("a text");
                found.push(Source {
                    name: parts.join("/"),
                    text,
                });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn none(rule: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{rule} ({}):\n{}\n", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_module_has_a_layer() {
    none(
        "the table of layers is not the modules",
        &rules::table(&OPERATOR.0, LAYERS),
    );
}

#[test]
fn modules_import_from_lower_layers_only() {
    none(
        "imports against the layers",
        &rules::layers(&OPERATOR.0, &OPERATOR.1, LAYERS),
    );
}

#[test]
fn nothing_imports_in_a_circle() {
    none("circles", &circles::circles(&OPERATOR.0, &OPERATOR.1, CHILDREN_COUNT));
}

#[test]
fn what_calls_itself_pure_is() {
    none("impure", &rules::pure(&OPERATOR.0, &OPERATOR.1, PURE, &IMPURE));
}

#[test]
fn foreign_types_stay_at_home() {
    none(
        "foreign types away from home",
        &rules::homes(&OPERATOR.0, &OPERATOR.1, HOMES),
    );
}

#[test]
fn names_say_something_and_code_fits_a_reader() {
    println!("The longest function has {}.", rules::longest(&OPERATOR.0));
    none(
        "too long or named badly",
        &rules::sizes(&OPERATOR.0, FILE, FUNCTION, EMPTY_NAMES),
    );
}

#[test]
fn a_reconcile_fits_a_screen() {
    let (name, function, most) = DRIVER;
    let file = OPERATOR.0.files.iter().find(|file| file.name == name);
    let functions = &file.expect("the file of the driver").functions;
    let driver = functions.iter().find(|it| it.name == function);
    let lines = driver.expect("the driver").lines;
    assert!(lines <= most, "{name}: `{function}` has {lines} lines");
}

#[test]
fn the_crate_shows_its_layers() {
    let root = OPERATOR
        .0
        .files
        .iter()
        .find(|file| file.name == "lib.rs")
        .expect("the root of the crate");
    let expected = rules::printed(LAYERS);
    let lines = expected.replace('\n', "\n//! ");
    assert!(
        rules::documented(root) == Some(&*expected),
        "src/lib.rs does not show the table of layers. It should say:\n//! ```text\n//! {lines}```\n"
    );
}
