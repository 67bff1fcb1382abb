//! [`Chance`]: what is left to chance in a run, all of it from the run's seed.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use uuid::{Builder, Uuid};

/// A source of chance. Clones draw from the same one; since a run has one thread, they always do so in the same order.
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    random: Arc<Mutex<StdRng>>,
}

impl Chance {
    /// All the chance of one run.
    pub(crate) fn of(seed: u64) -> Self {
        Self { random: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))) }
    }

    /// A source of its own, so that what draws from this one later does not depend on how much is drawn from that one.
    pub(crate) fn fork(&self) -> Self {
        Self::of(self.random().next_u64())
    }

    /// Whether something happens that does so many times in a thousand.
    pub(crate) fn strikes(&self, per_mille: u32) -> bool {
        self.random().random_range(0..1000) < per_mille
    }

    /// A whole number.
    pub(crate) fn number(&self, range: Range<usize>) -> usize {
        self.random().random_range(range)
    }

    /// A time, to the microsecond.
    pub(crate) fn time(&self, range: Range<Duration>) -> Duration {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).expect("a run is short");
        Duration::from_micros(self.random().random_range(micros(range.start)..micros(range.end)))
    }

    /// One of them.
    pub(crate) fn one<'t, T>(&self, of: &'t [T]) -> &'t T {
        &of[self.number(0..of.len())]
    }

    /// A random UUID (version 4).
    pub(crate) fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.random().fill_bytes(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }

    /// What a batch's ids and MACs come from.
    pub(crate) fn seed(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.random().fill_bytes(&mut bytes);
        bytes
    }

    /// A seed for what has chance of its own.
    pub(crate) fn word(&self) -> u64 {
        self.random().next_u64()
    }

    fn random(&self) -> MutexGuard<'_, StdRng> {
        self.random.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
