//! Import circles between files.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::Tree;
use crate::resolve::Graph;
use crate::rules::Places;

/// Each circle with the imports that make it: the files that reach one another. A file that uses modules of its own, other
/// than by passing their names on, depends on them if `children_count`.
pub(crate) fn circles(tree: &Tree, graph: &Graph, children_count: bool) -> Vec<String> {
    let mut edges = Edges::new();
    for link in graph.links.iter().filter(|link| link.binds) {
        let (from, to) = (tree.file_of(link.from), tree.file_of(link.to));
        let is_child = to
            .strip_prefix(from.trim_end_matches(".rs"))
            .is_some_and(|rest| rest.starts_with('/'));
        if from != to && (children_count || !is_child) {
            let evidence = edges.entry(from).or_default().entry(to).or_default();
            evidence.push((link.line, &link.text));
        }
    }
    let reached: BTreeMap<_, _> = edges.keys().map(|file| (*file, reach(&edges, file))).collect();
    let mut done = BTreeSet::new();
    let mut found = Vec::new();
    for (file, reaches) in &reached {
        if !reaches.contains(file) || !done.insert(*file) {
            continue;
        }
        let is_back = |other: &&&str| reached.get(**other).is_some_and(|back| back.contains(file));
        let members: BTreeSet<&str> = reaches.iter().filter(is_back).copied().collect();
        done.extend(&members);
        found.push(describe(&edges, &members));
    }
    found
}

/// From a file to those that it depends on, with the lines that say so.
type Edges<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<(usize, &'a str)>>>;

fn reach<'a>(edges: &Edges<'a>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for next in edges.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(*next) {
                open.push(next);
            }
        }
    }
    reached
}

fn describe(edges: &Edges, members: &BTreeSet<&str>) -> String {
    let mut places = Places::default();
    for from in members {
        for (to, evidence) in edges[from].iter().filter(|(to, _)| members.contains(*to)) {
            for (line, text) in evidence {
                places.add(format!("  {from} → {to}"), *line, text);
            }
        }
    }
    format!("a circle of {} files:\n{}", members.len(), places.lines().join("\n"))
}

mod tests {
    //! Circles that are seen, and what is none.

    use super::circles;
    use crate::checker::read;

    fn circle(files: &[(&str, &str)]) -> Vec<String> {
        let (tree, graph) = read(files).unwrap();
        circles(&tree, &graph, true)
    }

    #[test]
    fn two_siblings_that_need_each_other_are_a_circle() {
        let found = circle(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::B;\npub struct A;\nfn f(_: super::b::B) {}"),
            ("b.rs", "pub struct B;\nfn f() { println!(\"{}\", crate::a::A) }"),
            ("c.rs", "use crate::a::A;"),
        ]);
        assert_eq!(
            found,
            [
                "a circle of 2 files:\n  a.rs → b.rs (line 1: crate::b::B, and 1 more)\n  b.rs → a.rs (line 2: crate::a::A)"
            ]
        );
    }

    #[test]
    fn a_longer_circle_and_a_second_one_are_told_apart() {
        let found = circle(&[
            ("lib.rs", "mod a; mod b; mod c; mod d; mod e;"),
            ("a.rs", "use crate::b::f; pub fn f() {}"),
            ("b.rs", "use crate::c::f; pub fn f() {}"),
            ("c.rs", "use crate::a::f; use crate::d::f as g; pub fn f() {}"),
            ("d.rs", "use crate::e::f; pub fn f() {}"),
            ("e.rs", "use crate::d::f; pub fn f() {}"),
        ]);
        assert_eq!(found.len(), 2);
        assert!(
            found[0].starts_with("a circle of 3 files:\n  a.rs → b.rs"),
            "{}",
            found[0]
        );
        assert!(!found[0].contains("d.rs"), "{}", found[0]);
        assert!(
            found[1].starts_with("a circle of 2 files:\n  d.rs → e.rs"),
            "{}",
            found[1]
        );
    }

    const CHILD: (&str, &str) = ("a/child.rs", "use super::Parent; pub struct Child; pub fn make() {}");

    #[test]
    fn a_parent_that_only_declares_is_in_no_circle() {
        for parent in [
            "mod child; pub struct Parent;",
            "mod child; pub struct Parent; pub use child::{Child, make as build};",
            "mod child; pub struct Parent; pub use self::child::*; fn f() { let make = 1; make }",
        ] {
            assert_eq!(
                circle(&[("lib.rs", "mod a;"), ("a.rs", parent), CHILD]),
                [""; 0],
                "{parent}"
            );
        }
    }

    #[test]
    fn a_parent_and_a_child_that_use_each_other_are_a_circle() {
        for parent in [
            "mod child; pub struct Parent; use child::Child;",
            "mod child; pub struct Parent; fn f() { child::make() }",
            "mod child; pub struct Parent; pub use child::Child; fn f(_: Child) {}",
            "mod child; pub struct Parent; pub use child::*; fn f() { make() }",
            "mod child; pub struct Parent; pub use child::make as build; fn f() { assert!(build()) }",
            "mod child; pub struct Parent; mod inner { fn f() { super::child::make() } }",
        ] {
            let files = [("lib.rs", "mod a;"), ("a.rs", parent), CHILD];
            assert_eq!(circle(&files).len(), 1, "{parent}");
            let (tree, graph) = read(&files).unwrap();
            assert_eq!(circles(&tree, &graph, false), [""; 0], "children may be free");
        }
    }

    #[test]
    fn a_name_is_followed_to_where_it_is_defined() {
        // `b` takes from `a` what `a` has from `c`: `b` depends on `c`, not on `a`, which depends on `b`.
        let files = |a| {
            [
                ("lib.rs", "mod a;"),
                ("a.rs", a),
                ("a/b.rs", "use super::Thing; pub fn b() {}"),
                ("a/c.rs", "pub struct Thing;"),
            ]
        };
        assert_eq!(
            circle(&files("mod b; mod c; pub use c::Thing; fn f() { b::b() }")),
            [""; 0]
        );
        // What `a` has from elsewhere `b` takes from `a`.
        let found = circle(&[
            ("lib.rs", "mod a; mod c;"),
            ("a.rs", "mod b; use crate::c::Thing; fn f() { b::b() }"),
            files("")[2],
            ("c.rs", "pub struct Thing;"),
        ]);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_macro_ties_the_module_that_uses_it() {
        let found = circle(&[
            ("lib.rs", "mod a;"),
            (
                "a.rs",
                "macro_rules! make { ($name:ident) => { pub fn $name() -> super::Of { super::of() } } } mod b; pub fn of() { b::made() }",
            ),
            ("a/b.rs", "make!(made);"),
        ]);
        assert_eq!(
            found,
            ["a circle of 2 files:\n  a.rs → a/b.rs (line 1: b::made)\n  a/b.rs → a.rs (line 1: make!, and 2 more)"]
        );
    }
}
