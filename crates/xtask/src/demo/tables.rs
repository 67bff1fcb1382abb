//! What exists, by Lepton's word and by the kernel's.

use anyhow::{Context, Result, ensure};
use lepton_proto::v1::{self, PortStatus};

use super::kernel::Link;
use crate::table::Table;

/// A row for each vNIC: what GetInstanceNwInfo says, and what the kernel has; an error where they differ.
pub(super) fn existing(instances: &[(String, v1::NetworkInfo)], links: &[Link]) -> Result<Table> {
    let mut table =
        Table::new(["instance", "vNIC", "MAC", "addresses", "device", "bridge", "MTU", "status", "kernel"]);
    for (name, info) in instances {
        for (position, vif) in info.vifs.iter().enumerate() {
            let network = vif.network.as_ref().context("a vNIC without a network")?;
            let link = links.iter().find(|link| link.ifname == vif.device);
            let link = link.with_context(|| format!("the kernel has no {}", vif.device))?;
            agrees(link, network)?;
            let status = vif.status();
            ensure!(
                status == PortStatus::Active,
                "{} is {}: {}",
                vif.device,
                status.as_str_name(),
                vif.error
            );
            table.row([
                name.clone(),
                format!("{position} {}", network.label),
                vif.mac_address.clone(),
                addresses(network).join(" "),
                vif.device.clone(),
                network.bridge.clone(),
                network.mtu.to_string(),
                status.as_str_name().trim_start_matches("PORT_STATUS_").to_owned(),
                format!("{} in {}", link.operstate, link.master.as_deref().unwrap_or("no bridge")),
            ]);
        }
    }
    Ok(table)
}

/// Checks what the kernel has against what Lepton says.
fn agrees(link: &Link, network: &v1::VifNetwork) -> Result<()> {
    let Link { ifname, operstate, master, mtu } = link;
    ensure!(
        master.as_deref() == Some(&network.bridge),
        "{ifname} is in {master:?} and not in {}",
        network.bridge
    );
    ensure!(*mtu == network.mtu, "{ifname} has MTU {mtu} and not {}", network.mtu);
    ensure!(operstate == "UP", "{ifname} is {operstate}");
    Ok(())
}

/// The addresses of a vNIC, IPv4 before IPv6.
pub(super) fn addresses(network: &v1::VifNetwork) -> Vec<&str> {
    network.subnets.iter().flat_map(|subnet| &subnet.fixed_ips).map(String::as_str).collect()
}
