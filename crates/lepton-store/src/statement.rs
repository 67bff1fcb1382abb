//! Statements for any number of rows, from a literal with a mark where the rows go.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// Most rows in one statement of SQLite's. With the widest table this is 4,864 parameters, far from its 32,766.
pub(crate) const MOST_ROWS: usize = 256;

/// In whose words a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    /// A parameter for each value of each row. They are not numbered: a number is looked up by a walk over all names.
    Sqlite,
    /// A parameter for each column, an array of all rows' values.
    Postgres {
        /// Whether what is read is locked.
        is_locking: bool,
    },
}

/// How many combinations of statements are remembered that go as one, of each kind. An allocation, a deallocation and a report
/// need one each, and so does every mixture of them in a batch.
const MOST_COMBINED: usize = 64;

/// The texts of the statements that were used so far, so that each is made once. There are few: on SQLite a row count
/// is a power of two, see [`runs`] and [`Part::padded`](crate::together::Part::padded), and PostgreSQL's texts have none.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    texts: Mutex<HashMap<Filling, Arc<str>>>,
    /// PostgreSQL's.
    combined: Mutex<Combined<Shape>>,
    /// SQLite's that change rows, each statement with its number of rows.
    in_a_row: Mutex<Combined<(Shape, usize)>>,
    /// The same of those that ask for some.
    asked: Mutex<Combined<(Shape, usize)>>,
}

/// The texts of combinations, each with when it was used last, counted in uses.
#[derive(Debug)]
struct Combined<S> {
    texts: HashMap<Vec<S>, (Arc<str>, u64)>,
    uses: u64,
}

/// A statement about rows, whatever they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    /// The literal, with `{rows}` where they go.
    pub(crate) sql: &'static str,
    /// How many columns a row has.
    pub(crate) width: usize,
}

/// What a text is made from: the literal, how many rows of which width, and for whom.
type Filling = (&'static str, usize, usize, Dialect);

impl Statements {
    /// `sql` with its marks filled in:
    ///
    /// | mark | SQLite | PostgreSQL |
    /// |---|---|---|
    /// | `{rows}`, a table | `values (?,?),(?,?)` | `select * from unnest($1,$2) as r (column1,column2)` |
    /// | `{in}`, a condition | `in (?,?)` | `= any($1)` |
    /// | `{index NAME}`, behind a table | `indexed by NAME`: of two with the same columns its planner takes the larger one | |
    /// | `{lock}` | | `for update`, so that what a decision reads cannot change before it is written |
    /// | `{lock referred}` | | `for no key update`: the same, but others may write rows that refer to it |
    /// | `{lock free}` | | `for update skip locked`: what others decide on is left to them |
    pub(crate) fn text(&self, sql: &'static str, rows: usize, width: usize, dialect: Dialect) -> Arc<str> {
        let rows = if dialect == Dialect::Sqlite { rows } else { 0 };
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let text = texts.entry((sql, rows, width, dialect)).or_insert_with(|| {
            let is_locking = dialect == (Dialect::Postgres { is_locking: true });
            let locks = [
                ("{lock}", "for update"),
                ("{lock referred}", "for no key update"),
                ("{lock free}", "for update skip locked"),
            ];
            let (table, condition) = match dialect {
                Dialect::Sqlite => (
                    format!("values {}", list(rows, |_| format!("({})", list(width, |_| "?".to_owned())))),
                    format!("in ({})", list(rows, |_| "?".to_owned())),
                ),
                Dialect::Postgres { .. } => (unnested(0, width), "= any($1)".to_owned()),
            };
            let sql = sql.replace("{rows}", &table).replace("{in}", &condition);
            let sql = with_index(sql, dialect);
            let locked = |sql: String, (mark, lock): (&str, &str)| {
                sql.replace(mark, if is_locking { lock } else { "" })
            };
            locks.into_iter().fold(sql, locked).into()
        });
        Arc::clone(text)
    }

    /// Statements that change rows as one for PostgreSQL, which answers one row: how many
    /// rows each has changed. A last one that begins with a `with` of its own is behind the others: it asks for what they
    /// have changed as `part0` and so on, and changes rows itself.
    pub(crate) fn combined(&self, parts: &[Shape]) -> Arc<str> {
        self.combined.lock().unwrap_or_else(PoisonError::into_inner).text(parts, || combine(parts))
    }

    /// Statements about so many rows each as one text for SQLite, which carries them out one after the other. None of them reads what
    /// another one changes.
    pub(crate) fn in_a_row(&self, parts: &[(Shape, usize)]) -> Arc<str> {
        let is_question = parts.first().is_some_and(|(shape, _)| shape.sql.starts_with("select "));
        let combined = if is_question { &self.asked } else { &self.in_a_row };
        let mut combined = combined.lock().unwrap_or_else(PoisonError::into_inner);
        combined.text(parts, || {
            let of =
                |(shape, rows): &(Shape, usize)| self.text(shape.sql, *rows, shape.width, Dialect::Sqlite);
            parts.iter().map(of).collect::<Vec<_>>().join("; ").into()
        })
    }
}

/// The text with its `{index NAME}` filled in, if it has one.
fn with_index(sql: String, dialect: Dialect) -> String {
    let Some((before, (name, after))) =
        sql.split_once("{index ").and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    else {
        return sql;
    };
    match dialect {
        Dialect::Sqlite => format!("{before}indexed by {name}{after}"),
        Dialect::Postgres { .. } => format!("{before}{after}"),
    }
}

impl<S> Default for Combined<S> {
    fn default() -> Self {
        Self { texts: HashMap::new(), uses: 0 }
    }
}

impl<S: Clone + Eq + Hash> Combined<S> {
    /// The text of a combination, which is made when it is not remembered.
    fn text(&mut self, parts: &[S], make: impl FnOnce() -> Arc<str>) -> Arc<str> {
        self.uses += 1;
        if let Some((text, used)) = self.texts.get_mut(parts) {
            *used = self.uses;
            return Arc::clone(text);
        }
        let text = make();
        self.make_room();
        self.texts.insert(parts.to_vec(), (Arc::clone(&text), self.uses));
        text
    }

    /// Forgets the combination that was not used for longest, when there are as many as there may be. Each connection keeps
    /// the plans of those that it used last, by a limit of its own.
    fn make_room(&mut self) {
        if self.texts.len() < MOST_COMBINED {
            return;
        }
        let oldest = self.texts.iter().min_by_key(|(_, (_, used))| *used).map(|(parts, _)| parts.clone());
        if let Some(parts) = oldest {
            tracing::debug!(
                statements = parts.len(),
                "a combination of statements makes room for another one"
            );
            self.texts.remove(&parts);
        }
    }
}

/// The text of a combination.
fn combine(parts: &[Shape]) -> Arc<str> {
    debug_assert!(
        parts.iter().rev().skip(1).all(|part| with_of_its_own(part).is_none()),
        "only the last may"
    );
    let mut width_before = 0;
    let texts = parts.iter().enumerate().map(|(number, part)| {
        let text = changing(number, part, width_before);
        width_before += part.width;
        text
    });
    let texts = texts.collect::<Vec<_>>().join(", ");
    if parts.last().and_then(with_of_its_own).is_some() {
        return format!("with {texts}").into();
    }
    let counts: Vec<String> =
        (0..parts.len()).map(|number| format!("(select count(*) from part{number})")).collect();
    format!("with {texts} select {}", counts.join(", ")).into()
}

/// What follows the `with` that a statement begins with.
fn with_of_its_own(part: &Shape) -> Option<&'static str> {
    part.sql.strip_prefix("with ")
}

/// A part of a text that changes rows, behind so many parameters.
fn changing(number: usize, part: &Shape, parameters_before: usize) -> String {
    let rows = unnested(parameters_before, part.width);
    match with_of_its_own(part) {
        Some(rest) => rest.replace("{rows}", &rows),
        None => format!("part{number} as ({} returning 1)", part.sql.replace("{rows}", &rows)),
    }
}

/// PostgreSQL's `{rows}`, behind so many parameters.
fn unnested(parameters_before: usize, width: usize) -> String {
    let arrays = list(width, |at| format!("${}", parameters_before + at));
    let names = list(width, |at| format!("column{at}"));
    format!("select * from unnest({arrays}) as r ({names})")
}

/// `count` things, counted from 1, with commas between them.
fn list(count: usize, thing: impl Fn(usize) -> String) -> String {
    (1..=count).map(thing).collect::<Vec<_>>().join(",")
}

/// Cuts so many rows into runs whose lengths are powers of two, the longest first.
pub(crate) fn runs(mut rows: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let length = 1_usize << rows.min(MOST_ROWS).checked_ilog2()?;
        rows -= length;
        Some(length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_filled_in() {
        let statements = Statements::default();
        let text = |sql, rows, width, dialect| statements.text(sql, rows, width, dialect).to_string();
        let (asking, locking) =
            (Dialect::Postgres { is_locking: false }, Dialect::Postgres { is_locking: true });
        let insert = "insert into t {rows}";
        assert_eq!(text(insert, 2, 3, Dialect::Sqlite), "insert into t values (?,?,?),(?,?,?)");
        let unnested = "insert into t select * from unnest($1,$2) as r (column1,column2)";
        assert_eq!(text(insert, 7, 2, locking), unnested);
        let select = "select 1 from t where id {in} {lock}";
        assert_eq!(text(select, 3, 1, Dialect::Sqlite), "select 1 from t where id in (?,?,?) ");
        assert_eq!(text(select, 3, 1, asking), "select 1 from t where id = any($1) ");
        assert_eq!(text(select, 3, 1, locking), "select 1 from t where id = any($1) for update");
        let referred = "select 1 from t {lock referred}";
        assert_eq!(text(referred, 0, 0, asking), "select 1 from t ");
        assert_eq!(text(referred, 0, 0, locking), "select 1 from t for no key update");
        let unheld = "select 1 from t {lock free}";
        assert_eq!(text(unheld, 0, 0, Dialect::Sqlite), "select 1 from t ");
        assert_eq!(text(unheld, 0, 0, asking), "select 1 from t ");
        assert_eq!(text(unheld, 0, 0, locking), "select 1 from t for update skip locked");
        let few = "select 1 from t {index t_few} where few {lock}";
        assert_eq!(text(few, 0, 0, Dialect::Sqlite), "select 1 from t indexed by t_few where few ");
        assert_eq!(text(few, 0, 0, locking), "select 1 from t  where few for update");
    }

    #[test]
    fn several_statements_become_one_and_the_least_recently_used_make_room() {
        let statements = Statements::default();
        let shape = |sql, width| Shape { sql, width };
        let parts =
            [shape("insert into t {rows}", 2), shape("update u set a = v.column1 from ({rows}) as v", 1)];
        let expected = "with part0 as (insert into t select * from unnest($1,$2) as r (column1,column2) returning 1), \
             part1 as (update u set a = v.column1 from (select * from unnest($3) as r (column1)) as v returning 1) \
             select (select count(*) from part0), (select count(*) from part1)";
        assert_eq!(&*statements.combined(&parts), expected);
        let other = |width| [parts[0], shape("insert into u {rows}", width)];
        for width in 1..MOST_COMBINED {
            statements.combined(&other(width));
        }
        assert_eq!(&*statements.combined(&parts), expected);
        statements.combined(&other(MOST_COMBINED));
        let known = |parts: &[Shape]| statements.combined.lock().unwrap().texts.contains_key(parts);
        assert!(known(&parts) && known(&other(2)) && known(&other(MOST_COMBINED)));
        assert!(!known(&other(1)), "it was not used for longest");
    }

    #[test]
    fn statements_of_sqlite_follow_one_another() {
        let insert = Shape { sql: "insert into t {rows}", width: 2 };
        let update = Shape { sql: "update u set a = v.column1 from ({rows}) as v", width: 1 };
        let expected = "insert into t values (?,?),(?,?); update u set a = v.column1 from (values (?)) as v";
        assert_eq!(&*Statements::default().in_a_row(&[(insert, 2), (update, 1)]), expected);
    }

    #[test]
    fn a_statement_goes_behind_another_one() {
        let first = Shape { sql: "update u set a = v.column1 from ({rows}) as v", width: 1 };
        let second = Shape { sql: "with e as ({rows}) insert into t select * from e", width: 2 };
        let expected = "with part0 as (update u set a = v.column1 from (select * from unnest($1) as r (column1)) as v returning 1), \
             e as (select * from unnest($2,$3) as r (column1,column2)) insert into t select * from e";
        assert_eq!(&*Statements::default().combined(&[first, second]), expected);
    }

    #[test]
    fn runs_are_powers_of_two_and_lose_nothing() {
        for count in 0..1000 {
            assert!(runs(count).all(|run| run.is_power_of_two() && run <= MOST_ROWS));
            assert_eq!(runs(count).sum::<usize>(), count);
        }
    }
}
