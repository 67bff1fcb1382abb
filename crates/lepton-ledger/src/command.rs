//! [`Command`]: a request as a struct with one pure function, and what surrounds every request alike.

use lepton_types::RequestId;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{Key, Refusal, RequestKey, RequestRecord, View, event};

/// Why a decision stopped without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The caller's error; the command has changed nothing.
    Refused(Refusal),
    /// The view has noted which keys it lacks; load them and decide again.
    Missing,
    /// The answer is there already, but not in words that this program knows; nothing may be decided in its place.
    Unreadable(UnreadableAnswer),
}

/// The answer of an earlier request, which this program cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored answer of request {request_id} cannot be read: {problem}")]
pub struct UnreadableAnswer {
    /// Under which id it is stored.
    pub request_id: RequestId,
    /// What is wrong with it.
    pub problem: String,
}

impl<R: Into<Refusal>> From<R> for Stop {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.into())
    }
}

/// A request: its inputs, and what it means.
pub trait Command: Send + Sync + 'static {
    /// What a successful call answers; stored under the request's id to be given again, also by later programs. A change
    /// of its serialised form that they could not read needs another [`RequestRecord::FORMAT`].
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// The call's name; part of what makes two requests the same.
    const NAME: &'static str;

    /// Whether it is a question that may look at very many rows, so that other questions do not wait for its end, nor fail
    /// with it.
    const IS_LONG: bool = false;

    /// Whether it is decided in a batch of its own, since it rests on what is in the tables: what other commands of a batch have
    /// decided is not there yet.
    const IS_ALONE: bool = false;

    /// What the decision is known to need before it starts, so that one round loads it all.
    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    /// Notes what the decision is going to need beyond its keys, as far as what is there tells. Called only while some of those are
    /// missing, so that one round loads it all. Nothing that it comes to counts, and no refusal either.
    fn look_ahead(&self, _ledger: &mut View) {}

    /// Decides: reads through the view, records in it what is to change, answers.
    ///
    /// # Errors
    ///
    /// [`Stop::Missing`] when the view lacks a row, else the refusal.
    fn decide(&self, ledger: &mut View) -> Result<Self::Answer, Stop>;
}

/// What surrounds a command: who asks, and under which request id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    actor: String,
    request: Option<(RequestKey, [u8; 32])>,
}

impl Envelope {
    /// A request of nobody's, which is not remembered: a question.
    pub fn anonymous() -> Self {
        Self::of("")
    }

    /// What one of Lepton's own parts does by itself, such as `host:node1` for a host's agent; it is not remembered.
    pub fn of(actor: &str) -> Self {
        Self { actor: actor.to_owned(), request: None }
    }

    /// The envelope of a caller's command, whose answer is remembered when it has an `id`.
    ///
    /// `body` is the request as it was sent, without its id: a repetition is known by it. What a manager adds of its own
    /// is no part of it, so that every manager, and every version of it, knows the request again.
    pub fn new<C: Command>(caller: &str, id: Option<RequestId>, body: &[u8]) -> Self {
        let request =
            id.map(|id| (RequestKey { caller: caller.to_owned(), id }, Self::fingerprint::<C>(body)));
        Self { actor: caller.to_owned(), request }
    }

    /// What tells two requests apart: SHA-256 over the call's name and the body.
    pub(crate) fn fingerprint<C: Command>(body: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update(C::NAME).chain_update([0]).chain_update(body).finalize().into()
    }

    /// Who asks: a caller's name as its credentials prove it, or a part of Lepton's own.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Under which name the answer is remembered.
    pub fn request_key(&self) -> Option<&RequestKey> {
        self.request.as_ref().map(|(key, _)| key)
    }
}

/// What a request is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<A> {
    /// The answer.
    pub answer: A,
    /// Whether it was given before, under the same request id, so that nothing was decided now.
    pub is_repeated: bool,
}

/// Gives the answer that the request's id already has, or decides and remembers the answer.
///
/// # Errors
///
/// As [`Command::decide`]; a refusal as well when the id belongs to another body, and [`Stop::Unreadable`].
pub fn execute<C: Command>(
    command: &C,
    envelope: &Envelope,
    ledger: &mut View,
) -> Result<Reply<C::Answer>, Stop> {
    let mut keys = command.keys();
    keys.extend(envelope.request_key().cloned().map(Key::Request));
    if !ledger.want(keys) {
        command.look_ahead(ledger);
        return Err(Stop::Missing);
    }

    let Some((key, fingerprint)) = &envelope.request else {
        return Ok(Reply { answer: carry_out(command, envelope, ledger)?, is_repeated: false });
    };
    if let Some(record) = ledger.request(key)? {
        return Ok(Reply { answer: recall::<C>(record, fingerprint)?, is_repeated: true });
    }
    let answer = carry_out(command, envelope, ledger)?;
    let text = serde_json::to_string(&answer).expect("an answer is plain data with text keys");
    ledger.insert(RequestRecord {
        key: key.clone(),
        format: RequestRecord::FORMAT,
        fingerprint: *fingerprint,
        answer: text,
        created_at: ledger.now(),
    });
    Ok(Reply { answer, is_repeated: false })
}

/// Decides, and records what that means to those who follow the ledger.
fn carry_out<C: Command>(command: &C, envelope: &Envelope, ledger: &mut View) -> Result<C::Answer, Stop> {
    let from = ledger.changes().len();
    let answer = command.decide(ledger)?;
    event::record(ledger, from, envelope, C::NAME);
    Ok(answer)
}

/// The answer that the record holds for the request with this fingerprint.
fn recall<C: Command>(record: &RequestRecord, fingerprint: &[u8; 32]) -> Result<C::Answer, Stop> {
    let request_id = || record.key.id.clone();
    let unreadable = |problem| Stop::Unreadable(UnreadableAnswer { request_id: request_id(), problem });
    let (found, known) = (record.format, RequestRecord::FORMAT);
    if found != known {
        return Err(unreadable(format!("it has format {found}, and this program knows format {known}")));
    }
    if record.fingerprint != *fingerprint {
        return Err(Refusal::RequestIdReused { request_id: request_id() }.into());
    }
    serde_json::from_str(&record.answer).map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests;
