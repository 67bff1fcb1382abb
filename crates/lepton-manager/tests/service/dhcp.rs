//! `lepton.v1.Dhcp`: the texts, byte for byte, and what is refused.

use std::time::{SystemTime, UNIX_EPOCH};

use lepton_manager::Role;
use lepton_proto::v1::{self, DhcpStyle, dhcp_client::DhcpClient, ports_client::PortsClient};
use tonic::{Code, Response, Status, Streaming, transport::Channel};

use crate::{
    problem::Problem,
    server::{Options, Server, UNKNOWN, allocation, allocation_on, instance, network, requested, subnet},
};

/// How long a lease is good without a setting, in seconds.
const LEASE_SECS: i64 = 120;

/// The three texts about a network.
#[derive(Debug, PartialEq)]
struct Texts {
    hosts: String,
    leases: String,
    options: String,
}

async fn client(server: &Server) -> DhcpClient<Channel> {
    DhcpClient::new(server.channel().await)
}

/// A whole text; all of its parts must be of one revision.
async fn whole(parts: Result<Response<Streaming<v1::DhcpText>>, Status>) -> (String, u64) {
    let mut parts = parts.unwrap().into_inner();
    let v1::DhcpText { mut text, revision } = parts.message().await.unwrap().expect("there is a part");
    while let Some(part) = parts.message().await.unwrap() {
        assert_eq!(part.revision, revision);
        text += &part.text;
    }
    (text, revision)
}

async fn texts(server: &Server, network_id: &str, style: DhcpStyle) -> Texts {
    let (id, style) = (|| network_id.to_owned(), style.into());
    let mut client = client(server).await;
    let hosts = client.get_dhcp_hosts(v1::GetDhcpHostsRequest { network_id: id(), style }).await;
    let leases = client.get_dhcp_leases(v1::GetDhcpLeasesRequest { network_id: id(), style }).await;
    let options = client.get_dhcp_options(v1::GetDhcpOptionsRequest { network_id: id(), style }).await;
    Texts { hosts: whole(hosts).await.0, leases: whole(leases).await.0, options: whole(options).await.0 }
}

fn named(number: u128, hostname: &str, networks: &[&str]) -> v1::AllocateForInstanceRequest {
    let networks = networks.iter().map(|id| requested(id, &[])).collect();
    v1::AllocateForInstanceRequest {
        hostname: hostname.into(),
        allow_duplicate_networks: true,
        ..allocation_on(number, networks)
    }
}

fn macs(info: &v1::NetworkInfo) -> Vec<&str> {
    info.vifs.iter().map(|vif| &*vif.mac_address).collect()
}

/// The name of a vNIC in the texts: its MAC's number.
fn tag(mac: &str) -> String {
    format!("NW-{}", u64::from_str_radix(&mac.replace(':', ""), 16).unwrap())
}

/// Seconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

/// When the instance's vNICs were made, in seconds since 1970.
async fn created(server: &Server, number: u128) -> i64 {
    let request = v1::ListPortsRequest { instance_id: instance(number), ..Default::default() };
    let ports =
        PortsClient::new(server.channel().await).list_ports(request).await.unwrap().into_inner().ports;
    ports[0].created_at.unwrap().seconds
}

#[tokio::test]
async fn texts_in_the_form_of_the_quantum_manager() {
    let server = Server::start().await;
    let id = server.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await.id;
    let (one, two) = (server.allocate(named(1, "web", &[])).await, server.allocate(allocation(2)).await);
    let (one, two) = (macs(&one)[0], macs(&two)[0]);
    let before = now();
    let told = texts(&server, &id, DhcpStyle::Quantum).await;
    let lines = [(one, "10.1.0.2"), (two, "10.1.0.3")];
    let hosts = lines.map(|(mac, address)| format!("{mac},host-{address}.novalocal,{address}\n"));
    assert_eq!((told.hosts, &*told.options), (hosts.concat(), ""));
    let leases = |moment| {
        lines.map(|(mac, address)| format!("{} {mac} {address} * *\n", moment - LEASE_SECS)).concat()
    };
    assert!((before..=now()).any(|moment| told.leases == leases(moment)), "{before}: {}", told.leases);
    let unspecified = texts(&server, &id, DhcpStyle::Unspecified).await;
    assert_eq!(unspecified.hosts, hosts.concat());
}

#[tokio::test]
async fn texts_in_the_form_of_the_other_managers() {
    let server = Server::start().await;
    let id = server.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await.id;
    let (one, two) = (server.allocate(named(1, "vm1", &[])).await, server.allocate(allocation(2)).await);
    let (one, two) = (macs(&one)[0], macs(&two)[0]);
    let told = texts(&server, &id, DhcpStyle::LinuxNet).await;
    let hosts = format!("{one},vm1.novalocal,10.1.0.2\n{two},host-10.1.0.3.novalocal,10.1.0.3");
    let ends = [created(&server, 1).await + LEASE_SECS, created(&server, 2).await + LEASE_SECS];
    let leases = format!("{} {one} 10.1.0.2 vm1 *\n{} {two} 10.1.0.3 * *", ends[0], ends[1]);
    assert_eq!(told, Texts { hosts, leases, options: String::new() });
}

#[tokio::test]
async fn b34_with_a_single_gateway_only_an_instances_first_vnic_keeps_the_default_route() {
    let server = Server::with(Options { has_single_gateway: true, ..Options::default() }).await;
    let blue = server.network("blue", &["10.1.0.0/24"]).await.id;
    let red = server.network("red", &["10.2.0.0/24"]).await.id;
    // As the specification's fixture has it: of blue, A's vNIC 0 is its first, and A's third and B's second are not.
    let info_a = server.allocate(named(1, "a", &[&blue, &red, &blue])).await;
    let info_b = server.allocate(named(2, "", &[&red, &blue])).await;
    let (a, b) = (macs(&info_a), macs(&info_b));
    let told = texts(&server, &blue, DhcpStyle::LinuxNet).await;
    let line =
        |mac: &str, name: &str, address: &str| format!("{mac},{name}.novalocal,{address},net:{}", tag(mac));
    let lines =
        [line(a[0], "a", "10.1.0.2"), line(a[2], "a", "10.1.0.3"), line(b[1], "host-10.1.0.4", "10.1.0.4")];
    assert_eq!(told.hosts, lines.join("\n"));
    assert_eq!(told.options, format!("{},3\n{},3", tag(a[2]), tag(b[1])));
    let told = texts(&server, &blue, DhcpStyle::Quantum).await;
    assert_eq!((told.hosts.contains("NW-"), &*told.options), (false, ""), "it has none");
}

#[tokio::test]
async fn b32_a_mac_has_one_line_with_the_lowest_of_its_addresses() {
    let server = Server::start().await;
    let id = server.network("private", &["10.1.0.0/24"]).await.id;
    let other = v1::AddSubnetRequest {
        network_id: id.clone(),
        subnet: Some(subnet("10.0.9.0/24")),
        ..Default::default()
    };
    server.subnets().await.add_subnet(other).await.unwrap();
    let request = allocation_on(1, vec![requested(&id, &["10.1.0.7", "10.0.9.5"])]);
    let info = server.allocate(request).await;
    let told = texts(&server, &id, DhcpStyle::Quantum).await;
    assert_eq!(told.hosts, format!("{},host-10.0.9.5.novalocal,10.0.9.5\n", macs(&info)[0]));
    assert_eq!(told.leases.lines().count(), 1);
}

/// What a text is about is its network, whosever that is, and no project's addresses elsewhere.
#[tokio::test]
async fn b31_a_text_has_the_networks_own_guests_whosever_it_is() {
    let server = Server::start().await;
    let theirs = v1::NetworkSpec { project_id: "red".into(), ..network("theirs", &["10.2.0.0/24"]) };
    let theirs = server.create(theirs).await.id;
    let shared = server.network("shared", &["10.1.0.0/24"]).await.id;
    server.allocate(allocation(1)).await;
    let of_theirs = v1::AllocateForInstanceRequest { project_id: "red".into(), ..allocation(2) };
    server.allocate(of_theirs).await;
    let addresses = |told: Texts| {
        let addresses = told.hosts.lines().map(|line| line.rsplit(',').next().unwrap().to_owned());
        addresses.collect::<Vec<_>>()
    };
    let of_theirs = texts(&server, &theirs, DhcpStyle::Quantum).await;
    let of_shared = texts(&server, &shared, DhcpStyle::Quantum).await;
    assert_eq!(addresses(of_theirs), ["10.2.0.2"]);
    assert_eq!(addresses(of_shared), ["10.1.0.2", "10.1.0.3"]);
    server.deallocate(1).await;
    assert_eq!(addresses(texts(&server, &shared, DhcpStyle::Quantum).await), ["10.1.0.3"]);
}

/// A text has lines for guests and for nothing else: no route, no router, no DHCP server.
#[tokio::test]
async fn b30_what_a_subnet_tells_its_guests_changes_no_line() {
    let server = Server::with(Options { has_single_gateway: true, ..Options::default() }).await;
    let made = server.network("private", &["10.1.0.0/24"]).await;
    server.allocate(named(1, "web", &[])).await;
    let before = texts(&server, &made.id, DhcpStyle::LinuxNet).await;
    let subnet_id = || made.subnets[0].id.clone();
    let mut subnets = server.subnets().await;
    let route = v1::AddRouteRequest {
        subnet_id: subnet_id(),
        destination: "10.9.0.0/16".into(),
        gateway: "10.1.0.77".into(),
        ..Default::default()
    };
    subnets.add_route(route).await.unwrap();
    for (gateway, dhcp_server) in [("10.1.0.9", "10.1.0.9"), ("", "")] {
        let change = v1::ModifySubnetRequest {
            subnet_id: subnet_id(),
            gateway: Some(gateway.into()),
            dhcp_server: Some(dhcp_server.into()),
            ..Default::default()
        };
        subnets.modify_subnet(change).await.unwrap();
        assert_eq!(texts(&server, &made.id, DhcpStyle::LinuxNet).await, before);
    }
    assert_eq!(before.hosts.lines().count(), 1);
}

#[tokio::test]
async fn a_network_without_ipv4_guests_has_empty_texts() {
    let server = Server::start().await;
    let empty = server.network("empty", &["10.1.0.0/24"]).await.id;
    let v6 = server.network("v6", &["fd00:1::/64"]).await.id;
    server.allocate(allocation_on(1, vec![requested(&v6, &[])])).await;
    for id in [&empty, &v6] {
        for style in [DhcpStyle::Quantum, DhcpStyle::LinuxNet] {
            let Texts { hosts, leases, options } = texts(&server, id, style).await;
            assert_eq!((&*hosts, &*leases, &*options), ("", "", ""), "{style:?}");
        }
    }
}

#[tokio::test]
async fn b26_a_text_says_of_which_revision_it_is() {
    let server = Server::start().await;
    let id = server.network("private", &["10.1.0.0/24"]).await.id;
    let mut client = client(&server).await;
    let mut revisions = Vec::new();
    for number in 1..=3 {
        server.allocate(allocation(number)).await;
        // Those that follow the ledger no longer hear of what is forgotten; a text is no older for that.
        server.forget_events().await;
        let request = v1::GetDhcpHostsRequest { network_id: id.clone(), ..Default::default() };
        for _ in 0..2 {
            let (text, revision) = whole(client.get_dhcp_hosts(request.clone()).await).await;
            revisions.push((revision, text.lines().count()));
        }
    }
    assert!(revisions.is_sorted());
    let lines = revisions.iter().map(|revision| revision.1);
    assert_eq!(lines.collect::<Vec<_>>(), [1, 1, 2, 2, 3, 3]);
    revisions.dedup();
    assert_eq!(revisions.len(), 3, "a revision has one text: {revisions:?}");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_before_the_first_part() {
    let server = Server::start().await;
    let mut client = client(&server).await;
    let hosts = |network_id: &str, style| v1::GetDhcpHostsRequest { network_id: network_id.into(), style };
    for (request, field, words) in [
        (hosts("", 0), "network_id", "is required"),
        (hosts("bananas", 0), "network_id", "bananas"),
        (hosts(UNKNOWN, 9), "style", "9 is no style that this server knows"),
    ] {
        let v1::GetDhcpHostsRequest { network_id, style } = request.clone();
        let leases = v1::GetDhcpLeasesRequest { network_id: network_id.clone(), style };
        let options = v1::GetDhcpOptionsRequest { network_id, style };
        for problem in [
            Problem::of(client.get_dhcp_hosts(request).await),
            Problem::of(client.get_dhcp_leases(leases).await),
            Problem::of(client.get_dhcp_options(options).await),
        ] {
            problem.assert_fields(&[(field, words)]);
        }
    }
    let problem = Problem::of(client.get_dhcp_hosts(hosts(UNKNOWN, 0)).await);
    problem.assert(Code::NotFound, "NETWORK_NOT_FOUND", &[("network_id", UNKNOWN)], &[UNKNOWN]);
}

/// A text has the guests of all projects on a network, so it is for those who run its DHCP server.
#[tokio::test]
async fn texts_are_not_for_tenants_nor_for_a_hosts_agent() {
    let mut server = Server::with(Options { loopback_role: Some(Role::Agent), ..Options::default() }).await;
    let spec = v1::NetworkSpec { project_id: "blue".into(), ..network("own", &["10.1.0.0/24"]) };
    let id = server.create(spec).await.id;
    for channel in [server.member_of("blue").await, server.channel_over_tcp().await] {
        let request = v1::GetDhcpHostsRequest { network_id: id.clone(), ..Default::default() };
        let problem = Problem::of(DhcpClient::new(channel).get_dhcp_hosts(request).await);
        assert_eq!((problem.code, &*problem.reason), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
    }
}
