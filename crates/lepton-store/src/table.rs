//! How rows of any table are written: one statement for many rows.

use lepton_ledger::Row as LedgerRow;

use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value},
    statement::chunks,
};

/// A row of the ledger as a row of a table.
pub(crate) trait Stored: LedgerRow {
    /// `insert into t (key columns, other columns) values {rows}`.
    const INSERT: &'static str;
    /// `update t set … = v.columnN … from (values {rows}) as v where t.key = v.column1 …`, with [`Stored::values`].
    const UPDATE: &'static str;
    /// `delete from t where (key columns) in (values {rows})`.
    const DELETE: Option<&'static str>;
    /// `insert into t_history (as INSERT, ended_at) values {rows}`.
    const INSERT_HISTORY: Option<&'static str> = None;

    /// All columns, the key's first.
    fn values(&self) -> Vec<Value>;

    /// The key's columns.
    fn key_values(&self) -> Vec<Value>;

    /// Reads the columns as [`Stored::values`] orders them.
    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError>;
}

pub(crate) async fn insert<R: Stored>(tx: &mut Tx, rows: &[&R]) -> Result<(), Failure> {
    for chunk in chunks(rows) {
        let values = chunk.iter().flat_map(|row| row.values()).collect();
        tx.execute(R::INSERT, chunk.len(), values).await?;
    }
    Ok(())
}

pub(crate) async fn update<R: Stored>(tx: &mut Tx, rows: &[&R]) -> Result<(), Failure> {
    for chunk in chunks(rows) {
        let values = chunk.iter().flat_map(|row| row.values()).collect();
        let affected = tx.execute(R::UPDATE, chunk.len(), values).await?;
        all_there(affected, chunk.len())?;
    }
    Ok(())
}

pub(crate) async fn delete<R: Stored>(tx: &mut Tx, rows: &[&R]) -> Result<(), Failure> {
    for chunk in chunks(rows) {
        let sql = R::DELETE.ok_or_else(|| StoreError::Internal("rows of this table never end".into()))?;
        let values = chunk.iter().flat_map(|row| row.key_values()).collect();
        let affected = tx.execute(sql, chunk.len(), values).await?;
        all_there(affected, chunk.len())?;
    }
    Ok(())
}

/// Appends rows that ended to their table's history.
pub(crate) async fn remember<R: Stored>(tx: &mut Tx, rows: &[&R], ended_at: i64) -> Result<(), Failure> {
    for chunk in chunks(rows) {
        let sql =
            R::INSERT_HISTORY.ok_or_else(|| StoreError::Internal("this table has no history".into()))?;
        let values = chunk.iter().flat_map(|row| row.values().into_iter().chain([ended_at.into()])).collect();
        tx.execute(sql, chunk.len(), values).await?;
    }
    Ok(())
}

/// A row that was read but is not there when it is written was taken by somebody else.
fn all_there(affected: u64, expected: usize) -> Result<(), Failure> {
    if usize::try_from(affected) == Ok(expected) {
        Ok(())
    } else {
        Err(Failure::Conflict(format!("{affected} of {expected} rows were still there")))
    }
}
