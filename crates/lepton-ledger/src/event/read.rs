//! `ReadEvents`: a page of events, for those who follow the ledger.

use lepton_types::{Event, ProjectId, RecordedEvent};
use serde::{Deserialize, Serialize};

use crate::{Command, JournalBounds, Key, Refusal, Scope, Selection, Stop, View};

/// Reads events, a bounded number of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadEvents {
    /// Where to begin.
    pub start: EventStart,
    /// Most events to answer with.
    pub limit: u16,
    /// Which of them are wanted.
    pub filter: EventFilter,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStart {
    /// Behind this revision.
    After(u64),
    /// With so many of the newest events, as far as they are kept. With none of them nothing is read, and the answer says
    /// where the journal ends.
    Newest(u16),
}

/// Which events somebody wants and may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// What the reader may see.
    pub scope: Scope,
    /// Only what happened to this project's things.
    pub project: Option<ProjectId>,
    /// Only kinds that begin with one of these; none: every kind.
    pub kinds: Vec<String>,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    /// The events, in order.
    pub events: Vec<RecordedEvent>,
    /// Up to where the journal was read: every event up to here that the filter lets pass is in this page or before it.
    pub through: u64,
    /// Whether the journal goes on behind it.
    pub has_more: bool,
}

impl Command for ReadEvents {
    type Answer = EventPage;

    const NAME: &'static str = "ReadEvents";

    fn keys(&self) -> Vec<Key> {
        match self.start {
            EventStart::After(after) => {
                vec![Key::Select(Selection::JournalBounds), Key::Select(Selection::Journal(after))]
            }
            EventStart::Newest(_) => vec![Key::Select(Selection::JournalBounds)],
        }
    }

    fn decide(&self, ledger: &mut View) -> Result<EventPage, Stop> {
        let bounds = ledger.journal_bounds()?;
        let newest = bounds.newest;
        let after = self.start.after(bounds)?;
        if after == newest {
            return Ok(EventPage { events: Vec::new(), through: newest, has_more: false });
        }
        let (mut events, mut through) = (Vec::new(), after);
        for row in ledger.journal(after)? {
            for event in row.events().filter(|event| event.revision > after) {
                if events.len() == usize::from(self.limit) {
                    return Ok(EventPage { events, through, has_more: true });
                }
                through = event.revision;
                events.extend(self.filter.lets_pass(&event.event).then_some(event));
            }
        }
        Ok(EventPage { events, through, has_more: through < newest })
    }
}

impl EventStart {
    /// The revision behind which to read.
    fn after(self, bounds: JournalBounds) -> Result<u64, Refusal> {
        let JournalBounds { oldest, newest } = bounds;
        match self {
            Self::Newest(count) => Ok(newest.saturating_sub(count.into()).max(oldest - 1)),
            Self::After(after) if after > newest => Err(Refusal::RevisionAhead { after, newest }),
            Self::After(after) if after + 1 < oldest => Err(Refusal::EventsForgotten { after, oldest }),
            Self::After(after) => Ok(after),
        }
    }
}

impl EventFilter {
    /// Whether the event is wanted, and the reader may see it.
    pub(super) fn lets_pass(&self, event: &Event) -> bool {
        let is_seen = event.is_public || self.scope.owns(event.project.as_ref());
        let is_of_project = self.project.is_none() || self.project == event.project;
        let is_of_kind =
            self.kinds.is_empty() || self.kinds.iter().any(|kind| event.kind.starts_with(&**kind));
        is_seen && is_of_project && is_of_kind
    }
}
