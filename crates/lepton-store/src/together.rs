//! [`Together`]: changes of rows, gathered table by table and then carried out at once.

use crate::{
    engine::Tx,
    failure::Failure,
    sql::Value,
    statement::{MOST_ROWS, Shape},
};

/// One statement about rows.
#[derive(Debug)]
pub(crate) struct Part {
    /// The literal, with `{rows}` where they go.
    pub(crate) sql: &'static str,
    /// How many they are, at least one.
    pub(crate) rows: usize,
    /// Their columns, row after row.
    pub(crate) values: Vec<Value>,
    /// Whether it must find every row that it changes.
    must_find_all: bool,
}

impl Part {
    /// A statement about rows, none for no rows; it may find fewer.
    pub(crate) fn new<R>(
        sql: &'static str,
        rows: &[R],
        values_of: impl Fn(&R) -> Vec<Value>,
    ) -> Option<Self> {
        let values = || rows.iter().flat_map(values_of).collect();
        (!rows.is_empty()).then(|| Self { sql, rows: rows.len(), values: values(), must_find_all: false })
    }

    /// A statement, none for no rows, that overwrites rows which were read.
    pub(crate) fn overwriting<R>(
        sql: &'static str,
        rows: &[R],
        values_of: impl Fn(&R) -> Vec<Value>,
    ) -> Option<Self> {
        Some(Self { must_find_all: true, ..Self::new(sql, rows, values_of)? })
    }

    /// What the statement is, whatever its rows are.
    pub(crate) fn shape(&self) -> Shape {
        Shape { sql: self.sql, width: self.values.len() / self.rows }
    }

    /// The same as SQLite asks for rows by their keys: no more keys at once than a statement takes, and as many as there is a text for. The
    /// last key is named again until there are: to ask twice for a row does no harm.
    pub(crate) fn padded(self) -> Vec<Self> {
        let Shape { sql, width } = self.shape();
        let mut values = self.values.into_iter();
        let mut parts = Vec::new();
        for first in (0..self.rows).step_by(MOST_ROWS) {
            let rows = MOST_ROWS.min(self.rows - first);
            let mut of_part: Vec<Value> = values.by_ref().take(rows * width).collect();
            let last = of_part[(rows - 1) * width..].to_vec();
            let padded = rows.next_power_of_two();
            (rows..padded).for_each(|_| of_part.extend_from_slice(&last));
            parts.push(Self { sql, rows: padded, values: of_part, must_find_all: false });
        }
        parts
    }

    /// The table of which it overwrites rows, if it does.
    fn overwritten(&self) -> Option<&'static str> {
        self.sql.strip_prefix("update ")?.split_whitespace().next()
    }
}

/// Statements that are carried out together, in any order: none may need what another one does, but for foreign keys, which
/// hold when all are done, and two may name one table only when they change different rows.
#[derive(Debug, Default)]
pub(crate) struct Together {
    parts: Vec<Part>,
}

impl Together {
    /// Adds a statement, none for no rows, that may find fewer rows than it has.
    pub(crate) fn add<R>(&mut self, sql: &'static str, rows: &[R], values_of: impl Fn(&R) -> Vec<Value>) {
        self.push(Part::new(sql, rows, values_of));
    }

    /// Adds a statement, none for no rows, that overwrites rows which were read.
    pub(crate) fn add_overwriting<R>(
        &mut self,
        sql: &'static str,
        rows: &[R],
        values_of: impl Fn(&R) -> Vec<Value>,
    ) {
        self.push(Part::overwriting(sql, rows, values_of));
    }

    fn push(&mut self, part: Option<Part>) {
        let Some(part) = part else { return };
        let overwritten = part.overwritten();
        // In one statement PostgreSQL would carry out one of two changes of a row, and say nothing.
        debug_assert!(
            overwritten.is_none() || self.parts.iter().all(|other| other.overwritten() != overwritten),
            "two statements that go together overwrite rows of {overwritten:?}"
        );
        self.parts.push(part);
    }

    /// Carries all of it out.
    ///
    /// # Errors
    ///
    /// [`Failure::Conflict`] when a row that is overwritten is not as it was read.
    pub(crate) async fn carry_out(self, tx: &mut Tx) -> Result<(), Failure> {
        let expected = self.parts.iter().map(|part| part.must_find_all.then_some(part.rows));
        let expected: Vec<Option<usize>> = expected.collect();
        let affected = tx.execute_together(self.parts).await?;
        let mut found = affected.into_iter().zip(expected);
        found.try_for_each(|(found, expected)| expected.map_or(Ok(()), |rows| all_there(found, rows)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "overwrite rows of Some(\"t\")")]
    fn rows_of_a_table_are_overwritten_by_one_statement_alone() {
        let mut together = Together::default();
        together.add("insert into t {rows}", &[1_u64], |row| vec![(*row).into()]);
        for sql in ["update t set a = 1 from ({rows}) as v", "update t set b = 1 from ({rows}) as v"] {
            together.add_overwriting(sql, &[1_u64], |row| vec![(*row).into()]);
        }
    }

    #[test]
    fn padding_asks_for_every_key() {
        let values_of = |number: &i64| vec![(*number).into(), "of two columns".into()];
        for count in 1..600 {
            let keys: Vec<i64> = (0..count).collect();
            let parts: Vec<Part> = Part::new("select {rows}", &keys, values_of).unwrap().padded();
            assert!(parts.iter().all(|part| part.rows.is_power_of_two() && part.rows <= MOST_ROWS));
            assert!(parts.iter().all(|part| part.values.len() == part.rows * 2));
            let mut asked: Vec<Value> = parts.into_iter().flat_map(|part| part.values).step_by(2).collect();
            asked.dedup();
            assert_eq!(asked, keys.into_iter().map(Value::from).collect::<Vec<_>>());
        }
    }
}
