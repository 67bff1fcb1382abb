//! Veth pairs: the device of a container's port, its inner end in the container's network namespace.

use std::{fs::File, os::fd::AsRawFd};

use lepton_plan::Inner;
use lepton_types::{IfName, Mtu};
use rtnetlink::{
    Handle, LinkMessageBuilder, LinkUnspec, LinkVeth,
    packet_route::link::{InfoData, InfoVeth},
};

use crate::PlugError;

use super::{
    link, mark,
    netns::{self, Namespaces},
};

/// A namespace that an inner end is to be handed over to, open until that is done, and the pair's [`alias`].
pub(super) struct Handover {
    netns: File,
    pub(super) alias: String,
}

/// Opens the namespace that the inner end is to be handed over to.
pub(super) async fn begin(namespaces: &Namespaces, inner: &Inner) -> Result<Handover, PlugError> {
    let failed = |error| PlugError::new("open", &inner.netns, &error);
    let netns = namespaces.open(&inner.netns).await.map_err(failed)?;
    let number = netns::number(&netns).map_err(failed)?;
    Ok(Handover { netns, alias: alias(inner, number) })
}

/// Makes a veth pair whose inner end begins its life in the namespace, so that its name never meets one of ours. Equals
/// `ip link add NAME mtu MTU group MAKING type veth peer name DEVICE address MAC mtu MTU netns PATH`.
pub(super) async fn create(
    handle: &Handle,
    handover: &Handover,
    name: &IfName,
    inner: &Inner,
    mtu: Mtu,
) -> Result<(), PlugError> {
    let peer = LinkMessageBuilder::<LinkUnspec>::new()
        .name(inner.device.as_str())
        .address(inner.mac.octets().to_vec())
        .mtu(mtu.into())
        .setns_by_fd(handover.netns.as_raw_fd());
    let pair = LinkMessageBuilder::<LinkVeth>::new(name.as_str(), inner.device.as_str())
        .mtu(mtu.into())
        .link_group(mark::MAKING)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer.build())));
    // Either of them may be what the kernel refuses: it does not say which.
    let ends = format!("{name} with its inner end {} in {}", inner.device, inner.netns);
    link::add(handle, &ends, pair.build()).await
}

/// What the outer end's alias says of the inner one, for people and for [`read_alias`]:
/// `lepton MAC DEVICE NUMBER NETNS`, where the number tells the namespace from others that come under its path.
fn alias(inner: &Inner, number: u64) -> String {
    format!("{}{} {} {number} {}", mark::PREFIX, inner.mac, inner.device, inner.netns)
}

/// The inner end as [`alias`] noted it, and its namespace's number; `None` when the text is not ours, or was never written.
pub(super) fn read_alias(text: &str) -> Option<(Inner, u64)> {
    let mut words = text.strip_prefix(mark::PREFIX)?.splitn(4, ' ');
    let (mac, device) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let number = words.next()?.parse().ok()?;
    Some((Inner { netns: words.next()?.parse().ok()?, device, mac }, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_read_as_it_was_written() {
        let longest = format!("/{}", "n".repeat(199));
        for netns in ["/run/netns/web1", "/run/with space/x", &longest] {
            let inner = Inner {
                netns: netns.parse().unwrap(),
                device: "a-device-of-15b".parse().unwrap(),
                mac: "fa:16:3e:11:22:33".parse().unwrap(),
            };
            let text = alias(&inner, u32::MAX.into()); // the kernel numbers namespaces with 32 bits
            assert!(text.len() < 256, "IFALIASZ: {text}");
            assert_eq!(read_alias(&text), Some((inner, u32::MAX.into())));
        }
    }

    #[test]
    fn what_others_wrote_is_not_ours() {
        for text in
            ["", "lepton", "lepton ", "lepton fa:16:3e:11:22:33 eth0", "uplink", "lepton x eth0 /run/netns/a"]
        {
            assert_eq!(read_alias(text), None, "{text:?}");
        }
    }
}
