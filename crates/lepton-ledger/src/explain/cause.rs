//! [`Cause`]: one decision and its reason.

use std::net::IpAddr;

use lepton_types::{
    Cidr, HostId, MacAddr, MacRangeId, Name, NetworkId, PortId, ProjectId, Revision, Timestamp,
};
use serde::{Deserialize, Serialize};

/// One decision and its reason, or something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The instance lives since then.
    Allocated {
        /// Which life it is, counted from 1.
        incarnation: u64,
        /// For whom.
        project: ProjectId,
        /// On which host it is now.
        host: HostId,
        /// When it was allocated.
        at: Timestamp,
    },
    /// The instance is on its way to another host.
    Moving {
        /// From where.
        from: HostId,
        /// To where.
        to: HostId,
    },
    /// The instance has no vNIC, because there was no network for it.
    NoNetwork {
        /// Its project.
        project: ProjectId,
    },
    /// The allocation named the network.
    NetworkNamed {
        /// The network.
        network: PluggedInto,
    },
    /// The allocation named none, and this one is the project's own.
    NetworkOwn {
        /// The network.
        network: PluggedInto,
    },
    /// The allocation named none, and this one is global.
    NetworkGlobal {
        /// The network.
        network: PluggedInto,
    },
    /// The allocation named none, and this one was the project's or global, which it is no more.
    NetworkFormerlyUsable {
        /// The network.
        network: PluggedInto,
    },
    /// The vNIC's place is the one of its network in the request.
    OrderRequested {
        /// Its place, counted from 0.
        position: u16,
        /// How many vNICs there are.
        vnics: usize,
    },
    /// The vNIC's place follows from its network's priority, then its owner, then its age, as they were at the allocation.
    OrderByPriority {
        /// Its place, counted from 0.
        position: u16,
        /// How many vNICs there are.
        vnics: usize,
        /// The network's priority now.
        priority: i32,
    },
    /// The MAC was drawn from the configured base.
    MacFromBase {
        /// The MAC.
        mac: MacAddr,
    },
    /// The MAC was drawn from a range.
    MacFromRange {
        /// The MAC.
        mac: MacAddr,
        /// The range.
        range: MacRangeId,
    },
    /// The port has no address, because its network has no subnet, or because all were taken from it.
    NoAddress,
    /// The port has this address because it was asked for.
    AddressAskedFor {
        /// The address.
        address: Given,
    },
    /// The port has this address because it was the lowest one of the subnet's allocation pools that its manager could take.
    AddressLowestFree {
        /// The address.
        address: Given,
    },
    /// The port has this address because it follows from its MAC.
    AddressFromMac {
        /// The address.
        address: Given,
    },
    /// The port has this address because it follows from its project and its MAC.
    AddressFromAccount {
        /// The address.
        address: Given,
    },
    /// The host has plugged the port, as it should.
    Plugged {
        /// Where.
        plug: Plug,
    },
    /// The host should plug the port, and has not reported since it last changed.
    NotReported {
        /// Where.
        plug: Plug,
    },
    /// The host should plug the port, and no agent has ever been there.
    NoAgent {
        /// Where.
        plug: Plug,
    },
    /// The host should plug the port, and cannot.
    PlugFailed {
        /// Where.
        plug: Plug,
        /// Why, in the kernel's own words.
        error: String,
    },
    /// The port was given back, or has left the host, which has not proved yet that it has unplugged it.
    NotUnplugged {
        /// Where it is still.
        plug: Plug,
    },
    /// The address was taken from the port, whose host has not followed yet.
    AddressLeaving {
        /// The address.
        address: Given,
    },
    /// Nobody has the address, and a guest may have it.
    Free {
        /// The subnet's prefix.
        cidr: Cidr,
        /// Whether it is given to who asks for none; else only to who asks for it.
        is_in_pool: bool,
    },
    /// Nobody has the address, and it is the next hop of a route, so only who asks for it gets it.
    FreeNextHop {
        /// The subnet's prefix.
        cidr: Cidr,
    },
    /// The subnet keeps the address for itself.
    KeptBySubnet {
        /// The subnet's prefix.
        cidr: Cidr,
        /// What for.
        reason: String,
    },
    /// An operator keeps the address.
    Reserved {
        /// What for; none: that is not the caller's to know.
        reason: Option<String>,
        /// Since when; none: that is not the caller's to know.
        since: Option<Timestamp>,
    },
    /// Nobody has the address, and it rests.
    Resting {
        /// Since when; none: that is not the caller's to know.
        since: Option<Timestamp>,
        /// Until when; none: that is not the caller's to know.
        until: Option<Timestamp>,
    },
    /// A port has the address.
    HeldByPort {
        /// Which one.
        port: PortId,
        /// Since when.
        since: Timestamp,
    },
    /// Another project has the address, which is all that the caller may know.
    HeldByAnother,
    /// A DHCP server has leased the address.
    Leased {
        /// To which MAC.
        mac: MacAddr,
        /// When.
        at: Timestamp,
        /// When it ends, unless the guest asks again.
        until: Timestamp,
    },
    /// A project has the floating IP.
    FloatingOf {
        /// Which project.
        project: ProjectId,
        /// The pool.
        pool: NetworkId,
        /// Whether an allocation gave it to its instance by itself.
        is_auto_assigned: bool,
        /// When.
        at: Timestamp,
    },
    /// The floating IP leads to a fixed IP, and no router carries its packets yet.
    FloatingWithoutRouter {
        /// The fixed IP.
        fixed_ip: IpAddr,
        /// The port that has it.
        port: PortId,
        /// Since when.
        since: Timestamp,
    },
    /// The floating IP leads nowhere.
    FloatingLeadsNowhere,
}

/// The network of a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluggedInto {
    /// Identity.
    pub id: NetworkId,
    /// What it is called now.
    pub label: Name,
}

/// An address of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The address.
    pub address: IpAddr,
    /// Its subnet's prefix.
    pub cidr: Cidr,
    /// Since when the port has it.
    pub since: Timestamp,
}

/// A port on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plug {
    /// The host.
    pub host: HostId,
    /// The device.
    pub device: String,
    /// The bridge of its network.
    pub bridge: String,
    /// The host's revision at the last change that it must see.
    pub revision: Revision,
}

impl Cause {
    /// Whether it tells of something that is not as it should be, or not yet.
    pub fn is_difference(&self) -> bool {
        match self {
            Self::NotReported { .. }
            | Self::NoAgent { .. }
            | Self::PlugFailed { .. }
            | Self::NotUnplugged { .. }
            | Self::AddressLeaving { .. }
            | Self::FloatingWithoutRouter { .. } => true,
            Self::Allocated { .. }
            | Self::Moving { .. }
            | Self::NoNetwork { .. }
            | Self::NetworkNamed { .. }
            | Self::NetworkOwn { .. }
            | Self::NetworkGlobal { .. }
            | Self::NetworkFormerlyUsable { .. }
            | Self::OrderRequested { .. }
            | Self::OrderByPriority { .. }
            | Self::MacFromBase { .. }
            | Self::MacFromRange { .. }
            | Self::NoAddress
            | Self::AddressAskedFor { .. }
            | Self::AddressLowestFree { .. }
            | Self::AddressFromMac { .. }
            | Self::AddressFromAccount { .. }
            | Self::Plugged { .. }
            | Self::Free { .. }
            | Self::FreeNextHop { .. }
            | Self::KeptBySubnet { .. }
            | Self::Reserved { .. }
            | Self::Resting { .. }
            | Self::HeldByPort { .. }
            | Self::HeldByAnother
            | Self::Leased { .. }
            | Self::FloatingOf { .. }
            | Self::FloatingLeadsNowhere => false,
        }
    }
}
