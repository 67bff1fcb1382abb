//! Namespaces that veths are handed over to: what is under their paths, and what is not.

use std::time::Duration;

use lepton_plug::Plug;
use lepton_testkit::kernel_test;
use tokio::time::timeout;

use crate::{
    guest::{Container, StuckFolder},
    world::{self, World, bridge, device, ip, ip_json, mac, port, tap, veth},
};

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
    async fn a_guest_device_whose_name_is_taken_is_told_with_its_namespace() {
        let mut world = World::new();
        let container = Container::new("web");
        container.ip(&["link", "add", "eth0", "type", "bridge"]);
        let failures = world.try_converge(&[port(1, 1, veth(&container.netns))]).await;
        let words = format!("cannot create {} with its inner end eth0 in /run/netns/web: File exists", device(1));
        assert!(failures[0].to_string().starts_with(&words), "{failures:?}");
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
        for (limit, is_first) in [(Duration::from_secs(5), true), (Duration::from_millis(500), false)] {
            let failures = timeout(limit, world.try_converge(&ports)).await.expect("it is given up");
            let words: Vec<String> = failures.iter().map(ToString::to_string).collect();
            assert_eq!(words, ["cannot open /run/stuck/web: its file system does not answer"], "first: {is_first}");
            for number in [1, 3] {
                assert_eq!(ip_json(&["link", "show", "dev", &device(number)])["master"], bridge(1));
            }
            assert_eq!(threads("netns"), 1);
        }
        drop(stuck);
    }
}

kernel_test! {
    async fn a_namespace_that_cannot_be_looked_at_blinds_nobody_for_the_others() {
        let (mut world, first, second) = World::with_two_containers().await;
        // Its path is looked at before that of the others.
        let Some(_stuck) = StuckFolder::mount("/run/aaa") else {
            eprintln!("SKIPPED: FUSE cannot be mounted here, so no file system can be made that does not answer");
            return;
        };
        ip(&["link", "set", &device(2), "alias", &format!("lepton {} eth0 1 /run/aaa/web", mac(2))]);
        let ports = [port(1, 1, veth(&first.netns)), port(2, 1, veth("/run/aaa/web"))];
        assert_eq!(world.plan(&ports).await, []);

        let _old = first.elsewhere("old1");
        let new = Container::new("first");
        world.converge(&ports).await;
        assert_eq!(new.ip_json(&["link", "show", "dev", "eth0"])["address"], mac(1));
        drop(second);
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

/// The threads of this process that have this name.
fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|found| found.trim() == name).count()
}
