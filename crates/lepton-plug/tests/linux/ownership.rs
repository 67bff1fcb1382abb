//! What is ours and what is not, and what removal needs.

use std::time::Duration;

use lepton_plan::{Action, Filter, HostState, orphans, plan};
use lepton_plug::{Plug, linux::Linux};
use lepton_testkit::kernel_test;
use tokio::time::timeout;

use crate::{
    NOTHING, PORTS_GROUP, frame,
    guest::{Container, Vm},
    world::{World, bridge, counter, device, ip, ip_json, mac, nft, port, tap, veth},
};

/// Everything about a link but its statistics and its timers.
fn link(name: &str) -> String {
    let all = ip(&["-d", "link", "show", "dev", name]);
    let words: Vec<&str> = all.split_whitespace().collect();
    let is_timed = |at: usize| words[at].ends_with("_timer") || (at > 0 && words[at - 1].ends_with("_timer"));
    (0..words.len()).filter(|at| !is_timed(*at)).map(|at| words[at]).collect::<Vec<_>>().join(" ")
}

fn is_there(name: &str) -> bool {
    ip(&["-o", "link"]).contains(&format!(" {name}: "))
}

/// A tap on a bridge with the names that Neutron's Linux bridge agent gives, which are of our form.
fn neutrons_devices() -> [String; 2] {
    let names = [device(7), bridge(7)];
    ip(&["link", "add", &names[1], "type", "bridge"]);
    ip(&["tuntap", "add", "dev", &names[0], "mode", "tap"]);
    ip(&["link", "set", &names[0], "master", &names[1], "up"]);
    names
}

kernel_test! {
    async fn what_does_not_bear_our_names_is_not_touched() {
        for name in ["tap0", "tapfoo"] {
            ip(&["tuntap", "add", "dev", name, "mode", "tap"]);
        }
        ip(&["link", "add", "brq-foo", "type", "bridge"]);
        ip(&["link", "set", "tap0", "master", "brq-foo"]);
        nft(&["add", "table", "bridge", "foreign"]);
        nft(&["add", "chain", "bridge", "foreign", "c", "{ type filter hook forward priority 0; }"]);
        let mut world = World::new();
        let ports = [port(1, 1, tap())];
        world.converge(&ports).await;
        let show = || (link("tap0"), link("tapfoo"), link("brq-foo"), nft(&["list", "table", "bridge", "foreign"]));
        let before = show();

        assert_eq!(world.plug.observe().await.unwrap(), HostState::desired(&ports));
        world.converge(&[]).await;
        assert_eq!(show(), before);
        assert!(!is_there(&bridge(1)), "ours are gone");
    }
}

kernel_test! {
    async fn neutrons_devices_are_strangers_and_stay_as_they_are() {
        let names = neutrons_devices();
        let before = [link(&names[0]), link(&names[1])];
        let mut world = World::new();
        world.converge(&[port(1, 1, tap())]).await;

        let observed = world.plug.observe().await.unwrap();
        assert_eq!(observed.strangers, names.iter().map(|name| name.parse().unwrap()).collect());
        assert_eq!(HostState { strangers: NOTHING, ..observed }, HostState::desired(&[port(1, 1, tap())]));
        nft(&["flush", "ruleset"]);
        world.converge(&[]).await;
        assert_eq!([link(&names[0]), link(&names[1])], before);
        assert!(!nft(&["list", "table", "bridge", "lepton"]).contains(&names[0]), "nor is it filtered");
    }
}

kernel_test! {
    async fn a_port_whose_name_a_stranger_bears_fails_with_words_and_alone() {
        let names = neutrons_devices();
        let before = [link(&names[0]), link(&names[1])];
        let mut world = World::new();
        let ports = [port(7, 1, tap()), port(2, 7, tap()), port(3, 1, tap())];
        let failures = world.try_converge(&ports).await;

        let words: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let expected = |verb: &str, name: &str| {
            format!("cannot {verb} {name}: a device called {name} is there that is not Lepton's, for it has no alias 'lepton …'; rename or delete it")
        };
        assert_eq!(words[0], expected("create", &names[1]));
        assert!(words.contains(&expected("plug", &names[0])), "{words:?}");
        assert_eq!([link(&names[0]), link(&names[1])], before);
        assert!(!nft(&["list", "table", "bridge", "lepton"]).contains(&names[0]));
        assert_eq!(ip_json(&["link", "show", "dev", &device(3)])["master"], bridge(1));
    }
}

kernel_test! {
    async fn a_stranger_that_comes_or_goes_under_a_ports_name_is_noticed() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap())]).await;
        for stranger in [&["tuntap", "add", "dev", &device(7), "mode", "tap"][..], &["link", "del", &device(7)]] {
            ip(stranger);
            timeout(Duration::from_secs(5), world.plug.changed()).await.unwrap_or_else(|_| panic!("{stranger:?}"));
            world.converge(&[port(1, 1, tap())]).await;
            let silence = timeout(Duration::from_millis(200), world.plug.changed()).await;
            assert!(silence.is_err(), "{stranger:?} is news once");
        }
    }
}

kernel_test! {
    async fn a_tap_that_appeared_since_the_host_was_looked_at_is_not_taken_over() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap())]).await;
        let actions = world.plan(&[port(1, 1, tap()), port(2, 1, tap())]).await;
        ip(&["tuntap", "add", "dev", &device(2), "mode", "tap"]);
        let before = link(&device(2));

        let outcomes = world.plug.apply(&actions).await;
        let words = outcomes.last().unwrap().as_ref().unwrap_err().to_string();
        assert_eq!(words, format!("cannot create {}: a tap of this name is there already", device(2)));
        assert_eq!(link(&device(2)), before);
    }
}

kernel_test! {
    async fn a_device_that_nobody_names_keeps_its_bridge_and_its_filter_whatever_becomes_of_the_table() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap()), port(2, 1, tap())]).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        guest.until_reaches(&other).await;
        let before = [link(&device(1)), link(&device(2)), link(&bridge(1))];
        drop(world);

        // Another ledger, or the same host under another name: it wants something else and has released nothing.
        let ports = [port(3, 3, tap())];
        let mut plug = Linux::open().unwrap();
        for damage in [&["list", "ruleset"][..], &["flush", "chain", "bridge", "lepton", "from_ipv4"], &["flush", "ruleset"]] {
            nft(damage);
            let observed = plug.observe().await.unwrap();
            let wanted = HostState::desired(&ports);
            assert_eq!(orphans(&wanted, &NOTHING, &observed).len(), 2, "{damage:?}");
            for outcome in plug.apply(&plan(&wanted, &NOTHING, &observed)).await {
                outcome.unwrap();
            }
            assert_eq!([link(&device(1)), link(&device(2)), link(&bridge(1))], before, "{damage:?}");
            assert!(guest.is_heard_by(&other, &frame::honest(1)[0].1).await, "{damage:?}");
            for (what, _, frame) in frame::forged(1) {
                assert!(!guest.is_heard_by(&other, &frame).await, "{what} after {damage:?}");
            }
        }
    }
}

kernel_test! {
    async fn a_renamed_port_can_send_nothing_and_an_operators_uplink_everything() {
        let mut world = World::new();
        let ports = [port(1, 1, tap()), port(2, 1, tap()), port(3, 1, tap())];
        world.converge(&ports).await;
        let (guest, other, third) = (Vm::boot(1), Vm::boot(2), Vm::boot(3));
        guest.until_reaches(&other).await;
        ip(&["link", "set", &device(1), "down"]);
        ip(&["link", "set", &device(1), "name", "evil0"]);
        ip(&["link", "set", "evil0", "up"]);

        for is_mended in [false, true] {
            let before = counter("drop_port");
            for (what, frame) in frame::honest(1).into_iter().chain([("another's name", frame::ipv4([2; 6], [10, 0, 0, 9]))]) {
                assert!(!guest.is_heard_before(&third, &other, &frame).await, "{what}");
            }
            assert!(counter("drop_port") > before);
            assert_eq!(world.converge(&ports).await.is_empty(), is_mended, "the port gets a device again");
        }
        world.converge(&[]).await;
        assert_eq!(ip_json(&["link", "show", "dev", "evil0"])["master"], bridge(1), "nobody knows who uses it");

        // What is not ours is the operator's own.
        ip(&["link", "set", "evil0", "alias", "uplink", "group", "default"]);
        world.converge(&ports[1..]).await;
        let (other, third) = (Vm::boot(2), Vm::boot(3)); // the taps that they had are gone
        third.until_reaches(&other).await;
        let heard = async { while !guest.is_heard_before(&third, &other, &frame::ipv4([2; 6], [192, 0, 2, 1])).await {} };
        timeout(Duration::from_secs(5), heard).await.expect("an uplink is not judged");
    }
}

kernel_test! {
    async fn a_veth_that_somebody_renames_gets_its_name_back_and_no_second_one_is_made() {
        let mut world = World::new();
        let (container, other) = (Container::new("web1"), Container::new("web2"));
        let ports = [port(1, 1, veth(&container.netns)), port(2, 1, veth(&other.netns))];
        world.converge(&ports).await;
        let before = link(&device(1));
        for name in ["evil0", "evil1"] {
            ip(&["link", "set", &device(1), "down"]);
            ip(&["link", "set", &device(1), "name", name]);
            ip(&["link", "set", name, "up"]);
            timeout(Duration::from_secs(5), world.plug.changed()).await.expect("the kernel tells of it");
            world.converge(&ports).await;
            assert_eq!(link(&device(1)), before);
        }
        // One that is renamed and deleted is made anew.
        ip(&["link", "set", &device(1), "down"]);
        ip(&["link", "set", &device(1), "name", "evil0"]);
        let actions = world.plan(&ports).await;
        ip(&["link", "del", "evil0"]);
        assert!(world.plug.apply(&actions).await.iter().any(Result::is_err));
        world.converge(&ports).await;
        assert_eq!(container.ip_json(&["link", "show", "dev", "eth0"])["address"], mac(1));
    }
}

kernel_test! {
    async fn a_port_that_is_renamed_is_missed_at_once() {
        let mut world = World::new();
        let ports = [port(1, 1, tap()), port(2, 1, tap())];
        world.converge(&ports).await;
        ip(&["link", "set", &device(1), "down"]);
        world.plug.observe().await.unwrap();
        let silence = timeout(Duration::from_millis(200), world.plug.changed()).await;
        assert!(silence.is_err(), "that it is down is known");

        ip(&["link", "set", &device(1), "name", "evil1"]);
        timeout(Duration::from_secs(5), world.plug.changed()).await.expect("the kernel tells of it");
        world.converge(&ports).await;
    }
}

kernel_test! {
    async fn a_port_that_somebody_takes_out_of_its_group_is_noticed_and_put_back_so_that_no_name_hides_it() {
        let mut world = World::new();
        let ports = [port(1, 1, tap()), port(2, 1, tap()), port(3, 1, tap())];
        world.converge(&ports).await;
        let (guest, other, third) = (Vm::boot(1), Vm::boot(2), Vm::boot(3));
        guest.until_reaches(&other).await;
        let before = ip_json(&["link", "show", "dev", &device(1)])["ifindex"].clone();

        ip(&["link", "set", &device(1), "group", "default"]);
        timeout(Duration::from_secs(5), world.plug.changed()).await.expect("the kernel tells of it");
        assert_eq!(world.converge(&ports).await.len(), 1);
        let link = ip_json(&["link", "show", "dev", &device(1)]);
        assert_eq!((&link["group"], &link["ifindex"]), (&PORTS_GROUP.into(), &before));

        ip(&["link", "set", &device(1), "down"]);
        ip(&["link", "set", &device(1), "name", "evil0"]);
        ip(&["link", "set", "evil0", "up"]);
        for (what, frame) in frame::honest(1) {
            assert!(!guest.is_heard_before(&third, &other, &frame).await, "{what}");
        }
    }
}

kernel_test! {
    async fn a_port_whose_alias_somebody_takes_off_is_noticed_and_marked_again_where_it_is() {
        let mut world = World::new();
        let ports = [port(1, 1, tap()), port(2, 1, tap())];
        world.converge(&ports).await;
        let (guest, other) = (Vm::boot(1), Vm::boot(2));
        guest.until_reaches(&other).await;
        let before = link(&device(1));

        ip(&["link", "set", &device(1), "alias", ""]);
        timeout(Duration::from_secs(5), world.plug.changed()).await.expect("the kernel tells of it");
        for (what, _, frame) in frame::forged(1) {
            assert!(!guest.is_heard_by(&other, &frame).await, "{what}");
        }
        nft(&["flush", "ruleset"]); // a device that lost its mark is filtered all the same
        assert_eq!(world.converge(&ports).await.len(), 2);
        assert_eq!(link(&device(1)), before);
        guest.until_reaches(&other).await; // through the tap that it has open
        world.converge(&ports[1..]).await;
        assert!(!is_there(&device(1)));
    }
}

kernel_test! {
    async fn what_lost_its_alias_and_something_else_is_left_alone_and_said_to_be_anothers() {
        let mut world = World::new();
        let container = Container::new("web1");
        let ports = [port(1, 1, tap()), port(2, 1, tap()), port(3, 1, veth(&container.netns)), port(4, 1, tap()), port(5, 1, tap())];
        world.converge(&ports).await;
        ip(&["link", "set", &device(1), "group", "default"]);
        ip(&["link", "set", &device(2), "nomaster"]);
        for number in 1..=4 {
            ip(&["link", "set", &device(number), "alias", ""]);
        }
        let before: Vec<String> = (1..=4).map(|number| link(&device(number))).collect();

        // The third is a veth: what its other end was handed over as was in the alias. The fourth is released.
        let wanted = [port(1, 1, tap()), port(2, 1, tap()), port(3, 1, veth(&container.netns)), port(5, 1, tap())];
        let failures = world.try_converge(&wanted).await;
        let words: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let expected = [1, 2, 3].map(|number| {
            let name = device(number);
            format!("cannot plug {name}: a device called {name} is there that is not Lepton's, for it has no alias 'lepton …'; rename or delete it")
        });
        assert_eq!(words, expected);
        world.try_converge(&[]).await;
        assert_eq!((1..=4).map(|number| link(&device(number))).collect::<Vec<_>>(), before);
        assert!(!is_there(&device(5)));
    }
}

kernel_test! {
    async fn a_bridge_that_others_are_plugged_into_outlives_its_ports() {
        let mut world = World::new();
        world.converge(&[port(1, 1, tap()), port(2, 2, tap())]).await;
        for name in ["uplink1", "uplink2"] {
            ip(&["link", "add", name, "type", "veth"]);
        }
        ip(&["link", "set", "uplink1", "master", &bridge(1)]);
        let actions = world.plan(&[]).await;
        assert!(actions.iter().all(|action| action.subject().is_none_or(|subject| subject.as_str() != bridge(1))));
        ip(&["link", "set", "uplink2", "master", &bridge(2)]); // after the look at the host

        let outcomes = world.plug.apply(&actions).await;
        let failed: Vec<String> = outcomes.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
        assert_eq!(failed, [format!("cannot delete {}: uplink2 is plugged into it", bridge(2))]);
        world.converge(&[]).await;
        for (uplink, number) in [("uplink1", 1), ("uplink2", 2)] {
            assert_eq!(ip_json(&["link", "show", "dev", uplink])["master"], bridge(number));
            ip(&["link", "set", uplink, "nomaster"]);
        }
        world.converge(&[]).await;
        assert!(!is_there(&bridge(1)) && !is_there(&bridge(2)), "they go when the uplinks have gone");
    }
}

kernel_test! {
    async fn what_cannot_be_deleted_stays_in_the_group_that_it_was_in() {
        let mut world = World::new();
        let ports = [port(1, 1, tap()), port(2, 1, tap()), port(3, 1, tap())];
        world.converge(&ports).await;
        world.converge(&ports[..2]).await;
        // The one device that no program can delete.
        ip(&["link", "set", "lo", "down"]);
        ip(&["link", "set", "lo", "name", &device(3), "alias", "lepton tap", "group", PORTS_GROUP]);

        let failures = world.try_converge(&[]).await;
        let words: Vec<String> = failures.iter().map(ToString::to_string).collect();
        assert!(words[0].starts_with(&format!("cannot delete {}: Operation not supported", device(3))), "{words:?}");
        assert_eq!(ip_json(&["link", "show", "dev", &device(3)])["group"], PORTS_GROUP);
        assert!(!is_there(&device(1)) && !is_there(&device(2)), "they are deleted one by one");
    }
}

kernel_test! {
    async fn what_bears_a_bridges_name_and_is_none_has_no_filter() {
        ip(&["tuntap", "add", "dev", &bridge(9), "mode", "tap"]);
        ip(&["link", "set", &bridge(9), "alias", "lepton tap"]);
        let mut world = World::new();
        world.converge(&[port(1, 1, tap())]).await;
        assert!(!nft(&["list", "table", "bridge", "lepton"]).contains(&bridge(9)));
        assert!(is_there(&bridge(9)));
    }
}

kernel_test! {
    async fn what_was_being_made_when_its_maker_died_is_finished_or_made_again() {
        let container = Container::new("web1");
        let making = 0x6c65_7074.to_string();
        ip(&["link", "add", &bridge(1), "group", &making, "type", "bridge"]);
        ip(&["link", "add", &device(2), "group", &making, "type", "veth", "peer", "name", "eth0", "netns", "web1"]);
        // A tap is marked before it is made to stay.
        ip(&["tuntap", "add", "dev", &device(1), "mode", "tap"]);
        ip(&["link", "set", &device(1), "alias", "lepton tap"]);
        let before = [ip_json(&["link", "show", "dev", &bridge(1)]), ip_json(&["link", "show", "dev", &device(1)])];

        let ports = [port(1, 1, tap()), port(2, 1, veth(&container.netns))];
        let mut world = World::new();
        world.converge(&ports).await;
        for ((name, group), before) in [(bridge(1), "default"), (device(1), PORTS_GROUP)].iter().zip(before) {
            let after = ip_json(&["link", "show", "dev", name]);
            assert_eq!((&after["ifindex"], &after["group"]), (&before["ifindex"], &(*group).into()));
        }
        assert_eq!(container.ip_json(&["link", "show", "dev", "eth0"])["address"], mac(2));
        assert!(ip_json(&["link", "show", "dev", &bridge(1)])["ifalias"].is_string());
        world.converge(&[]).await;
        assert!(!is_there(&bridge(1)));
    }
}

kernel_test! {
    async fn names_that_are_not_ours_are_refused_before_anything_is_done() {
        let mut world = World::new();
        world.converge(&[]).await;
        ip(&["tuntap", "add", "dev", "tap0", "mode", "tap"]);
        let forged = "x\"};flush".parse().unwrap();
        let outcomes = world.plug.apply(&[
            Action::Unplug { device: "tap0".parse().unwrap() },
            Action::SetFilter { device: forged, filter: Filter::deny_all() },
        ]).await;
        for outcome in outcomes {
            assert!(outcome.unwrap_err().to_string().ends_with("the name is not one of ours"));
        }
        assert_eq!(ip_json(&["link", "show", "dev", "tap0"])["ifname"], "tap0");
    }
}
