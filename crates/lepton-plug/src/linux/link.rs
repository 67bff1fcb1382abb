//! Links: what every kind of device has in common, in our nouns. Attribute lists never leave this module's neighbours.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kernel's lists of attributes, kinds and errors are open"
)]

use futures_util::{StreamExt, TryStreamExt, future::join_all};
use lepton_plan::Role;
use lepton_types::{IfName, Mtu};
use rand::{RngExt, rand_core::UnwrapErr, rngs::SysRng};
use rtnetlink::{
    Error, Handle, LinkMessageBuilder, LinkUnspec,
    packet_core::{ErrorMessage, NlasIterator},
    packet_route::{
        AddressFamily,
        link::{
            AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoBridgePort, InfoKind, LinkAttribute,
            LinkExtentMask, LinkFlags, LinkInfo, LinkMessage, State,
        },
    },
};

use crate::PlugError;

use super::{bridge, mark, port, tap};

/// A link as the kernel describes it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) name: IfName,
    pub(super) index: u32,
    pub(super) master: Option<u32>,
    pub(super) mtu: Mtu,
    pub(super) is_up: bool,
    pub(super) kind: LinkKind,
    /// A text that only people read, and we.
    pub(super) alias: Option<String>,
    /// The number that its makers, or whoever has to do with many links at once, gave it.
    pub(super) group: u32,
    /// Whether a tap stays when nobody has it open.
    pub(super) is_persistent: bool,
    /// Whether a bridge only forwards.
    pub(super) is_plain: bool,
    /// What a bridge does not do for this link as for one that was just plugged in, as it should be.
    pub(super) wrong_as_port: Vec<InfoBridgePort>,
}

/// The kinds of device that we make, and the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkKind {
    Bridge,
    Tap,
    Veth,
    Other,
}

/// Every link in the namespace (`ip link show`). About 20 µs a link.
pub(super) async fn list(handle: &Handle) -> Result<Vec<Link>, PlugError> {
    let request = handle.link().get().set_filter_mask(AddressFamily::Unspec, vec![LinkExtentMask::SkipStats]);
    let links = request.execute().try_filter_map(async |message| Ok(Link::parse(&message)));
    links.try_collect().await.map_err(|error| failed("list", "links", &error))
}

/// One link, if it is there (`ip link show dev NAME`).
pub(super) async fn find(handle: &Handle, name: &IfName) -> Result<Option<Link>, PlugError> {
    let request = handle.link().get().match_name(name.as_str());
    let request = request.set_filter_mask(AddressFamily::Unspec, vec![LinkExtentMask::SkipStats]);
    match std::pin::pin!(request.execute()).next().await {
        Some(Ok(message)) => Ok(Link::parse(&message)),
        Some(Err(error)) if is_absent(&error) => Ok(None),
        Some(Err(error)) => Err(failed("look at", name, &error)),
        None => Ok(None),
    }
}

/// Makes a link (`ip link add …`). That it is there already is a failure; the next observation sees what is there.
pub(super) async fn add(
    handle: &Handle,
    name: &(impl ToString + ?Sized),
    message: LinkMessage,
) -> Result<(), PlugError> {
    handle.link().add(message).execute().await.map_err(|error| failed("create", name, &error))
}

/// Changes a link (`ip link set dev NAME …`).
pub(super) async fn set(
    handle: &Handle,
    name: &IfName,
    change: LinkMessageBuilder<LinkUnspec>,
    operation: &'static str,
) -> Result<(), PlugError> {
    request(handle, change).await.map_err(|error| failed(operation, name, &error))
}

/// Changes what only links of its kind have (`ip link set dev NAME type KIND …`).
pub(super) async fn set_options<T>(
    handle: &Handle,
    name: &IfName,
    change: LinkMessageBuilder<T>,
) -> Result<(), PlugError> {
    request(handle, change).await.map_err(|error| failed("set up", name, &error))
}

/// Gives a link this name, and leaves it down: not every kernel renames a link that is up. Equals
/// `ip link set dev … down` and `ip link set dev … name NAME`.
pub(super) async fn rename(handle: &Handle, index: u32, name: &IfName) -> Result<(), PlugError> {
    let down = LinkUnspec::new_with_index(index).down();
    request(handle, down).await.map_err(|error| failed("rename", name, &error))?;
    let renamed = LinkUnspec::new_with_index(index).name(name.as_str());
    request(handle, renamed).await.map_err(|error| failed("rename", name, &error))
}

/// Begins a change of the link called `name`.
pub(super) fn change(name: &IfName) -> LinkMessageBuilder<LinkUnspec> {
    LinkUnspec::new_with_name(name.as_str())
}

/// Gives a link its MTU and our mark, and keeps the kernel from giving the host an address on a tenant's network. Equals
/// `ip link set dev NAME addrgenmode none mtu MTU alias ALIAS group GROUP`.
///
/// To be done before the link is set up; in one request the kernel would set it up before it takes away its addresses. A
/// link that has no IPv6, because its MTU is below [`Mtu::MIN_IPV6`] or the kernel has none, is set down: with a larger MTU
/// it gets IPv6 anew, and with that an address at once if it is up.
pub(super) async fn configure(
    handle: &Handle,
    name: &IfName,
    mtu: Mtu,
    alias: &str,
) -> Result<(), PlugError> {
    const OPERATION: &str = "set the MTU of";
    let marked = || mark::set(change(name).mtu(mtu.into()), alias);
    if mtu < Mtu::MIN_IPV6 {
        return set(handle, name, marked(), OPERATION).await; // the kernel takes IPv6 and its addresses off the link
    }
    match request(handle, without_addresses(marked())).await {
        Err(error) if lacks_ipv6(&error) => {}
        done => return done.map_err(|error| failed(OPERATION, name, &error)),
    }
    set(handle, name, change(name).down(), OPERATION).await?;
    set(handle, name, marked(), OPERATION).await?;
    match request(handle, without_addresses(change(name))).await {
        Err(error) if !lacks_ipv6(&error) => Err(failed(OPERATION, name, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// `ip link set dev NAME addrgenmode none`
fn without_addresses(change: LinkMessageBuilder<LinkUnspec>) -> LinkMessageBuilder<LinkUnspec> {
    let none = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    change.append_extra_attribute(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![none])]))
}

async fn request<T>(handle: &Handle, change: LinkMessageBuilder<T>) -> Result<(), Error> {
    handle.link().change(change.build()).execute().await
}

/// Deletes links (`ip link del dev NAME`), all of them in one request where there are several: an RCU grace period of
/// 16 ms is waited for once, not once each. Answers with one outcome each; what is gone already counts as deleted.
pub(super) async fn delete(handle: &Handle, names: &[&IfName]) -> Vec<Result<(), PlugError>> {
    if names.len() < 2 {
        return join_all(names.iter().map(|name| delete_one(handle, name))).await;
    }
    // A number that nobody else uses: a foreign device in the group would be deleted with ours, and so would be one of
    // ours that an earlier, broken deletion had left in it.
    let group = UnwrapErr(SysRng).random_range(mark::DELETING); // Linux has getrandom(2) since 3.17
    let left = join_all(names.iter().map(|name| change_group(handle, name, group))).await;
    match delete_group(handle, group).await {
        Ok(()) => left.into_iter().map(|left| left.map(drop)).collect(),
        // One of them cannot be deleted, or not in a group; which one shows when each is tried.
        Err(_) => {
            join_all(
                names
                    .iter()
                    .zip(left)
                    .map(|(name, left)| delete_or_return(handle, name, left.ok().flatten())),
            )
            .await
        }
    }
}

/// Deletes a link; one that cannot be deleted goes back to the group that it has left.
async fn delete_or_return(handle: &Handle, name: &IfName, left: Option<u32>) -> Result<(), PlugError> {
    let outcome = delete_one(handle, name).await;
    if let (Err(_), Some(group)) = (&outcome, left) {
        // Where this fails too, the next look at the host sees it.
        let _ = change_group(handle, name, group).await;
    }
    outcome
}

async fn delete_one(handle: &Handle, name: &IfName) -> Result<(), PlugError> {
    match handle.link().del_with_message(change(name).build()).execute().await {
        Err(error) if !is_absent(&error) => Err(failed("delete", name, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// `ip link set dev NAME group GROUP`. Answers with the group that it was in; none where there is no such link.
async fn change_group(handle: &Handle, name: &IfName, group: u32) -> Result<Option<u32>, PlugError> {
    let Some(before) = find(handle, name).await? else { return Ok(None) };
    match handle.link().change(change(name).link_group(group).build()).execute().await {
        Err(error) if !is_absent(&error) => Err(failed("delete", name, &error)),
        Ok(()) | Err(_) => Ok(Some(before.group)),
    }
}

/// `ip link del group GROUP`.
async fn delete_group(handle: &Handle, group: u32) -> Result<(), Error> {
    let message = LinkMessageBuilder::<LinkUnspec>::new().link_group(group).build();
    match handle.link().del_with_message(message).execute().await {
        Err(error) if !is_absent(&error) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Link {
    /// `None` for a link whose name is not one that we could give.
    fn parse(message: &LinkMessage) -> Option<Self> {
        let mut link = Self {
            name: name_of(message)?,
            index: message.header.index,
            master: None,
            mtu: Mtu::ETHERNET,
            is_up: message.header.flags.contains(LinkFlags::Up),
            kind: LinkKind::Other,
            alias: None,
            group: 0,
            is_persistent: false,
            is_plain: false,
            wrong_as_port: Vec::new(),
        };
        // As the bridge has it, which learns of a carrier later than the device.
        let is_working = message
            .attributes
            .iter()
            .any(|attribute| matches!(attribute, LinkAttribute::OperState(State::Up | State::Unknown)));
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::Controller(index) => link.master = Some(*index),
                // Bridges, taps and veths cannot leave these bounds, and the MTU of other kinds matters to nobody here.
                LinkAttribute::Mtu(bytes) => link.mtu = Mtu::try_from(*bytes).unwrap_or_default(),
                LinkAttribute::IfAlias(alias) => link.alias = Some(alias.clone()),
                LinkAttribute::Group(group) => link.group = *group,
                LinkAttribute::LinkInfo(infos) => {
                    link.kind = LinkKind::parse(infos);
                    link.is_persistent = infos.iter().any(tap::is_persistent);
                    link.is_plain = infos.iter().any(bridge::is_plain);
                    link.wrong_as_port = port::wrong(infos, is_working);
                }
                _ => {}
            }
        }
        Some(link)
    }

    /// What the link is for, if it bears one of our names.
    pub(super) fn role(&self) -> Option<Role> {
        Role::of(&self.name)
    }

    /// Whether it bears our mark.
    pub(super) fn is_marked(&self) -> bool {
        mark::is_on(self.alias.as_deref(), self.group)
    }
}

/// The name in a link message, if it is one that we could give.
pub(super) fn name_of(message: &LinkMessage) -> Option<IfName> {
    message.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => name.parse().ok(),
        _ => None,
    })
}

impl LinkKind {
    fn parse(infos: &[LinkInfo]) -> Self {
        let kind = infos.iter().find_map(|info| match info {
            LinkInfo::Kind(kind) => Some(kind),
            _ => None,
        });
        match kind {
            Some(InfoKind::Bridge) => Self::Bridge,
            Some(InfoKind::Veth) => Self::Veth,
            Some(InfoKind::Tun) if infos.iter().any(tap::is_tap) => Self::Tap,
            _ => Self::Other,
        }
    }
}

// ---- what kernel errors mean

/// Whether the kernel says that there is no such device: success for who deletes it.
fn is_absent(error: &Error) -> bool {
    /// Linux `ENODEV`: "No such device".
    const ENODEV: i32 = 19;
    matches!(error, Error::NetlinkError(message) if message.raw_code() == -ENODEV)
}

/// Whether the kernel says that the link, or the kernel itself, has no IPv6 to be set up.
fn lacks_ipv6(error: &Error) -> bool {
    /// Linux `EAFNOSUPPORT`: "Address family not supported by protocol".
    const EAFNOSUPPORT: i32 = 97;
    matches!(error, Error::NetlinkError(message) if message.raw_code() == -EAFNOSUPPORT)
}

/// An operation on a link that failed, in the kernel's own words.
fn failed(operation: &'static str, subject: &(impl ToString + ?Sized), error: &Error) -> PlugError {
    let words = match error {
        Error::NetlinkError(message) => words(message),
        _ => error.to_string(),
    };
    PlugError::new(operation, subject, &words)
}

/// The error's name and, where the kernel gives one, its explanation.
fn words(message: &ErrorMessage) -> String {
    /// Length of the request's header, which comes before the attributes (Linux `struct nlmsghdr`), in bytes.
    const HEADER: usize = 16;
    /// Linux `NLMSGERR_ATTR_MSG`: the explanation, a text that ends with a zero byte.
    const EXPLANATION: u16 = 1;
    let attributes = message.header.get(HEADER..).unwrap_or_default();
    let explanation = NlasIterator::new(attributes)
        .filter_map(Result::ok)
        .find(|attribute| attribute.kind() == EXPLANATION)
        .map(|attribute| String::from_utf8_lossy(attribute.value()).trim_end_matches('\0').to_owned());
    match explanation {
        Some(explanation) => format!("{}: {explanation}", message.to_io()),
        None => message.to_io().to_string(),
    }
}
