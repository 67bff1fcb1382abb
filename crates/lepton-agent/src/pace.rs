//! [`Pace`]: when to try again by oneself. [`Looks`]: when to look at the host itself.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::Instant;

/// Shortest delay after a failure.
const RETRY_MIN: Duration = Duration::from_millis(250);

/// Longest time between two looks at the host itself and at the manager, for hints that got lost.
pub(crate) const RESYNC: Duration = Duration::from_secs(10);

/// Longest delay after failures in a row: at a resync everything is tried again.
const RETRY_MAX: Duration = RESYNC;

/// Shortest time between two looks for hints, so that a host which somebody changes all the time, because he wants
/// something else of it, say, does not keep its agent busy. The first hint is followed at once.
const HINT_PAUSE: Duration = Duration::from_millis(100);

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

    /// When the next retry is due, if anything failed.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.retry_at
    }
}

/// When to look at the host itself: at least every [`RESYNC`], and on hints, but not on each of very many.
#[derive(Debug)]
pub(crate) struct Looks {
    resync_at: Instant,
    hinted_at: Option<Instant>,
    /// When the next hint may be followed.
    open_at: Instant,
}

impl Looks {
    /// The host is going to be looked at `now`.
    pub(crate) fn begin(now: Instant) -> Self {
        Self { resync_at: now + RESYNC, hinted_at: None, open_at: now }
    }

    /// Somebody may have changed the host.
    pub(crate) fn hint(&mut self, now: Instant) {
        let at = self.open_at.max(now);
        self.hinted_at = Some(at);
        self.open_at = at + HINT_PAUSE;
    }

    /// Whether a hint is going to be followed, so that one more says nothing.
    pub(crate) fn is_hinted(&self) -> bool {
        self.hinted_at.is_some()
    }

    /// The host is looked at, for whatever reason.
    pub(crate) fn looked(&mut self, now: Instant) {
        self.resync_at = now + RESYNC;
        self.hinted_at = None;
    }

    /// When the next look is due.
    pub(crate) fn due(&self) -> Instant {
        self.hinted_at.map_or(self.resync_at, |hinted_at| hinted_at.min(self.resync_at))
    }

    /// Whether it is for want of a hint that a look is due.
    pub(crate) fn is_resync_due(&self, now: Instant) -> bool {
        self.resync_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hint_is_followed_at_once_and_the_next_ones_together() {
        let start = Instant::now();
        let mut looks = Looks::begin(start);
        assert_eq!(looks.due(), start + RESYNC);
        let now = start + Duration::from_secs(1);
        looks.hint(now);
        assert_eq!(looks.due(), now);
        looks.looked(now);
        assert_eq!(looks.due(), now + RESYNC);

        looks.hint(now + Duration::from_millis(1));
        assert_eq!(looks.due(), now + HINT_PAUSE);
        looks.looked(now + HINT_PAUSE);
        looks.hint(now + HINT_PAUSE * 5);
        assert_eq!(looks.due(), now + HINT_PAUSE * 5);
    }

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
