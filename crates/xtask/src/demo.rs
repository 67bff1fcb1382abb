//! `cargo xtask demo`: the main job end to end, in this machine's kernel, out of reach of everything else.
//!
//! ```text
//!   cargo xtask demo ── installs, builds ──▶ unshare ──▶ cargo xtask demo, inside: leptond, lepton, three guests
//! ```

#![deny(clippy::print_stdout, reason = "it panics when the reader has gone; use voice::say")]

mod cli;
mod kernel;
mod pings;
mod spoof;
mod steps;
mod story;
mod tables;
mod voice;

use std::{env, os::unix::process::CommandExt, path::Path, time::Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    daemon, namespace,
    packages::{self, IP, NFT, PING, UNSHARE},
    workspace::Workspace,
};

use story::Story;
use voice::say;

/// `cargo xtask demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End when everything was shown, instead of staying up until Ctrl-C.
    #[arg(long)]
    once: bool,
}

/// Prepares outside, then goes on inside.
pub(crate) fn run(args: &DemoArgs) -> Result<()> {
    voice::unless_unheard(if namespace::is_inside() { run_inside(args) } else { run_outside() })
}

fn run_outside() -> Result<()> {
    packages::ensure(&[IP, NFT, PING, UNSHARE])?;
    // Before the build, since a machine that allows no namespaces needs none.
    let mut inside = namespace::enter(env::args_os().skip(1))?;
    let started = Instant::now();
    say("Building the release (the first time takes some minutes) ...")?;
    Workspace::find()?.build_release(&[])?;
    say(format_args!("Built in {:.1} s.\n", started.elapsed().as_secs_f64()))?;
    // This process becomes the one inside, so that Ctrl-C reaches it alone.
    let error = inside.exec();
    Err(error).context("cannot run unshare")
}

fn run_inside(args: &DemoArgs) -> Result<()> {
    namespace::bring_loopback_up()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        // Heard from before there is anything to clean up.
        let mut interruptions = Interruptions::listen()?;
        let folder = daemon::folder("lepton-demo-")?;
        let outcome = voice::unless_unheard(tell(folder.path(), args.once, &mut interruptions).await);
        if outcome.is_err() {
            eprintln!("\nThe log of leptond:\n{}", daemon::log(folder.path()));
        }
        outcome
    })
}

async fn tell(folder: &Path, once: bool, interruptions: &mut Interruptions) -> Result<()> {
    let mut story = interruptions.or(Story::begin(folder)).await?;
    let told = match interruptions.or(story.tell()).await {
        Ok(()) if !once => stay(&story, interruptions).await,
        told => told,
    };
    // Ended in order also when nobody listens any more, which is no failure.
    voice::unless_unheard(told)?;
    story.end().await
}

/// Stays up until somebody has looked enough.
async fn stay(story: &Story, interruptions: &mut Interruptions) -> Result<()> {
    story.say_how_to_talk_to_it()?;
    interruptions.next().await;
    Ok(())
}

/// Ctrl-C, the end of the terminal, and requests to stop.
#[derive(Debug)]
struct Interruptions {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interruptions {
    /// From now on they end nothing by themselves.
    fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// What comes of `act`, unless one of them is first.
    async fn or<T>(&mut self, act: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            done = act => done,
            () = self.next() => bail!("interrupted"),
        }
    }

    /// Waits for one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
