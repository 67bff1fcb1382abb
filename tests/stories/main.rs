//! The main job, end to end: the real programs, a fake hypervisor, and the kernel where a story needs it.
//!
//! Nothing here uses a fixed port, and nothing outlives its test: every process is on a leash of the kernel's
//! (PDEATHSIG) or of a pipe, every file is in a temporary folder, every device in a namespace.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod daemon;
mod fleet;
mod kernel;
mod ledger;
mod programs;
mod words;

mod churn;
mod commands;
mod crashes;
mod credentials;
mod database;
mod disk;
mod faces;
mod floating;
mod follow;
mod life;
mod moving;
mod postgres;
mod repair;
mod restart;
mod shutdown;
mod spoof;
