//! The history, as a whole: what ended long ago is dropped.

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

/// Forgets a bounded number of things that ended before a moment, of one kind after the other; answers how many.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64, Failure> {
    for sql in DROP {
        let dropped = tx.execute(sql, vec![before.micros().into(), AT_ONCE.into()]).await?;
        if dropped > 0 {
            return Ok(dropped);
        }
    }
    Ok(0)
}
