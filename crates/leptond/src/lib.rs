//! The Lepton daemon: manager, agent, or both.
//!
//! `main.rs` parses the command line ([`Arguments`]), loads the configuration ([`config::Config`]), starts [`logging`] and
//! calls [`run()`], which builds every part once, in dependency order, and serves until it is told to stop.

mod agent;
mod arguments;
mod claim;
pub mod config;
pub mod database_files;
mod descriptors;
mod ledger_file;
pub mod listen;
mod lock;
pub mod logging;
mod metrics;
mod room;
mod run;
mod signals;
mod state_dir;
mod tasks;
pub mod tls;
pub mod traces;

pub use arguments::{Arguments, Task};
pub use ledger_file::LedgerFileError;
pub use room::full_folder;
pub use run::{RunError, run};
pub use signals::Signals;
pub use state_dir::StateDirError;
pub use tasks::TaskEnded;
