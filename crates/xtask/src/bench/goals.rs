//! What the figures must reach on a quiet 2-core machine, and what they aim at.

use std::time::Duration;

use lepton_sim::LoadReport;

use super::{
    growth::{Growth, Point},
    report::{EngineReport, Report},
};

/// A goal, what was measured, and whether it was reached.
pub(super) struct Goal {
    pub(super) what: String,
    pub(super) goal: String,
    pub(super) measured: String,
    pub(super) is_met: bool,
}

/// Callers of the busiest stage.
const BUSIEST: u32 = 256;

/// Every goal of every engine.
pub(super) fn goals(report: &Report) -> Vec<Goal> {
    report.engines.iter().flat_map(engine).collect()
}

fn engine(engine: &EngineReport) -> Vec<Goal> {
    let of_empty = speed_of_empty(engine);
    let of_full = engine.allocate.iter().map(|empty| speed_of_full(engine, empty));
    let of_growth = engine.growth.iter().flat_map(|growth| growing(engine, growth));
    of_empty.into_iter().chain(of_full).chain(reads_memory_and_floating(engine)).chain(of_growth).collect()
}

fn what(engine: &EngineReport, what: &str) -> String {
    format!("{}: {what}", engine.engine)
}

/// Calls per second of a stage; none when it was not measured.
fn rate(loads: &[LoadReport], callers: u32) -> f64 {
    loads.iter().find(|load| load.concurrency == callers).map_or(0.0, |load| load.per_second)
}

/// What must be, and what is aimed at.
fn speed_of_empty(engine: &EngineReport) -> [Goal; 5] {
    let rate = rate(&engine.allocate, BUSIEST);
    let by = |callers: u32| engine.allocate.iter().find(|load| load.concurrency == callers);
    let median = by(1).map_or(u64::MAX, |load| load.summary.p50_micros);
    let late = by(32).map_or(u64::MAX, |load| load.summary.p99_micros);
    [
        Goal {
            what: what(engine, "(a) allocations/s, 256 callers"),
            goal: "at least 2,000".to_owned(),
            measured: format!("{rate:.0}"),
            is_met: rate >= 2_000.0,
        },
        Goal {
            what: what(engine, "(a) p50 of an allocation, 1 caller"),
            goal: "under 4 ms".to_owned(),
            measured: format!("{median} µs"),
            is_met: median < 4_000,
        },
        Goal {
            what: what(engine, "(a) allocations/s, 256 callers, aim"),
            goal: "at least 6,000".to_owned(),
            measured: format!("{rate:.0}"),
            is_met: rate >= 6_000.0,
        },
        Goal {
            what: what(engine, "(a) p50 of an allocation, 1 caller, aim"),
            goal: "at most 2 ms".to_owned(),
            measured: format!("{median} µs"),
            is_met: median <= 2_000,
        },
        Goal {
            what: what(engine, "(a) p99 of an allocation, 32 callers, aim"),
            goal: "at most 10 ms".to_owned(),
            measured: super::page::micros(late),
            is_met: late <= 10_000,
        },
    ]
}

/// What is stored slows no number of callers down.
fn speed_of_full(engine: &EngineReport, empty: &LoadReport) -> Goal {
    let full = rate(&engine.allocate_full, empty.concurrency);
    let callers = if empty.concurrency == 1 { "caller" } else { "callers" };
    Goal {
        what: what(engine, &format!("(b) of (a), {} {callers}", empty.concurrency)),
        goal: "at least 0.8".to_owned(),
        measured: format!("{:.2}", full / empty.per_second.max(f64::EPSILON)),
        is_met: full >= 0.8 * empty.per_second,
    }
}

/// A million ports cost what few do, and who asks for too much is turned away without harm to others.
fn growing(engine: &EngineReport, growth: &Growth) -> [Goal; 4] {
    let (peak, last) = (growth.peak().max(f64::EPSILON), growth.points.last());
    let at_last = last.map_or(0.0, Point::allocations);
    let start = last.map_or(Duration::MAX, |last| last.start);
    let ports = last.map_or_else(String::new, |last| thousands(last.ports));
    [
        Goal {
            what: what(engine, &format!("(i) allocations/s with {ports} ports, of those with few")),
            goal: "at least 0.9".to_owned(),
            measured: format!("{:.2}", at_last / peak),
            is_met: at_last >= 0.9 * peak,
        },
        Goal {
            what: what(engine, "(i) memory above idle"),
            goal: "at most 400 bytes a port".to_owned(),
            measured: growth.bytes_a_port().to_string(),
            is_met: growth.bytes_a_port() <= 400,
        },
        Goal {
            what: what(engine, &format!("(i) start with {ports} ports")),
            goal: "at most 2 s".to_owned(),
            measured: format!("{} ms", start.as_millis()),
            is_met: start <= Duration::from_secs(2),
        },
        Goal {
            what: what(engine, "(j) answered/s under 4 times the load, of the peak"),
            goal: "at least 0.8".to_owned(),
            measured: format!("{:.2}", growth.overload.per_second / peak),
            is_met: growth.overload.per_second >= 0.8 * peak,
        },
    ]
}

/// A number with commas.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

fn reads_memory_and_floating(engine: &EngineReport) -> [Goal; 3] {
    let reads = rate(&engine.nw_info, BUSIEST);
    let associated = rate(&engine.associate, 64);
    [
        Goal {
            what: what(engine, "(d) GetInstanceNwInfo/s, 256 callers"),
            goal: "at least 10,000".to_owned(),
            measured: format!("{reads:.0}"),
            is_met: reads >= 10_000.0,
        },
        Goal {
            what: what(engine, "(e) idle memory"),
            goal: "under 100 MB".to_owned(),
            measured: super::page::megabytes(engine.idle_bytes),
            is_met: engine.idle_bytes < 100_000_000,
        },
        Goal {
            what: what(engine, "(h) floating IPs associated/s, 64 callers"),
            goal: "at least 1,500".to_owned(),
            measured: format!("{associated:.0}"),
            is_met: associated >= 1_500.0,
        },
    ]
}
