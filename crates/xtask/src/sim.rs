//! `cargo xtask sim`: all of Lepton on a network, disks, clocks and hosts that fail, once for each seed.

use std::ffi::OsString;

use anyhow::Result;
use clap::Args;

use crate::workspace::{self, cargo};

/// `cargo xtask sim`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct SimArgs {
    /// What the simulation is told: `--seeds N --seed FIRST --minutes M`, or `--help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Builds the simulation, with optimisation, and runs it.
pub(crate) fn run(args: &SimArgs) -> Result<()> {
    let mut run = cargo(["run", "--quiet", "--release", "--package", "lepton-simulation", "--"]);
    run.args(&args.arguments);
    workspace::run(&mut run)
}
