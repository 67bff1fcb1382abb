//! `cargo xtask sim`: all of Lepton on a network, disks, clocks and hosts that fail, once for each seed.

use anyhow::Result;
use clap::Args;

use crate::workspace::{self, cargo};

/// `cargo xtask sim`.
#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// How many runs
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// How long the trouble lasts in each, in simulated minutes
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The first seed; the others follow it
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Builds the simulation, with optimisation, and runs it.
pub(crate) fn run(args: &SimArgs) -> Result<()> {
    let mut run = cargo(["run", "--quiet", "--release", "--package", "lepton-simulation", "--"]);
    let told = [("--seeds", args.seeds), ("--minutes", args.minutes), ("--seed", args.seed)];
    for (name, value) in told {
        run.arg(name).arg(value.to_string());
    }
    workspace::run(&mut run)
}
