//! `lepton.v1.FloatingIps`: what each call answers and refuses.

use lepton_manager::Role;
use lepton_proto::v1::{
    self, floating_ips_client::FloatingIpsClient, list_floating_ips_request::Selection,
    network_manager_client::NetworkManagerClient,
};
use lepton_types::{Amounts, Limit};
use tonic::{Code, transport::Channel};

use crate::{
    problem::Problem,
    server::{HOST, Options, PROJECT, Server, UNKNOWN, allocation, instance, network, requested},
};

type Client = FloatingIpsClient<Channel>;

fn pool(name: &str, ranges: &[&str]) -> v1::CreateFloatingPoolRequest {
    v1::CreateFloatingPoolRequest {
        name: name.into(),
        ranges: ranges.iter().map(|range| (*range).into()).collect(),
        ..Default::default()
    }
}

fn wish() -> v1::AllocateFloatingIpRequest {
    v1::AllocateFloatingIpRequest { project_id: PROJECT.into(), ..Default::default() }
}

fn release(address: &str) -> v1::ReleaseFloatingIpRequest {
    v1::ReleaseFloatingIpRequest { address: address.into(), ..Default::default() }
}

fn associate(address: &str, number: u128) -> v1::AssociateFloatingIpRequest {
    v1::AssociateFloatingIpRequest {
        address: address.into(),
        instance_id: instance(number),
        ..Default::default()
    }
}

fn to(address: &str, fixed_ip: &str) -> v1::AssociateFloatingIpRequest {
    v1::AssociateFloatingIpRequest {
        address: address.into(),
        fixed_ip: fixed_ip.into(),
        ..Default::default()
    }
}

fn disassociate(address: &str) -> v1::DisassociateFloatingIpRequest {
    v1::DisassociateFloatingIpRequest { address: address.into(), ..Default::default() }
}

fn get(address: &str) -> v1::GetFloatingIpRequest {
    v1::GetFloatingIpRequest { address: address.into() }
}

fn list(selection: Option<Selection>) -> v1::ListFloatingIpsRequest {
    v1::ListFloatingIpsRequest { selection, ..Default::default() }
}

fn delete(name: &str) -> v1::DeleteFloatingPoolRequest {
    v1::DeleteFloatingPoolRequest { name: name.into(), ..Default::default() }
}

fn shrink(name: &str, ranges: &[&str]) -> v1::DeleteFloatingRangesRequest {
    let v1::CreateFloatingPoolRequest { name, ranges, .. } = pool(name, ranges);
    v1::DeleteFloatingRangesRequest { name, ranges, ..Default::default() }
}

async fn client(server: &Server) -> Client {
    FloatingIpsClient::new(server.channel().await)
}

/// A server with a network, two instances and the default pool.
async fn with_pool(ranges: &[&str]) -> (Server, Client) {
    let server = Server::start().await;
    server.network("private", &["10.0.0.0/24"]).await;
    for number in [1, 2] {
        server.allocate(allocation(number)).await;
    }
    let mut client = client(&server).await;
    client.create_floating_pool(pool("nova", ranges)).await.unwrap();
    (server, client)
}

async fn found(client: &mut Client, request: v1::ListFloatingIpsRequest) -> Vec<String> {
    let page = client.list_floating_ips(request).await.unwrap().into_inner();
    page.floating_ips.into_iter().map(|floating_ip| floating_ip.address).collect()
}

#[tokio::test]
async fn a_pool_is_made_grows_is_counted_and_goes() {
    let (_server, mut client) = with_pool(&["172.24.4.0/29"]).await;
    let more = v1::CreateFloatingPoolRequest { interface: "eth1".into(), ..pool("nova", &["172.24.5.7"]) };
    let grown = client.create_floating_pool(more).await.unwrap().into_inner();
    let ranges: Vec<_> = grown
        .ranges
        .iter()
        .map(|range| (&*range.addresses, range.total_addresses, &*range.interface))
        .collect();
    assert_eq!(ranges, [("172.24.4.0/29", 6, ""), ("172.24.5.7", 1, "eth1")]);
    assert_eq!((&*grown.name, grown.total_addresses, grown.allocated_addresses), ("nova", Some(7), Some(0)));
    // A router may put floating IPs on its loopback device.
    let blue = v1::CreateFloatingPoolRequest { interface: "lo".into(), ..pool("blue", &[]) };
    client.create_floating_pool(blue).await.unwrap();
    client.allocate_floating_ip(wish()).await.unwrap();

    let mut listed = Vec::new();
    let mut request = v1::ListFloatingPoolsRequest { page_size: 1, ..Default::default() };
    loop {
        let page = client.list_floating_pools(request.clone()).await.unwrap().into_inner();
        listed.extend(page.pools.into_iter().map(|pool| (pool.name, pool.allocated_addresses)));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, [("nova".to_owned(), Some(1)), ("blue".to_owned(), Some(0))]);

    let left = client.delete_floating_ranges(shrink("nova", &["172.24.5.7"])).await.unwrap().into_inner();
    assert_eq!(left.total_addresses, Some(6));
    client.delete_floating_pool(delete("blue")).await.unwrap();
    let pools = client.list_floating_pools(v1::ListFloatingPoolsRequest::default()).await.unwrap();
    assert_eq!(pools.into_inner().pools.len(), 1);
}

#[tokio::test]
async fn b51_a_floating_ip_is_told_with_where_it_leads_and_that_nothing_carries_it_yet() {
    let (server, mut client) = with_pool(&["172.24.4.0/24"]).await;
    let made = client.allocate_floating_ip(wish()).await.unwrap().into_inner();
    assert_eq!((&*made.address, &*made.pool, &*made.project_id), ("172.24.4.1", "nova", PROJECT));
    assert_eq!((&*made.fixed_ip, &*made.host, made.associated_at), ("", "", None));
    let done = client.associate_floating_ip(associate("172.24.4.1", 1)).await.unwrap().into_inner();
    assert_eq!(done.previous_instance_id, "");
    let told = client.get_floating_ip(get("172.24.4.1")).await.unwrap().into_inner();
    assert_eq!(done.floating_ip.as_ref(), Some(&told));
    assert_eq!((&*told.fixed_ip, &*told.instance_id, &*told.host), ("10.0.0.2", &*instance(1), HOST));
    assert_eq!(told.status(), v1::FloatingIpStatus::Pending);
    assert!(told.status_reason.contains("no router"), "{}", told.status_reason);
    assert!(told.associated_at.is_some() && !told.auto_assigned);

    let info = server.info(1).await.unwrap();
    let link = &info.vifs[0].network.as_ref().unwrap().subnets[0].floating_ips[0];
    assert_eq!((&*link.floating_ip, &*link.fixed_ip), ("172.24.4.1", "10.0.0.2"));
}

#[tokio::test]
async fn b52_a_move_answers_whose_it_was_and_the_same_again_nothing() {
    let (_server, mut client) = with_pool(&["172.24.4.0/24"]).await;
    client.allocate_floating_ip(wish()).await.unwrap();
    let mut previous = Vec::new();
    for request in [
        associate("172.24.4.1", 1),
        associate("172.24.4.1", 1),
        to("172.24.4.1", "10.0.0.3"),
        associate("172.24.4.1", 1),
    ] {
        let done = client.associate_floating_ip(request).await.unwrap().into_inner();
        previous.push(done.previous_instance_id);
    }
    assert_eq!(previous, ["", "", &*instance(1), &*instance(2)]);
    let done = client.disassociate_floating_ip(disassociate("172.24.4.1")).await.unwrap().into_inner();
    assert_eq!(done.previous_instance_id, instance(1));
    assert_eq!(done.floating_ip.unwrap().instance_id, "");
    client.release_floating_ip(release("172.24.4.1")).await.unwrap();
}

#[tokio::test]
async fn floating_ips_are_found_by_whatever_they_have_to_do_with() {
    let (_server, mut client) = with_pool(&["172.24.4.0/24"]).await;
    client.create_floating_pool(pool("blue", &["172.24.5.0/24"])).await.unwrap();
    let others =
        v1::AllocateFloatingIpRequest { project_id: "red".into(), pool: "blue".into(), ..Default::default() };
    client.allocate_floating_ip(others).await.unwrap();
    for _ in 0..2 {
        client.allocate_floating_ip(wish()).await.unwrap();
    }
    client.associate_floating_ip(associate("172.24.4.2", 1)).await.unwrap();
    for selection in [
        Selection::FixedIp("10.0.0.2".into()),
        Selection::InstanceId(instance(1)),
        Selection::Host(HOST.into()),
    ] {
        assert_eq!(found(&mut client, list(Some(selection))).await, ["172.24.4.2"]);
    }
    assert_eq!(found(&mut client, list(Some(Selection::Pool("blue".into())))).await, ["172.24.5.1"]);
    let own = v1::ListFloatingIpsRequest { project_id: PROJECT.into(), ..list(None) };
    assert_eq!(found(&mut client, own.clone()).await, ["172.24.4.1", "172.24.4.2"]);
    let first = v1::ListFloatingIpsRequest { page_size: 1, ..own };
    let page = client.list_floating_ips(first.clone()).await.unwrap().into_inner();
    let rest = v1::ListFloatingIpsRequest { page_token: page.next_page_token, ..first };
    assert_eq!(found(&mut client, rest).await, ["172.24.4.2"]);
}

/// A call looks at 64 networks.
#[tokio::test]
async fn what_a_host_carries_is_told_behind_a_page_without_any() {
    let (server, mut client) = with_pool(&["172.24.4.0/24"]).await;
    for number in 0..64 {
        let routed = network(&format!("net{number}"), &["10.9.0.0/24"]);
        server.create(v1::NetworkSpec { host: HOST.into(), ..routed }).await;
    }
    for number in [1_u128, 2] {
        client.allocate_floating_ip(wish()).await.unwrap();
        client.associate_floating_ip(associate(&format!("172.24.4.{number}"), number)).await.unwrap();
    }
    let mut request = list(Some(Selection::Host(HOST.into())));
    request.page_size = 1;
    let mut pages = Vec::new();
    loop {
        let page = client.list_floating_ips(request.clone()).await.unwrap().into_inner();
        pages.push(page.floating_ips.into_iter().map(|row| row.address).collect::<Vec<_>>());
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, [vec![], vec!["172.24.4.1".to_owned()], vec!["172.24.4.2".to_owned()]]);
    request.page_token = "172.24.4.1".into();
    Problem::of(client.list_floating_ips(request).await)
        .assert_fields(&[("page_token", "not a next_page_token")]);
}

#[tokio::test]
async fn every_refusal_of_a_pool_says_what_it_is_about() {
    let (_server, mut client) = with_pool(&["172.24.4.0/30"]).await;
    client.allocate_floating_ip(wish()).await.unwrap();
    let overlapping = client.create_floating_pool(pool("blue", &["10.9.0.1", "172.24.0.0/16"])).await;
    let metadata = [
        ("field", "ranges[1]"),
        ("range", "172.24.0.0/16"),
        ("other_range", "172.24.4.0/30"),
        ("other_pool", "nova"),
    ];
    let words = ["172.24.0.0/16 overlaps 172.24.4.0/30 of pool nova"];
    Problem::of(overlapping).assert(Code::InvalidArgument, "FLOATING_RANGE_OVERLAPS", &metadata, &words);
    for problem in [
        Problem::of(client.delete_floating_pool(delete("nova")).await),
        Problem::of(client.delete_floating_ranges(shrink("nova", &["172.24.4.0/30"])).await),
    ] {
        let metadata = [("pool", "nova"), ("floating_ip", "172.24.4.1")];
        problem.assert(Code::FailedPrecondition, "FLOATING_POOL_IN_USE", &metadata, &["release it first"]);
    }
    let problem = Problem::of(client.delete_floating_ranges(shrink("nova", &["10.9.0.1"])).await);
    let metadata = [("pool", "nova"), ("range", "10.9.0.1")];
    problem.assert(Code::NotFound, "FLOATING_RANGE_NOT_FOUND", &metadata, &["no address of 10.9.0.1"]);

    let in_pool = |pool: &str| v1::AllocateFloatingIpRequest { pool: pool.into(), ..wish() };
    for problem in [
        Problem::of(client.allocate_floating_ip(in_pool("red")).await),
        Problem::of(client.delete_floating_pool(delete("red")).await),
        Problem::of(client.delete_floating_ranges(shrink("red", &["10.9.0.1"])).await),
        Problem::of(client.list_floating_ips(list(Some(Selection::Pool("red".into())))).await),
    ] {
        problem.assert(Code::NotFound, "FLOATING_POOL_NOT_FOUND", &[("pool", "red")], &["pool red"]);
    }
    let at = |address: &str| v1::AllocateFloatingIpRequest { address: address.into(), ..wish() };
    let problem = Problem::of(client.allocate_floating_ip(at("172.24.4.1")).await);
    let metadata = [("field", "address"), ("floating_ip", "172.24.4.1")];
    problem.assert(Code::InvalidArgument, "FLOATING_IP_ALREADY_IN_USE", &metadata, &["172.24.4.1 is taken"]);
    let problem = Problem::of(client.allocate_floating_ip(at("10.9.0.1")).await);
    let metadata = [("pool", "nova"), ("floating_ip", "10.9.0.1")];
    problem.assert(Code::NotFound, "FLOATING_IP_NOT_FOUND", &metadata, &["in pool nova"]);
    client.allocate_floating_ip(wish()).await.unwrap();
    let problem = Problem::of(client.allocate_floating_ip(wish()).await);
    problem.assert(Code::ResourceExhausted, "NO_MORE_FLOATING_IPS", &[("pool", "nova")], &["pool nova"]);
}

#[tokio::test]
async fn every_refusal_of_a_floating_ip_says_what_it_is_about() {
    let (server, mut client) = with_pool(&["172.24.4.0/30"]).await;
    client.allocate_floating_ip(wish()).await.unwrap();
    for problem in [
        Problem::of(client.get_floating_ip(get("172.24.4.2")).await),
        Problem::of(client.release_floating_ip(release("172.24.4.2")).await),
        Problem::of(client.associate_floating_ip(associate("172.24.4.2", 1)).await),
        Problem::of(client.disassociate_floating_ip(disassociate("172.24.4.2")).await),
    ] {
        let metadata = [("floating_ip", "172.24.4.2")];
        problem.assert(Code::NotFound, "FLOATING_IP_NOT_FOUND", &metadata, &["172.24.4.2 is not found"]);
    }
    let problem = Problem::of(client.disassociate_floating_ip(disassociate("172.24.4.1")).await);
    let metadata = [("floating_ip", "172.24.4.1")];
    problem.assert(Code::FailedPrecondition, "FLOATING_IP_NOT_ASSOCIATED", &metadata, &["leads to no"]);
    let unknown =
        v1::AssociateFloatingIpRequest { instance_id: UNKNOWN.into(), ..associate("172.24.4.1", 1) };
    let problem = Problem::of(client.associate_floating_ip(unknown).await);
    problem.assert(Code::NotFound, "INSTANCE_NOT_FOUND", &[("instance_id", UNKNOWN)], &[UNKNOWN]);
    // B50: an address that nobody has.
    let problem = Problem::of(client.associate_floating_ip(to("172.24.4.1", "10.0.0.9")).await);
    let metadata = [("fixed_ip", "10.0.0.9"), ("project_id", "blue")];
    problem.assert(
        Code::NotFound,
        "FIXED_IP_NOT_FOUND",
        &metadata,
        &["no live port on a network that project blue may use"],
    );

    // What is another project's.
    server.allocate(v1::AllocateForInstanceRequest { project_id: "p2".into(), ..allocation(9) }).await;
    let problem = Problem::of(client.associate_floating_ip(associate("172.24.4.1", 9)).await);
    let other = instance(9);
    let metadata = [
        ("floating_ip", "172.24.4.1"),
        ("project_id", "blue"),
        ("fixed_ip", "10.0.0.4"),
        ("instance_id", other.as_str()),
        ("instance_project_id", "p2"),
    ];
    problem.assert(
        Code::FailedPrecondition,
        "FLOATING_IP_OF_OTHER_PROJECT",
        &metadata,
        &["use a floating IP of p2's"],
    );

    client.associate_floating_ip(associate("172.24.4.1", 1)).await.unwrap();
    let problem = Problem::of(client.release_floating_ip(release("172.24.4.1")).await);
    let metadata = [("floating_ip", "172.24.4.1"), ("fixed_ip", "10.0.0.2")];
    problem.assert(Code::FailedPrecondition, "FLOATING_IP_ASSOCIATED", &metadata, &["disassociate it first"]);
    let anyway = v1::ReleaseFloatingIpRequest { disassociate: true, ..release("172.24.4.1") };
    client.release_floating_ip(anyway).await.unwrap();

    // The same address on another network.
    let twin = server.network("twin", &["10.0.0.0/24"]).await.id;
    let on_twin =
        v1::AllocateForInstanceRequest { networks: vec![requested(&twin, &["10.0.0.2"])], ..allocation(3) };
    server.allocate(on_twin).await;
    client.allocate_floating_ip(wish()).await.unwrap();
    let problem = Problem::of(client.associate_floating_ip(to("172.24.4.1", "10.0.0.2")).await);
    problem.assert(Code::InvalidArgument, "FIXED_IP_AMBIGUOUS", &[("fixed_ip", "10.0.0.2")], &["on several"]);
    let on_network = v1::AssociateFloatingIpRequest { network_id: twin, ..to("172.24.4.1", "10.0.0.2") };
    let done = client.associate_floating_ip(on_network).await.unwrap().into_inner();
    assert_eq!(done.floating_ip.unwrap().instance_id, instance(3));
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let (_server, mut client) = with_pool(&["172.24.4.0/30"]).await;
    let wrong = v1::CreateFloatingPoolRequest {
        interface: "a/b".into(),
        ..pool("", &["172.24.4.0/31", "fd00::1", "224.0.0.1", "10.0.0.9-10.0.0.1"])
    };
    Problem::of(client.create_floating_pool(wrong).await).assert_fields(&[
        ("name", "is empty"),
        ("ranges[0]", "fewer than 4 addresses"),
        ("ranges[1]", "no range of IPv4 addresses"),
        ("ranges[3]", "ends before it begins"),
        ("ranges[2]", "multicast"),
        ("interface", "a/b"),
    ]);
    for interface in ["all", "default"] {
        let wrong = v1::CreateFloatingPoolRequest { interface: interface.into(), ..pool("blue", &[]) };
        let problem = Problem::of(client.create_floating_pool(wrong).await);
        problem.assert_fields(&[("interface", "is a name that Linux gives to no device")]);
    }
    let multicast = Problem::of(client.create_floating_pool(pool("blue", &["224.0.0.1"])).await);
    multicast.assert_fields(&[("ranges[0]", "multicast")]);
    let many = vec!["10.0.0.1"; 65];
    let problem = Problem::of(client.create_floating_pool(pool("blue", &many)).await);
    problem.assert_fields(&[("ranges", "65 ranges are too many")]);
    let problem = Problem::of(client.delete_floating_ranges(shrink("nova", &[])).await);
    problem.assert_fields(&[("ranges", "is required")]);
    Problem::of(client.delete_floating_pool(delete("")).await).assert_fields(&[("name", "is empty")]);

    let wrong = v1::AllocateFloatingIpRequest { address: "fd00::1".into(), ..Default::default() };
    let problem = Problem::of(client.allocate_floating_ip(wrong).await);
    problem.assert_fields(&[("project_id", "is required"), ("address", "is no IPv4 address")]);
    let none = v1::AssociateFloatingIpRequest::default();
    let problem = Problem::of(client.associate_floating_ip(none).await);
    problem.assert_fields(&[("address", "is required"), ("fixed_ip", "is required, or instance_id")]);
    let problem = Problem::of(client.associate_floating_ip(to("172.24.4.1", "fd00::1")).await);
    problem.assert_fields(&[("fixed_ip", "is no IPv4 address")]);
    for problem in [
        Problem::of(client.release_floating_ip(release("")).await),
        Problem::of(client.disassociate_floating_ip(disassociate("")).await),
        Problem::of(client.get_floating_ip(get("")).await),
    ] {
        problem.assert_fields(&[("address", "is required")]);
    }
    let wrong = v1::ListFloatingIpsRequest {
        page_size: 1001,
        page_token: "x".into(),
        ..list(Some(Selection::InstanceId("web1".into())))
    };
    Problem::of(client.list_floating_ips(wrong).await).assert_fields(&[
        ("instance_id", "is not a UUID"),
        ("page_size", "0 to 1000"),
        ("page_token", "not a next_page_token"),
    ]);
    let wrong = v1::ListFloatingPoolsRequest { page_size: -1, page_token: "x".into() };
    let problem = Problem::of(client.list_floating_pools(wrong).await);
    problem.assert_fields(&[("page_size", "0 to 1000"), ("page_token", "not a next_page_token")]);
}

/// A server that assigns floating IPs by itself, with a network and a pool of two addresses.
async fn assigning() -> (Server, Client) {
    assigning_with(Options { assigns_floating_ips: true, ..Options::default() }).await
}

async fn assigning_with(options: Options) -> (Server, Client) {
    let server = Server::with(options).await;
    server.network("private", &["10.0.0.0/24"]).await;
    let mut client = client(&server).await;
    client.create_floating_pool(pool("nova", &["172.24.4.0/30"])).await.unwrap();
    (server, client)
}

#[tokio::test]
async fn b11_an_instance_gets_a_floating_ip_with_its_allocation_or_nothing_at_all() {
    let (server, mut client) = assigning().await;
    let info = server.allocate(allocation(1)).await;
    let link = &info.vifs[0].network.as_ref().unwrap().subnets[0].floating_ips[0];
    assert_eq!((&*link.floating_ip, &*link.fixed_ip), ("172.24.4.1", "10.0.0.2"));
    assert!(client.get_floating_ip(get("172.24.4.1")).await.unwrap().into_inner().auto_assigned);
    server.allocate(allocation(2)).await;
    let before = server.dump().await;
    let mut networks = NetworkManagerClient::new(server.channel().await);
    let problem = Problem::of(networks.allocate_for_instance(allocation(3)).await);
    problem.assert(Code::ResourceExhausted, "NO_MORE_FLOATING_IPS", &[("pool", "nova")], &["pool nova"]);
    assert_eq!(server.dump().await, before);

    assert_eq!(found(&mut client, list(None)).await, [""; 0]);
    let shown = v1::ListFloatingIpsRequest { show_auto_assigned: true, ..list(None) };
    assert_eq!(found(&mut client, shown).await, ["172.24.4.1", "172.24.4.2"]);
}

#[tokio::test]
async fn b11_without_its_pool_no_instance_that_would_need_it_is_allocated() {
    let server = Server::with(Options { assigns_floating_ips: true, ..Options::default() }).await;
    server.network("private", &["10.0.0.0/24"]).await;
    let mut networks = NetworkManagerClient::new(server.channel().await);
    let problem = Problem::of(networks.allocate_for_instance(allocation(1)).await);
    problem.assert(Code::NotFound, "FLOATING_POOL_NOT_FOUND", &[("pool", "nova")], &["pool nova"]);
    let v6 = server.create(network("v6", &["fd00:1::/64"])).await.id;
    let without_ipv4 =
        v1::AllocateForInstanceRequest { networks: vec![requested(&v6, &[])], ..allocation(1) };
    server.allocate(without_ipv4).await;
}

#[tokio::test]
async fn b55_a_project_gets_no_floating_ip_beyond_its_quota_asked_for_or_assigned() {
    let limits = Amounts { floating_ips: Limit::AtMost(1), ..Amounts::DEFAULT };
    let options = Options { assigns_floating_ips: true, limits, ..Options::default() };
    let (server, mut client) = assigning_with(options).await;
    server.allocate(allocation(1)).await;
    let mut networks = NetworkManagerClient::new(server.channel().await);
    for problem in [
        Problem::of(client.allocate_floating_ip(wish()).await),
        Problem::of(networks.allocate_for_instance(allocation(2)).await),
    ] {
        let metadata = [
            ("project_id", PROJECT),
            ("resource", "floating_ips"),
            ("limit", "1"),
            ("used", "1"),
            ("wanted", "1"),
        ];
        problem.assert(
            Code::ResourceExhausted,
            "QUOTA_EXCEEDED",
            &metadata,
            &["may have 1 floating IP, and has 1"],
        );
    }
}

#[tokio::test]
async fn b20_auto_assigned_floating_ip_returns_to_its_pool() {
    let (server, mut client) = assigning().await;
    server.allocate(allocation(1)).await;
    let released = server.deallocate(1).await;
    assert_eq!(client.get_floating_ip(get("172.24.4.1")).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(client.allocate_floating_ip(wish()).await.unwrap().into_inner().address, "172.24.4.1");
    // The fixed IP is no worse for it (Nova leaked it), and the network can go.
    server.unplugged(&released).await;
    let network = server.allocate(allocation(2)).await.vifs.remove(0).network.unwrap();
    assert_eq!(network.subnets[0].fixed_ips, ["10.0.0.2"], "the lowest one is free again");
    let released = server.deallocate(2).await;
    server.unplugged(&released).await;
    let mut networks = NetworkManagerClient::new(server.channel().await);
    let delete = v1::DeleteNetworkRequest { network_id: network.id, ..Default::default() };
    networks.delete_network(delete).await.unwrap();
}

#[tokio::test]
async fn b49_what_was_assigned_by_itself_is_touched_only_when_that_is_meant() {
    let (server, mut client) = assigning().await;
    server.allocate(allocation(1)).await;
    server.allocate(allocation(2)).await;
    let before = server.dump().await;
    let there = client.associate_floating_ip(to("172.24.4.1", "10.0.0.2")).await.unwrap().into_inner();
    assert!(there.floating_ip.unwrap().auto_assigned, "it leads there already");
    for problem in [
        Problem::of(client.associate_floating_ip(to("172.24.4.1", "10.0.0.3")).await),
        Problem::of(client.disassociate_floating_ip(disassociate("172.24.4.1")).await),
        Problem::of(client.release_floating_ip(release("172.24.4.1")).await),
    ] {
        let metadata = [("floating_ip", "172.24.4.1")];
        let words = ["affect_auto_assigned"];
        problem.assert(Code::FailedPrecondition, "FLOATING_IP_AUTO_ASSIGNED", &metadata, &words);
    }
    assert_eq!(server.dump().await, before);
    let meant =
        v1::DisassociateFloatingIpRequest { affect_auto_assigned: true, ..disassociate("172.24.4.1") };
    let done = client.disassociate_floating_ip(meant).await.unwrap().into_inner();
    assert!(!done.floating_ip.unwrap().auto_assigned);
}

#[tokio::test]
async fn b48_a_tenant_does_all_of_it_with_its_own() {
    let (mut server, _) = with_pool(&["172.24.4.0/24"]).await;
    let mut member = FloatingIpsClient::new(server.member_of(PROJECT).await);
    let own = v1::AllocateFloatingIpRequest::default();
    let made = member.allocate_floating_ip(own).await.unwrap().into_inner();
    assert_eq!(made.project_id, PROJECT, "a tenant need not say so");
    member.associate_floating_ip(associate(&made.address, 1)).await.unwrap();
    // The network is everybody's, and an address of it is found all the same.
    member.associate_floating_ip(to(&made.address, "10.0.0.3")).await.unwrap();
    assert_eq!(found(&mut member, list(None)).await, [&*made.address]);
    member.disassociate_floating_ip(disassociate(&made.address)).await.unwrap();
    member.release_floating_ip(release(&made.address)).await.unwrap();
    let pools = member.list_floating_pools(v1::ListFloatingPoolsRequest::default()).await.unwrap();
    let pool = &pools.get_ref().pools[0];
    assert_eq!((&*pool.name, pool.ranges.len(), pool.total_addresses), ("nova", 0, None));
}

#[tokio::test]
async fn only_admins_change_pools_and_readers_change_nothing() {
    let server = Server::with(Options { loopback_role: Some(Role::Reader), ..Options::default() }).await;
    client(&server).await.create_floating_pool(pool("nova", &["172.24.4.0/24"])).await.unwrap();
    let mut reader = FloatingIpsClient::new(server.channel_over_tcp().await);
    for (problem, roles) in [
        (Problem::of(reader.create_floating_pool(pool("a", &[])).await), "admin"),
        (Problem::of(reader.delete_floating_pool(delete("a")).await), "admin"),
        (Problem::of(reader.delete_floating_ranges(shrink("a", &["10.0.0.1"])).await), "admin"),
        (Problem::of(reader.allocate_floating_ip(wish()).await), "admin, member"),
        (Problem::of(reader.release_floating_ip(release("172.24.4.1")).await), "admin, member"),
        (Problem::of(reader.associate_floating_ip(associate("172.24.4.1", 1)).await), "admin, member"),
        (Problem::of(reader.disassociate_floating_ip(disassociate("172.24.4.1")).await), "admin, member"),
    ] {
        assert_eq!((problem.code, &*problem.reason), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
        assert_eq!(problem.metadata["allowed_roles"], roles);
    }
    reader.list_floating_ips(list(None)).await.unwrap();
    reader.list_floating_pools(v1::ListFloatingPoolsRequest::default()).await.unwrap();
}

#[tokio::test]
async fn every_change_can_be_repeated_and_rehearsed() {
    let (server, mut client) = with_pool(&["172.24.4.0/24"]).await;
    let id = || "once".to_owned();
    let dry = v1::AllocateFloatingIpRequest { validate_only: true, ..wish() };
    let before = server.dump().await;
    assert_eq!(client.allocate_floating_ip(dry).await.unwrap().into_inner().address, "172.24.4.1");
    assert_eq!(server.dump().await, before);
    let wish = v1::AllocateFloatingIpRequest { request_id: "1".into(), ..wish() };
    let first = client.allocate_floating_ip(wish.clone()).await.unwrap().into_inner();
    assert_eq!(client.allocate_floating_ip(wish).await.unwrap().into_inner(), first);
    let lead = v1::AssociateFloatingIpRequest { request_id: id(), ..associate("172.24.4.1", 1) };
    let first = client.associate_floating_ip(lead.clone()).await.unwrap().into_inner();
    client.disassociate_floating_ip(disassociate("172.24.4.1")).await.unwrap();
    assert_eq!(client.associate_floating_ip(lead).await.unwrap().into_inner(), first);
    let other = v1::AssociateFloatingIpRequest { request_id: id(), ..associate("172.24.4.1", 2) };
    let problem = Problem::of(client.associate_floating_ip(other).await);
    problem.assert(Code::InvalidArgument, "REQUEST_ID_REUSED", &[("request_id", "once")], &["once"]);
    let back = v1::ReleaseFloatingIpRequest { request_id: "2".into(), ..release("172.24.4.1") };
    for _ in 0..2 {
        client.release_floating_ip(back.clone()).await.unwrap();
    }
}
