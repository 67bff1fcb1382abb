//! The history, as a whole: what ended long ago is dropped, and it is noted how far back nothing is missing.

use lepton_types::Timestamp;

use crate::{engine::Tx, failure::Failure};

/// How many rows of one table one transaction drops, so that it never holds up the writers for long. What ended at one
/// moment with the last of them may go with it.
const AT_ONCE: i64 = 1024;

/// What drops the oldest rows of each table, by the shortest key that it has an index of.
const DROP: [&str; 6] = [
    "delete from floating_ip_history where (address, ended_at) in
         (select address, ended_at from floating_ip_history where ended_at < $1 order by ended_at limit $2)",
    "delete from fixed_ip_history where (address, ended_at) in
         (select address, ended_at from fixed_ip_history where ended_at < $1 order by ended_at limit $2)",
    "delete from port_history where id in
         (select id from port_history where ended_at < $1 order by ended_at limit $2)",
    "delete from instance_history where (id, incarnation) in
         (select id, incarnation from instance_history where ended_at < $1 order by ended_at limit $2)",
    "delete from subnet_history where (network_id, ended_at) in
         (select network_id, ended_at from subnet_history where ended_at < $1 order by ended_at limit $2)",
    "delete from network_history where (id, ended_at) in
         (select id, ended_at from network_history where ended_at < $1 order by ended_at limit $2)",
];

/// Under which name it is counted, in microseconds, before when what ended may be missing.
const FORGOTTEN: &str = "history_forgotten";

/// Forgets a bounded number of things that ended before a moment, of one kind after the other; answers how many.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Failure> {
    for sql in DROP {
        let dropped = tx.execute(sql, vec![before.micros().into(), AT_ONCE.into()]).await?;
        if dropped > 0 {
            note_forgotten(tx, before).await?;
            return Ok(dropped);
        }
    }
    Ok(0)
}

/// Notes that what ended before a moment is not complete any more. How long it is kept may change, and managers may differ.
async fn note_forgotten(tx: &mut Tx, before: Timestamp) -> Result<(), Failure> {
    const SQL: &str = "insert into counters (name, last) values ($1, $2)
         on conflict (name) do update set
             last = case when counters.last < excluded.last then excluded.last else counters.last end";
    tx.execute(SQL, vec![FORGOTTEN.into(), before.micros().into()]).await.map(drop)
}

/// From when on nothing is missing of what has ended; none: nothing ever was dropped.
pub(crate) async fn remembered_since(tx: &mut Tx) -> Result<Option<Timestamp>, Failure> {
    const SQL: &str = "select last from counters where name = $1";
    let found = tx.fetch(SQL, vec![FORGOTTEN.into()]).await?;
    Ok(found.first().map(|row| row.columns().get::<i64>()).transpose()?.map(Timestamp::from))
}
