//! What it takes for a port to be gone: the word of every host that had it.
//!
//! A port is on one host, during a move on two, and after it the host that it has left may still have its device. Nothing of
//! this is known but from the hosts' reports, which come in any order. For each host that a port was ever told to, one of
//! these is true:
//!
//! ```text
//!                 allocated, or moved there
//!   (nothing) ─────────────────────────────▶ wanted: the port's `host`, or its `target`
//!       ▲                                      │            │
//!       │                        moved away,   │            │ deallocated there
//!       │                        move aborted  ▼            ▼
//!       ├───────────────────── a PendingUnplug row       the port's row, `is_released`
//!       │  unplugged (reported)    │      ▲                 │ unplugged (reported), or fenced
//!       │                   fenced ▼      └─────────────────┤ and another host must still unplug it: the
//!       │                      a note that                  │ port's row goes on to wait for that one
//!       └───────────────────── nobody waits for             ▼ and no other host must: the port ends,
//!                                                             and its addresses are free
//! ```
//!
//! So a released port's row names a host that it waits for, and `PendingUnplug` rows that are not fenced name the others. The
//! port ends with the last of them.
//!
//! A host that is not registered was never told anything, so nothing is there and it is waited for nowhere: what would wait for
//! its word is over at once.
//!
//! The same word frees an address that was taken from a port which lives on ([`Holder::Leaving`]): the port's host filters it by
//! a revision at which it was told without the address, and no other host has the port. A host says so once, so whenever
//! another one ceases to have the port, its own is told of it anew.

use std::collections::BTreeMap;

use lepton_types::{Port, PortId, ProjectId, Resource, Revision};

use crate::{FixedIp, Holder, Key, PendingUnplug, Row, Stop, View, pool};

/// Released ports are gone from their hosts: each ends, or waits for another host that had it. Answers those that end.
pub(crate) fn gone(ledger: &mut View, ports: &[Port]) -> Result<Vec<PortId>, Stop> {
    let moved = ports.iter().filter(|port| port.has_moved);
    ledger.need(moved.map(|port| Key::PendingUnplugs(port.id)))?;
    let mut over = Vec::with_capacity(ports.len());
    for port in ports {
        match elsewhere(ledger, port)? {
            Some(PendingUnplug { host, revision, .. }) => {
                ledger.end::<PendingUnplug>(&(port.id, host.clone()));
                ledger.replace(Port { host, revision, ..port.clone() });
            }
            None => over.push(port),
        }
    }
    end(ledger, &over)?;
    Ok(over.iter().map(|port| port.id).collect())
}

/// A host beside its own that the port waits for, if there is one.
fn elsewhere(ledger: &mut View, port: &Port) -> Result<Option<PendingUnplug>, Stop> {
    if !port.has_moved {
        return Ok(None);
    }
    Ok(ledger.unplugs_of_port(port.id)?.into_iter().find(|unplug| !unplug.is_fenced))
}

/// The addresses that were taken from a port which lives on, and that it cannot use any more: its host filters it by this
/// revision, and no other host has it. A revision that the port does not have yet is of another ledger, from before a backup
/// was restored say, and proves nothing.
pub(crate) fn left(ledger: &mut View, port: &Port, filtered_at: Revision) -> Result<Vec<FixedIp>, Stop> {
    let is_told =
        |row: &FixedIp| matches!(row.holder, Holder::Leaving { revision, .. } if revision <= filtered_at);
    let mut rows = ledger.fixed_ips_of(port.id);
    rows.retain(is_told);
    if rows.is_empty() || filtered_at > port.revision || port.target.is_some() {
        return Ok(Vec::new());
    }
    if port.has_moved {
        ledger.need([Key::PendingUnplugs(port.id)])?;
    }
    Ok(if elsewhere(ledger, port)?.is_none() { rows } else { Vec::new() })
}

/// A host has ceased to have these ports: those that live on and have addresses that are leaving are told of anew to their own
/// hosts, whose word may be all that is missing now. Where nobody has such a port, its addresses are free.
pub(crate) fn departed(ledger: &mut View, ports: impl Iterator<Item = PortId>) -> Result<(), Stop> {
    let mut waiting = Vec::new();
    for id in ports {
        let port = ledger.port(id)?.filter(|port| !port.is_released).cloned();
        waiting.extend(port.filter(|port| ledger.has_leaving(port.id)));
    }
    ledger.need(waiting.iter().map(|port| Key::Host(port.host.clone())))?;
    for port in waiting {
        if is_nowhere(ledger, &port)? {
            let leaving = |row: &FixedIp| matches!(row.holder, Holder::Leaving { .. });
            let rows: Vec<_> = ledger.fixed_ips_of(port.id).into_iter().filter(leaving).collect();
            free(ledger, &rows)?;
        } else {
            ledger.tell_hosts_of(&port)?;
        }
    }
    Ok(())
}

/// Whether no host can have the port: the ones that must have it were told of nothing yet, and no other one had it.
pub(crate) fn is_nowhere(ledger: &mut View, port: &Port) -> Result<bool, Stop> {
    for host in std::iter::once(&port.host).chain(port.target.iter().map(|target| &target.host)) {
        if ledger.is_registered(host)? {
            return Ok(false);
        }
    }
    if port.has_moved {
        ledger.need([Key::PendingUnplugs(port.id)])?;
    }
    Ok(elsewhere(ledger, port)?.is_none())
}

/// Ends ports that are on no host any more: their addresses go back.
fn end(ledger: &mut View, ports: &[&Port]) -> Result<(), Stop> {
    ledger.want(ports.iter().map(|port| Key::Quota(port.project.clone())));
    let fixed_ips: Vec<_> = ports.iter().flat_map(|port| ledger.fixed_ips_of(port.id)).collect();
    free(ledger, &fixed_ips)?;
    refund(ledger, Resource::Ports, ports.iter().map(|port| &port.project))?;
    for port in ports {
        ledger.give_mac_back(port);
        ledger.end::<Port>(&port.key());
    }
    Ok(())
}

/// Takes addresses from their ports, for good. Loads in two rounds all that this needs: their subnets, then their blocks, and the
/// networks where some come to rest, whose owners hear of it.
pub(crate) fn free(ledger: &mut View, fixed_ips: &[FixedIp]) -> Result<(), Stop> {
    let owners = owners(ledger, fixed_ips)?;
    let quotas = owners.iter().cloned().map(Key::Quota);
    ledger.need(fixed_ips.iter().map(|row| Key::Subnet(row.subnet)).chain(quotas))?;
    let mut of_subnets = Vec::with_capacity(fixed_ips.len());
    for row in fixed_ips {
        of_subnets.extend(ledger.subnet(row.subnet)?.cloned().map(|subnet| (subnet, row)));
    }
    let resting =
        of_subnets.iter().filter(|(subnet, row)| !subnet.quarantine.is_zero() || row.lease.is_some());
    let networks = resting.map(|(subnet, _)| Key::Network(subnet.network));
    let blocks = of_subnets.iter().filter_map(|(subnet, row)| pool::key_of_block(subnet, row.address));
    ledger.need(networks.chain(blocks))?;
    for (subnet, row) in &of_subnets {
        ledger.release(subnet, row)?;
    }
    refund(ledger, Resource::FixedIps, owners.iter())
}

/// Whose the addresses are, a project for each.
fn owners(ledger: &mut View, fixed_ips: &[FixedIp]) -> Result<Vec<ProjectId>, Stop> {
    let mut owners = Vec::with_capacity(fixed_ips.len());
    for port in fixed_ips.iter().filter_map(|row| row.holder.port()) {
        owners.extend(ledger.port(port)?.map(|port| port.project.clone()));
    }
    Ok(owners)
}

/// Counts one less of the resource for each of the projects named, which may be named several times.
fn refund<'p>(
    ledger: &mut View,
    resource: Resource,
    projects: impl Iterator<Item = &'p ProjectId>,
) -> Result<(), Stop> {
    let mut units: BTreeMap<&ProjectId, usize> = BTreeMap::new();
    projects.for_each(|project| *units.entry(project).or_default() += 1);
    units.into_iter().try_for_each(|(project, count)| ledger.refund(project, resource, count))
}
