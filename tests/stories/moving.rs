//! An instance moves between two hosts, each with a kernel of its own.

use std::{fs, os::unix::fs::PermissionsExt as _};

use lepton_proto::v1;
use lepton_sim::{Hypervisor, KernelInstance};
use lepton_testkit::{Durability, PrivatePostgres, isolated_beside};

use crate::{
    daemon::{Daemon, Place, eventually},
    kernel::{Flood, assert_reach_each_other, own_links_in, pins_in, run},
    ledger::Ledger,
    programs::programs,
    words::{addresses, all_active, boot_and_wait, network},
};

/// A ledger outside of the story's namespaces, in which no server can be another user than its files' owner.
fn server() -> (PrivatePostgres, String) {
    let postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let url = postgres.create_database("ledger").unwrap();
    // Whoever is root in a namespace alone gets to the server's socket as any other user does.
    fs::set_permissions(postgres.directory(), fs::Permissions::from_mode(0o711)).unwrap();
    (postgres, url)
}

/// A host: a network namespace with a leptond in it, and its compute agent.
struct Host {
    name: &'static str,
    place: Place,
    daemon: Daemon,
    hypervisor: Hypervisor,
}

impl Host {
    async fn start(name: &'static str, url: &str, seed: u64) -> Self {
        run(&format!("ip netns add {name}"));
        let settings = [("agent.backend", "linux"), ("database.url", url), ("host", name)];
        let place = Place::new(&settings).in_namespace(name);
        let daemon = place.start().await;
        let hypervisor = Hypervisor::new(Some(name.parse().unwrap()), place.channel().await, seed);
        Self { name, place, daemon, hypervisor }
    }

    async fn boot(&self) -> KernelInstance {
        let program = &programs().lepton_sim;
        KernelInstance::boot(&self.hypervisor, program, boot_and_wait()).await.unwrap()
    }

    fn has(&self, device: &str) -> bool {
        own_links_in(self.name).iter().any(|link| link == device)
    }

    fn bridge(&self) -> String {
        own_links_in(self.name).into_iter().find(|link| link.starts_with("brq")).unwrap()
    }

    fn pins(&self, device: &str) -> Vec<String> {
        pins_in(self.name, device)
    }
}

/// A wire between the bridges of two hosts, as an operator's network between them.
fn connect(one: &Host, other: &Host) {
    run(&format!("ip link add uplink netns {} type veth peer name uplink netns {}", one.name, other.name));
    for host in [one, other] {
        run(&format!("ip -n {} link set dev uplink master {} up", host.name, host.bridge()));
    }
}

fn device(info: &v1::NetworkInfo) -> String {
    info.vifs[0].device.clone()
}

/// Whether the destination has plugged all of the instance's vNICs.
fn all_active_there(info: &v1::NetworkInfo) -> bool {
    let plugs = info.vifs.iter().map(|vif| vif.destination.as_ref());
    plugs.flatten().filter(|plug| plug.status() == v1::PortStatus::Active).count() == info.vifs.len()
}

#[test]
fn an_instance_moves_between_two_kernels_and_is_plugged_at_both_until_it_has_arrived() {
    let path = concat!(
        module_path!(),
        "::an_instance_moves_between_two_kernels_and_is_plugged_at_both_until_it_has_arrived"
    );
    isolated_beside(path, server, async |url| {
        let source = Host::start("host-a", &url, 1).await;
        let target = Host::start("host-b", &url, 2).await;
        network(&mut source.place.client().await, "blue", &["10.1.0.0/24", "fd00:1::/64"]).await;
        let (mut one, mut near, mut far) = (source.boot().await, source.boot().await, target.boot().await);
        connect(&source, &target);
        assert_reach_each_other(&mut one, &mut far).await;
        let device = device(&one.info);
        let pins = source.pins(&device);
        assert!(!pins.is_empty() && target.pins(&device).is_empty(), "{pins:?}");

        let flood = Flood::begin(&near, addresses(&one.info)[0]);
        let program = &programs().lepton_sim;
        let moving = one.begin_move(&source.hypervisor, &target.hypervisor, program).await.unwrap();
        assert_eq!((&*moving.info.host, &*moving.info.destination), ("host-a", "host-b"));
        assert!(all_active(&moving.info) && all_active_there(&moving.info), "{:?}", moving.info);
        assert!(source.has(&device) && target.has(&device));
        assert_eq!((source.pins(&device), target.pins(&device)), (pins.clone(), pins.clone()));
        let inside = |netns: &str| run(&format!("nsenter --net={netns} ip -br link show dev eth0"));
        assert!(inside(&moving.guest.netns_path()).contains(&one.info.vifs[0].mac_address));
        flood.assert_none_lost();

        let left = one.end_move(moving, &source.hypervisor, &target.hypervisor).await.unwrap();
        assert_eq!((&*one.info.host, &*one.info.destination), ("host-b", ""));
        // The guest that it was still lives: its port goes because its host unplugs it.
        eventually("the source has unplugged it", async || {
            !source.has(&device) && source.pins(&device).is_empty()
        })
        .await;
        assert!(target.has(&device) && target.pins(&device) == pins);
        let ledger = Ledger::Postgres(url);
        let waited_for = async || ledger.count("SELECT count(*) FROM pending_unplugs").await == 0;
        eventually("the source has said so", waited_for).await;
        assert_reach_each_other(&mut one, &mut near).await;
        assert_reach_each_other(&mut one, &mut far).await;
        left.quit().await.unwrap();
        ledger.assert_whole().await;

        // A bridge to which somebody else has connected something stays.
        run("ip -n host-a link delete uplink");
        one.kill(&target.hypervisor).await.unwrap();
        near.kill(&source.hypervisor).await.unwrap();
        far.kill(&target.hypervisor).await.unwrap();
        for host in [&source, &target] {
            eventually("nothing of ours is left", async || own_links_in(host.name).is_empty()).await;
        }
        let has_nothing = async || (ledger.ports().await, ledger.fixed_ips().await) == (0, 0);
        eventually("both hosts have said so", has_nothing).await;
        tokio::join!(source.daemon.stop(), target.daemon.stop());
    });
}

#[test]
fn a_move_that_is_aborted_leaves_nothing_at_its_target_and_costs_the_guest_no_packet() {
    let path = concat!(
        module_path!(),
        "::a_move_that_is_aborted_leaves_nothing_at_its_target_and_costs_the_guest_no_packet"
    );
    isolated_beside(path, server, async |url| {
        let source = Host::start("host-a", &url, 1).await;
        let target = Host::start("host-b", &url, 2).await;
        network(&mut source.place.client().await, "blue", &["10.1.0.0/24"]).await;
        let (mut one, mut near) = (source.boot().await, source.boot().await);
        assert_reach_each_other(&mut one, &mut near).await;
        let (device, before) = (device(&one.info), own_links_in("host-a"));
        let flood = Flood::begin(&near, addresses(&one.info)[0]);
        let program = &programs().lepton_sim;
        let moving = one.begin_move(&source.hypervisor, &target.hypervisor, program).await.unwrap();
        assert!(target.has(&device) && !target.pins(&device).is_empty());

        let stays = source.hypervisor.abort_move(one.id, &target.hypervisor).await.unwrap();
        assert_eq!((&*stays.host, &*stays.destination), ("host-a", ""));
        eventually("nothing is left at the target", async || own_links_in("host-b").is_empty()).await;
        let ledger = Ledger::Postgres(url);
        let waited_for = async || ledger.count("SELECT count(*) FROM pending_unplugs").await == 0;
        eventually("the target has said so", waited_for).await;
        flood.assert_none_lost();
        assert_eq!(own_links_in("host-a"), before);
        assert!(target.pins(&device).is_empty());
        moving.guest.quit().await.unwrap();

        one.kill(&source.hypervisor).await.unwrap();
        near.kill(&source.hypervisor).await.unwrap();
        eventually("nothing of ours is left", async || own_links_in("host-a").is_empty()).await;
        ledger.assert_whole().await;
        tokio::join!(source.daemon.stop(), target.daemon.stop());
    });
}
