//! The model of NetworkInfo that Nova's compute agents know, and its JSON (specification §4.1).
//!
//! What is read here was written by others, in the cache of a compute service for example. So texts stay as they are and
//! what the model has no word for is kept in `meta`: reading and writing again loses nothing. Every address is checked.
//!
//! Lepton's own words are in [`NetworkInfo`](crate::NetworkInfo), from which this form is made;
//! [`LegacyNetworkInfo`](crate::legacy::LegacyNetworkInfo) is made from this one.

mod address;
mod ours;
mod wire;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::address::{Address, AddressError, Prefix};

/// What the model has no word for, by name.
pub type Meta = Map<String, Value>;

/// An instance's vNICs, in order: a JSON list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NetworkInfo {
    /// The vNICs.
    pub vifs: Vec<Vif>,
}

/// One vNIC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vif {
    /// The port's id.
    #[serde(default)]
    pub id: Option<String>,
    /// Its MAC.
    #[serde(default)]
    pub address: Option<String>,
    /// Its network.
    #[serde(default)]
    pub network: Option<Network>,
    /// What else is known, such as `rxtx_cap`.
    #[serde(flatten, with = "wire::rest")]
    pub meta: Meta,
}

/// A vNIC's network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its id.
    #[serde(default)]
    pub id: Option<String>,
    /// Its bridge; empty for Quantum's networks.
    #[serde(default)]
    pub bridge: Option<String>,
    /// What people call it.
    #[serde(default)]
    pub label: Option<String>,
    /// Its subnets.
    #[serde(default)]
    pub subnets: Vec<Subnet>,
    /// What else is known, such as `tenant_id` and `injected`.
    #[serde(flatten, with = "wire::rest")]
    pub meta: Meta,
}

/// A subnet with the vNIC's addresses in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Its prefix; in JSON it stands beside its `version`, 4 or 6.
    #[serde(flatten, with = "wire::cidr")]
    pub cidr: Option<Prefix>,
    /// The router to use.
    #[serde(default)]
    pub gateway: Option<Ip>,
    /// Name servers, in the order to ask them.
    #[serde(default)]
    pub dns: Vec<Ip>,
    /// The vNIC's addresses in it.
    #[serde(default)]
    pub ips: Vec<FixedIp>,
    /// Routes beside the one to the gateway.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// What else is known, such as `dhcp_server`.
    #[serde(flatten, with = "wire::rest")]
    pub meta: Meta,
}

/// An address and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ip {
    /// The address; in JSON it stands beside its `version`, 4 or 6.
    #[serde(flatten, with = "wire::address")]
    pub address: Option<Address>,
    /// What it is for: `gateway`, `dns`, `fixed` or `floating`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// What else is known.
    #[serde(flatten, with = "wire::rest")]
    pub meta: Meta,
}

/// An address of a vNIC, with the floating IPs that lead to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedIp {
    /// The floating IPs that lead to it.
    #[serde(default)]
    pub floating_ips: Vec<Ip>,
    /// The address itself.
    #[serde(flatten)]
    pub ip: Ip,
}

/// A static route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The destination.
    #[serde(default)]
    pub cidr: Option<Prefix>,
    /// The next hop.
    #[serde(default)]
    pub gateway: Option<Ip>,
    /// The device; always null.
    #[serde(default)]
    pub interface: Option<String>,
    /// What else is known.
    #[serde(flatten, with = "wire::rest")]
    pub meta: Meta,
}

#[cfg(test)]
mod tests;
