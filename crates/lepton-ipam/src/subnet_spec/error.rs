//! What can be wrong with a [`SubnetSpec`], and in which of its fields.

use std::{fmt, net::IpAddr, time::Duration};

use lepton_types::{AddressPool, Cidr};

use super::SubnetSpec;
use crate::Reserved;

/// Why a subnet cannot be as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubnetSpecError {
    /// A prefix with nothing but addresses that no guest can have.
    #[error(
        "{cidr} holds nothing but {kind} addresses ({range}), which guests cannot have; use another prefix"
    )]
    NotUnicast {
        /// The prefix.
        cidr: Cidr,
        /// Those addresses.
        range: Cidr,
        /// What its addresses are.
        kind: &'static str,
    },
    /// A prefix in which nothing is left to give out.
    #[error(
        "{cidr} is too small for what is reserved: with {gateway} as the gateway no address is left to give out; \
         use a larger prefix or no gateway"
    )]
    TooSmall {
        /// The prefix.
        cidr: Cidr,
        /// The gateway that takes the last address.
        gateway: IpAddr,
    },
    /// A server of the other family.
    #[error("the {server} {address} is not an {} address, as {cidr} needs", cidr.family())]
    ServerFamily {
        /// Which server.
        server: SubnetServer,
        /// Its address.
        address: IpAddr,
        /// The prefix.
        cidr: Cidr,
    },
    /// A server that guests could not reach.
    #[error("the {server} {address} is outside {cidr}")]
    ServerOutside {
        /// Which server.
        server: SubnetServer,
        /// Its address.
        address: IpAddr,
        /// The prefix.
        cidr: Cidr,
    },
    /// A server on an address that is no interface's.
    #[error("the {server} {address} is {reserved} of {cidr}; use another address")]
    ServerReserved {
        /// Which server.
        server: SubnetServer,
        /// Its address.
        address: IpAddr,
        /// The prefix.
        cidr: Cidr,
        /// What the address is reserved for.
        reserved: Reserved,
    },
    /// More name servers than a guest is told of.
    #[error("{count} name servers are too many (expected at most {max})", max = SubnetSpec::DNS_MAX)]
    TooManyDns {
        /// How many there are.
        count: usize,
    },
    /// Addresses that are to follow from ports where they cannot.
    #[error(
        "addresses that follow from ports need an IPv6 /64, and {cidr} is none; choose addresses from a pool instead"
    )]
    IdentifierPrefix {
        /// The prefix.
        cidr: Cidr,
    },
    /// Pools that nothing would be chosen from.
    #[error(
        "addresses that follow from ports are not chosen from pools; leave the pools out or choose addresses from them"
    )]
    IdentifierPools,
    /// More pools than a block can be filled from in no time.
    #[error("{count} allocation pools are too many (expected at most {max})", max = SubnetSpec::POOLS_MAX)]
    TooManyPools {
        /// How many there are.
        count: usize,
    },
    /// A pool of the other family.
    #[error("the pool {}-{} does not have {} addresses, as {cidr} needs", pool.first, pool.last, cidr.family())]
    PoolFamily {
        /// Which pool, counted from 0.
        index: usize,
        /// The pool.
        pool: AddressPool,
        /// The prefix.
        cidr: Cidr,
    },
    /// A pool that ends before it begins.
    #[error("the pool {}-{} ends before it begins; swap its ends", pool.first, pool.last)]
    PoolReversed {
        /// Which pool, counted from 0.
        index: usize,
        /// The pool.
        pool: AddressPool,
    },
    /// A pool with addresses of another subnet.
    #[error("the pool {}-{} is not inside {cidr}", pool.first, pool.last)]
    PoolOutside {
        /// Which pool, counted from 0.
        index: usize,
        /// The pool.
        pool: AddressPool,
        /// The prefix.
        cidr: Cidr,
    },
    /// A pool with addresses that no guest can have.
    #[error("the pool {}-{} holds {kind} addresses ({range}), which guests cannot have; leave them out", pool.first, pool.last)]
    PoolSpecial {
        /// Which pool, counted from 0.
        index: usize,
        /// The pool.
        pool: AddressPool,
        /// Those addresses.
        range: Cidr,
        /// What they are.
        kind: &'static str,
    },
    /// An address in two pools.
    #[error(
        "the pool {}-{} overlaps the pool {}-{}; join them or move one",
        pool.first, pool.last, other_pool.first, other_pool.last
    )]
    PoolsOverlap {
        /// Which pool, counted from 0.
        index: usize,
        /// The pool.
        pool: AddressPool,
        /// Which pool before it, counted from 0.
        other: usize,
        /// The pool before it.
        other_pool: AddressPool,
    },
    /// Pools in which nothing is left to give out.
    #[error("the pools hold nothing but reserved addresses of {cidr}; make them larger or leave them out")]
    PoolsReserved {
        /// The prefix.
        cidr: Cidr,
    },
    /// A quarantine that is surely a slip of the unit.
    #[error(
        "a quarantine of {quarantine:?} is too long (expected at most {} s, 365 days)",
        SubnetSpec::QUARANTINE_MAX.as_secs()
    )]
    QuarantineTooLong {
        /// The quarantine.
        quarantine: Duration,
    },
}

/// Who serves a subnet's guests from an address of it that they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubnetServer {
    /// The router, or the next hop of a route.
    Gateway,
    /// The DHCP server.
    Dhcp,
}

/// The field of a subnet's specification that an error is about, shown by its name in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecField {
    /// How addresses are chosen.
    AddressMode,
    /// One allocation pool, counted from 0.
    AllocationPool(usize),
    /// The allocation pools together.
    AllocationPools,
    /// The prefix.
    Cidr,
    /// The DHCP server.
    DhcpServer,
    /// The name servers.
    Dns,
    /// The gateway.
    Gateway,
    /// The quarantine.
    Quarantine,
}

impl SubnetSpecError {
    /// Which field is wrong.
    pub fn field(&self) -> SpecField {
        match *self {
            Self::NotUnicast { .. } | Self::TooSmall { .. } => SpecField::Cidr,
            Self::ServerFamily { server, .. }
            | Self::ServerOutside { server, .. }
            | Self::ServerReserved { server, .. } => match server {
                SubnetServer::Gateway => SpecField::Gateway,
                SubnetServer::Dhcp => SpecField::DhcpServer,
            },
            Self::TooManyDns { .. } => SpecField::Dns,
            Self::IdentifierPrefix { .. } => SpecField::AddressMode,
            Self::IdentifierPools | Self::TooManyPools { .. } | Self::PoolsReserved { .. } => {
                SpecField::AllocationPools
            }
            Self::PoolFamily { index, .. }
            | Self::PoolReversed { index, .. }
            | Self::PoolOutside { index, .. }
            | Self::PoolSpecial { index, .. }
            | Self::PoolsOverlap { index, .. } => SpecField::AllocationPool(index),
            Self::QuarantineTooLong { .. } => SpecField::Quarantine,
        }
    }
}

impl fmt::Display for SubnetServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gateway => "gateway",
            Self::Dhcp => "DHCP server",
        })
    }
}

impl fmt::Display for SpecField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressMode => f.write_str("address_mode"),
            Self::AllocationPool(index) => write!(f, "allocation_pools[{index}]"),
            Self::AllocationPools => f.write_str("allocation_pools"),
            Self::Cidr => f.write_str("cidr"),
            Self::DhcpServer => f.write_str("dhcp_server"),
            Self::Dns => f.write_str("dns"),
            Self::Gateway => f.write_str("gateway"),
            Self::Quarantine => f.write_str("quarantine"),
        }
    }
}
