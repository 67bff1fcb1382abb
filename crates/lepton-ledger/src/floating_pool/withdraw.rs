//! How addresses leave a pool of floating IPs: whole ranges, or parts of them.
//!
//! A range of which a part goes keeps its subnet, whose allocation pools are the pieces that are left. The bits of what goes are
//! taken in its blocks, so that it is given to nobody, also by a manager that read the subnet before. It is of no pool then,
//! and whoever gives it to one makes a new range of it.

use std::{collections::BTreeMap, net::IpAddr};

use lepton_ipam::Block;
use lepton_types::{FloatingRange, Ipv4Range, Name, Network, Subnet};

use super::FloatingPool;
use crate::{Command, Key, Refusal, Stop, View};

/// Takes addresses from a pool, all of them or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteFloatingRanges {
    /// From which pool.
    pub pool: Name,
    /// Which; of each the pool has an address at least, and what it has goes.
    pub ranges: Vec<Ipv4Range>,
}

/// Most addresses that a request takes of ranges that keep others: a bound, so that other changes wait little. Ranges that go as a
/// whole may have any number.
const MOST_OF_PARTS: u64 = 1 << 16;
/// Most pieces of a range: a bound, so that whatever reads its subnet reads little.
const MOST_PIECES: usize = 64;

impl Command for DeleteFloatingRanges {
    type Answer = FloatingPool;

    const NAME: &'static str = "DeleteFloatingRanges";

    fn keys(&self) -> Vec<Key> {
        vec![Key::FloatingPool(self.pool.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<FloatingPool, Stop> {
        let pool = ledger.found_pool(&self.pool)?;
        let mut withdrawals = Vec::new();
        for range in ledger.ranges_of(pool.id) {
            let subnet = ledger.subnet_of_range(range.subnet)?;
            withdrawals.extend(Withdrawal::of(range, subnet, &self.ranges));
        }
        let goes = |wanted: Ipv4Range| withdrawals.iter().any(|withdrawal| withdrawal.takes_of(wanted));
        if let Some(&range) = self.ranges.iter().find(|wanted| !goes(**wanted)) {
            return Err(Refusal::FloatingRangeNotFound { range, pool: self.pool.clone() }.into());
        }
        check_bounds(&withdrawals)?;
        let parts: Vec<_> = withdrawals.iter().map(Withdrawal::part).collect();
        let blocks = withdrawals
            .iter()
            .zip(&parts)
            .flat_map(|(withdrawal, part)| part.keys().map(|first| Key::Block(withdrawal.subnet.id, *first)));
        ledger.need(blocks)?;
        for (withdrawal, part) in withdrawals.into_iter().zip(parts) {
            withdrawal.make(ledger, &pool, part)?;
        }
        Ok(ledger.pool_with_ranges(&pool))
    }
}

/// What goes of a range and what stays: ranges that are apart, ascending.
struct Withdrawal {
    range: FloatingRange,
    subnet: Subnet,
    goes: Vec<Ipv4Range>,
    stays: Vec<Ipv4Range>,
}

/// Addresses by the blocks that they are in, which are named by their first addresses.
type ByBlock = BTreeMap<IpAddr, Vec<IpAddr>>;

impl Withdrawal {
    /// What goes of the range when these addresses go; none when it has none of them.
    fn of(range: FloatingRange, subnet: Subnet, addresses: &[Ipv4Range]) -> Option<Self> {
        let stays = without(pieces(&subnet), addresses);
        let goes = without(pieces(&subnet), &stays);
        (!goes.is_empty()).then_some(Self { range, subnet, goes, stays })
    }

    /// Whether any of these addresses goes.
    fn takes_of(&self, addresses: Ipv4Range) -> bool {
        self.goes.iter().any(|range| range.overlaps(addresses))
    }

    /// The addresses that go of a range that keeps others.
    fn part(&self) -> ByBlock {
        let mut part = ByBlock::new();
        if !self.stays.is_empty() {
            for address in self.goes.iter().flat_map(|range| range.addresses()).map(IpAddr::from) {
                part.entry(Block::start_of(address)).or_default().push(address);
            }
        }
        part
    }

    fn make(self, ledger: &mut View, pool: &Network, part: ByBlock) -> Result<(), Stop> {
        let (Some(first), Some(last)) = (self.stays.first(), self.stays.last()) else {
            return end_range(ledger, pool, &self.range);
        };
        let addresses = Ipv4Range::try_from((first.first(), last.last())).expect("what stays is ascending");
        for (first, addresses) in part {
            take(ledger, pool, &self.subnet, first, &addresses)?;
        }
        let pools = self.stays.iter().map(|piece| piece.pool()).collect();
        ledger.replace(FloatingRange { addresses, total: size(&self.stays), ..self.range });
        ledger.replace(Subnet { pools, version: self.subnet.version + 1, ..self.subnet });
        Ok(())
    }
}

fn check_bounds(withdrawals: &[Withdrawal]) -> Result<(), Refusal> {
    let wrong = |problem| Err(Refusal::invalid_field("ranges", problem));
    let in_part = withdrawals.iter().filter(|withdrawal| !withdrawal.stays.is_empty());
    let count: u64 = in_part.map(|withdrawal| size(&withdrawal.goes)).sum();
    if count > MOST_OF_PARTS {
        return wrong(format!(
            "they take {count} addresses of ranges that keep others (expected at most {MOST_OF_PARTS}); take them in turns"
        ));
    }
    match withdrawals.iter().find(|withdrawal| withdrawal.stays.len() > MOST_PIECES) {
        None => Ok(()),
        Some(Withdrawal { range, stays, .. }) => wrong(format!(
            "{} would be left in {} pieces (expected at most {MOST_PIECES}); take more of it at once",
            range.addresses,
            stays.len()
        )),
    }
}

/// Takes addresses of which nobody has one out of their block. One that is not open yet is opened, so that nobody opens it as it
/// would have been.
fn take(
    ledger: &mut View,
    pool: &Network,
    subnet: &Subnet,
    first: IpAddr,
    addresses: &[IpAddr],
) -> Result<(), Stop> {
    let open = ledger.block(subnet.id, first)?.cloned();
    let mut block = open.unwrap_or_else(|| Block::fresh(subnet, first));
    if let Some(&address) = addresses.iter().find(|address| !block.take(**address)) {
        return Err(in_use(pool, Some(address)).into());
    }
    ledger.replace(block);
    Ok(())
}

/// Ends a range of which nobody has an address (B54).
pub(super) fn end_range(ledger: &mut View, pool: &Network, range: &FloatingRange) -> Result<(), Stop> {
    if range.allocated > 0 {
        // Which one, nobody may know: the one that was seen has gone in this batch, and others were not looked for.
        let address = ledger.floating_ip_in(range.subnet)?;
        return Err(in_use(pool, address).into());
    }
    ledger.end::<FloatingRange>(&range.subnet);
    ledger.end::<Subnet>(&range.subnet);
    Ok(())
}

fn in_use(pool: &Network, address: Option<IpAddr>) -> Refusal {
    Refusal::FloatingPoolInUse { pool: pool.label.clone(), address }
}

/// The pieces of a range that is this subnet, ascending.
pub(crate) fn pieces(subnet: &Subnet) -> impl Iterator<Item = Ipv4Range> {
    subnet.pools.iter().filter_map(|pool| Ipv4Range::try_from(*pool).ok())
}

/// What lies between the pieces of a range, ascending.
pub(super) fn gaps(range: Ipv4Range, subnet: &Subnet) -> Vec<Ipv4Range> {
    without([range], &pieces(subnet).collect::<Vec<_>>())
}

/// What is left of ranges without others.
pub(super) fn without(ranges: impl IntoIterator<Item = Ipv4Range>, others: &[Ipv4Range]) -> Vec<Ipv4Range> {
    others.iter().fold(ranges.into_iter().collect(), |left, other| {
        left.into_iter().flat_map(|range| range.without(*other)).collect()
    })
}

fn size(ranges: &[Ipv4Range]) -> u64 {
    ranges.iter().map(|range| range.size()).sum()
}

#[cfg(test)]
mod tests;
