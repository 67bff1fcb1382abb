//! Subnets, their blocks, and who has which address.

use std::collections::{BTreeMap, BTreeSet};

use lepton_ipam::{check_requested, first_block, next_block};
use lepton_ledger::Block;
use lepton_types::{AddressMode, Timestamp};

use crate::{Dump, assert_unique};

/// An address is of a subnet that lets guests have it, and of a port on that subnet's network, and there once.
pub(crate) fn each_address_has_its_owner(dump: &Dump) {
    let subnets: BTreeMap<_, _> = dump.subnets.iter().map(|subnet| (subnet.id, subnet)).collect();
    let ports: BTreeMap<_, _> = dump.ports.iter().map(|port| (port.id, port)).collect();
    for row in &dump.fixed_ips {
        let subnet = subnets.get(&row.subnet).unwrap_or_else(|| panic!("{row:?} is of no subnet"));
        check_requested(subnet, row.address).unwrap();
        if let Some(port) = row.holder.port() {
            let port = ports.get(&port).unwrap_or_else(|| panic!("{row:?} is of no port"));
            assert_eq!(port.network, subnet.network, "{row:?}");
        }
    }
    assert_unique("address", dump.fixed_ips.iter().map(|row| (row.subnet, row.address)));
    for subnet in &dump.subnets {
        assert!(dump.networks.iter().any(|network| network.id == subnet.network), "{subnet:?}");
    }
}

/// A bit is clear exactly when its address is in a pool, not reserved, and nobody's; blocks below the frontier exist. What is
/// reserved is what the subnet says now: a moved gateway has taken its bit along.
pub(crate) fn pools_agree_with_addresses(dump: &Dump) {
    let subnets: BTreeMap<_, _> = dump.subnets.iter().map(|subnet| (subnet.id, subnet)).collect();
    let fixed_ips = dump.fixed_ips.iter().map(|row| (row.subnet, row.address));
    let floating_ips = dump.floating_ips.iter().map(|row| (row.subnet, row.address));
    let owned: BTreeSet<_> = fixed_ips.chain(floating_ips).collect();
    let blocks: BTreeSet<_> = dump.blocks.iter().map(|block| (block.subnet(), block.first())).collect();
    assert_eq!(dump.blocks.len(), dump.free.len());
    for (block, free) in dump.blocks.iter().zip(&dump.free) {
        let subnet = subnets.get(&block.subnet()).unwrap_or_else(|| panic!("{block:?} is of no subnet"));
        assert_eq!(i64::from(block.free()), *free, "{block:?}");
        let mut expected = Block::fresh(subnet, block.first());
        for address in block.addresses() {
            if owned.contains(&(subnet.id, address)) {
                expected.take(address);
            }
        }
        assert_eq!(&expected, block, "of {subnet:?}");
    }
    for (subnet, address) in &owned {
        let is_in_pool = subnets[subnet].pools.iter().any(|pool| pool.contains(*address));
        let has_block = blocks.contains(&(*subnet, Block::start_of(*address)));
        assert!(!is_in_pool || has_block, "{address} of {subnet:?} is in no block");
    }
    let pooled = dump.subnets.iter().filter(|subnet| subnet.mode == AddressMode::Pool);
    assert!(pooled.map(|subnet| subnet.id).eq(dump.frontiers.iter().map(|row| row.subnet)));
    for frontier in &dump.frontiers {
        let subnet = subnets[&frontier.subnet];
        let mut below = first_block(subnet);
        while let Some(first) = below.filter(|_| below != frontier.next) {
            assert!(
                blocks.contains(&(subnet.id, first)),
                "{frontier:?} is above {first}, which has no block"
            );
            below = next_block(subnet, first);
        }
    }
}

/// No two prefixes of one network share an address, and what a subnet's own addresses are for lies in it. Ranges of pools
/// have their addresses apart, and not their prefixes.
pub(crate) fn subnets_are_apart(dump: &Dump) {
    let pools: BTreeSet<_> =
        dump.networks.iter().filter(|network| network.is_external).map(|network| network.id).collect();
    for (index, one) in dump.subnets.iter().enumerate() {
        for other in &dump.subnets[index + 1..] {
            let is_elsewhere = one.network != other.network || pools.contains(&one.network);
            assert!(is_elsewhere || !one.cidr.overlaps(other.cidr), "{one:?} and {other:?}");
        }
        let own = [one.gateway, one.dhcp_server].into_iter().flatten();
        for address in own.chain(one.routes.iter().map(|route| route.gateway)) {
            assert!(one.cidr.contains(address), "{address} is not of {one:?}");
        }
        assert!(one.routes.is_sorted_by(|a, b| a.destination < b.destination), "{one:?}");
    }
}

/// Whoever had an address ended before the next one began, and not before it began itself.
pub(crate) fn nothing_was_held_twice_at_once(dump: &Dump) {
    let past = dump.history.fixed_ips.iter().map(|(row, ended)| (row, *ended));
    let held = dump.fixed_ips.iter().filter(|row| row.holder.port().is_some());
    let all = past.chain(held.map(|row| (row, Timestamp::from(i64::MAX))));
    let mut all: Vec<_> = all.map(|(row, ended)| ((row.subnet, row.address), row.since, ended)).collect();
    all.sort();
    assert!(all.iter().all(|(_, since, ended)| since <= ended), "{all:?}");
    let overlap = all.windows(2).find(|pair| pair[0].0 == pair[1].0 && pair[0].2 > pair[1].1);
    assert!(overlap.is_none(), "{overlap:?}");
}
