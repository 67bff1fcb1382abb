//! One test for each row of the error vocabulary in `proto/lepton/v1/network_manager.proto`. Rows about the server
//! itself are in `unavailable.rs`, those about waiting for a plug in `waiting.rs`, malformed fields in `networks.rs`
//! and `arguments.rs`.

use futures_util::future::join_all;
use lepton_manager::Role;
use lepton_proto::v1;
use lepton_types::{Amounts, Limit};
use tonic::{Code, Status, body::Body};

use crate::{
    problem::Problem,
    server::{
        HOST, Options, PROJECT, Server, UNKNOWN, allocation, allocation_on, deallocation, instance, network,
        requested, subnet,
    },
};

#[tokio::test]
async fn a_caller_without_a_role_is_unauthenticated() {
    let server = Server::with(Options { loopback_role: None, ..Options::default() }).await;
    let before = server.dump().await;
    let answer = server.client_over_tcp().await.create_networks(v1::CreateNetworksRequest::default()).await;
    let words = ["did not prove who it is", "auth.loopback_role", "unix socket"];
    Problem::of(answer).assert(Code::Unauthenticated, "UNAUTHENTICATED", &[], &words);
    assert_eq!(server.dump().await, before);
}

#[tokio::test]
async fn a_caller_of_another_role_is_told_which_roles_may_call() {
    let server = Server::with(Options { loopback_role: Some(Role::Reader), ..Options::default() }).await;
    let before = server.dump().await;
    let answer = server.client_over_tcp().await.allocate_for_instance(allocation(1)).await;
    let method = "/lepton.v1.NetworkManager/AllocateForInstance";
    let metadata =
        [("method", method), ("caller", "loopback"), ("role", "reader"), ("allowed_roles", "admin, compute")];
    let words = [method, "admin, compute", "reader"];
    Problem::of(answer).assert(Code::PermissionDenied, "ROLE_NOT_ALLOWED", &metadata, &words);
    assert_eq!(server.dump().await, before);
}

#[tokio::test]
async fn a_compute_agent_acts_for_its_own_host_alone() {
    let mut server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let mut client = server.client_with_certificate("spiffe://example.org/lepton/compute/host-2").await;
    let elsewhere = v1::AllocateForInstanceRequest { host: HOST.into(), ..allocation(1) };
    let before = server.dump().await;
    let problem = Problem::of(client.allocate_for_instance(elsewhere.clone()).await);
    let metadata = [("host", HOST), ("allowed_host", "host-2")];
    problem.assert(Code::PermissionDenied, "HOST_NOT_ALLOWED", &metadata, &[HOST, "host-2"]);
    assert_eq!(server.dump().await, before);

    let own = client.allocate_for_instance(allocation(2)).await.unwrap().into_inner();
    assert_eq!(own.host, "host-2", "whom it names when it names none");
    server.allocate(elsewhere).await;
    let before = server.dump().await;
    let problem = Problem::of(client.deallocate_for_instance(deallocation(1)).await);
    problem.assert(Code::PermissionDenied, "HOST_NOT_ALLOWED", &metadata, &[HOST, "host-2"]);
    assert_eq!(server.dump().await, before);
}

#[tokio::test]
async fn a_method_of_a_later_version_is_not_found() {
    let server = Server::start().await;
    let headers = server.send("MakeCoffee", &[], Body::empty()).await;
    let status = Status::from_header_map(&headers).expect("a refusal has its status in the headers");
    let method = "/lepton.v1.NetworkManager/MakeCoffee";
    let words = [method, "may be older than its caller"];
    Problem::read(&status).assert(Code::Unimplemented, "METHOD_NOT_FOUND", &[("method", method)], &words);
}

#[tokio::test]
async fn a_request_id_for_another_body_is_refused() {
    let server = Server::start().await;
    let request = v1::AllocateForInstanceRequest { request_id: "boot-1".into(), ..allocation(1) };
    server.allocate(request.clone()).await;
    let other = v1::AllocateForInstanceRequest { instance_id: instance(2), ..request };
    let problem = server.refuses(async |client| client.allocate_for_instance(other).await).await;
    let words = ["boot-1", "another body", "choose a fresh one"];
    problem.assert(Code::InvalidArgument, "REQUEST_ID_REUSED", &[("request_id", "boot-1")], &words);
    assert_eq!(problem.violations[0].0, "request_id");
}

#[tokio::test]
async fn a_network_that_does_not_exist_is_not_found() {
    let server = Server::start().await;
    let id = || UNKNOWN.to_owned();
    let get = v1::GetNetworkRequest { network_id: id() };
    let delete = v1::DeleteNetworkRequest { network_id: id(), ..Default::default() };
    let allocate = allocation_on(1, vec![requested(UNKNOWN, &[])]);
    let validate = v1::ValidateNetworksRequest {
        project_id: PROJECT.into(),
        networks: vec![requested(UNKNOWN, &[])],
        ..Default::default()
    };
    for problem in [
        server.refuses(async |client| client.get_network(get).await).await,
        server.refuses(async |client| client.delete_network(delete).await).await,
    ] {
        problem.assert(
            Code::NotFound,
            "NETWORK_NOT_FOUND",
            &[("network_id", UNKNOWN)],
            &[UNKNOWN, "not found"],
        );
    }
    for problem in [
        server.refuses(async |client| client.allocate_for_instance(allocate).await).await,
        server.refuses(async |client| client.validate_networks(validate).await).await,
    ] {
        let metadata = [("network_id", UNKNOWN), ("field", "networks[0].network_id")];
        let words = [UNKNOWN, "not found"];
        problem.assert(Code::InvalidArgument, "NETWORK_NOT_FOUND", &metadata, &words);
        assert_eq!(problem.violations[0].0, "networks[0].network_id");
    }
}

#[tokio::test]
async fn b04_another_projects_network_is_as_one_that_does_not_exist() {
    let server = Server::start().await;
    let spec = v1::NetworkSpec { project_id: "red".into(), ..network("secret", &["10.0.0.0/24"]) };
    let id = server.create(spec).await.id;
    let wished = [requested(&id, &[]), requested(&id, &["10.0.0.9"]), requested(&id, &["192.168.0.1"])];
    for wish in wished {
        let request = allocation_on(1, vec![wish]);
        let problem = server.refuses(async |client| client.allocate_for_instance(request).await).await;
        let metadata = [("network_id", &*id), ("field", "networks[0].network_id")];
        problem.assert(Code::InvalidArgument, "NETWORK_NOT_FOUND", &metadata, &[&id]);
        assert!(!problem.message.contains("secret") && !problem.message.contains("10.0.0.0"), "{problem:?}");
    }
}

#[tokio::test]
async fn b40_a_network_with_a_port_is_in_use_until_its_host_has_unplugged_it() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.0.0.0/24"]).await.id;
    server.allocate(allocation(1)).await;
    let delete = v1::DeleteNetworkRequest { network_id: id.clone(), ..Default::default() };
    let metadata = [("network_id", &*id), ("instance_id", &instance(1))];
    let in_use = async || {
        let delete = delete.clone();
        let problem = server.refuses(async |client| client.delete_network(delete).await).await;
        let words = [&*id, &instance(1), "deallocate"];
        problem.assert(Code::FailedPrecondition, "NETWORK_IN_USE", &metadata, &words);
    };
    in_use().await;
    let released = server.deallocate(1).await;
    in_use().await;

    server.unplugged(&released).await;
    server.client().await.delete_network(delete.clone()).await.unwrap();
}

#[tokio::test]
async fn b05_a_network_twice_is_a_duplicate_unless_allowed() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.0.0.0/24"]).await.id;
    let other = server.network("green", &[]).await.id;
    let networks = vec![requested(&id, &[]), requested(&other, &[]), requested(&id, &[])];
    let twice = allocation_on(1, networks.clone());
    let request = twice.clone();
    let problem = server.refuses(async |client| client.allocate_for_instance(request).await).await;
    let metadata = [("network_id", &*id), ("field", "networks[2].network_id")];
    let words = [&*id, "networks[2].network_id", "allow_duplicate_networks"];
    problem.assert(Code::InvalidArgument, "DUPLICATE_NETWORK", &metadata, &words);
    assert_eq!(problem.violations[0].0, "networks[2].network_id");

    let validate = v1::ValidateNetworksRequest { project_id: PROJECT.into(), networks, ..Default::default() };
    let problem = server.refuses(async |client| client.validate_networks(validate).await).await;
    problem.assert(Code::InvalidArgument, "DUPLICATE_NETWORK", &metadata, &words);

    let info =
        server.allocate(v1::AllocateForInstanceRequest { allow_duplicate_networks: true, ..twice }).await;
    assert_eq!(info.vifs.len(), 3);
}

#[tokio::test]
async fn a_fixed_ip_that_no_guest_can_have_is_invalid() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.0.0.0/24", "fd00::/64"]).await.id;
    for (index, wished, words) in [
        (0, &["10.0.1.5"][..], "10.0.1.5 is not in 10.0.0.0/24"),
        (0, &["10.0.0.0"], "the network address of 10.0.0.0/24"),
        (0, &["10.0.0.255"], "the broadcast address of 10.0.0.0/24"),
        (0, &["10.0.0.1"], "the gateway of 10.0.0.0/24"),
        (0, &["fd00::"], "the subnet-router anycast address of fd00::/64"),
        (0, &["fd00::1"], "the gateway of fd00::/64"),
        (1, &["10.0.0.5", "10.0.0.6"], "10.0.0.5 and 10.0.0.6 are both in subnet 10.0.0.0/24"),
        (1, &["10.0.0.5", "fd01::5"], "fd01::5 is not in 10.0.0.0/24, fd00::/64"),
    ] {
        let request = allocation_on(1, vec![requested(&id, wished)]);
        let problem = server.refuses(async |client| client.allocate_for_instance(request).await).await;
        let field = format!("networks[0].fixed_ips[{index}]");
        let metadata = [("fixed_ip", wished[index]), ("network_id", &*id), ("field", &*field)];
        problem.assert(Code::InvalidArgument, "FIXED_IP_INVALID", &metadata, &[words, wished[index]]);
        assert_eq!(problem.violations.len(), 1);
        assert_eq!(problem.violations[0].0, field);
    }
}

#[tokio::test]
async fn a_fixed_ip_that_a_port_has_is_in_use() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.0.0.0/24", "fd00::/64"]).await.id;
    server.allocate(allocation_on(1, vec![requested(&id, &["10.0.0.9", "fd00::9"])])).await;
    for taken in ["10.0.0.9", "fd00::9"] {
        let request = allocation_on(2, vec![requested(&id, &[taken])]);
        let problem = server.refuses(async |client| client.allocate_for_instance(request).await).await;
        let metadata = [("fixed_ip", taken), ("network_id", &*id), ("field", "networks[0].fixed_ips[0]")];
        let words = [taken, &id, "is taken; choose another one"];
        problem.assert(Code::InvalidArgument, "FIXED_IP_ALREADY_IN_USE", &metadata, &words);
        assert_eq!(problem.violations[0].0, "networks[0].fixed_ips[0]");
    }
}

#[tokio::test]
async fn a_fixed_ip_that_rests_in_quarantine_is_in_use() {
    let server = Server::start().await;
    let quarantine = Some(prost_types::Duration { seconds: 3600, nanos: 0 });
    let subnets = vec![v1::SubnetSpec { quarantine, ..subnet("10.0.0.0/24") }];
    let id = server.create(v1::NetworkSpec { label: "blue".into(), subnets, ..Default::default() }).await.id;
    let wish = vec![requested(&id, &["10.0.0.9"])];
    server.allocate(allocation_on(1, wish.clone())).await;
    let released = server.deallocate(1).await;
    server.unplugged(&released).await;

    let request = allocation_on(2, wish);
    let problem = server.refuses(async |client| client.allocate_for_instance(request).await).await;
    let metadata = [("fixed_ip", "10.0.0.9"), ("network_id", &*id), ("field", "networks[0].fixed_ips[0]")];
    problem.assert(Code::InvalidArgument, "FIXED_IP_ALREADY_IN_USE", &metadata, &["10.0.0.9"]);
}

#[tokio::test]
async fn b01_a_pool_that_runs_dry_in_the_middle_of_four_vnics_leaves_no_trace() {
    let server = Server::start().await;
    for number in 1..=4 {
        // A /30 has two hosts, and the gateway is one of them.
        let cidr = if number == 3 { "10.3.0.0/30".to_owned() } else { format!("10.{number}.0.0/24") };
        server.network(&format!("net{number}"), &[&cidr]).await;
    }
    assert_eq!(server.allocate(allocation(1)).await.vifs.len(), 4);
    let full = server.client().await.list_networks(v1::ListNetworksRequest::default()).await.unwrap();
    let full = full.into_inner().networks[2].id.clone();

    let problem = server.refuses(async |client| client.allocate_for_instance(allocation(2)).await).await;
    let metadata = [("network_id", &*full), ("cidr", "10.3.0.0/30")];
    let words = ["10.3.0.0/30", "no free address", "release some"];
    problem.assert(Code::ResourceExhausted, "NO_MORE_FIXED_IPS", &metadata, &words);
    server.assert_not_allocated(2).await;

    let validate = v1::ValidateNetworksRequest { project_id: PROJECT.into(), ..Default::default() };
    let problem = server.refuses(async |client| client.validate_networks(validate).await).await;
    problem.assert(Code::ResourceExhausted, "NO_MORE_FIXED_IPS", &metadata, &words);
}

#[tokio::test]
async fn b55_a_quota_is_kept_whoever_asks_at_once_and_says_what_is_left() {
    let limits = Amounts { networks: Limit::AtMost(0), ports: Limit::AtMost(25), ..Amounts::DEFAULT };
    let server = Server::with(Options { limits, ..Options::default() }).await;
    server.network("blue", &["10.0.0.0/16"]).await;
    let client = server.client().await;
    let outcomes = join_all((1..=1000).map(|number| {
        let mut client = client.clone();
        async move { client.allocate_for_instance(allocation(number)).await }
    }));
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (25, 975));
    let of_ports =
        [("project_id", PROJECT), ("resource", "ports"), ("limit", "25"), ("used", "25"), ("wanted", "1")];
    for answer in lost {
        let words = ["may have 25 ports", "give some back"];
        Problem::of(answer).assert(Code::ResourceExhausted, "QUOTA_EXCEEDED", &of_ports, &words);
    }

    let spec = v1::NetworkSpec { project_id: PROJECT.into(), ..network("own", &[]) };
    let request = v1::CreateNetworksRequest { networks: vec![spec], ..Default::default() };
    let problem = server.refuses(async |client| client.create_networks(request).await).await;
    let of_networks =
        [("project_id", PROJECT), ("resource", "networks"), ("limit", "0"), ("used", "0"), ("wanted", "1")];
    problem.assert(Code::ResourceExhausted, "QUOTA_EXCEEDED", &of_networks, &["may have 0 networks"]);
}

#[tokio::test]
async fn b08_a_mac_base_with_nothing_left_says_so_and_takes_nothing() {
    let server = Server::with(Options { mac_base: "fa:16:3e:00:00", ..Options::default() }).await;
    let id = server.network("blue", &[]).await.id;
    // There are 256 MACs, and the last of them is found as well.
    for number in 1..=4 {
        let request = v1::AllocateForInstanceRequest {
            allow_duplicate_networks: true,
            ..allocation_on(number, vec![requested(&id, &[]); 48])
        };
        server.allocate(request).await;
    }
    for number in 5..=68 {
        server.allocate(allocation(number)).await;
    }
    let problem = server.refuses(async |client| client.allocate_for_instance(allocation(69)).await).await;
    let words = ["fa:16:3e:00:00", "shorter MAC base"];
    let metadata = [("mac_base", "fa:16:3e:00:00")];
    problem.assert(Code::ResourceExhausted, "NO_MORE_MAC_ADDRESSES", &metadata, &words);
}

#[tokio::test]
async fn b02_an_instance_that_lives_is_not_allocated_again() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let info = server.allocate(allocation(1)).await;
    let again = v1::AllocateForInstanceRequest { host: "host-2".into(), ..allocation(1) };
    let problem = server.refuses(async |client| client.allocate_for_instance(again).await).await;
    let metadata = [("instance_id", &*instance(1)), ("incarnation", "1"), ("host", "host-1")];
    let words = [&*instance(1), "allocated already", "deallocate it first"];
    problem.assert(Code::AlreadyExists, "INSTANCE_ALREADY_ALLOCATED", &metadata, &words);
    assert_eq!(server.info(1).await.unwrap(), info);
}

#[tokio::test]
async fn an_instance_that_was_never_allocated_is_not_found() {
    let server = Server::start().await;
    let request = v1::GetInstanceNwInfoRequest { instance_id: UNKNOWN.into() };
    let problem = server.refuses(async |client| client.get_instance_nw_info(request).await).await;
    let words = [UNKNOWN, "not allocated"];
    problem.assert(Code::NotFound, "INSTANCE_NOT_FOUND", &[("instance_id", UNKNOWN)], &words);
}

#[tokio::test]
async fn a_late_deallocation_does_not_end_a_newer_life() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    assert_eq!(server.allocate(allocation(1)).await.incarnation, 1);
    server.deallocate(1).await;
    let second = server.allocate(allocation(1)).await;
    assert_eq!(second.incarnation, 2);

    let late = v1::DeallocateForInstanceRequest { incarnation: 1, ..deallocation(1) };
    let problem = server.refuses(async |client| client.deallocate_for_instance(late).await).await;
    let metadata = [("instance_id", &*instance(1)), ("incarnation", "1"), ("live_incarnation", "2")];
    let words = [&*instance(1), "incarnation 2, not 1", "nothing was changed"];
    problem.assert(Code::FailedPrecondition, "INCARNATION_MISMATCH", &metadata, &words);
    assert_eq!(server.info(1).await.unwrap(), second);
}

#[tokio::test]
async fn a_host_that_nobody_knows_cannot_be_fenced() {
    let server = Server::start().await;
    let fence = || v1::FenceHostRequest { host: "nod7".into(), ..Default::default() };
    let problem = server.refuses(async |client| client.fence_host(fence()).await).await;
    problem.assert(Code::NotFound, "HOST_NOT_FOUND", &[("host", "nod7")], &["nod7", "no agent of that name"]);

    server.manager.host_changes("nod7".parse().unwrap(), None).await.unwrap();
    server.client().await.fence_host(fence()).await.unwrap();
}

#[tokio::test]
async fn an_allocation_for_a_host_that_nobody_knows_is_refused_where_hosts_must_be_known() {
    let server = Server::with(Options { only_known_hosts: true, ..Options::default() }).await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let on = |host: &str| v1::AllocateForInstanceRequest { host: host.into(), ..allocation(1) };
    let problem = server.refuses(async |client| client.allocate_for_instance(on("nod7")).await).await;
    let metadata = [("host", "nod7"), ("field", "host")];
    problem.assert(Code::FailedPrecondition, "HOST_NOT_FOUND", &metadata, &["nod7", "no agent of that name"]);
    assert_eq!(problem.violations[0].0, "host");

    // An agent that asks for its ports is known from then on, also after a restart.
    server.manager.host_changes("nod7".parse().unwrap(), None).await.unwrap();
    let server = server.restart().await;
    assert_eq!(server.allocate(on("nod7")).await.host, "nod7");
}

#[tokio::test]
async fn a_network_is_not_given_to_a_host_that_nobody_knows_where_hosts_must_be_known() {
    let server = Server::with(Options { only_known_hosts: true, ..Options::default() }).await;
    let network_id = server.network("blue", &["10.0.0.0/24"]).await.id;
    let spec = |host: &str| v1::NetworkSpec { host: host.into(), ..network("green", &[]) };
    let creation =
        |host: &str| v1::CreateNetworksRequest { networks: vec![spec(host)], ..Default::default() };
    let carving = |host: &str| v1::CarveNetworksRequest {
        network: Some(spec(host)),
        range_v4: "10.1.0.0/16".into(),
        ..Default::default()
    };
    let modification = |host: &str| v1::ModifyNetworkRequest {
        network_id: network_id.clone(),
        host: Some(host.into()),
        ..Default::default()
    };
    let association = |host: &str| v1::AssociateNetworkRequest {
        network_id: network_id.clone(),
        with: Some(v1::associate_network_request::With::Host(host.into())),
        ..Default::default()
    };
    for (problem, field) in [
        (
            server.refuses(async |client| client.create_networks(creation("nod7")).await).await,
            "networks[0].host",
        ),
        (server.refuses(async |client| client.carve_networks(carving("nod7")).await).await, "network.host"),
        (server.refuses(async |client| client.modify_network(modification("nod7")).await).await, "host"),
        (server.refuses(async |client| client.associate_network(association("nod7")).await).await, "host"),
    ] {
        let metadata = [("host", "nod7"), ("field", field)];
        let words = ["nod7", "no agent of that name"];
        problem.assert(Code::FailedPrecondition, "HOST_NOT_FOUND", &metadata, &words);
        assert_eq!(problem.violations[0].0, field);
    }
    server.manager.host_changes("nod7".parse().unwrap(), None).await.unwrap();
    let mut client = server.client().await;
    client.create_networks(creation("nod7")).await.unwrap();
    client.carve_networks(carving("nod7")).await.unwrap();
    client.modify_network(modification("nod7")).await.unwrap();
    client.associate_network(association("nod7")).await.unwrap();
}
