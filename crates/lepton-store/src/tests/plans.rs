//! How the engines carry statements out, as they say themselves: whether rows are found by an index, and in its order.

use std::{collections::BTreeSet, sync::Arc};

use super::harness::{Kind, Subject};
use crate::engine::Tx;

/// What is sorted before as much of it is taken as is wanted: the ports of one instance, and what leads to them, which is little.
const OF_ONE_INSTANCE: [&str; 2] = ["alive_since in (", "where port_id in"];

/// What a fenced host has is sorted as well, and is no list.
const OF_FENCED_HOST: [&str; 2] = ["order by is_released desc", "where target_host_id = $1 order by id"];

/// Whether a statement reads what is of one instance.
pub(super) fn is_of_one_instance(text: &str) -> bool {
    OF_ONE_INSTANCE.iter().any(|of| text.contains(of))
}

/// Looks at the plan of each statement that was sent since the last look, which walks over no whole table, and on SQLite sorts
/// nothing of which only a page is wanted; answers how many there were.
pub(super) async fn assert_no_scans(subject: &Subject) -> usize {
    let sent: BTreeSet<Arc<str>> = subject.engine().take_sent().into_iter().map(|sent| sent.text).collect();
    let count = sent.len();
    let mut tx = subject.engine().write().await.unwrap();
    for text in sent {
        let scans = match subject.kind {
            Kind::Memory | Kind::Sqlite => {
                let is_page = text.contains(" limit ") && !OF_FENCED_HOST.iter().any(|of| text.contains(of));
                let may_sort = !is_page || is_of_one_instance(&text);
                let sorts = sorts_of_sqlite(&steps_of_sqlite(&mut tx, &text).await);
                let sorts = if may_sort { Vec::new() } else { sorts };
                [scans_of_sqlite(&mut tx, &text).await, sorts].concat()
            }
            Kind::Postgres => scans_of_postgres(&mut tx, &text).await,
        };
        assert_eq!(scans, Vec::<String>::new(), "{:?}: {text}", subject.kind);
    }
    tx.rollback().await.unwrap();
    count
}

/// The sorts by which SQLite carries out a statement that takes these steps. What is in order but for the last columns, and
/// what comes from a page of its own, is hardly anything.
pub(super) fn sorts_of_sqlite(steps: &[String]) -> Vec<String> {
    let pages: BTreeSet<&str> = steps.iter().filter_map(|step| step.strip_prefix("CO-ROUTINE ")).collect();
    let is_of_page = |number: usize| {
        let source = number.checked_sub(1).and_then(|before| steps[before].strip_prefix("SCAN "));
        source.is_some_and(|source| pages.contains(source))
    };
    let is_sort = |(number, step): &(usize, &String)| {
        let is_in_order = ["LAST TERM", "LAST 2 TERMS"].iter().any(|last| step.contains(last));
        step.contains("TEMP B-TREE") && !is_in_order && !is_of_page(*number)
    };
    steps.iter().enumerate().filter(is_sort).map(|(_, step)| step.clone()).collect()
}

/// The walks over whole tables or indexes by which SQLite carries the statement out.
async fn scans_of_sqlite(tx: &mut Tx, text: &str) -> Vec<String> {
    const TABLES: &str = "select name from sqlite_schema where type = 'table'";
    let tables = tx.fetch(TABLES, vec![]).await.unwrap();
    let tables: BTreeSet<String> = tables.iter().map(|row| row.columns().get().unwrap()).collect();
    let steps = steps_of_sqlite(tx, text).await.into_iter();
    let scanned =
        |step: &String| step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    steps.filter(|step| scanned(step).is_some_and(|name| tables.contains(&name))).collect()
}

/// How SQLite carries the statement out.
pub(super) async fn steps_of_sqlite(tx: &mut Tx, text: &str) -> Vec<String> {
    let steps = tx.fetch(format!("explain query plan {text}").leak(), vec![]).await.unwrap();
    let step = |row: &crate::sql::Row| {
        let mut columns = row.columns();
        let _numbers: [i64; 3] = std::array::from_fn(|_| columns.get().unwrap());
        columns.get::<String>().unwrap()
    };
    steps.iter().map(step).collect()
}

/// The walks over whole tables or indexes by which PostgreSQL carries the statement out.
pub(super) async fn scans_of_postgres(tx: &mut Tx, text: &str) -> Vec<String> {
    let steps = steps_of_postgres(tx, text).await;
    let by_index = ["Index Scan", "Index Only Scan"];
    let is_scan = |(number, step): (usize, &String)| {
        let is_limited = steps.get(number + 1).is_some_and(|next| next.trim().starts_with("Index Cond:"));
        step.contains("Seq Scan") || by_index.iter().any(|kind| step.contains(kind)) && !is_limited
    };
    steps.iter().enumerate().filter(|step| is_scan(*step)).map(|(_, step)| step.clone()).collect()
}

/// How PostgreSQL does. The statement was prepared on this very connection: whoever works alone always gets the same.
pub(super) async fn steps_of_postgres(tx: &mut Tx, text: &str) -> Vec<String> {
    const PREPARED: &str = "select name, coalesce(cardinality(parameter_types), 0)::bigint from pg_prepared_statements where statement = $1";
    let found = tx.fetch(PREPARED, vec![text.into()]).await.unwrap();
    let mut columns = found.first().unwrap_or_else(|| panic!("not prepared: {text}")).columns();
    let (name, parameters) = (columns.get::<String>().unwrap(), columns.get::<i64>().unwrap());
    let nulls = vec!["null"; usize::try_from(parameters).unwrap()].join(",");
    let nulls = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    let steps = tx.fetch(format!("explain execute {name}{nulls}").leak(), vec![]).await.unwrap();
    steps.iter().map(|row| row.columns().get().unwrap()).collect()
}
