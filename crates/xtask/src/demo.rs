//! `cargo xtask demo`: the main job end to end, in this machine's kernel, out of reach of everything else.
//!
//! ```text
//!   cargo xtask demo ── installs, builds ──▶ unshare ──▶ cargo xtask demo, inside: leptond, lepton, three guests
//! ```

mod cli;
mod kernel;
mod pings;
mod spoof;
mod steps;
mod story;
mod tables;

use std::{env, os::unix::process::CommandExt, time::Instant};

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    daemon, namespace,
    packages::{self, IP, NFT, PING, UNSHARE},
    workspace::Workspace,
};

use story::Story;

/// `cargo xtask demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End when everything was shown, instead of staying up until Ctrl-C.
    #[arg(long)]
    once: bool,
}

/// Prepares outside, then goes on inside.
pub(crate) fn run(args: &DemoArgs) -> Result<()> {
    if namespace::is_inside() { run_inside(args) } else { run_outside() }
}

fn run_outside() -> Result<()> {
    packages::ensure(&[IP, NFT, PING, UNSHARE])?;
    let started = Instant::now();
    println!("Building the release (the first time takes some minutes) ...");
    Workspace::find()?.build_release()?;
    println!("Built in {:.1} s.\n", started.elapsed().as_secs_f64());
    // This process becomes the one inside, so that Ctrl-C reaches it alone.
    let error = namespace::enter(env::args_os().skip(1))?.exec();
    Err(error).context("cannot run unshare")
}

fn run_inside(args: &DemoArgs) -> Result<()> {
    namespace::bring_loopback_up()?;
    let folder = tempfile::Builder::new().prefix("lepton-demo-").tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(tell(folder.path(), args.once));
    if outcome.is_err() {
        eprintln!("\nThe log of leptond:\n{}", daemon::log(folder.path()));
    }
    outcome
}

async fn tell(folder: &std::path::Path, once: bool) -> Result<()> {
    let mut story = Story::begin(folder).await?;
    story.tell().await?;
    if !once {
        story.stay_up().await?;
    }
    story.end().await
}
