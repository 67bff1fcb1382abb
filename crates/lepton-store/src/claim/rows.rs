//! `host_claims`: whose the hosts are.

use lepton_types::HostId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Claimant;

pub(super) async fn owner(
    connection: &mut PgConnection,
    host: &HostId,
) -> Result<Option<Claimant>, sqlx::Error> {
    const OWNER: &str = "select claimant from host_claims where host_id = $1";
    let found = sqlx::query_scalar::<_, Uuid>(OWNER).bind(host.to_string());
    Ok(found.fetch_optional(connection).await?.map(Claimant))
}

pub(super) async fn upsert(
    connection: &mut PgConnection,
    host: &HostId,
    claimant: Claimant,
) -> Result<(), sqlx::Error> {
    const UPSERT: &str = "insert into host_claims (host_id, claimant) values ($1, $2)
         on conflict (host_id) do update set claimant = excluded.claimant
         where host_claims.claimant <> excluded.claimant";
    sqlx::query(UPSERT).bind(host.to_string()).bind(claimant.0).execute(connection).await.map(drop)
}

pub(super) async fn delete(
    connection: &mut PgConnection,
    host: &HostId,
    claimant: Claimant,
) -> Result<(), sqlx::Error> {
    const DELETE: &str = "delete from host_claims where host_id = $1 and claimant = $2";
    sqlx::query(DELETE).bind(host.to_string()).bind(claimant.0).execute(connection).await.map(drop)
}
