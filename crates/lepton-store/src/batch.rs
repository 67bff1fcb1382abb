//! A batch: jobs that are decided over one view and written in one transaction.

use std::{sync::Arc, time::Duration};

use lepton_ledger::{Change, Command, Envelope, Reply, RequestKey, RequestRecord, Stop, View, execute};
use lepton_types::Timestamp;
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use crate::{
    again::TimeLimit,
    apart,
    close::close,
    dry::{self, Scarce},
    engine::{Engine, Tx},
    error::{StoreError, SubmitError},
    failure::Failure,
    load::{addresses_last, load},
    surroundings::ReadClock,
    tables::requests,
    write::write,
};

/// Most rounds of loading before a batch counts as one that never comes to an end. Three are usual.
const MOST_ROUNDS: usize = 1000;

/// A command on its way to its answer, whatever command it is.
pub(crate) trait Job: Send {
    /// Decides; answers false when the view lacks something. `number` tells the job apart from its neighbours.
    fn attempt(&mut self, number: usize, view: &mut View) -> bool;

    /// Whether it is decided in a batch of its own.
    fn is_alone(&self) -> bool;

    /// Under which request id it was refused, if it has one and was.
    fn refused_request(&self) -> Option<&RequestKey>;

    /// The span in which it is asked for.
    fn span(&self) -> &Span;

    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;

    /// Answers: with what was decided, if it is durable.
    fn settle(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// A command with its envelope and its caller.
pub(crate) struct Submitted<C: Command> {
    command: C,
    envelope: Envelope,
    is_rehearsal: bool,
    decision: Option<Result<Reply<C::Answer>, SubmitError>>,
    span: Span,
    caller: oneshot::Sender<Result<Reply<C::Answer>, SubmitError>>,
}

impl<C: Command> Submitted<C> {
    pub(crate) fn new(
        command: C,
        envelope: Envelope,
        is_rehearsal: bool,
        caller: oneshot::Sender<Result<Reply<C::Answer>, SubmitError>>,
    ) -> Self {
        Self { command, envelope, is_rehearsal, decision: None, span: Span::current(), caller }
    }
}

impl<C: Command> Job for Submitted<C> {
    fn attempt(&mut self, number: usize, view: &mut View) -> bool {
        let decide = |view: &mut View| execute(&self.command, &self.envelope, view);
        let outcome =
            if self.is_rehearsal { view.rehearse(number, decide) } else { view.attempt(number, decide) };
        self.decision = match outcome {
            Ok(reply) => Some(Ok(reply)),
            Err(Stop::Refused(refusal)) => Some(Err(SubmitError::Refused(refusal))),
            Err(Stop::Unreadable(answer)) => Some(Err(StoreError::UnreadableAnswer(answer).into())),
            Err(Stop::Missing) => None,
        };
        self.decision.is_some()
    }

    fn is_alone(&self) -> bool {
        C::IS_ALONE
    }

    fn refused_request(&self) -> Option<&RequestKey> {
        let is_refused = matches!(self.decision, Some(Err(SubmitError::Refused(_))));
        self.envelope.request_key().filter(|_| is_refused)
    }

    fn span(&self) -> &Span {
        &self.span
    }

    fn is_abandoned(&self) -> bool {
        self.caller.is_closed()
    }

    fn settle(self: Box<Self>, outcome: Result<(), StoreError>) {
        let answer = match (outcome, self.decision) {
            (Ok(()), Some(decision)) => decision,
            (Ok(()), None) => Err(StoreError::Internal("the command was never decided".into()).into()),
            (Err(error), _) => Err(error.into()),
        };
        // A caller that has gone away needs no answer; its request id finds it later.
        let _ = self.caller.send(answer);
    }
}

/// Decides the jobs and writes what they changed; answers the changes once they are durable.
///
/// # Errors
///
/// [`Failure::TimedOut`] only where a job may be at fault: neither a server that does not even begin is, nor a commit that nobody
/// knows the fate of; [`Failure::Scarce`] for subnets that it must begin anew for, beside or again like those of `scarce`.
pub(crate) async fn write_batch(
    engine: &Arc<Engine>,
    jobs: &mut [Box<dyn Job>],
    scarce: &Scarce,
    clock: &ReadClock,
    seed: [u8; 32],
) -> Result<Vec<Change>, Failure> {
    let limit = TimeLimit::from_now(engine.connections().time_limit());
    let mut tx = limit.hold(engine.write()).await.map_err(Failure::of_the_server)?;
    tx.note_scarce(scarce);
    // What rests on the tables as they are is decided on nothing else.
    let is_alone = jobs.iter().any(|job| job.is_alone());
    let view = if is_alone {
        tx.begin_with_nothing(clock(), seed)
    } else {
        tx.go_on_with_what_is_left(clock(), seed)
    };
    let (tx, changes, left) = limit.hold(carry_out(tx, jobs, view, clock)).await?;
    let end = async {
        if changes.is_empty() { tx.rollback_leaving(left).await } else { tx.commit_leaving(left).await }
    };
    let ending = tracing::info_span!(target: "trace", "commit", changes = changes.len());
    limit.hold(end).instrument(ending).await.map_err(Failure::of_the_server)?;
    Ok(changes)
}

/// Does all but the commit; answers also what is left for the next batch, if nobody else writes.
async fn carry_out(
    mut tx: Tx,
    jobs: &mut [Box<dyn Job>],
    mut view: View,
    clock: &ReadClock,
) -> Result<(Tx, Vec<Change>, Option<Box<View>>), Failure> {
    let work = async {
        decide(&mut tx, jobs, &mut view, clock).await?;
        reconsider(&mut tx, jobs, &mut view).await?;
        dry::check(&mut tx, &view).await?;
        let writing = tracing::info_span!(target: "trace", "write");
        write(&mut tx, view.changes(), &view.ended()).instrument(writing).await?;
        apart::check(&mut tx, &view).await?;
        close(&mut tx, view.changes(), view.default_limits()).await
    };
    if let Err(failure) = work.await {
        // Unheard, the server takes it back by itself.
        let _ = tx.rollback().await;
        return Err(failure);
    }
    if tx.is_shared() {
        return Ok((tx, view.into_changes(), None));
    }
    let (changes, left) = view.leave();
    Ok((tx, changes, Some(Box::new(left))))
}

/// Decides jobs that change nothing, over one snapshot, for so long at most.
pub(crate) async fn read_batch(
    engine: &Arc<Engine>,
    jobs: &mut [Box<dyn Job>],
    now: Timestamp,
    seed: [u8; 32],
    limit: Option<Duration>,
) -> Result<(), Failure> {
    let limit = TimeLimit::from_now(limit);
    let mut tx = limit.hold(engine.read()).await.map_err(Failure::of_the_server)?;
    let work = async {
        let outcome = decide(&mut tx, jobs, &mut engine.view(now, seed), &move || now).await;
        tx.rollback().await.and(outcome)
    };
    limit.hold(work).await
}

/// Decides every job, loading between rounds what those of the round before have missed. A job that had all it needed
/// is not decided again: those that wait come after it, which is as good an order as any.
///
/// The clock is read after each round: who had to wait for rows that another manager held decides after that one, and what comes
/// then must not begin before what it ended.
async fn decide(
    tx: &mut Tx,
    jobs: &mut [Box<dyn Job>],
    view: &mut View,
    clock: &ReadClock,
) -> Result<(), Failure> {
    let span = tracing::info_span!(target: "trace", "decide");
    decide_in_rounds(tx, jobs, view, clock).instrument(span).await
}

async fn decide_in_rounds(
    tx: &mut Tx,
    jobs: &mut [Box<dyn Job>],
    view: &mut View,
    clock: &ReadClock,
) -> Result<(), Failure> {
    let mut waiting: Vec<usize> = (0..jobs.len()).collect();
    for _ in 0..MOST_ROUNDS {
        waiting.retain(|&number| !jobs[number].attempt(number, view));
        let missing = view.take_missing();
        if waiting.is_empty() {
            return Ok(());
        }
        let missing = if tx.is_shared() { addresses_last(missing) } else { missing };
        load(tx, missing, view).await?;
        view.go_on_at(clock());
    }
    Err(StoreError::Internal(format!("{} commands miss rows after {MOST_ROUNDS} rounds", waiting.len()))
        .into())
}

/// Looks once more for the request ids of what was refused. Another manager may have carried out the very same request
/// after its record was looked for here, and that may be what it was refused for; then the record is the answer.
async fn reconsider(tx: &mut Tx, jobs: &mut [Box<dyn Job>], view: &mut View) -> Result<(), Failure> {
    if !tx.is_shared() {
        return Ok(());
    }
    let refused = jobs.iter().enumerate();
    let refused = refused.filter_map(|(number, job)| Some((number, job.refused_request()?.clone())));
    let (numbers, keys): (Vec<usize>, Vec<RequestKey>) = refused.unzip();
    requests::load(tx, &keys, view).await?;
    for (number, key) in numbers.into_iter().zip(keys) {
        if view.row::<RequestRecord>(&key).is_some() {
            jobs[number].attempt(number, view);
        }
    }
    Ok(())
}
