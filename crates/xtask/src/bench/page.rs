//! The figures for people: tables on the screen, and `docs/benchmarks.md`.

use lepton_sim::LoadReport;

use super::{
    goals::goals,
    growth::{OVERLOAD, OVERLOAD_CONNECTIONS},
    loads::{CONNECTIONS, TURNS},
    machine::Machine,
    report::{EngineReport, Report},
};
use crate::table::Table;

/// The tables on the screen.
pub(super) fn tables(report: &Report) -> String {
    let tables = [figures(report), floor(report), memory(report), growth(report), reached(report)];
    tables.map(|table| table.to_string()).join("\n")
}

/// `docs/benchmarks.md`.
pub(super) fn page(report: &Report) -> String {
    format!(
        "# Benchmarks\n\n\
         Written by `cargo xtask bench`; do not edit.\n\n\
         ## How it was measured\n\n{}\n\
         ## The machine\n\n{}\n\
         ## Figures\n\n{}\n\
         Latencies are those that the callers saw, repetitions included.\n\n\
         ## The floor\n\n{}\n\
         ## Memory of leptond\n\n{}\n\
         ## Growth\n\n{}\n{}\
         ## Goals\n\n{}",
        method(),
        machine(&report.machine).markdown(),
        figures(report).markdown(),
        floor(report).markdown(),
        memory(report).markdown(),
        growth(report).markdown(),
        picture(report),
        reached(report).markdown(),
    )
}

/// The name of the picture beside the page.
pub(super) const PLOT: &str = "benchmarks.svg";

fn picture(report: &Report) -> String {
    if report.engines.iter().all(|engine| engine.growth.is_none()) {
        return "Not measured.\n\n".to_owned();
    }
    format!("![Speed by ports live, in parts of that with the fewest]({PLOT})\n\n")
}

fn method() -> String {
    format!(
        "- The release build of `leptond`, as a process of its own; the load comes from `lepton-sim load`, another \
         process on the same cores: a closed loop of 1, 32 or 256 callers over gRPC on leptond's unix socket, through \
         {CONNECTIONS} HTTP/2 connections. Every mutating request carries a request id.\n\
         - Every answer to a write is durable: SQLite with WAL and `synchronous=FULL`; PostgreSQL, on the same machine, \
         with its defaults, `fsync=on` among them.\n\
         - Each instance has two vNICs on dual-stack networks: a port, a MAC, an IPv4 and an IPv6 address on each.\n\
         - (a) to (e): instances are spread over 1,000 hosts that have no agent, so nothing is plugged, and what is \
         deallocated waits for nobody: a deallocation ends its ports, and frees their addresses, in one transaction.\n\
         - (a) and (b): two leptonds, whose ledgers have no port and the given number at first, are measured in {TURNS} turns, \
         which are added up: what else happens on the machine meets both.\n\
         - (h): each call moves one of 1,024 floating IPs to another of 4,000 instances, while as many as (b) left are live.\n\
         - (f): the real kernel, in namespaces of their own, with the Linux back end and SQLite: from the request until \
         the answer says that both taps of the instance are plugged and filtered.\n\
         - (g), the floor, in the same run: a 4 KiB write and fdatasync on the same filesystem, and a call that does \
         nothing (gRPC health check) by the same client over the same connections.\n\
         - Of the floor, too, is what the engine takes for the rows of (a) alone: the tables are emptied, and their rows put back by \
         `insert ... select` in transactions of 256 instances, with all indexes, no foreign keys, and nobody copying SQLite's log.\n\
         - (i), growth: one leptond on one ledger, which is filled to each size; there it is stopped and started, instances are \
         allocated by 1, 32 and 256 callers, 256 callers read, and as many instances are taken back (`growth.rs`). Figures are of 256 callers where \
         no others are named. Memory is that of the leptond that has filled the ledger.\n\
         - (j), overload, with as few ports as (i) begins with: {OVERLOAD} callers in a closed loop over {OVERLOAD_CONNECTIONS} connections, four times as many as leptond lets \
         wait; who is told to come back does so after the time that leptond names, ten times at most, \
         and is not counted as answered after that.\n"
    )
}

fn machine(machine: &Machine) -> Table {
    let mut table = Table::new(["what", "which"]);
    let memory = megabytes(machine.memory_bytes);
    for (what, which) in [
        ("CPU", machine.cpu.clone()),
        ("cores", machine.cores.to_string()),
        ("memory", memory),
        ("kernel", machine.kernel.clone()),
        ("filesystem", machine.filesystem.clone()),
        ("compiler", machine.compiler.clone()),
        ("commit", machine.commit.clone()),
        ("date", machine.date.clone()),
        ("load average before", machine.load.clone()),
    ] {
        table.row([what.to_owned(), which]);
    }
    table
}

fn figures(report: &Report) -> Table {
    let mut table = Table::new(["what", "engine", "callers", "calls", "per second", "p50", "p99", "max"]);
    for engine in &report.engines {
        let full = format!("(b) allocate, {} ports live", engine.ports);
        let name = engine.engine.to_string();
        loads(&mut table, "(a) allocate", &name, &engine.allocate);
        loads(&mut table, &full, &name, &engine.allocate_full);
        loads(&mut table, "(c) deallocate", &name, &engine.deallocate);
        loads(&mut table, "(d) GetInstanceNwInfo", &name, &engine.nw_info);
        loads(&mut table, "(h) associate a floating IP", &name, &engine.associate);
        loads(&mut table, "(g) empty call", &name, &engine.health);
    }
    if let Some(plug) = &report.plug {
        loads(&mut table, "(f) allocate until ACTIVE", "SQLite, kernel", &plug.allocate);
    }
    let write = &report.write;
    table.row([
        "(g) 4 KiB write + fdatasync".to_owned(),
        "disk".to_owned(),
        "1".to_owned(),
        write.writes.to_string(),
        String::new(),
        micros(write.p50_micros),
        micros(write.p99_micros),
        String::new(),
    ]);
    table
}

fn loads(table: &mut Table, what: &str, engine: &str, loads: &[LoadReport]) {
    for load in loads {
        table.row([
            what.to_owned(),
            engine.to_owned(),
            load.concurrency.to_string(),
            load.summary.answered.to_string(),
            format!("{:.0}", load.per_second),
            micros(load.summary.p50_micros),
            micros(load.summary.p99_micros),
            micros(load.summary.max_micros),
        ]);
    }
}

/// What stands below the figures, and how many times it they are.
fn floor(report: &Report) -> Table {
    let mut table = Table::new(["figure", "engine", "measured", "floor", "is", "ratio"]);
    for engine in &report.engines {
        let name = || engine.engine.to_string();
        let (many, empty) = (of(&engine.allocate, 256), of(&engine.health, 256));
        let mut rate = |what: &str, floor: &str, measured: f64, at_best: f64| {
            let ratio = format!("{:.2}", measured / at_best.max(f64::EPSILON));
            let figures = [measured, at_best].map(|rate| format!("{rate:.0}/s"));
            let [measured, at_best] = figures;
            table.row([what.to_owned(), name(), measured, floor.to_owned(), at_best, ratio]);
        };
        if let Some((many, empty)) = many.zip(empty) {
            rate("(a) allocate, 256 callers", "empty calls", many.per_second, empty.per_second);
        }
        if let Some((many, raw)) = many.zip(engine.raw.as_ref()) {
            rate("(a) allocate, 256 callers", "its rows alone", many.per_second, raw.per_second);
        }
        if let Some((one, empty)) = of(&engine.allocate, 1).zip(of(&engine.health, 1)) {
            let (p50, at_best) = (one.summary.p50_micros, report.write.p50_micros + empty.summary.p50_micros);
            table.row([
                "(a) p50 of an allocation, 1 caller".to_owned(),
                name(),
                micros(p50),
                "a write to the disk and an empty call".to_owned(),
                micros(at_best),
                ratio(p50, at_best),
            ]);
        }
    }
    table
}

/// The load of so many callers.
fn of(loads: &[LoadReport], callers: u32) -> Option<&LoadReport> {
    loads.iter().find(|load| load.concurrency == callers)
}

/// A quotient of times, to a tenth.
fn ratio(measured: u64, floor: u64) -> String {
    let tenths = measured * 10 / floor.max(1);
    format!("{}.{}", tenths / 10, tenths % 10)
}

fn memory(report: &Report) -> Table {
    let mut table = Table::new(["engine", "(e) idle", "(e) full", "ports when full"]);
    for EngineReport { engine, idle_bytes, full_bytes, ports, .. } in &report.engines {
        table.row([engine.to_string(), megabytes(*idle_bytes), megabytes(*full_bytes), ports.to_string()]);
    }
    table
}

fn growth(report: &Report) -> Table {
    let mut table = Table::new([
        "(i) engine",
        "ports",
        "allocate/s",
        "p50, 1 caller",
        "p99, 32 callers",
        "GetInstanceNwInfo/s",
        "deallocate/s",
        "memory",
        "start",
    ]);
    for engine in &report.engines {
        for point in engine.growth.iter().flat_map(|growth| &growth.points) {
            let of = |callers| of(&point.allocate, callers);
            table.row([
                engine.engine.to_string(),
                point.ports.to_string(),
                format!("{:.0}", point.allocations()),
                of(1).map_or_else(String::new, |load| micros(load.summary.p50_micros)),
                of(32).map_or_else(String::new, |load| micros(load.summary.p99_micros)),
                format!("{:.0}", point.nw_info.per_second),
                format!("{:.0}", point.deallocate.per_second),
                megabytes(point.resident_bytes),
                format!("{} ms", point.start.as_millis()),
            ]);
        }
    }
    table
}

fn reached(report: &Report) -> Table {
    let mut table = Table::new(["what", "goal", "measured", "reached"]);
    for goal in goals(report) {
        let is_met = if goal.is_met { "yes" } else { "NO" };
        table.row([goal.what, goal.goal, goal.measured, is_met.to_owned()]);
    }
    table
}

/// Microseconds in the unit that reads best.
pub(super) fn micros(micros: u64) -> String {
    if micros < 10_000 { format!("{micros} µs") } else { format!("{} ms", micros / 1_000) }
}

/// Bytes as decimal megabytes.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lepton_sim::{CallSummary, Operation};

    use super::*;
    use crate::bench::{
        engine::Engine,
        floor::WriteFloor,
        growth::{Growth, Point},
        plot::plot,
        raw::RawFloor,
    };

    fn load(concurrency: u32, per_second: f64, p50_micros: u64) -> LoadReport {
        let summary = CallSummary {
            answered: 1_000,
            refused: 0,
            repeated: 0,
            p50_micros,
            p90_micros: 2 * p50_micros,
            p99_micros: 3 * p50_micros,
            max_micros: 4 * p50_micros,
        };
        LoadReport {
            operation: Operation::Allocate,
            concurrency,
            connections: 4,
            seconds: 1.0,
            per_second,
            summary,
            first_refusal: None,
            latencies: Vec::new(),
        }
    }

    fn machine() -> Machine {
        let unknown = || "unknown".to_owned();
        Machine {
            cpu: unknown(),
            cores: 2,
            memory_bytes: 24_000_000_000,
            kernel: unknown(),
            filesystem: "ext4".to_owned(),
            compiler: unknown(),
            commit: unknown(),
            date: unknown(),
            load: unknown(),
        }
    }

    fn report() -> Report {
        let loads =
            |per_second| vec![load(1, 400.0, 1_500), load(32, 2_000.0, 4_000), load(256, per_second, 90_000)];
        let point = |ports, per_second| Point {
            ports,
            resident_bytes: 20_000_000 + ports * 300,
            start: Duration::from_millis(70),
            allocate: loads(per_second),
            nw_info: load(256, 10_000.0, 20_000),
            deallocate: load(256, 2_500.0, 90_000),
        };
        let growth = Growth {
            idle_bytes: 20_000_000,
            points: vec![point(1_000, 3_000.0), point(1_000_000, 2_400.0)],
            overload: load(OVERLOAD, 2_700.0, 4_000_000),
        };
        let engine = EngineReport {
            engine: Engine::Sqlite,
            allocate: loads(3_000.0),
            ports: 100_000,
            allocate_full: loads(2_000.0),
            deallocate: loads(3_000.0),
            nw_info: loads(20_000.0),
            associate: vec![load(1, 500.0, 1_500), load(64, 1_400.0, 40_000)],
            health: loads(40_000.0),
            idle_bytes: 20_000_000,
            full_bytes: 90_500_000,
            raw: Some(RawFloor { instances: 5_000, rows: 45_000, per_second: 12_000.0, p50_micros: 21_000 }),
            growth: Some(growth),
        };
        let write = WriteFloor { writes: 1_000, p50_micros: 700, p99_micros: 2_000 };
        Report { machine: machine(), is_quick: false, write, engines: vec![engine], plug: None }
    }

    #[test]
    fn what_is_printed_is_tables_and_then_json() {
        let printed = crate::bench::printed(&report()).unwrap();
        let (tables, json) = printed.split_once("\n{").unwrap();
        assert!(tables.contains("(a) allocate ") && tables.contains("SQLite "), "{tables}");
        let json: serde_json::Value = serde_json::from_str(&format!("{{{json}")).unwrap();
        assert_eq!(json["engines"][0]["allocate"][2]["per_second"], 3_000.0);
        assert_eq!(json["write"]["p50_micros"], 700);
    }

    #[test]
    fn the_plot_has_a_line_for_each_figure_from_the_left_to_the_right() {
        let picture = plot(&report()).unwrap();
        assert_eq!(picture.matches("<polyline").count(), 3, "{picture}");
        assert!(picture.contains("<polyline points=\"60.0,150.0 470.0,190.0\""), "{picture}");
        assert!(plot(&Report { engines: Vec::new(), ..report() }).is_none());
    }

    #[test]
    fn the_page_tells_figures_memory_and_goals() {
        let page = page(&report());
        for line in [
            "| (a) allocate | SQLite | 256 | 1000 | 3000 | 90 ms | 270 ms | 360 ms |",
            "| (b) allocate, 100000 ports live | SQLite | 1 | 1000 | 400 | 1500 µs | 4500 µs | 6000 µs |",
            "| (g) 4 KiB write + fdatasync | disk | 1 | 1000 |  | 700 µs | 2000 µs |  |",
            "| (a) allocate, 256 callers | SQLite | 3000/s | empty calls | 40000/s | 0.07 |",
            "| (a) allocate, 256 callers | SQLite | 3000/s | its rows alone | 12000/s | 0.25 |",
            "| (a) p50 of an allocation, 1 caller | SQLite | 1500 µs | a write to the disk and an empty call | 2200 µs | 0.6 |",
            "| SQLite | 20.0 MB | 90.5 MB | 100000 |",
            "| SQLite: (a) allocations/s, 256 callers | at least 2,000 | 3000 | yes |",
            "| SQLite: (b) of (a), 1 caller | at least 0.8 | 1.00 | yes |",
            "| SQLite: (b) of (a), 256 callers | at least 0.8 | 0.67 | NO |",
            "| SQLite: (h) floating IPs associated/s, 64 callers | at least 1,500 | 1400 | NO |",
            "| SQLite: (a) allocations/s, 256 callers, aim | at least 6,000 | 3000 | NO |",
            "| SQLite: (a) p50 of an allocation, 1 caller, aim | at most 2 ms | 1500 µs | yes |",
            "| SQLite: (a) p99 of an allocation, 32 callers, aim | at most 10 ms | 12 ms | NO |",
            "| SQLite | 1000000 | 2400 | 1500 µs | 12 ms | 10000 | 2500 | 320.0 MB | 70 ms |",
            "| SQLite: (i) allocations/s with 1,000,000 ports, of those with few | at least 0.9 | 0.80 | NO |",
            "| SQLite: (i) memory above idle | at most 400 bytes a port | 300 | yes |",
            "| SQLite: (i) start with 1,000,000 ports | at most 2 s | 70 ms | yes |",
            "| SQLite: (j) answered/s under 4 times the load, of the peak | at least 0.8 | 0.90 | yes |",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
    }
}
