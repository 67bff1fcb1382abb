//! This process's claim to be the agent of its host: the only one among those on the ledger's database.
//!
//! ```text
//! make: Held, Unknown, … ── for PATIENCE ──► ends the process
//!       Absent ── for SETTLE in a row ──► claims it all the same ─┐
//!       free ─────────────────────────────────────────────────────┴─► hold ── a look each LOOK ──► Held, Absent: work is cut
//! ```
//!
//! With a restart of the database every claim's lock is gone, and its holder needs a look to take it again. [`SETTLE`] is longer
//! than that takes, so nobody is faster; see [`lepton_store::HostClaim`] for how the two know of each other.

use std::{fmt, future::Future, time::Duration};

use lepton_manager::Manager;
use lepton_store::{ClaimError, Claimant, HostClaim};
use lepton_types::HostId;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

/// How long a start waits for the one before it to end, or for the database to find out that it has.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pause before a start tries again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often it is made sure that the claim still holds.
const LOOK: Duration = Duration::from_secs(1);

/// How long that may take, claiming it again included; then it is tried anew.
const ANSWER: Duration = Duration::from_secs(3);

/// How long a start finds the host's owner absent before it takes its place: all of that time the owner could have claimed the
/// host again, had it been there.
const SETTLE: Duration = Duration::from_secs(10);

/// How often a claim that stays lost is told of.
const REMINDER: Duration = Duration::from_mins(1);

/// How long giving the claim up may take, of the time that the stop has for it.
const FAREWELL: Duration = Duration::from_secs(1);

const _: () = assert!(
    SETTLE.as_millis() > PAUSE.as_millis() + LOOK.as_millis() + 2 * ANSWER.as_millis(),
    "an owner whose look began before the database was back, and came to nothing, has another one before it is too late"
);
const _: () = assert!(
    PATIENCE.as_secs() > HostClaim::LONGEST_SILENCE.as_secs() && PATIENCE.as_secs() > SETTLE.as_secs(),
    "a start outlasts one before it whose machine died"
);

/// Claims the host; none when the shutdown came first.
///
/// # Errors
///
/// Another process has it, and keeps it.
pub(crate) async fn make(
    manager: &Manager,
    host: &HostId,
    shutdown: &CancellationToken,
) -> Result<Option<HostClaim>, ClaimError> {
    tokio::select! {
        () = shutdown.cancelled() => Ok(None),
        made = arrive(|outlasted| manager.claim_host(host, outlasted)) => made.map(Some),
    }
}

/// Tries until the host is had, or is another's for good.
async fn arrive<C, A: Future<Output = Result<C, ClaimError>>>(
    mut attempt: impl FnMut(Option<Claimant>) -> A,
) -> Result<C, ClaimError> {
    let (mut arrival, mut told) = (Arrival::begin(), None);
    loop {
        let error = match attempt(arrival.outlasted()).await {
            Ok(claim) => return Ok(claim),
            Err(error) => error,
        };
        if arrival.ends_with(&error) {
            return Err(error);
        }
        if told.as_ref() != Some(&error) {
            tracing::warn!(%error, "waiting for the host");
            told = Some(error);
        }
        time::sleep(PAUSE).await;
    }
}

/// What a start has seen of the host's owner so far.
#[derive(Debug)]
struct Arrival {
    deadline: Instant,
    /// Who is absent, and since when without a break.
    absent: Option<(Claimant, Instant)>,
}

impl Arrival {
    fn begin() -> Self {
        Self { deadline: Instant::now() + PATIENCE, absent: None }
    }

    /// Who need not be waited for any more.
    fn outlasted(&self) -> Option<Claimant> {
        self.absent.filter(|(_, since)| since.elapsed() >= SETTLE).map(|(owner, _)| owner)
    }

    /// Whether the wait is over with what was found. Waiting for somebody absent comes to an end by itself.
    fn ends_with(&mut self, found: &ClaimError) -> bool {
        let ClaimError::Absent { owner, .. } = found else {
            // Where the database does not answer, the owner cannot have come back either.
            self.absent = None;
            return Instant::now() >= self.deadline;
        };
        if self.absent.is_none_or(|(absent, _)| absent != *owner) {
            self.absent = Some((*owner, Instant::now()));
        }
        false
    }
}

/// Works for as long as the claim is this process's, and gives it up when the work has ended.
///
/// What was lost with a connection is claimed anew. Where another process has claimed the host meanwhile, the work is cut at once:
/// two agents of one host are worse than none.
///
/// # Errors
///
/// Whose it is now.
pub(crate) async fn hold(mut claim: HostClaim, work: impl Future<Output = ()>) -> Result<(), ClaimError> {
    tokio::select! {
        () = work => {}
        error = lost(&mut claim) => return Err(error),
    }
    // Unheard, it costs the next one some seconds.
    let _ = time::timeout(FAREWELL, claim.release()).await;
    Ok(())
}

/// What can be looked at again and again: a claim, or what a test says of one. A closure that lends the claim to its future would
/// do, but of such a one the compiler does not see that the work can go to another thread.
trait Keep {
    /// As [`HostClaim::keep`].
    fn look(&mut self) -> impl Future<Output = Result<(), ClaimError>> + Send;
}

impl Keep for HostClaim {
    fn look(&mut self) -> impl Future<Output = Result<(), ClaimError>> + Send {
        self.keep()
    }
}

/// Waits until the claim is another process's, which it then stays.
async fn lost(claim: &mut impl Keep) -> ClaimError {
    let mut worry = Worry::default();
    loop {
        time::sleep(LOOK).await;
        let Ok(looked) = time::timeout(ANSWER, claim.look()).await else {
            worry.tell(Some(&format_args!("no answer within {} ms", ANSWER.as_millis())));
            continue;
        };
        match looked {
            Ok(()) => worry.tell(None),
            Err(error @ (ClaimError::Held { .. } | ClaimError::Absent { .. })) => return error,
            // A session that ended without a word has its lock until the server notices; a database that does not answer says
            // nothing about others.
            Err(error @ (ClaimError::Lingering { .. } | ClaimError::Unknown { .. })) => {
                worry.tell(Some(&error))
            }
        }
    }
}

/// What the log was told of a claim that is lost.
#[derive(Debug, Default)]
struct Worry {
    told: Option<Instant>,
}

/// What the log is to be told.
#[derive(Clone, Copy)]
enum News<'p> {
    Lost(&'p dyn fmt::Display),
    Found,
}

impl Worry {
    fn tell(&mut self, problem: Option<&dyn fmt::Display>) {
        match self.news(problem) {
            Some(News::Lost(error)) => {
                tracing::error!(%error, "this process is not certain to be its host's only agent");
            }
            Some(News::Found) => tracing::info!("this process is its host's only agent again"),
            None => {}
        }
    }

    /// Whether this look is worth a line: the first that finds the claim lost, or held again, and one a minute while it is lost.
    fn news<'p>(&mut self, problem: Option<&'p dyn fmt::Display>) -> Option<News<'p>> {
        let Some(problem) = problem else { return self.told.take().map(|_| News::Found) };
        if self.told.is_some_and(|told| told.elapsed() < REMINDER) {
            return None;
        }
        self.told = Some(Instant::now());
        Some(News::Lost(problem))
    }
}

#[cfg(test)]
mod tests;
