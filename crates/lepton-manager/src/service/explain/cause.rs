//! A cause as it is told: a code and facts for programs, words for people.

use std::time::SystemTime;

use lepton_ledger::{Cause, Given, Plug, PluggedInto};
use lepton_types::Timestamp;

/// What is told of a cause. The table of codes and facts is in `explain.proto`.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) code: &'static str,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) words: String,
}

fn told<const N: usize>(code: &'static str, facts: [(&'static str, String); N], words: String) -> Told {
    Told { code, facts: facts.into(), words }
}

/// A moment as RFC 3339 has it.
fn moment(moment: Timestamp) -> String {
    prost_types::Timestamp::from(SystemTime::from(moment)).to_string()
}

fn of_network(code: &'static str, network: &PluggedInto, why: &str) -> Told {
    let words = format!("it is on network {}, {why}", network.label);
    told(code, [("network_id", network.id.to_string()), ("label", network.label.to_string())], words)
}

fn of_address(code: &'static str, given: Given, why: &str) -> Told {
    let Given { address, cidr, since } = given;
    let since = moment(since);
    let words = format!("it has {address} of {cidr} since {since}: {why}");
    told(code, [("address", address.to_string()), ("cidr", cidr.to_string()), ("since", since)], words)
}

fn of_plug(code: &'static str, plug: Plug, what: &str) -> Told {
    let Plug { host, device, bridge, revision } = plug;
    let words = format!("{device} in bridge {bridge} on host {host}: {what}");
    let (host, host_revision) = (host.to_string(), revision.to_string());
    told(
        code,
        [("host", host), ("device", device), ("bridge", bridge), ("host_revision", host_revision)],
        words,
    )
}

/// The facts that the caller may know.
fn known<const N: usize>(facts: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

impl From<Cause> for Told {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Allocated { incarnation, project, host, at } => {
                let at = moment(at);
                let words = format!(
                    "life {incarnation} of it was allocated for project {project} at {at}; its host is {host}"
                );
                let (project, host) = (project.to_string(), host.to_string());
                let facts = [
                    ("incarnation", incarnation.to_string()),
                    ("project_id", project),
                    ("host", host),
                    ("at", at),
                ];
                told("ALLOCATED", facts, words)
            }
            Cause::Moving { from, to } => {
                let words = format!("it is being moved from host {from} to host {to}, and plugged on both");
                told("MOVING", [("from", from.to_string()), ("to", to.to_string())], words)
            }
            Cause::NoNetwork { project } => {
                let words = format!(
                    "it has no vNIC: it was allocated when project {project} had no network and none was global"
                );
                told("NO_NETWORK", [("project_id", project.to_string())], words)
            }
            Cause::NetworkNamed { network } => {
                of_network("NETWORK_NAMED", &network, "which the allocation named")
            }
            Cause::NetworkOwn { network } => of_network(
                "NETWORK_OWN",
                &network,
                "which is its project's: the allocation named no networks, so it has all of the project's and all global ones",
            ),
            Cause::NetworkGlobal { network } => of_network(
                "NETWORK_GLOBAL",
                &network,
                "which is global: the allocation named no networks, so it has all of its project's and all global ones",
            ),
            Cause::NetworkFormerlyUsable { network } => of_network(
                "NETWORK_FORMERLY_USABLE",
                &network,
                "which was its project's or global when it was allocated, and is another project's now",
            ),
            Cause::OrderRequested { position, vnics } => {
                let words = format!(
                    "it is vNIC {position} of {vnics}, counted from 0, as the allocation ordered them"
                );
                told(
                    "ORDER_REQUESTED",
                    [("position", position.to_string()), ("vnics", vnics.to_string())],
                    words,
                )
            }
            Cause::OrderByPriority { position, vnics, priority } => {
                let words = format!(
                    "it is vNIC {position} of {vnics}, counted from 0: networks are in the order of their priority, the project's own \
                     before global ones, the oldest first; this one's priority is {priority} now"
                );
                let facts = [
                    ("position", position.to_string()),
                    ("vnics", vnics.to_string()),
                    ("priority", priority.to_string()),
                ];
                told("ORDER_BY_PRIORITY", facts, words)
            }
            Cause::MacFromBase { mac } => {
                let words = format!(
                    "its MAC {mac} was drawn from the configured base, since there was no range of MACs"
                );
                told("MAC_FROM_BASE", [("mac", mac.to_string())], words)
            }
            Cause::MacFromRange { mac, range } => {
                let words = format!("its MAC {mac} was drawn from the range of MACs {range}");
                told("MAC_FROM_RANGE", [("mac", mac.to_string()), ("mac_range_id", range.to_string())], words)
            }
            Cause::NoAddress => {
                let words = "it has no address: its network had no subnet, or all were taken from it";
                told("NO_ADDRESS", [], words.to_owned())
            }
            Cause::AddressAskedFor { address } => {
                of_address("ADDRESS_ASKED_FOR", address, "this very address was asked for")
            }
            Cause::AddressLowestFree { address } => of_address(
                "ADDRESS_LOWEST_FREE",
                address,
                "nobody asked for one, and it was the lowest free one of the allocation pools",
            ),
            Cause::AddressFromMac { address } => of_address(
                "ADDRESS_FROM_MAC",
                address,
                "nobody asked for one, and on this subnet it follows from the MAC (EUI-64)",
            ),
            Cause::Plugged { plug } => of_plug("PLUGGED", plug, "the host has plugged it"),
            Cause::NotReported { plug } => {
                let what = format!(
                    "the host has not said yet that it has plugged it as of revision {}",
                    plug.revision
                );
                of_plug("NOT_REPORTED", plug, &what)
            }
            Cause::NoAgent { plug } => {
                of_plug("NO_AGENT", plug, "it should be plugged, and no agent of this host was ever there")
            }
            Cause::PlugFailed { plug, error } => {
                let what = format!("the host cannot plug it, and tries again: {error}");
                let mut told = of_plug("PLUG_FAILED", plug, &what);
                told.facts.push(("error", error));
                told
            }
            Cause::NotUnplugged { plug } => of_plug(
                "NOT_UNPLUGGED",
                plug,
                "it is to go from there, and keeps its MAC and addresses until the host has said that it has unplugged it",
            ),
            Cause::AddressLeaving { address } => of_address(
                "ADDRESS_LEAVING",
                address,
                "it was taken from the port, and is free when the host has said that it lets no packet with it pass",
            ),
            Cause::Free { cidr, is_in_pool } => {
                let how = if is_in_pool {
                    "in an allocation pool"
                } else {
                    "in no allocation pool, so only for who asks for it"
                };
                let words = format!("it is free, {how} of {cidr}");
                told("FREE", [("cidr", cidr.to_string()), ("is_in_pool", is_in_pool.to_string())], words)
            }
            Cause::FreeNextHop { cidr } => {
                let words = format!("it is free, but the next hop of a route of {cidr}, so only for who asks for it");
                told("FREE_NEXT_HOP", [("cidr", cidr.to_string())], words)
            }
            Cause::KeptBySubnet { cidr, reason } => {
                let words = format!("no guest can have it: {cidr} keeps it as {reason}");
                told("KEPT_BY_SUBNET", [("cidr", cidr.to_string()), ("reason", reason)], words)
            }
            Cause::Reserved { reason, since } => {
                let since = since.map(moment);
                let what = reason.as_ref().map(|reason| format!(" for {reason:?}")).unwrap_or_default();
                let when = since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
                let words = format!("nobody gets it: an operator keeps it{what}{when}");
                Told { code: "RESERVED", facts: known([("reason", reason), ("since", since)]), words }
            }
            Cause::Resting { since, until } => {
                let (since, until) = (since.map(moment), until.map(moment));
                let when = until.as_ref().map(|until| format!(" until {until}")).unwrap_or_default();
                let words = format!(
                    "nobody has it, and it rests{when}, so that nobody gets what was meant for who had it"
                );
                Told { code: "RESTING", facts: known([("since", since), ("until", until)]), words }
            }
            Cause::HeldByPort { port, since } => {
                let since = moment(since);
                let words = format!("port {port} has it since {since}");
                told("HELD_BY_PORT", [("port_id", port.to_string()), ("since", since)], words)
            }
            Cause::HeldByAnother => told("HELD_BY_ANOTHER", [], "another project has it".to_owned()),
            Cause::Leased { mac, at, until } => {
                let (at, until) = (moment(at), moment(until));
                let words = format!("a DHCP server leased it to {mac} at {at}, until {until}");
                told("LEASED", [("mac", mac.to_string()), ("at", at), ("until", until)], words)
            }
            Cause::FloatingOf { project, pool, is_auto_assigned, at } => {
                let at = moment(at);
                let how = if is_auto_assigned { ", with its instance" } else { "" };
                let words = format!("project {project} has it as a floating IP since {at}{how}");
                let facts = [
                    ("project_id", project.to_string()),
                    ("pool_id", pool.to_string()),
                    ("is_auto_assigned", is_auto_assigned.to_string()),
                    ("at", at),
                ];
                told("FLOATING_OF", facts, words)
            }
            Cause::FloatingWithoutRouter { fixed_ip, port, since } => {
                let since = moment(since);
                let words = format!(
                    "it leads to {fixed_ip} of port {port} since {since}, but no router carries its packets: Lepton has none yet"
                );
                let facts =
                    [("fixed_ip", fixed_ip.to_string()), ("port_id", port.to_string()), ("since", since)];
                told("FLOATING_WITHOUT_ROUTER", facts, words)
            }
            Cause::FloatingLeadsNowhere => told("FLOATING_LEADS_NOWHERE", [], "it leads nowhere".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use uuid::Uuid;

    use super::*;

    /// One of each.
    fn samples() -> Vec<Cause> {
        let id = Uuid::from_u128(7);
        let since = Timestamp::from(1_794_924_000_000_000);
        let network = PluggedInto { id: id.into(), label: "blue".parse().unwrap() };
        let cidr = "10.1.0.0/24".parse().unwrap();
        let address = Given { address: [10, 1, 0, 2].into(), cidr, since };
        let host = || "node-1".parse().unwrap();
        let plug =
            || Plug { host: host(), device: "tap1".into(), bridge: "brq1".into(), revision: 17.into() };
        let mac = "fa:16:3e:00:00:01".parse().unwrap();
        let project = || "p1".parse().unwrap();
        vec![
            Cause::Allocated { incarnation: 1, project: project(), host: host(), at: since },
            Cause::Moving { from: host(), to: "node-2".parse().unwrap() },
            Cause::NoNetwork { project: project() },
            Cause::NetworkNamed { network: network.clone() },
            Cause::NetworkOwn { network: network.clone() },
            Cause::NetworkGlobal { network: network.clone() },
            Cause::NetworkFormerlyUsable { network },
            Cause::OrderRequested { position: 0, vnics: 2 },
            Cause::OrderByPriority { position: 1, vnics: 2, priority: -5 },
            Cause::MacFromBase { mac },
            Cause::MacFromRange { mac, range: id.into() },
            Cause::NoAddress,
            Cause::AddressAskedFor { address },
            Cause::AddressLowestFree { address },
            Cause::AddressFromMac { address },
            Cause::AddressLeaving { address },
            Cause::Plugged { plug: plug() },
            Cause::NotReported { plug: plug() },
            Cause::NoAgent { plug: plug() },
            Cause::PlugFailed { plug: plug(), error: "EBUSY".into() },
            Cause::NotUnplugged { plug: plug() },
            Cause::Free { cidr, is_in_pool: true },
            Cause::FreeNextHop { cidr },
            Cause::KeptBySubnet { cidr, reason: "the gateway".into() },
            Cause::Reserved { reason: Some("a printer".into()), since: Some(since) },
            Cause::Resting { since: Some(since), until: Some(since) },
            Cause::HeldByPort { port: id.into(), since },
            Cause::HeldByAnother,
            Cause::Leased { mac, at: since, until: since },
            Cause::FloatingOf { project: project(), pool: id.into(), is_auto_assigned: true, at: since },
            Cause::FloatingWithoutRouter { fixed_ip: [10, 1, 0, 2].into(), port: id.into(), since },
            Cause::FloatingLeadsNowhere,
        ]
    }

    #[test]
    fn the_manual_has_each_code_with_its_facts() {
        let proto = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto/lepton/v1/explain.proto");
        let manual = fs::read_to_string(proto).unwrap();
        let names = |cell: &str| -> BTreeSet<String> {
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let rows = manual.lines().filter_map(|line| line.strip_prefix("// | ")).skip(2);
        let documented: Vec<_> = rows
            .map(|row| {
                let cells: Vec<&str> = row.split('|').collect();
                (names(cells[1]).pop_first().unwrap(), names(cells[2]))
            })
            .collect();
        let told: Vec<Told> = samples().into_iter().map(Told::from).collect();
        let told: Vec<_> = told
            .iter()
            .map(|told| {
                let facts = told.facts.iter().map(|(name, _)| (*name).to_owned());
                (told.code.to_owned(), facts.collect::<BTreeSet<_>>())
            })
            .collect();
        assert_eq!(told, documented);
    }

    #[test]
    fn words_name_what_they_are_about() {
        const NAMED: [&str; 9] =
            ["address", "at", "bridge", "cidr", "error", "host", "mac", "reason", "since"];
        for told in samples().into_iter().map(Told::from) {
            let mut named = told.facts.iter().filter(|(name, _)| NAMED.contains(name));
            assert!(named.all(|(_, value)| told.words.contains(value)), "{told:?}");
        }
    }
}
