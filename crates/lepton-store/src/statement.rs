//! Statements for any number of rows, from a literal with a mark where the rows go.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

/// Most rows in one statement. With the widest table this is 4,096 parameters, far from SQLite's 32,766 and
/// PostgreSQL's 65,535.
pub(crate) const MOST_ROWS: usize = 256;

/// The texts of the statements that were used so far, so that each is made once. There are few: a row count is a
/// power of two, see [`chunks`] and [`padded`].
#[derive(Debug, Default)]
pub(crate) struct Statements {
    texts: Mutex<HashMap<Filling, Arc<str>>>,
}

/// What a text is made from: the literal, how many rows of which width, and whether it locks.
type Filling = (&'static str, usize, usize, bool);

impl Statements {
    /// `sql` with its marks filled in:
    ///
    /// - `{rows}`: `rows` tuples of `width` parameters each, `($1,$2),($3,$4)`;
    /// - `{list}`: the same parameters without inner parentheses, `$1,$2,$3`;
    /// - `{lock}`: `for update` when `is_locking`, so that what a decision reads cannot change before it is written.
    pub(crate) fn text(&self, sql: &'static str, rows: usize, width: usize, is_locking: bool) -> Arc<str> {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let text = texts.entry((sql, rows, width, is_locking)).or_insert_with(|| {
            let lock = if is_locking { "for update" } else { "" };
            let text = sql.replace("{rows}", &tuples(rows, width)).replace("{list}", &list(1, rows * width));
            text.replace("{lock}", lock).into()
        });
        Arc::clone(text)
    }
}

fn list(first: usize, count: usize) -> String {
    let mut text = String::new();
    for number in first..first + count {
        let separator = if number == first { "" } else { "," };
        let _ = write!(text, "{separator}${number}");
    }
    text
}

fn tuples(rows: usize, width: usize) -> String {
    let tuples: Vec<_> = (0..rows).map(|row| format!("({})", list(row * width + 1, width))).collect();
    tuples.join(",")
}

/// Cuts rows into runs whose lengths are powers of two, the longest first.
pub(crate) fn chunks<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let length = rows.len().min(MOST_ROWS);
        let power = 1_usize << length.checked_ilog2()?;
        let (chunk, rest) = rows.split_at(power);
        rows = rest;
        Some(chunk)
    })
}

/// Cuts keys to look up into runs whose lengths are powers of two, by naming the last key again: to ask twice for a
/// row does no harm, and one statement is enough for up to [`MOST_ROWS`] keys.
pub(crate) fn padded<T: Clone>(keys: &[T]) -> impl Iterator<Item = Vec<T>> {
    keys.chunks(MOST_ROWS).map(|chunk| {
        let mut keys = chunk.to_vec();
        keys.resize(chunk.len().next_power_of_two(), chunk[chunk.len() - 1].clone());
        keys
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_filled_in() {
        let statements = Statements::default();
        let text = statements.text("insert into t values {rows}", 2, 3, false);
        assert_eq!(&*text, "insert into t values ($1,$2,$3),($4,$5,$6)");
        let text = statements.text("select 1 from t where id in ({list}) {lock}", 4, 1, true);
        assert_eq!(&*text, "select 1 from t where id in ($1,$2,$3,$4) for update");
    }

    #[test]
    fn chunks_are_powers_of_two_and_lose_nothing() {
        for count in 0..1000 {
            let rows: Vec<usize> = (0..count).collect();
            assert!(chunks(&rows).all(|chunk| chunk.len().is_power_of_two() && chunk.len() <= MOST_ROWS));
            assert_eq!(chunks(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        }
    }

    #[test]
    fn padding_asks_for_every_key() {
        for count in 1..600 {
            let keys: Vec<usize> = (0..count).collect();
            assert!(padded(&keys).all(|chunk| chunk.len().is_power_of_two() && chunk.len() <= MOST_ROWS));
            let mut asked: Vec<_> = padded(&keys).flatten().collect();
            asked.dedup();
            assert_eq!(asked, keys);
        }
    }
}
