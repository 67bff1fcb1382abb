//! All of Lepton in one thread: managers over one ledger, hosts with their agents, and callers, on a network, disks, clocks and
//! kernels that fail, from one seed.
//!
//! ```text
//!  Caller ─┐  tonic's own client     ┌─ Manager 0 ─┐
//!  Caller ─┼─▶ Network: late, twice, ├─ Manager 1 ─┼─▶ Storm: refuses, loses answers ─▶ Disk: the ledger in memory
//!  Agents ─┘   never, cut off        └─ …          ┘                                       │ after each batch
//!    └─▶ SlowPlug: fails ─▶ kernel                   killed, started, clocks set            └─▶ Checker: is it sound?
//! ```
//!
//! What runs is what leptond runs: the services behind [`Authorise`](lepton_manager::Authorise), the manager and its housekeeping,
//! the store's lanes, every command's `decide`, the agents and their plans. Time is tokio's, paused, so ten minutes pass in less
//! than a second; whatever is left to chance is drawn from the seed, so the same seed gives the same run, step by step.
//!
//! Beside runs in a storm there are rehearsals: one operation, in which one thing goes wrong at one step ([`rehearse`]).
//!
//! When the storm is over nothing fails any more, and all must become what the ledger says within a bounded time.

mod caller;
mod chance;
mod check;
mod faults;
mod host;
mod manager;
mod mishap;
mod network;
mod panics;
mod replay;
mod run;
mod steps;
mod tasks;
mod trace;

pub use faults::Trick;
pub use mishap::Mishap;
pub use run::{Failure, Summary, run, run_with};
pub use steps::{OPERATIONS, Operation, Rehearsed, rehearse};
