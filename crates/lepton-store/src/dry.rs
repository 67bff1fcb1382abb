//! That a subnet is dry is looked at once more when all is decided, where others share the ledger.
//!
//! Until then a batch has asked for free blocks that nobody else held, and for nothing that rested. If there is more, the batch begins
//! anew, and locks all that is left of the subnet from the start ([`Failure::Scarce`]); if it did so already, others have given something
//! back meanwhile. What rests becomes free and has no row then, so it is looked for first: nothing slips through between the two looks.

use std::collections::BTreeSet;

use lepton_ledger::{Block, View};

use crate::{
    engine::Tx,
    failure::Failure,
    tables::{blocks, fixed_ips},
};

/// Looks whether the subnets that decisions have found dry are so, but for what the view has in hand.
///
/// # Errors
///
/// [`Failure::Scarce`] for those of which there is more; [`Failure::Conflict`] when that came back since all was locked.
pub(crate) async fn check(tx: &mut Tx, view: &View) -> Result<(), Failure> {
    if !tx.is_shared() || view.dry().is_empty() {
        return Ok(());
    }
    let unlocked: Vec<_> = view.dry().iter().copied().filter(|subnet| !tx.is_scarce(*subnet)).collect();
    let mut scarce: BTreeSet<_> = fixed_ips::with_rested(tx, &unlocked, view.now()).await?;
    let mut has_come_back = false;
    for (subnet, first) in blocks::free_in(tx, view.dry()).await? {
        match view.row::<Block>(&(subnet, first)) {
            Some(_) => {}
            None if tx.is_scarce(subnet) => has_come_back = true,
            None => drop(scarce.insert(subnet)),
        }
    }
    if !scarce.is_empty() {
        return Err(Failure::Scarce(scarce));
    }
    if has_come_back {
        return Err(Failure::Conflict("addresses of a dry subnet were given back meanwhile".into()));
    }
    Ok(())
}
