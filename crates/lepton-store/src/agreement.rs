//! Settings that all managers of one ledger should have alike, noted in it so that the next one can compare.
//!
//! It is a note and no lock: an operator who changes a setting starts one manager after the other.

use std::sync::Arc;

use crate::{engine::Engine, failure::Failure};

/// Notes a value; answers with the one that was noted before, if it is another.
pub(crate) async fn note(engine: &Arc<Engine>, name: &str, value: &str) -> Result<Option<String>, Failure> {
    // One statement, since of two managers that start at once the second must see what the first one noted.
    const NOTE: &str = "insert into manager_settings (name, value) values ($1, $2)
         on conflict (name) do update set former = manager_settings.value, value = excluded.value
         returning former";
    let mut tx = engine.write().await?;
    let rows = tx.fetch(NOTE, vec![name.into(), value.into()]).await?;
    tx.commit().await?;
    let former: Option<String> = match rows.first() {
        Some(row) => row.columns().get()?,
        None => None,
    };
    Ok(former.filter(|former| former != value))
}
