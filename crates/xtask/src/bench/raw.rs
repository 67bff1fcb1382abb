//! (g) The floor of a ledger: what its engine takes for the rows of allocations alone.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::workspace::{self, Workspace};

/// Rows of so many instances, put by the engine itself in transactions of 256 instances.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RawFloor {
    /// Instances.
    pub(super) instances: u64,
    /// Rows of all tables.
    pub(super) rows: u64,
    /// Instances each second.
    pub(super) per_second: f64,
    /// Half of the transactions took no longer.
    pub(super) p50_micros: u64,
}

/// The program that measures it, and the package that has it: the one that knows SQL.
pub(super) const PROGRAM: (&str, &str) = ("raw_floor", "lepton-store");

/// Measures it on a ledger, a file or a URL, which is of no use afterwards.
pub(super) fn measure(workspace: &Workspace, ledger: &str) -> Result<RawFloor> {
    let mut program = std::process::Command::new(workspace.release(PROGRAM.0));
    let printed = workspace::output(program.arg(ledger))?;
    serde_json::from_str(&printed).context("cannot read what raw_floor printed")
}
