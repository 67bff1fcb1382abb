//! A desired and an observed host, and the actions between them.
//!
//! [`HostState`] is both sides of the diff. [`plan`] tells what to do, [`HostState::apply`] is a model of the kernel that
//! does it and refuses what a kernel would refuse, or what would leave a port's traffic unfiltered.
//!
//! ```
//! use std::collections::BTreeSet;
//!
//! use lepton_plan::{HostState, plan};
//!
//! let desired = HostState::desired([]);
//! let released = BTreeSet::new(); // ports whose devices must go
//! let mut host = HostState::default(); // no filter table yet
//! for action in plan(&desired, &released, &host) {
//!     host.apply(&action)?;
//! }
//! assert_eq!(host, desired);
//! assert!(plan(&desired, &released, &host).is_empty());
//! # Ok::<(), lepton_plan::Refusal>(())
//! ```
//!
//! This crate touches nothing: `lepton-plug` observes and applies, `lepton-agent` decides when.

mod action;
mod model;
mod name;
mod plan;
mod state;

pub use action::Action;
pub use model::Refusal;
pub use name::Role;
pub use plan::{orphans, plan};
pub use state::{Bridge, Device, Filter, HostState, Inner, Kind, Seen};
