//! Repeating a call that may be repeated.

use std::{error::Error, future::Future, time::Duration};

use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

use crate::reason;

/// How often, and after how long, a call is repeated.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Most attempts, the first included.
    pub attempts: u32,
    /// Pause before the second attempt; it doubles for each one that follows.
    pub first_delay: Duration,
    /// Longest pause, but where the server asks for another.
    pub longest_delay: Duration,
}

/// Longest pause that a server is believed to want.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// How a call ended, and what it took.
#[derive(Debug)]
pub(crate) struct Outcome<T> {
    pub(crate) answer: Result<T, Status>,
    pub(crate) attempts: u32,
}

impl<T> Outcome<T> {
    /// The same outcome, when what was answered does not matter.
    pub(crate) fn without_answer(self) -> Outcome<()> {
        Outcome { answer: self.answer.map(drop), attempts: self.attempts }
    }
}

impl Default for RetryPolicy {
    /// Ten attempts within 2.1 seconds: longer than a restart of the server takes.
    fn default() -> Self {
        Self {
            attempts: 10,
            first_delay: Duration::from_millis(10),
            longest_delay: Duration::from_millis(500),
        }
    }
}

impl RetryPolicy {
    /// Calls until an answer comes, a refusal that repeating cannot change, or the last attempt failed.
    ///
    /// Every attempt sends the same request with the same request id, so a repeated one is a replay.
    pub(crate) async fn run<T, F, A>(&self, mut call: F) -> Outcome<T>
    where
        F: FnMut() -> A,
        A: Future<Output = Result<Response<T>, Status>>,
    {
        let mut delay = self.first_delay;
        for attempts in 1.. {
            let status = match call().await {
                Ok(response) => return Outcome { answer: Ok(response.into_inner()), attempts },
                Err(status) => status,
            };
            if attempts >= self.attempts || !is_worth_repeating(&status) {
                return Outcome { answer: Err(status), attempts };
            }
            let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
            tokio::time::sleep(asked.map_or(delay, |asked| asked.min(LONGEST_ASKED))).await;
            delay = (delay * 2).min(self.longest_delay);
        }
        unreachable!("the loop ends with the last attempt")
    }
}

/// Whether the same request may be answered next time: the server was away, busy, or the connection broke.
pub fn is_worth_repeating(status: &Status) -> bool {
    let is_away = status.code() == Code::Unavailable;
    // A status that has a source was made on this side, of a connection that broke while the call was under way.
    is_away || is_of_full_queue(status) || status.source().is_some()
}

/// Whether too many waited at the server already.
pub(crate) fn is_of_full_queue(status: &Status) -> bool {
    status.code() == Code::ResourceExhausted && reason(status) == "QUEUE_FULL"
}

#[cfg(test)]
mod tests;
