//! Loads and writes the ledger: in memory, in SQLite, in PostgreSQL. The only crate that knows SQL.
//!
//! ```text
//!  submit ─▶ bounded queue ─▶ batch: decide over a View ◀─load─┐  ─▶ write the changes ─▶ commit ─▶ answer everybody
//!  ask ────▶ bounded queue ─▶ batch: decide, take it all back ◀┘     (one transaction)      │
//!                                                                                           └─▶ tell the observer, and the other managers
//! ```
//!
//! A batch is what has gathered in the queue while the batch before it was at the disk; so one fsync serves many
//! callers, and a single caller waits for nobody. It refuses to know what a command means: that is `lepton-ledger`.

mod again;
mod agreement;
mod apart;
mod batch;
mod checkpoint;
mod claim;
mod close;
mod config;
mod connect;
mod disk;
mod dry;
mod encoding;
mod engine;
mod error;
mod failure;
mod lane;
mod load;
mod memory;
mod metrics;
mod migrate;
mod news;
mod opened_file;
mod prune;
mod queue;
mod random;
mod sql;
mod statement;
mod store;
mod surroundings;
mod table;
mod tables;
mod tasks;
mod together;
mod voice;
mod write;

pub use checkpoint::Copying;
pub use claim::{ClaimError, Claimant, HostClaim};
pub use config::{Database, DatabaseError, StoreConfig, postgres_url};
pub use disk::{After, Disk, Weather};
pub use error::{StoreError, SubmitError};
pub use news::{News, Observer};
pub use store::Store;
pub use surroundings::{Clock, Seeds, Surroundings};

#[cfg(test)]
mod tests;
