//! The manifests that -f names, as kubectl takes them: files, folders, addresses and standard input.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use super::fetch::fetch;

/// What kubectl reads in a folder.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// A text with manifests, or why there is none.
pub(super) struct Manifest {
    /// Where it is from.
    pub(super) from: String,
    pub(super) text: Result<String, Failure>,
}

/// What standard input is called.
const INPUT: &str = "standard input";

/// What was given, as one calls it.
pub(super) fn called(names: &[String]) -> String {
    let each = names.iter().map(|name| if name == "-" { INPUT } else { name });
    each.collect::<Vec<_>>().join(", ")
}

/// Reads everything. What cannot be read is told in its place, since the others can.
pub(super) async fn read(names: &[String], recursive: bool) -> Vec<Manifest> {
    let mut manifests = Vec::new();
    for name in names {
        if name == "-" {
            let from = INPUT.to_owned();
            let text = std::io::read_to_string(std::io::stdin()).map_err(|error| unread(&from, &error));
            manifests.push(Manifest { from, text });
        } else if name.starts_with("http://") || name.starts_with("https://") {
            let text = fetch(name).await;
            manifests.push(Manifest {
                from: name.clone(),
                text,
            });
        } else {
            manifests.extend(from_disk(Path::new(name), recursive));
        }
    }
    manifests
}

fn from_disk(path: &Path, recursive: bool) -> Vec<Manifest> {
    let shown = path.display().to_string();
    let failed = |failure| {
        vec![Manifest {
            from: shown.clone(),
            text: Err(failure),
        }]
    };
    if !path.is_dir() {
        return vec![file(path)];
    }
    match files_in(path, recursive) {
        Err(error) => failed(unread(&shown, &error)),
        Ok(files) if files.is_empty() => failed(Failure::new(format!(
            "{shown} holds no file that ends in .yaml, .yml or .json; -R looks into its folders too"
        ))),
        Ok(files) => files.iter().map(|path| file(path)).collect(),
    }
}

fn file(path: &Path) -> Manifest {
    let from = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| unread(&from, &error));
    Manifest { from, text }
}

fn unread(from: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!("reading {from}: {error}"))
}

/// The manifests in a folder, by name.
fn files_in(folder: &Path, recursive: bool) -> std::io::Result<Vec<PathBuf>> {
    let mut entries = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<PathBuf>>>()?;
    entries.sort();
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() {
            // A folder behind a link may be one above this.
            if recursive && !path.is_symlink() {
                files.extend(files_in(&path, true)?);
            }
        } else if path
            .extension()
            .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known))
        {
            files.push(path);
        }
    }
    Ok(files)
}
