//! [`Limit`]: how long actions may take, so that one which is stuck costs the others time and nothing else; [`together`]:
//! how many are under way.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use lepton_plan::Action;
use tokio::time::{Instant, timeout_at};

use crate::PlugError;

/// What is under way at once. Enough to keep the netlink thread busy; the kernel's answers, under 1 KiB of socket buffer
/// each, stay far below the receive buffer (208 KiB, Linux `rmem_default`).
const IN_FLIGHT: usize = 64;

/// Longest that one action may take: plugging in a device takes less than a millisecond, and 64 are under way at once.
const OF_ONE: Duration = Duration::from_secs(10);

/// Longest that deleting may take: a thousand devices that are deleted one by one take 16 s.
const OF_DELETION: Duration = Duration::from_secs(30);

/// Longest that all actions of a plan may take. Below the 60 s after which the agent gives up on all of them, and knows
/// the outcome of none.
const OF_ALL: Duration = Duration::from_secs(45);

/// When the actions of a plan must have ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    until: Instant,
}

impl Limit {
    /// A plan begins.
    pub(super) fn begin() -> Self {
        Self { until: Instant::now() + OF_ALL }
    }

    /// The outcome of an action, which fails when it takes too long. What it was waiting for may still happen.
    pub(super) async fn of_one<T>(
        self,
        action: &Action,
        work: impl Future<Output = Result<T, PlugError>>,
    ) -> Result<T, PlugError> {
        self.hold(OF_ONE, work).await.unwrap_or_else(|words| Err(PlugError::of(action, &words)))
    }

    /// The outcomes of deletions, all of which fail when they take too long together.
    pub(super) async fn of_deletion(
        self,
        actions: &[&Action],
        work: impl Future<Output = Vec<Result<(), PlugError>>>,
    ) -> Vec<Result<(), PlugError>> {
        let late = |words| actions.iter().map(|action| Err(PlugError::of(action, &words))).collect();
        self.hold(OF_DELETION, work).await.unwrap_or_else(late)
    }

    async fn hold<T>(self, longest: Duration, work: impl Future<Output = T>) -> Result<T, String> {
        let begin = Instant::now();
        if begin >= self.until {
            return Err(format!("there is no time left: what came before took {} s", OF_ALL.as_secs()));
        }
        let until = self.until.min(begin + longest);
        timeout_at(until, work).await.map_err(|_| format!("no end after {} s", (until - begin).as_secs()))
    }
}

/// The outcomes of these, in their order. They end in any order: behind one that is stuck all others are begun.
pub(super) async fn together<T>(work: Vec<impl Future<Output = T>>) -> Vec<T> {
    let numbered: Vec<_> =
        work.into_iter().enumerate().map(|(place, work)| async move { (place, work.await) }).collect();
    let mut done: Vec<(usize, T)> = stream::iter(numbered).buffer_unordered(IN_FLIGHT).collect().await;
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn action() -> Action {
        Action::Unplug { device: "tapaaaaaaaa-00".parse().unwrap() }
    }

    fn words(outcome: Result<(), PlugError>) -> String {
        outcome.unwrap_err().to_string()
    }

    #[tokio::test(start_paused = true)]
    async fn an_action_that_is_stuck_fails_and_the_next_one_works() {
        let limit = Limit::begin();
        let stuck = limit.of_one(&action(), pending()).await;
        assert_eq!(words(stuck), "cannot unplug tapaaaaaaaa-00: no end after 10 s");
        assert_eq!(limit.of_one(&action(), ready(Ok(7))).await, Ok(7));
        let action = action();
        let stuck = limit.of_deletion(&[&action, &action], pending()).await;
        assert_eq!(stuck.len(), 2);
        for outcome in stuck {
            assert_eq!(words(outcome), "cannot unplug tapaaaaaaaa-00: no end after 30 s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_actions_of_a_plan_end_in_time_however_many_are_stuck() {
        let (limit, begin) = (Limit::begin(), Instant::now());
        for _ in 0..5 {
            limit.of_one(&action(), pending::<Result<(), _>>()).await.unwrap_err();
        }
        assert_eq!(begin.elapsed(), OF_ALL);
        let late = limit.of_one(&action(), ready(Ok(()))).await;
        assert_eq!(
            words(late),
            "cannot unplug tapaaaaaaaa-00: there is no time left: what came before took 45 s"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn behind_one_that_is_stuck_all_others_are_done() {
        let begin = Instant::now();
        let work = |place: usize| async move {
            if place == 0 {
                tokio::time::sleep(OF_ONE).await;
            }
            (place, begin.elapsed())
        };
        let done = together((0..1000).map(work).collect()).await;
        for (place, outcome) in done.into_iter().enumerate() {
            assert_eq!(outcome, (place, if place == 0 { OF_ONE } else { Duration::ZERO }));
        }
    }
}
