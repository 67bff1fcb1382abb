//! That a subnet is dry is looked at once more when all is decided, where others share the ledger.
//!
//! Until then a batch has waited for the lowest block of small subnets at most, has left to the others what they held beside, and has
//! asked for nothing that rested. If more is free than it has in hand, or has rested, the batch begins anew, and locks all that is left of
//! the subnet from the start ([`Failure::Scarce`]); if it did so already, others have given something back meanwhile, and it begins anew
//! once more. After that the answer stands. All of this is so, too, where a command went on in the next subnet of its network: it was to use
//! this one first.
//!
//! What rests becomes free and has no row then, so it is looked for first: nothing slips through between the two looks.

use std::collections::{BTreeMap, BTreeSet};

use lepton_ledger::{Block, View};
use lepton_types::SubnetId;

use crate::{
    engine::Tx,
    failure::Failure,
    tables::{blocks, fixed_ips},
};

/// How often a batch begins anew for one subnet: to lock all that is left of it, and once more if that was not all by then.
const MOST_TIMES: u8 = 2;

/// The subnets for which a batch has begun anew, and how often for each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scarce(BTreeMap<SubnetId, u8>);

impl Scarce {
    /// Notes that the batch begins anew for these.
    pub(crate) fn note(&mut self, subnets: BTreeSet<SubnetId>) {
        subnets.into_iter().for_each(|subnet| *self.0.entry(subnet).or_default() += 1);
    }

    /// Whether it has begun anew for this one.
    pub(crate) fn knows(&self, subnet: SubnetId) -> bool {
        self.0.contains_key(&subnet)
    }

    /// The subnets, in the order of their ids.
    pub(crate) fn subnets(&self) -> impl Iterator<Item = SubnetId> {
        self.0.keys().copied()
    }

    /// Whether it may begin anew for this one. Where others give back all the time, it would for ever.
    fn allows(&self, subnet: SubnetId) -> bool {
        self.0.get(&subnet).is_none_or(|times| *times < MOST_TIMES)
    }

    /// One for which it has begun anew so often.
    #[cfg(test)]
    pub(crate) fn of(subnet: SubnetId, times: u8) -> Self {
        Self([(subnet, times)].into())
    }
}

/// Looks whether the subnets that decisions have found dry are so, but for what the view has in hand.
///
/// # Errors
///
/// [`Failure::Scarce`] for those of which there is more, unless the batch has begun anew for them often enough.
pub(crate) async fn check(tx: &mut Tx, view: &View) -> Result<(), Failure> {
    if !tx.is_shared() {
        return Ok(());
    }
    let dry: Vec<_> = view.dry().iter().copied().filter(|subnet| tx.scarce().allows(*subnet)).collect();
    let unlocked: Vec<_> = dry.iter().copied().filter(|subnet| !tx.is_scarce(*subnet)).collect();
    let mut scarce = fixed_ips::with_rested(tx, &unlocked, view.now()).await?;
    // What is in hand is free still as far as the database knows: one block more than that is another one.
    let in_hand = |subnet: &SubnetId| view.rows::<Block>().filter(|block| block.subnet() == *subnet).count();
    let wanted: Vec<_> = dry.iter().map(|subnet| (*subnet, in_hand(subnet) + 1)).collect();
    let free = blocks::free_in(tx, &wanted).await?.into_iter();
    scarce.extend(free.filter(|key| view.row::<Block>(key).is_none()).map(|(subnet, _)| subnet));
    if scarce.is_empty() { Ok(()) } else { Err(Failure::Scarce(scarce)) }
}
