//! Names that end with an address, so that no name leads to who has it next.

use std::net::IpAddr;

use lepton_types::{DnsEntry, Port, SubnetId};

use crate::{FixedIp, Instance, Key, Stop, View};

impl View {
    /// Takes the names of an address away that are to end with it: a fixed IP that leaves its port, or a floating IP that
    /// is released. Whoever takes the address away calls this before, in the same command.
    ///
    /// # Errors
    ///
    /// [`Stop::Missing`].
    pub(crate) fn forget_names(&mut self, subnet: SubnetId, address: IpAddr) -> Result<(), Stop> {
        for key in self.bound_names(subnet, address)? {
            self.end::<DnsEntry>(&key);
        }
        Ok(())
    }

    /// Takes the names of an instance's addresses away. Of one that has none, nothing is asked.
    pub(crate) fn forget_names_of(&mut self, instance: &Instance, ports: &[Port]) -> Result<(), Stop> {
        if !instance.has_names {
            return Ok(());
        }
        let addresses: Vec<FixedIp> = ports.iter().flat_map(|port| self.fixed_ips_of(port.id)).collect();
        self.need(addresses.iter().map(|row| Key::BoundNames(row.subnet, row.address)))?;
        addresses.iter().try_for_each(|row| self.forget_names(row.subnet, row.address))
    }
}
