//! Networks that exist: modified, associated, disassociated, carved from a range, settled.

use lepton_manager::Role;
use lepton_proto::v1::{self, associate_network_request::With};
use tonic::Code;

use crate::{
    problem::Problem,
    repeating::repeats,
    server::{Client, Options, PROJECT, Server, UNKNOWN, allocation, fixed_ips, network, subnet},
};

fn modification(network_id: &str) -> v1::ModifyNetworkRequest {
    v1::ModifyNetworkRequest { network_id: network_id.into(), ..Default::default() }
}

fn association(network_id: &str, with: Option<With>) -> v1::AssociateNetworkRequest {
    v1::AssociateNetworkRequest { network_id: network_id.into(), with, ..Default::default() }
}

fn disassociation(network_id: &str, project: bool, host: bool) -> v1::DisassociateNetworkRequest {
    v1::DisassociateNetworkRequest { network_id: network_id.into(), project, host, ..Default::default() }
}

fn carving(range_v4: &str, num_networks: u32) -> v1::CarveNetworksRequest {
    let network = Some(network("net", &[]));
    v1::CarveNetworksRequest { network, num_networks, range_v4: range_v4.into(), ..Default::default() }
}

fn cidrs(networks: &[v1::Network]) -> Vec<String> {
    let shown = |network: &v1::Network| {
        let subnets: Vec<_> = network.subnets.iter().map(|subnet| &*subnet.cidr).collect();
        format!("{} {}", network.label, subnets.join(" "))
    };
    networks.iter().map(shown).collect()
}

#[tokio::test]
async fn what_is_set_is_changed_and_the_rest_stays() {
    let server = Server::start().await;
    let made = server.network("blue", &["10.0.0.0/24"]).await;
    let request = v1::ModifyNetworkRequest {
        label: Some("green".into()),
        priority: Some(-3),
        project_id: Some(PROJECT.into()),
        host: Some("router-1".into()),
        injected: Some(true),
        ..modification(&made.id)
    };
    let now = server.client().await.modify_network(request).await.unwrap().into_inner();
    let expected = v1::Network {
        label: "green".into(),
        priority: -3,
        project_id: PROJECT.into(),
        host: "router-1".into(),
        injected: true,
        ..made.clone()
    };
    assert_eq!(now, expected);

    let empty = v1::ModifyNetworkRequest {
        project_id: Some(String::new()),
        host: Some(String::new()),
        ..modification(&made.id)
    };
    let now = server.client().await.modify_network(empty).await.unwrap().into_inner();
    assert_eq!((&*now.project_id, &*now.host, &*now.label), ("", "", "green"));
    let get = v1::GetNetworkRequest { network_id: made.id };
    assert_eq!(server.unchanged(async |client| client.get_network(get).await).await, now);
}

#[tokio::test]
async fn the_first_association_wins_and_tells_the_others_whose_it_is() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.0.0.0/24"]).await.id;
    for project in ["red", "green"] {
        let request = association(&id, Some(With::ProjectId(project.into())));
        let now = server.client().await.associate_network(request).await.unwrap().into_inner();
        assert_eq!((&*now.project_id, &*now.host), ("red", ""));
    }
    for host in ["router-1", "router-2"] {
        let request = association(&id, Some(With::Host(host.into())));
        let now = server.client().await.associate_network(request).await.unwrap().into_inner();
        assert_eq!((&*now.project_id, &*now.host), ("red", "router-1"));
    }
}

/// In Nova `disassociate` took the host along, and floating IPs could be associated no more.
#[tokio::test]
async fn b43_a_network_keeps_its_host_when_it_leaves_its_project() {
    let server = Server::start().await;
    let spec = v1::NetworkSpec {
        project_id: PROJECT.into(),
        host: "router-1".into(),
        ..network("blue", &["10.0.0.0/24"])
    };
    let id = server.create(spec).await.id;
    let request = disassociation(&id, true, false);
    let now = server.client().await.disassociate_network(request).await.unwrap().into_inner();
    assert_eq!((&*now.project_id, &*now.host), ("", "router-1"));
    let request = disassociation(&id, false, true);
    let now = server.client().await.disassociate_network(request).await.unwrap().into_inner();
    assert_eq!(now.host, "");
}

/// In Nova these failed by the override's signature, whatever they were given.
#[tokio::test]
async fn b44_a_network_is_got_and_disassociated_by_its_uuid() {
    let server = Server::start().await;
    let spec = v1::NetworkSpec { project_id: PROJECT.into(), ..network("blue", &["10.0.0.0/24"]) };
    let made = server.create(spec).await;
    let get = v1::GetNetworkRequest { network_id: made.id.clone() };
    assert_eq!(server.unchanged(async |client| client.get_network(get).await).await, made);
    let request = disassociation(&made.id, true, true);
    let now = server.client().await.disassociate_network(request).await.unwrap().into_inner();
    assert_eq!(now, v1::Network { project_id: String::new(), ..made });
}

#[tokio::test]
async fn an_unknown_network_is_not_changed() {
    let server = Server::start().await;
    let modify = modification(UNKNOWN);
    let associate = association(UNKNOWN, Some(With::Host("router-1".into())));
    let disassociate = disassociation(UNKNOWN, true, true);
    for problem in [
        server.refuses(async |client| client.modify_network(modify).await).await,
        server.refuses(async |client| client.associate_network(associate).await).await,
        server.refuses(async |client| client.disassociate_network(disassociate).await).await,
    ] {
        problem.assert(Code::NotFound, "NETWORK_NOT_FOUND", &[("network_id", UNKNOWN)], &[UNKNOWN]);
    }
}

#[tokio::test]
async fn malformed_changes_name_their_fields() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.0.0.0/24"]).await.id;
    let request = v1::ModifyNetworkRequest {
        label: Some(String::new()),
        project_id: Some("a b".into()),
        host: Some("a b".into()),
        request_id: "a b".into(),
        ..modification("blue")
    };
    let problem = server.refuses(async |client| client.modify_network(request).await).await;
    problem.assert_fields(&[
        ("request_id", "\"a b\""),
        ("network_id", "\"blue\""),
        ("label", "empty"),
        ("project_id", "\"a b\""),
        ("host", "\"a b\""),
    ]);
    for (with, field, words) in [
        (None, "project_id", "is required, or host"),
        (Some(With::ProjectId(String::new())), "project_id", "is required"),
        (Some(With::Host("a b".into())), "host", "\"a b\""),
    ] {
        let request = association(&id, with);
        let problem = server.refuses(async |client| client.associate_network(request).await).await;
        problem.assert_fields(&[(field, words)]);
    }
    let request = disassociation(&id, false, false);
    let problem = server.refuses(async |client| client.disassociate_network(request).await).await;
    problem.assert_fields(&[("project", "is required, or host")]);
}

#[tokio::test]
async fn a_range_is_carved_around_the_owners_networks() {
    let server = Server::start().await;
    server.network("global", &["10.0.1.0/25"]).await;
    let other = v1::NetworkSpec { project_id: "red".into(), ..network("red", &["10.0.0.0/24"]) };
    server.create(other).await;
    let request = v1::CarveNetworksRequest {
        network: Some(v1::NetworkSpec { project_id: PROJECT.into(), ..network("net", &[]) }),
        range_v6: "fd00::/48".into(),
        subnet_v4: Some(v1::SubnetSpec { dns: vec!["9.9.9.9".into()], ..Default::default() }),
        ..carving("10.0.0.0/16", 3)
    };
    let made = server.client().await.carve_networks(request).await.unwrap().into_inner().networks;
    let expected = [
        "net_0 10.0.0.0/24 fd00::/64",
        "net_1 10.0.2.0/24 fd00:0:0:1::/64",
        "net_2 10.0.3.0/24 fd00:0:0:2::/64",
    ];
    assert_eq!(cidrs(&made), expected);
    assert!(
        made.iter().all(|network| network.subnets[0].dns == ["9.9.9.9"] && network.project_id == PROJECT)
    );

    let small = v1::CarveNetworksRequest { network_size: 100, ..carving("10.1.0.0/24", 1) };
    let made = server.client().await.carve_networks(small).await.unwrap().into_inner().networks;
    assert_eq!(cidrs(&made), ["net 10.1.0.0/25"], "rounded up, and one network keeps its label");
}

#[tokio::test]
async fn what_cannot_be_carved_is_refused_whole() {
    let server = Server::start().await;
    server.network("global", &["10.0.1.0/25"]).await;
    let with = |network: v1::NetworkSpec| v1::CarveNetworksRequest {
        network: Some(network),
        ..carving("10.0.0.0/16", 1)
    };
    let of_subnet = |subnet: v1::SubnetSpec| v1::CarveNetworksRequest {
        subnet_v4: Some(subnet),
        ..carving("10.0.0.0/16", 1)
    };
    let narrow = v1::CarveNetworksRequest {
        range_v6: "fd00::/48".into(),
        network: Some(v1::NetworkSpec { mtu: 576, ..network("narrow", &[]) }),
        ..carving("10.0.0.0/16", 1)
    };
    let eui64 = v1::CarveNetworksRequest {
        range_v6: "fd00::/48".into(),
        prefix_length_v6: 80,
        subnet_v6: Some(v1::SubnetSpec { address_mode: v1::AddressMode::Eui64.into(), ..Default::default() }),
        ..carving("10.0.0.0/16", 1)
    };
    let long_labels = v1::CarveNetworksRequest { num_networks: 2, ..with(network(&"n".repeat(254), &[])) };
    let pool = v1::AllocationPool { first: "10.0.0.5".into(), last: "10.0.0.9".into() };
    for (request, field, words) in [
        (carving("", 1), "range_v4", "is required, or range_v6"),
        (carving("10.0.0.0/23", 2), "range_v4", "10.0.0.0/23 has room for 1 more"),
        (carving("fd00::/48", 1), "range_v4", "fd00::/48 is no IPv4 prefix"),
        (carving("10.0.0.0/16", 1025), "num_networks", "1025 networks are too many"),
        (
            v1::CarveNetworksRequest { network_size: 1 << 33, ..carving("10.0.0.0/16", 1) },
            "network_size",
            "more than IPv4 has",
        ),
        (
            v1::CarveNetworksRequest {
                range_v6: "fd00::/48".into(),
                prefix_length_v6: 129,
                ..carving("10.0.0.0/16", 1)
            },
            "prefix_length_v6",
            "129 is no prefix length",
        ),
        (with(v1::NetworkSpec { id: UNKNOWN.into(), ..network("n", &[]) }), "network.id", "leave it out"),
        (with(network("n", &["10.9.0.0/24"])), "network.subnets", "leave it out"),
        (with(network("", &[])), "network.label", "empty"),
        (long_labels, "network.label", "255"),
        (narrow, "range_v6", "fd00::/64 needs a network that carries at least 1280 bytes"),
        (carving("127.0.0.0/8", 1), "range_v4", "127.0.0.0/8 has room for 0 more"),
        (carving("10.0.0.7/32", 1), "range_v4", "10.0.0.7/32"),
        (eui64, "subnet_v6.address_mode", "64"),
        (of_subnet(subnet("10.9.0.0/24")), "subnet_v4.cidr", "leave it out"),
        (
            of_subnet(v1::SubnetSpec { gateway: "10.9.0.1".into(), ..Default::default() }),
            "subnet_v4.gateway",
            "leave it out",
        ),
        (
            of_subnet(v1::SubnetSpec { allocation_pools: vec![pool], ..Default::default() }),
            "subnet_v4.allocation_pools",
            "leave it out",
        ),
    ] {
        let problem = server.refuses(async |client| client.carve_networks(request).await).await;
        problem.assert_fields(&[(field, words)]);
    }
}

#[tokio::test]
async fn a_network_made_beforehand_becomes_what_the_request_says_once() {
    let server = Server::start().await;
    let id = server.network("empty", &[]).await.id;
    let spec = v1::NetworkSpec { id: id.clone(), ..network("settled", &["10.0.0.0/24"]) };
    let made = server.create(spec.clone()).await;
    assert_eq!((&*made.id, &*made.label), (&*id, "settled"));
    assert_eq!(fixed_ips(&server.allocate(allocation(1)).await), ["10.0.0.2"]);

    let of = |spec| v1::CreateNetworksRequest { networks: vec![spec], ..Default::default() };
    let again = of(spec.clone());
    let problem = server.refuses(async |client| client.create_networks(again).await).await;
    let words = [&*id, "has subnets already"];
    problem.assert(Code::FailedPrecondition, "NETWORK_NOT_EMPTY", &[("network_id", &id)], &words);

    // One that does not exist, and one that another project owns, are the same to the caller.
    let foreign = server.create(v1::NetworkSpec { project_id: "red".into(), ..network("red", &[]) }).await.id;
    for unknown in [UNKNOWN, &foreign] {
        let request = of(v1::NetworkSpec { id: unknown.into(), ..network("n", &["10.1.0.0/24"]) });
        let problem = server.refuses(async |client| client.create_networks(request).await).await;
        let metadata = [("network_id", unknown), ("field", "networks[0].id")];
        problem.assert(Code::InvalidArgument, "NETWORK_NOT_FOUND", &metadata, &[unknown]);
    }
    let request = of(v1::NetworkSpec { id: "x".into(), ..network("n", &[]) });
    let problem = server.refuses(async |client| client.create_networks(request).await).await;
    problem.assert_fields(&[("networks[0].id", "\"x\"")]);
}

#[tokio::test]
async fn changes_are_repeated_under_their_ids() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.0.0.0/24"]).await.id;
    let request_id = |id: &str| id.to_owned();

    let modify = v1::ModifyNetworkRequest {
        label: Some("green".into()),
        request_id: request_id("1"),
        ..modification(&id)
    };
    let call = async |client: &mut Client| client.modify_network(modify.clone()).await;
    let (server, _) = repeats(server, call).await;

    let associate = v1::AssociateNetworkRequest {
        request_id: request_id("2"),
        ..association(&id, Some(With::ProjectId("red".into())))
    };
    let call = async |client: &mut Client| client.associate_network(associate.clone()).await;
    let (server, _) = repeats(server, call).await;

    let disassociate =
        v1::DisassociateNetworkRequest { request_id: request_id("3"), ..disassociation(&id, true, false) };
    let call = async |client: &mut Client| client.disassociate_network(disassociate.clone()).await;
    let (server, _) = repeats(server, call).await;

    let carve = v1::CarveNetworksRequest { request_id: request_id("4"), ..carving("10.1.0.0/16", 2) };
    let call = async |client: &mut Client| client.carve_networks(carve.clone()).await;
    repeats(server, call).await;
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_and_changes_nothing() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.0.0.0/24"]).await.id;
    let modify = v1::ModifyNetworkRequest { priority: Some(9), validate_only: true, ..modification(&id) };
    let would = server.unchanged(async |client| client.modify_network(modify).await).await;
    assert_eq!(would.priority, 9);
    let associate = v1::AssociateNetworkRequest {
        validate_only: true,
        ..association(&id, Some(With::Host("router-1".into())))
    };
    let would = server.unchanged(async |client| client.associate_network(associate).await).await;
    assert_eq!(would.host, "router-1");
    let disassociate =
        v1::DisassociateNetworkRequest { validate_only: true, ..disassociation(&id, true, true) };
    server.unchanged(async |client| client.disassociate_network(disassociate).await).await;
    let carve = v1::CarveNetworksRequest { validate_only: true, ..carving("10.1.0.0/16", 2) };
    let would = server.unchanged(async |client| client.carve_networks(carve).await).await;
    assert_eq!(cidrs(&would.networks), ["net_0 10.1.0.0/24", "net_1 10.1.1.0/24"]);
}

#[tokio::test]
async fn b46_compute_agents_do_not_change_networks() {
    let server = Server::with(Options { loopback_role: Some(Role::Compute), ..Options::default() }).await;
    let id = server.network("blue", &["10.0.0.0/24"]).await.id;
    let before = server.dump().await;
    let mut client = server.client_over_tcp().await;
    let create = v1::CreateNetworksRequest { networks: vec![network("n", &[])], ..Default::default() };
    let delete = v1::DeleteNetworkRequest { network_id: id.clone(), ..Default::default() };
    for problem in [
        Problem::of(client.create_networks(create).await),
        Problem::of(client.delete_network(delete).await),
        Problem::of(client.modify_network(modification(&id)).await),
    ] {
        assert_eq!((problem.code, &*problem.reason), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
        assert_eq!(problem.metadata["allowed_roles"], "admin, member");
    }
    for problem in [
        Problem::of(client.associate_network(association(&id, None)).await),
        Problem::of(client.disassociate_network(disassociation(&id, true, true)).await),
        Problem::of(client.carve_networks(carving("10.0.0.0/16", 1)).await),
    ] {
        assert_eq!((problem.code, &*problem.reason), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
        assert_eq!(problem.metadata["allowed_roles"], "admin");
    }
    assert_eq!(server.dump().await, before);
}
