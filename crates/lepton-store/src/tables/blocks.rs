//! `blocks`: 256 addresses each, a bit an address.

mod turns;

use std::{collections::BTreeMap, net::IpAddr};

use lepton_ledger::{Block, View};
use lepton_types::SubnetId;

pub(crate) use self::turns::{free_in, load_in_turn};
use super::load_by;
use crate::{
    engine::Tx,
    error::StoreError,
    failure::Failure,
    sql::{Columns, Value, address_bytes},
    table::Stored,
};

/// How many of a subnet's blocks with free addresses one question loads. A batch of allocations from a pool that
/// churn has left with one free address in each block takes one question for so many of them.
const AT_ONCE: usize = 16;

impl Stored for Block {
    const INSERT: &'static str = "insert into blocks (subnet_id, first, taken, free) {rows}";
    const UPDATE: &'static str = "update blocks set taken = v.column3, free = v.column4 from ({rows}) as v
         where blocks.subnet_id = v.column1 and blocks.first = v.column2";
    /// A block goes with its subnet (`ended_subnets`).
    const DELETE: Option<&'static str> = None;

    fn values(&self) -> Vec<Value> {
        vec![
            self.subnet().as_uuid().into(),
            self.first().into(),
            self.to_bytes().to_vec().into(),
            i64::from(self.free()).into(),
        ]
    }

    fn key_values(&self) -> Vec<Value> {
        vec![self.subnet().as_uuid().into(), self.first().into()]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(Self::from_bytes(columns.id()?, columns.address()?, columns.bytes()?))
    }
}

/// Loads blocks by their first addresses.
pub(crate) async fn load(tx: &mut Tx, keys: &[(SubnetId, IpAddr)], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select subnet_id, first, taken from blocks
         where (subnet_id, first) in ({rows}) order by subnet_id, first {lock}";
    load_by::<Block, _>(tx, SQL, keys, |(subnet, first)| vec![subnet.as_uuid().into(), (*first).into()], view)
        .await
}

/// Loads the lowest blocks of subnets that have a free address and start above an address, where nobody shares the ledger. The partial
/// index leads to them, and no others are read.
pub(crate) async fn load_free(
    tx: &mut Tx,
    keys: &[(SubnetId, Option<IpAddr>)],
    view: &mut View,
) -> Result<(), Failure> {
    const SQL: &str = "select subnet_id, first, taken from blocks
         where subnet_id = $1 and free > 0 and first > $2 order by first limit $3";
    let keys: BTreeMap<_, _> = keys.iter().copied().collect();
    let mut found: BTreeMap<SubnetId, Vec<IpAddr>> =
        keys.keys().map(|subnet| (*subnet, Vec::new())).collect();
    for (subnet, after) in keys {
        for row in tx.fetch(SQL, lowest(subnet, after, AT_ONCE)).await? {
            let block = Block::read(&mut row.columns())?;
            found.entry(block.subnet()).or_default().push(block.first());
            view.load(block);
        }
    }
    for (subnet, firsts) in found {
        let is_all = firsts.len() < AT_ONCE;
        view.note_free_blocks(subnet, firsts.into_iter().max().filter(|_| !is_all));
    }
    Ok(())
}

/// The values of a question for so many of a subnet's lowest blocks behind one.
fn lowest(subnet: SubnetId, after: Option<IpAddr>, limit: usize) -> Vec<Value> {
    let after = after.map(address_bytes).unwrap_or_default();
    // No batch has so many blocks in hand.
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    vec![subnet.as_uuid().into(), after.into(), limit.into()]
}
