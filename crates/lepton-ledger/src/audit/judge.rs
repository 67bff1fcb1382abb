//! What must hold between the rows of a subnet: a bit is clear exactly when its address is in a pool, not the subnet's own, and
//! nobody's; every block below the frontier has a row; and each counts its free addresses right.

use std::{collections::BTreeMap, net::IpAddr};

use lepton_ipam::{Block, Reserved, block_from, first_block, next_block};
use lepton_types::{AddressMode, AddressPool, Subnet};

use super::{AddressOwner, AuditedThing, Finding, FindingClass, PoolLook, PoolSpan, SubnetFigures};
use crate::Holder;

/// What a look comes to.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) findings: Vec<Finding>,
    pub(super) figures: SubnetFigures,
}

/// Judges a part of a subnet.
pub(super) fn judge(look: &PoolLook, span: &PoolSpan) -> Judged {
    let owners = owners(look);
    let mut findings = Vec::new();
    if look.subnet.mode == AddressMode::Pool {
        for counted in &look.blocks {
            let (block, kept) = (&counted.block, counted.free);
            let thing = AuditedThing::Address(look.subnet.id, block.first());
            let class = FindingClass::MiscountedBlock;
            findings.extend(Finding::miscounted(class, thing, kept, block.free().into()));
            findings.extend(of_bits(look, block, &owners));
        }
        findings.extend(missing_blocks(look, span));
        findings.extend(in_no_block(look, &owners));
    }
    Judged { findings, figures: figures(look, span, &owners) }
}

/// Who has which address.
fn owners(look: &PoolLook) -> BTreeMap<IpAddr, AddressOwner> {
    let fixed = look.fixed_ips.iter().map(|row| (row.address, AddressOwner::from(row)));
    let floating =
        look.floating_ips.iter().map(|row| (row.address, AddressOwner::Project(row.project.clone())));
    fixed.chain(floating).collect()
}

/// The addresses of a block whose bits are not as they should be. Most blocks are right as a whole.
fn of_bits<'l>(
    look: &'l PoolLook,
    block: &'l Block,
    owners: &'l BTreeMap<IpAddr, AddressOwner>,
) -> impl Iterator<Item = Finding> + 'l {
    let mut expected = Block::fresh(&look.subnet, block.first());
    for (address, _) in owners.range(block.first()..=Block::end_of(block.first())) {
        expected.take(*address);
    }
    let is_wrong = expected != *block;
    let addresses = is_wrong.then(|| block.addresses()).into_iter().flatten();
    addresses.filter_map(move |address| match (block.is_free(address), expected.is_free(address)) {
        (false, true) => Some(Finding::leaked(&look.subnet, address, look.is_range)),
        (true, false) => {
            let owner = owners.get(&address).cloned();
            let owner = owner.unwrap_or_else(|| AddressOwner::of_subnet(&look.subnet, address));
            Some(Finding::unmarked(&look.subnet, address, owner))
        }
        (true, true) | (false, false) => None,
    })
}

/// The first block of each gap below the frontier.
fn missing_blocks(look: &PoolLook, span: &PoolSpan) -> Vec<Finding> {
    let subnet = &look.subnet;
    let ends_before = |first: IpAddr| look.end.is_some_and(|end| end <= first) || !span.contains(first);
    let mut expected = span.from.map_or_else(|| first_block(subnet), |from| block_from(subnet, from));
    let mut findings = Vec::new();
    for first in look.blocks.iter().map(|counted| Some(counted.block.first())).chain([None]) {
        let gap = expected.filter(|gap| first.is_none_or(|first| *gap < first));
        let gap = gap.filter(|gap| look.is_opened(*gap) && !ends_before(*gap));
        findings.extend(gap.map(|gap| Finding::missing_block(subnet, gap)));
        expected = first.and_then(|first| next_block(subnet, first));
    }
    findings
}

/// Addresses of pools that somebody has though their block was not opened: it would give them out once more.
fn in_no_block(look: &PoolLook, owners: &BTreeMap<IpAddr, AddressOwner>) -> Vec<Finding> {
    let lies_open = |address: IpAddr| {
        let first = Block::start_of(address);
        in_pool(&look.subnet, address) && !look.has_block(first) && !look.is_opened(first)
    };
    let open = owners.iter().filter(|(address, _)| lies_open(**address));
    open.map(|(address, owner)| Finding::unmarked(&look.subnet, *address, owner.clone())).collect()
}

fn in_pool(subnet: &Subnet, address: IpAddr) -> bool {
    subnet.pools.iter().any(|pool| pool.contains(address))
}

fn figures(look: &PoolLook, span: &PoolSpan, owners: &BTreeMap<IpAddr, AddressOwner>) -> SubnetFigures {
    let PoolLook { subnet, label, .. } = look;
    let of_holder =
        |is_it: fn(&Holder) -> bool| look.fixed_ips.iter().filter(|row| is_it(&row.holder)).count() as u64;
    let is_pooled = subnet.mode == AddressMode::Pool;
    let is_outside = |address: &IpAddr| !is_pooled || !in_pool(subnet, *address);
    let mut figures = SubnetFigures {
        subnet: subnet.id,
        network: subnet.network,
        label: label.clone(),
        is_pooled,
        size: 0,
        free: 0,
        held: of_holder(|holder| holder.port().is_some()),
        reserved: of_holder(|holder| matches!(holder, Holder::Reserved { .. })),
        resting: of_holder(|holder| matches!(holder, Holder::Quarantine(_))),
        floating: look.floating_ips.len() as u64,
        kept: 0,
        outside: owners.keys().filter(|address| is_outside(address)).count() as u64,
    };
    if is_pooled {
        count_pools(look, span, owners, &mut figures);
    }
    figures
}

/// Counts what the pools have: what is free by the bits of the blocks, and all that is neither somebody's nor the subnet's own where
/// there is no block.
fn count_pools(
    look: &PoolLook,
    span: &PoolSpan,
    owners: &BTreeMap<IpAddr, AddressOwner>,
    figures: &mut SubnetFigures,
) {
    let subnet = &look.subnet;
    let (first, last) = (span.from.map_or(0, bits_of), span.until.map_or(u128::MAX, bits_of));
    let last = look.end.map_or(last, |end| bits_of(end).saturating_sub(1));
    figures.size = pooled_within(&subnet.pools, first, last);

    let mut in_blocks = 0;
    for block in look.blocks.iter().map(|counted| &counted.block) {
        let (first, last) = (bits_of(block.first()), bits_of(Block::end_of(block.first())));
        in_blocks += pooled_within(&subnet.pools, first, last);
        figures.free += u128::from(block.free());
    }
    let mut own: Vec<IpAddr> = Reserved::all_of(subnet);
    own.extend(subnet.routes.iter().map(|route| route.gateway));
    own.sort_unstable();
    own.dedup();
    own.retain(|address| {
        let (bits, is_nobodys) = (bits_of(*address), !owners.contains_key(address));
        is_nobodys && in_pool(subnet, *address) && (first..=last).contains(&bits)
    });
    figures.kept = own.len() as u64;
    let lies_elsewhere =
        |address: &IpAddr| in_pool(subnet, *address) && !look.has_block(Block::start_of(*address));
    let taken_elsewhere = owners.keys().chain(&own).filter(|address| lies_elsewhere(address));
    figures.free += (figures.size - in_blocks).saturating_sub(taken_elsewhere.count() as u128);
}

/// How many addresses of the pools lie between two, both included.
fn pooled_within(pools: &[AddressPool], first: u128, last: u128) -> u128 {
    let overlap = |pool: &AddressPool| {
        let (from, to) = (bits_of(pool.first).max(first), bits_of(pool.last).min(last));
        // All addresses of IPv6 are one more than fit.
        if from <= to { (to - from).saturating_add(1) } else { 0 }
    };
    pools.iter().map(overlap).fold(0, u128::saturating_add)
}

/// An address as a number of its family.
fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}
