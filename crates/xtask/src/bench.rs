//! `cargo xtask bench`: what the release build does, with fsync on, through gRPC, on this machine.
//!
//! The load comes from a process of its own (`lepton-sim load`, release build) on the same cores, over the server's
//! unix socket. Every loop is bounded in calls and in time. The floor (a write to the same disk, a call that does
//! nothing) is measured in the same run.

mod engine;
mod floor;
mod goals;
mod growth;
mod loads;
mod machine;
mod page;
mod plot;
mod plug;
mod raw;
mod report;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::{
    namespace,
    packages::{self, IP, NFT, POSTGRES, UNSHARE},
    workspace::Workspace,
};

use engine::Engine;
use loads::Scale;
use machine::Machine;
use report::Report;

/// `cargo xtask bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Which engines to measure.
    #[arg(long, value_enum, default_value_t = Engines::Both)]
    engine: Engines,
    /// A tenth of the work, for a first impression; leaves docs/benchmarks.md alone.
    #[arg(long)]
    quick: bool,
    /// Leave out the ports in the kernel.
    #[arg(long)]
    no_plug: bool,
    /// Leave out how the figures grow from a thousand ports to a million, which takes longest.
    #[arg(long)]
    no_growth: bool,
    /// Where the copy of this program that runs in namespaces of its own writes what it measured.
    #[arg(long, hide = true)]
    plug_report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engines {
    Sqlite,
    Postgres,
    Both,
}

/// Measures, prints, and writes the page and the JSON.
pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    let scale = Scale { is_quick: args.quick };
    let runtime = tokio::runtime::Runtime::new()?;
    if let (true, Some(path)) = (namespace::is_inside(), &args.plug_report) {
        return runtime.block_on(plug::run_inside(path, scale));
    }
    let workspace = prepare(args)?;
    println!("Measuring; for figures that mean something nothing else should run on this machine.");
    let report = runtime.block_on(measure(args, scale, &workspace))?;
    println!("\n{}", printed(&report)?);
    write(args, &workspace, &report)
}

fn prepare(args: &BenchArgs) -> Result<Workspace> {
    let mut programs = vec![UNSHARE];
    if args.engine != Engines::Sqlite {
        programs.push(POSTGRES);
    }
    if !args.no_plug {
        programs.extend([IP, NFT]);
    }
    packages::ensure(&programs)?;
    let workspace = Workspace::find()?;
    workspace.build_release(&[raw::PROGRAM])?;
    Ok(workspace)
}

async fn measure(args: &BenchArgs, scale: Scale, workspace: &Workspace) -> Result<Report> {
    let machine = Machine::look()?;
    eprintln!("bench: the floor");
    let write = floor::write_and_sync()?;
    let mut engines = Vec::new();
    for engine in args.engine.list() {
        let mut measured = engine::measure(*engine, scale, workspace).await?;
        if !args.no_growth {
            measured.growth = Some(growth::measure(*engine, scale, workspace).await?);
        }
        engines.push(measured);
    }
    let plug = if args.no_plug { None } else { Some(plug::measure(args.quick)?) };
    Ok(Report { machine, is_quick: args.quick, write, engines, plug })
}

/// The tables, for people, and everything as JSON, for programs.
fn printed(report: &Report) -> Result<String> {
    Ok(format!("{}\n{}", page::tables(report), serde_json::to_string_pretty(report)?))
}

fn write(args: &BenchArgs, workspace: &Workspace, report: &Report) -> Result<()> {
    let json = workspace.scratch("bench")?.join("bench.json");
    fs::write(&json, serde_json::to_string_pretty(report)?)?;
    println!("The JSON is also in {}", json.display());
    if !args.quick {
        let page = workspace.root.join("docs/benchmarks.md");
        fs::write(&page, page::page(report)).with_context(|| format!("cannot write {}", page.display()))?;
        println!("Written: {}", page.display());
        if let Some(picture) = plot::plot(report) {
            fs::write(workspace.root.join("docs").join(page::PLOT), picture)
                .context("cannot write the plot")?;
        }
    }
    Ok(())
}

impl Engines {
    fn list(self) -> &'static [Engine] {
        match self {
            Self::Sqlite => &[Engine::Sqlite],
            Self::Postgres => &[Engine::Postgres],
            Self::Both => &[Engine::Sqlite, Engine::Postgres],
        }
    }
}
