//! [`SubnetSpec`]: what an operator asks of a new subnet, and the [`Subnet`] that it becomes or why it cannot.

use std::{net::IpAddr, time::Duration};

use lepton_types::{AddressFamily, AddressMode, AddressPool, Cidr, NetworkId, Subnet, SubnetId};

use crate::{
    reserved::Reserved,
    special::{Special, ordinary},
};

mod error;
mod pools;

pub use error::{SpecField, SubnetServer, SubnetSpecError};

/// What a new subnet is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetSpec {
    /// The addresses that it has.
    pub cidr: Cidr,
    /// Where its gateway is.
    pub gateway: Gateway,
    /// Name servers for guests, of either family, in the order to ask them.
    pub dns: Vec<IpAddr>,
    /// How a guest's address is chosen when it asks for none; unset, EUI-64 for an IPv6 /64 without pools, else pools.
    pub mode: Option<AddressMode>,
    /// The ranges that addresses are chosen from, in any order; none, all host addresses.
    pub pools: Vec<AddressPool>,
    /// How long a released address rests before it is given out again.
    pub quarantine: Duration,
}

/// Where the gateway of a new subnet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gateway {
    /// On the first host address.
    Default,
    /// Nowhere.
    None,
    /// There.
    At(IpAddr),
}

impl SubnetSpec {
    /// Most name servers of a subnet.
    pub const DNS_MAX: usize = 16;
    /// Most allocation pools of a subnet.
    pub const POOLS_MAX: usize = 64;
    /// Longest quarantine: a year.
    pub const QUARANTINE_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    /// A subnet of which nothing but its prefix is asked.
    pub fn new(cidr: Cidr) -> Self {
        let (dns, pools) = (Vec::new(), Vec::new());
        Self { cidr, gateway: Gateway::Default, dns, mode: None, pools, quarantine: Duration::ZERO }
    }

    /// The subnet that this becomes, with everything settled that was left open.
    ///
    /// Errors: the first thing that is wrong; [`SubnetSpecError::field`] tells where.
    pub fn plan(&self, id: SubnetId, network: NetworkId) -> Result<Subnet, SubnetSpecError> {
        self.check_limits()?;
        let mode = self.plan_mode()?;
        let subnet = Subnet {
            id,
            network,
            cidr: self.cidr,
            gateway: self.plan_gateway()?,
            dns: self.dns.clone(),
            mode,
            pools: match mode {
                AddressMode::Pool => self.plan_pools()?,
                AddressMode::Eui64 | AddressMode::AccountIdentifier => Vec::new(),
            },
            quarantine: self.quarantine,
            routes: Vec::new(),
            dhcp_server: None,
            interface: None,
            version: 0,
        };
        self.check_room(&subnet)?;
        Ok(subnet)
    }

    fn check_limits(&self) -> Result<(), SubnetSpecError> {
        let cidr = self.cidr;
        if let Some(Special { range, kind }) = Special::in_prefix(cidr)
            && ordinary(cidr).is_empty()
        {
            return Err(SubnetSpecError::NotUnicast { cidr, range, kind });
        }
        if self.dns.len() > Self::DNS_MAX {
            return Err(SubnetSpecError::TooManyDns { count: self.dns.len() });
        }
        if self.quarantine > Self::QUARANTINE_MAX {
            return Err(SubnetSpecError::QuarantineTooLong { quarantine: self.quarantine });
        }
        Ok(())
    }

    fn plan_gateway(&self) -> Result<Option<IpAddr>, SubnetSpecError> {
        let gateway = match self.gateway {
            Gateway::None => return Ok(None),
            Gateway::Default => return Ok(ordinary(self.cidr).first().map(|pool| pool.first)),
            Gateway::At(gateway) => gateway,
        };
        Self::check_server(SubnetServer::Gateway, gateway, self.cidr).map(|()| Some(gateway))
    }

    /// Checks that a server can have this address of a subnet.
    ///
    /// Errors: an address of the other family, outside the prefix, or reserved by it.
    pub fn check_server(server: SubnetServer, address: IpAddr, cidr: Cidr) -> Result<(), SubnetSpecError> {
        if AddressFamily::of(address) != cidr.family() {
            return Err(SubnetSpecError::ServerFamily { server, address, cidr });
        }
        if !cidr.contains(address) {
            return Err(SubnetSpecError::ServerOutside { server, address, cidr });
        }
        match Reserved::by_prefix(cidr, address) {
            Some(reserved) => Err(SubnetSpecError::ServerReserved { server, address, cidr, reserved }),
            None => Ok(()),
        }
    }

    fn plan_mode(&self) -> Result<AddressMode, SubnetSpecError> {
        /// Bits of the prefix of which an interface identifier leaves neither bits open nor cut off.
        const PREFIX: u8 = 64;

        let cidr = self.cidr;
        let has_identifiers = cidr.family() == AddressFamily::V6 && cidr.prefix_len() == PREFIX;
        match self.mode {
            Some(mode) if mode.follows_from_port() && !has_identifiers => {
                Err(SubnetSpecError::IdentifierPrefix { cidr })
            }
            Some(mode) if mode.follows_from_port() && !self.pools.is_empty() => {
                Err(SubnetSpecError::IdentifierPools)
            }
            None if has_identifiers && self.pools.is_empty() => Ok(AddressMode::Eui64),
            Some(mode) => Ok(mode),
            None => Ok(AddressMode::Pool),
        }
    }

    fn plan_pools(&self) -> Result<Vec<AddressPool>, SubnetSpecError> {
        if self.pools.is_empty() { Ok(ordinary(self.cidr)) } else { pools::plan(self.cidr, &self.pools) }
    }

    /// Refuses a subnet that could never give out an address.
    fn check_room(&self, subnet: &Subnet) -> Result<(), SubnetSpecError> {
        let has_room = subnet.mode.follows_from_port() || pools::have_room(subnet);
        match (has_room, subnet.gateway) {
            (true, _) => Ok(()),
            (false, Some(gateway)) if self.pools.is_empty() => {
                Err(SubnetSpecError::TooSmall { cidr: self.cidr, gateway })
            }
            (false, _) => Err(SubnetSpecError::PoolsReserved { cidr: self.cidr }),
        }
    }
}

#[cfg(test)]
mod tests;
