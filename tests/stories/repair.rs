//! What somebody removed comes back; what is not Lepton's is left alone.

use std::time::{Duration, Instant};

use lepton_testkit::kernel_test;

use crate::{
    daemon::{Place, eventually},
    kernel::{bare_filter, filter, finds, has_filter, links, own_links, run},
    words::{addresses, boot_and_wait, network},
};

/// Devices and tables of others', some of them with names like ours.
fn foreign_things() {
    for line in [
        "ip link add br0 type bridge",
        "ip link add veth-a master br0 type veth peer name veth-b",
        "ip tuntap add dev mytap0 mode tap",
        // As Neutron's Linux bridge agent names its own.
        "ip link add brq11111111-22 type bridge",
        "ip tuntap add dev tap11111111-22 mode tap",
        "ip link set tap11111111-22 master brq11111111-22 up",
        "nft add table inet filter",
        "nft add chain inet filter input",
        "nft add rule inet filter input accept",
        "nft add table bridge other",
    ] {
        run(line);
    }
}

/// All that is not ours, as the kernel shows it.
fn foreign() -> (Vec<(String, u64)>, [String; 2]) {
    let own = own_links();
    let others = links().into_iter().filter(|(name, _)| !own.contains_key(name)).collect();
    (others, ["nft -a list table inet filter", "nft -a list table bridge other"].map(run))
}

kernel_test! {
    async fn what_is_removed_comes_back_and_foreign_things_stay_as_they_are() {
        foreign_things();
        let before = foreign();
        let place = Place::with_kernel();
        let daemon = place.start().await;
        network(&mut place.client().await, "blue", &["10.1.0.0/24", "fd00:1::/64"]).await;
        let hypervisor = place.hypervisor(5).await;
        let one = hypervisor.boot(boot_and_wait()).await.unwrap();
        let other = hypervisor.boot(boot_and_wait()).await.unwrap();
        let (names, rules) = (own_links().into_keys().collect::<Vec<_>>(), bare_filter());
        assert_eq!(names.len(), 3);

        let is_repaired = async |what: &str| {
            eventually(what, async || {
                own_links().into_keys().eq(names.iter().cloned()) && has_filter() && bare_filter() == rules
            }).await;
        };
        run(&format!("ip link del {}", one.vifs[0].device));
        is_repaired("the tap is back").await;
        let bridge = &other.vifs[0].network.as_ref().unwrap().bridge;
        run(&format!("ip link del {bridge}"));
        is_repaired("the bridge is back, with its ports").await;
        for info in [&one, &other] {
            assert!(finds(&format!("ip link show {} master {bridge}", info.vifs[0].device)));
        }
        assert_eq!(foreign(), before);

        run("nft delete table bridge lepton");
        is_repaired("the filter is back").await;
        assert_eq!(foreign(), before);
        let address = addresses(&one)[0].to_string();
        assert!(filter().iter().any(|part| part.ends_with(&address)));
        daemon.stop().await;
        assert_eq!(foreign(), before);
    }
}

kernel_test! {
    async fn a_flushed_ruleset_is_repaired_at_once() {
        let place = Place::with_kernel();
        let _daemon = place.start().await;
        network(&mut place.client().await, "blue", &["10.1.0.0/24"]).await;
        place.hypervisor(6).await.boot(boot_and_wait()).await.unwrap();
        let rules = bare_filter();
        let start = Instant::now();
        for _ in 0..5 {
            run("nft flush ruleset");
            eventually("the filter is back", async || has_filter() && bare_filter() == rules).await;
        }
        // Were it for the looks every 10 s alone, from the first repair to the last it would take 40 s.
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}
