//! (i) How the figures grow with what is stored: from a thousand ports to a million. And (j): what is left of the speed when more ask
//! than can be answered.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lepton_sim::LoadReport;
use serde::Serialize;

use super::{
    engine::{self, Engine, VNICS},
    loads::{Loads, Scale},
};
use crate::{
    daemon::{self, Daemon, Folder},
    workspace::Workspace,
};

/// Ports alive when the figures are taken.
const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// How many callers allocate, and how many instances each time.
const STAGES: [(u32, u64); 3] = [(1, 200), (32, 1_000), (256, 4_000)];

/// How many read at the same time, and how often.
const READS: (u32, u64) = (256, 20_000);

/// Callers of the overload: four times as many as leptond lets wait by default (`queue.limit`).
pub(super) const OVERLOAD: u32 = 4 * 4_096;

/// Connections of the overload: leptond takes 256 calls at a time on each, so more wait in its queue than it lets wait.
pub(super) const OVERLOAD_CONNECTIONS: u32 = 64;

/// How many instances the overload asks for.
const OVERLOAD_CALLS: u64 = 50_000;

/// What one engine did at each size, and beyond its limits.
#[derive(Debug, Serialize)]
pub(super) struct Growth {
    /// Resident memory of leptond after its start, in bytes.
    pub(super) idle_bytes: u64,
    /// The figures, by size.
    pub(super) points: Vec<Point>,
    /// (j) Allocations by [`OVERLOAD`] callers, with as many ports as at the first size.
    pub(super) overload: LoadReport,
}

/// The figures at one size.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    /// Ports alive at the beginning.
    pub(super) ports: u64,
    /// Resident memory of leptond, which has made them, in bytes.
    pub(super) resident_bytes: u64,
    /// From the start of another leptond on the ledger until it says that it serves.
    pub(super) start: Duration,
    /// Allocations, by concurrency.
    pub(super) allocate: Vec<LoadReport>,
    /// `GetInstanceNwInfo`.
    pub(super) nw_info: LoadReport,
    /// Deallocations of as many instances as were allocated.
    pub(super) deallocate: LoadReport,
}

/// One leptond under way, which is stopped and started again at each size.
struct Course<'w> {
    workspace: &'w Workspace,
    folder: Folder,
    settings: String,
    loads: Loads,
    scale: Scale,
}

/// Fills a ledger of one engine, and takes the figures on the way.
pub(super) async fn measure(engine: Engine, scale: Scale, workspace: &Workspace) -> Result<Growth> {
    eprintln!("bench: {engine}, growing");
    let ledgers = engine.prepare()?;
    let settings = ledgers.settings(0);
    let folder = daemon::folder("lepton-bench-")?;
    let server = Daemon::start(&workspace.release("leptond"), folder.path(), &settings).await?;
    let idle_bytes = server.resident_bytes()?;
    engine::create_networks(&server.endpoint()).await?;
    let loads = Loads::new(workspace.release("lepton-sim"), server.endpoint(), scale);
    let mut course = Course { workspace, folder, settings, loads, scale };
    let outcome = course.run(server, idle_bytes).await;
    outcome.with_context(|| format!("{engine}; the log of leptond:\n{}", daemon::log(course.folder.path())))
}

impl Course<'_> {
    async fn run(&mut self, mut server: Daemon, idle_bytes: u64) -> Result<Growth> {
        let (mut points, mut overload) = (Vec::new(), None);
        for ports in SIZES.map(|ports| self.scale.of(ports)) {
            let point;
            (server, point) = self.point(server, ports).await?;
            points.push(point);
            if overload.is_none() {
                let calls = self.scale.of(OVERLOAD_CALLS).max(2 * u64::from(OVERLOAD));
                overload = Some(self.loads.overload(OVERLOAD, OVERLOAD_CONNECTIONS, calls).await?);
            }
        }
        server.stop().await?;
        Ok(Growth { idle_bytes, points, overload: overload.context("there are sizes")? })
    }

    async fn point(&mut self, server: Daemon, ports: u64) -> Result<(Daemon, Point)> {
        let instances = ports / VNICS;
        self.loads.fill(instances).await?;
        let resident_bytes = server.resident_bytes()?;
        server.stop().await?;
        let begun = Instant::now();
        let program = self.workspace.release("leptond");
        let server = Daemon::start(&program, self.folder.path(), &self.settings).await?;
        let start = begun.elapsed();
        let mut allocate = Vec::new();
        for (callers, calls) in STAGES {
            allocate.push(self.loads.allocate(callers, self.scale.of(calls)).await?);
        }
        let nw_info = self.loads.read(READS.0, self.scale.of(READS.1)).await?;
        let deallocate = self.loads.deallocate_down_to(instances).await?;
        Ok((server, Point { ports, resident_bytes, start, allocate, nw_info, deallocate }))
    }
}

impl Growth {
    /// What is added to the memory of leptond for each port of the last size, in bytes.
    pub(super) fn bytes_a_port(&self) -> u64 {
        let last = self.points.last();
        last.map_or(0, |last| last.resident_bytes.saturating_sub(self.idle_bytes) / last.ports.max(1))
    }

    /// Allocations each second by the most callers, at the first size.
    pub(super) fn peak(&self) -> f64 {
        self.points.first().map_or(0.0, Point::allocations)
    }
}

impl Point {
    /// Allocations each second by the most callers.
    pub(super) fn allocations(&self) -> f64 {
        self.allocate.last().map_or(0.0, |load| load.per_second)
    }
}
