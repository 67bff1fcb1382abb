//! The interfaces of the namespace that this process is in, over rtnetlink.

use std::{
    fmt, fs, io,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use lepton_types::{IfName, MacAddr};
use rtnetlink::{
    Handle, LinkUnspec, MulticastGroup, RouteMessageBuilder, new_multicast_connection,
    packet_route::{
        address::{AddressHeaderFlags, AddressMessage},
        link::{LinkAttribute, LinkMessage, State},
        neighbour::NeighbourMessage,
        route::RouteScope,
    },
};
use tokio::{task::JoinSet, time};

use super::{Address, Interface, Route};

/// Longest that the kernel may take to bring an interface up whose other end is up.
const UP_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest that the kernel may take to listen for questions after an IPv6 address that it has added.
const HEARD_TIMEOUT: Duration = Duration::from_secs(5);

/// The multicast groups of this namespace: a line each, with the interface's index and the group's 32 digits.
const GROUPS: &str = "/proc/net/igmp6";

/// What was tried and failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The kernel refused a request.
    #[error("cannot {what}")]
    Refused { what: String, source: rtnetlink::Error },
    /// The interface is not what the NetworkInfo says.
    #[error("{device} has {what} {found} instead of {expected}")]
    Differs { device: IfName, what: &'static str, found: String, expected: String },
    /// The other end is down.
    #[error("{0} did not come up within {UP_TIMEOUT:?}: is its other end down?")]
    StaysDown(IfName),
    /// The groups of the namespace cannot be read.
    #[error("cannot read {GROUPS}")]
    Groups(#[source] io::Error),
    /// Nobody could ask for the address.
    #[error("the kernel did not listen for questions after {0} within {HEARD_TIMEOUT:?}")]
    Unheard(Ipv6Addr),
}

/// The interfaces of the namespace that this process is in.
pub(crate) struct Links {
    handle: Handle,
    /// An item for each change of an interface or an IPv6 address; when many come at once, one look answers for all.
    changes: BoxStream<'static, ()>,
    _connection: JoinSet<()>,
}

/// What is undone when an echo request under a false name has been sent.
pub(crate) struct FalseAddress {
    address: AddressMessage,
    neighbour: NeighbourMessage,
}

impl Links {
    /// Opens a netlink connection in this thread's network namespace.
    pub(crate) fn open() -> io::Result<Self> {
        let (connection, handle, news) =
            new_multicast_connection(&[MulticastGroup::Link, MulticastGroup::Ipv6Ifaddr])?;
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        Ok(Self { handle, changes: news.map(drop).boxed(), _connection: tasks })
    }

    /// `ip link set lo up`
    pub(crate) async fn loopback_up(&self) -> Result<(), LinkError> {
        let message = LinkUnspec::new_with_name("lo").up().build();
        self.handle.link().set(message).execute().await.map_err(refused("bring lo up"))
    }

    /// Gives an interface exactly what its NetworkInfo says, having checked what the host should have given it.
    pub(crate) async fn configure(&mut self, interface: &Interface) -> Result<(), LinkError> {
        let device = &interface.device;
        let link = self.link(device).await?;
        check(interface, &link)?;
        let index = link.header.index;
        self.forget(device, index).await?;
        let up = LinkUnspec::new_with_index(index).up().build();
        self.handle.link().set(up).execute().await.map_err(refused(format!("bring {device} up")))?;
        self.wait_until_up(device).await?;
        for address in &interface.addresses {
            self.add_address(index, *address).await?;
        }
        for route in &interface.routes {
            self.add_route(index, *route).await?;
        }
        Ok(())
    }

    /// `ip link set DEVICE down; ip address flush dev DEVICE`: takes away what a life before a reboot has left. Routes and
    /// IPv6 addresses go with the link.
    async fn forget(&self, device: &IfName, index: u32) -> Result<(), LinkError> {
        let down = LinkUnspec::new_with_index(index).down().build();
        self.handle.link().set(down).execute().await.map_err(refused(format!("bring {device} down")))?;
        let left = self.handle.address().get().set_link_index_filter(index).execute();
        let left: Vec<_> =
            left.try_collect().await.map_err(refused(format!("list the addresses of {device}")))?;
        for address in left {
            let deleted = self.handle.address().del(address).execute().await;
            deleted.map_err(refused(format!("delete an address of {device}")))?;
        }
        Ok(())
    }

    /// `ip address add ADDRESS dev DEVICE nodad; ip neighbour replace TARGET lladdr MAC dev DEVICE nud permanent`
    pub(crate) async fn forge_address(
        &mut self,
        device: &IfName,
        forged: IpAddr,
        target: IpAddr,
        target_mac: MacAddr,
    ) -> Result<FalseAddress, LinkError> {
        let index = self.link(device).await?.header.index;
        let prefix_len = if forged.is_ipv4() { 32 } else { 128 };
        let address = self.add_address(index, Address { address: forged, prefix_len }).await?;
        let add = self.handle.neighbours().add(index, target);
        let mut add = add.link_layer_address(&target_mac.octets()).replace();
        let neighbour = add.message_mut().clone();
        add.execute().await.map_err(refused(format!("tell {device} where {target} is")))?;
        Ok(FalseAddress { address, neighbour })
    }

    /// Takes a false address back.
    pub(crate) async fn repent(&self, forged: FalseAddress) -> Result<(), LinkError> {
        let neighbour = self.handle.neighbours().del(forged.neighbour).execute().await;
        let address = self.handle.address().del(forged.address).execute().await;
        neighbour.and(address).map_err(refused("take the false address back"))
    }

    /// `ip link set DEVICE address MAC`; answers with the hardware address that it had.
    pub(crate) async fn set_mac(&self, device: &IfName, mac: MacAddr) -> Result<MacAddr, LinkError> {
        let link = self.link(device).await?;
        let before = mac_of(&link).unwrap_or(mac);
        let message = LinkUnspec::new_with_index(link.header.index).address(mac.octets().to_vec()).build();
        self.handle
            .link()
            .set(message)
            .execute()
            .await
            .map_err(refused(format!("give {device} the MAC {mac}")))?;
        Ok(before)
    }

    /// `ip address add ADDRESS dev DEVICE nodad`: the ledger has seen to it that the address is nobody else's, so
    /// duplicate address detection would only delay it.
    async fn add_address(&mut self, index: u32, address: Address) -> Result<AddressMessage, LinkError> {
        let Address { address, prefix_len } = address;
        let mut add = self.handle.address().add(index, address, prefix_len);
        if address.is_ipv6() {
            add.message_mut().header.flags = AddressHeaderFlags::Nodad;
        }
        let message = add.message_mut().clone();
        add.execute().await.map_err(refused(format!("add address {address}/{prefix_len}")))?;
        if let IpAddr::V6(address) = address {
            self.wait_until_heard(index, address).await?;
        }
        Ok(message)
    }

    /// Waits until whoever asks for an IPv6 address is heard: the kernel answers a request for an address before it
    /// joins the group that such questions go to, and a question that is missed is asked again only a second later.
    ///
    /// It tells of the address, a second time, when it has joined.
    async fn wait_until_heard(&mut self, index: u32, address: Ipv6Addr) -> Result<(), LinkError> {
        let group = solicited_node_group(address);
        let deadline = time::Instant::now() + HEARD_TIMEOUT;
        while !has_group(&fs::read_to_string(GROUPS).map_err(LinkError::Groups)?, index, group) {
            let change = time::timeout_at(deadline, self.changes.next()).await;
            change.map_err(|_| LinkError::Unheard(address))?;
        }
        Ok(())
    }

    /// `ip route add DESTINATION via NEXT_HOP dev DEVICE metric METRIC onlink`: the ledger has seen to it that the next hop is a
    /// neighbour. The kernel would look for it among the routes, and for IPv6 refuse one that another route covers more closely.
    ///
    /// Without a next hop: `ip route add DESTINATION dev DEVICE metric METRIC scope link`.
    async fn add_route(&self, index: u32, route: Route) -> Result<(), LinkError> {
        let Route { destination, next_hop, metric } = route;
        let of_one_family = "the next hop is of its destination's family";
        let to = RouteMessageBuilder::<IpAddr>::new()
            .destination_prefix(destination.first(), destination.prefix_len())
            .expect("a prefix is no longer than its family's addresses")
            .output_interface(index)
            .priority(metric);
        let (message, what) = match next_hop {
            Some(next_hop) => (
                to.gateway(next_hop).expect(of_one_family).onlink().build(),
                format!("add a route to {destination} by {next_hop}"),
            ),
            None => (
                to.scope(RouteScope::Link).build(),
                format!("add a route to the neighbours in {destination}"),
            ),
        };
        self.handle.route().add(message).execute().await.map_err(refused(what))
    }

    /// Waits for the kernel's word that packets can be sent: before it, they would be dropped in silence.
    async fn wait_until_up(&mut self, device: &IfName) -> Result<(), LinkError> {
        let deadline = time::Instant::now() + UP_TIMEOUT;
        while !is_up(&self.link(device).await?) {
            let change = time::timeout_at(deadline, self.changes.next()).await;
            change.map_err(|_| LinkError::StaysDown(device.clone()))?;
        }
        Ok(())
    }

    async fn link(&self, device: &IfName) -> Result<LinkMessage, LinkError> {
        let found = self.handle.link().get().match_name(device.as_str()).execute().try_next().await;
        let link = found.map_err(refused(format!("find {device}")))?;
        Ok(link.expect("the kernel answers with the link or with an error"))
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").finish_non_exhaustive()
    }
}

fn refused(what: impl Into<String>) -> impl FnOnce(rtnetlink::Error) -> LinkError {
    |source| LinkError::Refused { what: what.into(), source }
}

/// Checks what the host's end decides: the hardware address and the MTU.
fn check(interface: &Interface, link: &LinkMessage) -> Result<(), LinkError> {
    let differs = |what, found: String, expected: String| {
        let is_same = found == expected;
        let device = interface.device.clone();
        if is_same { Ok(()) } else { Err(LinkError::Differs { device, what, found, expected }) }
    };
    let mac = mac_of(link).map_or_else(|| "none".to_owned(), |mac| mac.to_string());
    differs("MAC", mac, interface.mac.to_string())?;
    let mtu = link
        .attributes
        .iter()
        .find_map(|attribute| if let LinkAttribute::Mtu(mtu) = attribute { Some(*mtu) } else { None });
    differs("MTU", mtu.unwrap_or_default().to_string(), interface.mtu.to_string())
}

fn mac_of(link: &LinkMessage) -> Option<MacAddr> {
    link.attributes.iter().find_map(|attribute| {
        let LinkAttribute::Address(octets) = attribute else { return None };
        <[u8; 6]>::try_from(octets.as_slice()).ok().map(MacAddr::from)
    })
}

/// The group that questions after `address` go to (RFC 4291, 2.7.1).
fn solicited_node_group(address: Ipv6Addr) -> Ipv6Addr {
    const PREFIX: u128 = 0xff02_0000_0000_0000_0000_0001_ff00_0000;
    (PREFIX | address.to_bits() & 0xff_ffff).into()
}

/// Whether the interface `index` has joined `group`, as `groups`, the text of [`GROUPS`], says.
fn has_group(groups: &str, index: u32, group: Ipv6Addr) -> bool {
    let (index, group) = (index.to_string(), format!("{:032x}", group.to_bits()));
    groups.lines().any(|line| {
        let mut words = line.split_ascii_whitespace();
        words.next() == Some(&index) && words.nth(1) == Some(&group)
    })
}

fn is_up(link: &LinkMessage) -> bool {
    link.attributes.contains(&LinkAttribute::OperState(State::Up))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_an_address_is_found_on_its_interface_only() {
        let groups = "1    lo              ff020000000000000000000000000001     1 0000000C 0\n\
                      2    eth0            ff0200000000000000000001ff000066     1 00000004 0\n";
        let group = solicited_node_group("fd00:1::66".parse().unwrap());
        assert_eq!(group, "ff02::1:ff00:66".parse::<Ipv6Addr>().unwrap());
        assert!(has_group(groups, 2, group));
        assert!(!has_group(groups, 1, group) && !has_group(groups, 2, "ff02::1".parse().unwrap()));
    }
}
