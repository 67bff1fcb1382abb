//! Pools of floating IPs: external networks whose subnets are ranges of addresses, made and deleted by operators.

use std::cmp::Reverse;

use lepton_ipam::{Gateway, SubnetSpec, first_block};
use lepton_types::{
    AddressMode, FloatingRange, IfName, Ipv4Range, Mtu, Name, Network, NetworkId, Subnet, SubnetId, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{Command, Frontier, Key, Refusal, Scope, Stop, View, page};

mod withdraw;

pub use withdraw::DeleteFloatingRanges;
pub(crate) use withdraw::pieces;

/// Makes a pool of floating IPs, or gives one that is there more ranges. A range that the pool has already changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateFloatingPool {
    /// What the pool is called; it is found by that.
    pub name: Name,
    /// The addresses that it is to have. That they can be a host's was checked when they were parsed.
    pub ranges: Vec<Ipv4Range>,
    /// The device that routers shall put the ranges' addresses on; none: the router's default.
    pub interface: Option<IfName>,
}

/// A pool of floating IPs with its ranges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingPool {
    /// The pool's network.
    pub id: NetworkId,
    /// What it is called.
    pub name: Name,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its ranges, ascending; none are told to a project's tenants.
    pub ranges: Option<Vec<PoolRange>>,
}

/// A range of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolRange {
    /// The subnet that it is.
    pub subnet: SubnetId,
    /// From its first to its last address.
    pub addresses: Ipv4Range,
    /// Which of them were withdrawn, ascending.
    #[serde(default)]
    pub withdrawn: Vec<Ipv4Range>,
    /// How many addresses it has, without those.
    pub total: u64,
    /// How many of them projects have.
    pub allocated: u64,
    /// The device that routers put them on; none: the router's default.
    pub interface: Option<IfName>,
}

/// Most ranges of a pool: a bound, so that what is decided on a pool costs little. A range may have any number of addresses.
const MOST_RANGES: usize = 256;

impl Command for CreateFloatingPool {
    type Answer = FloatingPool;

    const NAME: &'static str = "CreateFloatingPool";

    /// The counter of networks is asked for also by who adds to a pool: with it, whoever changes pools takes turns, and no two
    /// ranges overlap.
    fn keys(&self) -> Vec<Key> {
        let ranges = self.ranges.iter().map(|range| Key::FloatingRangesIn(*range));
        ranges.chain([Key::NewestNetwork, Key::FloatingPool(self.name.clone())]).collect()
    }

    fn decide(&self, ledger: &mut View) -> Result<FloatingPool, Stop> {
        let pool = match ledger.floating_pool(&self.name)?.cloned() {
            Some(pool) => pool,
            None => self.new_pool(ledger)?,
        };
        // Larger ones first, so that it does not matter in which order they are told: what is within another one is there by then.
        let mut ranges: Vec<_> = self.ranges.iter().enumerate().collect();
        ranges.sort_by_key(|(_, addresses)| Reverse(addresses.size()));
        for (index, addresses) in ranges {
            let field = format!("ranges[{index}]");
            let Some(there) = ledger.range_that_overlaps(*addresses)? else {
                self.insert_range(ledger, &pool, *addresses, field)?;
                continue;
            };
            match ledger.ranges_with(&pool, *addresses)? {
                None => return Err(overlap(ledger, *addresses, there, field)?.into()),
                Some(ranges) => {
                    ranges.iter().try_for_each(|range| self.check_interface(ledger, range))?;
                    if !ledger.are_on_one_interface(&ranges)? {
                        return Err(overlap(ledger, *addresses, there, field)?.into());
                    }
                }
            }
        }
        let ranges = ledger.ranges_of(pool.id).len();
        if ranges > MOST_RANGES {
            let problem = format!(
                "the pool would have {ranges} ranges (expected at most {MOST_RANGES}); join some, or make another pool"
            );
            return Err(Refusal::invalid_field("ranges", problem).into());
        }
        Ok(ledger.pool_with_ranges(&pool))
    }
}

impl CreateFloatingPool {
    fn new_pool(&self, ledger: &mut View) -> Result<Network, Stop> {
        let pool = Network {
            id: ledger.draws().id(),
            project: None,
            label: self.name.clone(),
            priority: 0,
            mtu: Mtu::ETHERNET,
            sequence: ledger.next_network_sequence()?,
            created_at: ledger.now(),
            host: None,
            is_injected: false,
            is_external: true,
            version: 0,
        };
        ledger.insert(pool.clone());
        Ok(pool)
    }

    /// A range that is there stays on its device.
    fn check_interface(&self, ledger: &mut View, range: &FloatingRange) -> Result<(), Stop> {
        let there = ledger.subnet(range.subnet)?.and_then(|subnet| subnet.interface.clone());
        if self.interface.is_none() || self.interface == there {
            return Ok(());
        }
        let device = there.map_or_else(|| "the router's default".to_owned(), |device| device.to_string());
        let problem = format!("range {} is on {device} already; delete it first", range.addresses);
        Err(Refusal::invalid_field("interface", problem).into())
    }

    fn insert_range(
        &self,
        ledger: &mut View,
        pool: &Network,
        addresses: Ipv4Range,
        field: String,
    ) -> Result<(), Stop> {
        let spec = range_spec(addresses);
        let planned = spec.plan(ledger.draws().id(), pool.id);
        let planned = planned.map_err(|error| Refusal::invalid_field(field, error.to_string()))?;
        let subnet = Subnet { interface: self.interface.clone(), ..planned };
        ledger.insert(Frontier { subnet: subnet.id, next: first_block(&subnet) });
        let total = addresses.size();
        ledger.insert(FloatingRange { subnet: subnet.id, pool: pool.id, addresses, total, allocated: 0 });
        ledger.insert(subnet);
        Ok(())
    }
}

/// A range of a pool as a subnet: all its addresses are given out, there is no gateway, and none rests.
pub fn range_spec(addresses: Ipv4Range) -> SubnetSpec {
    SubnetSpec {
        gateway: Gateway::None,
        mode: Some(AddressMode::Pool),
        pools: vec![addresses.pool()],
        ..SubnetSpec::new(addresses.prefix())
    }
}

fn overlap(
    ledger: &mut View,
    range: Ipv4Range,
    (pool, other): (NetworkId, Ipv4Range),
    field: String,
) -> Result<Refusal, Stop> {
    let name = ledger.network(pool)?.map(|pool| pool.label.clone());
    let other_pool = name.ok_or(Refusal::NetworkNotFound { network: pool, field: None })?;
    Ok(Refusal::FloatingRangeOverlaps { range, other, other_pool, field })
}

/// Deletes a pool with all its ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteFloatingPool {
    /// Which one.
    pub name: Name,
}

impl Command for DeleteFloatingPool {
    type Answer = ();

    const NAME: &'static str = "DeleteFloatingPool";

    fn keys(&self) -> Vec<Key> {
        vec![Key::FloatingPool(self.name.clone())]
    }

    fn decide(&self, ledger: &mut View) -> Result<(), Stop> {
        let pool = ledger.found_pool(&self.name)?;
        for range in ledger.ranges_of(pool.id) {
            withdraw::end_range(ledger, &pool, &range)?;
        }
        ledger.note_newest_network(pool.sequence);
        ledger.end::<Network>(&pool.id);
        Ok(())
    }
}

/// Most pools of a page, whatever it may have: each may have [`MOST_RANGES`] ranges to load and to tell, some 80 bytes each.
const MOST_POOLS: u16 = 64;

/// Shows a page of pools in the order of their creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListFloatingPools {
    /// Only pools made after the one with this sequence number.
    pub after: u64,
    /// Most pools to show, though never more than 64; not zero.
    pub limit: u16,
    /// What the caller may see.
    pub scope: Scope,
}

/// A page of pools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatingPoolPage {
    /// The pools.
    pub pools: Vec<FloatingPool>,
    /// The sequence number after which the next page starts; none on the last page.
    pub next: Option<u64>,
}

impl Command for ListFloatingPools {
    type Answer = FloatingPoolPage;

    const NAME: &'static str = "ListFloatingPools";

    fn decide(&self, ledger: &mut View) -> Result<FloatingPoolPage, Stop> {
        let limit = self.limit.min(MOST_POOLS);
        let mut pools = ledger.floating_pool_page(self.after, page::looks(limit))?;
        let next = page::cut(&mut pools, limit, |pool| pool.sequence);
        let is_told_all = self.scope.project().is_none();
        let shown = pools.iter().map(|pool| {
            let pool = ledger.pool_with_ranges(pool);
            FloatingPool { ranges: pool.ranges.filter(|_| is_told_all), ..pool }
        });
        Ok(FloatingPoolPage { pools: shown.collect(), next })
    }
}

impl View {
    pub(crate) fn found_pool(&mut self, name: &Name) -> Result<Network, Stop> {
        let found = self.floating_pool(name)?.cloned();
        found.ok_or_else(|| Refusal::FloatingPoolNotFound { pool: name.clone() }.into())
    }

    /// The ranges of a pool that have these addresses; none where it lacks one of them.
    fn ranges_with(
        &mut self,
        pool: &Network,
        addresses: Ipv4Range,
    ) -> Result<Option<Vec<FloatingRange>>, Stop> {
        let (mut lacking, mut with) = (vec![addresses], Vec::new());
        for range in self.ranges_of(pool.id) {
            let subnet = self.subnet_of_range(range.subnet)?;
            let left = withdraw::without(lacking.iter().copied(), &pieces(&subnet).collect::<Vec<_>>());
            if left != lacking {
                with.push(range);
            }
            lacking = left;
        }
        Ok(lacking.is_empty().then_some(with))
    }

    fn are_on_one_interface(&mut self, ranges: &[FloatingRange]) -> Result<bool, Stop> {
        let mut interfaces = Vec::with_capacity(ranges.len());
        for range in ranges {
            interfaces.push(self.subnet(range.subnet)?.and_then(|subnet| subnet.interface.clone()));
        }
        Ok(interfaces.windows(2).all(|pair| pair[0] == pair[1]))
    }

    fn pool_with_ranges(&self, pool: &Network) -> FloatingPool {
        let shown = |range: FloatingRange| {
            let subnet = self.row::<Subnet>(&range.subnet);
            PoolRange {
                interface: subnet.and_then(|subnet| subnet.interface.clone()),
                withdrawn: subnet.map(|subnet| withdraw::gaps(range.addresses, subnet)).unwrap_or_default(),
                subnet: range.subnet,
                addresses: range.addresses,
                total: range.total,
                allocated: range.allocated,
            }
        };
        FloatingPool {
            id: pool.id,
            name: pool.label.clone(),
            created_at: pool.created_at,
            ranges: Some(self.ranges_of(pool.id).into_iter().map(shown).collect()),
        }
    }
}

#[cfg(test)]
mod tests;
