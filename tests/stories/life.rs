//! An instance's life in the kernel.

use std::fs;

use lepton_proto::v1::{self, port_binding};
use lepton_sim::{KernelInstance, reason};
use lepton_testkit::kernel_test;

use crate::{
    daemon::{Place, eventually},
    kernel::{assert_reach_each_other, finds, has_filter, own_links, run},
    programs::programs,
    words::{addresses, all_active, allocation, boot_and_wait, network, nw_info, waiting},
};

kernel_test! {
    async fn two_instances_reach_each_other_on_two_networks_over_both_families() {
        let place = Place::with_kernel();
        let daemon = place.start().await;
        let mut client = place.client().await;
        network(&mut client, "blue", &["10.1.0.0/24", "fd00:1::/64"]).await;
        network(&mut client, "green", &["10.2.0.0/24", "fd00:2::/80"]).await;
        let hypervisor = place.hypervisor(1).await;

        let program = &programs().lepton_sim;
        let mut one = KernelInstance::boot(&hypervisor, program, boot_and_wait()).await.unwrap();
        let mut other = KernelInstance::boot(&hypervisor, program, boot_and_wait()).await.unwrap();
        assert!(all_active(&one.info) && one.info.vifs.len() == 2 && addresses(&one.info).len() == 4);
        assert_reach_each_other(&mut one, &mut other).await;
        // A bridge for each network, and a port of each instance in each.
        assert_eq!(own_links().len(), 2 + 4);

        one.kill(&hypervisor).await.unwrap();
        other.kill(&hypervisor).await.unwrap();
        eventually("nothing of ours is left on the host", async || own_links().is_empty()).await;
        place.ledger().assert_whole().await;
        daemon.stop().await;
    }
}

kernel_test! {
    async fn an_address_comes_back_only_after_its_port_is_gone_from_the_kernel() {
        let place = Place::with_kernel();
        let _daemon = place.start().await;
        let mut client = place.client().await;
        // Two hosts, and one is the gateway's: the network has room for one guest.
        network(&mut client, "tiny", &["10.1.0.0/30"]).await;
        let hypervisor = place.hypervisor(2).await;

        let mut address = None;
        for _ in 0..5 {
            let booted = loop {
                match hypervisor.boot(boot_and_wait()).await {
                    Ok(info) => break info,
                    Err(error) => assert_eq!(error.reason().as_deref(), Some("NO_MORE_FIXED_IPS"), "{error}"),
                }
            };
            // Whoever has the address now, nobody who had it before is left in the kernel.
            let device = &booted.vifs[0].device;
            let ours: Vec<_> = own_links().into_keys().filter(|name| name.starts_with("tap")).collect();
            assert_eq!(ours, std::slice::from_ref(device));
            assert_eq!(*address.get_or_insert_with(|| addresses(&booted)), addresses(&booted));
            hypervisor.kill(booted.instance_id.parse().unwrap()).await.unwrap();
        }
    }
}

kernel_test! {
    async fn a_port_that_cannot_be_plugged_tells_why_and_is_plugged_when_it_can_be() {
        let place = Place::with_kernel();
        let _daemon = place.start().await;
        let mut client = place.client().await;
        network(&mut client, "blue", &["10.1.0.0/24"]).await;
        let namespace = place.file("late").to_str().unwrap().to_owned();
        let veth = port_binding::Veth { netns_path: namespace.clone(), ..Default::default() };
        let binding = v1::PortBinding { kind: Some(port_binding::Kind::Veth(veth)) };
        let request = v1::AllocateForInstanceRequest { binding: Some(binding), ..allocation(1, "") };

        let refused = client.allocate_for_instance(waiting(request.clone())).await.unwrap_err();
        assert_eq!(reason(&refused), "PORT_PLUG_FAILED");
        assert!(refused.message().contains(&namespace), "{refused:?}");
        assert!(nw_info(&mut client, 1).await.is_err());

        client.allocate_for_instance(request).await.unwrap();
        eventually("the port shows why", async || {
            let info = nw_info(&mut place.client().await, 1).await.unwrap();
            info.vifs[0].error.contains(&namespace)
        }).await;
        fs::write(&namespace, "").unwrap();
        run(&format!("unshare --net={namespace} true"));
        eventually("the port is plugged", async || {
            all_active(&nw_info(&mut place.client().await, 1).await.unwrap())
        }).await;
        assert!(finds(&format!("nsenter --net={namespace} ip link show eth0")) && has_filter());
        run(&format!("umount {namespace}"));
    }
}
