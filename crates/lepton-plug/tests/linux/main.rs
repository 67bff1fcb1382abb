//! The Linux back end against a real kernel, each test in network, mount and user namespaces of its own. Needs no root.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod frame;
mod guest;
mod namespaces;
mod ownership;
mod table;
mod world;

use std::{collections::BTreeSet, time::Duration};

use lepton_plan::{Action, HostState, plan};
use lepton_plug::Plug;
use lepton_testkit::kernel_test;
use lepton_types::{IfName, MacAddr};
use tokio::time::timeout;

use guest::{Container, Vm};
use world::{World, addresses, bridge, counter, device, ip, ip_json, mac, nft, port, tap, veth};

/// What the ledger has released, where that does not matter.
const NOTHING: BTreeSet<IfName> = BTreeSet::new();

/// The group that every port's device is in, as ip prints a number without a name.
const PORTS_GROUP: &str = "1818587248";

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
    async fn what_somebody_forbids_a_port_of_the_bridge_is_news_and_is_mended() {
        let mut world = World::new();
        let container = Container::new("web1");
        let ports = [port(1, 1, tap()), port(2, 1, veth(&container.netns))];
        world.converge(&ports).await;
        container.ip(&["link", "set", "eth0", "up"]);
        let shown = |number| ip_json(&["-details", "link", "show", "dev", &device(number)]);
        let option = |link: &serde_json::Value, name: &str| link["linkinfo"]["info_slave_data"][name].clone();
        while option(&shown(2), "state") != "forwarding" {
            let _ = timeout(Duration::from_millis(50), world.plug.changed()).await;
        }
        let before = [1, 2].map(shown);
        let names = ["hairpin", "isolated", "learning", "flood", "guard", "root_block", "bcast_flood", "locked"];
        for number in [1, 2] {
            for name in names {
                let now = option(&before[usize::from(number) - 1], name);
                let other = if now == true { "off" } else { "on" };
                ip(&["link", "set", "dev", &device(number), "type", "bridge_slave", name, other]);
                timeout(Duration::from_secs(5), world.plug.changed()).await.unwrap_or_else(|_| panic!("{name}"));
                assert_eq!(world.converge(&ports).await.len(), 1, "{name}");
                assert_eq!(option(&shown(number), name), now, "{name}");
            }
        }
        // Of the tap, which nobody has open, the bridge forwards nothing, and that is no fault.
        assert_eq!(option(&before[0], "state"), "disabled");
        // The kernel itself undoes what `ip link set … state 0` does.
        world::run("bridge", &["link", "set", "dev", &device(2), "state", "0"]);
        timeout(Duration::from_secs(5), world.plug.changed()).await.expect("it was cut off");
        world.converge(&ports).await;
        assert_eq!(option(&shown(2), "state"), "forwarding");
        assert!(world.converge(&ports).await.is_empty());
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
