//! [`Surroundings`]: what a store takes from outside its database. The system gives it to a program, a simulation to what it
//! simulates.

use std::{fmt, sync::Arc, time::SystemTime};

use lepton_types::Timestamp;

use crate::{disk::Disk, error::StoreError, random::random_bytes};

/// Tells the moment of a decision.
pub type Clock = Arc<ReadClock>;

/// The same, lent out.
pub(crate) type ReadClock = dyn Fn() -> Timestamp + Send + Sync;

/// Gives each batch the seed of its ids and MACs.
///
/// Errors: there is none to be had.
pub type Seeds = Arc<dyn Fn() -> Result<[u8; 32], StoreError> + Send + Sync>;

/// What a store takes from outside its database.
#[derive(Clone)]
pub struct Surroundings {
    /// The present.
    pub clock: Clock,
    /// Where what must be different each time comes from.
    pub seeds: Seeds,
    /// Where a ledger in memory is kept; none: a new one, that goes with its store.
    pub disk: Option<Disk>,
}

impl Default for Surroundings {
    /// The system's clock, and bytes of the system's that nobody can guess.
    fn default() -> Self {
        Self { clock: Arc::new(|| SystemTime::now().into()), seeds: Arc::new(random_bytes), disk: None }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("disk", &self.disk).finish_non_exhaustive()
    }
}
