//! Sources as plain facts: which modules there are, what they define, import and name.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Expr, Item, ItemMod, Lit, Meta};

use crate::collect;

/// A file as it is stored.
pub(crate) struct Source {
    /// Its path below `src`, with `/`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What is known of a file as a whole.
pub(crate) struct File {
    /// Its path below `src`.
    pub name: String,
    /// Its lines.
    pub lines: usize,
    /// The documentation of its module.
    pub header: String,
    /// Whether it is compiled for tests alone. Then nothing else is known of it.
    pub is_test: bool,
    /// The functions with a body.
    pub functions: Vec<Function>,
    /// Where it waits, or reads a clock by a method.
    pub waits: Vec<Wait>,
}

/// A path that code names.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    /// Its segments.
    pub path: Vec<String>,
    /// Whether it begins with `::`.
    pub is_global: bool,
    /// Whether it is a macro that is used there.
    pub is_macro: bool,
    /// Where it stands.
    pub line: usize,
}

/// A name that `use` brings in.
#[derive(Debug)]
pub(crate) struct Import {
    /// The name, `_` for none; absent for `*`.
    pub name: Option<String>,
    /// What it stands for.
    pub path: Vec<String>,
    /// Whether the path begins with `::`.
    pub is_global: bool,
    /// Whether others see it: `pub use`, `pub(super) use`, …
    pub is_reexport: bool,
    /// Whether it stands inside of a function.
    pub is_local: bool,
    /// Where it stands.
    pub line: usize,
}

/// A function with a body.
pub(crate) struct Function {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub line: usize,
    /// Its lines, from `fn` to the last brace.
    pub lines: usize,
}

/// Something that no pure code does and that is not a path.
pub(crate) struct Wait {
    /// Where.
    pub line: usize,
    /// What.
    pub what: String,
}

/// All of a module, but for its modules.
#[derive(Default)]
pub(crate) struct Facts {
    /// What it defines.
    pub items: BTreeSet<String>,
    /// What macros may define in it.
    pub generated: BTreeSet<String>,
    /// Its `macro_rules`, and what they name other than by `$crate`.
    pub macros: BTreeMap<String, Vec<Mention>>,
    /// Its imports.
    pub imports: Vec<Import>,
    /// All paths in its code.
    pub mentions: Vec<Mention>,
    /// Its functions.
    pub functions: Vec<Function>,
    /// Where it waits.
    pub waits: Vec<Wait>,
}

/// A module: a file's, or one that stands inside of a file.
pub(crate) struct Module {
    /// Its path from the root of the library. Those of a binary begin with what stands for it: `main`, or `bin` and its name.
    pub path: Vec<String>,
    /// Its file.
    pub file: usize,
    /// The module around it; none for the root of a crate.
    pub parent: Option<usize>,
    /// Its modules.
    pub children: BTreeMap<String, usize>,
    /// What it defines.
    pub items: BTreeSet<String>,
    /// What it may define, by a macro.
    pub generated: BTreeSet<String>,
    /// Its `macro_rules`, with what their bodies name. That is looked up where the macro is used.
    pub macros: BTreeMap<String, Vec<Mention>>,
    /// Its imports.
    pub imports: Vec<Import>,
    /// Every other path that it names.
    pub mentions: Vec<Mention>,
}

/// All files of a package.
#[derive(Default)]
pub(crate) struct Tree {
    /// The files.
    pub files: Vec<File>,
    /// The modules that are compiled without tests.
    pub modules: Vec<Module>,
    /// The root of the library.
    pub library: Option<usize>,
    /// How binaries call the library.
    pub crate_name: String,
}

impl Tree {
    /// Reads sources, from the roots of the crates down.
    ///
    /// # Errors
    ///
    /// A file that does not parse or that no module declares, and what this test does not understand: it must not pass over
    /// anything in silence.
    pub(crate) fn read(crate_name: &str, sources: &[Source]) -> Result<Self, String> {
        let texts = sources.iter().map(|s| (s.name.as_str(), s.text.as_str())).collect();
        let mut reader = Reader {
            texts,
            tree: Self {
                crate_name: crate_name.to_owned(),
                ..Self::default()
            },
        };
        for source in sources {
            let name = source.name.as_str();
            if name == "lib.rs" {
                reader.tree.library = Some(reader.file(name, Vec::new(), None, "")?);
            } else if name == "main.rs" {
                reader.file(name, vec!["main".to_owned()], None, "")?;
            } else if let Some(binary) = name.strip_prefix("bin/").and_then(|rest| rest.strip_suffix(".rs")) {
                reader.file(name, vec!["bin".to_owned(), binary.to_owned()], None, "bin/")?;
            }
        }
        for source in sources {
            if !reader.tree.files.iter().any(|file| file.name == source.name) {
                return Err(format!("{}: no module declares it", source.name));
            }
        }
        Ok(reader.tree)
    }

    /// The name of a module's file.
    pub(crate) fn file_of(&self, module: usize) -> &str {
        &self.files[self.modules[module].file].name
    }

    /// Whether a module stands inside of another one, or is the same.
    pub(crate) fn is_within(&self, module: usize, outer: usize) -> bool {
        let mut at = Some(module);
        while let Some(here) = at {
            if here == outer {
                return true;
            }
            at = self.modules[here].parent;
        }
        false
    }

    /// The root of a module's crate.
    pub(crate) fn root_of(&self, module: usize) -> usize {
        let mut root = module;
        while let Some(parent) = self.modules[root].parent {
            root = parent;
        }
        root
    }
}

struct Reader<'a> {
    texts: BTreeMap<&'a str, &'a str>,
    tree: Tree,
}

impl Reader<'_> {
    fn file(&mut self, name: &str, path: Vec<String>, parent: Option<usize>, folder: &str) -> Result<usize, String> {
        let text = *self
            .texts
            .get(name)
            .ok_or_else(|| format!("{name}: declared and not there"))?;
        let syntax = syn::parse_file(text).map_err(|error| format!("{name}: {error}"))?;
        self.tree.files.push(File {
            name: name.to_owned(),
            lines: text.lines().count(),
            header: header(&syntax.attrs),
            is_test: false,
            functions: Vec::new(),
            waits: Vec::new(),
        });
        let file = self.tree.files.len() - 1;
        self.module(&syntax.items, path, file, parent, folder)
    }

    fn module(
        &mut self,
        items: &[Item],
        path: Vec<String>,
        file: usize,
        parent: Option<usize>,
        folder: &str,
    ) -> Result<usize, String> {
        let facts = collect::collect(items);
        self.tree.files[file].functions.extend(facts.functions);
        self.tree.files[file].waits.extend(facts.waits);
        self.tree.modules.push(Module {
            path,
            file,
            parent,
            children: BTreeMap::new(),
            items: facts.items,
            generated: facts.generated,
            macros: facts.macros,
            imports: facts.imports,
            mentions: facts.mentions,
        });
        let this = self.tree.modules.len() - 1;
        for item in items {
            if let Item::Mod(module) = item {
                self.child(module, this, folder)?;
            }
        }
        Ok(this)
    }

    fn child(&mut self, module: &ItemMod, parent: usize, folder: &str) -> Result<(), String> {
        let name = module.ident.to_string();
        let file = self.tree.modules[parent].file;
        if module.attrs.iter().any(|attribute| attribute.path().is_ident("path")) {
            return Err(format!("{}: `#[path]` of {name}", self.tree.files[file].name));
        }
        let below = format!("{folder}{name}/");
        if collect::is_test(&module.attrs) {
            if module.content.is_none() {
                self.leave_out(&format!("{folder}{name}.rs"), &below);
            }
            return Ok(());
        }
        let mut path = self.tree.modules[parent].path.clone();
        path.push(name.clone());
        let child = match &module.content {
            Some((_, items)) => self.module(items, path, file, Some(parent), &below)?,
            None => self.file(&format!("{folder}{name}.rs"), path, Some(parent), &below)?,
        };
        self.tree.modules[parent].children.insert(name, child);
        Ok(())
    }

    /// Files that are compiled for tests alone.
    fn leave_out(&mut self, own: &str, below: &str) {
        for (name, text) in &self.texts {
            if *name == own || name.starts_with(below) {
                self.tree.files.push(File {
                    name: (*name).to_owned(),
                    lines: text.lines().count(),
                    header: String::new(),
                    is_test: true,
                    functions: Vec::new(),
                    waits: Vec::new(),
                });
            }
        }
    }
}

/// The documentation of a module, with a leading space taken from each line as rustdoc does.
fn header(attributes: &[syn::Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(literal) = &pair.value
            && let Lit::Str(text) = &literal.lit
        {
            let line = text.value();
            lines.push(line.strip_prefix(' ').unwrap_or(&line).to_owned());
        }
    }
    lines.join("\n")
}
