//! `lepton.v1.FixedIps`: what each call answers and refuses.

use lepton_manager::Role;
use lepton_proto::v1::{self, events_client::EventsClient, fixed_ips_client::FixedIpsClient};
use lepton_types::{HostReport, PortReport, PortStatus};
use tonic::{Code, transport::Channel};

use crate::{
    problem::Problem,
    server::{
        HOST, Options, PROJECT, Server, UNKNOWN, allocation, allocation_on, fixed_ips, host, instance,
        requested,
    },
};

type Client = FixedIpsClient<Channel>;

fn add(number: u128, network: &str, address: &str) -> v1::AddFixedIpRequest {
    v1::AddFixedIpRequest {
        instance_id: instance(number),
        network_id: network.into(),
        address: address.into(),
        ..Default::default()
    }
}

fn remove(number: u128, address: &str) -> v1::RemoveFixedIpRequest {
    v1::RemoveFixedIpRequest { instance_id: instance(number), address: address.into(), ..Default::default() }
}

fn reserve(network: &str, address: &str, reason: &str) -> v1::ReserveFixedIpRequest {
    v1::ReserveFixedIpRequest {
        network_id: network.into(),
        address: address.into(),
        reason: reason.into(),
        ..Default::default()
    }
}

fn unreserve(network: &str, address: &str) -> v1::UnreserveFixedIpRequest {
    v1::UnreserveFixedIpRequest { network_id: network.into(), address: address.into(), ..Default::default() }
}

fn get(network: &str, address: &str) -> v1::GetFixedIpRequest {
    v1::GetFixedIpRequest { network_id: network.into(), address: address.into(), ..Default::default() }
}

fn list(network: &str) -> v1::ListFixedIpsRequest {
    v1::ListFixedIpsRequest { network_id: network.into(), ..Default::default() }
}

fn lease(address: &str, mac: &str) -> v1::LeaseFixedIpRequest {
    v1::LeaseFixedIpRequest { address: address.into(), mac_address: mac.into(), ..Default::default() }
}

fn release(address: &str, mac: &str) -> v1::ReleaseFixedIpRequest {
    v1::ReleaseFixedIpRequest { address: address.into(), mac_address: mac.into(), ..Default::default() }
}

async fn client(server: &Server) -> Client {
    FixedIpsClient::new(server.channel().await)
}

/// A server with a network, whose id is told, and two instances on it.
async fn with_instances() -> (Server, Client, String) {
    let server = Server::start().await;
    let network = server.network("private", &["10.0.0.0/24"]).await.id;
    for number in [1, 2] {
        server.allocate(allocation(number)).await;
    }
    let client = client(&server).await;
    (server, client, network)
}

async fn state(client: &mut Client, network: &str, address: &str) -> v1::FixedIpState {
    client.get_fixed_ip(get(network, address)).await.unwrap().into_inner().state()
}

/// The addresses and states of all pages.
async fn listed(client: &mut Client, request: v1::ListFixedIpsRequest) -> Vec<String> {
    let (mut all, mut request) = (Vec::new(), request);
    loop {
        let page = client.list_fixed_ips(request.clone()).await.unwrap().into_inner();
        let text = |row: v1::FixedIp| {
            format!("{} {}", row.address, row.state().as_str_name().trim_start_matches("FIXED_IP_STATE_"))
        };
        all.extend(page.fixed_ips.into_iter().map(text));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return all;
        }
    }
}

#[tokio::test]
async fn an_address_is_added_removed_and_free_when_its_host_has_followed() {
    let (server, mut client, network) = with_instances().await;
    let info = client.add_fixed_ip(add(1, &network, "")).await.unwrap().into_inner();
    assert_eq!(fixed_ips(&info), ["10.0.0.2", "10.0.0.4"]);
    let subnet = client.get_fixed_ip(get(&network, "10.0.0.4")).await.unwrap().into_inner().subnet_id;
    let in_subnet = v1::AddFixedIpRequest { subnet_id: subnet.clone(), ..add(1, "", "") };
    let info = client.add_fixed_ip(in_subnet).await.unwrap().into_inner();
    assert_eq!(fixed_ips(&info).len(), 3);
    let info = client.add_fixed_ip(add(1, "", "10.0.0.77")).await.unwrap().into_inner();
    assert_eq!(fixed_ips(&info), ["10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.77"]);
    assert_eq!(server.info(1).await.unwrap(), info);

    let info = client.remove_fixed_ip(remove(1, "10.0.0.4")).await.unwrap().into_inner();
    assert_eq!(fixed_ips(&info), ["10.0.0.2", "10.0.0.5", "10.0.0.77"]);
    let leaving = client.get_fixed_ip(get(&network, "10.0.0.4")).await.unwrap().into_inner();
    assert_eq!((leaving.state(), &*leaving.instance_id), (v1::FixedIpState::Leaving, &*instance(1)));
    assert_eq!((&*leaving.host, &*leaving.project_id, &*leaving.subnet_id), (HOST, PROJECT, &*subnet));
    let feed = server.feed().await;
    let ports = feed.ports.iter().map(|port| PortReport {
        id: port.id,
        status: PortStatus::Active,
        filtered_at: Some(port.revision),
    });
    let report = HostReport { ports: ports.collect(), ..HostReport::default() };
    server.manager.host_report(host(), report).await.unwrap();
    assert_eq!(state(&mut client, &network, "10.0.0.4").await, v1::FixedIpState::Free);
}

#[tokio::test]
async fn what_an_address_is_is_told_and_listed() {
    let (server, mut client, network) = with_instances().await;
    let mac = server.info(1).await.unwrap().vifs[0].mac_address.clone();
    client.lease_fixed_ip(lease("10.0.0.2", &mac)).await.unwrap();
    client.reserve_fixed_ip(reserve(&network, "10.0.0.9", "dns")).await.unwrap();
    client.remove_fixed_ip(remove(2, "10.0.0.3")).await.unwrap();
    let told = client.get_fixed_ip(get("", "10.0.0.2")).await.unwrap().into_inner();
    assert_eq!((told.state(), &*told.mac_address), (v1::FixedIpState::Leased, &*mac));
    let lease = told.lease.unwrap();
    assert_eq!((&*lease.mac_address, lease.lease_time.unwrap().seconds), (&*mac, 120));
    assert!(lease.leased_at.is_some() && told.since.is_some());
    for (kept, reason) in [
        ("10.0.0.0", "the network address"),
        ("10.0.0.1", "the gateway"),
        ("10.0.0.255", "the broadcast address"),
    ] {
        let told = client.get_fixed_ip(get(&network, kept)).await.unwrap().into_inner();
        assert_eq!((told.state(), &*told.reason, told.since), (v1::FixedIpState::Reserved, reason, None));
    }
    let all = [
        "10.0.0.0 RESERVED",
        "10.0.0.1 RESERVED",
        "10.0.0.2 LEASED",
        "10.0.0.3 LEAVING",
        "10.0.0.9 RESERVED",
        "10.0.0.255 RESERVED",
    ];
    for page_size in [0, 1, 2] {
        let request = v1::ListFixedIpsRequest { page_size, ..list(&network) };
        assert_eq!(listed(&mut client, request).await, all);
    }
    let subnet_id = told.subnet_id;
    let elsewhere = v1::ListFixedIpsRequest::default;
    let leased = v1::ListFixedIpsRequest { state: v1::FixedIpState::Leased.into(), ..list(&network) };
    for (request, expected) in [
        (v1::ListFixedIpsRequest { subnet_id, ..elsewhere() }, &all[..]),
        (v1::ListFixedIpsRequest { instance_id: instance(2), ..elsewhere() }, &all[3..4]),
        (v1::ListFixedIpsRequest { host: HOST.into(), ..elsewhere() }, &all[2..4]),
        (leased, &all[2..3]),
        (v1::ListFixedIpsRequest { project_id: "red".into(), ..list(&network) }, &[]),
    ] {
        assert_eq!(listed(&mut client, request.clone()).await, expected, "{request:?}");
    }
    let of_project = v1::ListFixedIpsRequest { project_id: PROJECT.into(), page_size: 1, ..list(&network) };
    let mut of_project = listed(&mut client, of_project).await;
    of_project.sort_unstable();
    assert_eq!(of_project, all[2..4]);
}

#[tokio::test]
async fn b47_neither_what_a_subnet_keeps_nor_what_a_port_has_is_reserved_or_unreserved() {
    let (server, mut client, network) = with_instances().await;
    let before = server.dump().await;
    for kept in ["10.0.0.0", "10.0.0.1", "10.0.0.255"] {
        for problem in [
            Problem::of(client.reserve_fixed_ip(reserve(&network, kept, "x")).await),
            Problem::of(client.unreserve_fixed_ip(unreserve(&network, kept)).await),
        ] {
            let metadata = [("field", "address"), ("fixed_ip", kept), ("network_id", &network)];
            problem.assert(Code::InvalidArgument, "FIXED_IP_INVALID", &metadata, &[kept]);
        }
    }
    let metadata = [("fixed_ip", "10.0.0.2"), ("network_id", &*network)];
    let problem = Problem::of(client.reserve_fixed_ip(reserve(&network, "10.0.0.2", "x")).await);
    problem.assert(Code::FailedPrecondition, "FIXED_IP_ALREADY_IN_USE", &metadata, &["10.0.0.2"]);
    let problem = Problem::of(client.unreserve_fixed_ip(unreserve(&network, "10.0.0.2")).await);
    problem.assert(Code::FailedPrecondition, "FIXED_IP_NOT_RESERVED", &metadata, &["is not reserved"]);
    assert_eq!(server.dump().await, before);

    client.reserve_fixed_ip(reserve(&network, "10.0.0.4", "dns")).await.unwrap();
    let metadata = [("fixed_ip", "10.0.0.4"), ("network_id", &*network)];
    let problem = Problem::of(client.reserve_fixed_ip(reserve(&network, "10.0.0.4", "ntp")).await);
    problem.assert(
        Code::FailedPrecondition,
        "FIXED_IP_RESERVED",
        &metadata,
        &["already: dns", "unreserve it"],
    );
    client.reserve_fixed_ip(reserve(&network, "10.0.0.4", "dns")).await.unwrap();
    assert_eq!(fixed_ips(&server.allocate(allocation(3)).await), ["10.0.0.5"], "never handed out");
    let free = client.unreserve_fixed_ip(unreserve(&network, "10.0.0.4")).await.unwrap().into_inner();
    assert_eq!(free.state(), v1::FixedIpState::Free);
    assert_eq!(fixed_ips(&server.allocate(allocation(4)).await), ["10.0.0.4"]);
}

#[tokio::test]
async fn every_refusal_of_an_addition_or_a_removal_says_what_it_is_about() {
    let (server, mut client, network) = with_instances().await;
    let one = instance(1);
    let other = server.network("other", &["10.9.0.0/30"]).await.id;
    for problem in [
        Problem::of(client.add_fixed_ip(add(9, &network, "")).await),
        Problem::of(client.remove_fixed_ip(remove(9, "10.0.0.2")).await),
    ] {
        let metadata = [("instance_id", &*instance(9))];
        problem.assert(Code::NotFound, "INSTANCE_NOT_FOUND", &metadata, &[&instance(9)]);
    }
    let problem = Problem::of(client.add_fixed_ip(add(1, &other, "")).await);
    let metadata = [("instance_id", &*one), ("network_id", &*other)];
    problem.assert(Code::NotFound, "NETWORK_NOT_FOUND_FOR_INSTANCE", &metadata, &["has no vNIC on"]);
    let problem = Problem::of(client.add_fixed_ip(add(1, "", "10.9.0.2")).await);
    let metadata = [("instance_id", &*one), ("fixed_ip", "10.9.0.2")];
    problem.assert(Code::NotFound, "NETWORK_NOT_FOUND_FOR_INSTANCE", &metadata, &["has no vNIC on"]);
    let problem = Problem::of(client.add_fixed_ip(add(1, "", "10.0.0.1")).await);
    let metadata = [("field", "address"), ("fixed_ip", "10.0.0.1"), ("network_id", &*network)];
    problem.assert(Code::InvalidArgument, "FIXED_IP_INVALID", &metadata, &["gateway"]);
    let problem = Problem::of(client.add_fixed_ip(add(1, "", "10.0.0.3")).await);
    let metadata = [("fixed_ip", "10.0.0.3"), ("network_id", &*network)];
    problem.assert(Code::FailedPrecondition, "FIXED_IP_ALREADY_IN_USE", &metadata, &["10.0.0.3"]);

    let problem = Problem::of(client.remove_fixed_ip(remove(1, "10.0.0.3")).await);
    let metadata = [("instance_id", &*one), ("fixed_ip", "10.0.0.3")];
    let reason = "FIXED_IP_NOT_FOUND_FOR_SPECIFIC_INSTANCE";
    problem.assert(Code::NotFound, reason, &metadata, &["10.0.0.3", &one]);
    client.remove_fixed_ip(remove(1, "10.0.0.2")).await.unwrap();
    let problem = Problem::of(client.remove_fixed_ip(remove(1, "10.0.0.2")).await);
    let metadata = [("instance_id", &*one)];
    problem.assert(Code::NotFound, "FIXED_IP_NOT_FOUND_FOR_INSTANCE", &metadata, &["has no fixed IP"]);

    let on_other = allocation_on(3, vec![requested(&other, &[])]);
    server.allocate(on_other).await;
    let problem = Problem::of(client.add_fixed_ip(add(3, &other, "")).await);
    let metadata = [("network_id", &*other), ("cidr", "10.9.0.0/30")];
    problem.assert(Code::ResourceExhausted, "NO_MORE_FIXED_IPS", &metadata, &["10.9.0.0/30"]);
    let bare = server.network("bare", &[]).await.id;
    server.allocate(allocation_on(4, vec![requested(&bare, &[])])).await;
    let problem = Problem::of(client.add_fixed_ip(add(4, &bare, "")).await);
    problem.assert_fields(&[("network_id", "has no subnet")]);
}

#[tokio::test]
async fn every_refusal_of_a_place_says_what_it_is_about() {
    let (server, mut client, network) = with_instances().await;
    let in_subnet = |request: v1::GetFixedIpRequest| v1::GetFixedIpRequest {
        network_id: String::new(),
        subnet_id: UNKNOWN.into(),
        ..request
    };
    for problem in [
        Problem::of(client.get_fixed_ip(get(UNKNOWN, "10.0.0.2")).await),
        Problem::of(client.reserve_fixed_ip(reserve(UNKNOWN, "10.0.0.2", "x")).await),
        Problem::of(client.unreserve_fixed_ip(unreserve(UNKNOWN, "10.0.0.2")).await),
        Problem::of(client.list_fixed_ips(list(UNKNOWN)).await),
    ] {
        problem.assert(Code::NotFound, "NETWORK_NOT_FOUND", &[("network_id", UNKNOWN)], &[UNKNOWN]);
    }
    for problem in [
        Problem::of(client.get_fixed_ip(in_subnet(get("", "10.0.0.2"))).await),
        Problem::of(
            client.list_fixed_ips(v1::ListFixedIpsRequest { subnet_id: UNKNOWN.into(), ..list("") }).await,
        ),
    ] {
        problem.assert(Code::NotFound, "SUBNET_NOT_FOUND", &[("subnet_id", UNKNOWN)], &[UNKNOWN]);
    }
    for problem in [
        Problem::of(client.get_fixed_ip(get(&network, "10.9.0.2")).await),
        Problem::of(client.reserve_fixed_ip(reserve(&network, "10.9.0.2", "x")).await),
        Problem::of(client.unreserve_fixed_ip(unreserve(&network, "10.9.0.2")).await),
    ] {
        let metadata = [("network_id", &*network), ("fixed_ip", "10.9.0.2"), ("cidr", "10.0.0.0/24")];
        let words = ["10.9.0.2 is not in 10.0.0.0/24"];
        problem.assert(Code::NotFound, "FIXED_IP_NOT_FOUND_FOR_NETWORK", &metadata, &words);
    }
    let problem = Problem::of(client.get_fixed_ip(get("", "10.0.0.9")).await);
    let metadata = [("fixed_ip", "10.0.0.9")];
    problem.assert(
        Code::NotFound,
        "FIXED_IP_NOT_FOUND_FOR_ADDRESS",
        &metadata,
        &["as far as you may see", "10.0.0.9"],
    );
    // The same address on another network.
    let twin = server.network("twin", &["10.0.0.0/24"]).await.id;
    server.allocate(allocation_on(3, vec![requested(&twin, &["10.0.0.2"])])).await;
    let problem = Problem::of(client.get_fixed_ip(get("", "10.0.0.2")).await);
    problem.assert_fields(&[("network_id", "10.0.0.2 is on several networks")]);
    let told = client.get_fixed_ip(get(&twin, "10.0.0.2")).await.unwrap().into_inner();
    assert_eq!(told.instance_id, instance(3));
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let (_server, mut client, network) = with_instances().await;
    let wrong = v1::AddFixedIpRequest::default();
    Problem::of(client.add_fixed_ip(wrong).await).assert_fields(&[
        ("instance_id", "is required"),
        ("network_id", "is required, or subnet_id or address"),
    ]);
    let wrong = v1::AddFixedIpRequest { subnet_id: "x".into(), ..add(1, "y", "10.0.0") };
    Problem::of(client.add_fixed_ip(wrong).await)
        .assert_fields(&[("subnet_id", "network_id says where"), ("address", "10.0.0")]);
    Problem::of(client.add_fixed_ip(add(1, "web", "")).await)
        .assert_fields(&[("network_id", "is not a UUID")]);
    Problem::of(client.remove_fixed_ip(v1::RemoveFixedIpRequest::default()).await)
        .assert_fields(&[("instance_id", "is required"), ("address", "is required")]);
    Problem::of(client.reserve_fixed_ip(v1::ReserveFixedIpRequest::default()).await).assert_fields(&[
        ("network_id", "is required, or subnet_id"),
        ("address", "is required"),
        ("reason", "is empty"),
    ]);
    Problem::of(client.unreserve_fixed_ip(v1::UnreserveFixedIpRequest::default()).await)
        .assert_fields(&[("network_id", "is required, or subnet_id"), ("address", "is required")]);
    Problem::of(client.get_fixed_ip(get("", "")).await).assert_fields(&[("address", "is required")]);
    for problem in [
        Problem::of(client.lease_fixed_ip(lease("", "x")).await),
        Problem::of(client.release_fixed_ip(release("", "x")).await),
    ] {
        problem.assert_fields(&[("address", "is required"), ("mac_address", "x")]);
    }
    let wrong = v1::ListFixedIpsRequest {
        host: HOST.into(),
        state: v1::FixedIpState::Free.into(),
        page_size: 1001,
        page_token: "x".into(),
        ..list(&network)
    };
    Problem::of(client.list_fixed_ips(wrong).await).assert_fields(&[
        ("host", "network_id says which addresses"),
        ("state", "is FREE"),
        ("page_size", "0 to 1000"),
        ("page_token", "not a next_page_token"),
    ]);
    let wrong = v1::ListFixedIpsRequest { state: 99, ..list("") };
    Problem::of(client.list_fixed_ips(wrong).await)
        .assert_fields(&[("network_id", "is required, or subnet_id"), ("state", "99 is no state")]);
}

#[tokio::test]
async fn b35_what_a_dhcp_server_says_must_name_the_mac_and_is_else_ignored_with_a_warning() {
    let (mut server, _, network) = with_instances().await;
    let (mac, port) = {
        let info = server.info(1).await.unwrap();
        (info.vifs[0].mac_address.clone(), info.vifs[0].id.clone())
    };
    let agent = |host: &str| format!("spiffe://example.org/lepton/agent/{host}");
    let mut own = FixedIpsClient::new(server.channel_with_certificate(&agent(HOST)).await);
    let mut other = FixedIpsClient::new(server.channel_with_certificate(&agent("host-2")).await);
    let before = server.dump().await;
    let nobody = "fa:16:3e:99:99:99";
    for (address, mac, words) in [
        ("10.0.0.2", nobody, format!("no port has MAC {nobody}")),
        ("10.0.0.3", &mac, format!("port {port} with MAC {mac} does not have 10.0.0.3")),
        ("10.0.0.99", &mac, format!("port {port} with MAC {mac} does not have 10.0.0.99")),
    ] {
        let leased = own.lease_fixed_ip(lease(address, mac)).await.unwrap().into_inner();
        assert_eq!((leased.fixed_ip, &leased.warning), (None, &words));
        let released = own.release_fixed_ip(release(address, mac)).await.unwrap().into_inner();
        assert_eq!((released.fixed_ip, &released.warning), (None, &words));
    }
    let stranger = other.lease_fixed_ip(lease("10.0.0.2", &mac)).await.unwrap().into_inner();
    assert_eq!(stranger.fixed_ip, None);
    assert!(stranger.warning.starts_with("host host-2 neither has port"), "{}", stranger.warning);
    assert_eq!(server.dump().await, before);

    let leased = own.lease_fixed_ip(lease("10.0.0.2", &mac)).await.unwrap().into_inner();
    assert_eq!((leased.fixed_ip.unwrap().state(), &*leased.warning), (v1::FixedIpState::Leased, ""));
    let released = own.release_fixed_ip(release("10.0.0.2", &mac)).await.unwrap().into_inner();
    assert_eq!((released.fixed_ip.unwrap().state(), &*released.warning), (v1::FixedIpState::Allocated, ""));
    let again = own.release_fixed_ip(release("10.0.0.2", &mac)).await.unwrap().into_inner();
    assert_eq!(again.warning, "10.0.0.2 was not leased");
    let mut admin = client(&server).await;
    assert_eq!(
        state(&mut admin, &network, "10.0.0.2").await,
        v1::FixedIpState::Allocated,
        "B6: nothing is freed"
    );
}

#[tokio::test]
async fn what_happens_to_addresses_is_told_as_events() {
    let (server, mut client, network) = with_instances().await;
    let mac = server.info(1).await.unwrap().vifs[0].mac_address.clone();
    client.add_fixed_ip(add(1, &network, "10.0.0.7")).await.unwrap();
    client.lease_fixed_ip(lease("10.0.0.7", &mac)).await.unwrap();
    client.release_fixed_ip(release("10.0.0.7", &mac)).await.unwrap();
    client.remove_fixed_ip(remove(1, "10.0.0.7")).await.unwrap();
    client.reserve_fixed_ip(reserve(&network, "10.0.0.9", "dns")).await.unwrap();
    client.unreserve_fixed_ip(unreserve(&network, "10.0.0.9")).await.unwrap();
    let request = v1::ListEventsRequest {
        after_revision: Some(0),
        kinds: vec!["fixed_ip.".into()],
        ..Default::default()
    };
    let mut events = EventsClient::new(server.channel().await);
    let events = events.list_events(request).await.unwrap().into_inner().events;
    let told: Vec<_> = events
        .iter()
        .map(|event| (&*event.kind, &*event.call, &*event.attributes["fixed_ip"], &*event.project_id))
        .collect();
    assert_eq!(
        told,
        [
            ("fixed_ip.added", "AddFixedIp", "10.0.0.7", PROJECT),
            ("fixed_ip.leased", "LeaseFixedIp", "10.0.0.7", PROJECT),
            ("fixed_ip.released", "ReleaseFixedIp", "10.0.0.7", PROJECT),
            ("fixed_ip.removed", "RemoveFixedIp", "10.0.0.7", PROJECT),
            ("fixed_ip.reserved", "ReserveFixedIp", "10.0.0.9", ""),
            ("fixed_ip.unreserved", "UnreserveFixedIp", "10.0.0.9", ""),
        ]
    );
}

#[tokio::test]
async fn a_compute_agent_changes_the_instances_of_its_own_host_alone() {
    let (mut server, _, network) = with_instances().await;
    let id = "spiffe://example.org/lepton/compute/host-2";
    let mut compute = FixedIpsClient::new(server.channel_with_certificate(id).await);
    for problem in [
        Problem::of(compute.add_fixed_ip(add(1, &network, "")).await),
        Problem::of(compute.remove_fixed_ip(remove(1, "10.0.0.2")).await),
    ] {
        let metadata = [("host", HOST), ("allowed_host", "host-2")];
        problem.assert(Code::PermissionDenied, "HOST_NOT_ALLOWED", &metadata, &[HOST, "host-2"]);
    }
}

#[tokio::test]
async fn a_tenant_changes_its_own_instances_and_learns_of_others_that_an_address_is_had() {
    let (mut server, mut admin, network) = with_instances().await;
    let theirs = v1::AllocateForInstanceRequest { project_id: "red".into(), ..allocation(3) };
    server.allocate(theirs).await;
    admin.reserve_fixed_ip(reserve(&network, "10.0.0.9", "secret")).await.unwrap();
    let mut member = FixedIpsClient::new(server.member_of(PROJECT).await);
    member.add_fixed_ip(add(1, &network, "10.0.0.20")).await.unwrap();
    member.remove_fixed_ip(remove(2, "10.0.0.3")).await.unwrap();
    let own = member.get_fixed_ip(get("", "10.0.0.20")).await.unwrap().into_inner();
    assert_eq!(own.instance_id, instance(1));
    let hidden = member.get_fixed_ip(get(&network, "10.0.0.4")).await.unwrap().into_inner();
    assert_eq!(hidden.state(), v1::FixedIpState::Allocated);
    assert_eq!((&*hidden.port_id, &*hidden.project_id, &*hidden.host, hidden.since), ("", "", "", None));
    let kept = member.get_fixed_ip(get(&network, "10.0.0.9")).await.unwrap().into_inner();
    assert_eq!((kept.state(), &*kept.reason), (v1::FixedIpState::Reserved, ""));
    for address in ["10.0.0.4", "10.0.0.9"] {
        let problem = Problem::of(member.get_fixed_ip(get("", address)).await);
        assert_eq!(problem.reason, "FIXED_IP_NOT_FOUND_FOR_ADDRESS");
    }
    let mut all = listed(&mut member, list(&network)).await;
    all.sort_unstable();
    assert_eq!(all, ["10.0.0.2 ALLOCATED", "10.0.0.20 ALLOCATED", "10.0.0.3 LEAVING"]);
}

#[tokio::test]
async fn only_admins_reserve_and_readers_change_nothing() {
    let server = Server::with(Options { loopback_role: Some(Role::Reader), ..Options::default() }).await;
    let network = server.network("private", &["10.0.0.0/24"]).await.id;
    let mut reader = FixedIpsClient::new(server.channel_over_tcp().await);
    let mac = "fa:16:3e:00:00:01";
    for (problem, roles) in [
        (Problem::of(reader.add_fixed_ip(add(1, &network, "")).await), "admin, compute, member"),
        (Problem::of(reader.remove_fixed_ip(remove(1, "10.0.0.2")).await), "admin, compute, member"),
        (Problem::of(reader.reserve_fixed_ip(reserve(&network, "10.0.0.2", "x")).await), "admin"),
        (Problem::of(reader.unreserve_fixed_ip(unreserve(&network, "10.0.0.2")).await), "admin"),
        (Problem::of(reader.lease_fixed_ip(lease("10.0.0.2", mac)).await), "admin, compute, agent"),
        (Problem::of(reader.release_fixed_ip(release("10.0.0.2", mac)).await), "admin, compute, agent"),
    ] {
        assert_eq!((problem.code, &*problem.reason), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
        assert_eq!(problem.metadata["allowed_roles"], roles);
    }
    let kept = ["10.0.0.0 RESERVED", "10.0.0.1 RESERVED", "10.0.0.255 RESERVED"];
    assert_eq!(listed(&mut reader, list(&network)).await, kept);
    assert_eq!(state(&mut reader, &network, "10.0.0.2").await, v1::FixedIpState::Free);
}

#[tokio::test]
async fn every_change_can_be_repeated_and_rehearsed() {
    let (server, mut client, network) = with_instances().await;
    let before = server.dump().await;
    let dry = v1::AddFixedIpRequest { validate_only: true, ..add(1, &network, "") };
    let info = client.add_fixed_ip(dry).await.unwrap().into_inner();
    assert_eq!(fixed_ips(&info), ["10.0.0.2", "10.0.0.4"]);
    let dry = v1::ReserveFixedIpRequest { validate_only: true, ..reserve(&network, "10.0.0.9", "dns") };
    assert_eq!(client.reserve_fixed_ip(dry).await.unwrap().into_inner().reason, "dns");
    assert_eq!(server.dump().await, before);
    let once = v1::AddFixedIpRequest { request_id: "1".into(), ..add(1, &network, "") };
    let first = client.add_fixed_ip(once.clone()).await.unwrap().into_inner();
    assert_eq!(client.add_fixed_ip(once).await.unwrap().into_inner(), first);
    assert_eq!(fixed_ips(&server.info(1).await.unwrap()), ["10.0.0.2", "10.0.0.4"]);
    let once = v1::RemoveFixedIpRequest { request_id: "2".into(), ..remove(1, "10.0.0.4") };
    for _ in 0..2 {
        client.remove_fixed_ip(once.clone()).await.unwrap();
    }
    let once = v1::ReserveFixedIpRequest { request_id: "3".into(), ..reserve(&network, "10.0.0.9", "dns") };
    let first = client.reserve_fixed_ip(once.clone()).await.unwrap().into_inner();
    client.unreserve_fixed_ip(unreserve(&network, "10.0.0.9")).await.unwrap();
    assert_eq!(client.reserve_fixed_ip(once).await.unwrap().into_inner(), first);
    let other = v1::ReserveFixedIpRequest { request_id: "3".into(), ..reserve(&network, "10.0.0.9", "ntp") };
    let problem = Problem::of(client.reserve_fixed_ip(other).await);
    problem.assert(Code::InvalidArgument, "REQUEST_ID_REUSED", &[("request_id", "3")], &["3"]);
}
