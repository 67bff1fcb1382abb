//! `journal`: the events of every command that changed something, in the order in which the changes became durable.
//!
//! Revisions come from a counter whose row is written last in a transaction, so that managers on PostgreSQL wait for one
//! another only while one of them commits, and so that whoever reads a revision has read or can read all below it.

use std::net::IpAddr;

use lepton_ledger::{Change, JournalAbout, JournalBounds, JournalEntry, JournalRow, View};
use lepton_types::Timestamp;

use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Row, Value, damaged, json},
    together::Part,
};

/// The counter of the events.
const EVENTS: &str = "events";

/// Counts events and appends them: the rows say how far behind the old count they end. `$only` says when.
macro_rules! counting_and_inserting {
    ($only:literal) => {
        concat!(
            "with entries as ({rows}),
         counted as (
             insert into counters (name, last) select distinct column8, column9 from entries ",
            $only,
            "
             on conflict (name) do update set last = counters.last + excluded.last
             returning last
         )
         insert into journal (last, count, at, actor, request_id, call, events)
         select counted.last - column9 + column1, column2, column3, column4, column5, column6, column7
         from entries, counted"
        )
    };
}

/// What the commands of a batch did.
pub(crate) struct Entries<'c> {
    entries: Vec<&'c JournalEntry>,
    /// How many events they tell of.
    count: u64,
}

impl<'c> Entries<'c> {
    pub(crate) fn of(changes: &'c [Change]) -> Self {
        let entries: Vec<_> = changes.iter().filter_map(Change::journal_entry).collect();
        let count = entries.iter().map(|entry| entry.events.len() as u64).sum();
        Self { entries, count }
    }

    /// Appends them. Nothing may be written after it.
    pub(crate) async fn append(&self, tx: &mut Tx) -> Result<(), Failure> {
        if self.count == 0 {
            Ok(())
        } else if tx.is_shared() {
            self.count_and_insert(tx).await
        } else {
            tx.execute_in_order(self.count_then_insert()).await.map(drop)
        }
    }

    /// The statement that appends them, if there are any, behind one that has to find so many rows: if it does not, nothing is
    /// appended.
    pub(crate) fn counting_behind(&self, rows: usize) -> Option<Part> {
        const SQL: &str = counting_and_inserting!("where column10 = (select count(*) from part0)");
        let entries = if self.count == 0 { Vec::new() } else { with_ends(&self.entries, 0) };
        Part::new(SQL, &entries, |(last, entry)| {
            self.counted_values(*last, entry).into_iter().chain([(rows as u64).into()]).collect()
        })
    }

    /// The statements that append them, for who waits for nobody else: one counts, and behind it one inserts. None for no entries.
    pub(crate) fn count_then_insert(&self) -> Vec<Part> {
        const COUNT: &str = "insert into counters (name, last) {rows}
             on conflict (name) do update set last = counters.last + excluded.last";
        const INSERT: &str = "insert into journal (last, count, at, actor, request_id, call, events)
             select (select last from counters where name = v.column8) - v.column9 + v.column1, v.column2, v.column3, v.column4,
                 v.column5, v.column6, v.column7
             from ({rows}) as v";
        let counters = if self.count == 0 { Vec::new() } else { vec![()] };
        let count = Part::new(COUNT, &counters, |()| vec![EVENTS.into(), self.count.into()]);
        let insert = Part::new(INSERT, &with_ends(&self.entries, 0), |(last, entry)| {
            self.counted_values(*last, entry)
        });
        count.into_iter().chain(insert).collect()
    }

    /// The same in one statement, while which all other managers wait.
    async fn count_and_insert(&self, tx: &mut Tx) -> Result<(), Failure> {
        const SQL: &str = counting_and_inserting!("where true");
        let values_of = |(last, entry): &(u64, &JournalEntry)| self.counted_values(*last, entry);
        tx.execute_for(SQL, &with_ends(&self.entries, 0), values_of).await.map(drop)
    }

    fn counted_values(&self, last: u64, entry: &JournalEntry) -> Vec<Value> {
        values(last, entry).into_iter().chain([EVENTS.into(), self.count.into()]).collect()
    }
}

/// Each entry with the revision of its last event, when so many were counted before.
fn with_ends<'e>(entries: &[&'e JournalEntry], before: u64) -> Vec<(u64, &'e JournalEntry)> {
    let end = |last: &mut u64, entry: &&'e JournalEntry| {
        *last += entry.events.len() as u64;
        Some((*last, *entry))
    };
    entries.iter().scan(before, end).collect()
}

fn values(last: u64, entry: &JournalEntry) -> Vec<Value> {
    vec![
        last.into(),
        (entry.events.len() as u64).into(),
        entry.at.micros().into(),
        entry.actor.as_str().into(),
        entry.request_id.clone().map(String::from).into(),
        (*entry.call).into(),
        json(&entry.events),
    ]
}

pub(crate) fn read(columns: &mut Columns<'_>) -> Result<JournalRow, StoreError> {
    let (last, count) = (columns.number()?, columns.number()?);
    let row = JournalRow {
        last,
        entry: JournalEntry {
            at: columns.get::<i64>()?.into(),
            actor: columns.get()?,
            request_id: columns.parsed_option()?,
            call: columns.get::<String>()?.into(),
            events: columns.json()?,
        },
    };
    if row.entry.events.len() as u64 == count { Ok(row) } else { Err(damaged("count of events", &count)) }
}

/// Loads where the journal begins and ends.
pub(crate) async fn load_bounds(tx: &mut Tx, view: &mut View) -> Result<(), Failure> {
    const NEWEST: &str = "select last from counters where name = $1";
    const OLDEST: &str = "select last - count + 1 from journal where last > 0 order by last limit 1";
    let number = |rows: &[Row]| rows.first().map(|row| row.columns().number()).transpose();
    let newest = number(&tx.fetch(NEWEST, vec![EVENTS.into()]).await?)?.unwrap_or(0);
    let oldest = number(&tx.fetch(OLDEST, Vec::new()).await?)?.unwrap_or(newest + 1);
    view.note_journal_bounds(JournalBounds { oldest, newest });
    Ok(())
}

/// Loads what one look behind a revision goes through.
pub(crate) async fn load(tx: &mut Tx, after: u64, view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select last, count, at, actor, request_id, call, events from journal
         where last between $1 and $2";
    let span = View::journal_span(after);
    for row in tx.fetch(SQL, vec![(*span.start()).into(), (*span.end()).into()]).await? {
        view.load_journal(read(&mut row.columns())?);
    }
    Ok(())
}

/// Loads what the latest entries tell of an address, and how far back they go.
pub(crate) async fn load_about(tx: &mut Tx, address: IpAddr, view: &mut View) -> Result<(), Failure> {
    const FIRST: &str = "select at from journal where last >= $1 order by last limit 1";
    const SQL: &str = "select last, count, at, actor, request_id, call, events from journal
         where last >= $1 and events like $2 order by last";
    load_bounds(tx, view).await?;
    let JournalBounds { oldest, newest } = view.whole_journal().1;
    let from = oldest.max(newest.saturating_sub(JournalAbout::MOST_ENTRIES));
    let mut about = JournalAbout::default();
    if from > 1 {
        let first = tx.fetch(FIRST, vec![from.into()]).await?;
        let at = first.first().map(|row| row.columns().get::<i64>()).transpose()?;
        about.since = Some(at.map_or_else(|| view.now(), Timestamp::from));
    }
    // An address has no character that means anything here.
    for row in tx.fetch(SQL, vec![from.into(), format!("%{address}%").into()]).await? {
        let JournalEntry { at, events, .. } = read(&mut row.columns())?.entry;
        let named = events.into_iter().filter(|event| JournalAbout::names(event, address));
        about.events.extend(named.map(|event| (at, event)));
    }
    view.note_journal_about(address, about);
    Ok(())
}

/// Forgets a bounded number of entries from before a moment, the oldest first; answers how many.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Failure> {
    // Only so many of the oldest rows are looked at; an index by age would cost every command an entry of its own.
    const SQL: &str = "delete from journal where last <=
         (select max(last) from
             (select last, at from journal where last > 0 order by last limit $2) as oldest
          where at < $1)";
    tx.execute(SQL, vec![before.micros().into(), i64::from(View::FORGOTTEN_AT_ONCE).into()]).await
}
