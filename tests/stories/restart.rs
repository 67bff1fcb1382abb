//! A restart is a diff: running instances do not notice.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
};

use lepton_sim::KernelInstance;
use lepton_testkit::kernel_test;

use crate::{
    daemon::{Daemon, HOST, Place, eventually},
    kernel::{Flood, assert_reach_each_other, filter, links},
    programs::programs,
    words::{addresses, boot_and_wait, network, number_of, nw_info},
};

/// Two instances on a network with a daemon, and pings between them over both families.
async fn talking() -> (Place, Daemon, [KernelInstance; 2], [Flood; 2]) {
    let place = Place::with_kernel();
    let daemon = place.start().await;
    network(&mut place.client().await, "blue", &["10.1.0.0/24", "fd00:1::/64"]).await;
    let hypervisor = place.hypervisor(3).await;
    let program = &programs().lepton_sim;
    let mut one = KernelInstance::boot(&hypervisor, program, boot_and_wait()).await.unwrap();
    let mut other = KernelInstance::boot(&hypervisor, program, boot_and_wait()).await.unwrap();
    // Neighbours are known from here on, so that no first ping waits for one.
    assert_reach_each_other(&mut one, &mut other).await;
    let targets = addresses(&other.info);
    let floods = [Flood::begin(&one, targets[0]), Flood::begin(&one, targets[1])];
    (place, daemon, [one, other], floods)
}

/// Waits until the daemon that just started has compared its host with the ledger: it acts on what comes after.
async fn is_at_work(place: &Place) {
    static PROBES: AtomicU64 = AtomicU64::new(4);
    let hypervisor = place.hypervisor(PROBES.fetch_add(1, Ordering::Relaxed)).await;
    let info = hypervisor.boot(boot_and_wait()).await.unwrap();
    hypervisor.kill(info.instance_id.parse().unwrap()).await.unwrap();
    let device = info.vifs[0].device.clone();
    eventually("the probe is gone", async || {
        !links().contains_key(&device) && !filter().iter().any(|part| part.contains(&device))
    })
    .await;
}

kernel_test! {
    async fn leptond_restarts_and_neither_a_packet_nor_a_device_is_lost() {
        let (place, daemon, instances, floods) = talking().await;
        let before = (links(), filter());

        daemon.stop().await;
        assert_eq!((links(), filter()), before, "a stop leaves the kernel alone");
        let daemon = place.start().await;
        let again = nw_info(&mut place.client().await, number_of(&instances[0].id.to_string())).await.unwrap();
        assert_eq!(again, instances[0].info);
        is_at_work(&place).await;
        let (devices, rules) = (links(), filter());
        assert_eq!(devices, before.0, "every device is the one that it was");
        assert_eq!(rules, before.1, "every rule is the one that it was");

        for flood in floods {
            flood.assert_none_lost();
        }
        daemon.stop().await;
    }
}

kernel_test! {
    async fn leptond_is_killed_and_neither_a_packet_nor_a_device_is_lost() {
        let (place, mut daemon, _instances, floods) = talking().await;
        let before = (links(), filter());
        for _ in 0..3 {
            daemon.kill().await;
            daemon = place.start().await;
            is_at_work(&place).await;
            assert_eq!((links(), filter()), before);
        }
        for flood in floods {
            flood.assert_none_lost();
        }
        daemon.stop().await;
    }
}

kernel_test! {
    async fn leptond_starts_under_another_name_or_with_an_empty_ledger_and_disturbs_no_port() {
        let (place, daemon, _instances, floods) = talking().await;
        let before = (links(), filter());
        daemon.stop().await;

        // A machine that was renamed: the ledger knows of no port on a host of this name.
        let place = place.without("host");
        let mut daemon = place.spawn(&[("host", "renamed")]);
        place.ready(&mut daemon).await;
        is_at_work(&place).await;
        assert_eq!((links(), filter()), before);
        place.logged("the manager does not name these devices").await;
        daemon.stop().await;

        fs::remove_dir_all(place.file("state")).unwrap();
        let mut daemon = place.spawn(&[("host", HOST)]);
        place.ready(&mut daemon).await;
        network(&mut place.client().await, "green", &["10.2.0.0/24"]).await;
        is_at_work(&place).await;
        // The probe's bridge goes after its device.
        eventually("all is as it was", async || (links(), filter()) == before).await;
        for flood in floods {
            flood.assert_none_lost();
        }
        daemon.stop().await;
    }
}
