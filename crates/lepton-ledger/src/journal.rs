//! The journal: the events of every command that changed something, in the order in which the changes became durable.

use std::borrow::Cow;

use lepton_types::{Event, RecordedEvent, RequestId, Timestamp};

/// What a command did, as those who follow the ledger are told. It has no revisions yet: the writer gives them, in the
/// order in which batches become durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// When it was decided.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// Under which request id, if it had one.
    pub request_id: Option<RequestId>,
    /// By which call.
    pub call: Cow<'static, str>,
    /// What happened, at least one event.
    pub events: Vec<Event>,
}

/// An entry of the journal with the revisions of its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    /// The revision of its last event; those before it count down.
    pub last: u64,
    /// The entry.
    pub entry: JournalEntry,
}

/// Where the journal begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalBounds {
    /// The revision of the oldest event that is kept; when none is, the one that the next event gets.
    pub oldest: u64,
    /// The revision of the newest event; zero when there never was any.
    pub newest: u64,
}

impl Default for JournalBounds {
    fn default() -> Self {
        Self { oldest: 1, newest: 0 }
    }
}

impl JournalRow {
    /// The revision of its first event.
    pub fn first(&self) -> u64 {
        (self.last + 1).saturating_sub(self.entry.events.len() as u64)
    }

    /// Its events, each with its revision.
    pub(crate) fn events(&self) -> impl Iterator<Item = RecordedEvent> {
        let JournalEntry { at, actor, request_id, call, events } = &self.entry;
        (self.first()..).zip(events).map(|(revision, event)| RecordedEvent {
            revision,
            at: *at,
            actor: actor.clone(),
            request_id: request_id.clone(),
            call: call.clone(),
            event: event.clone(),
        })
    }
}
