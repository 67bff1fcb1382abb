//! What commands tell those who follow the ledger, decided over views in memory.

mod audience;
mod reading;

use lepton_ipam::{MacBase, SubnetSpec};
use lepton_types::{DnsScope, HostReport, MacPrefix, PortReport, PortStatus, ProjectId, RecordedEvent};

use super::*;
use crate::{
    AddSubnet, Associate, AssociateNetwork, Command, CreateMacRange, DeleteMacRange, DeleteNetwork,
    DisassociateNetwork, FreeMac, Holder, Key, ModifyNetwork, ModifySubnet, NamedHost, NetworkSpec, Refusal,
    RemoveFixedIp, ReportHost, Scope, Selection, Stop, SweepMacRange, SweepQuarantine,
    example::{
        NOW, allocation, deallocation, empty, host, instance, made, missing, network, unloaded, with_network,
        without_agents,
    },
    execute,
};

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

/// Carries a command out as a store does, for `admin` and under the request ids `r0`, `r1` and so on.
fn carried_out<C: Command>(ledger: &mut View, command: &C) -> Result<C::Answer, Stop> {
    let number = ledger.rows::<crate::RequestRecord>().count();
    let envelope = Envelope::new::<C>("admin", format!("r{number}").parse().ok(), b"");
    ledger.attempt(number, |ledger| execute(command, &envelope, ledger)).map(|reply| reply.answer)
}

/// The entries of the batch so far.
fn entries(ledger: &View) -> Vec<JournalEntry> {
    ledger.changes().iter().filter_map(Change::journal_entry).cloned().collect()
}

/// What a command tells: each event's kind and what it is about, ids left out.
fn told<C: Command>(ledger: &mut View, command: &C) -> Vec<String> {
    let before = entries(ledger).len();
    carried_out(ledger, command).unwrap();
    let events = entries(ledger).split_off(before).into_iter().flat_map(|entry| entry.events);
    events.map(|event| shown(&event)).collect()
}

fn shown(event: &Event) -> String {
    let about = event.about.iter().filter(|(name, _)| !name.ends_with("_id") && *name != "mac");
    let about: Vec<_> = about.map(|(name, value)| format!("{name}={value}")).collect();
    let of = event.project.as_ref().map(ToString::to_string);
    let of = of.unwrap_or_else(|| if event.is_public { "everybody" } else { "operators" }.to_owned());
    format!("{} [{of}] {}", event.kind, about.join(" "))
}

fn report(ports: Vec<PortReport>, unplugged: Vec<PortId>) -> ReportHost {
    ReportHost { host: host(), report: HostReport { ports, unplugged, ..HostReport::default() } }
}

#[test]
fn a_life_of_an_instance_is_told_from_its_allocation_to_its_last_port() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    let told_of_allocation = told(&mut ledger, &allocation(1, vec![]));
    let id = ledger.rows::<Port>().next().unwrap().id;
    let addresses: Vec<_> = ledger.fixed_ips_of(id).iter().map(|row| row.address.to_string()).collect();
    let mut told_addresses = addresses.clone();
    told_addresses.sort_by_key(|address| address.contains(':'));
    let fixed_ips = told_of_allocation[1].split("fixed_ips=").nth(1).unwrap().split(' ').next().unwrap();
    let mut listed: Vec<_> = fixed_ips.split(',').map(str::to_owned).collect();
    listed.sort_by_key(|address| address.contains(':'));
    assert_eq!(listed, told_addresses);
    assert_eq!(
        told_of_allocation,
        [
            "instance.allocated [p1] host=host-1 incarnation=1".to_owned(),
            format!("port.created [p1] fixed_ips={fixed_ips} host=host-1 incarnation=1"),
        ]
    );
    let status = |status| report(vec![PortReport { id, status, filtered_at: None }], vec![]);
    assert_eq!(
        told(&mut ledger, &status(PortStatus::Error("no".into()))),
        ["port.error [p1] error=no host=host-1 old_status=PENDING"]
    );
    assert_eq!(
        told(&mut ledger, &status(PortStatus::Active)),
        ["port.active [p1] host=host-1 old_status=ERROR"]
    );
    assert_eq!(told(&mut ledger, &status(PortStatus::Active)), [""; 0], "nothing happened");
    assert_eq!(
        told(&mut ledger, &deallocation(1)),
        ["instance.deallocated [p1] host=host-1 incarnation=1", "port.released [p1] host=host-1",]
    );
    let told_of_end = told(&mut ledger, &report(vec![], vec![id]));
    assert_eq!(told_of_end, [format!("port.deleted [p1] fixed_ips={fixed_ips} host=host-1")]);
}

#[test]
fn a_move_is_told_from_its_start_to_its_end() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
    let id = ledger.rows::<Port>().next().unwrap().id;
    let start = crate::MigrateInstanceStart {
        instance: instance(1),
        incarnation: None,
        source: host(),
        destination: "host-2".parse().unwrap(),
        binding: None,
        only_known_hosts: false,
        only_on: None,
    };
    assert_eq!(
        told(&mut ledger, &start),
        [
            "instance.migrating [p1] destination=host-2 host=host-1 incarnation=1",
            "port.modified [p1] host=host-1 target_binding=tap target_host=host-2 target_status=PENDING",
        ]
    );
    let ports = vec![PortReport { id, status: PortStatus::Active, filtered_at: None }];
    let report = HostReport { revision: 9.into(), ports, ..HostReport::default() };
    assert_eq!(
        told(&mut ledger, &ReportHost { host: "host-2".parse().unwrap(), report }),
        ["port.modified [p1] host=host-1 old_target_status=PENDING target_status=ACTIVE"]
    );
    // Each error in other words is news, as where it lives.
    for (error, expected) in [
        ("no such namespace", "old_target_status=ACTIVE target_error=no such namespace target_status=ERROR"),
        ("no namespace", "old_target_error=no such namespace target_error=no namespace"),
    ] {
        let ports = vec![PortReport { id, status: PortStatus::Error(error.into()), filtered_at: None }];
        let report = HostReport { revision: 9.into(), ports, ..HostReport::default() };
        let told = told(&mut ledger, &ReportHost { host: "host-2".parse().unwrap(), report });
        assert_eq!(told, [format!("port.modified [p1] host=host-1 {expected}")]);
    }
    let setup = crate::SetupNetworksOnHost {
        instance: instance(1),
        incarnation: None,
        host: "host-2".parse().unwrap(),
        is_teardown: true,
        binding: None,
        only_known_hosts: false,
        only_on: None,
    };
    assert_eq!(
        told(&mut ledger, &setup),
        [
            "instance.migration_aborted [p1] destination=host-2 host=host-1 incarnation=1",
            "port.modified [p1] host=host-1 old_target_binding=tap old_target_error=no namespace old_target_host=host-2 \
             old_target_status=ERROR",
        ]
    );
    carried_out(&mut ledger, &start).unwrap();
    let veth = crate::BindingRequest::Veth {
        netns: "/run/netns/web1".parse().unwrap(),
        guest_device: "eth%d".parse().unwrap(),
    };
    assert_eq!(
        told(&mut ledger, &crate::MigrateInstanceStart { binding: Some(veth), ..start.clone() }),
        [
            "port.modified [p1] host=host-1 old_target_binding=tap target_binding=veth to eth0 in /run/netns/web1"
        ]
    );
    let finish = crate::MigrateInstanceFinish {
        instance: instance(1),
        incarnation: None,
        source: host(),
        destination: "host-2".parse().unwrap(),
        only_on: None,
    };
    assert_eq!(
        told(&mut ledger, &finish),
        [
            "instance.migrated [p1] host=host-2 incarnation=1 old_host=host-1",
            "port.modified [p1] binding=veth to eth0 in /run/netns/web1 host=host-2 old_binding=tap old_host=host-1 \
             old_target_binding=veth to eth0 in /run/netns/web1 old_target_host=host-2 old_target_status=PENDING",
        ]
    );
}

#[test]
fn an_event_says_what_it_happened_to() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
    let port = ledger.rows::<Port>().next().unwrap().clone();
    let event = entries(&ledger).remove(0).events.remove(1);
    let ids = [("port_id", port.id.to_string()), ("network_id", made.network.id.to_string())];
    for (name, id) in ids {
        assert_eq!(event.about[name], id);
    }
    assert_eq!(event.about["instance_id"], port.instance.to_string());
    assert_eq!((&event.about["mac"], &*event.about["fixed_ips"]), (&port.mac.to_string(), "10.1.0.2"));
}

#[test]
fn an_entry_says_who_did_it_by_which_call_and_under_which_request_id() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
    let entry = entries(&ledger).remove(0);
    assert_eq!((&*entry.actor, &*entry.call, entry.at), ("admin", "AllocateForInstance", NOW.into()));
    assert_eq!(entry.request_id.unwrap().as_str(), "r0");
}

#[test]
fn what_is_refused_rehearsed_or_repeated_tells_nothing() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    let command = allocation(1, vec![]);
    let envelope = Envelope::new::<crate::AllocateForInstance>("admin", "r".parse().ok(), b"");
    ledger.rehearse(0, |ledger| execute(&command, &envelope, ledger)).unwrap();
    assert_eq!(entries(&ledger), []);
    for _ in 0..2 {
        ledger.attempt(0, |ledger| execute(&command, &envelope, ledger)).unwrap();
        assert_eq!(entries(&ledger).len(), 1);
    }
    let refused = carried_out(&mut ledger, &allocation(1, vec![]));
    assert!(matches!(refused, Err(Stop::Refused(Refusal::InstanceAlreadyAllocated { .. }))));
    assert_eq!(entries(&ledger).len(), 1);
}

#[test]
fn an_owner_hears_that_a_network_comes_or_goes_and_not_from_or_to_whom() {
    let mut ledger = empty();
    let create =
        crate::CreateNetworks { scope: Scope::Everything, networks: vec![network("n", &["10.1.0.0/24"])] };
    assert_eq!(
        told(&mut ledger, &create),
        [
            "network.created [everybody] label=n",
            "subnet.created [everybody] cidr=10.1.0.0/24 gateway=10.1.0.1",
        ]
    );
    let id = ledger.rows::<Network>().next().unwrap().id;
    let project: ProjectId = "p1".parse().unwrap();
    let associate = AssociateNetwork { network: id, with: Associate::Project(project) };
    assert_eq!(
        told(&mut ledger, &associate),
        ["network.disassociated [everybody] label=n", "network.associated [p1] label=n",]
    );
    let modify = ModifyNetwork {
        scope: Scope::Everything,
        network: id,
        label: "m".parse().ok(),
        priority: None,
        project: Some("p2".parse().ok()),
        host: Some("node1".parse().ok().map(|id| NamedHost { id, must_be_known: false })),
        is_injected: None,
    };
    assert_eq!(
        told(&mut ledger, &modify),
        [
            "network.disassociated [p1] label=n",
            "network.associated [p2] label=m",
            "network.modified [p2] host=node1 label=m old_label=n",
        ]
    );
    let disassociate = DisassociateNetwork { network: id, project: false, host: true };
    assert_eq!(told(&mut ledger, &disassociate), ["network.modified [p2] label=m old_host=node1"]);
    assert_eq!(
        told(&mut ledger, &DeleteNetwork { network: id, scope: Scope::Everything }),
        ["network.deleted [p2] label=m", "subnet.deleted [p2] cidr=10.1.0.0/24",]
    );
}

#[test]
fn the_ranges_of_a_pool_of_floating_ips_are_told_to_operators_alone() {
    let mut ledger = empty();
    let pool = crate::CreateFloatingPool {
        name: "nova".parse().unwrap(),
        ranges: vec!["172.24.4.0/30".parse().unwrap()],
        interface: None,
    };
    let events = told(&mut ledger, &pool);
    assert!(events.iter().any(|event| event.contains("172.24.4.0")), "{events:?}");
    for event in events.iter().filter(|event| event.contains("172.24.4.")) {
        assert!(event.contains("[operators]"), "{event}");
    }
}

#[test]
fn a_subnet_tells_what_changed_and_its_network_nothing() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let spec = SubnetSpec::new("10.2.0.0/24".parse().unwrap());
    assert_eq!(
        told(&mut ledger, &AddSubnet { scope: Scope::Everything, network: made.network.id, spec }),
        ["subnet.created [everybody] cidr=10.2.0.0/24 gateway=10.2.0.1"]
    );
    let modify = ModifySubnet {
        scope: Scope::Everything,
        subnet: made.subnets[0].id,
        gateway: Some(None),
        dns: Some(vec!["9.9.9.9".parse().unwrap(), "1.1.1.1".parse().unwrap()]),
        dhcp_server: None,
    };
    assert_eq!(
        told(&mut ledger, &modify),
        [
            "subnet.modified [everybody] cidr=10.1.0.0/24 dns=9.9.9.9,1.1.1.1 old_gateway=10.1.0.1",
            "fixed_ip.resting [operators] fixed_ip=10.1.0.1"
        ]
    );
}

#[test]
fn a_domain_and_its_entries_are_told_and_its_end_tells_of_them_all() {
    let mut ledger = empty();
    let domain: lepton_types::DomainName = "example.org".parse().unwrap();
    let scope = DnsScope::Public { project: "p1".parse().ok() };
    let create = crate::CreateDnsDomain { name: domain.clone(), scope };
    assert_eq!(told(&mut ledger, &create), ["dns_domain.created [p1] domain=example.org"]);
    let add = crate::AddDnsEntry {
        scope: Scope::Everything,
        domain: domain.clone(),
        name: "www".parse().unwrap(),
        address: [192, 0, 2, 1].into(),
        instance: None,
    };
    assert_eq!(
        told(&mut ledger, &add),
        ["dns_entry.created [p1] address=192.0.2.1 domain=example.org name=www type=A"]
    );
    let modify = crate::ModifyDnsEntry {
        scope: Scope::Everything,
        domain: domain.clone(),
        name: "www".parse().unwrap(),
        address: [192, 0, 2, 7].into(),
        instance: None,
    };
    assert_eq!(
        told(&mut ledger, &modify),
        [
            "dns_entry.modified [p1] address=192.0.2.7 domain=example.org name=www old_address=192.0.2.1 type=A"
        ]
    );
    let delete = crate::DeleteDnsDomain { name: domain };
    assert_eq!(told(&mut ledger, &delete), ["dns_domain.deleted [p1] domain=example.org"]);
}

#[test]
fn who_had_a_domain_and_who_has_it_hear_of_it() {
    let mut ledger = empty();
    let domain: lepton_types::DomainName = "example.org".parse().unwrap();
    let public = |project: &str| DnsScope::Public { project: project.parse().ok() };
    let private = |zone: &str| DnsScope::Private { availability_zone: zone.parse().ok() };
    let mut told_of = |scope| told(&mut ledger, &crate::CreateDnsDomain { name: domain.clone(), scope });
    told_of(public("p1"));
    let associated = |event: &str, whose: &str| format!("dns_domain.{event} [{whose}] domain=example.org");
    assert_eq!(told_of(public("p2")), [associated("disassociated", "p1"), associated("associated", "p2")]);
    let in_zone = "[operators] availability_zone=nova domain=example.org private=true";
    assert_eq!(
        told_of(private("nova")),
        [associated("disassociated", "p2"), format!("dns_domain.associated {in_zone}")]
    );
    assert_eq!(
        told_of(private("")),
        ["dns_domain.modified [operators] domain=example.org old_availability_zone=nova private=true"]
    );
    assert_eq!(
        told_of(public("")),
        [
            format!("{} private=true", associated("disassociated", "operators")),
            associated("associated", "everybody")
        ]
    );
    assert_eq!(told_of(public("")), Vec::<String>::new());
    told_of(private("nova"));
    let deleted = told(&mut ledger, &crate::DeleteDnsDomain { name: domain.clone() });
    assert_eq!(deleted, [format!("dns_domain.deleted {in_zone}")]);
}

/// Callers who know nothing of each other may be of one batch.
#[test]
fn a_name_that_went_with_its_domain_is_not_told_again_when_its_address_goes() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
    let domain: lepton_types::DomainName = "example.org".parse().unwrap();
    let scope = DnsScope::Public { project: None };
    carried_out(&mut ledger, &crate::CreateDnsDomain { name: domain.clone(), scope: scope.clone() }).unwrap();
    let add = crate::AddDnsEntry {
        scope: Scope::Everything,
        domain: domain.clone(),
        name: "www".parse().unwrap(),
        address: [10, 1, 0, 2].into(),
        instance: Some(instance(1)),
    };
    carried_out(&mut ledger, &add).unwrap();
    carried_out(&mut ledger, &crate::DeleteDnsDomain { name: domain.clone() }).unwrap();
    carried_out(&mut ledger, &crate::CreateDnsDomain { name: domain, scope }).unwrap();
    carried_out(&mut ledger, &crate::AddDnsEntry { instance: None, ..add }).unwrap();
    let of_names: Vec<_> = told(&mut ledger, &deallocation(1))
        .into_iter()
        .filter(|event| event.starts_with("dns_entry"))
        .collect();
    assert_eq!(of_names, Vec::<String>::new());
}

#[test]
fn an_address_that_has_rested_is_told_as_free() {
    let mut ledger = empty();
    let quarantine = std::time::Duration::from_secs(60);
    let spec = SubnetSpec { quarantine, ..SubnetSpec::new("10.1.0.0/24".parse().unwrap()) };
    made(&mut ledger, NetworkSpec { subnets: vec![spec], ..network("resting", &[]) });
    carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
    let ports = carried_out(&mut ledger, &deallocation(1)).unwrap().ports;
    let ended = told(&mut ledger, &report(vec![], ports));
    assert_eq!(ended, ["port.deleted [p1] fixed_ips=10.1.0.2 host=host-1"]);
    ledger.keep();
    ledger.restart(ledger.now().after(quarantine), [8; 32]);
    assert_eq!(told(&mut ledger, &SweepQuarantine), ["fixed_ip.freed [operators] fixed_ip=10.1.0.2"]);
}

#[test]
fn an_address_that_rested_and_becomes_the_gateway_is_not_told_as_free() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let moved = |gateway: &str| ModifySubnet {
        subnet: made.subnets[0].id,
        gateway: Some(Some(gateway.parse().unwrap())),
        dns: None,
        dhcp_server: None,
        scope: Scope::Everything,
    };
    for (gateway, old) in [("10.1.0.9", "10.1.0.1"), ("10.1.0.1", "10.1.0.9")] {
        let told = told(&mut ledger, &moved(gateway));
        assert!(told[0].starts_with("subnet.modified"), "{told:?}");
        assert_eq!(told[1..], [format!("fixed_ip.resting [operators] fixed_ip={old}")]);
    }
}

#[test]
fn what_is_reserved_or_rests_goes_with_its_subnet_whose_event_tells_it() {
    let mut ledger = empty();
    let quarantine = std::time::Duration::from_secs(60);
    let spec = |cidr: &str| SubnetSpec { quarantine, ..SubnetSpec::new(cidr.parse().unwrap()) };
    let subnets = vec![spec("10.1.0.0/24"), spec("fd00:1::/64")];
    let made = made(&mut ledger, NetworkSpec { subnets, ..network("resting", &[]) });
    carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
    let ports = carried_out(&mut ledger, &deallocation(1)).unwrap().ports;
    carried_out(&mut ledger, &report(vec![], ports)).unwrap();
    let reserve = crate::ReserveFixedIp {
        place: crate::Place::Network(made.network.id),
        address: [10, 1, 0, 9].into(),
        reason: "dns".parse().unwrap(),
    };
    assert_eq!(told(&mut ledger, &reserve), ["fixed_ip.reserved [operators] fixed_ip=10.1.0.9 reason=dns"]);
    assert_eq!(ledger.rows::<FixedIp>().count(), 3);
    let scope = || Scope::Everything;
    let delete = crate::DeleteSubnet { subnet: made.subnets[0].id, scope: scope() };
    assert_eq!(told(&mut ledger, &delete), ["subnet.deleted [everybody] cidr=10.1.0.0/24"]);
    let delete = DeleteNetwork { network: made.network.id, scope: scope() };
    assert_eq!(
        told(&mut ledger, &delete),
        ["network.deleted [everybody] label=resting", "subnet.deleted [everybody] cidr=fd00:1::/64"]
    );
    // Nothing of them is left to be told of later.
    ledger.keep();
    ledger.restart(ledger.now().after(quarantine), [8; 32]);
    assert_eq!(ledger.rows::<FixedIp>().count(), 0);
    assert_eq!(told(&mut ledger, &SweepQuarantine), [""; 0]);
}

/// What a change of one address tells, given that its port lives on.
fn of_address(before: Option<Holder>, after: Option<Holder>) -> Vec<String> {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
    let port = ledger.rows::<Port>().next().unwrap().id;
    let row = |holder: Holder| FixedIp {
        subnet: made.subnets[0].id,
        address: [10, 1, 0, 9].into(),
        holder: match holder {
            Holder::Port(_) => Holder::Port(port),
            Holder::Leaving { revision, .. } => Holder::Leaving { port, revision },
            Holder::Reserved { .. } | Holder::Quarantine(_) => holder,
        },
        since: NOW.into(),
        lease: None,
        is_asked_for: false,
    };
    let change = Change::FixedIp(RowChange { before: before.map(row), after: after.map(row) });
    of(&[change], &ledger).iter().map(shown).collect()
}

#[test]
fn an_address_that_comes_to_a_living_port_or_leaves_it_is_told_by_itself() {
    let (port, resting) = (Holder::Port(uuid::Uuid::nil().into()), Holder::Quarantine(NOW.into()));
    let leaving = Holder::Leaving { port: uuid::Uuid::nil().into(), revision: 1.into() };
    let reserved = Holder::Reserved { reason: "dns".parse().unwrap(), resting_until: None };
    let (port, leaving, resting, reserved) = (Some(port), Some(leaving), Some(resting), Some(reserved));
    let of_port = |kind: &str| vec![format!("fixed_ip.{kind} [p1] fixed_ip=10.1.0.9")];
    let of_nobody = |told: &str| vec![format!("fixed_ip.{told}")];
    for (before, after, expected) in [
        (&None, &port, of_port("added")),
        (&resting, &port, of_port("added")),
        (&port, &leaving, of_port("removed")),
        (&leaving, &None, of_port("freed")),
        (&port, &None, [of_port("removed"), of_port("freed")].concat()),
        (&port, &resting, [of_port("removed"), of_port("resting")].concat()),
        (&leaving, &resting, of_port("resting")),
        (&None, &resting, of_nobody("resting [operators] fixed_ip=10.1.0.9")),
        (&None, &reserved, of_nobody("reserved [operators] fixed_ip=10.1.0.9 reason=dns")),
        (&resting, &reserved, of_nobody("reserved [operators] fixed_ip=10.1.0.9 reason=dns")),
        (&reserved, &None, of_nobody("unreserved [operators] fixed_ip=10.1.0.9 reason=dns")),
        (&reserved, &resting, of_nobody("unreserved [operators] fixed_ip=10.1.0.9 reason=dns")),
        (&resting, &None, of_nobody("freed [operators] fixed_ip=10.1.0.9")),
    ] {
        assert_eq!(of_address(before.clone(), after.clone()), expected, "{before:?} to {after:?}");
    }
}

#[test]
fn what_a_command_does_beyond_an_entrys_size_has_further_entries() {
    let (mut ledger, _) = with_network(&["10.1.0.0/16"]);
    for number in 0..300 {
        carried_out(&mut ledger, &allocation(number, vec![])).unwrap();
    }
    let before = entries(&ledger).len();
    let active = |port: &Port| PortReport { id: port.id, status: PortStatus::Active, filtered_at: None };
    let ports = ledger.rows::<Port>().map(active).collect();
    carried_out(&mut ledger, &report(ports, vec![])).unwrap();
    let counts: Vec<_> = entries(&ledger)[before..].iter().map(|entry| entry.events.len()).collect();
    assert_eq!(counts, [MOST_IN_ENTRY, 300 - MOST_IN_ENTRY]);
}

#[test]
fn a_range_of_macs_that_is_dropped_bit_by_bit_is_told_as_deleted_once() {
    let mut ledger = empty();
    let prefix: MacPrefix = "02:16:3e:00:00:00/40".parse().unwrap();
    let create = CreateMacRange { prefix, mac_base: MacBase::default() };
    let made = [format!("mac_range.created [operators] range={prefix}")];
    assert_eq!(told(&mut ledger, &create), made);
    let range = ledger.rows::<MacRange>().next().unwrap().id;
    for mac in (0..200).filter_map(|place| prefix.nth(place)) {
        ledger.load(FreeMac { mac, range, since: NOW.into() });
    }
    let deleted = [format!("mac_range.deleted [operators] range={prefix}")];
    assert_eq!(told(&mut ledger, &DeleteMacRange { range }), deleted);
    assert!(ledger.rows::<MacRange>().next().is_some(), "a part of it is left");
    assert_eq!(told(&mut ledger, &SweepMacRange { range }), [""; 0]);
    assert_eq!(told(&mut ledger, &create), made);
}

#[test]
fn an_address_that_no_host_has_to_follow_is_told_as_free_when_it_is_removed() {
    let mut ledger = without_agents();
    made(&mut ledger, network("private", &["10.1.0.0/24"]));
    let info = carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
    let address = info.vifs[0].network.subnets[0].fixed_ips[0];
    let removal = RemoveFixedIp {
        instance: instance(1),
        address,
        network: None,
        only_on: None,
        scope: Scope::Everything,
        domain: None,
    };
    let told = told(&mut ledger, &removal);
    let of_port = |kind: &str| format!("fixed_ip.{kind} [p1] fixed_ip={address}");
    assert_eq!(told, [of_port("removed"), of_port("freed")]);
}

/// A next hop is nobody's by itself: a guest that asks for it may have it.
#[test]
fn a_next_hop_that_its_guest_gives_back_is_told_as_free() {
    let mut ledger = without_agents();
    let made = made(&mut ledger, network("private", &["10.1.0.0/24"]));
    let info = carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
    let address = info.vifs[0].network.subnets[0].fixed_ips[0];
    let route = crate::AddRoute {
        subnet: made.subnets[0].id,
        route: lepton_types::Route { destination: "192.168.9.0/24".parse().unwrap(), gateway: address },
        scope: Scope::Everything,
    };
    carried_out(&mut ledger, &route).unwrap();
    let (instance, scope) = (instance(1), Scope::Everything);
    let removal = RemoveFixedIp { instance, address, network: None, only_on: None, scope, domain: None };
    let of_port = |kind: &str| format!("fixed_ip.{kind} [p1] fixed_ip={address}");
    assert_eq!(told(&mut ledger, &removal), [of_port("removed"), of_port("freed")]);
}

#[test]
fn a_port_that_no_host_has_to_unplug_is_told_as_released_and_as_deleted() {
    let mut ledger = without_agents();
    made(&mut ledger, network("private", &["10.1.0.0/24"]));
    carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
    assert_eq!(
        told(&mut ledger, &deallocation(1)),
        [
            "instance.deallocated [p1] host=host-1 incarnation=1",
            "port.released [p1] host=host-1",
            "port.deleted [p1] fixed_ips=10.1.0.2 host=host-1",
        ]
    );
}

#[test]
fn the_kinds_are_listed_once_and_in_order() {
    assert!(EVENT_KINDS.is_sorted_by(|kind, next| kind < next));
}

#[test]
fn a_floating_ip_is_told_of_from_its_pool_to_its_pool() {
    use crate::{
        AllocateFloatingIp, AllocateForInstance, AssociateFloatingIp, CreateFloatingPool, ReleaseFloatingIp,
        TargetRequest,
    };
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    for number in [1, 2] {
        carried_out(&mut ledger, &allocation(number, vec![])).unwrap();
    }
    let ranges = vec!["172.24.4.0/30".parse().unwrap()];
    let pool = CreateFloatingPool { name: "nova".parse().unwrap(), ranges, interface: None };
    assert_eq!(
        told(&mut ledger, &pool),
        [
            "network.created [everybody] external=true label=nova",
            "subnet.created [operators] cidr=172.24.4.0/30"
        ]
    );
    let scope = || Scope::Everything;
    let project = Some("p1".parse().unwrap());
    let wish = AllocateFloatingIp { project, pool: "nova".parse().unwrap(), address: None, scope: scope() };
    let of_p1 = |kind: &str, rest: &str| format!("floating_ip.{kind} [p1] {rest}");
    assert_eq!(told(&mut ledger, &wish), [of_p1("allocated", "floating_ip=172.24.4.1 pool=nova")]);
    let address = "172.24.4.1".parse().unwrap();
    let affects_auto_assigned = false;
    for (number, fixed_ip) in [(1, "10.1.0.2"), (2, "10.1.0.3")] {
        let instance = instance(number);
        let target = TargetRequest::Instance { instance, fixed_ip: None, network: None };
        let lead = AssociateFloatingIp { address, target, affects_auto_assigned, scope: scope() };
        let expected = format!("fixed_ip={fixed_ip} floating_ip=172.24.4.1 pool=nova");
        assert_eq!(told(&mut ledger, &lead), [of_p1("associated", &expected)]);
        assert_eq!(told(&mut ledger, &lead), [""; 0], "the same again is no news");
    }
    let left = told(&mut ledger, &deallocation(2));
    let disassociated = of_p1("disassociated", "fixed_ip=10.1.0.3 floating_ip=172.24.4.1 pool=nova");
    assert!(left.contains(&disassociated), "{left:?}");
    let back = ReleaseFloatingIp { address, disassociates: false, affects_auto_assigned, scope: scope() };
    assert_eq!(told(&mut ledger, &back), [of_p1("released", "floating_ip=172.24.4.1 pool=nova")]);

    // One that came by itself becomes its project's own: where it leads, and elsewhere.
    let own =
        of_p1("modified", "auto_assigned=false floating_ip=172.24.4.1 old_auto_assigned=true pool=nova");
    for (number, fixed_ip) in [(3, None), (1, Some("10.1.0.2"))] {
        let with_one = AllocateForInstance { floating_pool: "nova".parse().ok(), ..allocation(3, vec![]) };
        carried_out(&mut ledger, &with_one).unwrap();
        let target = TargetRequest::Instance { instance: instance(number), fixed_ip: None, network: None };
        let keep = AssociateFloatingIp { address, target, affects_auto_assigned: true, scope: scope() };
        let associated = fixed_ip.map(|fixed_ip| {
            of_p1("associated", &format!("fixed_ip={fixed_ip} floating_ip=172.24.4.1 pool=nova"))
        });
        assert_eq!(told(&mut ledger, &keep), associated.into_iter().chain([own.clone()]).collect::<Vec<_>>());
        assert_eq!(told(&mut ledger, &keep), [""; 0]);
        carried_out(&mut ledger, &deallocation(3)).unwrap();
        carried_out(&mut ledger, &ReleaseFloatingIp { disassociates: true, ..back.clone() }).unwrap();
    }
}

/// Each guest renews its lease every minute or so.
#[test]
fn a_lease_is_told_when_it_begins_and_ends_and_not_when_it_is_renewed() {
    use crate::{LeaseFixedIp, ReleaseFixedIp};

    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    carried_out(&mut ledger, &allocation(1, vec![])).unwrap();
    let mac = ledger.rows::<Port>().next().unwrap().mac;
    let address = "10.1.0.2".parse().unwrap();
    let lease = |secs| LeaseFixedIp { address, mac, lease_time: SECOND * secs, only_on: None };
    let release = ReleaseFixedIp { address, mac, only_on: None };
    let of = |what: &str| vec![format!("fixed_ip.{what} [p1] fixed_ip=10.1.0.2")];
    for _ in 0..2 {
        assert_eq!(told(&mut ledger, &lease(120)), of("leased"));
        let before = entries(&ledger).len();
        assert_eq!(told(&mut ledger, &lease(240)), Vec::<String>::new());
        assert_eq!(entries(&ledger).len(), before, "nor has it a row in the journal");
        assert_eq!(ledger.rows::<FixedIp>().next().unwrap().lease.unwrap().time, SECOND * 240);
        assert_eq!(told(&mut ledger, &release), of("released"));
    }
}
