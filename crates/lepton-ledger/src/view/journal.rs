//! The journal as a view knows it: what was loaded of it, or, in memory, all that is kept of it.

use std::{collections::BTreeMap, ops::RangeInclusive};

use lepton_types::Timestamp;

use super::View;
use crate::{Change, JournalBounds, JournalEntry, JournalRow, Key, Selection, Stop};

/// How many revisions one look at the journal goes through; not fewer than an entry has, so that every look gets on.
const SPAN: u64 = 512;

/// What a view knows of the journal.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    /// By the revision of their last events.
    rows: BTreeMap<u64, JournalRow>,
    bounds: JournalBounds,
}

impl View {
    /// Most entries of the journal that are forgotten at once, so that it never holds up the writers for long.
    pub const FORGOTTEN_AT_ONCE: u16 = 256;

    /// Which rows of the journal one look behind a revision goes through, by the revisions of their last events.
    pub fn journal_span(after: u64) -> RangeInclusive<u64> {
        after.saturating_add(1)..=after.saturating_add(SPAN)
    }

    /// Records what a command did, for those who follow the ledger.
    pub(crate) fn append(&mut self, entry: JournalEntry) {
        self.changes.push(Change::Journal(entry));
    }

    /// Where the journal begins and ends.
    pub(crate) fn journal_bounds(&mut self) -> Result<JournalBounds, Stop> {
        self.need([Key::Select(Selection::JournalBounds)])?;
        Ok(self.journal.bounds)
    }

    /// The entries that one look behind a revision goes through, in order; the first may begin before it.
    pub(crate) fn journal(&mut self, after: u64) -> Result<impl Iterator<Item = &JournalRow>, Stop> {
        self.need([Key::Select(Selection::Journal(after))])?;
        Ok(self.journal.rows.range(Self::journal_span(after)).map(|(_, row)| row))
    }

    /// What the view knows of the journal, in order, and where that begins and ends.
    pub fn whole_journal(&self) -> (impl Iterator<Item = &JournalRow>, JournalBounds) {
        (self.journal.rows.values(), self.journal.bounds)
    }

    /// Enters a row that the store holds.
    pub fn load_journal(&mut self, row: JournalRow) {
        self.journal.rows.insert(row.last, row);
    }

    /// Says where the journal begins and ends.
    pub fn note_journal_bounds(&mut self, bounds: JournalBounds) {
        self.journal.bounds = bounds;
    }

    /// Gives an entry its revisions, when what the batch decided is kept.
    pub(super) fn keep_entry(&mut self, entry: JournalEntry) {
        let bounds = &mut self.journal.bounds;
        bounds.newest += entry.events.len() as u64;
        let row = JournalRow { last: bounds.newest, entry };
        self.journal.rows.insert(row.last, row);
    }

    /// Drops a bounded number of the entries that a complete view keeps from before a moment, the oldest first; answers how many.
    /// What stands before one of them goes too, though it may be from after the moment where a clock was set back.
    pub fn forget_events(&mut self, before: Timestamp) -> u64 {
        let oldest: Vec<&JournalRow> =
            self.journal.rows.values().take(Self::FORGOTTEN_AT_ONCE.into()).collect();
        let Some(last) = oldest.iter().rposition(|row| row.entry.at < before) else { return 0 };
        let newest = oldest[last].last;
        self.journal.rows = self.journal.rows.split_off(&(newest + 1));
        self.journal.bounds.oldest = newest + 1;
        last as u64 + 1
    }
}
