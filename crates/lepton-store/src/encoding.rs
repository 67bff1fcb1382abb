//! The encoding of a PostgreSQL database, which must be able to hold every text of the ledger.
//!
//! PostgreSQL converts what it is told into the encoding that the database was made with, and refuses what has no place in that.
//! The ledger has decided by then, and whoever asked would be told of a fault. SQL_ASCII takes every byte, and checks nothing.

use sqlx::PgConnection;

use crate::failure::{explained, may_pass};

/// The encoding that the ledger's database has, by PostgreSQL's name for it.
const ENCODING: &str = "UTF8";

/// Looks whether the database has it; else tells what is wrong, and whether that may pass.
pub(crate) async fn ensure_utf8(connection: &mut PgConnection) -> Result<(), (String, bool)> {
    let asked = sqlx::query_scalar("SHOW server_encoding").fetch_one(connection).await;
    let found: String = asked.map_err(|error| (explained(&error), may_pass(&error)))?;
    if found == ENCODING {
        return Ok(());
    }
    let way_out = format!("CREATE DATABASE … ENCODING '{ENCODING}' TEMPLATE template0");
    Err((
        format!("its encoding is {found}, and the ledger's is {ENCODING}: make one that has it ({way_out})"),
        false,
    ))
}
