//! The rules. Each gives what breaks it, one line for each place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::facts::{File, Tree};
use crate::resolve::Graph;

/// A module and its place.
pub(crate) struct Layer {
    /// The layer; for a module inside of another one its parent's, and then its own place among its siblings.
    pub level: &'static [u8],
    /// The module, by its path in the crate.
    pub module: &'static str,
    /// What it is for. Printed into the documentation of the crate.
    pub says: &'static str,
}

/// A crate and the only modules that may name it.
pub(crate) struct Home {
    /// The crate, or the beginning of its name if that ends with `_`.
    pub name: &'static str,
    /// The modules.
    pub modules: &'static [&'static str],
}

/// What pure code may not name.
pub(crate) struct Impure {
    /// Paths of other crates, by their beginning.
    pub foreign: &'static [&'static str],
    /// Those that it may all the same, by their beginning: they are values.
    pub values: &'static [&'static str],
    /// Types whose `now` reads a clock, wherever they come from.
    pub clocks: &'static [&'static str],
    /// Macros that write.
    pub macros: &'static [&'static str],
    /// Paths of this crate, by their beginning.
    pub own: &'static [&'static str],
}

/// What is wrong, with the places that show it.
#[derive(Default)]
pub(crate) struct Places(BTreeMap<String, BTreeSet<(usize, String)>>);

impl Places {
    /// Adds a place: a line, and the path that stands there.
    pub(crate) fn add(&mut self, what: String, line: usize, text: &str) {
        self.0.entry(what).or_default().insert((line, text.to_owned()));
    }

    /// One line for each wrong, with its first place.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |(what, places): (&String, &BTreeSet<(usize, String)>)| {
            let first = places
                .first()
                .map_or_else(String::new, |(line, text)| format!("line {line}: {text}"));
            match places.len() {
                0 | 1 => format!("{what} ({first})"),
                more => format!("{what} ({first}, and {} more)", more - 1),
            }
        };
        self.0.iter().map(line).collect()
    }
}

/// Places after the last one that a table gives.
const UNLISTED: u8 = u8::MAX;

/// A module imports only from lower layers, from its descendants and, as circles are looked for apart, from its ancestors.
/// Where a module has an order inside, what that order leaves out stands above it.
pub(crate) fn layers(tree: &Tree, graph: &Graph, table: &[Layer]) -> Vec<String> {
    let mut wrong = Places::default();
    for link in &graph.links {
        let (from, to) = (&tree.modules[link.from].path, &tree.modules[link.to].path);
        let mut add = |what: String| wrong.add(format!("{}: {what}", tree.file_of(link.from)), link.line, &link.text);
        if (from.is_empty() || to.is_empty()) && from != to {
            if from.is_empty() || !link.item.is_empty() {
                add("the root of the crate only declares modules".to_owned());
            }
            continue;
        }
        let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
        let (Some(ours), Some(theirs)) = (from.get(common), to.get(common)) else {
            continue;
        };
        let around = from[..common].join("::");
        let (Some(own), Some(other)) = (level(table, &around, ours), level(table, &around, theirs)) else {
            add(format!("`{ours}` or `{theirs}` has no layer"));
            continue;
        };
        if other >= own && own != UNLISTED {
            add(format!("`{ours}` may not import from `{theirs}`"));
        }
    }
    wrong.lines()
}

/// The place of a module among its siblings.
fn level(table: &[Layer], around: &str, name: &str) -> Option<u8> {
    let full = if around.is_empty() {
        name.to_owned()
    } else {
        format!("{around}::{name}")
    };
    let own = table
        .iter()
        .find(|layer| layer.module == full)
        .and_then(|layer| layer.level.last().copied());
    own.or((!around.is_empty()).then_some(UNLISTED))
}

/// The table names each top-level module and none that is not there, and gives a module's order inside below its own layer.
pub(crate) fn table(tree: &Tree, table: &[Layer]) -> Vec<String> {
    let mut wrong = Vec::new();
    for layer in table {
        let path: Vec<_> = layer.module.split("::").collect();
        let is_there = tree.modules.iter().any(|module| {
            module
                .path
                .starts_with(&path.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
        });
        if !is_there {
            wrong.push(format!("`{}` has a layer and is not there", layer.module));
        }
        let parent = layer.module.rsplit_once("::").map(|(parent, _)| parent);
        let around = parent.map(|parent| {
            table
                .iter()
                .find(|other| other.module == parent)
                .map(|other| other.level)
        });
        let outer = &layer.level[..layer.level.len().saturating_sub(1)];
        if around.unwrap_or(Some(&[])) != Some(outer) {
            wrong.push(format!("`{}` is not in the layer of its parent", layer.module));
        }
    }
    for module in tree.modules.iter().filter_map(|module| module.path.first()) {
        if !table.iter().any(|layer| layer.module == module) {
            wrong.push(format!("`{module}` has no layer: add it to the table"));
        }
    }
    wrong.dedup();
    wrong
}

/// The table as the documentation of the crate shows it.
pub(crate) fn printed(table: &[Layer]) -> String {
    let name = |layer: &Layer| {
        let depth = layer.level.len().saturating_sub(1);
        format!(
            "{}{}",
            "  ".repeat(depth),
            layer.module.rsplit("::").next().unwrap_or_default()
        )
    };
    let width = table.iter().map(|layer| name(layer).len()).max().unwrap_or_default();
    let mut text = String::new();
    let mut last: &[u8] = &[];
    for layer in table {
        let label = match layer.level {
            [] => String::new(),
            level if level == last => String::new(),
            level => format!("L{}", level.iter().map(u8::to_string).collect::<Vec<_>>().join(".")),
        };
        last = layer.level;
        let _ = writeln!(text, "{label:<5} {:<width$}  {}", name(layer), layer.says);
    }
    text
}

/// The text of a documentation between ```` ```text ```` and its end.
pub(crate) fn documented(file: &File) -> Option<&str> {
    let (_, after) = file.header.split_once("```text\n")?;
    after.split_once("```").map(|(text, _)| text)
}

/// Other crates are named in their homes alone.
pub(crate) fn homes(tree: &Tree, graph: &Graph, homes: &[Home]) -> Vec<String> {
    let mut wrong = Places::default();
    for foreign in &graph.foreign {
        let Some(name) = foreign.path.first() else { continue };
        let is_of = |home: &&Home| home.name == name || (home.name.ends_with('_') && name.starts_with(home.name));
        let Some(home) = homes.iter().find(is_of) else { continue };
        let module = tree.modules[foreign.from].path.join("::");
        if !home.modules.iter().any(|allowed| begins(&module, allowed)) {
            let what = format!("{}: `{name}` is not at home here", tree.file_of(foreign.from));
            wrong.add(what, foreign.line, &foreign.path.join("::"));
        }
    }
    wrong.lines()
}

/// Whether a path is another one or continues it.
fn begins(path: &str, beginning: &str) -> bool {
    path.strip_prefix(beginning)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || beginning.ends_with('_'))
}

/// Files that say that they are pure are, and those of pure modules say so.
pub(crate) fn pure(tree: &Tree, graph: &Graph, modules: &[&str], impure: &Impure) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in tree.files.iter().filter(|file| !file.is_test) {
        let summary = file.header.split("\n\n").next().unwrap_or_default();
        if summary.contains("Pure:") && (summary.contains("I/O:") || summary.contains("I/O that")) {
            wrong.push(format!("{}: says both \"Pure:\" and \"I/O\"", file.name));
        }
        let stem = file.name.trim_end_matches(".rs").replace('/', "::");
        if modules.iter().any(|module| begins(&stem, module)) && !is_pure(file) {
            wrong.push(format!(
                "{}: its documentation does not begin with \"Pure:\"",
                file.name
            ));
        }
        if is_pure(file) {
            wrong.extend(
                file.waits
                    .iter()
                    .map(|wait| format!("{}:{}: {}", file.name, wait.line, wait.what)),
            );
        }
    }
    let is_in_pure = |module: usize| is_pure(&tree.files[tree.modules[module].file]);
    for foreign in graph.foreign.iter().filter(|foreign| is_in_pure(foreign.from)) {
        let path = foreign.path.join("::");
        if impure.forbids(&path) {
            wrong.push(format!("{}:{}: {path}", tree.file_of(foreign.from), foreign.line));
        }
    }
    for link in graph.links.iter().filter(|link| is_in_pure(link.from)) {
        let to = &tree.modules[link.to].path;
        let path = to
            .iter()
            .chain(&link.item)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("::");
        if impure.own.iter().any(|beginning| begins(&path, beginning)) {
            wrong.push(format!("{}:{}: {path}", tree.file_of(link.from), link.line));
        }
    }
    wrong.sort();
    wrong.dedup();
    wrong
}

fn is_pure(file: &File) -> bool {
    file.header.starts_with("Pure:")
}

impl Impure {
    fn forbids(&self, path: &str) -> bool {
        let (before, last) = path.rsplit_once("::").unwrap_or(("", path));
        if last == "now" && self.clocks.contains(&before.rsplit("::").next().unwrap_or_default()) {
            return true;
        }
        let is_value = self.values.iter().any(|value| begins(path, value));
        let is_foreign = self.foreign.iter().any(|foreign| begins(path, foreign));
        (is_foreign && !is_value) || self.macros.contains(&path)
    }
}

/// Files and functions fit a reader, and names say something.
pub(crate) fn sizes(tree: &Tree, file_lines: usize, function_lines: usize, empty_names: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in &tree.files {
        if file.lines > file_lines {
            wrong.push(format!("{}: {} lines", file.name, file.lines));
        }
        let stem = file.name.trim_end_matches(".rs").rsplit('/').next().unwrap_or_default();
        if empty_names.contains(&stem) {
            wrong.push(format!("{}: the name says nothing", file.name));
        }
        for function in file.functions.iter().filter(|function| function.lines > function_lines) {
            let place = format!("{}:{}", file.name, function.line);
            wrong.push(format!("{place}: `{}` has {} lines", function.name, function.lines));
        }
    }
    wrong
}

/// The longest function, for those who mean to lower the limit.
pub(crate) fn longest(tree: &Tree) -> String {
    let functions = tree
        .files
        .iter()
        .flat_map(|file| file.functions.iter().map(move |function| (file, function)));
    functions
        .max_by_key(|(_, function)| function.lines)
        .map_or_else(String::new, |(file, function)| {
            format!(
                "{} lines: `{}`, {}:{}",
                function.lines, function.name, file.name, function.line
            )
        })
}
