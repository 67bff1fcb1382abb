//! [`Again`] and [`TimeLimit`]: how often, and how long, a database is tried.

use std::time::Duration;

use tokio::time::Instant;

use crate::failure::Failure;

/// Pause before the second attempt; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// Pause between attempts where others were faster.
const LONGEST_PAUSE_OF_RACES: Duration = Duration::from_millis(10);

/// Pause between attempts to reach a server that is not there.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Whether something that failed is tried again, and after which pause.
pub(crate) struct Again {
    deadline: Instant,
    conflicts_left: usize,
    pause: Duration,
}

impl Again {
    /// For as long as `patience` for a server that is not there, and so often when others are faster.
    pub(crate) fn new(patience: Duration, most_conflicts: usize) -> Self {
        Self { deadline: Instant::now() + patience, conflicts_left: most_conflicts, pause: FIRST_PAUSE }
    }

    /// Pauses when it is to be tried again, or gives the failure back.
    pub(crate) async fn after(&mut self, failure: Failure) -> Result<(), Failure> {
        match &failure {
            Failure::Conflict(problem) | Failure::Violation(problem) if self.conflicts_left > 0 => {
                self.conflicts_left -= 1;
                // Whoever was faster has committed by then, and the lane's next batch waits.
                self.pause = self.pause.min(LONGEST_PAUSE_OF_RACES);
                tracing::debug!(problem, "others were faster; it is tried again");
            }
            Failure::Disconnected(problem) if Instant::now() < self.deadline => {
                tracing::debug!(problem, "it is tried again on another connection");
            }
            Failure::Conflict(_)
            | Failure::Scarce(_)
            | Failure::Violation(_)
            | Failure::Disconnected(_)
            | Failure::TimedOut(_)
            | Failure::Error(_) => return Err(failure),
        }
        tokio::time::sleep(self.pause).await;
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        Ok(())
    }
}

/// How long a server may take for a batch in all, from now on; none for a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimit {
    limit: Option<Duration>,
    since: Instant,
}

impl TimeLimit {
    /// Counts from now on.
    pub(crate) fn from_now(limit: Option<Duration>) -> Self {
        Self { limit, since: Instant::now() }
    }

    /// Gives up on a server that does not answer in time. What was sent to it may still happen.
    ///
    /// # Errors
    ///
    /// [`Failure::TimedOut`], and as the work.
    pub(crate) async fn hold<T>(self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let Some(limit) = self.limit else { return work.await };
        let no_answer = || Failure::TimedOut(format!("no answer within {} ms", limit.as_millis()));
        tokio::time::timeout_at(self.since + limit, work).await.unwrap_or_else(|_| Err(no_answer()))
    }
}
