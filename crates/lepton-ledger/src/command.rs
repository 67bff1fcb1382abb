//! [`Command`]: a request as a struct with one pure function, and what surrounds every request alike.

use lepton_types::RequestId;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{Key, Refusal, RequestKey, RequestRecord, View};

/// Why a decision stopped without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The caller's error; the command has changed nothing.
    Refused(Refusal),
    /// The view has noted which keys it lacks; load them and decide again.
    Missing,
}

impl<R: Into<Refusal>> From<R> for Stop {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.into())
    }
}

/// A request: its inputs, and what it means.
///
/// What it serialises is its identity: the request as it was sent, by which a repetition is known. What a manager adds
/// of its own, such as its settings, is skipped, so that every manager knows the request again.
pub trait Command: Serialize + Send + Sync + 'static {
    /// What a successful call answers; stored under the request's id to be given again.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// The call's name; part of what makes two requests the same.
    const NAME: &'static str;

    /// What the decision is known to need before it starts, so that one round loads it all.
    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

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
    request: Option<(RequestKey, [u8; 32])>,
}

impl Envelope {
    /// A request that is not remembered.
    pub fn anonymous() -> Self {
        Self { request: None }
    }

    /// The envelope of `command`, whose answer is remembered when it has an `id`.
    pub fn new<C: Command>(caller: &str, id: Option<RequestId>, command: &C) -> Self {
        let request = id.map(|id| (RequestKey { caller: caller.to_owned(), id }, fingerprint(command)));
        Self { request }
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

/// What tells two bodies of the same call apart: SHA-256 over the call's name and the command's identity.
fn fingerprint<C: Command>(command: &C) -> [u8; 32] {
    let body = serde_json::to_vec(command).expect("a command is plain data with text keys");
    Sha256::new().chain_update(C::NAME).chain_update([0]).chain_update(body).finalize().into()
}

/// Gives the answer that the request's id already has, or decides and remembers the answer.
///
/// # Errors
///
/// As [`Command::decide`]; a refusal as well when the id belongs to another body.
pub fn execute<C: Command>(
    command: &C,
    envelope: &Envelope,
    ledger: &mut View,
) -> Result<Reply<C::Answer>, Stop> {
    let mut keys = command.keys();
    keys.extend(envelope.request_key().cloned().map(Key::Request));
    ledger.need(keys)?;

    let Some((key, fingerprint)) = &envelope.request else {
        return Ok(Reply { answer: command.decide(ledger)?, is_repeated: false });
    };
    if let Some(record) = ledger.request(key)? {
        let answer =
            (record.fingerprint == *fingerprint).then(|| serde_json::from_str(&record.answer).ok()).flatten();
        let answer = answer.ok_or_else(|| Refusal::RequestIdReused { request_id: key.id.clone() })?;
        return Ok(Reply { answer, is_repeated: true });
    }
    let answer = command.decide(ledger)?;
    let text = serde_json::to_string(&answer).expect("an answer is plain data with text keys");
    let created_at = ledger.now();
    ledger.insert(RequestRecord { key: key.clone(), fingerprint: *fingerprint, answer: text, created_at });
    Ok(Reply { answer, is_repeated: false })
}

#[cfg(test)]
mod tests;
