//! `journal`: the events of every command that changed something, in the order in which the changes became durable.
//!
//! Revisions come from a counter whose row is written last in a transaction, so that managers on PostgreSQL wait for one
//! another only while one of them commits, and so that whoever reads a revision has read or can read all below it.

use lepton_ledger::{Change, JournalBounds, JournalEntry, JournalRow, View};
use lepton_types::Timestamp;

use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Row, Value, damaged, json},
};

/// The counter of the events.
const EVENTS: &str = "events";

/// Most rows that one transaction forgets, so that it never holds up the writers for long.
const AT_ONCE: i64 = 256;

/// Appends what the batch's commands did. Nothing may be written after it.
pub(crate) async fn append(tx: &mut Tx, changes: &[Change]) -> Result<(), Failure> {
    const COUNT: &str = "insert into counters (name, last) values ($1, $2)
         on conflict (name) do update set last = counters.last + excluded.last
         returning last";
    const INSERT: &str = "insert into journal (last, count, at, actor, request_id, call, events) {rows}";
    let entries: Vec<&JournalEntry> = changes.iter().filter_map(Change::journal_entry).collect();
    let count: u64 = entries.iter().map(|entry| entry.events.len() as u64).sum();
    if count == 0 {
        return Ok(());
    }
    let counted = tx.fetch(COUNT, vec![EVENTS.into(), count.into()]).await?;
    let newest = counted.first().map_or(Err(damaged("counter", &EVENTS)), |row| row.columns().number())?;
    let mut last = newest.saturating_sub(count);
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        last += entry.events.len() as u64;
        rows.push((last, entry));
    }
    tx.execute_for(INSERT, &rows, |(last, entry)| values(*last, entry)).await.map(drop)
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

/// Forgets a bounded number of entries from before a moment, the oldest first; answers how many.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Failure> {
    // Only so many of the oldest rows are looked at; an index by age would cost every command an entry of its own.
    const SQL: &str = "delete from journal where last <=
         (select max(last) from
             (select last, at from journal where last > 0 order by last limit $2) as oldest
          where at < $1)";
    tx.execute(SQL, vec![before.micros().into(), AT_ONCE.into()]).await
}
