//! How an address leaves a subnet's pool and comes back: the ledger's side of `lepton-ipam`.
//!
//! A pool is kept in blocks of 256 addresses. Blocks below the subnet's frontier have a row each, so the lowest free
//! address is in the lowest block with a row and a free bit, or in the block at the frontier, which is opened then. Managers that
//! share a ledger take from different blocks where there are enough, each from the lowest that no other one holds.

use std::net::IpAddr;

use lepton_ipam::{Block, check_requested, derived, next_block};
use lepton_types::{AddressMode, MacAddr, NetworkId, PortId, ProjectId, Subnet, Timestamp};

use crate::{FixedIp, Frontier, Holder, Key, Stop, View, refusal::any_of};

/// What taking the next address needs, for the round before it.
pub(crate) fn keys_of_next(subnet: &Subnet) -> [Key; 2] {
    [Key::Frontier(subnet.id), Key::FreeBlocks { subnet: subnet.id, after: None }]
}

/// What taking this very address needs, for the round before it.
pub(crate) fn keys_of(subnet: &Subnet, address: IpAddr) -> impl Iterator<Item = Key> {
    std::iter::once(Key::FixedIp(subnet.id, address)).chain(key_of_block(subnet, address))
}

/// What giving an address back needs, for the round before it: its block, unless it is in no pool.
pub(crate) fn key_of_block(subnet: &Subnet, address: IpAddr) -> Option<Key> {
    in_pool(subnet, address).then(|| Key::Block(subnet.id, Block::start_of(address)))
}

fn in_pool(subnet: &Subnet, address: IpAddr) -> bool {
    subnet.mode == AddressMode::Pool && subnet.pools.iter().any(|pool| pool.contains(address))
}

/// The one of these subnets of a network that has the address, if a guest may have it; else why not.
pub(crate) fn subnet_for_guest(
    subnets: &[Subnet],
    network: NetworkId,
    address: IpAddr,
) -> Result<&Subnet, String> {
    let Some(subnet) = subnets.iter().find(|subnet| subnet.cidr.contains(address)) else {
        let cidrs: Vec<_> = subnets.iter().map(|subnet| subnet.cidr).collect();
        return Err(format!("{address} is not in {}", any_of(network, &cidrs)));
    };
    check_requested(subnet, address).map_err(|error| error.to_string())?;
    Ok(subnet)
}

/// What of a port tells which addresses it gets.
#[derive(Clone, Copy)]
pub(crate) struct Taker<'p> {
    pub(crate) port: PortId,
    pub(crate) project: &'p ProjectId,
    pub(crate) mac: MacAddr,
}

impl View {
    /// Gives the port the lowest free address of the subnet's pools; none when they are dry.
    fn take_next(&mut self, subnet: &Subnet, port: PortId) -> Result<Option<IpAddr>, Stop> {
        let address = self.take_lowest(subnet)?;
        if let Some(address) = address {
            self.hold(subnet, address, Holder::Port(port), false);
        }
        Ok(address)
    }

    /// Takes the lowest free address out of the subnet's pools, for whoever keeps a row of it; none when they are dry.
    pub(crate) fn take_lowest(&mut self, subnet: &Subnet) -> Result<Option<IpAddr>, Stop> {
        let Some(mut block) = self.block_to_take_from(subnet)? else { return Ok(None) };
        let address = block.lowest_free().expect("a block is chosen because it has a free address");
        block.take(address);
        self.replace(block);
        Ok(Some(address))
    }

    /// Gives the port this very address, which was asked for; answers whether it was free. That a guest may have it was checked
    /// before.
    pub(crate) fn take(&mut self, subnet: &Subnet, address: IpAddr, port: PortId) -> Result<bool, Stop> {
        self.take_for(subnet, address, Holder::Port(port), true)
    }

    /// Gives the port an address of the subnet that it has not asked for, as the subnet's mode says; answers whether there was one. An
    /// address that follows from the port is not free when the subnet keeps it for itself.
    pub(crate) fn take_for_port(&mut self, subnet: &Subnet, taker: Taker<'_>) -> Result<bool, Stop> {
        match derived(subnet, taker.project, taker.mac) {
            None => Ok(self.take_next(subnet, taker.port)?.is_some()),
            Some(address) => Ok(check_requested(subnet, address).is_ok()
                && self.take_for(subnet, address, Holder::Port(taker.port), false)?),
        }
    }

    /// Takes this very address out of the pools for whoever is to hold it; answers whether it was free.
    pub(crate) fn take_for(
        &mut self,
        subnet: &Subnet,
        address: IpAddr,
        holder: Holder,
        is_asked_for: bool,
    ) -> Result<bool, Stop> {
        self.need(keys_of(subnet, address))?;
        if let Some(row) = self.fixed_ip(subnet.id, address)?.cloned() {
            match row.holder {
                Holder::Quarantine(until) if until <= self.now() => self.give_back(subnet, &row)?,
                Holder::Quarantine(_)
                | Holder::Port(_)
                | Holder::Leaving { .. }
                | Holder::Reserved { .. } => {
                    return Ok(false);
                }
            }
        }
        // Without an owner and yet not free: a route's next hop, which a guest may be that asks for it; or another manager has
        // just made it the gateway.
        if in_pool(subnet, address) && !self.take_bit(subnet, address)? && !subnet.is_next_hop(address) {
            return Ok(false);
        }
        self.hold(subnet, address, holder, is_asked_for);
        Ok(true)
    }

    /// Takes this very address out of the subnet's pools, for whoever keeps a row of it; answers whether it was free.
    pub(crate) fn take_bit(&mut self, subnet: &Subnet, address: IpAddr) -> Result<bool, Stop> {
        let first = Block::start_of(address);
        match self.block(subnet.id, first)?.cloned() {
            Some(mut block) => {
                if !block.take(address) {
                    return Ok(false);
                }
                self.replace(block);
            }
            None => {
                let mut block = Block::fresh(subnet, first);
                block.take(address);
                self.insert(block);
            }
        }
        Ok(true)
    }

    /// Takes an address from the port that had it: to rest, as long as the subnet wants and its lease may still be in use,
    /// or else straight back to the pool.
    pub(crate) fn release(&mut self, subnet: &Subnet, fixed_ip: &FixedIp) -> Result<(), Stop> {
        let now = self.now();
        let lease_end = fixed_ip.lease.map_or(now, |lease| now.after(lease.time));
        let until = now.after(subnet.quarantine).max(lease_end);
        self.let_rest(subnet, &FixedIp { since: now, ..fixed_ip.clone() }, until)
    }

    /// Lets an address that nobody has rest until a moment; one that has come is no rest.
    pub(crate) fn let_rest(&mut self, subnet: &Subnet, row: &FixedIp, until: Timestamp) -> Result<(), Stop> {
        if until <= self.now() {
            return self.give_back(subnet, row);
        }
        self.replace(FixedIp { holder: Holder::Quarantine(until), ..row.clone() });
        Ok(())
    }

    /// Makes an address free again.
    pub(crate) fn give_back(&mut self, subnet: &Subnet, fixed_ip: &FixedIp) -> Result<(), Stop> {
        self.free_bit(subnet, fixed_ip.address)?;
        self.end::<FixedIp>(&(subnet.id, fixed_ip.address));
        Ok(())
    }

    /// Gives an address back to the subnet's pools, if it is of one.
    pub(crate) fn free_bit(&mut self, subnet: &Subnet, address: IpAddr) -> Result<(), Stop> {
        if in_pool(subnet, address) {
            let block = self.block(subnet.id, Block::start_of(address))?.cloned();
            if let Some(mut block) = block {
                block.release(subnet, address);
                self.replace(block);
            }
        }
        Ok(())
    }

    fn hold(&mut self, subnet: &Subnet, address: IpAddr, holder: Holder, is_asked_for: bool) {
        let since = self.now();
        self.insert(FixedIp { subnet: subnet.id, address, holder, since, lease: None, is_asked_for });
    }

    /// The block with the subnet's lowest free address, opened if need be; none when the pools are dry.
    fn block_to_take_from(&mut self, subnet: &Subnet) -> Result<Option<Block>, Stop> {
        self.need(keys_of_next(subnet))?;
        loop {
            let frontier = self.frontier(subnet.id)?.and_then(|frontier| frontier.next);
            let lowest = self.lowest_free_block(subnet.id)?.cloned();
            match (lowest, frontier) {
                (Some(block), None) => return Ok(Some(block)),
                (Some(block), Some(frontier)) if block.first() < frontier => return Ok(Some(block)),
                (_, Some(frontier)) => self.open_block(subnet, frontier)?,
                (None, None) if self.reclaim(subnet)? => {}
                (None, None) => {
                    self.note_dry(subnet.id);
                    return Ok(None);
                }
            }
        }
    }

    /// Gives the block at the frontier a row, unless a requested address in it did so before, and moves the frontier on.
    fn open_block(&mut self, subnet: &Subnet, first: IpAddr) -> Result<(), Stop> {
        if self.block(subnet.id, first)?.is_none() {
            self.insert(Block::fresh(subnet, first));
        }
        self.replace(Frontier { subnet: subnet.id, next: next_block(subnet, first) });
        Ok(())
    }

    /// Gives back addresses of a dry subnet that rested long enough, without waiting for the sweep; answers whether the
    /// pools have any again.
    fn reclaim(&mut self, subnet: &Subnet) -> Result<bool, Stop> {
        loop {
            let rested = self.rested_in(subnet.id)?;
            if rested.is_empty() {
                return Ok(false);
            }
            self.need(rested.iter().filter_map(|row| key_of_block(subnet, row.address)))?;
            for row in &rested {
                self.give_back(subnet, row)?;
            }
            if rested.iter().any(|row| in_pool(subnet, row.address)) {
                return Ok(true);
            }
        }
    }
}
