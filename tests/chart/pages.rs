//! The pages that people read, and the blocks in them.

use std::path::{Path, PathBuf};

use crate::helm::root;

/// What is fenced in a page.
pub(crate) struct Block {
    pub(crate) page: PathBuf,
    /// The line of its first line.
    pub(crate) line: usize,
    pub(crate) language: String,
    /// What stands beside the language.
    pub(crate) info: String,
    /// Moved to the margin where it stands in a list.
    pub(crate) text: String,
}

impl Block {
    /// Where it is, and what it says.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}:\n{}", shown(&self.page), self.line, self.text)
    }
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

/// The pages of the book.
pub(crate) fn book() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    collect(&root().join("docs"), &mut pages);
    pages.sort();
    pages
}

/// With those outside of it.
pub(crate) fn all() -> Vec<PathBuf> {
    let mut pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(|page| root().join(page))
        .to_vec();
    for folder in ["deploy", "charts", "examples", "simulator"] {
        collect(&root().join(folder), &mut pages);
    }
    pages.sort();
    pages.into_iter().chain(book()).collect()
}

/// A path as messages have it.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// What is fenced in a page.
pub(crate) fn blocks(page: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(page).unwrap();
    let (mut found, mut open) = (Vec::new(), None::<(usize, Block)>);
    for (at, line) in text.lines().enumerate() {
        let rest = line.trim_start();
        match (&mut open, rest.strip_prefix("```")) {
            (Some(_), Some(_)) => found.extend(open.take().map(|(_, block)| block)),
            (Some((margin, block)), None) => {
                block.text.push_str(&line[line.len().min(*margin)..]);
                block.text.push('\n');
            }
            (None, Some(info)) => {
                let (language, info) = info.split_once(' ').unwrap_or((info, ""));
                let block = Block {
                    page: page.to_owned(),
                    line: at + 2,
                    language: language.to_owned(),
                    info: info.to_owned(),
                    text: String::new(),
                };
                open = Some((line.len() - rest.len(), block));
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{}: a block without an end", shown(page));
    found
}

/// The blocks of a language in all pages.
pub(crate) fn in_language(language: &str) -> Vec<Block> {
    let all = all().into_iter().flat_map(|page| blocks(&page));
    all.filter(|block| block.language == language).collect()
}

/// The text between single backticks, outside of blocks, with its line.
pub(crate) fn spans(page: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(page).unwrap();
    let (mut found, mut fenced) = (Vec::new(), false);
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let spans = line.split('`').skip(1).step_by(2);
            found.extend(spans.map(|span| (at + 1, span.to_owned())));
        }
    }
    found
}
