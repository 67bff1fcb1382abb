//! Whose process is there: a lock on the host's name, of a session.

use lepton_types::HostId;
use sqlx::PgConnection;

pub(super) async fn take(connection: &mut PgConnection, host: &HostId) -> Result<bool, sqlx::Error> {
    const LOCK: &str = "select pg_try_advisory_lock(hashtextextended($1, 0))";
    sqlx::query_scalar(LOCK).bind(name(host)).fetch_one(connection).await
}

/// Where the session is that has it.
pub(super) async fn holder(
    connection: &mut PgConnection,
    host: &HostId,
) -> Result<Option<String>, sqlx::Error> {
    const HOLDER: &str =
        "select coalesce('is connected from ' || host(a.client_addr), 'runs on the database''s machine')
             || ', PostgreSQL''s process ' || l.pid
         from pg_locks l join pg_stat_activity a on a.pid = l.pid
         where l.locktype = 'advisory' and l.objsubid = 1 and l.granted and a.datname = current_database()
             and (l.classid::bigint << 32) | l.objid::bigint = hashtextextended($1, 0)";
    sqlx::query_scalar(HOLDER).bind(name(host)).fetch_optional(connection).await
}

fn name(host: &HostId) -> String {
    format!("lepton host {host}")
}
