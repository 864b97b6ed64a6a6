//! From names to what they stand for: every path of a module, followed through imports to the module that defines it.

use std::collections::BTreeSet;

use crate::facts::{Mention, Tree};

/// A module names another one.
pub(crate) struct Link {
    /// The module that names.
    pub from: usize,
    /// The module that is named, or that defines what is named.
    pub to: usize,
    /// What of it, empty for the module itself.
    pub item: Vec<String>,
    /// The path as it is written.
    pub text: String,
    /// Where.
    pub line: usize,
    /// Whether it makes one file depend on the other. A module that only declares a child and passes its names on does not.
    pub binds: bool,
}

/// A module names something of another crate.
pub(crate) struct Foreign {
    /// The module.
    pub from: usize,
    /// The full path, the crate first.
    pub path: Vec<String>,
    /// Where.
    pub line: usize,
}

/// Who names what.
#[derive(Default)]
pub(crate) struct Graph {
    /// Inside of the package.
    pub links: Vec<Link>,
    /// Outside.
    pub foreign: Vec<Foreign>,
}

impl Graph {
    /// Resolves every path of a tree.
    pub(crate) fn of(tree: &Tree) -> Self {
        let mut graph = Self::default();
        for module in 0..tree.modules.len() {
            graph.imports(tree, module);
            for mention in &tree.modules[module].mentions {
                graph.mention(tree, module, mention);
            }
        }
        graph
    }

    fn imports(&mut self, tree: &Tree, module: usize) {
        for (index, import) in tree.modules[module].imports.iter().enumerate() {
            let mut resolver = Resolver {
                tree,
                busy: vec![(module, index)],
            };
            let text = import.path.join("::");
            let targets = resolver.resolve(module, &import.path, import.is_global);
            let is_own = |to: usize| tree.is_within(to, module);
            for target in &targets {
                let passes_on = import.is_reexport && target.module.is_some_and(is_own);
                let names = import.name.is_none() || !target.rest.is_empty();
                self.add(module, target, &text, import.line, names && !passes_on);
            }
            if targets.is_empty() {
                self.foreign.push(Foreign {
                    from: module,
                    path: import.path.clone(),
                    line: import.line,
                });
            }
        }
    }

    fn mention(&mut self, tree: &Tree, module: usize, mention: &Mention) {
        let targets = Resolver { tree, busy: Vec::new() }.resolve(module, &mention.path, mention.is_global);
        let text = mention.path.join("::");
        for target in &targets {
            self.add(module, target, &text, mention.line, !target.rest.is_empty());
        }
        if targets.is_empty() {
            self.foreign.push(Foreign {
                from: module,
                path: mention.path.clone(),
                line: mention.line,
            });
        }
        if mention.is_macro {
            self.expand(tree, module, mention, &mut BTreeSet::new());
        }
    }

    /// The body of a macro is code of the module that uses it: what it names there, the module names.
    fn expand(&mut self, tree: &Tree, module: usize, call: &Mention, seen: &mut BTreeSet<(usize, String)>) {
        let Some((home, name)) = macro_of(tree, module, call) else {
            return;
        };
        if !seen.insert((home, name.clone())) {
            return;
        }
        if home != module {
            let target = Target {
                module: Some(home),
                rest: vec![name.clone()],
                through: Vec::new(),
            };
            self.add(module, &target, &format!("{name}!"), call.line, true);
        }
        for mention in &tree.modules[home].macros[&name] {
            let mention = Mention {
                line: call.line,
                ..mention.clone()
            };
            if mention.is_macro {
                self.expand(tree, module, &mention, seen);
            }
            let targets = Resolver { tree, busy: Vec::new() }.resolve(module, &mention.path, mention.is_global);
            let text = format!("{name}! → {}", mention.path.join("::"));
            for target in &targets {
                self.add(module, target, &text, call.line, !target.rest.is_empty());
            }
            if targets.is_empty() && home != module {
                self.foreign.push(Foreign {
                    from: module,
                    path: mention.path.clone(),
                    line: call.line,
                });
            }
        }
    }

    fn add(&mut self, from: usize, target: &Target, text: &str, line: usize, binds: bool) {
        let edge = |to, item, binds| Link {
            from,
            to,
            item,
            text: text.to_owned(),
            line,
            binds,
        };
        match target.module {
            Some(to) => self.links.push(edge(to, target.rest.clone(), binds)),
            None => self.foreign.push(Foreign {
                from,
                path: target.rest.clone(),
                line,
            }),
        }
        // Who takes a name from a module that took it from elsewhere depends on both.
        let through = target.through.iter().filter(|through| **through != from);
        self.links
            .extend(through.map(|through| edge(*through, target.rest.clone(), true)));
    }
}

/// The module of a macro's `macro_rules`: found by path, or around the module by the order of the text.
fn macro_of(tree: &Tree, module: usize, call: &Mention) -> Option<(usize, String)> {
    let name = call.path.last()?;
    let by_text = || {
        let mut at = (call.path.len() == 1).then_some(module);
        while let Some(here) = at {
            if tree.modules[here].macros.contains_key(name) {
                return Some((here, name.clone()));
            }
            at = tree.modules[here].parent;
        }
        None
    };
    let by_path = || {
        let targets = Resolver { tree, busy: Vec::new() }.resolve(module, &call.path, call.is_global);
        targets.into_iter().find_map(|target| {
            let home = target.module?;
            let [name] = &target.rest[..] else { return None };
            tree.modules[home]
                .macros
                .contains_key(name)
                .then(|| (home, name.clone()))
        })
    };
    by_text().or_else(by_path)
}

/// What a path stands for.
struct Target {
    /// The module that defines it; none if it comes from another crate.
    module: Option<usize>,
    /// What of that module, or the full path in another crate.
    rest: Vec<String>,
    /// Modules that had it from elsewhere, not from a child.
    through: Vec<usize>,
}

/// Where a name leads, in one module.
struct Entry {
    what: What,
    /// Modules that take it over by `*`, not from a child.
    through: Vec<usize>,
}

enum What {
    Module(usize),
    /// Defined in that module.
    Item(usize),
    /// An import of that module.
    Import(usize, usize),
}

struct Resolver<'a> {
    tree: &'a Tree,
    /// The imports that are being followed: none stands for itself.
    busy: Vec<(usize, usize)>,
}

impl Resolver<'_> {
    /// All that a path can stand for, seen from a module. Nothing, if nothing of this package.
    fn resolve(&mut self, module: usize, path: &[String], is_global: bool) -> Vec<Target> {
        if is_global {
            return self.outside(path);
        }
        let Some(first) = path.first() else { return Vec::new() };
        let mut rest = &path[1..];
        let mut base = match first.as_str() {
            "crate" => self.tree.root_of(module),
            "self" => module,
            "super" => {
                rest = path;
                module
            }
            _ => {
                let found = self.walk(module, path, true);
                return if found.is_empty() { self.outside(path) } else { found };
            }
        };
        while rest.first().is_some_and(|segment| segment == "super") {
            let Some(parent) = self.tree.modules[base].parent else {
                return Vec::new();
            };
            base = parent;
            rest = &rest[1..];
        }
        let found = self.walk(base, rest, base == module);
        if found.is_empty() {
            vec![Target::of(base, rest)]
        } else {
            found
        }
    }

    /// A path that begins with a crate. The library is one, for binaries.
    fn outside(&mut self, path: &[String]) -> Vec<Target> {
        match self.tree.library {
            Some(library) if path[0] == self.tree.crate_name => self.walk(library, &path[1..], false),
            _ => Vec::new(),
        }
    }

    /// Follows a path down from a module. A name that is not found counts as the module's, unless it is looked for from
    /// inside, where it can come from anywhere.
    fn walk(&mut self, module: usize, path: &[String], from_inside: bool) -> Vec<Target> {
        let Some(name) = path.first() else {
            return vec![Target::of(module, path)];
        };
        let mut entries = self.entries(module, name, from_inside);
        let is_module = |entry: &Entry| matches!(entry.what, What::Module(_));
        if path.len() > 1 && entries.iter().any(is_module) {
            entries.retain(is_module);
        }
        if entries.is_empty() && !from_inside {
            return vec![Target::of(module, path)];
        }
        let mut targets = Vec::new();
        for entry in entries {
            let mut found = match entry.what {
                What::Module(child) => self.walk(child, &path[1..], false),
                What::Item(home) => vec![Target::of(home, path)],
                What::Import(home, index) => self.imported(home, index, &path[1..]),
            };
            for target in &mut found {
                target.through.extend(&entry.through);
            }
            targets.extend(found);
        }
        targets
    }

    /// What an import stands for, with what follows its name.
    fn imported(&mut self, home: usize, index: usize, rest: &[String]) -> Vec<Target> {
        let import = &self.tree.modules[home].imports[index];
        let full: Vec<_> = import.path.iter().chain(rest).cloned().collect();
        self.busy.push((home, index));
        let mut targets = self.resolve(home, &full, import.is_global);
        self.busy.pop();
        if targets.is_empty() {
            targets.push(Target {
                module: None,
                rest: full,
                through: Vec::new(),
            });
        }
        for target in &mut targets {
            let is_childs = target.module.is_some_and(|module| self.tree.is_within(module, home));
            if !is_childs {
                target.through.push(home);
            }
        }
        targets
    }

    /// What a name can mean in a module.
    fn entries(&mut self, module: usize, name: &str, from_inside: bool) -> Vec<Entry> {
        let this = &self.tree.modules[module];
        let mut found: Vec<_> = this
            .children
            .get(name)
            .map(|child| What::Module(*child))
            .into_iter()
            .collect();
        if this.items.contains(name) || this.macros.contains_key(name) {
            found.push(What::Item(module));
        }
        for (index, import) in this.imports.iter().enumerate() {
            let is_visible = from_inside || !import.is_local;
            if is_visible && import.name.as_deref() == Some(name) && !self.busy.contains(&(module, index)) {
                found.push(What::Import(module, index));
            }
        }
        let entry = |what| Entry {
            what,
            through: Vec::new(),
        };
        let mut entries: Vec<_> = found.into_iter().map(entry).collect();
        if entries.is_empty() {
            entries = self.by_globs(module, name);
        }
        if entries.is_empty() && this.generated.contains(name) {
            entries.push(entry(What::Item(module)));
        }
        entries
    }

    fn by_globs(&mut self, module: usize, name: &str) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (index, import) in self.tree.modules[module].imports.iter().enumerate() {
            if import.name.is_some() || self.busy.contains(&(module, index)) {
                continue;
            }
            self.busy.push((module, index));
            for target in self.resolve(module, &import.path, import.is_global) {
                let (Some(home), true) = (target.module, target.rest.is_empty()) else {
                    continue;
                };
                for mut entry in self.entries(home, name, false) {
                    if !self.tree.is_within(home, module) {
                        entry.through.push(module);
                    }
                    entries.push(entry);
                }
            }
            self.busy.pop();
        }
        entries
    }
}

impl Target {
    fn of(module: usize, rest: &[String]) -> Self {
        Self {
            module: Some(module),
            rest: rest.to_vec(),
            through: Vec::new(),
        }
    }
}
