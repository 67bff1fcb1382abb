//! Ledgers and requests for the tests of commands.

use std::net::IpAddr;

use lepton_ipam::{MacBase, SubnetSpec};
use lepton_types::{HostId, InstanceId, MacAddr, Mtu, NetworkId, NetworkInfo, Revision, Subnet, Timestamp};
use lepton_vnic::RequestedNetwork;
use uuid::Uuid;

use crate::{
    AllocateForInstance, BindingRequest, Change, Command, CreateNetworks, DeallocateForInstance, Host, Key,
    Naming, NetworkSpec, NetworkWithSubnets, Refusal, Row, RowChange, Scope, Stop, View,
};

/// The moment at which the examples' time starts, in microseconds.
pub(crate) const NOW: i64 = 1_000_000_000;

/// The hosts of the examples, whose agents have been there.
const HOSTS: [&str; 5] = ["host-1", "host-2", "a", "b", "c"];

/// A ledger with nothing in it, all in memory: no agent has been there yet.
pub(crate) fn without_agents() -> View {
    View::complete(Timestamp::from(NOW), [7; 32])
}

/// A ledger with nothing in it but hosts, all in memory.
pub(crate) fn empty() -> View {
    let mut ledger = without_agents();
    for host in HOSTS {
        let id = host.parse().expect("printable ASCII is a host");
        ledger.load(Host { id, revision: Revision::default(), is_registered: true });
    }
    ledger
}

/// A view into which nothing has been loaded yet, of a store that holds no ranges of MACs.
pub(crate) fn unloaded() -> View {
    let mut view = View::partial(Timestamp::from(NOW), [7; 32]);
    view.note_mac_ranges(false);
    view
}

/// A global network with the default subnets of some prefixes.
pub(crate) fn network(label: &str, cidrs: &[&str]) -> NetworkSpec {
    let subnets =
        cidrs.iter().map(|cidr| SubnetSpec::new(cidr.parse().expect("the test names a prefix"))).collect();
    NetworkSpec {
        label: label.parse().expect("the test names a label"),
        project: None,
        priority: 0,
        mtu: Mtu::ETHERNET,
        subnets,
        host: None,
        is_injected: false,
        made_before: None,
    }
}

/// Makes a network.
pub(crate) fn made(ledger: &mut View, spec: NetworkSpec) -> NetworkWithSubnets {
    decided(ledger, &CreateNetworks { networks: vec![spec], scope: Scope::Everything })
        .expect("nothing is wrong with it")
        .remove(0)
}

/// A ledger with one global network.
pub(crate) fn with_network(cidrs: &[&str]) -> (View, NetworkWithSubnets) {
    let mut ledger = empty();
    let network = made(&mut ledger, network("private", cidrs));
    (ledger, network)
}

/// Decides a command that lacks nothing, and keeps what it changes.
pub(crate) fn decided<C: Command>(ledger: &mut View, command: &C) -> Result<C::Answer, Refusal> {
    let number = ledger.changes().len();
    match ledger.attempt(number, |ledger| command.decide(ledger)) {
        Ok(answer) => Ok(answer),
        Err(Stop::Refused(refusal)) => Err(refusal),
        Err(stop) => panic!("{stop:?}, misses {:?}", ledger.take_missing()),
    }
}

/// What a command that cannot be decided yet lacks.
pub(crate) fn missing<C: Command>(ledger: &mut View, command: &C) -> Vec<Key> {
    let outcome = ledger.attempt(0, |ledger| {
        ledger.need(command.keys())?;
        command.decide(ledger).map(drop)
    });
    assert_eq!(outcome, Err(Stop::Missing));
    assert_eq!(ledger.changes(), [], "who stops has changed nothing");
    ledger.take_missing()
}

/// Says that keys are loaded.
pub(crate) fn loaded(ledger: &mut View, keys: Vec<Key>) {
    for key in keys {
        ledger.mark_loaded(key);
    }
}

/// The changes since the `from`th, as short words. What is counted against quotas is left to the tests of those.
pub(crate) fn changes(ledger: &View, from: usize) -> Vec<&'static str> {
    let changes = ledger.changes()[from..].iter();
    changes.filter(|change| !matches!(change, Change::Quota(_))).map(word).collect()
}

fn word(change: &Change) -> &'static str {
    fn of<R: Row>(words: [&'static str; 3], change: &RowChange<R>) -> &'static str {
        match (&change.before, &change.after) {
            (None, _) => words[0],
            (Some(_), Some(_)) => words[1],
            (Some(_), None) => words[2],
        }
    }
    match change {
        Change::Network(change) => of(["+network", "~network", "-network"], change),
        Change::Subnet(change) => of(["+subnet", "~subnet", "-subnet"], change),
        Change::Frontier(change) => of(["+frontier", "~frontier", "-frontier"], change),
        Change::Block(change) => of(["+block", "~block", "-block"], change),
        Change::Instance(change) => of(["+instance", "~instance", "-instance"], change),
        Change::Port(change) => of(["+port", "~port", "-port"], change),
        Change::FixedIp(change) => of(["+fixed_ip", "~fixed_ip", "-fixed_ip"], change),
        Change::FloatingRange(change) => of(["+range", "~range", "-range"], change),
        Change::FloatingIp(change) => of(["+floating", "~floating", "-floating"], change),
        Change::Host(change) => of(["+host", "~host", "-host"], change),
        Change::DnsDomain(change) => of(["+domain", "~domain", "-domain"], change),
        Change::DnsEntry(change) => of(["+entry", "~entry", "-entry"], change),
        Change::PendingUnplug(change) => of(["+unplug", "~unplug", "-unplug"], change),
        Change::MacRange(change) => of(["+mac_range", "~mac_range", "-mac_range"], change),
        Change::FreeMac(change) => of(["+free_mac", "~free_mac", "-free_mac"], change),
        Change::Quota(change) | Change::RecountedQuota(change) => of(["+quota", "~quota", "-quota"], change),
        Change::RequestRecord(change) => of(["+request", "~request", "-request"], change),
        Change::RecountedBlock(_) => "~block",
        Change::Journal(_) => "+journal",
    }
}

pub(crate) fn host() -> HostId {
    "host-1".parse().expect("printable ASCII is a host")
}

pub(crate) fn instance(number: u128) -> InstanceId {
    Uuid::from_u128(number).into()
}

/// An allocation for an instance of project `p1` on `host-1`.
pub(crate) fn allocation(number: u128, networks: Vec<RequestedNetwork>) -> AllocateForInstance {
    AllocateForInstance {
        instance: instance(number),
        project: "p1".parse().expect("printable ASCII is a project"),
        host: Some(host()),
        networks,
        allow_duplicate_networks: false,
        binding: BindingRequest::Tap,
        own_host: None,
        only_known_hosts: false,
        only_on: None,
        mac_base: MacBase::default(),
        naming: Naming::default(),
        floating_pool: None,
    }
}

pub(crate) fn deallocation(number: u128) -> DeallocateForInstance {
    DeallocateForInstance { instance: instance(number), incarnation: None, only_on: None }
}

pub(crate) fn requested(network: NetworkId, fixed_ips: &[&str]) -> RequestedNetwork {
    RequestedNetwork {
        network,
        fixed_ips: fixed_ips.iter().map(|ip| ip.parse().expect("the test names an address")).collect(),
    }
}

/// All fixed IPs of an instance, in order.
pub(crate) fn fixed_ips(info: &NetworkInfo) -> Vec<String> {
    let subnets = info.vifs.iter().flat_map(|vif| &vif.network.subnets);
    subnets.flat_map(|subnet| &subnet.fixed_ips).map(ToString::to_string).collect()
}

/// The address of the subnet that a port of project `p1` with this MAC has.
pub(crate) fn derived(subnet: &Subnet, mac: MacAddr) -> IpAddr {
    lepton_ipam::derived(subnet, &"p1".parse().unwrap(), mac).unwrap()
}
