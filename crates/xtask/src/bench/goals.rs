//! What the figures must reach on a quiet 2-core machine.

use lepton_sim::LoadReport;

use super::report::{EngineReport, Report};

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
    of_empty.into_iter().chain(of_full).chain(reads_memory_and_floating(engine)).collect()
}

fn what(engine: &EngineReport, what: &str) -> String {
    format!("{}: {what}", engine.engine)
}

/// Calls per second of a stage; none when it was not measured.
fn rate(loads: &[LoadReport], callers: u32) -> f64 {
    loads.iter().find(|load| load.concurrency == callers).map_or(0.0, |load| load.per_second)
}

fn speed_of_empty(engine: &EngineReport) -> [Goal; 2] {
    let rate = rate(&engine.allocate, BUSIEST);
    let alone = engine.allocate.iter().find(|load| load.concurrency == 1);
    let median = alone.map_or(u64::MAX, |load| load.summary.p50_micros);
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
