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

use lepton_types::{Port, PortId};

use crate::{Key, PendingUnplug, Row, Stop, View, pool};

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

/// Ends ports that are on no host any more: their addresses go back.
fn end(ledger: &mut View, ports: &[&Port]) -> Result<(), Stop> {
    need_addresses(ledger, ports)?;
    for port in ports {
        for fixed_ip in ledger.fixed_ips_of(port.id) {
            if let Some(subnet) = ledger.subnet(fixed_ip.subnet)?.cloned() {
                ledger.release(&subnet, &fixed_ip)?;
            }
        }
        ledger.end::<Port>(&port.key());
    }
    Ok(())
}

/// Loads in two rounds all that freeing the ports' addresses needs: their subnets, then their blocks.
fn need_addresses(ledger: &mut View, ports: &[&Port]) -> Result<(), Stop> {
    let fixed_ips: Vec<_> = ports.iter().flat_map(|port| ledger.fixed_ips_of(port.id)).collect();
    ledger.need(fixed_ips.iter().map(|row| Key::Subnet(row.subnet)))?;
    let mut keys = Vec::new();
    for row in &fixed_ips {
        if let Some(subnet) = ledger.subnet(row.subnet)? {
            keys.extend(pool::key_of_block(subnet, row.address));
        }
    }
    ledger.need(keys)
}
