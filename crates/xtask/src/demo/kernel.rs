//! What the kernel says, whatever Lepton believes.

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

/// What Lepton's packet filters are called.
const FILTER_TABLES: &str = "lepton";

/// `ip link`
pub(super) async fn links() -> Result<Vec<Link>> {
    serde_json::from_str(&output("ip", &["-json", "link"]).await?).context("cannot read the output of ip")
}

/// How many packets the filters dropped so far: what the counters of all dropping rules add up to.
pub(super) async fn dropped_packets() -> Result<u64> {
    let ruleset = output("nft", &["--json", "list", "ruleset"]).await?;
    dropped_in(&serde_json::from_str(&ruleset).context("cannot read the output of nft")?)
}

fn dropped_in(ruleset: &Value) -> Result<u64> {
    let objects = ruleset["nftables"].as_array().context("nft printed no ruleset")?;
    let ours =
        |object: &Value| object["table"].as_str().is_some_and(|table| table.starts_with(FILTER_TABLES));
    let named = objects.iter().map(|object| &object["counter"]).filter(|counter| ours(counter));
    let named = named.filter(|counter| counter["name"].as_str().is_some_and(|name| name.contains("drop")));
    let rules = objects.iter().map(|object| &object["rule"]).filter(|rule| ours(rule));
    let expressions = rules.filter_map(|rule| rule["expr"].as_array()).filter(|expressions| {
        expressions
            .iter()
            .any(|expression| expression.as_object().is_some_and(|object| object.contains_key("drop")))
    });
    let counters: Vec<_> =
        named.chain(expressions.flatten().map(|expression| &expression["counter"])).collect();
    ensure!(!counters.is_empty(), "the packet filter counts no drops");
    Ok(counters.iter().filter_map(|counter| counter["packets"].as_u64()).sum())
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
    fn drops_are_counted_in_our_tables_only() {
        let rule = |table: &str, packets: u64, verdict: &str| json!({"rule": {"table": table, "expr": [{"counter": {"packets": packets, "bytes": 0}}, {verdict: null}]}});
        let ruleset = json!({"nftables": [
            rule("lepton", 3, "drop"),
            rule("lepton", 100, "accept"),
            rule("other", 1_000, "drop"),
            {"counter": {"table": "lepton_counters", "name": "dropped_ip4", "packets": 4}},
            {"counter": {"table": "other", "name": "dropped", "packets": 1_000}},
        ]});
        assert_eq!(dropped_in(&ruleset).unwrap(), 7);
        assert!(dropped_in(&json!({"nftables": []})).is_err());
    }
}
