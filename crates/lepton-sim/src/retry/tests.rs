use std::cell::Cell;

use tokio::time::Instant;
use tonic_types::{ErrorDetails, StatusExt};

use super::*;

fn refusal(code: Code, reason: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "lepton", []);
    Status::with_error_details(code, "no", details)
}

/// Answers with `status` until `failures` attempts have been made.
async fn attempts_with(status: Status, failures: u32) -> Outcome<u32> {
    let made = Cell::new(0);
    RetryPolicy::default()
        .run(|| {
            made.set(made.get() + 1);
            let answer =
                if made.get() > failures { Ok(Response::new(made.get())) } else { Err(status.clone()) };
            async { answer }
        })
        .await
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_is_asked_again() {
    for status in
        [refusal(Code::Unavailable, "SHUTTING_DOWN"), refusal(Code::ResourceExhausted, "QUEUE_FULL")]
    {
        let outcome = attempts_with(status, 3).await;
        assert_eq!(outcome.answer.unwrap(), 4);
        assert_eq!(outcome.attempts, 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_away_is_given_up() {
    let outcome = attempts_with(refusal(Code::Unavailable, "LEDGER_UNAVAILABLE"), u32::MAX).await;
    assert_eq!(outcome.attempts, RetryPolicy::default().attempts);
    assert_eq!(outcome.answer.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_repeating_cannot_change_is_final() {
    let refusals = [
        refusal(Code::ResourceExhausted, "NO_MORE_FIXED_IPS"),
        refusal(Code::InvalidArgument, "INVALID_FIELD"),
        refusal(Code::NotFound, "NETWORK_NOT_FOUND"),
    ];
    for status in refusals {
        assert_eq!(attempts_with(status, 1).await.attempts, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_says_when_to_come_back() {
    // Longer than it would wait by itself.
    let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(4_321)));
    let started = Instant::now();
    attempts_with(Status::with_error_details(Code::Unavailable, "later", details), 1).await.answer.unwrap();
    assert_eq!(started.elapsed().as_millis(), 4_321);
}
