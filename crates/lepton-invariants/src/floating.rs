//! Pools of floating IPs, and names that lead to addresses.

use std::collections::BTreeMap;

use lepton_ledger::Holder;
use lepton_types::{FloatingIp, Ipv4Range};

use crate::{Dump, assert_unique};

/// The ranges of pools share no address, and each counts the addresses that projects have of it.
pub(crate) fn ranges_are_apart_and_count_right(dump: &Dump) {
    let mut pieces = Vec::new();
    for range in &dump.floating_ranges {
        let network = dump.networks.iter().find(|network| network.id == range.pool);
        assert!(network.is_some_and(|network| network.is_external), "{range:?} is of {network:?}");
        let subnet = dump.subnets.iter().find(|subnet| subnet.id == range.subnet).unwrap();
        let of_range: Vec<_> = subnet.pools.iter().map(|pool| Ipv4Range::try_from(*pool).unwrap()).collect();
        let ends = (of_range.first().unwrap().first(), of_range.last().unwrap().last());
        assert_eq!((range.addresses.first(), range.addresses.last()), ends, "{range:?} is {subnet:?}");
        assert_eq!(range.total, of_range.iter().map(|piece| piece.size()).sum::<u64>(), "{range:?}");
        assert_eq!(subnet.network, range.pool);
        let allocated = dump.floating_ips.iter().filter(|row| row.subnet == range.subnet);
        let is_of_range = |row: &FloatingIp| of_range.iter().any(|piece| piece.contains(row.address));
        assert!(allocated.clone().all(is_of_range), "{range:?}");
        assert!(allocated.clone().all(|row| row.pool == range.pool), "{range:?}");
        assert_eq!(allocated.count() as u64, range.allocated, "{range:?}");
        pieces.extend(of_range);
    }
    pieces.sort();
    assert!(pieces.is_sorted_by(|one, next| one.last() < next.first()), "{pieces:?}");
    let of_pools = dump.subnets.iter().filter(|subnet| {
        dump.networks.iter().any(|network| network.is_external && network.id == subnet.network)
    });
    assert_eq!(of_pools.count(), dump.floating_ranges.len());
}

/// A floating IP leads to an address that a live port of its project has, and is of a range that exists.
pub(crate) fn floating_ips_lead_to_live_ports(dump: &Dump) {
    let ports: BTreeMap<_, _> = dump.ports.iter().map(|port| (port.id, port)).collect();
    for row in &dump.floating_ips {
        assert!(dump.floating_ranges.iter().any(|range| range.subnet == row.subnet), "{row:?}");
        assert!(row.target.is_some() || !row.is_auto_assigned, "{row:?} would never go");
        let Some(target) = row.target else { continue };
        let port = ports.get(&target.port).unwrap_or_else(|| panic!("{row:?} leads to no port"));
        assert_eq!(
            (port.instance, port.network, &port.project, port.is_released),
            (target.instance, target.network, &row.project, false),
            "{row:?}"
        );
        let fixed_ip =
            dump.fixed_ips.iter().find(|row| (row.subnet, row.address) == (target.subnet, target.address));
        assert_eq!(fixed_ip.map(|row| row.holder.clone()), Some(Holder::Port(target.port)), "{row:?}");
    }
}

/// A name is of a domain, one of each type; one that is bound to a floating IP leads to one that a project has; one that is bound
/// to a fixed IP leads to what its port has, and its port's instance knows that it has names.
pub(crate) fn names_lead_to_who_has_them(dump: &Dump) {
    assert_unique("domain", dump.dns_domains.iter().map(|domain| &domain.name));
    assert_unique("entry", dump.dns_entries.iter().map(|row| (row.domain, &row.name, row.record_type())));
    for entry in &dump.dns_entries {
        assert!(dump.dns_domains.iter().any(|domain| domain.id == entry.domain), "{entry:?} is of no domain");
        let Some(bond) = entry.bound else { continue };
        let Some(port) = bond.port else {
            let mut floating_ips = dump.floating_ips.iter().map(|row| (row.subnet, row.address));
            let is_there = floating_ips.any(|row| row == (bond.subnet, entry.address));
            assert!(is_there, "{entry:?} is bound to what nobody has");
            continue;
        };
        let port = dump.ports.iter().find(|row| row.id == port).unwrap();
        let holder = Holder::Port(port.id);
        let is_held = dump.fixed_ips.iter().any(|row| (row.address, &row.holder) == (entry.address, &holder));
        assert!(is_held && !port.is_released, "{entry:?} leads to what {port:?} has no more");
        assert!(dump.instances.iter().any(|life| life.id == port.instance && life.has_names), "{entry:?}");
    }
}
