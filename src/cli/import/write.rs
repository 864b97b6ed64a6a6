//! Where manifests go: standard output, or a folder with a file for each.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use clap::ValueEnum;
use serde_json::json;

use super::Made;
use super::manifest::{Manifest, kustomization};
use crate::cli::failure::Failure;
use crate::cli::{output, screen};

/// The file that names the others.
const KUSTOMIZATION: &str = "kustomization.yaml";

/// The file that says how another tool lets go.
const RELEASE: &str = "letting-go.txt";

/// How manifests are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// YAML, with what no manifest can say as comments.
    #[default]
    Yaml,
    /// JSON, as a list.
    Json,
}

/// Writes them.
pub(super) fn write(form: Form, folder: Option<&Path>, made: &[Made], release: &str) -> Result<(), Failure> {
    let manifests: Vec<&Manifest> = made.iter().map(|one| &one.manifest).collect();
    if let Some(folder) = folder {
        return into(folder, form, &manifests, release);
    }
    match form {
        Form::Json => {
            let items = manifests.iter().map(|manifest| manifest.json());
            let items: Vec<_> = items.collect::<Result<_, _>>()?;
            output::json(&json!({"apiVersion": "v1", "kind": "List", "items": items}))?;
            // JSON has no comments.
            release.lines().for_each(screen::note);
            Ok(())
        }
        Form::Yaml => {
            let texts: Vec<String> = manifests
                .iter()
                .map(|manifest| manifest.yaml())
                .collect::<Result<_, _>>()?;
            // A document of comments alone is none.
            let release: String = release.lines().map(comment).collect();
            let release = Some(release).filter(|release| !release.is_empty());
            screen::print(&release.into_iter().chain(texts).collect::<Vec<_>>().join("---\n"))
        }
    }
}

/// A file for each, and one that names them. Nothing is written where any of them is there.
fn into(folder: &Path, form: Form, manifests: &[&Manifest], release: &str) -> Result<(), Failure> {
    let one_namespace = manifests.windows(2).all(|pair| pair[0].namespace == pair[1].namespace);
    let mut files = Vec::new();
    for manifest in manifests {
        let (extension, text) = match form {
            Form::Yaml => ("yaml", manifest.yaml()?),
            Form::Json => ("json", format!("{:#}\n", manifest.json()?)),
        };
        let file = file_name(&manifest.name, extension);
        let file = if one_namespace {
            file
        } else {
            format!("{}/{file}", manifest.namespace)
        };
        files.push((file, text));
    }
    if files.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = files.iter().map(|(file, _)| file.clone()).collect();
    files.push((KUSTOMIZATION.to_owned(), kustomization(&names)));
    if !release.is_empty() {
        files.push((RELEASE.to_owned(), release.to_owned()));
    }
    if let Some((there, _)) = files.iter().find(|(file, _)| folder.join(file).exists()) {
        return Err(Failure::new(format!(
            "{} is there already and is not written over: name an empty folder with --output-dir",
            folder.join(there).display()
        )));
    }
    for (file, text) in &files {
        create(&folder.join(file), text)?;
    }
    screen::note(&format!("wrote {} manifests to {}", names.len(), folder.display()));
    Ok(())
}

/// The file of an object, which is never the one that names the others.
fn file_name(object: &str, extension: &str) -> String {
    let file = format!("{object}.{extension}");
    if file == KUSTOMIZATION {
        // No name of a load balancer has a dot.
        return format!("{object}.classiclb.{extension}");
    }
    file
}

fn create(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("writing {}: {error}", path.display()));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// A line as a comment, which it may be already.
fn comment(line: &str) -> String {
    let line = if line.starts_with('#') {
        line.to_owned()
    } else {
        format!("# {line}")
    };
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ClassicLoadBalancerSpec;
    use crate::controller::Kind;

    #[test]
    fn an_object_that_is_called_as_the_file_of_names_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = |name: &str| Manifest {
            kind: Kind::Owner,
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            spec: ClassicLoadBalancerSpec::default(),
            comments: Vec::new(),
        };
        let all = [manifest("kustomization"), manifest("web")];
        into(folder.path(), Form::Yaml, &all.each_ref(), "").expect("written");
        let read = |file: &str| fs::read_to_string(folder.path().join(file)).expect("a file");
        assert!(read(KUSTOMIZATION).ends_with("resources:\n- kustomization.classiclb.yaml\n- web.yaml\n"));
        assert!(read("kustomization.classiclb.yaml").contains("  name: kustomization\n"));
        assert_eq!(file_name("kustomization", "json"), "kustomization.json");
    }
}
