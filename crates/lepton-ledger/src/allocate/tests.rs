//! `AllocateForInstance`, decided over views in memory.

use lepton_ipam::SubnetSpec;
use lepton_types::{AddressPool, MacAddr, PortBinding, Revision, Timestamp};

use super::*;
use crate::{
    FixedIp, Holder, NetworkSpec,
    example::{
        NOW, allocation, changes, decided, derived, empty, fixed_ips, host, instance, loaded, made, missing,
        network, requested, unloaded, with_network,
    },
};

#[test]
fn an_allocation_is_ports_addresses_and_a_life() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    let before = ledger.changes().len();
    let info = decided(&mut ledger, &allocation(1, vec![])).unwrap();

    // The IPv6 address follows from the MAC, so it is settled before the IPv4 address is chosen.
    let expected = ["~host", "+port", "+fixed_ip", "+block", "~frontier", "~block", "+fixed_ip", "+instance"];
    assert_eq!(changes(&ledger, before), expected);
    assert_eq!((info.instance, info.incarnation, &info.host), (instance(1), 1, &host()));
    let vif = &info.vifs[0];
    let port = ledger.row::<Port>(&vif.id).unwrap().clone();
    assert_eq!(
        port,
        Port {
            id: vif.id,
            instance: instance(1),
            incarnation: 1,
            network: made.network.id,
            project: "p1".parse().unwrap(),
            host: host(),
            position: 0,
            mac: vif.mac,
            binding: PortBinding::Tap,
            status: PortStatus::Pending,
            is_released: false,
            revision: Revision::from(1),
            created_at: Timestamp::from(NOW),
            mac_range: None,
            has_moved: false,
            target: None,
        }
    );
    assert_eq!(fixed_ips(&info), ["10.1.0.2".to_owned(), derived(&made.subnets[1], vif.mac).to_string()]);
    let row = ledger.row::<FixedIp>(&(made.subnets[0].id, "10.1.0.2".parse().unwrap())).unwrap();
    assert_eq!((&row.holder, row.since), (&Holder::Port(vif.id), Timestamp::from(NOW)));
}

#[test]
fn b09_the_project_s_networks_come_by_priority_and_requested_ones_verbatim() {
    let mut ledger = empty();
    let last = made(&mut ledger, NetworkSpec { priority: 5, ..network("last", &["10.1.0.0/24"]) });
    let global = made(&mut ledger, network("global", &["10.2.0.0/24"]));
    let own =
        |label| NetworkSpec { project: Some("p1".parse().unwrap()), ..network(label, &["10.3.0.0/24"]) };
    let own = made(&mut ledger, own("own"));
    let networks = |info: &NetworkInfo| info.vifs.iter().map(|vif| vif.network.id).collect::<Vec<_>>();

    let info = decided(&mut ledger, &allocation(1, vec![])).unwrap();
    assert_eq!(networks(&info), [own.network.id, global.network.id, last.network.id]);
    let wanted = vec![requested(last.network.id, &[]), requested(own.network.id, &[])];
    let info = decided(&mut ledger, &allocation(2, wanted)).unwrap();
    assert_eq!(networks(&info), [last.network.id, own.network.id]);
    assert_eq!(
        info.vifs.iter().map(|vif| ledger.row::<Port>(&vif.id).unwrap().position).collect::<Vec<_>>(),
        [0, 1]
    );
}

#[test]
fn an_instance_that_asks_for_no_network_gets_no_more_vnics_than_one_that_does() {
    let mut ledger = empty();
    let networks: Vec<_> = (0..=MOST_VNICS)
        .map(|number| made(&mut ledger, network(&format!("net-{number}"), &[])).network.id)
        .collect();
    let refusal = refused(&mut ledger, &allocation(1, vec![]));
    assert_eq!(refusal.reason(), "INVALID_FIELD");
    assert!(refusal.to_string().contains("would get 65 vNICs"), "{refusal}");
    let wanted = networks[1..].iter().map(|network| requested(*network, &[])).collect();
    assert_eq!(decided(&mut ledger, &allocation(1, wanted)).unwrap().vifs.len(), MOST_VNICS);
}

#[test]
fn each_port_raises_the_hosts_revision() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let twice = vec![requested(made.network.id, &[]), requested(made.network.id, &[])];
    let command = AllocateForInstance { allow_duplicate_networks: true, ..allocation(1, twice) };
    let info = decided(&mut ledger, &command).unwrap();
    let revisions = info.vifs.iter().map(|vif| ledger.row::<Port>(&vif.id).unwrap().revision.number());
    assert_eq!(revisions.collect::<Vec<_>>(), [1, 2]);
    assert_ne!(info.vifs[0].mac, info.vifs[1].mac);
}

/// Decides `command` on a ledger where it must be refused; answers the refusal.
#[track_caller]
fn refused(ledger: &mut View, command: &AllocateForInstance) -> Refusal {
    let before = format!("{ledger:?}");
    let refusal = decided(ledger, command).unwrap_err();
    let without_draws = |shown: &str| shown.split(", draws:").next().map(str::to_owned);
    assert!(without_draws(&format!("{ledger:?}")) == without_draws(&before), "something is left behind");
    refusal
}

#[test]
fn every_refusal_names_what_is_wrong() {
    let (mut ledger, private) = with_network(&["10.1.0.0/24"]);
    let foreign = NetworkSpec { project: Some("p2".parse().unwrap()), ..network("foreign", &[]) };
    let foreign = made(&mut ledger, foreign).network.id;
    decided(&mut ledger, &allocation(1, vec![requested(private.network.id, &["10.1.0.9"])])).unwrap();
    let (id, unknown) = (private.network.id, uuid::Uuid::from_u128(404).into());

    let already = Refusal::InstanceAlreadyAllocated { instance: instance(1), incarnation: 1, host: host() };
    assert_eq!(refused(&mut ledger, &allocation(1, vec![])), already);
    for network in [unknown, foreign] {
        let command = allocation(2, vec![requested(id, &[]), requested(network, &[])]);
        let field = Some("networks[1].network_id".to_owned());
        assert_eq!(refused(&mut ledger, &command), Refusal::NetworkNotFound { network, field });
    }
    let twice = allocation(2, vec![requested(id, &[]), requested(id, &[])]);
    let field = "networks[1].network_id".to_owned();
    assert_eq!(refused(&mut ledger, &twice), Refusal::DuplicateNetwork { network: id, field });
    let taken = refused(&mut ledger, &allocation(2, vec![requested(id, &["10.1.0.9"])]));
    let (address, field) = ("10.1.0.9".parse().unwrap(), Some("networks[0].fixed_ips[0]".to_owned()));
    assert_eq!(taken, Refusal::FixedIpAlreadyInUse { address, network: id, field });
    for (wishes, at, problem) in [
        (&["10.9.0.1"] as &[&str], 0, "10.9.0.1 is not in 10.1.0.0/24"),
        (&["fd00::1"], 0, "fd00::1 is not in 10.1.0.0/24 of network"),
        (&["10.1.0.0"], 0, "network address"),
        (&["10.1.0.255"], 0, "broadcast"),
        (&["10.1.0.1"], 0, "gateway"),
        (&["10.1.0.7", "10.1.0.8"], 1, "both in subnet"),
    ] {
        let Refusal::FixedIpInvalid { address, network, field, problem: told } =
            refused(&mut ledger, &allocation(2, vec![requested(id, wishes)]))
        else {
            panic!("{wishes:?}");
        };
        assert_eq!((address, network), (wishes[at].parse().unwrap(), id));
        assert_eq!(field, format!("networks[0].fixed_ips[{at}]"));
        assert!(told.contains(problem), "{told}");
    }
}

#[test]
fn a_dry_pool_refuses_all_of_the_request() {
    let mut ledger = empty();
    made(&mut ledger, network("roomy", &["10.1.0.0/24", "fd00:1::/64"]));
    let tight = made(&mut ledger, network("tight", &["10.2.0.0/30"])).network.id;
    decided(&mut ledger, &allocation(1, vec![])).unwrap();
    let expected = Refusal::NoMoreFixedIps { network: tight, cidrs: vec!["10.2.0.0/30".parse().unwrap()] };
    assert_eq!(refused(&mut ledger, &allocation(2, vec![])), expected);
}

#[test]
fn a_mac_base_without_a_free_mac_is_told() {
    let (mut ledger, _) = with_network(&[]);
    let mac_base: MacBase = "fa:16:3e:00:01".parse().unwrap();
    let command = AllocateForInstance { mac_base, ..allocation(1, vec![]) };
    let port = decided(&mut ledger, &command).unwrap().vifs[0].id;
    let port = ledger.row::<Port>(&port).unwrap().clone();
    for last in 0..=255 {
        let mac = MacAddr::from([0xfa, 0x16, 0x3e, 0x00, 0x01, last]);
        if mac != port.mac {
            let id = ledger.draws().id();
            ledger.insert(Port { id, mac, is_released: true, ..port.clone() });
        }
    }
    let expected = Refusal::NoMoreMacAddresses { base: "fa:16:3e:00:01".to_owned() };
    let again = AllocateForInstance { mac_base, ..allocation(2, vec![]) };
    assert_eq!(refused(&mut ledger, &again), expected);
    ledger.end::<Port>(&port.id);
    assert_eq!(decided(&mut ledger, &again).unwrap().vifs[0].mac, port.mac);
}

/// The second draw is needed when the first MAC's address belongs to somebody who asked for it.
#[test]
fn a_mac_whose_address_is_taken_is_drawn_again() {
    let (ledger, made) = with_network(&["fd00:1::/64"]);
    let command = allocation(1, vec![]);
    let mut trial = ledger_like(&ledger, &made);
    let first = decided(&mut trial, &command).unwrap().vifs[0].mac;

    let mut ledger = ledger_like(&ledger, &made);
    let address = derived(&made.subnets[0], first);
    let holder = Holder::Port(uuid::Uuid::from_u128(5).into());
    let taken = FixedIp {
        subnet: made.subnets[0].id,
        address,
        holder,
        since: Timestamp::from(NOW),
        lease: None,
        is_asked_for: false,
    };
    ledger.load(taken);
    let info = decided(&mut ledger, &command).unwrap();
    assert_ne!(info.vifs[0].mac, first);
    assert_eq!(fixed_ips(&info), [derived(&made.subnets[0], info.vifs[0].mac).to_string()]);
}

/// A fresh ledger that holds the same network, at the same point of its random sequence.
fn ledger_like(_: &View, made: &crate::NetworkWithSubnets) -> View {
    let mut ledger = empty();
    ledger.load(made.network.clone());
    made.subnets.iter().for_each(|subnet| ledger.load(subnet.clone()));
    ledger
}

#[test]
fn several_vnics_need_names_that_tell_them_apart() {
    let (mut ledger, made) = with_network(&["10.1.0.0/24"]);
    let veth = |guest_device: &str| BindingRequest::Veth {
        netns: "/run/netns/web".parse().unwrap(),
        guest_device: guest_device.parse().unwrap(),
    };
    let two = vec![requested(made.network.id, &[]), requested(made.network.id, &[])];
    let command = |name, networks| AllocateForInstance {
        allow_duplicate_networks: true,
        binding: veth(name),
        ..allocation(1, networks)
    };
    for name in ["eth0", "longest-name-xx"] {
        let Refusal::InvalidFields { violations, .. } = refused(&mut ledger, &command(name, two.clone()))
        else {
            panic!("{name}");
        };
        assert_eq!(violations[0].field, "binding.veth.guest_device");
    }
    let info = decided(&mut ledger, &command("eth%d", two)).unwrap();
    let names = info.vifs.iter().map(|vif| match &vif.binding {
        PortBinding::Veth { guest_device, .. } => guest_device.to_string(),
        PortBinding::Tap => panic!("a tap"),
    });
    assert_eq!(names.collect::<Vec<_>>(), ["eth0", "eth1"]);
}

#[test]
fn an_allocation_misses_exactly_what_it_needs_in_three_rounds() {
    let (whole, made) = with_network(&["10.1.0.0/24", "fd00:1::/64"]);
    let [v4, v6] = [&made.subnets[0], &made.subnets[1]];
    let command = allocation(1, vec![]);
    let mut ledger = unloaded();

    let keys = missing(&mut ledger, &command);
    let first = vec![
        Key::NetworksOf("p1".parse().unwrap()),
        Key::Instance(instance(1)),
        Key::PastLives(instance(1)),
        Key::Host(host()),
        Key::Quota("p1".parse().unwrap()),
    ];
    assert_eq!(keys, first);
    ledger.load(made.network.clone());
    made.subnets.iter().for_each(|subnet| ledger.load(subnet.clone()));
    loaded(&mut ledger, keys);
    ledger.mark_loaded(Key::Network(made.network.id));

    let keys = missing(&mut ledger, &command);
    let [
        Key::Frontier(frontier),
        Key::FreeBlocks { subnet, after: None },
        Key::FixedIp(of, address),
        Key::Mac(mac),
    ] = keys[..]
    else {
        panic!("{keys:?}");
    };
    assert_eq!((frontier, subnet, of, address), (v4.id, v4.id, v6.id, derived(v6, mac)));
    ledger.load(whole.row::<crate::Frontier>(&v4.id).unwrap().clone());
    ledger.note_free_blocks(v4.id, None);
    loaded(&mut ledger, keys);

    let keys = missing(&mut ledger, &command);
    assert_eq!(keys, [Key::Block(v4.id, "10.1.0.0".parse().unwrap())], "the block to open may be there");
    loaded(&mut ledger, keys);

    let info = decided(&mut ledger, &command).unwrap();
    assert_eq!(fixed_ips(&info)[0], "10.1.0.2");
    assert_eq!(info.vifs[0].mac, mac, "every attempt draws the same MAC");
}

#[test]
fn the_blocks_of_all_networks_are_missed_in_one_round() {
    let mut whole = empty();
    let count = 60;
    let all: Vec<_> = (0..count)
        .map(|number| made(&mut whole, network("one of many", &[&format!("10.{number}.0.0/24")])))
        .collect();
    let command = allocation(1, vec![]);
    let mut ledger = unloaded();
    let keys = missing(&mut ledger, &command);
    for made in &all {
        ledger.load(made.network.clone());
        ledger.load(made.subnets[0].clone());
        ledger.mark_loaded(Key::Network(made.network.id));
    }
    loaded(&mut ledger, keys);
    let keys = missing(&mut ledger, &command);
    for made in &all {
        let id = made.subnets[0].id;
        ledger.load(whole.row::<crate::Frontier>(&id).unwrap().clone());
        ledger.note_free_blocks(id, None);
    }
    loaded(&mut ledger, keys);
    let keys = missing(&mut ledger, &command);
    assert_eq!(keys.len(), count, "{keys:?}");
    loaded(&mut ledger, keys);
    assert_eq!(decided(&mut ledger, &command).unwrap().vifs.len(), count);
}

#[test]
fn requested_networks_and_addresses_are_missed_by_name() {
    let (_, made) = with_network(&["10.1.0.0/24"]);
    let v4 = &made.subnets[0];
    let command = allocation(1, vec![requested(made.network.id, &["10.1.0.77"])]);
    let mut ledger = unloaded();
    let keys = missing(&mut ledger, &command);
    assert_eq!(keys[0], Key::Network(made.network.id));
    ledger.load(made.network.clone());
    ledger.load(v4.clone());
    loaded(&mut ledger, keys);
    let keys = missing(&mut ledger, &command);
    let wish = "10.1.0.77".parse().unwrap();
    assert_eq!(keys[..2], [Key::Block(v4.id, "10.1.0.0".parse().unwrap()), Key::FixedIp(v4.id, wish)]);
    assert!(matches!(keys[2..], [Key::Mac(_)]));
    loaded(&mut ledger, keys);
    assert_eq!(fixed_ips(&decided(&mut ledger, &command).unwrap()), ["10.1.0.77"]);
}

#[test]
fn a_wish_outside_the_pools_needs_no_block() {
    let mut ledger = empty();
    let pools = vec![AddressPool { first: "10.1.0.10".parse().unwrap(), last: "10.1.0.11".parse().unwrap() }];
    let spec = SubnetSpec { pools, ..SubnetSpec::new("10.1.0.0/24".parse().unwrap()) };
    let made = made(&mut ledger, NetworkSpec { subnets: vec![spec], ..network("private", &[]) });
    let before = ledger.changes().len();
    decided(&mut ledger, &allocation(1, vec![requested(made.network.id, &["10.1.0.77"])])).unwrap();
    assert_eq!(changes(&ledger, before), ["~host", "+port", "+fixed_ip", "+instance"]);
}

#[test]
fn who_names_no_host_gets_the_managers_own() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    let anywhere = |own_host| AllocateForInstance { host: None, own_host, ..allocation(1, vec![]) };
    assert!(!anywhere(None).keys().iter().any(|key| matches!(key, Key::Host(_))));
    let problem = "is required: this manager has no agent of its own";
    assert_eq!(decided(&mut ledger, &anywhere(None)), Err(Refusal::invalid_field("host", problem)));

    let other: HostId = "host-2".parse().unwrap();
    let named = AllocateForInstance { own_host: Some(other.clone()), ..allocation(2, vec![]) };
    assert_eq!(decided(&mut ledger, &named).unwrap().host, host());
    assert!(anywhere(Some(other.clone())).keys().contains(&Key::Host(other.clone())));
    assert_eq!(decided(&mut ledger, &anywhere(Some(other.clone()))).unwrap().host, other);
}

#[test]
fn who_may_act_for_one_host_allocates_there_and_nowhere_else() {
    let (mut ledger, _) = with_network(&["10.1.0.0/24"]);
    let other: HostId = "host-2".parse().unwrap();
    let bound = |named| AllocateForInstance {
        host: named,
        only_on: Some(host()),
        own_host: Some(other.clone()),
        ..allocation(1, vec![])
    };
    let before = ledger.changes().len();
    let expected = Refusal::HostNotAllowed { host: other.clone(), allowed: host() };
    assert_eq!(decided(&mut ledger, &bound(Some(other.clone()))), Err(expected));
    assert_eq!(changes(&ledger, before), [""; 0]);
    assert_eq!(decided(&mut ledger, &bound(None)).unwrap().host, host(), "its own, not the manager's");
}
