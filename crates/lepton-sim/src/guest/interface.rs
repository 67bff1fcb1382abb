//! From a NetworkInfo to what each interface of a guest gets.

use std::{
    net::{AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeFrom,
};

use lepton_proto::v1::{self, port_binding::Kind};
use lepton_types::{AddressFamily, Cidr, CidrError, IfName, IfNameError, MacAddr, MacAddrError};
use serde::{Deserialize, Serialize};

/// One interface of a guest, as its NetworkInfo says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name in the guest.
    pub device: IfName,
    /// The hardware address that it must have.
    pub mac: MacAddr,
    /// The largest IP packet that it must carry, in bytes.
    pub mtu: u32,
    /// Its addresses.
    pub addresses: Vec<Address>,
    /// Its routes: for each subnet the one to its neighbours if the kernel adds none, the default one, and the static ones.
    pub routes: Vec<Route>,
}

/// An address with the prefix of its subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// Bits of the subnet's prefix.
    pub prefix_len: u8,
}

/// A route beside those that the kernel adds for the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Where it leads.
    pub destination: Cidr,
    /// The neighbour that knows the way; none where it leads to neighbours.
    pub next_hop: Option<IpAddr>,
    /// Its preference, the lowest first; no other route of the guest has the same one.
    pub metric: u32,
}

/// A NetworkInfo that no interface can be made of.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceError {
    /// A port that is no veth pair has no end in the guest.
    #[error("port {0} is not a veth pair")]
    NotVeth(String),
    /// A vNIC without its network.
    #[error("port {0} has no network")]
    NoNetwork(String),
    /// Not a device name.
    #[error(transparent)]
    Device(#[from] IfNameError),
    /// Not a hardware address.
    #[error(transparent)]
    Mac(#[from] MacAddrError),
    /// Not a prefix.
    #[error(transparent)]
    Cidr(#[from] CidrError),
    /// Not an address.
    #[error("{text:?} is not an address")]
    Address {
        /// What was there instead.
        text: String,
        /// Why it is none.
        source: AddrParseError,
    },
    /// A route whose next hop is of another family than where it leads.
    #[error("no route to {destination} leads by {next_hop}, which is of the other family")]
    Family {
        /// Where it should lead.
        destination: Cidr,
        /// Its next hop.
        next_hop: IpAddr,
    },
}

/// Metric of the first vNIC's first route; each route that follows gets one more, for the kernel takes no second one to the same
/// place with the same metric. So of several default routes that of the first vNIC wins.
///
/// Above 256, which Linux gives the prefix of an IPv6 address, so that neighbours in `::/0` are not looked for at the gateway.
const FIRST_METRIC: u32 = 1024;

/// Where a default route leads.
const EVERYWHERE_V4: Cidr = Cidr::v4(Ipv4Addr::UNSPECIFIED, 0);
const EVERYWHERE_V6: Cidr = Cidr::v6(Ipv6Addr::UNSPECIFIED, 0);

/// The interfaces of an instance, by position.
pub fn interfaces(info: &v1::NetworkInfo) -> Result<Vec<Interface>, InterfaceError> {
    let mut metrics = FIRST_METRIC..;
    info.vifs.iter().map(|vif| interface(vif, &mut metrics)).collect()
}

fn interface(vif: &v1::Vif, metrics: &mut RangeFrom<u32>) -> Result<Interface, InterfaceError> {
    let Some(Kind::Veth(veth)) = vif.binding.as_ref().and_then(|binding| binding.kind.as_ref()) else {
        return Err(InterfaceError::NotVeth(vif.id.clone()));
    };
    let network = vif.network.as_ref().ok_or_else(|| InterfaceError::NoNetwork(vif.id.clone()))?;
    let mut addresses = Vec::new();
    let mut ways = Vec::new();
    for subnet in &network.subnets {
        let cidr: Cidr = subnet.cidr.parse()?;
        let prefix_len = cidr.prefix_len();
        if begins_in_zeronet(cidr) {
            ways.push((cidr, None));
        }
        for text in &subnet.fixed_ips {
            addresses.push(Address { address: address(text)?, prefix_len });
        }
        if !subnet.gateway.is_empty() {
            let gateway = address(&subnet.gateway)?;
            ways.push((if gateway.is_ipv4() { EVERYWHERE_V4 } else { EVERYWHERE_V6 }, Some(gateway)));
        }
        for route in &subnet.routes {
            ways.push(way(route)?);
        }
    }
    // A guest that is a next hop itself is told of the route like its neighbours; the kernel refuses a way through oneself.
    ways.retain(|(_, next_hop)| addresses.iter().all(|own| Some(own.address) != *next_hop));
    let routes = ways.into_iter().zip(metrics);
    let routes =
        routes.map(|((destination, next_hop), metric)| Route { destination, next_hop, metric }).collect();
    let (device, mac) = (veth.guest_device.parse()?, vif.mac_address.parse()?);
    Ok(Interface { device, mac, mtu: network.mtu, addresses, routes })
}

/// Where a static route leads, and by whom.
fn way(route: &v1::Route) -> Result<(Cidr, Option<IpAddr>), InterfaceError> {
    let destination: Cidr = route.destination.parse()?;
    let next_hop = address(&route.gateway)?;
    if destination.family() == AddressFamily::of(next_hop) {
        Ok((destination, Some(next_hop)))
    } else {
        Err(InterfaceError::Family { destination, next_hop })
    }
}

/// Whether the kernel adds no route to a prefix for an address in it: those that begin in 0.0.0.0/8, of which 0.0.0.0/0 is one
/// (Linux `fib_add_ifaddr()`).
fn begins_in_zeronet(cidr: Cidr) -> bool {
    matches!(cidr.first(), IpAddr::V4(first) if first.octets()[0] == 0)
}

fn address(text: &str) -> Result<IpAddr, InterfaceError> {
    text.parse().map_err(|source| InterfaceError::Address { text: text.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(destination: &str, gateway: &str) -> v1::Route {
        v1::Route { destination: destination.into(), gateway: gateway.into() }
    }

    fn subnet(cidr: &str, gateway: &str, fixed_ip: &str) -> v1::VifSubnet {
        v1::VifSubnet {
            cidr: cidr.into(),
            gateway: gateway.into(),
            fixed_ips: vec![fixed_ip.into()],
            ..Default::default()
        }
    }

    fn vif() -> v1::Vif {
        let veth =
            v1::port_binding::Veth { netns_path: "/proc/7/ns/net".into(), guest_device: "eth1".into() };
        v1::Vif {
            mac_address: "fa:16:3e:00:00:01".into(),
            binding: Some(v1::PortBinding { kind: Some(Kind::Veth(veth)) }),
            network: Some(v1::VifNetwork {
                mtu: 1400,
                subnets: vec![
                    v1::VifSubnet {
                        routes: vec![
                            route("192.168.9.0/24", "10.1.0.77"),
                            route("192.168.10.0/24", "10.1.0.78"),
                        ],
                        ..subnet("10.1.0.0/24", "10.1.0.1", "10.1.0.2")
                    },
                    v1::VifSubnet {
                        routes: vec![route("fd00:9::/64", "fd00:1::77")],
                        ..subnet("fd00:1::/64", "", "fd00:1::2")
                    },
                ],
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    fn ranked(destination: &str, next_hop: &str, metric: u32) -> Route {
        let (destination, next_hop) = (destination.parse().unwrap(), next_hop.parse().unwrap());
        Route { destination, next_hop: Some(next_hop), metric }
    }

    #[test]
    fn an_interface_gets_what_the_network_info_says_and_nothing_else() {
        let info = v1::NetworkInfo { vifs: vec![vif()], ..Default::default() };
        let expected = Interface {
            device: "eth1".parse().unwrap(),
            mac: "fa:16:3e:00:00:01".parse().unwrap(),
            mtu: 1400,
            addresses: vec![
                Address { address: "10.1.0.2".parse().unwrap(), prefix_len: 24 },
                Address { address: "fd00:1::2".parse().unwrap(), prefix_len: 64 },
            ],
            routes: vec![
                ranked("0.0.0.0/0", "10.1.0.1", 1024),
                ranked("192.168.9.0/24", "10.1.0.77", 1025),
                ranked("192.168.10.0/24", "10.1.0.78", 1026),
                ranked("fd00:9::/64", "fd00:1::77", 1027),
            ],
        };
        assert_eq!(interfaces(&info).unwrap(), [expected]);
    }

    #[test]
    fn the_first_vnic_has_the_preferred_default_route() {
        let info = v1::NetworkInfo { vifs: vec![vif(), vif()], ..Default::default() };
        let metrics: Vec<Vec<_>> = interfaces(&info)
            .unwrap()
            .iter()
            .map(|interface| interface.routes.iter().map(|route| route.metric).collect())
            .collect();
        assert_eq!(metrics, [[1024, 1025, 1026, 1027], [1028, 1029, 1030, 1031]]);
    }

    #[test]
    fn a_guest_that_is_a_next_hop_has_no_route_through_itself() {
        let mut vif = vif();
        let subnets = &mut vif.network.as_mut().unwrap().subnets;
        subnets[0].fixed_ips.push("10.1.0.77".into());
        subnets[1].fixed_ips.push("fd00:1::77".into());
        let info = v1::NetworkInfo { vifs: vec![vif], ..Default::default() };
        let routes = interfaces(&info).unwrap().remove(0).routes;
        assert_eq!(
            routes,
            [ranked("0.0.0.0/0", "10.1.0.1", 1024), ranked("192.168.10.0/24", "10.1.0.78", 1025)]
        );
    }

    #[test]
    fn neighbours_come_before_the_gateway_where_the_kernel_adds_no_route_to_them() {
        let mut vif = vif();
        vif.network.as_mut().unwrap().subnets = vec![subnet("0.0.0.0/0", "1.0.0.0", "1.0.0.1")];
        let info = v1::NetworkInfo { vifs: vec![vif], ..Default::default() };
        let neighbours = Route { next_hop: None, ..ranked("0.0.0.0/0", "1.0.0.0", 1024) };
        let routes = interfaces(&info).unwrap().remove(0).routes;
        assert_eq!(routes, [neighbours, ranked("0.0.0.0/0", "1.0.0.0", 1025)]);
        assert!(begins_in_zeronet("0.0.0.0/1".parse().unwrap()));
        assert!(["128.0.0.0/1", "::/0"].iter().all(|cidr| !begins_in_zeronet(cidr.parse().unwrap())));
    }

    #[test]
    fn a_route_by_a_next_hop_of_the_other_family_is_refused() {
        for (destination, next_hop) in [("192.168.9.0/24", "fd00:1::77"), ("fd00:9::/64", "10.1.0.77")] {
            let mut vif = vif();
            vif.network.as_mut().unwrap().subnets[0].routes = vec![route(destination, next_hop)];
            let info = v1::NetworkInfo { vifs: vec![vif], ..Default::default() };
            assert!(matches!(interfaces(&info), Err(InterfaceError::Family { .. })), "{destination}");
        }
    }

    #[test]
    fn a_tap_has_no_end_in_a_guest() {
        let info = v1::NetworkInfo { vifs: vec![v1::Vif { binding: None, ..vif() }], ..Default::default() };
        assert!(matches!(interfaces(&info), Err(InterfaceError::NotVeth(_))));
    }
}
