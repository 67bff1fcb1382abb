//! The filter table as a whole: loaded, listed, damaged and repaired.

use std::{collections::BTreeMap, time::Duration};

use lepton_plan::{Action, Filter, HostState, plan};
use lepton_plug::{Plug, linux::Linux};
use lepton_testkit::kernel_test;
use lepton_types::{IfName, MacAddr};
use tokio::time::timeout;

use crate::{
    NOTHING, frame,
    guest::Vm,
    world::{self, World, counter, device, ip, nft, port, tap, veth},
};

/// How often the filter table is loaded under a flood of forged frames; each takes some milliseconds.
const RELOADS: u32 = 150;

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
    async fn a_rule_that_does_something_else_under_our_comment_is_repaired_at_the_start_too() {
        let mut world = World::new();
        let ports = [port(1, 1, tap()), port(2, 1, tap())];
        world.converge(&ports).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        guest.until_reaches(&other).await;

        let list = || nft(&["list", "table", "bridge", "lepton"]);
        for (rule, another) in
            [("iifname @ports goto guest", "iifname @ports accept"), ("\"drop_mac\" drop", "\"drop_mac\" accept")]
        {
            let loaded = list();
            assert!(loaded.contains(rule), "{rule} in {loaded}");
            nft(&["delete table bridge lepton;", &loaded.replace(rule, another)]);
            assert!(list().contains(another), "{another}");
            assert_ne!(World::new().plan(&ports).await, [], "{another} at the start");
            timeout(Duration::from_secs(5), world.plug.changed()).await.unwrap_or_else(|_| panic!("{another} goes unnoticed"));
            assert_ne!(world.converge(&ports).await, [], "{another}");
            for (what, _, frame) in frame::forged(1) {
                assert!(!guest.is_heard_by(&other, &frame).await, "{what} after {another}");
            }
            assert_eq!(World::new().plan(&ports).await, [], "what was repaired is as it was loaded");
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
    async fn a_table_that_cannot_be_listed_is_not_taken_for_one_that_is_gone() {
        let mut world = World::new();
        let ports = [port(1, 1, tap()), port(2, 1, tap())];
        world.converge(&ports).await;
        let program = world::run("sh", &["-c", "command -v nft"]);
        world::run("mount", &["--bind", "/bin/false", program.trim()]);
        for mut plug in [world.plug, Linux::open().unwrap()] {
            let words = plug.observe().await.unwrap_err().to_string();
            assert_eq!(words, "cannot list nftables table bridge lepton: nft ended with exit status: 1");
        }

        world::run("umount", &[program.trim()]);
        assert_eq!(World::new().plan(&ports).await, []);
        nft(&["delete", "table", "bridge", "lepton"]);
        assert_ne!(World::new().plan(&ports).await, []);
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
