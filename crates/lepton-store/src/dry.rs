//! That a subnet is dry is looked at once more when all is decided, where others share the ledger.
//!
//! Until then a batch has asked for free blocks that nobody else held, and for nothing that rested. If there is more, the batch begins
//! anew, and locks all that is left of the subnet from the start ([`Failure::Scarce`]); if it did so already, others have given something
//! back meanwhile, and it begins anew once more. What rests becomes free and has no row then, so it is looked for first: nothing slips through between the two looks.

use lepton_ledger::{Block, View};
use lepton_types::SubnetId;

use crate::{
    engine::Tx,
    failure::Failure,
    tables::{blocks, fixed_ips},
};

/// Looks whether the subnets that decisions have found dry are so, but for what the view has in hand.
///
/// # Errors
///
/// [`Failure::Scarce`] for those of which there is more, unless the batch has begun anew for them often enough.
pub(crate) async fn check(tx: &mut Tx, view: &View) -> Result<(), Failure> {
    if !tx.is_shared() {
        return Ok(());
    }
    let dry: Vec<_> = view.dry().iter().copied().filter(|subnet| tx.begins_anew_for(*subnet)).collect();
    let unlocked: Vec<_> = dry.iter().copied().filter(|subnet| !tx.is_scarce(*subnet)).collect();
    let mut scarce = fixed_ips::with_rested(tx, &unlocked, view.now()).await?;
    // What is in hand is free still as far as the database knows: one block more than that is another one.
    let in_hand = |subnet: &SubnetId| view.rows::<Block>().filter(|block| block.subnet() == *subnet).count();
    let wanted: Vec<_> = dry.iter().map(|subnet| (*subnet, in_hand(subnet) + 1)).collect();
    let free = blocks::free_in(tx, &wanted).await?.into_iter();
    scarce.extend(free.filter(|key| view.row::<Block>(key).is_none()).map(|(subnet, _)| subnet));
    if scarce.is_empty() { Ok(()) } else { Err(Failure::Scarce(scarce)) }
}
