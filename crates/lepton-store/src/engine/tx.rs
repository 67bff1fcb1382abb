//! [`Tx`]: a transaction of either engine, and how statements are sent in it.

mod ends;

use std::{mem, sync::Arc};

use futures_util::TryStreamExt;
use lepton_ledger::View;
use lepton_types::SubnetId;
use sqlx::{Executor, Postgres, Sqlite, postgres::PgArguments};

use super::Engine;
use crate::{
    connect::{Access, Connection},
    dry::Scarce,
    error::StoreError,
    failure::Failure,
    sql::{Row, Value, add_columns, arguments, columns},
    statement::{Dialect, runs},
    together::Part,
};

/// So few rows SQLite's statements change all together that they go at once. Each number of rows of each is a text of its own, which is
/// kept prepared, so it must be small; and with more rows the work takes longer than the way.
const FEW_ROWS: usize = 32;

/// A transaction. Dropped in the middle, it takes its connection along, since nobody knows what state that is in.
#[derive(Debug)]
pub(crate) struct Tx {
    engine: Arc<Engine>,
    connection: Connection,
    access: Access,
    scarce: Scarce,
    /// Whether all that is left of those is still to be locked.
    is_scarce_to_lock: bool,
    /// What the batch before has left, until this one takes it.
    left: Option<Box<View>>,
    /// SQLite's, where the transaction may write.
    data_version: Option<i64>,
    /// Of questions that were asked ahead and not yet.
    answers: Vec<Answer>,
}

/// What was found for a question about keys.
#[derive(Debug)]
struct Answer {
    sql: &'static str,
    values: Vec<Value>,
    found: Vec<Row>,
}

impl Tx {
    fn new(engine: Arc<Engine>, connection: Connection, access: Access) -> Self {
        let (scarce, answers) = (Scarce::default(), Vec::new());
        let (is_scarce_to_lock, left, data_version) = (false, None, None);
        Self { engine, connection, access, scarce, is_scarce_to_lock, left, data_version, answers }
    }

    /// Runs a statement and answers what it finds.
    pub(crate) async fn fetch(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Failure> {
        self.fetch_rows(sql, 0, values).await
    }

    /// Runs a statement and answers how many rows it affected.
    pub(crate) async fn execute(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, Failure> {
        self.execute_rows(sql, 0, values).await
    }

    /// Runs a statement for keys, none for no keys, and answers what it finds.
    pub(crate) async fn fetch_for<K>(
        &mut self,
        sql: &'static str,
        keys: &[K],
        values_of: impl Fn(&K) -> Vec<Value>,
    ) -> Result<Vec<Row>, Failure> {
        self.fetch_part(Part::new(sql, keys, values_of)).await
    }

    /// Asks a question about keys, if there is one, unless it was asked [ahead](Self::ask_ahead).
    pub(crate) async fn fetch_part(&mut self, question: Option<Part>) -> Result<Vec<Row>, Failure> {
        let Some(question) = question else { return Ok(Vec::new()) };
        if matches!(self.connection, Connection::Postgres(_)) {
            return self.fetch_rows(question.sql, question.rows, question.values).await;
        }
        let is_it = |answer: &Answer| answer.sql == question.sql && answer.values == question.values;
        if let Some(known) = self.answers.iter().position(is_it) {
            return Ok(self.answers.swap_remove(known).found);
        }
        let mut found = Vec::new();
        for part in question.padded() {
            found.extend(self.fetch_rows(part.sql, part.rows, part.values).await?);
        }
        Ok(found)
    }

    /// Whether it is of use to ask questions ahead, about so many keys.
    pub(crate) fn asks_ahead(&self, keys: usize) -> bool {
        self.is_writing() && matches!(self.connection, Connection::Sqlite(_)) && keys <= FEW_ROWS
    }

    /// Asks questions of which it is known that they will be asked next: SQLite's thread gets them all at once, as it does what is
    /// [written](Self::execute_in_order).
    pub(crate) async fn ask_ahead(&mut self, questions: Vec<Part>) -> Result<(), Failure> {
        let Connection::Sqlite(connection) = &mut self.connection else { return Ok(()) };
        if questions.len() < 2 {
            return Ok(());
        }
        let answer = |part: &Part| Answer { sql: part.sql, values: part.values.clone(), found: Vec::new() };
        let mut answers: Vec<Answer> = questions.iter().map(answer).collect();
        let parts: Vec<Part> = questions.into_iter().flat_map(Part::padded).collect();
        let (text, values) = self.engine.in_a_row(parts);
        let query = sqlx::query_with::<Sqlite, _>(literal(text), arguments::<Sqlite>(values)?);
        let (mut steps, mut asked) = (connection.fetch_many(query), answers.iter_mut());
        let mut answer = asked.next();
        while let Some(step) = steps.try_next().await? {
            match (step.right(), &mut answer) {
                (Some(row), Some(answer)) => answer.found.push(Row::Sqlite(row)),
                // That was all of this one.
                (None, _) => answer = asked.next(),
                (Some(_), None) => {}
            }
        }
        drop(steps);
        self.answers = answers;
        Ok(())
    }

    /// Forgets what was asked ahead and is not asked: it is true only until something is written.
    pub(crate) fn forget_answers(&mut self) {
        self.answers.clear();
    }

    /// Runs a statement for rows, none for no rows, and answers how many it affected.
    pub(crate) async fn execute_for<R>(
        &mut self,
        sql: &'static str,
        rows: &[R],
        values_of: impl Fn(&R) -> Vec<Value>,
    ) -> Result<u64, Failure> {
        match Part::new(sql, rows, values_of) {
            Some(part) => self.execute_part(part).await,
            None => Ok(0),
        }
    }

    /// Runs a statement behind another one, as one statement with it, and answers how many rows the second affected. PostgreSQL alone
    /// can do so. The second begins with a `with`, and counts with `(select count(*) from part0)` what the first has found.
    pub(crate) async fn execute_behind(&mut self, first: Part, second: Part) -> Result<u64, Failure> {
        let text = self.engine.statements.combined(&[first.shape(), second.shape()]);
        let Connection::Postgres(connection) = &mut self.connection else {
            return Err(only_postgres_combines());
        };
        #[cfg(test)]
        self.engine.note_sent(vec![first.sql, second.sql], &text);
        let mut arguments = PgArguments::default();
        for part in [first, second] {
            add_columns(&mut arguments, part.values, part.rows)?;
        }
        let query = sqlx::query_with::<Postgres, _>(literal(text), arguments);
        Ok(connection.execute(query).await?.rows_affected())
    }

    /// Runs statements of which none needs what another one does, and answers how many rows each affected. To PostgreSQL they
    /// go as one: each would cost a way there and back, which for few rows takes longer than the work.
    pub(crate) async fn execute_together(&mut self, parts: Vec<Part>) -> Result<Vec<u64>, Failure> {
        if parts.len() > 1 && matches!(self.connection, Connection::Postgres(_)) {
            let shapes: Vec<_> = parts.iter().map(Part::shape).collect();
            let text = self.engine.statements.combined(&shapes);
            return self.execute_combined(text, parts).await;
        }
        self.execute_in_order(parts).await
    }

    /// Runs statements one after the other, and answers how many rows each affected. For few rows SQLite's thread gets them all at once:
    /// to wake it for each takes longer than the work.
    pub(crate) async fn execute_in_order(&mut self, parts: Vec<Part>) -> Result<Vec<u64>, Failure> {
        let are_few = parts.iter().map(|part| part.rows).sum::<usize>() <= FEW_ROWS;
        if parts.len() > 1 && are_few && matches!(self.connection, Connection::Sqlite(_)) {
            return self.execute_in_a_row(parts).await;
        }
        let mut affected = Vec::with_capacity(parts.len());
        for part in parts {
            affected.push(self.execute_part(part).await?);
        }
        Ok(affected)
    }

    pub(crate) async fn execute_part(&mut self, part: Part) -> Result<u64, Failure> {
        if matches!(self.connection, Connection::Postgres(_)) {
            return self.execute_rows(part.sql, part.rows, part.values).await;
        }
        let width = part.shape().width;
        let mut values = part.values.into_iter();
        let mut affected = 0;
        for run in runs(part.rows) {
            affected += self.execute_rows(part.sql, run, values.by_ref().take(run * width).collect()).await?;
        }
        Ok(affected)
    }

    async fn execute_in_a_row(&mut self, parts: Vec<Part>) -> Result<Vec<u64>, Failure> {
        let count = parts.len();
        let (text, values) = self.engine.in_a_row(parts);
        let Connection::Sqlite(connection) = &mut self.connection else {
            return Err(StoreError::Internal("only SQLite runs statements in a row".into()).into());
        };
        let query = sqlx::query_with::<Sqlite, _>(literal(text), arguments::<Sqlite>(values)?);
        let mut affected = Vec::with_capacity(count);
        let mut done = connection.fetch_many(query);
        while let Some(step) = done.try_next().await? {
            // None of them answers rows.
            affected.extend(step.left().map(|done| done.rows_affected()));
        }
        Ok(affected)
    }

    async fn execute_combined(&mut self, text: Arc<str>, parts: Vec<Part>) -> Result<Vec<u64>, Failure> {
        let Connection::Postgres(connection) = &mut self.connection else {
            return Err(only_postgres_combines());
        };
        let (mut arguments, count) = (PgArguments::default(), parts.len());
        #[cfg(test)]
        self.engine.note_sent(parts.iter().map(|part| part.sql).collect(), &text);
        for part in parts {
            add_columns(&mut arguments, part.values, part.rows)?;
        }
        let query = sqlx::query_with::<Postgres, _>(literal(text), arguments);
        let row = Row::Postgres(connection.fetch_one(query).await?);
        let mut columns = row.columns();
        Ok((0..count).map(|_| columns.number()).collect::<Result<_, _>>()?)
    }

    async fn fetch_rows(
        &mut self,
        sql: &'static str,
        rows: usize,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, Failure> {
        let query = self.text(sql, rows, values.len());
        match &mut self.connection {
            Connection::Sqlite(connection) => {
                let query = sqlx::query_with::<Sqlite, _>(query, arguments::<Sqlite>(values)?);
                Ok(connection.fetch_all(query).await?.into_iter().map(Row::Sqlite).collect())
            }
            Connection::Postgres(connection) => {
                let query = sqlx::query_with::<Postgres, _>(query, columns_or_values(values, rows)?);
                Ok(connection.fetch_all(query).await?.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    async fn execute_rows(
        &mut self,
        sql: &'static str,
        rows: usize,
        values: Vec<Value>,
    ) -> Result<u64, Failure> {
        let query = self.text(sql, rows, values.len());
        match &mut self.connection {
            Connection::Sqlite(connection) => {
                let query = sqlx::query_with::<Sqlite, _>(query, arguments::<Sqlite>(values)?);
                Ok(connection.execute(query).await?.rows_affected())
            }
            Connection::Postgres(connection) => {
                let query = sqlx::query_with::<Postgres, _>(query, columns_or_values(values, rows)?);
                Ok(connection.execute(query).await?.rows_affected())
            }
        }
    }

    #[expect(clippy::disallowed_types, reason = "the text is a literal of ours with parameters filled in")]
    fn text(&self, sql: &'static str, rows: usize, values: usize) -> sqlx::AssertSqlSafe<Arc<str>> {
        let width = values.checked_div(rows).unwrap_or_default();
        let dialect = match self.connection {
            Connection::Sqlite(_) => Dialect::Sqlite,
            Connection::Postgres(_) => Dialect::Postgres { is_locking: self.is_shared() },
        };
        let text = self.engine.statements.text(sql, rows, width, dialect);
        #[cfg(test)]
        {
            self.engine.note_sent(vec![sql], &text);
            self.engine.note_way();
        }
        literal(text)
    }

    /// Whether it may change the ledger.
    pub(crate) fn is_writing(&self) -> bool {
        self.access == Access::Write
    }

    /// Whether others write meanwhile, so that what it decides on must be locked.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_writing() && matches!(self.connection, Connection::Postgres(_))
    }

    /// Says for which subnets the batch has begun anew, so that all that is left of them is locked at once.
    pub(crate) fn note_scarce(&mut self, scarce: &Scarce) {
        self.scarce = scarce.clone();
        self.is_scarce_to_lock = true;
    }

    /// The subnets of which all is to be locked, the first time that it is asked.
    pub(crate) fn take_scarce(&mut self) -> Vec<SubnetId> {
        let is_to_lock = mem::take(&mut self.is_scarce_to_lock);
        if is_to_lock { self.scarce.subnets().collect() } else { Vec::new() }
    }

    /// For which subnets the batch has begun anew.
    pub(crate) fn scarce(&self) -> &Scarce {
        &self.scarce
    }

    /// Whether the batch has begun anew for a subnet.
    pub(crate) fn is_scarce(&self, subnet: SubnetId) -> bool {
        self.scarce.knows(subnet)
    }
}

#[expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the text is made of literals of ours with parameters filled in"
)]
fn literal(text: Arc<str>) -> sqlx::AssertSqlSafe<Arc<str>> {
    sqlx::AssertSqlSafe(text)
}

fn only_postgres_combines() -> Failure {
    StoreError::Internal("only PostgreSQL combines statements".into()).into()
}

/// What PostgreSQL takes: an array a column for a statement about rows, else the values one by one.
fn columns_or_values(values: Vec<Value>, rows: usize) -> Result<PgArguments, StoreError> {
    if rows == 0 { arguments::<Postgres>(values) } else { columns(values, rows) }
}
