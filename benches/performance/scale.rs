//! Memory, processor time and start of the real process over many objects and Nodes.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use testkit::{Operator, OperatorOptions};

use crate::filled::{Filled, Targets, quiet};
use crate::rows::Row;

/// How long idling is watched: as long as a resync.
const IDLE: Duration = Duration::from_mins(5);
/// How long an operator may settle that reads health under the rates of AWS, and how long it is watched.
const SETTLED: Duration = Duration::from_secs(20);
const READING: Duration = Duration::from_mins(1);
/// The kernel counts processor time in hundredths of a second.
const TICKS: f64 = 100.0;

/// What is measured by processor time and memory goes side by side; what is measured by the clock comes last and alone.
pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let thousand = filled(1000, 1000, Targets::One).await?;
        let (idle, shared, large) = tokio::join!(
            idle(&thousand),
            async { anyhow::Ok([twenty().await?, broad().await?]) },
            filled(10_000, 10_000, Targets::One),
        );
        let (large, mut rows) = (large?, idle?);
        rows.extend(shared?);
        drop(thousand);
        let (operator, took) = large.restarted(&quiet("1h")).await?;
        rows.push(resident("P16", "10,000 objects, 10,000 Nodes", &operator, 96.0)?);
        let peak = mebibytes(&operator, "VmHWM:")?;
        rows.push(Row::real("P16", "the same, at most since the start", peak, "MiB").at_most(128.0));
        let what = "from the start to ready, 10,000 objects and 10,000 Nodes";
        rows.push(Row::real("P18", what, took.as_secs_f64(), "s").at_most(5.0));
        Ok(rows)
    })
}

/// A control plane with so many objects over so many Nodes.
async fn filled(objects: usize, nodes: usize, targets: Targets) -> anyhow::Result<Filled> {
    let mut filled = Filled::new().await?;
    filled.join(nodes).await?;
    filled.declare(objects, targets).await?;
    filled.stop_filling().await?;
    Ok(filled)
}

/// 1,000 load balancers of 20 instances each.
async fn twenty() -> anyhow::Result<Row> {
    let twenty = filled(1000, 1000, Targets::Twenty).await?;
    let (operator, _) = twenty.restarted(&quiet("10m")).await?;
    let what = "1,000 objects with 20 instances each, 1,000 Nodes";
    resident("P15", what, &operator, 32.0)
}

/// 300 load balancers of 300 instances each.
async fn broad() -> anyhow::Result<Row> {
    let broad = filled(300, 300, Targets::All).await?;
    let (operator, _) = broad.restarted(&quiet("10m")).await?;
    let what = "300 objects with 300 instances each, 300 Nodes";
    resident("P15", what, &operator, 64.0)
}

/// P20, and P15 when it has idled.
async fn idle(filled: &Filled) -> anyhow::Result<Vec<Row>> {
    let (operator, _) = filled.restarted(&quiet("24h")).await?;
    let used = busy(&operator, IDLE).await?;
    let what = "idle, 1,000 load balancers looked at every 5 min, health apart";
    let alone = Row::real("P20", what, used, "mcore").at_most(2.0);
    let resident = resident("P15", "1,000 objects, 1,000 Nodes", &operator, 24.0)?;
    operator.stop().await?;

    let mut options: OperatorOptions = quiet("60s");
    options.env.push(("CLB_RATE_LIMITS".into(), String::new()));
    let operator = filled.stack.another_operator(&options)?;
    operator.start_ready().await?;
    tokio::time::sleep(SETTLED).await;
    let used = busy(&operator, READING).await?;
    operator.stop().await?;
    let what = "reading health as often as the published rates permit";
    Ok(vec![resident, alone, Row::real("P20", what, used, "mcore")])
}

/// Thousandths of a core that it uses over that time.
async fn busy(operator: &Operator, time: Duration) -> anyhow::Result<f64> {
    let (before, started) = (ticks(operator)?, Instant::now());
    tokio::time::sleep(time).await;
    let used = (ticks(operator)? - before) / TICKS;
    Ok(used * 1000.0 / started.elapsed().as_secs_f64())
}

fn resident(goal: &str, what: &str, operator: &Operator, aim: f64) -> anyhow::Result<Row> {
    let figure = mebibytes(operator, "VmRSS:")?;
    Ok(Row::real(goal, what, figure, "MiB").at_most(aim))
}

/// A line of what the kernel says of its memory.
pub(crate) fn mebibytes(operator: &Operator, line: &str) -> anyhow::Result<f64> {
    let path = format!("/proc/{}/status", operator.pid()?);
    let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let kib = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.trim().strip_suffix(" kB"));
    let kib: u32 = kib.with_context(|| format!("{path} has no {line}"))?.parse()?;
    Ok(f64::from(kib) / 1024.0)
}

/// The processor time that it has used.
fn ticks(operator: &Operator) -> anyhow::Result<f64> {
    let path = format!("/proc/{}/stat", operator.pid()?);
    let stat = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    // The name before may hold spaces.
    let (_, rest) = stat.rsplit_once(')').with_context(|| path.clone())?;
    let field = |place: usize| -> anyhow::Result<f64> {
        let text = rest.split_whitespace().nth(place).with_context(|| path.clone())?;
        Ok(text.parse()?)
    };
    Ok(field(11)? + field(12)?)
}
