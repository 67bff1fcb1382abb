//! One instance lies about who it is; the packet filter must not believe it.

use std::net::IpAddr;

use anyhow::{Context, Result, ensure};
use lepton_proto::v1;
use lepton_sim::{Forgery, KernelInstance, interfaces};
use lepton_types::MacAddr;

use super::{kernel, pings::places};
use crate::table::Table;

/// A MAC that no port has: locally administered, outside of what Lepton gives.
const FALSE_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x66];

/// A packet under a false name.
struct Lie {
    what: String,
    forgery: Forgery,
    target: IpAddr,
    /// The filter's reason to drop it.
    reason: &'static str,
}

/// `liar` sends packets to `victim` under false names; an error when one is answered, or is not counted as dropped.
pub(super) async fn is_dropped(liar: &mut KernelInstance, victim: &v1::NetworkInfo) -> Result<Table> {
    let device = interfaces(&liar.info)?.swap_remove(0).device;
    let victim_mac = victim.vifs.first().context("the target has no vNIC")?.mac_address.parse()?;
    let mut table =
        Table::new(["false name", "target", "reply", "dropped packets, as the kernel counts them"]);
    for Lie { what, forgery, target, reason } in lies(&liar.info, victim)? {
        let count =
            async || Ok::<_, anyhow::Error>(kernel::drops().await?.get(reason).copied().unwrap_or_default());
        let before = count().await?;
        let reply = liar.guest.spoof(&device, forgery, target, victim_mac).await?;
        let after = count().await?;
        ensure!(reply.is_none(), "a packet with the false {what} was answered");
        ensure!(after > before, "no packet with the false {what} was counted as dropped");
        let drops = format!("{reason}: {before} before, {after} after");
        table.row([what, target.to_string(), "none".to_owned(), drops]);
    }
    Ok(table)
}

/// On the first network: an address of nobody's of either family, and a MAC of nobody's.
fn lies(liar: &v1::NetworkInfo, victim: &v1::NetworkInfo) -> Result<Vec<Lie>> {
    let first_network = |info: &v1::NetworkInfo| {
        let places = places(info)?;
        let network = places.first().context("an instance has no address")?.network.clone();
        Ok::<_, anyhow::Error>(
            places.into_iter().filter(move |place| place.network == network).collect::<Vec<_>>(),
        )
    };
    let (own, theirs) = (first_network(liar)?, first_network(victim)?);
    let mut lies = Vec::new();
    for place in &theirs {
        let address = neighbour(place.address);
        let what = format!("address {address}");
        let reason = if address.is_ipv4() { "ipv4" } else { "ipv6" };
        lies.push(Lie { what, forgery: Forgery::Address(address), target: place.address, reason });
    }
    let (mac, source, target) = (MacAddr::from(FALSE_MAC), own[0].address, theirs[0].address);
    let what = format!("MAC {mac}");
    lies.push(Lie { what, forgery: Forgery::Mac { mac, source }, target, reason: "mac" });
    Ok(lies)
}

/// Another address in the same subnet, far from those that are given out: its lowest byte is turned over.
fn neighbour(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4((u32::from(address) ^ 0xc0).into()),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) ^ 0xc0).into()),
    }
}
