//! What hosts hear and say, decided over views in memory.

use std::time::Duration;

use lepton_ipam::SubnetSpec;
use lepton_types::{HostChanges, HostReport, Port, PortId, PortReport, PortStatus, Revision, Timestamp};

use super::*;
use crate::{
    FixedIp, Holder, Key, SweepQuarantine, View,
    example::{
        NOW, allocation, changes, deallocation, decided, empty, host, loaded, made, missing, network,
        unloaded, with_network,
    },
};

fn unplugged(ports: &[PortId]) -> ReportHost {
    ReportHost { host: host(), report: HostReport { unplugged: ports.to_vec(), ..HostReport::default() } }
}

fn feed(ledger: &mut View, after: Option<u64>) -> HostChanges {
    decided(ledger, &HostFeed { host: host(), after: after.map(Revision::from) }).unwrap()
}

#[test]
fn b24_an_unplugged_port_ends_and_its_addresses_are_free() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let ports = decided(&mut ledger, &deallocation(1)).unwrap().ports;
    let before = ledger.changes().len();
    decided(&mut ledger, &unplugged(&[ports[0], ports[0]])).unwrap();
    let mut ended = changes(&ledger, before);
    ended.sort_unstable();
    assert_eq!(ended, ["-fixed_ip", "-fixed_ip", "-port", "~block"]);
    let before = ledger.changes().len();
    decided(&mut ledger, &unplugged(&ports)).unwrap();
    assert_eq!(changes(&ledger, before), [""; 0], "once is enough");
}

#[test]
fn quarantine_begins_when_the_host_has_unplugged() {
    let mut ledger = empty();
    let quarantine = Duration::from_secs(60);
    let spec = SubnetSpec { quarantine, ..SubnetSpec::new("10.1.0.0/24".parse().unwrap()) };
    made(&mut ledger, crate::NetworkSpec { subnets: vec![spec], ..network("resting", &[]) });
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let ports = decided(&mut ledger, &deallocation(1)).unwrap().ports;
    let before = ledger.changes().len();
    decided(&mut ledger, &unplugged(&ports)).unwrap();
    assert_eq!(changes(&ledger, before), ["~fixed_ip", "-port"]);
    let until = Timestamp::from(NOW).after(quarantine);
    assert_eq!(ledger.rows::<FixedIp>().next().unwrap().holder, Holder::Quarantine(until));

    ledger.keep();
    ledger.restart(until.before(Duration::from_micros(1)), [8; 32]);
    assert_eq!(decided(&mut ledger, &SweepQuarantine), Ok(0));
    ledger.restart(until, [8; 32]);
    assert_eq!(decided(&mut ledger, &SweepQuarantine), Ok(1));
    assert_eq!(changes(&ledger, 0), ["~block", "-fixed_ip"]);
}

#[test]
fn of_a_port_that_is_not_released_or_another_hosts_a_report_proves_nothing() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    let port = decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].id;
    let before = ledger.changes().len();
    decided(&mut ledger, &unplugged(&[port])).unwrap();
    decided(&mut ledger, &deallocation(1)).unwrap();
    let stranger = ReportHost { host: "host-2".parse().unwrap(), ..unplugged(&[port]) };
    decided(&mut ledger, &stranger).unwrap();
    let status = PortReport { id: port, status: PortStatus::Active, filtered_at: None };
    let report = HostReport { ports: vec![status], ..HostReport::default() };
    decided(&mut ledger, &ReportHost { host: host(), report }).unwrap();
    assert_eq!(changes(&ledger, before), ["~host", "~port", "-instance"], "the deallocation's");
}

#[test]
fn a_feed_is_complete_or_what_changed() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    assert!(feed(&mut ledger, None).is_complete);
    let first = decided(&mut ledger, &allocation(1, vec![])).unwrap().vifs[0].id;
    let second = decided(&mut ledger, &allocation(2, vec![])).unwrap().vifs[0].id;
    decided(&mut ledger, &deallocation(1)).unwrap();
    let ids = |changes: &HostChanges| changes.ports.iter().map(|port| port.id).collect::<Vec<_>>();
    let all = feed(&mut ledger, None);
    assert_eq!(
        (all.is_complete, all.revision.number(), ids(&all), &all.released),
        (true, 3, vec![second], &vec![first])
    );
    let news = feed(&mut ledger, Some(2));
    assert_eq!((news.is_complete, ids(&news), &news.released), (false, vec![], &vec![first]));
    assert_eq!(feed(&mut ledger, Some(3)), HostChanges { revision: 3.into(), ..HostChanges::default() });
    assert!(feed(&mut ledger, Some(4)).is_complete, "a host from before a restored backup gets everything");
}

#[test]
fn whether_there_is_news_is_one_row() {
    let (mut whole, _) = with_network(&["10.1.0.0/24"]);
    decided(&mut whole, &allocation(1, vec![])).unwrap();
    let (mut ledger, question) = (unloaded(), HostRevision { host: host() });
    let keys = missing(&mut ledger, &question);
    assert_eq!(keys, [Key::Host(host())]);
    whole.rows::<crate::Host>().for_each(|row| ledger.load(row.clone()));
    loaded(&mut ledger, keys);
    assert_eq!(decided(&mut ledger, &question).unwrap(), feed(&mut whole, None).revision);
}

#[test]
fn a_report_misses_ports_then_subnets_then_blocks() {
    let (mut whole, made) = with_network(&["10.1.0.0/24"]);
    decided(&mut whole, &allocation(1, vec![])).unwrap();
    let ports = decided(&mut whole, &deallocation(1)).unwrap().ports;
    let (mut ledger, command) = (unloaded(), unplugged(&ports));
    let keys = missing(&mut ledger, &command);
    assert_eq!(keys, [Key::Port(ports[0])]);
    whole.rows::<Port>().for_each(|row| ledger.load(row.clone()));
    whole.rows::<FixedIp>().for_each(|row| ledger.load(row.clone()));
    loaded(&mut ledger, keys);
    let subnet = &made.subnets[0];
    let keys = missing(&mut ledger, &command);
    assert_eq!(keys, [Key::Subnet(subnet.id), Key::Quota("p1".parse().unwrap())]);
    ledger.load(subnet.clone());
    loaded(&mut ledger, keys);
    let keys = missing(&mut ledger, &command);
    assert_eq!(keys, [Key::Block(subnet.id, "10.1.0.0".parse().unwrap())]);
    whole.rows::<crate::Block>().for_each(|row| ledger.load(row.clone()));
    loaded(&mut ledger, keys);
    decided(&mut ledger, &command).unwrap();
}
