//! [`NetworkData`]: the `network_data.json` from which cloud-init sets a guest's network up.
//!
//! Source: OpenStack's metadata service, `openstack/latest/network_data.json`. Addresses are static: what the ledger gave is
//! told, whether or not DHCP or router advertisements would tell it too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use crate::{AddressFamily, IfName, MacAddr, Mtu, NetworkId, NetworkInfo, PortId, SubnetInfo, Vif};

/// What a guest needs to set its network up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetworkData {
    /// The vNICs, in order.
    pub links: Vec<Link>,
    /// Their addresses, in order.
    pub networks: Vec<LinkNetwork>,
    /// All name servers, each once.
    pub services: Vec<Service>,
}

/// A vNIC; the guest finds it by its MAC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What [`LinkNetwork`]s call it: its device's name on the host.
    pub id: IfName,
    /// The port.
    pub vif_id: PortId,
    /// `phy`: the guest sees an Ethernet device of its own.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its MAC.
    pub ethernet_mac_address: MacAddr,
    /// Largest IP packet, in bytes.
    pub mtu: Mtu,
}

/// An address of a vNIC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkNetwork {
    /// `network0` and so on.
    pub id: String,
    /// `ipv4` or `ipv6`, both of them static.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Which link.
    pub link: IfName,
    /// The network.
    pub network_id: NetworkId,
    /// The address.
    pub ip_address: IpAddr,
    /// Its subnet's netmask, as an address.
    pub netmask: IpAddr,
    /// The route to the gateway, if there is one, and the static ones: with the subnet's first address only.
    pub routes: Vec<LinkRoute>,
    /// The subnet's name servers.
    pub services: Vec<Service>,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkRoute {
    /// Where it leads.
    pub network: IpAddr,
    /// The destination's netmask, as an address.
    pub netmask: IpAddr,
    /// The next hop.
    pub gateway: IpAddr,
}

/// A name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// `dns`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Where it listens.
    pub address: IpAddr,
}

impl From<&NetworkInfo> for NetworkData {
    fn from(info: &NetworkInfo) -> Self {
        let mut data = Self { links: Vec::new(), networks: Vec::new(), services: Vec::new() };
        for vif in &info.vifs {
            data.links.push(vif.into());
            for subnet in &vif.network.subnets {
                data.add(vif, subnet);
            }
        }
        data
    }
}

impl NetworkData {
    fn add(&mut self, vif: &Vif, subnet: &SubnetInfo) {
        let services: Vec<_> = subnet.dns.iter().copied().map(Service::from).collect();
        for service in &services {
            if !self.services.contains(service) {
                self.services.push(*service);
            }
        }
        for (index, &ip_address) in subnet.fixed_ips.iter().enumerate() {
            self.networks.push(LinkNetwork {
                id: format!("network{}", self.networks.len()),
                kind: match subnet.cidr.family() {
                    AddressFamily::V4 => "ipv4",
                    AddressFamily::V6 => "ipv6",
                },
                link: vif.device.clone(),
                network_id: vif.network.id,
                ip_address,
                netmask: subnet.cidr.netmask(),
                routes: if index == 0 { routes(subnet) } else { Vec::new() },
                services: services.clone(),
            });
        }
    }
}

fn routes(subnet: &SubnetInfo) -> Vec<LinkRoute> {
    let everywhere = match subnet.cidr.family() {
        AddressFamily::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        AddressFamily::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let default =
        subnet.gateway.map(|gateway| LinkRoute { network: everywhere, netmask: everywhere, gateway });
    let more = subnet.routes.iter().map(|route| LinkRoute {
        network: route.destination.first(),
        netmask: route.destination.netmask(),
        gateway: route.gateway,
    });
    default.into_iter().chain(more).collect()
}

impl From<&Vif> for Link {
    fn from(vif: &Vif) -> Self {
        Self {
            id: vif.device.clone(),
            vif_id: vif.id,
            kind: "phy",
            ethernet_mac_address: vif.mac,
            mtu: vif.network.mtu,
        }
    }
}

impl From<IpAddr> for Service {
    fn from(address: IpAddr) -> Self {
        Self { kind: "dns", address }
    }
}

#[cfg(test)]
mod tests;
