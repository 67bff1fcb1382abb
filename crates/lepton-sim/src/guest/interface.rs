//! From a NetworkInfo to what each interface of a guest gets.

use std::net::{AddrParseError, IpAddr};

use lepton_proto::v1::{self, port_binding::Kind};
use lepton_types::{Cidr, CidrError, IfName, IfNameError, MacAddr, MacAddrError};
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
    /// Its default routes.
    pub gateways: Vec<IpAddr>,
    /// Preference of its default routes: that of the instance's first vNIC wins.
    pub metric: u32,
}

/// An address with the prefix of its subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub address: IpAddr,
    /// Bits of the subnet's prefix.
    pub prefix_len: u8,
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
}

/// Metric of the first vNIC's default routes; each vNIC that follows gets one more.
const FIRST_METRIC: u32 = 100;

/// The interfaces of an instance, by position.
pub fn interfaces(info: &v1::NetworkInfo) -> Result<Vec<Interface>, InterfaceError> {
    info.vifs.iter().zip(FIRST_METRIC..).map(|(vif, metric)| interface(vif, metric)).collect()
}

fn interface(vif: &v1::Vif, metric: u32) -> Result<Interface, InterfaceError> {
    let Some(Kind::Veth(veth)) = vif.binding.as_ref().and_then(|binding| binding.kind.as_ref()) else {
        return Err(InterfaceError::NotVeth(vif.id.clone()));
    };
    let network = vif.network.as_ref().ok_or_else(|| InterfaceError::NoNetwork(vif.id.clone()))?;
    let mut addresses = Vec::new();
    let mut gateways = Vec::new();
    for subnet in &network.subnets {
        let prefix_len = subnet.cidr.parse::<Cidr>()?.prefix_len();
        for text in &subnet.fixed_ips {
            addresses.push(Address { address: address(text)?, prefix_len });
        }
        if !subnet.gateway.is_empty() {
            gateways.push(address(&subnet.gateway)?);
        }
    }
    let (device, mac) = (veth.guest_device.parse()?, vif.mac_address.parse()?);
    Ok(Interface { device, mac, mtu: network.mtu, addresses, gateways, metric })
}

fn address(text: &str) -> Result<IpAddr, InterfaceError> {
    text.parse().map_err(|source| InterfaceError::Address { text: text.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vif() -> v1::Vif {
        let subnet = |cidr: &str, gateway: &str, fixed_ip: &str| v1::VifSubnet {
            cidr: cidr.into(),
            gateway: gateway.into(),
            fixed_ips: vec![fixed_ip.into()],
            ..Default::default()
        };
        let veth =
            v1::port_binding::Veth { netns_path: "/proc/7/ns/net".into(), guest_device: "eth1".into() };
        v1::Vif {
            mac_address: "fa:16:3e:00:00:01".into(),
            binding: Some(v1::PortBinding { kind: Some(Kind::Veth(veth)) }),
            network: Some(v1::VifNetwork {
                mtu: 1400,
                subnets: vec![
                    subnet("10.1.0.0/24", "10.1.0.1", "10.1.0.2"),
                    subnet("fd00:1::/64", "", "fd00:1::2"),
                ],
                ..Default::default()
            }),
            ..Default::default()
        }
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
            gateways: vec!["10.1.0.1".parse().unwrap()],
            metric: 100,
        };
        assert_eq!(interfaces(&info).unwrap(), [expected]);
    }

    #[test]
    fn the_first_vnic_has_the_preferred_default_route() {
        let info = v1::NetworkInfo { vifs: vec![vif(), vif()], ..Default::default() };
        let metrics: Vec<_> = interfaces(&info).unwrap().iter().map(|interface| interface.metric).collect();
        assert_eq!(metrics, [100, 101]);
    }

    #[test]
    fn a_tap_has_no_end_in_a_guest() {
        let info = v1::NetworkInfo { vifs: vec![v1::Vif { binding: None, ..vif() }], ..Default::default() };
        assert!(matches!(interfaces(&info), Err(InterfaceError::NotVeth(_))));
    }
}
