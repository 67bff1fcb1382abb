//! One host's reconcile loop: desired, plan, apply, report.
//!
//! ```text
//!            changes after a revision                 actions
//!   Manager ─────────────────────────▶ Agent ───plan────────────▶ Plug ─▶ kernel
//!           ◀─────────────────────────       ◀──────────────────
//!            statuses, proof of unplugs               state
//! ```
//!
//! The agent holds nothing that it could not fetch again: after a restart it asks for everything, looks at the host and
//! changes only the difference. It decides nothing either: what a host must have comes from the manager, and what to
//! do about it from `lepton_plan::plan`.

mod agent;
mod holding;
mod leftovers;
mod manager;
mod outcome;
mod pace;
mod troubles;

pub use agent::Agent;
pub use manager::Manager;
