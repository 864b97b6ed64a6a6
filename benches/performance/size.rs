//! P19: how large the operator is, on disk and as a registry keeps it.

use std::io::Read as _;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use testkit::tool;

use crate::rows::Row;

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let path = tool::operator()?;
    let bytes = std::fs::metadata(&path)
        .with_context(|| path.display().to_string())?
        .len();
    let mut packing = Command::new("gzip")
        .args(["--stdout", "-6"])
        .arg(&path)
        .stdout(Stdio::piped())
        .spawn()
        .context("gzip")?;
    let mut packed = Vec::new();
    if let Some(mut output) = packing.stdout.take() {
        output.read_to_end(&mut packed)?;
    }
    packing.wait()?;
    let mebi = |bytes: u64| f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0;
    let packed = u64::try_from(packed.len())?;
    Ok(vec![
        Row::real(
            "P19",
            "the operator's binary, which is the image but for certificates",
            mebi(bytes),
            "MiB",
        )
        .at_most(14.0),
        Row::real("P19", "the same compressed", mebi(packed), "MiB").at_most(6.0),
    ])
}
