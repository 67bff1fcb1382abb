//! What the figures must reach on a quiet 2-core machine.

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
    let rate = |loads: &[lepton_sim::LoadReport], callers: u32| {
        loads.iter().find(|load| load.concurrency == callers).map_or(0.0, |load| load.per_second)
    };
    let empty = rate(&engine.allocate, BUSIEST);
    let full = rate(&engine.allocate_full, BUSIEST);
    let alone = engine.allocate.iter().find(|load| load.concurrency == 1);
    let median = alone.map_or(u64::MAX, |load| load.summary.p50_micros);
    let reads = rate(&engine.nw_info, BUSIEST);
    let what = |what: &str| format!("{}: {what}", engine.engine);
    vec![
        Goal {
            what: what("(a) allocations/s, 256 callers"),
            goal: "at least 2,000".to_owned(),
            measured: format!("{empty:.0}"),
            is_met: empty >= 2_000.0,
        },
        Goal {
            what: what("(a) p50 of an allocation, 1 caller"),
            goal: "under 4 ms".to_owned(),
            measured: format!("{} µs", median),
            is_met: median < 4_000,
        },
        Goal {
            what: what("(b) of (a), 256 callers"),
            goal: "at least 0.8".to_owned(),
            measured: format!("{:.2}", full / empty.max(f64::EPSILON)),
            is_met: full >= 0.8 * empty,
        },
        Goal {
            what: what("(d) GetInstanceNwInfo/s, 256 callers"),
            goal: "at least 10,000".to_owned(),
            measured: format!("{reads:.0}"),
            is_met: reads >= 10_000.0,
        },
        Goal {
            what: what("(e) idle memory"),
            goal: "under 100 MB".to_owned(),
            measured: super::page::megabytes(engine.idle_bytes),
            is_met: engine.idle_bytes < 100_000_000,
        },
    ]
}
