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

use std::{env, os::unix::process::CommandExt, path::Path, time::Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::signal::{
    ctrl_c,
    unix::{SignalKind, signal},
};

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

async fn tell(folder: &Path, once: bool) -> Result<()> {
    let mut story = Story::begin(folder).await?;
    tokio::select! {
        told = story.tell() => told?,
        interrupted = interrupted() => interrupted.and_then(|()| bail!("interrupted"))?,
    }
    if !once {
        story.say_how_to_talk_to_it()?;
        interrupted().await?;
    }
    story.end().await
}

/// Waits for Ctrl-C, the end of the terminal, or a request to stop.
async fn interrupted() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        interrupted = ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}
