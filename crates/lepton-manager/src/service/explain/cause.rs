//! A cause as it is told: a code and facts for programs, words for people. What is told of each is in a file of what it explains.

mod address;
mod fixed_ip;
mod floating_ip;
mod instance;
mod plug;
mod vnic;

use lepton_ledger::Cause;
use lepton_proto::timestamp;
use lepton_types::Timestamp;

/// What is told of a cause. The table of codes and facts is in `explain.proto`.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) code: &'static str,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) words: String,
}

impl From<Cause> for Told {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Allocated { incarnation, project, host, at } => {
                instance::allocated(incarnation, &project, &host, at)
            }
            Cause::Moving { from, to } => instance::moving(&from, &to),
            Cause::NoNetwork { project } => instance::no_network(&project),
            Cause::NetworkNamed { network } => vnic::network_named(&network),
            Cause::NetworkOwn { network } => vnic::network_own(&network),
            Cause::NetworkGlobal { network } => vnic::network_global(&network),
            Cause::NetworkFormerlyUsable { network } => vnic::network_formerly_usable(&network),
            Cause::OrderRequested { position, vnics } => vnic::order_requested(position, vnics),
            Cause::OrderByPriority { position, vnics, priority } => {
                vnic::order_by_priority(position, vnics, priority)
            }
            Cause::MacFromBase { mac } => vnic::mac_from_base(mac),
            Cause::MacFromRange { mac, range } => vnic::mac_from_range(mac, range),
            Cause::NoAddress => address::none(),
            Cause::AddressAskedFor { address } => address::asked_for(address),
            Cause::AddressLowestFree { address } => address::lowest_free(address),
            Cause::AddressFromMac { address } => address::from_mac(address),
            Cause::AddressFromAccount { address } => address::from_account(address),
            Cause::AddressLeaving { address } => address::leaving(address),
            Cause::Plugged { plug } => plug::plugged(plug),
            Cause::NotReported { plug } => plug::not_reported(plug),
            Cause::NoAgent { plug } => plug::no_agent(plug),
            Cause::PlugFailed { plug, error } => plug::failed(plug, error),
            Cause::NotUnplugged { plug } => plug::not_unplugged(plug),
            Cause::Free { cidr, is_in_pool } => fixed_ip::free(cidr, is_in_pool),
            Cause::FreeNextHop { cidr } => fixed_ip::free_next_hop(cidr),
            Cause::KeptBySubnet { cidr, reason } => fixed_ip::kept_by_subnet(cidr, reason),
            Cause::Reserved { reason, since } => fixed_ip::reserved(reason, since),
            Cause::Resting { since, until } => fixed_ip::resting(since, until),
            Cause::HeldByPort { port, since } => fixed_ip::held_by_port(port, since),
            Cause::HeldByAnother => fixed_ip::held_by_another(),
            Cause::Leased { mac, at, until } => fixed_ip::leased(mac, at, until),
            Cause::FloatingOf { project, pool, is_auto_assigned, at } => {
                floating_ip::of_project(&project, pool, is_auto_assigned, at)
            }
            Cause::FloatingWithoutRouter { fixed_ip, port, since } => {
                floating_ip::without_router(fixed_ip, port, since)
            }
            Cause::FloatingLeadsNowhere => floating_ip::leads_nowhere(),
        }
    }
}

fn told<const N: usize>(code: &'static str, facts: [(&'static str, String); N], words: String) -> Told {
    Told { code, facts: facts.into(), words }
}

/// A moment as RFC 3339 has it.
fn moment(moment: Timestamp) -> String {
    timestamp(moment).to_string()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use lepton_ledger::{Given, Plug, PluggedInto};
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
            Cause::AddressFromAccount { address },
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
