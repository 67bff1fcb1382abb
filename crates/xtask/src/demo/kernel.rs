//! What the kernel says, whatever Lepton believes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;

/// An interface of the host, as `ip` shows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Link {
    /// Its name.
    pub(super) ifname: String,
    /// `UP`, `DOWN`, …
    pub(super) operstate: String,
    /// The bridge that it is in.
    pub(super) master: Option<String>,
    /// Largest IP packet, in bytes.
    pub(super) mtu: u32,
}

/// The table of Lepton's packet filter, and what the names of its counters of dropped packets start with.
const FILTER_TABLE: &str = "lepton";
const DROP: &str = "drop_";

/// How many packets the filter dropped so far, by the reason's name.
pub(super) type Drops = BTreeMap<String, u64>;

/// `ip link`
pub(super) async fn links() -> Result<Vec<Link>> {
    serde_json::from_str(&output("ip", &["-json", "link"]).await?).context("cannot read the output of ip")
}

/// `nft list counters`: those of dropped packets.
pub(super) async fn drops() -> Result<Drops> {
    let counters = output("nft", &["--json", "list", "counters"]).await?;
    drops_in(&serde_json::from_str(&counters).context("cannot read the output of nft")?)
}

fn drops_in(list: &Value) -> Result<Drops> {
    let objects = list["nftables"].as_array().context("nft printed no list")?;
    let counters =
        objects.iter().map(|object| &object["counter"]).filter(|counter| counter["table"] == FILTER_TABLE);
    let packets = counters.filter_map(|counter| {
        let name = counter["name"].as_str()?.strip_prefix(DROP)?;
        Some((name.to_owned(), counter["packets"].as_u64()?))
    });
    let drops: Drops = packets.collect();
    ensure!(!drops.is_empty(), "the packet filter counts no drops");
    Ok(drops)
}

async fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output().await;
    let output = output.with_context(|| format!("cannot run {program}"))?;
    ensure!(output.status.success(), "{program} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn drops_are_those_of_our_table() {
        let counter = |table: &str, name: &str, packets: u64| json!({"counter": {"family": "bridge", "table": table, "name": name, "packets": packets, "bytes": 0}});
        let list = json!({"nftables": [
            {"metainfo": {"json_schema_version": 1}},
            counter("lepton", "drop_ipv4", 3),
            counter("lepton", "passed", 100),
            counter("other", "drop_ipv4", 1_000),
        ]});
        assert_eq!(drops_in(&list).unwrap(), Drops::from([("ipv4".to_owned(), 3)]));
        assert!(drops_in(&json!({"nftables": []})).is_err());
    }
}
