//! Ports, the lives of instances, hosts, and MACs.

use std::collections::{BTreeMap, BTreeSet};

use lepton_ledger::{Holder, Instance};

use crate::{Dump, assert_unique};

/// A port is of a network, and of the present life of its instance unless it was released. It is as old as the life that it is of,
/// and nobody else of that life ever had its position: the index of positions alone would allow it. The positions of a life's ports
/// count from 0, since only with the life itself are any of them released.
pub(crate) fn each_port_belongs(dump: &Dump) {
    let networks: BTreeSet<_> = dump.networks.iter().map(|network| network.id).collect();
    let hosts: BTreeMap<_, _> = dump.hosts.iter().map(|host| (&host.id, host.revision)).collect();
    for port in &dump.ports {
        assert!(networks.contains(&port.network), "{port:?} is on no network");
        assert!(port.revision <= hosts[&port.host], "{port:?} is ahead of its host");
        let life = dump.instances.iter().find(|instance| instance.id == port.instance);
        let is_live = life.is_some_and(|life| {
            (life.incarnation, &life.host, &life.project) == (port.incarnation, &port.host, &port.project)
        });
        assert_ne!(is_live, port.is_released, "{port:?} of {life:?}");
        let made_at = life.filter(|_| is_live).map_or(port.created_at, |life| life.created_at);
        assert_eq!(port.created_at, made_at, "{port:?} is found by its instance");
        let migration = life.and_then(|life| life.migration.as_ref()).filter(|_| is_live);
        let destination = migration.map(|migration| &migration.destination);
        assert_eq!(port.target.as_ref().map(|target| &target.host), destination, "{port:?} of {life:?}");
        if let Some(target) = &port.target {
            assert!(port.has_moved && target.host != port.host, "{port:?}");
            assert!(target.revision <= hosts[&target.host], "{port:?} is ahead of the host that it goes to");
        }
    }
    let positions = dump.ports.iter().map(|port| (port.instance, port.incarnation, port.position));
    assert_unique("position", positions);
    let mut of_lives: BTreeMap<_, Vec<u16>> = BTreeMap::new();
    for port in dump.ports.iter().filter(|port| !port.is_released) {
        of_lives.entry((port.instance, port.incarnation)).or_default().push(port.position);
    }
    for (life, mut positions) in of_lives {
        positions.sort_unstable();
        assert!((0..).zip(&positions).all(|(expected, at)| expected == *at), "{life:?} at {positions:?}");
    }
    for life in &dump.instances {
        assert!(life.arrivals.len() <= Instance::MOST_ARRIVALS, "{life:?}");
    }
}

/// Each port has one address of each family that its network has, or had when the port was made.
pub(crate) fn each_life_is_whole(dump: &Dump) {
    let unchanged = dump.networks.iter().filter(|network| network.version == 0).map(|network| network.id);
    let unchanged: BTreeSet<_> = unchanged.collect();
    for port in dump.ports.iter().filter(|port| !port.is_released) {
        let subnets = dump.subnets.iter().filter(|subnet| subnet.network == port.network);
        let families: BTreeSet<u8> = subnets.map(|subnet| subnet.family().version()).collect();
        let rows = dump.fixed_ips.iter().filter(|row| row.holder == Holder::Port(port.id));
        let held: Vec<u8> = rows.map(|row| if row.address.is_ipv4() { 4 } else { 6 }).collect();
        let held_families: BTreeSet<u8> = held.iter().copied().collect();
        assert_eq!(held.len(), held_families.len(), "{port:?} has two addresses of a family");
        assert!(held_families.is_subset(&families), "{port:?} has an address that its network has not");
        if unchanged.contains(&port.network) {
            assert_eq!(held_families, families, "{port:?}");
        }
    }
}

pub(crate) fn ports_are_told_apart(dump: &Dump) {
    assert_unique("MAC", dump.ports.iter().map(|port| port.mac));
    assert_unique("device", dump.ports.iter().map(|port| (&port.host, port.device())));
    let targets = dump.ports.iter().flat_map(|port| &port.target);
    let migrations = dump.instances.iter().flat_map(|instance| &instance.migration);
    let revisions = dump.ports.iter().map(|port| (&port.host, port.revision));
    let revisions = revisions.chain(targets.map(|target| (&target.host, target.revision)));
    let waited_for = dump.pending_unplugs.iter().filter(|unplug| !unplug.is_fenced);
    let revisions = revisions.chain(waited_for.map(|unplug| (&unplug.host, unplug.revision)));
    let begun = migrations.map(|migration| (&migration.destination, migration.revision));
    assert_unique("revision", revisions.chain(begun));
    assert_unique("sequence", dump.networks.iter().map(|network| network.sequence));
}

/// What must go from a host is not wanted there, its host will hear of it, and a port lives as long as a host is waited for.
pub(crate) fn what_must_go_is_not_wanted(dump: &Dump) {
    let hosts: BTreeMap<_, _> = dump.hosts.iter().map(|host| (&host.id, host.revision)).collect();
    for unplug in &dump.pending_unplugs {
        assert!(unplug.revision <= hosts[&unplug.host], "{unplug:?} is ahead of its host");
        let port = dump.ports.iter().find(|port| port.id == unplug.port);
        assert!(port.is_some() || unplug.is_fenced, "{unplug:?} is waited for by nobody");
        if let Some(port) = port {
            let target = port.target.as_ref().map(|target| &target.host);
            let is_wanted = port.host == unplug.host || target == Some(&unplug.host);
            assert!(port.has_moved && !is_wanted, "{unplug:?} is wanted: {port:?}");
        }
    }
}

/// Each MAC below a range's mark is one port's or free, and none above it is.
pub(crate) fn macs_that_were_drawn_are_a_ports_or_free(dump: &Dump) {
    let had = dump.ports.iter().filter_map(|port| Some((port.mac, port.mac_range?)));
    let free = dump.free_macs.iter().map(|free| (free.mac, free.range));
    let all: Vec<_> = had.chain(free).collect();
    assert_unique("MAC of a range", all.iter().map(|(mac, _)| mac));
    for range in &dump.mac_ranges {
        let of_it = all.iter().filter(|(_, id)| *id == range.id).map(|(mac, _)| *mac);
        let drawn = (0..range.drawn).map(|place| range.prefix.nth(place).unwrap());
        let (of_it, drawn): (BTreeSet<_>, BTreeSet<_>) = (of_it.collect(), drawn.collect());
        // Of one that ends some have gone already.
        assert!(of_it == drawn || range.is_ending && of_it.is_subset(&drawn), "{range:?}");
    }
    let is_there = |id| dump.mac_ranges.iter().any(|range| range.id == id);
    assert!(all.iter().all(|(_, id)| is_there(*id)), "{all:?}");
}
