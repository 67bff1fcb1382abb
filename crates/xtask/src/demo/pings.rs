//! Every instance pings every other one, on every network, over both families.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use lepton_proto::v1;
use lepton_sim::KernelInstance;

use crate::table::Table;

/// Most pings that one pair sends, a second apart.
const PINGS: usize = 5;

/// An address of an instance, with the network that it is in.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) network: String,
    pub(super) address: IpAddr,
}

/// The addresses of an instance, in the order of its vNICs.
pub(super) fn places(info: &v1::NetworkInfo) -> Result<Vec<Place>> {
    let networks = info.vifs.iter().filter_map(|vif| vif.network.as_ref());
    let texts = networks.flat_map(|network| {
        let addresses = network.subnets.iter().flat_map(|subnet| &subnet.fixed_ips);
        addresses.map(|address| (network.label.clone(), address))
    });
    texts
        .map(|(network, address)| {
            let address = address.parse().with_context(|| format!("{address:?} is not an address"))?;
            Ok(Place { network, address })
        })
        .collect()
}

/// Pings from each instance to each other one; an error when a reply is missing.
pub(super) async fn all_pairs(instances: &mut [(String, KernelInstance)]) -> Result<Table> {
    let everybody: Vec<_> = instances
        .iter()
        .map(|(name, instance)| Ok((name.clone(), places(&instance.info)?)))
        .collect::<Result<_>>()?;
    let mut table = Table::new(["from", "to", "network", "source", "target", "reply after"]);
    for (name, instance) in instances {
        let own = places(&instance.info)?;
        for (other, theirs) in everybody.iter().filter(|(other, _)| other != name) {
            for (source, target) in own.iter().zip(theirs) {
                let reply = answered(first_reply(instance, source, target).await?, source, target)?;
                let (from, to) = (source.address.to_string(), target.address.to_string());
                table.row([name.clone(), other.clone(), source.network.clone(), from, to, reply]);
            }
        }
    }
    Ok(table)
}

/// How long the first echo reply took. A link that is up may still take the kernel a moment until it forwards, so a ping
/// that nobody answers within its second is sent again.
async fn first_reply(
    instance: &mut KernelInstance,
    source: &Place,
    target: &Place,
) -> Result<Option<Duration>> {
    for _ in 1..PINGS {
        if let Some(reply) = instance.guest.ping(source.address, target.address).await? {
            return Ok(Some(reply));
        }
    }
    Ok(instance.guest.ping(source.address, target.address).await?)
}

fn answered(reply: Option<Duration>, source: &Place, target: &Place) -> Result<String> {
    ensure!(reply.is_some(), "no reply from {} to {} on {}", target.address, source.address, source.network);
    Ok(format!("{} µs", reply.unwrap_or_default().as_micros()))
}
