//! [`Together`]: changes of rows, gathered table by table and then carried out at once.

use crate::{engine::Tx, failure::Failure, sql::Value, statement::Shape};

/// One statement about rows.
#[derive(Debug)]
pub(crate) struct Part {
    /// The literal, with `{rows}` where they go.
    pub(crate) sql: &'static str,
    /// How many they are, at least one.
    pub(crate) rows: usize,
    /// Their columns, row after row.
    pub(crate) values: Vec<Value>,
}

impl Part {
    /// What the statement is, whatever its rows are.
    pub(crate) fn shape(&self) -> Shape {
        Shape { sql: self.sql, width: self.values.len() / self.rows }
    }
}

/// Statements that are carried out together, in any order: none may need what another one does, but for foreign keys, which
/// hold when all are done, and two may name one table only when they change different rows.
#[derive(Debug, Default)]
pub(crate) struct Together {
    parts: Vec<Part>,
    /// Of each, whether it must find every row that it changes.
    must_find_all: Vec<bool>,
}

impl Together {
    /// Adds a statement, none for no rows, that may find fewer rows than it has.
    pub(crate) fn add<R>(&mut self, sql: &'static str, rows: &[R], values_of: impl Fn(&R) -> Vec<Value>) {
        self.push(sql, rows, values_of, false);
    }

    /// Adds a statement, none for no rows, that overwrites rows which were read.
    pub(crate) fn add_overwriting<R>(
        &mut self,
        sql: &'static str,
        rows: &[R],
        values_of: impl Fn(&R) -> Vec<Value>,
    ) {
        self.push(sql, rows, values_of, true);
    }

    fn push<R>(
        &mut self,
        sql: &'static str,
        rows: &[R],
        values_of: impl Fn(&R) -> Vec<Value>,
        must_find_all: bool,
    ) {
        if !rows.is_empty() {
            self.parts.push(Part {
                sql,
                rows: rows.len(),
                values: rows.iter().flat_map(values_of).collect(),
            });
            self.must_find_all.push(must_find_all);
        }
    }

    /// Carries all of it out.
    ///
    /// # Errors
    ///
    /// [`Failure::Conflict`] when a row that is overwritten is not as it was read.
    pub(crate) async fn carry_out(self, tx: &mut Tx) -> Result<(), Failure> {
        let expected: Vec<usize> = self.parts.iter().map(|part| part.rows).collect();
        let affected = tx.execute_together(self.parts).await?;
        let found = affected.into_iter().zip(expected).zip(self.must_find_all);
        found
            .filter(|(_, must_find_all)| *must_find_all)
            .try_for_each(|((found, rows), _)| all_there(found, rows))
    }
}

/// A row that was read but is not there when it is written was taken by somebody else.
pub(crate) fn all_there(affected: u64, expected: usize) -> Result<(), Failure> {
    if usize::try_from(affected) == Ok(expected) {
        Ok(())
    } else {
        Err(Failure::Conflict(format!("{affected} of {expected} rows were still there")))
    }
}
