//! Everything that was measured, as it goes into the JSON.

use lepton_sim::LoadReport;
use serde::{Deserialize, Serialize};

use super::{engine::Engine, floor::WriteFloor, growth::Growth, machine::Machine, raw::RawFloor};

/// A whole run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Where it ran.
    pub(super) machine: Machine,
    /// Whether it did a tenth of the work.
    pub(super) is_quick: bool,
    /// (g) A write to the disk.
    pub(super) write: WriteFloor,
    /// (a) to (e), (h), and the call that does nothing.
    pub(super) engines: Vec<EngineReport>,
    /// (f) Ports in the kernel.
    pub(super) plug: Option<PlugReport>,
}

/// What one engine did.
#[derive(Debug, Serialize)]
pub(super) struct EngineReport {
    /// Which engine.
    pub(super) engine: Engine,
    /// (a) Allocations on a nearly empty ledger, by concurrency.
    pub(super) allocate: Vec<LoadReport>,
    /// Ports alive at the beginning of (b).
    pub(super) ports: u64,
    /// (b) Allocations with so many ports alive, by concurrency.
    pub(super) allocate_full: Vec<LoadReport>,
    /// (c) Deallocations, by concurrency.
    pub(super) deallocate: Vec<LoadReport>,
    /// (d) `GetInstanceNwInfo`, by concurrency.
    pub(super) nw_info: Vec<LoadReport>,
    /// (h) Floating IPs moved from instance to instance, by concurrency.
    pub(super) associate: Vec<LoadReport>,
    /// (g) A call that does nothing, by concurrency.
    pub(super) health: Vec<LoadReport>,
    /// (e) Resident memory of leptond after its start, in bytes.
    pub(super) idle_bytes: u64,
    /// (e) Resident memory of leptond with `ports` alive, in bytes.
    pub(super) full_bytes: u64,
    /// (g) What the engine takes for the rows of (a) alone; none until its leptonds have stopped.
    pub(super) raw: Option<RawFloor>,
    /// (i), (j) How the figures grow, and what is left of them under overload; none when it was left out.
    pub(super) growth: Option<Growth>,
}

/// Ports in the kernel.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PlugReport {
    /// Allocations that waited until their taps were plugged, by concurrency.
    pub(super) allocate: Vec<LoadReport>,
}
