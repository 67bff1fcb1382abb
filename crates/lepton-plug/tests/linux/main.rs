//! The Linux back end against a real kernel, each test in network, mount and user namespaces of its own. Needs no root.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod frame;
mod guest;
mod ownership;
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use lepton_plan::{Action, Filter, HostState, plan};
use lepton_plug::Plug;
use lepton_testkit::kernel_test;
use lepton_types::{IfName, MacAddr};
use tokio::time::timeout;

use guest::{Container, StuckFolder, Vm};
use world::{World, addresses, bridge, counter, device, ip, ip_json, mac, nft, port, tap, veth};

/// What the ledger has released, where that does not matter.
const NOTHING: BTreeSet<IfName> = BTreeSet::new();

/// The group that every port's device is in, as ip prints a number without a name.
const PORTS_GROUP: &str = "1818587248";

/// How often the filter table is loaded under a flood of forged frames; each takes some milliseconds.
const RELOADS: u32 = 150;

kernel_test! {
    async fn a_tap_appears_on_its_bridge_up_and_with_its_mtu() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap())]).await;

        let link = ip_json(&["link", "show", "dev", &device(1)]);
        assert_eq!(link["master"], bridge(1));
        assert_eq!(link["mtu"], 1500);
        assert_eq!((&link["ifalias"], &link["group"]), (&"lepton tap".into(), &PORTS_GROUP.into()));
        assert_eq!(link["linkinfo"]["info_kind"], "tun");
        assert_eq!(link["linkinfo"]["info_data"]["persist"], true);
        assert_eq!(link["linkinfo"]["info_data"]["multi_queue"], false);
        assert!(link["flags"].as_array().unwrap().contains(&"UP".into()), "{link}");
        assert_ne!(link["address"], mac(1), "the bridge would keep the guest's frames for the host");
    }
}

kernel_test! {
    async fn a_bridge_forwards_at_once_and_keeps_its_own_mac() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap())]).await;
        let before = ip_json(&["link", "show", "dev", &bridge(1)]);
        world.converge(&[port(1, 1, tap()), port(2, 1, tap())]).await;
        world.converge(&[port(2, 1, tap())]).await;

        let link = ip_json(&["link", "show", "dev", &bridge(1)]);
        assert_eq!(link["address"], before["address"]);
        assert_eq!(link["ifindex"], before["ifindex"]);
        assert_eq!((&link["ifalias"], &link["group"]), (&"lepton bridge".into(), &"default".into()));
        assert_eq!(link["linkinfo"]["info_data"]["stp_state"], 0);
        assert_eq!(link["linkinfo"]["info_data"]["forward_delay"], 0);
        assert_eq!(link["linkinfo"]["info_data"]["no_linklocal_learn"], 1);
        assert_eq!(link["linkinfo"]["info_data"]["mcast_snooping"], 0);
    }
}

kernel_test! {
    async fn a_bridge_that_somebody_makes_snoop_or_span_is_noticed_and_made_plain_again() {
        let mut world = World::new();
        let ports = [port(1, 1, tap()), port(2, 1, tap())];
        world.converge(&ports).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        guest.until_reaches(&other).await;
        let plain = ip_json(&["link", "show", "dev", &bridge(1)])["linkinfo"]["info_data"].clone();

        let damages = [["mcast_snooping", "1"], ["stp_state", "1"], ["forward_delay", "1500"], ["no_linklocal_learn", "0"]];
        for [option, value] in damages {
            ip(&["link", "set", &bridge(1), "type", "bridge", option, value]);
            timeout(Duration::from_secs(5), world.plug.changed()).await.unwrap_or_else(|_| panic!("{option} goes unnoticed"));
            assert_eq!(world.converge(&ports).await.len(), 1, "{option}");
            let after = &ip_json(&["link", "show", "dev", &bridge(1)])["linkinfo"]["info_data"];
            for [option, _] in damages {
                assert_eq!(after[option], plain[option], "{option}");
            }
        }
        guest.until_reaches(&other).await;
    }
}

kernel_test! {
    async fn the_host_has_no_address_on_tenants_networks() {
        let (mut world, first, second) = World::with_two_containers().await;
        first.ping(&second, Duration::from_secs(5)).await;
        world.converge(&[port(1, 1, veth(&first.netns)), port(2, 1, veth(&second.netns)), port(3, 1, tap())]).await;
        let _vm = Vm::boot(3);

        for name in [bridge(1), device(1), device(2), device(3)] {
            assert_eq!(ip_json(&["addr", "show", "dev", &name])["addr_info"], serde_json::json!([]), "{name}");
        }
    }
}

kernel_test! {
    async fn a_veths_inner_end_has_the_ports_mac_name_and_mtu() {
        let mut world = World::new();
        let container = Container::new("web1");
        let mut wanted = port(1, 1, veth(&container.netns));
        wanted.mtu = 1400.try_into().unwrap();
        world.converge(&[wanted]).await;

        let outer = ip_json(&["link", "show", "dev", &device(1)]);
        assert_eq!((&outer["master"], &outer["mtu"]), (&bridge(1).into(), &1400.into()));
        let number = world::run("stat", &["-L", "-c", "%i", &container.netns]);
        assert_eq!(outer["ifalias"], format!("lepton {} eth0 {} {}", mac(1), number.trim(), container.netns));
        assert_eq!(ip_json(&["link", "show", "dev", &bridge(1)])["mtu"], 1400);
        let inner = container.ip_json(&["link", "show", "dev", "eth0"]);
        assert_eq!((&inner["address"], &inner["mtu"]), (&mac(1).into(), &1400.into()));
    }
}

kernel_test! {
    async fn two_containers_reach_each_other_over_ipv4_and_ipv6() {
        let (_world, first, second) = World::with_two_containers().await;

        first.ping(&second, Duration::from_secs(5)).await;
        second.ping(&first, Duration::from_secs(5)).await;
    }
}

kernel_test! {
    async fn what_a_guest_sends_under_its_own_names_passes() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap()), port(2, 1, tap())]).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        guest.until_reaches(&other).await;

        for (what, frame) in frame::honest(1) {
            assert!(guest.is_heard_by(&other, &frame).await, "{what}");
        }
    }
}

kernel_test! {
    async fn what_a_guest_sends_under_anothers_name_is_dropped_and_counted() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap()), port(2, 1, tap())]).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        guest.until_reaches(&other).await;

        for (what, reason, frame) in frame::forged(1) {
            let before = counter(reason);
            assert!(!guest.is_heard_by(&other, &frame).await, "{what}");
            assert_eq!(counter(reason), before + 1, "{what} counts as {reason}");
        }
    }
}

kernel_test! {
    async fn a_forged_mac_to_a_reserved_group_address_is_not_learned() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap()), port(2, 1, tap())]).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        guest.until_reaches(&other).await;

        let before = counter("drop_reserved");
        assert!(!guest.is_heard_by(&other, &frame::to_reserved_group(9)).await);
        assert_eq!(counter("drop_reserved"), before + 1);
        let forwarding = world::run("bridge", &["fdb", "show", "br", &bridge(1)]);
        assert!(!forwarding.contains(&mac(9)), "{forwarding}");
    }
}

kernel_test! {
    async fn the_host_itself_neither_answers_a_guest_nor_hears_it() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap()), port(2, 1, tap())]).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        guest.until_reaches(&other).await;
        // A host with an address elsewhere, that routes for others, and has a way back to the guest.
        ip(&["link", "add", "uplink", "type", "veth"]);
        ip(&["addr", "add", "192.0.2.1/24", "dev", "uplink"]);
        ip(&["link", "set", "uplink", "up"]);
        ip(&["route", "add", "10.0.0.0/24", "dev", &bridge(1)]);
        ip(&["neigh", "add", "10.0.0.1", "lladdr", &mac(1), "dev", &bridge(1)]);
        let host = ip_json(&["link", "show", "dev", &bridge(1)])["address"].as_str().unwrap().parse::<MacAddr>();
        let host = host.unwrap().octets();

        let before = counter("drop_host");
        let asked = guest.answers(&frame::who_has(1, [192, 0, 2, 1]), &other).await;
        let pinged = guest.answers(&frame::echo_request(1, host, [192, 0, 2, 1]), &other).await;
        assert_eq!((asked, pinged), (vec![], vec![]));
        assert_eq!(counter("drop_host"), before + 1, "what was for the host alone is counted");
        let known = ip(&["neigh", "show", "dev", &bridge(1), "nud", "reachable"]);
        assert!(!known.contains("10.0.0.1"), "nor does it learn where the guest is: {known}");
    }
}

kernel_test! {
    async fn a_tap_that_cannot_be_made_names_the_device_that_makes_taps() {
        let mut world = World::new();
        world.converge(&[]).await;
        world::run("mount", &["-t", "tmpfs", "tmpfs", "/dev/net"]);
        let failures = world.try_converge(&[port(1, 1, tap())]).await;
        let words: Vec<String> = failures.iter().map(ToString::to_string).collect();
        assert_eq!(words, [format!(
            "cannot create {}: /dev/net/tun: No such file or directory (os error 2); load the kernel's module tun, or give the container the device",
            device(1),
        )]);
    }
}

kernel_test! {
    async fn a_hypervisor_may_open_the_tap_with_or_without_offloads() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap()), port(2, 1, tap())]).await;
        let (plain, offloading) = (Vm::boot(1), Vm::boot_with_offloads(2));
        offloading.until_reaches(&plain).await;
    }
}

kernel_test! {
    async fn a_restart_changes_nothing_and_loses_no_packet() {
        let (world, first, second) = World::with_two_containers().await;
        let ports = [port(1, 1, veth(&first.netns)), port(2, 1, veth(&second.netns))];
        first.ping(&second, Duration::from_secs(5)).await;
        let (links, rules) = (ip(&["link"]), nft(&["-a", "list", "table", "bridge", "lepton"]));
        drop(world);

        let mut pings = first.flood(&second, 2_000);
        let mut restarts = 0;
        while pings.is_running() {
            let mut world = World::new();
            assert_eq!(world.converge(&ports).await, []);
            restarts += 1;
        }
        pings.assert_none_lost();
        assert!(restarts > 1, "the pings outlast a restart");
        assert_eq!(ip(&["link"]), links);
        let without_counters = |text: &str| text.lines().filter(|line| !line.contains("packets")).collect::<Vec<_>>().join("\n");
        assert_eq!(without_counters(&nft(&["-a", "list", "table", "bridge", "lepton"])), without_counters(&rules));
    }
}

kernel_test! {
    async fn loading_the_table_again_loses_no_packet_and_keeps_the_counters() {
        let (mut world, first, second) = World::with_two_containers().await;
        first.ping(&second, Duration::from_secs(5)).await;
        first.send_from_foreign_address(&second).await;
        let dropped = counter("drop_ipv4");
        assert!(dropped > 0);

        let mut pings = first.flood(&second, 2_000);
        let filters = world.plug.observe().await.unwrap().filters;
        while pings.is_running() {
            assert_eq!(world.plug.apply(&[Action::LoadFilters { filters: filters.clone() }]).await, [Ok(())]);
        }
        pings.assert_none_lost();
        assert_eq!(counter("drop_ipv4"), dropped);
    }
}

kernel_test! {
    async fn nothing_forged_slips_through_while_the_table_is_loaded_again() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap()), port(2, 1, tap())]).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        guest.until_reaches(&other).await;
        let forged = frame::forged(1);
        let before: Vec<u64> = forged.iter().map(|(_, reason, _)| counter(reason)).collect();

        let flood = guest.flood(forged.iter().map(|(_, _, frame)| frame.clone()).collect());
        let filters = world.plug.observe().await.unwrap().filters;
        for _ in 0..RELOADS {
            assert_eq!(world.plug.apply(&[Action::LoadFilters { filters: filters.clone() }]).await, [Ok(())]);
        }
        let (guest, rounds) = flood.stop().await;
        println!("{rounds} rounds of {} forged frames", forged.len());
        assert!(rounds > u64::from(RELOADS), "there were frames under way at each load: {rounds}");

        let heard = guest.heard_so_far(&other).await;
        let slipped: Vec<_> =
            forged.iter().filter(|(_, _, frame)| heard.contains(frame)).map(|(what, ..)| what).collect();
        assert!(slipped.is_empty(), "{slipped:?}");
        for ((what, reason, _), before) in forged.iter().zip(before) {
            let alike = forged.iter().filter(|(_, other, _)| other == reason).count() as u64;
            assert_eq!(counter(reason), before + rounds * alike, "{what} counts as {reason}");
        }
    }
}

kernel_test! {
    async fn a_deleted_tap_and_a_deleted_bridge_come_back_and_are_noticed() {
        let mut world = World::new();
        let ports = [port(1, 1, tap()), port(2, 1, tap())];
        world.converge(&ports).await;

        ip(&["link", "del", &device(1)]);
        timeout(Duration::from_secs(5), world.plug.changed()).await.expect("the kernel tells of it");
        world.converge(&ports).await;
        ip(&["link", "del", &bridge(1)]);
        timeout(Duration::from_secs(5), world.plug.changed()).await.expect("the kernel tells of it");
        world.converge(&ports).await;
        assert_eq!(ip_json(&["link", "show", "dev", &device(2)])["master"], bridge(1));
    }
}

kernel_test! {
    async fn what_is_looked_at_by_its_name_is_seen_as_it_is_and_nothing_else_is() {
        let mut world = World::new();
        let ports = [port(1, 1, tap()), port(2, 1, tap()), port(3, 2, tap())];
        world.converge(&ports).await;
        let desired = HostState::desired(&ports);
        ip(&["link", "del", &device(2)]);
        ip(&["link", "del", &bridge(1)]);
        ip(&["link", "add", &bridge(1), "type", "bridge"]);
        ip(&["link", "set", &bridge(1), "alias", "lepton bridge"]);
        ip(&["link", "set", &device(1), "master", &bridge(1)]);

        let names = [bridge(1), device(1), device(2)].map(|name| name.parse().unwrap()).into();
        let mut state = desired.clone();
        state.renew(&names, world.plug.look_at(&names).await.unwrap());
        assert_eq!(state, world.plug.observe().await.unwrap());
        // What was seen is also known from then on: the bridge by its new index, the device as gone.
        let actions = plan(&desired, &BTreeSet::new(), &state);
        assert!(world.plug.apply(&actions).await.iter().all(Result::is_ok), "{actions:?}");
        assert_eq!(world.plug.observe().await.unwrap(), desired);
    }
}

kernel_test! {
    async fn ones_own_changes_are_no_news() {
        let mut world = World::new();
        let container = Container::new("web1");
        world.converge(&[port(1, 1, tap()), port(2, 1, veth(&container.netns))]).await;
        world.converge(&[port(2, 1, veth(&container.netns))]).await;
        // The guest's carrier makes the kernel speak of the device; and so does a foreign device.
        container.ip(&["link", "set", "eth0", "up"]);
        ip(&["link", "add", "dummy-bridge", "type", "bridge"]);
        // Neither is a foreign table, whatever its name.
        for foreign in ["bridge foreign", "inet lepton"] {
            nft(&["add", "table", foreign]);
            nft(&["add", "set", foreign, "ports", "{ type ifname; }"]);
            nft(&["delete", "table", foreign]);
        }
        assert!(timeout(Duration::from_millis(500), world.plug.changed()).await.is_err());

        ip(&["link", "set", &device(2), "nomaster"]);
        timeout(Duration::from_secs(5), world.plug.changed()).await.expect("somebody else's change is");
    }
}

kernel_test! {
    async fn whatever_happens_to_the_filter_table_is_repaired() {
        let mut world = World::new();
        let ports = [port(1, 1, tap()), port(2, 1, tap())];
        world.converge(&ports).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        guest.until_reaches(&other).await;

        let damages: [&[&str]; 12] = [
            &["flush", "ruleset"],
            &["delete", "table", "bridge", "lepton"],
            &["flush", "chain", "bridge", "lepton", "from_ipv4"],
            &["insert", "rule", "bridge", "lepton", "prerouting", "accept"],
            &["delete", "element", "bridge", "lepton", "ports", "{", &device(1), "}"],
            &["add", "element", "bridge", "lepton", "ipv4s", "{", &device(1), ".", "10.0.0.2", "}"],
            &["flush", "set", "bridge", "lepton", "macs"],
            &["add", "table", "bridge", "lepton", "{ flags dormant; }"],
            &["add", "chain", "bridge", "lepton", "extra"],
            &["add", "chain", "bridge", "lepton", "extra", "{ type filter hook prerouting priority -300; policy drop; }"],
            &["add chain bridge lepton extra; add rule bridge lepton extra accept; insert rule bridge lepton guest jump extra"],
            &["add rule bridge lepton from_arp drop"],
        ];
        for damage in damages {
            nft(damage);
            timeout(Duration::from_secs(5), world.plug.changed()).await.unwrap_or_else(|_| panic!("{damage:?} goes unnoticed"));
            assert_ne!(world.converge(&ports).await, [], "{damage:?}");
            for (what, _, frame) in frame::forged(1) {
                assert!(!guest.is_heard_by(&other, &frame).await, "{what} after {damage:?}");
            }
            assert!(guest.is_heard_by(&other, &frame::honest(1)[0].1).await, "{damage:?}");
            assert!(!nft(&["list", "table", "bridge", "lepton"]).contains("extra"), "{damage:?}");
        }
    }
}

kernel_test! {
    async fn a_stray_chain_goes_in_a_transaction_that_keeps_the_counters_unless_it_is_in_use() {
        let (mut world, first, second) = World::with_two_containers().await;
        let ports = [port(1, 1, veth(&first.netns)), port(2, 1, veth(&second.netns))];
        first.ping(&second, Duration::from_secs(5)).await;
        first.send_from_foreign_address(&second).await;
        let dropped = counter("drop_ipv4");
        assert!(dropped > 0);
        nft(&["add chain bridge lepton a; add chain bridge lepton b; add rule bridge lepton a jump b"]);
        let has_stray = || nft(&["list", "table", "bridge", "lepton"]).contains("chain a {");
        assert!(has_stray());
        world.converge(&ports).await;
        assert!(!has_stray());
        assert_eq!(counter("drop_ipv4"), dropped, "the table is the same one");

        // A map holds on to the chain that it names.
        nft(&["add chain bridge lepton a; add map bridge lepton m { type mark : verdict; elements = { 1 : jump a }; }"]);
        world.converge(&ports).await;
        assert!(!has_stray());
        first.ping(&second, Duration::from_secs(5)).await;
    }
}

kernel_test! {
    async fn a_table_of_our_name_and_another_shape_is_made_anew() {
        nft(&["add", "table", "bridge", "lepton"]);
        nft(&["add", "set", "bridge", "lepton", "ports", "{ type ipv4_addr; }"]);
        let mut world = World::new();
        world.converge(&[port(1, 1, tap())]).await;
        assert!(nft(&["list", "set", "bridge", "lepton", "ports"]).contains(&device(1)));
    }
}

kernel_test! {
    async fn an_mtu_changes_in_place() {
        let mut world = World::new();
        let with_mtu = |bytes: u32| {
            let mut port = port(1, 1, tap());
            port.mtu = bytes.try_into().unwrap();
            [port]
        };
        world.converge(&with_mtu(1500)).await;
        let before = ip_json(&["link", "show", "dev", &device(1)]);
        for bytes in [9000, 1280] {
            world.converge(&with_mtu(bytes)).await;
            let after = ip_json(&["link", "show", "dev", &device(1)]);
            assert_eq!(after["ifindex"], before["ifindex"]);
            assert_eq!(after["mtu"], bytes);
            assert_eq!(ip_json(&["link", "show", "dev", &bridge(1)])["mtu"], bytes);
        }
    }
}

kernel_test! {
    async fn an_mtu_too_small_for_ipv6_is_set_and_left_again_without_an_address_for_the_host() {
        let mut world = World::new();
        let container = Container::new("web1");
        let with_mtu = |bytes: u32| {
            let mut ports = [port(1, 1, tap()), port(2, 1, veth(&container.netns))];
            ports.iter_mut().for_each(|port| port.mtu = bytes.try_into().unwrap());
            ports
        };
        let names = [bridge(1), device(1), device(2)];
        world.converge(&with_mtu(68)).await;
        let _vm = Vm::boot(1); // its carrier is what the kernel gives addresses for
        let before = names.clone().map(|name| ip_json(&["link", "show", "dev", &name])["ifindex"].clone());
        for bytes in [576, 1500, 1279, 1280, 68, 9000] {
            world.converge(&with_mtu(bytes)).await;
            for (name, before) in names.iter().zip(&before) {
                let link = ip_json(&["addr", "show", "dev", name]);
                assert_eq!((&link["ifindex"], &link["mtu"]), (before, &bytes.into()), "{name}");
                assert_eq!(link["addr_info"], serde_json::json!([]), "{name} with {bytes}");
                assert!(link["flags"].as_array().unwrap().contains(&"UP".into()), "{link}");
            }
        }
    }
}

kernel_test! {
    async fn an_mtu_that_somebody_made_too_small_for_ipv6_is_repaired() {
        let mut world = World::new();
        let ports = [port(1, 1, tap()), port(2, 1, tap())];
        world.converge(&ports).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        for name in [bridge(1), device(1)] {
            for damage in [&["mtu", "1000"][..], &["mtu", "68", "down"], &["down"]] {
                ip(&[&["link", "set", "dev", &*name], damage].concat());
                timeout(Duration::from_secs(5), world.plug.changed()).await.expect("the kernel tells of it");
                assert_ne!(world.converge(&ports).await, [], "{name} {damage:?}");
                guest.until_reaches(&other).await;
                assert_eq!(ip_json(&["addr", "show", "dev", &name])["addr_info"], serde_json::json!([]), "{name}");
            }
        }
    }
}

kernel_test! {
    async fn a_port_on_another_bridge_is_moved_under_its_hypervisor() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap()), port(2, 2, tap())]).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        world.converge(&[port(1, 2, tap()), port(2, 2, tap())]).await;
        guest.until_reaches(&other).await;
        ip(&["link", "add", "foreign", "type", "bridge"]);
        ip(&["link", "set", &device(1), "master", "foreign"]);
        world.converge(&[port(1, 2, tap()), port(2, 2, tap())]).await;
        guest.until_reaches(&other).await;
    }
}

kernel_test! {
    async fn a_hundred_ports_are_plugged_and_unplugged() {
        let mut world = World::new();
        let ports: Vec<_> = (1..=100).map(|number| port(number, number % 5, tap())).collect();
        world.converge(&ports).await;
        assert_eq!(world.plug.observe().await.unwrap(), HostState::desired(&ports));

        let half = &ports[..50];
        world.converge(half).await;
        assert_eq!(world.plug.observe().await.unwrap(), HostState::desired(half));

        world.converge(&[]).await;
        assert_eq!(world.plug.observe().await.unwrap(), HostState::desired([]));
        assert!(!ip(&["link"]).contains("tap0"), "nothing of ours is left");
    }
}

kernel_test! {
    async fn more_ports_than_fit_one_transaction_are_filtered_all_the_same() {
        let mut world = World::new();
        // Without rights over the whole machine, as here, the kernel takes about 400 ports at once.
        let filters = (0_u16..1000).map(|number| {
            let [high, low] = number.to_be_bytes();
            let mac = MacAddr::from([0xfa, 0x16, 0x3e, 0, high, low]);
            let address = [10, 0, high, low].into();
            (format!("tap{number:08x}-00").parse().unwrap(), Filter::new(mac, [address]))
        });
        let filters: BTreeMap<IfName, Filter> = filters.collect();
        let wanted = HostState { filters, is_filtering: true, ..HostState::default() };

        let load = plan(&wanted, &NOTHING, &world.plug.observe().await.unwrap());
        assert!(matches!(load.as_slice(), [Action::LoadFilters { .. }]));
        assert_eq!(world.plug.apply(&load).await, [Ok(())]);
        assert_eq!(world.plug.observe().await.unwrap(), wanted);

        let none = HostState { filters: BTreeMap::new(), ..wanted.clone() };
        for (from, to) in [(&wanted, &none), (&none, &wanted)] {
            assert!(world.plug.apply(&plan(to, &NOTHING, from)).await.iter().all(Result::is_ok));
            assert_eq!(&world.plug.observe().await.unwrap(), to);
        }
    }
}

kernel_test! {
    async fn what_is_no_namespace_is_reported_with_its_path_and_stops_nobody_else() {
        let mut world = World::new();
        world::run("mkfifo", &["/run/netns/fifo"]); // who opens it to read waits for a writer, for ever
        let paths = ["/run/netns/nobody", "/dev/null", "/run/netns/fifo", "/run/netns"];
        let mut ports = vec![port(1, 1, tap())];
        ports.extend((2..).zip(paths).map(|(number, path)| port(number, 1, veth(path))));
        let failures = timeout(Duration::from_secs(5), world.try_converge(&ports)).await.expect("nothing is waited for");

        let words: Vec<String> = failures.iter().map(ToString::to_string).collect();
        assert_eq!(words[0], "cannot open /run/netns/nobody: No such file or directory (os error 2)");
        let other = paths[1..].iter().map(|path| format!("cannot open {path}: it is no network namespace"));
        assert!(words[1..].iter().cloned().eq(other), "{words:?}");
        assert_eq!(ip_json(&["link", "show", "dev", &device(1)])["master"], bridge(1));
    }
}

kernel_test! {
    async fn a_namespace_whose_file_system_does_not_answer_stops_nobody_else() {
        let mut world = World::new();
        let Some(stuck) = StuckFolder::mount("/run/stuck") else {
            // No part of what Lepton needs: containers that may do all the rest have no /dev/fuse.
            eprintln!("SKIPPED: FUSE cannot be mounted here, so no file system can be made that does not answer");
            return;
        };
        let ports = [port(1, 1, tap()), port(2, 1, veth("/run/stuck/web")), port(3, 1, tap())];
        let failures = timeout(Duration::from_secs(30), world.try_converge(&ports)).await.expect("it is given up");

        let words: Vec<String> = failures.iter().map(ToString::to_string).collect();
        assert_eq!(words, [format!("cannot plug {}: no end after 10 s", device(2))]);
        for number in [1, 3] {
            assert_eq!(ip_json(&["link", "show", "dev", &device(number)])["master"], bridge(1));
        }
        drop(stuck);
    }
}

kernel_test! {
    async fn the_kernels_explanation_is_part_of_the_error() {
        let mut world = World::new();
        let mut wanted = port(1, 1, tap());
        wanted.mtu = 65_535.try_into().unwrap(); // a tap carries at most 65,521 bytes
        let failures = world.try_converge(&[wanted]).await;
        assert_eq!(failures.len(), 1);
        assert!(failures[0].words.contains("mtu greater than device maximum"), "{}", failures[0]);
    }
}

kernel_test! {
    async fn a_containers_end_takes_the_port_with_it_and_a_new_namespace_gets_it_again() {
        let mut world = World::new();
        let container = Container::new("web1");
        let ports = [port(1, 1, veth(&container.netns))];
        world.converge(&ports).await;

        container.stop();
        timeout(Duration::from_secs(5), world.plug.changed()).await.expect("the kernel tells of it");
        let container = Container::new("web1");
        world.converge(&ports).await;
        assert_eq!(container.ip_json(&["link", "show", "dev", "eth0"])["address"], mac(1));
    }
}

kernel_test! {
    async fn another_namespace_under_the_same_path_gets_the_port_though_the_old_one_lives() {
        let mut world = World::new();
        let old = Container::new("web1");
        let ports = [port(1, 1, veth(&old.netns))];
        world.converge(&ports).await;
        let old = old.elsewhere("old1");
        assert_eq!(world.plan(&ports).await, [], "no namespace under the path proves nothing");
        let new = Container::new("web1");
        world.converge(&ports).await;

        assert_eq!(new.ip_json(&["link", "show", "dev", "eth0"])["address"], mac(1));
        assert!(!old.ip(&["-o", "link"]).contains("eth0"));
        assert!(!new.ip(&["-o", "link"]).contains("eth1"));
        ip(&["link", "set", &device(1), "mtu", "1000"]);
        world.converge(&ports).await; // in place, with its alias
    }
}

kernel_test! {
    async fn new_addresses_are_filtered_without_touching_the_device() {
        let mut world = World::new();
        let mut ports = [port(1, 1, tap()), port(2, 1, tap())];
        world.converge(&ports).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        guest.until_reaches(&other).await;
        let as_seven = frame::ipv4(mac_bytes(1), [10, 0, 0, 7]);
        assert!(!guest.is_heard_by(&other, &as_seven).await);

        ports[0].addresses = [addresses(1), vec!["10.0.0.7".parse().unwrap()]].concat();
        let actions = world.converge(&ports).await;
        assert!(matches!(actions.as_slice(), [Action::SetFilter { .. }]), "{actions:?}");
        assert!(guest.is_heard_by(&other, &as_seven).await);
    }
}

kernel_test! {
    async fn a_refused_filter_keeps_the_port_unplugged() {
        let mut world = World::new();
        world.converge(&[]).await;
        nft(&["delete", "table", "bridge", "lepton"]); // after the observation that the plan is made from
        let wanted = HostState::desired(&[port(1, 1, tap())]);
        let actions = plan(&wanted, &NOTHING, &HostState::desired([]));
        let outcomes = world.plug.apply(&actions).await;

        assert!(outcomes[0].as_ref().unwrap_err().words.contains("No such file or directory"), "{outcomes:?}");
        assert!(outcomes[2].as_ref().unwrap_err().words.contains("has no filter"), "{outcomes:?}");
        assert!(!ip(&["link"]).contains(&device(1)));
    }
}

fn mac_bytes(number: u8) -> [u8; 6] {
    [0xfa, 0x16, 0x3e, 0, 0, number]
}

kernel_test! {
    async fn a_network_that_comes_back_to_the_host_is_plugged_into_its_new_bridge() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap())]).await;
        // As the agent does between two looks at the host: it trusts what was acknowledged.
        let mut state = world.plug.observe().await.unwrap();
        let released = [port(1, 1, tap()).device].into();
        for ports in [&[][..], &[port(2, 1, tap())]] {
            let actions = plan(&HostState::desired(ports), &released, &state);
            for (action, outcome) in actions.iter().zip(world.plug.apply(&actions).await) {
                outcome.unwrap_or_else(|error| panic!("{action}: {error}"));
                state.apply(action).unwrap();
            }
        }
        assert_eq!(ip_json(&["link", "show", "dev", &device(2)])["master"], bridge(1));
    }
}
