//! `ended_subnets`: of which subnets that were deleted something is left.
//!
//! A subnet that ends takes its frontier, its blocks and its addresses without a port along. They may be very many, so whoever
//! deletes it only notes here that they are nobody's any more, and they are dropped later, a bounded number at a time.
//!
//! Nothing comes to what is left: an address that a port gets has a foreign key to its subnet, whoever changes a subnet finds its
//! version, and whoever reserves an address looks once more (`apart.rs`).

use lepton_types::{Subnet, SubnetId};
use uuid::Uuid;

use crate::{engine::Tx, failure::Failure, together::Together};

/// Most rows that one transaction drops, so that it never holds up the writers for long: SQLite takes 11 µs an address.
const AT_ONCE: u64 = 1024;

/// Most subnets whose rows one transaction drops.
const SUBNETS_AT_ONCE: i64 = 64;

/// Drops the first rows of a subnet in one table.
const DROP: [&str; 2] = [
    "delete from fixed_ips where subnet_id = $1 and address in
         (select address from fixed_ips where subnet_id = $1 order by address limit $2)",
    "delete from blocks where subnet_id = $1 and first in
         (select first from blocks where subnet_id = $1 order by first limit $2)",
];

/// Notes that subnets have ended.
pub(crate) fn note(together: &mut Together, subnets: &[&Subnet]) {
    const SQL: &str = "insert into ended_subnets (subnet_id) {rows}";
    together.add(SQL, subnets, |subnet| vec![subnet.id.as_uuid().into()]);
}

/// Drops a bounded number of rows of subnets that have ended, and with the last row of one its note; answers how many, zero when
/// nothing is left but what another manager is dropping.
pub(crate) async fn drop_some(tx: &mut Tx) -> Result<u64, Failure> {
    // Every id is above the lowest one: the condition is there for the engines, which then read so many rows in the order of the key,
    // and not all of the table to sort it.
    const ENDED: &str =
        "select subnet_id from ended_subnets where subnet_id > $1 order by subnet_id limit $2 {lock free}";
    let mut dropped = 0;
    for row in tx.fetch(ENDED, vec![Uuid::nil().into(), SUBNETS_AT_ONCE.into()]).await? {
        dropped += drop_of(tx, row.columns().id()?, AT_ONCE - dropped).await?;
        if dropped >= AT_ONCE {
            break;
        }
    }
    Ok(dropped)
}

/// Drops so many rows of a subnet at most, and where that is not all of them leaves the note.
async fn drop_of(tx: &mut Tx, subnet: SubnetId, most: u64) -> Result<u64, Failure> {
    const FRONTIER: &str = "delete from frontiers where subnet_id = $1";
    const NOTE: &str = "delete from ended_subnets where subnet_id = $1";
    let key = || subnet.as_uuid().into();
    let mut dropped = 0;
    for sql in DROP {
        dropped += tx.execute(sql, vec![key(), (most - dropped).into()]).await?;
        if dropped >= most {
            return Ok(dropped);
        }
    }
    tx.execute(FRONTIER, vec![key()]).await?;
    Ok(dropped + tx.execute(NOTE, vec![key()]).await?)
}
