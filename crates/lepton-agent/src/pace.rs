//! [`Pace`]: when to try again by oneself.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::Instant;

/// Shortest delay after a failure.
const RETRY_MIN: Duration = Duration::from_millis(250);

/// Longest delay after failures in a row. The resync goes on meanwhile, and is a try too.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// When to try again after failures: later and later, and not at the same time as other hosts.
#[derive(Debug)]
pub(crate) struct Pace {
    random: StdRng,
    /// Retries in a row that failed.
    failures: u32,
    retry_at: Option<Instant>,
}

impl Pace {
    /// The seed makes the delays differ from those of other hosts.
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed), failures: 0, retry_at: None }
    }

    /// A pass worked: nothing is to be retried.
    pub(crate) fn worked(&mut self) {
        self.failures = 0;
        self.retry_at = None;
    }

    /// A pass failed at `now`. Passes for another reason than the retry that is due do not put it off.
    pub(crate) fn failed(&mut self, now: Instant) {
        if self.retry_at.is_none_or(|at| at <= now) {
            let longest = RETRY_MIN.saturating_mul(1 << self.failures.min(16)).min(RETRY_MAX);
            self.failures = self.failures.saturating_add(1);
            self.retry_at = Some(now + longest.mul_f64(self.random.random_range(0.5..=1.0)));
        }
    }

    /// When the next pass is due: at the resync, or before it when something failed.
    pub(crate) fn due(&self, resync_at: Instant) -> Instant {
        self.retry_at.map_or(resync_at, |retry_at| retry_at.min(resync_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_come_later_and_later_up_to_the_longest_delay() {
        let mut pace = Pace::new(1);
        let mut now = Instant::now();
        let mut longest = RETRY_MIN;
        for _ in 0..12 {
            pace.failed(now);
            let delay = pace.retry_at.unwrap() - now;
            assert!(longest / 2 <= delay && delay <= longest, "{delay:?} of {longest:?}");
            longest = (longest * 2).min(RETRY_MAX);
            now += delay;
        }
        assert_eq!(longest, RETRY_MAX);
    }

    #[test]
    fn a_failure_before_the_retry_is_due_does_not_put_it_off() {
        let mut pace = Pace::new(1);
        let now = Instant::now();
        pace.failed(now);
        let due = pace.retry_at;
        pace.failed(now);
        assert_eq!(pace.retry_at, due);
        pace.worked();
        assert_eq!(pace.retry_at, None);
    }

    #[test]
    fn two_hosts_do_not_retry_at_the_same_time() {
        let now = Instant::now();
        let due = |seed: u64| {
            let mut pace = Pace::new(seed);
            pace.failed(now);
            pace.retry_at
        };
        assert_ne!(due(1), due(2));
        assert_eq!(due(1), due(1));
    }
}
