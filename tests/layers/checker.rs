//! The rules, each broken by a small source: a rule that cannot fail is none.

use crate::facts::{Source, Tree};
use crate::resolve::Graph;
use crate::rules::{self, Home, Layer};
use crate::{IMPURE, home, layer};

const TABLE: &[Layer] = &[
    layer(&[3], "main", "the binary"),
    layer(&[2], "high", "above"),
    layer(&[2, 2], "high::driver", "uses the memory"),
    layer(&[2, 1], "high::memory", "uses nothing"),
    layer(&[1], "low", "below"),
    layer(&[1], "base", "below, too"),
];

const HOMES: &[Home] = &[home("kube", &["high"]), home("aws_sdk_", &["high::driver"])];

/// The facts of some files.
pub(crate) fn read(files: &[(&str, &str)]) -> Result<(Tree, Graph), String> {
    let source = |(name, text): &(&str, &str)| Source {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    };
    let tree = Tree::read("package", &files.iter().map(source).collect::<Vec<_>>())?;
    let graph = Graph::of(&tree);
    Ok((tree, graph))
}

/// `low` with a text, below a `high` that has all that the texts may name.
fn low(text: &str) -> (Tree, Graph) {
    read(&[
        ("lib.rs", "pub mod base; pub mod high; pub mod low;"),
        ("base.rs", "pub struct Base; pub mod far { pub fn out() {} }"),
        (
            "high.rs",
            "pub mod deep { pub struct Thing; } pub fn up() {} pub enum Kind { One } pub use crate::base::Base;",
        ),
        ("low.rs", text),
    ])
    .unwrap()
}

fn layer_errors(text: &str) -> Vec<String> {
    let (tree, graph) = low(text);
    rules::layers(&tree, &graph, TABLE)
}

#[test]
fn every_way_to_name_a_higher_layer_is_seen() {
    for text in [
        "use crate::high::up;",
        "use crate::high;",
        "use crate::high::*;",
        "use crate::high as h;",
        "use crate::{base::{far::{self, out}}, high::{deep::{self as d, Thing}}};",
        "use super::high::deep::Thing as Other;",
        "use self::inner::up; mod inner { pub use crate::high::up; }",
        "mod inner { mod more { fn f() { super::super::super::high::up() } } }",
        "fn f() { crate::high::up() }",
        "fn f() { use crate::high::up as u; u() }",
        "fn f(kind: &super::high::Kind) { matches!(kind, _) }",
        "fn f<T: Into<crate::high::Kind>>() {}",
        "fn f(k: u8) { match k { _ if { crate::high::up(); true } => {} _ => {} } }",
        "fn f() { println!(\"{:?}\", vec![crate::high::up()]) }",
        "fn f() { some! { use super::high::{deep::Thing, up}; } }",
        "macro_rules! m { () => { $crate::high::up() } }",
        "mod inner { macro_rules! m { () => { super::super::high::up() } } fn f() { m!() } }",
        "#[derive(Deserialize)] struct S { #[serde(with = \"crate::high::deep\")] field: u8 }",
        "#[tag(crate::high::Kind)] struct S;",
        "impl crate::high::Kind { fn f() {} }",
        "const N: usize = { crate::high::up(); 1 };",
    ] {
        assert_ne!(layer_errors(text), [""; 0], "nothing is seen in {text}");
    }
}

#[test]
fn what_is_permitted_passes() {
    for text in [
        "//! See [`crate::high`].\n/// And crate::high::up().\nfn f() { /* crate::high */ }",
        "fn f() { let _ = \"crate::high::up\"; }",
        "#[cfg(test)] mod tests { use crate::high::up; }",
        "#[cfg(all(test, unix))] use crate::high::up;",
        "struct S; impl S { #[cfg(test)] fn f() { crate::high::up() } }",
        "mod inner { pub struct S; } use inner::S; mod other { use super::inner::S; use super::S as T; }",
        "use std::fmt; fn f() { high::up() }",
    ] {
        assert_eq!(layer_errors(text), [""; 0], "{text}");
    }
    assert_ne!(layer_errors("#[cfg(not(test))] use crate::high::up;"), [""; 0]);
    assert_ne!(layer_errors("#[cfg(any(test, unix))] use crate::high::up;"), [""; 0]);
}

#[test]
fn modules_of_one_layer_do_not_know_each_other() {
    assert_eq!(
        layer_errors("use crate::base::Base;"),
        ["low.rs: `low` may not import from `base` (line 1: crate::base::Base)"]
    );
}

#[test]
fn a_name_that_is_passed_on_counts_for_both_modules() {
    let (tree, graph) = low("fn f(_: crate::high::Base) {}");
    assert_eq!(
        rules::layers(&tree, &graph, TABLE),
        [
            "low.rs: `low` may not import from `base` (line 1: crate::high::Base)",
            "low.rs: `low` may not import from `high` (line 1: crate::high::Base)"
        ]
    );
}

#[test]
fn binaries_see_the_library_and_nothing_sees_its_root() {
    let (tree, graph) = read(&[
        ("lib.rs", "pub mod low; pub const NAME: u8 = 1; pub use low::Low;"),
        ("low.rs", "pub struct Low; const N: u8 = crate::NAME;"),
        ("main.rs", "use package::low::Low; fn main() { package::NAME; }"),
    ])
    .unwrap();
    assert_eq!(
        rules::layers(&tree, &graph, TABLE),
        [
            "lib.rs: the root of the crate only declares modules (line 1: low::Low)",
            "low.rs: the root of the crate only declares modules (line 1: crate::NAME)",
            "main.rs: the root of the crate only declares modules (line 1: package::NAME)"
        ]
    );
}

#[test]
fn a_module_may_have_an_order_inside() {
    let (tree, graph) = read(&[
        ("lib.rs", "pub mod high;"),
        ("high.rs", "mod driver; mod memory; mod other; fn top() {}"),
        ("high/driver.rs", "use super::memory::Memory; use super::other::free;"),
        ("high/memory.rs", "pub struct Memory; mod part;"),
        (
            "high/memory/part.rs",
            "use crate::high::driver; use super::super::top; use super::Memory;",
        ),
        ("high/other.rs", "use super::{driver, memory}; pub fn free() {}"),
    ])
    .unwrap();
    assert_eq!(
        rules::layers(&tree, &graph, TABLE),
        [
            "high/driver.rs: `driver` may not import from `other` (line 1: super::other::free)",
            "high/memory/part.rs: `memory` may not import from `driver` (line 1: crate::high::driver)"
        ]
    );
}

#[test]
fn a_table_that_is_not_the_modules_fails() {
    let table = &[
        layer(&[1], "low", ""),
        layer(&[1], "gone", ""),
        layer(&[2, 1], "low::inner", ""),
    ];
    let (tree, _) = low("mod inner {}");
    assert_eq!(
        rules::table(&tree, table),
        [
            "`gone` has a layer and is not there",
            "`low::inner` is not in the layer of its parent",
            "`base` has no layer: add it to the table",
            "`high` has no layer: add it to the table"
        ]
    );
    let (tree, graph) = low("use crate::high::up;");
    let errors = rules::layers(&tree, &graph, table);
    assert_eq!(
        errors[1..],
        ["low.rs: `low` or `high` has no layer (line 1: crate::high::up)"]
    );
}

#[test]
fn the_printed_table_is_found_in_the_documentation() {
    let printed = rules::printed(&TABLE[1..4]);
    assert_eq!(
        printed,
        "L2    high      above\nL2.2    driver  uses the memory\nL2.1    memory  uses nothing\n"
    );
    let root = |text: &str| read(&[("lib.rs", text)]).unwrap().0;
    let lines = printed.replace('\n', "\n//! ");
    let tree = root(&format!("//! Text.\n//! ```text\n//! {lines}```\n"));
    assert_eq!(rules::documented(&tree.files[0]), Some(&*printed));
    assert_eq!(rules::documented(&root("//! Text.").files[0]), None);
}

fn impure(text: &str) -> Vec<String> {
    let (tree, graph) = read(&[
        ("lib.rs", "mod aws; mod pure;"),
        (
            "aws.rs",
            "pub mod client { pub struct Client; } pub use client::Client; pub struct Class;",
        ),
        ("pure.rs", text),
    ])
    .unwrap();
    rules::pure(&tree, &graph, &["pure"], &IMPURE)
}

#[test]
fn a_pure_file_neither_waits_nor_asks_nor_tells() {
    for text in [
        "async fn f() {}",
        "fn f() { let _ = async { 1 }; }",
        "fn f() { let _ = async || 1; }",
        "fn f() { g.await; }",
        "fn f() { some!(async { g.await }) }",
        "fn f() { std::time::Instant::now(); }",
        "use std::time::Instant; fn f() -> Instant { Instant::now() }",
        "use std::time::Instant as I; fn f() { x.unwrap_or_else(I::now) }",
        "use k8s_openapi::jiff::{self, Timestamp}; fn f() { jiff::Timestamp::now() }",
        "fn f() { assert!(SystemTime::now()) }",
        "use tokio::time::Instant; fn f() { Instant::now() }",
        "fn f(start: Instant) { start.elapsed(); }",
        "fn f(clock: Clock) { format!(\"{}\", clock.now()) }",
        "use tokio::sync::Mutex;",
        "use std::{fmt, fs::File};",
        "use std::env::{self};",
        "fn f() { ::std::net::TcpStream::connect(); }",
        "use futures::StreamExt as _;",
        "fn f() { fastrand::f64(); }",
        "fn f() { tracing::info!(\"x\"); }",
        "use tracing::info; fn f() { info!(\"x\"); }",
        "#[tracing::instrument] fn f() {}",
        "fn f() { println!(); }",
        "use aws_sdk_ec2::Client;",
        "use crate::aws::Client;",
        "use crate::aws::{self}; fn f(_: &aws::client::Client) {}",
        "use kube::{Client, Resource};",
        "mod inner { use kube::runtime::watcher; }",
    ] {
        assert_ne!(
            impure(&format!("//! Pure: sums.\n{text}")),
            [""; 0],
            "nothing is seen in {text}"
        );
    }
}

#[test]
fn a_pure_file_may_hold_times_and_read_errors() {
    for text in [
        "use std::time::{Duration, Instant}; fn f(now: Instant) -> Instant { now + Duration::ZERO }",
        "use tokio::time::Instant; fn f(at: Instant) {}",
        "use crate::aws::Class;",
        "use kube::ResourceExt as _;",
        "#[cfg(test)] mod tests { use std::fs; async fn f() { x.await } }",
        "//! No tokio here.\n/// std::fs::read\nfn f() -> &'static str { \"async tokio::spawn\" }",
    ] {
        assert_eq!(impure(&format!("//! Pure: sums.\n{text}")), [""; 0], "{text}");
    }
}

#[test]
fn purity_is_said_and_said_alone() {
    assert_eq!(
        impure("//! Sums."),
        ["pure.rs: its documentation does not begin with \"Pure:\""]
    );
    assert_eq!(
        impure("//! Pure: sums. I/O: prints them."),
        ["pure.rs: says both \"Pure:\" and \"I/O\""]
    );
    assert_eq!(impure("//! I/O: reads. Pure: sums.").len(), 2);
    assert_eq!(impure("//! Pure: sums.\n//!\n//! The I/O: elsewhere."), [""; 0]);
}

#[test]
fn foreign_types_away_from_home_are_seen() {
    for text in [
        "use kube::Client;",
        "use kube as k;",
        "use {kube::{Client, api::Api}, std::fmt};",
        "fn f(_: kube::Client) {}",
        "fn f(_: ::kube::Client) {}",
        "fn f() { println!(\"{}\", kube::VERSION) }",
        "#[derive(kube::CustomResource)] struct S;",
        "use aws_sdk_ec2::Client;",
    ] {
        let (tree, graph) = low(text);
        assert_eq!(rules::homes(&tree, &graph, HOMES).len(), 1, "{text}");
    }
    let (tree, graph) = read(&[
        ("lib.rs", "mod high;"),
        (
            "high.rs",
            "mod driver { use kube::Client; use aws_sdk_ec2::Client as Ec2; } use aws_sdk_iam::Client;",
        ),
    ])
    .unwrap();
    let wrong = rules::homes(&tree, &graph, HOMES);
    assert_eq!(
        wrong,
        ["high.rs: `aws_sdk_iam` is not at home here (line 1: aws_sdk_iam::Client)"]
    );
}

#[test]
fn long_code_and_empty_names_are_seen() {
    let long = format!("fn f() {{\n{}}}\nimpl S {{ fn g() {{}} }}", "a();\n".repeat(8));
    let (tree, _) = read(&[
        ("lib.rs", "mod low;"),
        ("low.rs", "mod utils;"),
        ("low/utils.rs", &long),
    ])
    .unwrap();
    assert_eq!(
        rules::sizes(&tree, 10, 9, &["utils"]),
        [
            "low/utils.rs: 11 lines",
            "low/utils.rs: the name says nothing",
            "low/utils.rs:1: `f` has 10 lines"
        ]
    );
    assert_eq!(rules::sizes(&tree, 11, 10, &["helpers"]), [""; 0]);
    assert_eq!(rules::longest(&tree), "10 lines: `f`, low/utils.rs:1");
}

#[test]
fn nothing_is_passed_over_in_silence() {
    let error = |files: &[(&str, &str)]| read(files).err().unwrap_or_default();
    assert_eq!(
        error(&[("lib.rs", ""), ("lost.rs", "")]),
        "lost.rs: no module declares it"
    );
    assert_eq!(error(&[("lib.rs", "mod gone;")]), "gone.rs: declared and not there");
    assert_eq!(
        error(&[("lib.rs", "#[path = \"b.rs\"] mod a;"), ("b.rs", "")]),
        "lib.rs: `#[path]` of a"
    );
    assert!(error(&[("lib.rs", "mod a {")]).starts_with("lib.rs: "));
    let tests = read(&[
        ("lib.rs", "#[cfg(test)] mod tests;"),
        ("tests.rs", "mod a;"),
        ("tests/a.rs", "fn"),
    ]);
    assert!(tests.unwrap().0.files.iter().skip(1).all(|file| file.is_test));
}
