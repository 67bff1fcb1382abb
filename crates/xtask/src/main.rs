//! Developer commands; `cargo xtask help` lists them.

mod bench;
mod ci;
mod daemon;
mod demo;
mod dependencies;
mod docs;
mod fuzz;
mod namespace;
mod packages;
mod sim;
mod table;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Developer commands of Lepton")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the main job end to end: three instances get their networks, in this machine's kernel
    Demo(demo::DemoArgs),
    /// Install what the tests need and run all of them
    Test,
    /// Run everything that a change must pass
    Ci,
    /// Write docs/reference and deploy/lepton.toml from the source
    Docs(docs::DocsArgs),
    /// Simulate Lepton under faults, once for each seed
    Sim(sim::SimArgs),
    /// Run the targets of tests/fuzz/ from their seeds: any body to any call, any text to any parser
    Fuzz(fuzz::FuzzArgs),
    /// Measure the release build and write docs/benchmarks.md
    Bench(bench::BenchArgs),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Test => test::run(),
        Command::Ci => ci::run(),
        Command::Docs(args) => docs::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
