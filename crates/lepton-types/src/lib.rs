//! The words that every part of Lepton speaks: ids, MACs, addresses, networks, subnets, ports, [`NetworkInfo`].
//!
//! A value of one of these types is valid by construction: text is parsed once, at the edge, and never checked again.
//!
//! ```
//! use lepton_types::{Cidr, MacAddr};
//!
//! let cidr: Cidr = "10.1.0.0/24".parse()?;
//! assert!(cidr.contains("10.1.0.7".parse()?));
//! assert!("10.1.0.7/24".parse::<Cidr>().is_err(), "host bits are a mistake, not a detail");
//!
//! let mac: MacAddr = "FA:16:3e:11:22:33".parse()?;
//! assert_eq!(mac.to_string(), "fa:16:3e:11:22:33");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate decides nothing and touches nothing: which network an instance gets is `lepton-vnic`, which address
//! is `lepton-ipam`, what a call means is `lepton-ledger`.

mod cidr;
mod dns;
mod dns_name;
mod event;
mod fixed_ip;
mod floating_ip;
mod host;
mod ids;
mod if_name;
mod ipv4_range;
pub mod legacy;
mod mac;
mod mac_range;
pub mod model;
mod mtu;
mod name;
mod network;
pub mod network_data;
mod network_info;
mod port;
mod quota;
mod revision;
mod route;
mod shown;
mod span;
mod subnet;
mod text;
mod timestamp;

pub use cidr::{AddressFamily, Cidr, CidrError};
pub use dns::{DnsDomain, DnsEntry, DnsScope, NameBond, RecordType, RecordTypeError};
pub use dns_name::{DnsNameError, DomainName, Hostname};
pub use event::{Event, RecordedEvent};
pub use fixed_ip::{FixedIpInfo, FixedIpOwner, FixedIpState, Lease};
pub use floating_ip::{FloatingIp, FloatingRange, FloatingTarget};
pub use host::{HostChanges, HostPort, HostReport, PortReport};
pub use ids::{
    AvailabilityZone, DnsDomainId, HostId, InstanceId, MacRangeId, NetworkId, PortId, ProjectId, RequestId,
    SubnetId, TextIdError, UuidError,
};
pub use if_name::{IfName, IfNameError};
pub use ipv4_range::{Ipv4Range, Ipv4RangeError};
pub use mac::{MacAddr, MacAddrError, MacBitsError};
pub use mac_range::{MacPrefix, MacPrefixError, MacRange};
pub use mtu::{Mtu, MtuError};
pub use name::{Name, NameError};
pub use network::Network;
pub use network_info::{FloatingLink, Migration, NetworkInfo, SubnetInfo, Vif, VifDestination, VifNetwork};
pub use port::{NetnsPath, NetnsPathError, Port, PortBinding, PortStatus, PortTarget};
pub use quota::{Amounts, Limit, Quota, Resource, ResourceError};
pub use revision::Revision;
pub use route::Route;
pub use shown::Shown;
pub use span::{Span, SpanError};
pub use subnet::{AddressMode, AddressPool, Subnet};
pub use timestamp::Timestamp;
