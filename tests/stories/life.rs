//! An instance's life in the kernel.

use std::{
    fs,
    process::{Command, Stdio},
};

use lepton_proto::v1::{self, port_binding, subnets_client::SubnetsClient};
use lepton_sim::{KernelInstance, reason};
use lepton_testkit::kernel_test;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{
    daemon::{Place, eventually},
    kernel::{assert_reach_each_other, finds, has_filter, own_links, run},
    programs::programs,
    words::{addresses, all_active, allocation, boot_and_wait, network, nw_info, waiting},
};

kernel_test! {
    async fn two_instances_reach_each_other_on_networks_of_both_families_and_of_either_one() {
        let place = Place::with_kernel();
        let daemon = place.start().await;
        let mut client = place.client().await;
        network(&mut client, "blue", &["10.1.0.0/24", "fd00:1::/64"]).await;
        network(&mut client, "green", &["10.2.0.0/24", "fd00:2::/80"]).await;
        network(&mut client, "old", &["10.3.0.0/24"]).await;
        network(&mut client, "new", &["fd00:4::/64"]).await;
        let hypervisor = place.hypervisor(1).await;

        let program = &programs().lepton_sim;
        let mut one = KernelInstance::boot(&hypervisor, program, boot_and_wait()).await.unwrap();
        let mut other = KernelInstance::boot(&hypervisor, program, boot_and_wait()).await.unwrap();
        assert!(all_active(&one.info) && one.info.vifs.len() == 4 && addresses(&one.info).len() == 6);
        assert_reach_each_other(&mut one, &mut other).await;
        // A bridge for each network, and a port of each instance in each.
        assert_eq!(own_links().len(), 4 + 8);

        one.kill(&hypervisor).await.unwrap();
        other.kill(&hypervisor).await.unwrap();
        eventually("nothing of ours is left on the host", async || own_links().is_empty()).await;
        place.ledger().assert_whole().await;
        daemon.stop().await;
    }
}

kernel_test! {
    async fn the_static_routes_of_its_subnets_are_in_an_instances_namespace() {
        let place = Place::with_kernel();
        let daemon = place.start().await;
        let mut client = place.client().await;
        network(&mut client, "blue", &["10.4.0.0/24", "fd00:4::/64"]).await;
        let network = client.list_networks(v1::ListNetworksRequest::default()).await.unwrap().into_inner().networks.remove(0);
        let mut subnets = SubnetsClient::new(place.channel().await);
        let routes = [("192.168.9.0/24", "10.4.0.77"), ("fd00:9::/64", "fd00:4::77")];
        for (subnet, (destination, gateway)) in network.subnets.iter().zip(routes) {
            let subnet_id = subnet.id.clone();
            let (destination, gateway) = (destination.into(), gateway.into());
            let request = v1::AddRouteRequest { subnet_id, destination, gateway, ..Default::default() };
            subnets.add_route(request).await.unwrap();
        }

        let hypervisor = place.hypervisor(1).await;
        let one = KernelInstance::boot(&hypervisor, &programs().lepton_sim, boot_and_wait()).await.unwrap();
        for (destination, gateway) in routes {
            let family = if destination.contains(':') { "-6" } else { "-4" };
            let show = format!("nsenter --net={} ip {family} route show {destination}", one.guest.netns_path());
            assert!(run(&show).starts_with(&format!("{destination} via {gateway} dev eth0 ")), "{}", run(&show));
        }
        one.kill(&hypervisor).await.unwrap();
        daemon.stop().await;
    }
}

kernel_test! {
    async fn an_instance_reboots_in_its_namespace_and_moves_to_a_new_one() {
        let place = Place::with_kernel();
        let daemon = place.start().await;
        let mut client = place.client().await;
        network(&mut client, "blue", &["10.1.0.0/24", "fd00:1::/64"]).await;
        let (hypervisor, target) = (place.hypervisor(1).await, place.hypervisor(2).await);
        let program = &programs().lepton_sim;
        let mut one = KernelInstance::boot(&hypervisor, program, boot_and_wait()).await.unwrap();
        let mut other = KernelInstance::boot(&hypervisor, program, boot_and_wait()).await.unwrap();

        let (namespace, before) = (one.guest.netns_path(), one.info.clone());
        let inside = format!("nsenter --net={namespace} ip address");
        run(&format!("{inside} flush dev eth0"));
        run(&format!("{inside} add 10.9.0.1/24 dev eth0"));
        one.reboot(&hypervisor).await.unwrap();
        assert_reach_each_other(&mut one, &mut other).await;
        assert!(one.guest.netns_path() == namespace && one.info == before, "{:?}", one.info);
        let shown = Command::new("nsenter").args([&format!("--net={namespace}"), "ip", "address"]).output().unwrap();
        assert!(!String::from_utf8(shown.stdout).unwrap().contains("10.9.0.1"), "of its life before");

        let (id, ports) = (one.id, own_links().len());
        let mut moved = one.migrate(&hypervisor, &target, program).await.unwrap();
        assert!(moved.id == id && moved.info.incarnation > before.incarnation && moved.guest.netns_path() != namespace);
        assert_reach_each_other(&mut moved, &mut other).await;
        assert!(hypervisor.instances().len() == 1 && target.instances() == [id]);
        eventually("nothing is left of its life before", async || own_links().len() == ports).await;

        moved.kill(&target).await.unwrap();
        other.kill(&hypervisor).await.unwrap();
        eventually("nothing of ours is left on the host", async || own_links().is_empty()).await;
        place.ledger().assert_whole().await;
        daemon.stop().await;
    }
}

kernel_test! {
    async fn the_program_lepton_sim_churns_and_boots_in_the_kernel_and_leaves_nothing() {
        let place = Place::with_kernel();
        let daemon = place.start().await;
        network(&mut place.client().await, "blue", &["10.1.0.0/24", "fd00:1::/64"]).await;
        let sim = |arguments: &str| {
            let mut command = tokio::process::Command::new(&programs().lepton_sim);
            command.args(["--endpoint", &place.endpoint(), "--output", "json"]).args(arguments.split(' '));
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
            command
        };
        let churned = sim("churn --kernel --project demo --operations 40 --concurrency 2 --alive 3").output().await.unwrap();
        assert!(churned.status.success(), "{}", String::from_utf8_lossy(&churned.stderr));
        let churned: serde_json::Value = serde_json::from_slice(&churned.stdout).unwrap();
        let count = |what: &str| churned["operations"][what].as_u64().unwrap();
        assert!(["boots", "reboots", "kills", "migrations"].iter().all(|what| count(what) > 0), "{churned}");
        assert_eq!((count("alive"), place.ledger().instances().await), (0, 0));

        let mut booted = sim("boot --kernel --project demo --count 3").spawn().unwrap();
        let mut said = BufReader::new(booted.stderr.take().unwrap()).lines();
        assert_eq!(said.next_line().await.unwrap().unwrap(), "lepton-sim: they live until Ctrl-C");
        assert_eq!((place.ledger().instances().await, own_links().len()), (3, 1 + 3));
        let pid = Pid::from_raw(i32::try_from(booted.id().unwrap()).unwrap());
        kill(pid, Signal::SIGINT).unwrap();
        let status = booted.wait().await.unwrap();
        assert!(status.success(), "{status}");
        eventually("nothing of ours is left on the host", async || own_links().is_empty()).await;
        assert_eq!(place.ledger().instances().await, 0);
        daemon.stop().await;
    }
}

kernel_test! {
    async fn an_instance_that_cannot_be_configured_is_deallocated_and_its_failure_told() {
        // Its agent says that ports are plugged, and there are none.
        let place = Place::with_fake_host();
        let daemon = place.start().await;
        network(&mut place.client().await, "blue", &["10.1.0.0/24"]).await;
        let hypervisor = place.hypervisor(1).await;

        let failed = KernelInstance::boot(&hypervisor, &programs().lepton_sim, boot_and_wait()).await.unwrap_err();
        assert!(failed.to_string().contains("cannot find eth0"), "{failed}");
        assert!(hypervisor.instances().is_empty());
        assert_eq!(place.ledger().instances().await, 0);
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

/// What the kernel says of a file that is not there.
const KERNELS_WORDS: &str = "No such file or directory (os error 2)";

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
        let tells_why = |words: &str| words.contains(&namespace) && words.contains(KERNELS_WORDS);
        assert!(tells_why(refused.message()), "{refused:?}");
        assert!(nw_info(&mut client, 1).await.is_err());

        client.allocate_for_instance(request).await.unwrap();
        eventually("the port shows why", async || {
            let vif = nw_info(&mut place.client().await, 1).await.unwrap().vifs.remove(0);
            vif.status() == v1::PortStatus::Error && tells_why(&vif.error)
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
