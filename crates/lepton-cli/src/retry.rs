//! Patience: a call that finds the server restarting or full is made again, a few times.
//!
//! It may be, because every change carries a request id: the second try of one that was carried out changes nothing.

use std::{error::Error as _, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// How often a call is made at most.
const ATTEMPTS: usize = 5;

/// The pause after the first attempt; it doubles with each, to 1.5 s in all: about what a restart of `leptond` takes.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The answer of the first attempt that does not fail in passing, or the last attempt's failure.
pub(crate) async fn while_unavailable<A>(attempt: impl AsyncFn() -> Result<A, Status>) -> Result<A, Status> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(status) if passes(&status) => tokio::time::sleep(pause.max(asked_pause(&status))).await,
            outcome => return outcome,
        }
        pause *= 2;
    }
    attempt().await
}

/// Whether the connection broke, instead of the server answering.
pub(crate) fn is_broken_connection(status: &Status) -> bool {
    // A status that came over the wire has no source.
    status.source().is_some()
}

/// Whether the same call may succeed a little later.
pub(crate) fn passes(status: &Status) -> bool {
    status.code() == Code::Unavailable
        || is_broken_connection(status)
        || status.get_details_retry_info().is_some()
}

fn asked_pause(status: &Status) -> Duration {
    let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
    asked.unwrap_or_default().min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;
    use tonic_types::ErrorDetails;

    use super::*;

    /// Runs against a server that fails in the given ways, then answers; how many attempts and how long it took.
    async fn against(failures: &[fn() -> Status]) -> (Result<(), Code>, usize, Duration) {
        let attempts = Cell::new(0);
        let start = Instant::now();
        let outcome = while_unavailable(async || {
            let failure = failures.get(attempts.get());
            attempts.set(attempts.get() + 1);
            failure.map_or(Ok(()), |failure| Err(failure()))
        })
        .await;
        (outcome.map_err(|status| status.code()), attempts.get(), start.elapsed())
    }

    fn unavailable() -> Status {
        Status::unavailable("restarting")
    }

    fn full() -> Status {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(3)));
        Status::with_error_details(Code::ResourceExhausted, "queue full", details)
    }

    #[tokio::test(start_paused = true)]
    async fn an_unavailable_server_is_asked_again_until_it_answers() {
        let (outcome, attempts, took) = against(&[unavailable, unavailable]).await;
        assert_eq!((outcome, attempts, took.as_millis()), (Ok(()), 3, 300));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_after_five_attempts() {
        let (outcome, attempts, took) = against(&[unavailable as fn() -> Status; 9]).await;
        assert_eq!((outcome, attempts, took.as_millis()), (Err(Code::Unavailable), 5, 1_500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_server_says_when_to_come_back() {
        let (outcome, attempts, took) = against(&[full]).await;
        assert_eq!((outcome, attempts, took.as_millis()), (Ok(()), 2, 3_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_final() {
        let (outcome, attempts, _) = against(&[|| Status::not_found("no such network")]).await;
        assert_eq!((outcome, attempts), (Err(Code::NotFound), 1));
    }
}
