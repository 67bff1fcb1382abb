//! [`Table`]: the rows of one kind that a view knows.

use std::{collections::BTreeMap, ops::Bound};

use crate::Row;

/// The rows of one kind that a view knows, and the keys of those that it knows to be gone.
#[derive(Clone, Debug)]
pub struct Table<R: Row> {
    rows: BTreeMap<R::Key, Option<R>>,
}

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Self { rows: BTreeMap::new() }
    }
}

impl<R: Row> Table<R> {
    /// The row with this key, if it is known and there.
    pub(crate) fn get(&self, key: &R::Key) -> Option<&R> {
        self.rows.get(key)?.as_ref()
    }

    /// Whether the row is known to be there, or known to be gone.
    pub(crate) fn knows(&self, key: &R::Key) -> bool {
        self.rows.contains_key(key)
    }

    /// How many rows are known to be there, or known to be gone.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Sets what is known of a row.
    pub(crate) fn set(&mut self, key: R::Key, row: Option<R>) {
        self.rows.insert(key, row);
    }

    /// Drops what is known of a row.
    pub(crate) fn forget(&mut self, key: &R::Key) {
        self.rows.remove(key);
    }

    /// The rows that are there, in the order of their keys.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &R> {
        self.rows.values().flatten()
    }

    /// The rows that are there behind a bound, in the order of their keys.
    pub(crate) fn rows_from(&self, from: Bound<&R::Key>) -> impl Iterator<Item = &R> {
        self.rows.range((from, Bound::Unbounded)).filter_map(|(_, row)| row.as_ref())
    }
}
