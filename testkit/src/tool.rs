//! The programs that the kit runs but does not contain.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::error::Doing;
use crate::{Error, Result};

/// The project's root folder.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A tool that `tools/build` knows, built first where it is missing; progress goes to standard error.
pub async fn built(name: &str) -> Result<PathBuf> {
    let script = root().join("tools/build");
    let output = tokio::process::Command::new(&script)
        .arg(name)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await
        .doing(format!("running {}", script.display()))?;
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if output.status.success() && path.is_file() {
        Ok(path)
    } else {
        Err(Error::Setup(format!(
            "tools/build {name} failed ({}): see its messages above",
            output.status
        )))
    }
}

/// kubectl as it stands on the `PATH`, else built.
pub async fn kubectl() -> Result<PathBuf> {
    match on_path("kubectl") {
        Some(path) => Ok(path),
        None => built("kubectl").await,
    }
}

/// A program on the `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    std::env::var_os("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The operator's binary: the file named by `CLB_OPERATOR_BIN`, else beside the running executable, where Cargo
/// puts the binaries of the profile that the tests were built with.
pub fn operator() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CLB_OPERATOR_BIN") {
        return Ok(PathBuf::from(path));
    }
    let this = std::env::current_exe().doing("looking for the running executable")?;
    this.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("clb-operator"))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            Error::Setup(format!(
                "no clb-operator near {}: run `cargo build --workspace --bins` first, or set CLB_OPERATOR_BIN",
                this.display()
            ))
        })
}
