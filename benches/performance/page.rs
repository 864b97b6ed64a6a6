//! The figures, kept as JSON and shown as a table in the documentation.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::rows::Row;

/// Between these the page is written anew; the rest of it is written by hand.
const BEGIN: &str = "<!-- written by make bench -->";
const END: &str = "<!-- the end of what is written -->";

/// All that was measured.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Measured {
    machine: Machine,
    figures: Vec<Row>,
}

/// Where.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Machine {
    cores: usize,
    processor: String,
    memory_mebibytes: u64,
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// What was measured before, so that one part can be measured alone.
pub(crate) fn read() -> anyhow::Result<Vec<Row>> {
    let path = file("performance.json");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let measured: Measured = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(measured.figures)
}

/// Writes both files.
pub(crate) fn write(figures: &mut [Row]) -> anyhow::Result<()> {
    // Those without a goal come last.
    figures.sort_by_key(|row| row.goal.trim_start_matches('P').parse::<u32>().unwrap_or(u32::MAX));
    let machine = machine();
    let mut table = String::new();
    writeln!(
        table,
        "{} cores ({}), {:.0} GiB of memory, shared with other work. *Played*: AWS and its time are simulated. *Real*: \
         processes of this machine.\n",
        machine.cores,
        machine.processor,
        gibibytes(machine.memory_mebibytes),
    )?;
    writeln!(table, "| | what | goal | figure | | no one can do better than | |")?;
    writeln!(table, "|---|---|---|---|---|---|---|")?;
    for row in figures.iter() {
        let verdict = match row.is_met() {
            None => "",
            Some(true) => "met",
            Some(false) => "**missed**",
        };
        let how = if row.played { "played" } else { "real" };
        let (goal, what, aimed, shown, limit) = (&row.goal, &row.what, row.aimed(), row.shown(), &row.limit);
        writeln!(
            table,
            "| {goal} | {what} | {aimed} | {shown} | {verdict} | {limit} | {how} |"
        )?;
    }
    let measured = Measured {
        machine,
        figures: figures.to_vec(),
    };
    let json = file("performance.json");
    fs::write(&json, format!("{}\n", serde_json::to_string_pretty(&measured)?))
        .with_context(|| json.display().to_string())?;
    let page = file("performance.md");
    let text = fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{BEGIN} is missing"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{END} is missing"))?;
    fs::write(&page, format!("{before}{BEGIN}\n\n{table}\n{END}{after}")).with_context(|| page.display().to_string())
}

fn gibibytes(mebibytes: u64) -> f64 {
    f64::from(u32::try_from(mebibytes).unwrap_or(u32::MAX)) / 1024.0
}

fn machine() -> Machine {
    let value = |path: &str, key: &str| -> Option<String> {
        let text = fs::read_to_string(path).ok()?;
        let line = text.lines().find(|line| line.starts_with(key))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    };
    let memory = value("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
    Machine {
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        processor: value("/proc/cpuinfo", "model name").unwrap_or_default(),
        memory_mebibytes: kib / 1024,
    }
}
