//! What the process takes of its machine, read from the kernel at each scrape, under the names that all clients of Prometheus use.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Ticks of the kernel's accounts in a second: part of its interface on all architectures that there are releases for.
const TICKS: f64 = 100.0;

/// Reads `/proc/self` when it is scraped. What the kernel does not tell is left out.
#[derive(Debug)]
pub(super) struct Process;

/// A metric, its help, and how it is read.
type Reading = (&'static str, &'static str, fn() -> Option<f64>);

const GAUGES: [Reading; 6] = [
    ("process_resident_memory_bytes", "Memory that is in use", || {
        memory("VmRSS:")
    }),
    ("process_virtual_memory_bytes", "Memory that is reserved", || {
        memory("VmSize:")
    }),
    ("process_threads", "Threads", || status("Threads:")),
    ("process_open_fds", "Open file descriptors", || {
        Some(f64::from(
            u32::try_from(std::fs::read_dir("/proc/self/fd").ok()?.count()).ok()?,
        ))
    }),
    ("process_max_fds", "How many file descriptors it may open", || {
        let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        line.split_whitespace().next()?.parse().ok()
    }),
    (
        "process_start_time_seconds",
        "When it began, in seconds of the Unix epoch",
        || {
            let machine = std::fs::read_to_string("/proc/stat").ok()?;
            let booted: f64 = machine
                .lines()
                .find_map(|line| line.strip_prefix("btime "))?
                .trim()
                .parse()
                .ok()?;
            Some(booted + accounts(19)? / TICKS)
        },
    ),
];

/// A line of `/proc/self/status`.
fn status(name: &str) -> Option<f64> {
    let told = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn memory(name: &str) -> Option<f64> {
    Some(status(name)? * 1024.0)
}

/// A field of `/proc/self/stat`, counted from that after the name of the program, which may hold anything.
fn accounts(field: usize) -> Option<f64> {
    let told = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, rest) = told.rsplit_once(')')?;
    rest.split_whitespace().nth(field)?.parse().ok()
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if let (Some(user), Some(system)) = (accounts(11), accounts(12)) {
            let help = "Time of processors that it took";
            let descriptor = encoder.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
            ConstCounter::new((user + system) / TICKS).encode(descriptor)?;
        }
        for (name, help, read) in GAUGES {
            if let Some(value) = read() {
                let descriptor = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
                ConstGauge::new(value).encode(descriptor)?;
            }
        }
        Ok(())
    }
}
