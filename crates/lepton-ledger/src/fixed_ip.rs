//! Fixed IPs beside allocation: given to an instance that has its vNICs and taken from it, reserved, leased, shown and listed.

mod add;
mod info;
mod lease;
mod list;
mod remove;
mod reserve;
mod show;

use std::{fmt, net::IpAddr};

use lepton_types::{InstanceId, NetworkId, Port, PortId, Subnet, SubnetId};

pub use self::{
    add::{AddFixedIp, WantedAddress},
    lease::{LeaseFixedIp, LeaseOutcome, ReleaseFixedIp},
    list::{FixedIpKind, FixedIpPage, FixedIpPlace, FixedIpsBy, HostPortPlace, ListFixedIps},
    remove::RemoveFixedIp,
    reserve::{ReserveFixedIp, UnreserveFixedIp},
    show::GetFixedIp,
};
use crate::{Holder, Instance, Key, Refusal, Scope, Stop, View};

/// Where an address is, or is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a subnet of this network.
    Network(NetworkId),
    /// In this subnet.
    Subnet(SubnetId),
}

/// Where a vNIC is that an address is looked for on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    /// On the network of this place.
    At(Place),
    /// On a network with a subnet that contains this address.
    Around(IpAddr),
}

impl Sought {
    /// Whether a subnet is there.
    fn has(self, subnet: &Subnet) -> bool {
        match self {
            Self::At(Place::Network(id)) => subnet.network == id,
            Self::At(Place::Subnet(id)) => subnet.id == id,
            Self::Around(address) => subnet.cidr.contains(address),
        }
    }

    /// Its name and value, for programs.
    pub(crate) fn metadata(self) -> (&'static str, String) {
        match self {
            Self::At(Place::Network(id)) => ("network_id", id.to_string()),
            Self::At(Place::Subnet(id)) => ("subnet_id", id.to_string()),
            Self::Around(address) => ("fixed_ip", address.to_string()),
        }
    }
}

impl fmt::Display for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(Place::Network(id)) => write!(f, "network {id}"),
            Self::At(Place::Subnet(id)) => write!(f, "the network of subnet {id}"),
            Self::Around(address) => write!(f, "a network with a subnet that contains {address}"),
        }
    }
}

impl View {
    /// The instance's present life, if the caller may see it.
    pub(crate) fn instance_in(&mut self, id: InstanceId, scope: &Scope) -> Result<Instance, Stop> {
        let found = self.instance(id)?.filter(|instance| scope.owns(Some(&instance.project)));
        found.cloned().ok_or_else(|| Refusal::InstanceNotFound { instance: id }.into())
    }

    /// Lets the port's hosts hear of a change of the port; answers what the port is then.
    pub(crate) fn tell_hosts_of(&mut self, port: &Port) -> Result<Port, Stop> {
        let hosts = std::iter::once(&port.host).chain(port.target.iter().map(|target| &target.host));
        self.need(hosts.map(|host| Key::Host(host.clone())))?;
        let mut port = port.clone();
        port.revision = self.touch_host(&port.host)?;
        if let Some(target) = &mut port.target {
            target.revision = self.touch_host(&target.host)?;
        }
        self.replace(port.clone());
        Ok(port)
    }

    /// Whether an address was taken from the port, which is loaded, and no proof has come yet that it cannot use it.
    pub(crate) fn has_leaving(&self, port: PortId) -> bool {
        self.fixed_ips_of(port).iter().any(|row| matches!(row.holder, Holder::Leaving { .. }))
    }
}

#[cfg(test)]
mod tests;
