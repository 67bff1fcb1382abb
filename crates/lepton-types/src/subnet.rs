//! [`Subnet`]: one CIDR of a network and how its addresses are given out.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{AddressFamily, Cidr, IfName, NetworkId, Route, SubnetId};

/// One CIDR of a network, with its gateway and its allocation pools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Identity.
    pub id: SubnetId,
    /// The network that it belongs to.
    pub network: NetworkId,
    /// The addresses that it has.
    pub cidr: Cidr,
    /// The router that guests should use; inside the CIDR, never given to a guest.
    pub gateway: Option<IpAddr>,
    /// Name servers for guests, in the order to ask them.
    pub dns: Vec<IpAddr>,
    /// How a guest's address is chosen when it asks for none.
    pub mode: AddressMode,
    /// What [`AddressMode::Pool`] chooses from: inside the CIDR, ascending, disjoint. Empty where addresses follow from ports.
    pub pools: Vec<AddressPool>,
    /// How long a released address rests before it is given out again.
    pub quarantine: Duration,
    /// Static routes for guests beside the one to the gateway, by destination; no destination twice.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Who answers the guests' DHCP requests; none: nobody.
    pub dhcp_server: Option<IpAddr>,
    /// On an external network, the device that routers put these floating IPs on; none: the router's default.
    pub interface: Option<IfName>,
    /// How often it was changed; whoever changes it raises it.
    #[serde(default)]
    pub version: u64,
}

/// How a guest's address is chosen when it asks for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressMode {
    /// The lowest free address of the allocation pools. Managers that allocate at the same time take the lowest of different blocks,
    /// where the pools have many.
    Pool,
    /// The prefix with the modified EUI-64 of the port's MAC (RFC 4291 appendix A); IPv6 /64 only.
    Eui64,
    /// The prefix with an interface identifier of the port's project and MAC, as nova-network's `account_identifier` makes them;
    /// IPv6 /64 only. All addresses of a project on a subnet share their first 104 bits.
    AccountIdentifier,
}

impl AddressMode {
    /// Whether an address follows from its port instead of being chosen from pools.
    pub fn follows_from_port(self) -> bool {
        match self {
            Self::Pool => false,
            Self::Eui64 | Self::AccountIdentifier => true,
        }
    }
}

/// A range of addresses that may be given out, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AddressPool {
    /// The lowest address.
    pub first: IpAddr,
    /// The highest address; not below `first`.
    pub last: IpAddr,
}

impl Subnet {
    /// Which protocol's addresses these are.
    pub fn family(&self) -> AddressFamily {
        self.cidr.family()
    }

    /// Whether a static route leads over `address`.
    pub fn is_next_hop(&self, address: IpAddr) -> bool {
        self.routes.iter().any(|route| route.gateway == address)
    }
}

impl AddressPool {
    /// Whether `address` lies in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.first <= address && address <= self.last
    }
}
