//! The interfaces of the namespace that this process is in, over rtnetlink.

use std::{fmt, io, net::IpAddr, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use lepton_types::{IfName, MacAddr};
use rtnetlink::{
    Handle, LinkUnspec, MulticastGroup, RouteMessageBuilder, new_multicast_connection,
    packet_route::{
        address::{AddressHeaderFlags, AddressMessage},
        link::{LinkAttribute, LinkMessage, State},
        neighbour::NeighbourMessage,
    },
};
use tokio::{task::JoinSet, time};

use super::{Address, Interface};

/// Longest that the kernel may take to bring an interface up whose other end is up.
const UP_TIMEOUT: Duration = Duration::from_secs(5);

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
}

/// The interfaces of the namespace that this process is in.
pub(crate) struct Links {
    handle: Handle,
    /// An item for each change of an interface; when many come at once, one look answers for all.
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
        let (connection, handle, news) = new_multicast_connection(&[MulticastGroup::Link])?;
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
        let up = LinkUnspec::new_with_index(index).up().build();
        self.handle.link().set(up).execute().await.map_err(refused(format!("bring {device} up")))?;
        self.wait_until_up(device).await?;
        for address in &interface.addresses {
            self.add_address(index, *address).await?;
        }
        for gateway in &interface.gateways {
            self.add_default_route(index, *gateway, interface.metric).await?;
        }
        Ok(())
    }

    /// `ip address add ADDRESS dev DEVICE nodad; ip neighbour replace TARGET lladdr MAC dev DEVICE nud permanent`
    pub(crate) async fn forge_address(
        &self,
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
    async fn add_address(&self, index: u32, address: Address) -> Result<AddressMessage, LinkError> {
        let Address { address, prefix_len } = address;
        let mut add = self.handle.address().add(index, address, prefix_len);
        if address.is_ipv6() {
            add.message_mut().header.flags = AddressHeaderFlags::Nodad;
        }
        let message = add.message_mut().clone();
        add.execute().await.map_err(refused(format!("add address {address}/{prefix_len}")))?;
        Ok(message)
    }

    /// `ip route add default via GATEWAY dev DEVICE metric METRIC`
    async fn add_default_route(&self, index: u32, gateway: IpAddr, metric: u32) -> Result<(), LinkError> {
        let route = match gateway {
            IpAddr::V4(gateway) => RouteMessageBuilder::<std::net::Ipv4Addr>::new()
                .gateway(gateway)
                .output_interface(index)
                .priority(metric)
                .build(),
            IpAddr::V6(gateway) => RouteMessageBuilder::<std::net::Ipv6Addr>::new()
                .gateway(gateway)
                .output_interface(index)
                .priority(metric)
                .build(),
        };
        let added = self.handle.route().add(route).execute().await;
        added.map_err(refused(format!("add a default route by {gateway}")))
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

fn is_up(link: &LinkMessage) -> bool {
    link.attributes.contains(&LinkAttribute::OperState(State::Up))
}
