//! Which blocks a manager takes addresses from that shares the ledger with others.
//!
//! No two of them hold one block at once, and each holds few. Of a subnet with blocks enough each leaves to the others what they hold
//! and takes the lowest blocks that nobody does; so they hardly ever wait for each other. Of a subnet with few, a small one say, they
//! take the lowest block in turn: who left it to the other one would find none.
//!
//! Blocks that a manager may have to wait for are locked in one statement and in the order of their keys, before those that it waits
//! for never: so within one round no two wait for each other. Who has blocks in hand from an earlier round leaves to the others what they
//! hold; whether a subnet is dry for that reason is looked at when all is decided ([`dry`](crate::dry), ADR 3).

use std::{collections::BTreeMap, net::IpAddr};

use lepton_ledger::{Block, Frontier, View};
use lepton_types::SubnetId;

use super::{AT_ONCE, load, lowest};
use crate::{engine::Tx, failure::Failure, table::Stored};

/// How many of a subnet's blocks a batch takes that has none yet. Most need one; two, since the lowest may be almost full.
const AT_FIRST: usize = 2;

/// How many blocks are all that are left of a subnet that is scarce; of more it is asked again.
const ALL: usize = 1024;

/// A subnet, and the block behind which its free ones are wanted.
type Behind = (SubnetId, Option<IpAddr>);

/// Loads blocks by their first addresses, and of each subnet the lowest that have a free address and start above an address.
pub(crate) async fn load_in_turn(
    tx: &mut Tx,
    keys: &[(SubnetId, IpAddr)],
    wanted: &[Behind],
    view: &mut View,
) -> Result<(), Failure> {
    // Of one subnet the last question is answered: it is behind the others.
    let wanted: BTreeMap<_, _> = wanted.iter().copied().collect();
    let has_some = view.rows::<Block>().next().is_some();
    let is_left = |subnet| has_some || is_open(view, subnet) && !tx.is_scarce(subnet);
    let (mut left_to_others, few): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|(subnet, _)| is_left(*subnet));
    let mut keys = keys.to_vec();
    let limited: Vec<_> = few.iter().map(|behind| (*behind, most_of(tx, behind.0))).collect();
    let mut firsts_of = lowest_of(tx, &limited).await?;
    for (subnet, after) in few {
        let firsts = firsts_of.remove(&subnet).unwrap_or_default();
        let is_all = firsts.len() < most_of(tx, subnet);
        let taken = if tx.is_scarce(subnet) {
            &firsts[..]
        } else if is_all {
            &firsts[..firsts.len().min(1)]
        } else {
            left_to_others.push((subnet, after));
            continue;
        };
        let is_all = is_all && taken.len() == firsts.len();
        view.note_free_blocks(subnet, taken.last().copied().filter(|_| !is_all));
        keys.extend(taken.iter().map(|first| (subnet, *first)));
    }
    load(tx, &keys, view).await?;
    load_unheld(tx, &left_to_others, view).await
}

/// How many of a subnet's free blocks one question finds.
fn most_of(tx: &Tx, subnet: SubnetId) -> usize {
    if tx.is_scarce(subnet) { ALL } else { AT_ONCE }
}

/// Where the lowest free blocks of subnets start, without locks: so many of each.
async fn lowest_of(
    tx: &mut Tx,
    wanted: &[(Behind, usize)],
) -> Result<BTreeMap<SubnetId, Vec<IpAddr>>, Failure> {
    const SQL: &str = "select wanted.column1, lowest.first from ({rows}) as wanted, lateral (
             select first from blocks
             where subnet_id = wanted.column1 and free > 0 and first > wanted.column2
             order by first limit wanted.column3) as lowest";
    let mut found: BTreeMap<SubnetId, Vec<IpAddr>> = BTreeMap::new();
    let values_of = |((subnet, after), limit): &(Behind, usize)| lowest(*subnet, *after, *limit);
    for row in tx.fetch_for(SQL, wanted, values_of).await? {
        let mut columns = row.columns();
        found.entry(columns.id()?).or_default().push(columns.address()?);
    }
    Ok(found)
}

/// Where the lowest free blocks of subnets start, as it is now: so many of each.
pub(crate) async fn free_in(
    tx: &mut Tx,
    subnets: &[(SubnetId, usize)],
) -> Result<Vec<(SubnetId, IpAddr)>, Failure> {
    let wanted: Vec<_> = subnets.iter().map(|(subnet, count)| ((*subnet, None), *count)).collect();
    let found = lowest_of(tx, &wanted).await?.into_iter();
    Ok(found.flat_map(|(subnet, firsts)| firsts.into_iter().map(move |first| (subnet, first))).collect())
}

/// Whether the subnet has blocks without a row, one of which is opened when all others are held.
fn is_open(view: &View, subnet: SubnetId) -> bool {
    view.row::<Frontier>(&subnet).is_some_and(|frontier| frontier.next.is_some())
}

/// Loads those blocks that no other manager holds, and notes them as all that there are. Who finds none opens one, and where none is
/// left finds the subnet dry.
async fn load_unheld(tx: &mut Tx, wanted: &[Behind], view: &mut View) -> Result<(), Failure> {
    const SQL: &str = "select lowest.* from ({rows}) as wanted, lateral (
             select subnet_id, first, taken from blocks
             where subnet_id = wanted.column1 and free > 0 and first > wanted.column2
             order by first limit wanted.column3 {lock free}) as lowest";
    let limit_behind = |after: Option<IpAddr>| if after.is_none() { AT_FIRST } else { AT_ONCE };
    let values_of = |(subnet, after): &Behind| lowest(*subnet, *after, limit_behind(*after));
    let mut found: BTreeMap<SubnetId, Vec<IpAddr>> = BTreeMap::new();
    for row in tx.fetch_for(SQL, wanted, values_of).await? {
        let block = Block::read(&mut row.columns())?;
        found.entry(block.subnet()).or_default().push(block.first());
        view.load(block);
    }
    for (subnet, after) in wanted {
        let firsts = found.remove(subnet).unwrap_or_default();
        let is_all = firsts.len() < limit_behind(*after);
        view.note_free_blocks(*subnet, firsts.into_iter().max().filter(|_| !is_all));
    }
    Ok(())
}
