//! [`Queue`]: where work waits for its lane. It is bounded, and whoever finds it full is told when to come back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{error::StoreError, lane::Work};

/// The shortest and the longest time that a caller is told to stay away for.
const SHORTEST_AWAY: Duration = Duration::from_millis(50);
const LONGEST_AWAY: Duration = Duration::from_secs(30);

/// After some batches, what came before counts for less and less: each keeps seven eighths of it.
const KEPT_OF_8: u64 = 7;

/// Callers who are refused one after the other are told times that lie this far apart on a circle, in parts of 2^64: by the golden
/// ratio, which spreads any number of them evenly over it.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The end of a lane's queue where work is put in.
#[derive(Debug)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Work>,
    pace: Arc<Pace>,
    /// How many found it full.
    refused: AtomicU64,
}

impl Queue {
    /// A queue for so many, and the other end of it.
    pub(crate) fn new(limit: usize) -> (Self, Arc<Pace>, mpsc::Receiver<Work>) {
        let (sender, taken) = mpsc::channel(limit);
        let pace = Arc::<Pace>::default();
        (Self { sender, pace: Arc::clone(&pace), refused: AtomicU64::new(0) }, pace, taken)
    }

    /// Puts work into it, if there is room.
    ///
    /// # Errors
    ///
    /// [`StoreError::QueueFull`] with the time after which there should be room; [`StoreError::Closed`] when the store is closing,
    /// [`StoreError::Internal`] when the lane has ended and the store is not.
    pub(crate) fn put(&self, work: Work, closing: &CancellationToken) -> Result<(), StoreError> {
        self.sender.try_send(work).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                StoreError::QueueFull { limit: self.limit(), retry_after: self.retry_after() }
            }
            mpsc::error::TrySendError::Closed(_) if closing.is_cancelled() => StoreError::Closed,
            mpsc::error::TrySendError::Closed(_) => dead(),
        })
    }

    /// How many may wait.
    pub(crate) fn limit(&self) -> usize {
        self.sender.max_capacity()
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.limit() - self.sender.capacity()
    }

    /// For how long a caller that was refused should stay away: between half and one and a half of the time that all who wait will
    /// take. So those who were refused at once do not come back at once, to be refused again.
    fn retry_after(&self) -> Duration {
        let all = self.pace.of(self.limit()).min(LONGEST_AWAY);
        let turn = self.refused.fetch_add(1, Ordering::Relaxed).wrapping_mul(GOLDEN);
        let turn = u32::try_from(turn >> 32).expect("32 bits are left");
        let part = all.mul_f64(0.5 + f64::from(turn) / f64::from(u32::MAX));
        part.clamp(SHORTEST_AWAY, LONGEST_AWAY)
    }
}

/// What callers are told of a lane that ended without having been told to.
pub(crate) fn dead() -> StoreError {
    StoreError::Internal("the lane that was to answer has died".to_owned())
}

/// How fast a lane works, by its last batches. The lane writes it, and callers read it.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Commands of the last batches, in thousandths, and what the batches took, in nanoseconds.
    milli_commands: AtomicU64,
    nanos: AtomicU64,
}

impl Pace {
    /// Notes one more batch.
    pub(crate) fn note(&self, commands: usize, took: Duration) {
        let add = |sum: &AtomicU64, more: u64| {
            let kept = sum.load(Ordering::Relaxed) / 8 * KEPT_OF_8;
            sum.store(kept.saturating_add(more), Ordering::Relaxed);
        };
        add(&self.milli_commands, u64::try_from(commands).unwrap_or(u64::MAX).saturating_mul(1_000));
        add(&self.nanos, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// What so many commands should take.
    fn of(&self, commands: usize) -> Duration {
        let nanos = u128::from(self.nanos.load(Ordering::Relaxed));
        let done = u128::from(self.milli_commands.load(Ordering::Relaxed)).max(1);
        let all = nanos * commands as u128 * 1_000 / done;
        Duration::from_nanos(u64::try_from(all).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_follows_the_batches_of_late() {
        let pace = Pace::default();
        assert_eq!(pace.of(4_096), Duration::ZERO);
        (0..100).for_each(|_| pace.note(1, Duration::from_millis(2)));
        assert!((199..=201).contains(&pace.of(100).as_millis()), "{:?}", pace.of(100));
        // One large batch says more than many callers that were alone.
        pace.note(256, Duration::from_millis(64));
        assert!((25..35).contains(&pace.of(100).as_millis()), "{:?}", pace.of(100));
        (0..100).for_each(|_| pace.note(256, Duration::from_millis(128)));
        assert!((49..=51).contains(&pace.of(100).as_millis()), "{:?}", pace.of(100));
    }

    #[tokio::test]
    async fn callers_are_told_to_come_back_when_there_is_room_and_not_all_at_once() {
        let (queue, pace, _taken) = Queue::new(1_000);
        pace.note(100, Duration::from_millis(200));
        let mut times: Vec<_> = (0..100).map(|_| queue.retry_after().as_millis()).collect();
        times.sort_unstable();
        assert!(times[0] >= 1_000 && times[99] <= 3_000, "{times:?}");
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.clone().max() <= Some(60) && gaps.min() >= Some(5), "{times:?}");
        pace.note(1, Duration::from_secs(3_600));
        assert!((0..10).all(|_| (15..=30).contains(&queue.retry_after().as_secs())));
    }

    #[tokio::test]
    async fn before_the_first_batch_it_is_a_short_time() {
        let (queue, ..) = Queue::new(1_000);
        assert_eq!(queue.retry_after(), SHORTEST_AWAY);
    }
}
