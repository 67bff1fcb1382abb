//! How rows of any table are written: one statement for many rows.

use lepton_ledger::Row as LedgerRow;
use lepton_types::Timestamp;

use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value},
    together::{Together, all_there},
};

/// A row of the ledger as a row of a table.
pub(crate) trait Stored: LedgerRow {
    /// `insert into t (key columns, other columns) {rows}`.
    const INSERT: &'static str;
    /// `update t set … = v.columnN … from ({rows}) as v where t.key = v.column1 …`, with [`Stored::values`], behind which
    /// stand the [guards](Stored::guards) of the row as it was read.
    const UPDATE: &'static str;
    /// `delete from t where (key columns, guards) in ({rows})`, with the [guards](Stored::guards) of the row as it was read.
    const DELETE: Option<&'static str>;
    /// `insert into t_history (…, ended_at) {rows}`, with [`Stored::history_values`].
    const INSERT_HISTORY: Option<&'static str> = None;

    /// All columns, the key's first.
    fn values(&self) -> Vec<Value>;

    /// What the history keeps of them.
    fn history_values(&self) -> Vec<Value> {
        self.values()
    }

    /// The key's columns.
    fn key_values(&self) -> Vec<Value>;

    /// What must still stand in the table when the row is overwritten or ends: of rows that are not locked as they are loaded, their
    /// version. Another manager's change in between makes the batch decide again.
    fn guards(&self) -> Vec<Value> {
        Vec::new()
    }

    /// Reads the columns as [`Stored::values`] orders them.
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError>;
}

/// Adds new rows.
pub(crate) fn insert<R: Stored>(together: &mut Together, rows: &[&R]) {
    together.add(R::INSERT, rows, |row| row.values());
}

/// Overwrites rows; of each pair, the first is what was read and the second what is to be.
pub(crate) fn update<R: Stored>(together: &mut Together, rows: &[(&R, &R)]) {
    let values_of = |(before, after): &(&R, &R)| after.values().into_iter().chain(before.guards()).collect();
    together.add_overwriting(R::UPDATE, rows, values_of);
}

/// Ends rows, at once: others may come in their place.
pub(crate) async fn delete<R: Stored>(tx: &mut Tx, rows: &[&R]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = R::DELETE.ok_or_else(|| StoreError::Internal("rows of this table never end".into()))?;
    let key_of = |row: &&R| row.key_values().into_iter().chain(row.guards()).collect();
    let affected = tx.execute_for(sql, rows, key_of).await?;
    all_there(affected, rows.len())
}

/// Appends rows to their table's history, each with the moment at which it ended.
pub(crate) fn remember<R: Stored>(
    together: &mut Together,
    rows: &[(&R, Timestamp)],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = R::INSERT_HISTORY.ok_or_else(|| StoreError::Internal("this table has no history".into()))?;
    let values_of = |(row, ended_at): &(&R, Timestamp)| {
        row.history_values().into_iter().chain([ended_at.micros().into()]).collect()
    };
    together.add(sql, rows, values_of);
    Ok(())
}
