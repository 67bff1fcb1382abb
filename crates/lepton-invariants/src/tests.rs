//! Each invariant fails of a ledger that lacks it.

use std::panic::catch_unwind;

use lepton_ipam::{MacBase, SubnetSpec};
use lepton_ledger::{
    AddDnsEntry, AllocateFloatingIp, AllocateForInstance, AssociateFloatingIp, BindingRequest, Command,
    CreateDnsDomain, CreateFloatingPool, CreateMacRange, CreateNetworks, Envelope, Holder, Naming,
    NetworkSpec, PendingUnplug, RegisterHost, Scope, TargetRequest, View, execute,
};
use lepton_types::{DnsScope, HostId, InstanceId, Mtu, Timestamp};

use super::*;

fn submit<C: Command>(ledger: &mut View, command: &C) -> C::Answer {
    let number = ledger.changes().len();
    ledger.attempt(number, |ledger| execute(command, &Envelope::anonymous(), ledger)).unwrap().answer
}

fn host() -> HostId {
    "host-1".parse().unwrap()
}

fn allocation(instance: &str) -> AllocateForInstance {
    AllocateForInstance {
        instance: instance.parse().unwrap(),
        project: "p1".parse().unwrap(),
        host: Some(host()),
        networks: Vec::new(),
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

/// A ledger with some of everything.
fn sound() -> Dump {
    let mut ledger = View::complete(Timestamp::from(1_790_000_000_000_000), [7; 32]);
    submit(&mut ledger, &RegisterHost { host: host() });
    let subnets = ["10.1.0.0/24", "fd00:1::/64"].map(|cidr| SubnetSpec::new(cidr.parse().unwrap()));
    let network = NetworkSpec {
        label: "private".parse().unwrap(),
        project: Some("p1".parse().unwrap()),
        priority: 0,
        mtu: Mtu::ETHERNET,
        subnets: subnets.into(),
        host: None,
        is_injected: false,
        made_before: None,
    };
    submit(&mut ledger, &CreateNetworks { networks: vec![network], scope: Scope::Everything });
    let prefix = "02:16:3e:00:00:00/40".parse().unwrap();
    submit(&mut ledger, &CreateMacRange { prefix, mac_base: MacBase::default() });
    let ids = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];
    for id in ids {
        submit(&mut ledger, &allocation(id));
    }
    let (name, ranges) = ("nova".parse().unwrap(), vec!["192.0.2.0/28".parse().unwrap()]);
    submit(&mut ledger, &CreateFloatingPool { name, ranges, interface: None });
    let wish = AllocateFloatingIp {
        project: Some("p1".parse().unwrap()),
        pool: "nova".parse().unwrap(),
        address: None,
        scope: Scope::Everything,
    };
    let address = submit(&mut ledger, &wish).floating_ip.address;
    let instance: InstanceId = ids[0].parse().unwrap();
    let target = TargetRequest::Instance { instance, fixed_ip: None, network: None };
    let scope = Scope::Everything;
    submit(&mut ledger, &AssociateFloatingIp { address, target, affects_auto_assigned: false, scope });
    let domain: lepton_types::DomainName = "example.org".parse().unwrap();
    let scope = DnsScope::Public { project: None };
    submit(&mut ledger, &CreateDnsDomain { name: domain.clone(), scope });
    let (name, scope) = ("web".parse().unwrap(), Scope::Everything);
    submit(&mut ledger, &AddDnsEntry { scope, domain, name, address, instance: None });
    ledger.keep();
    Dump::of_view(&ledger)
}

/// What is wrong with a ledger; it is not as an invariant says.
type Corruption = fn(&mut Dump);

/// In the order of [`CONSISTENT`].
const CORRUPTIONS: [&[Corruption]; 13] = [
    // Each port belongs.
    &[
        |dump| dump.networks.clear(),
        |dump| dump.instances.clear(),
        |dump| dump.ports[0].is_released = true,
        |dump| dump.ports[0].position = 1,
        |dump| dump.hosts[0].revision = 0.into(),
    ],
    // Each address has its owner.
    &[
        |dump| dump.fixed_ips.push(dump.fixed_ips[0].clone()),
        |dump| dump.ports.clear(),
        |dump| dump.subnets.clear(),
    ],
    // Pools agree with addresses.
    &[
        |dump| drop(dump.fixed_ips.remove(0)),
        |dump| dump.free[0] += 1,
        |dump| dump.blocks.clear(),
        |dump| dump.frontiers.clear(),
    ],
    // Ports are told apart.
    &[|dump| dump.ports[0].mac = dump.ports[1].mac, |dump| dump.ports[0].revision = dump.ports[1].revision],
    // What must go is not wanted.
    &[|dump| {
        let (port, host, revision) = (dump.ports[0].id, dump.ports[0].host.clone(), dump.ports[0].revision);
        dump.pending_unplugs.push(PendingUnplug { port, host, revision, is_fenced: false });
    }],
    // Nothing was held twice at once.
    &[|dump| {
        let held = dump.fixed_ips.iter().find(|row| matches!(row.holder, Holder::Port(_))).unwrap().clone();
        dump.history.fixed_ips.push((held, Timestamp::from(i64::MAX)));
    }],
    // Subnets are apart.
    &[
        |dump| dump.subnets.push(dump.subnets[0].clone()),
        |dump| dump.subnets[0].gateway = Some("203.0.113.1".parse().unwrap()),
    ],
    // Names lead to who has them.
    &[|dump| dump.dns_domains.clear(), |dump| dump.floating_ips.clear()],
    // Ranges are apart and count right.
    &[
        |dump| dump.floating_ranges[0].allocated += 1,
        |dump| dump.floating_ranges.push(dump.floating_ranges[0].clone()),
    ],
    // Floating IPs lead to live ports.
    &[|dump| dump.ports.clear(), |dump| dump.fixed_ips.clear()],
    // MACs that were drawn are a port's or free.
    &[|dump| dump.mac_ranges[0].drawn += 1, |dump| dump.mac_ranges.clear()],
    // The journal has no gaps.
    &[|dump| drop(dump.journal.pop()), |dump| drop(dump.journal.remove(1))],
    // Quotas agree with the rows.
    &[|dump| dump.quotas[0].used.ports += 1, |dump| dump.quotas.clear()],
];

#[test]
fn a_ledger_that_lacks_an_invariant_fails_of_it() {
    let sound = sound();
    assert_sound(&sound);
    for (number, (holds, corruptions)) in CONSISTENT.iter().zip(CORRUPTIONS).enumerate() {
        for (kind, corrupt) in corruptions.iter().enumerate() {
            let mut dump = sound.clone();
            corrupt(&mut dump);
            assert!(catch_unwind(|| holds(&dump)).is_err(), "corruption {kind} of invariant {number} passes");
        }
    }
}

#[test]
fn a_life_without_its_addresses_is_not_whole() {
    let mut dump = sound();
    dump.fixed_ips.clear();
    assert!(catch_unwind(|| ports::each_life_is_whole(&dump)).is_err());
}
