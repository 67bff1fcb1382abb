//! `lepton.v1.Subnets`: what each call answers and refuses.

use lepton_manager::Role;
use lepton_proto::v1;
use tonic::Code;

use crate::{
    problem::Problem,
    repeating::repeats,
    server::{Options, Server, UNKNOWN, allocation, allocation_on, fixed_ips, network, requested, subnet},
};

fn addition(network_id: &str, cidr: &str) -> v1::AddSubnetRequest {
    v1::AddSubnetRequest { network_id: network_id.into(), subnet: Some(subnet(cidr)), ..Default::default() }
}

fn modification(subnet_id: &str) -> v1::ModifySubnetRequest {
    v1::ModifySubnetRequest { subnet_id: subnet_id.into(), ..Default::default() }
}

fn deletion(subnet_id: &str) -> v1::DeleteSubnetRequest {
    v1::DeleteSubnetRequest { subnet_id: subnet_id.into(), ..Default::default() }
}

fn route(subnet_id: &str, destination: &str, gateway: &str) -> v1::AddRouteRequest {
    v1::AddRouteRequest {
        subnet_id: subnet_id.into(),
        destination: destination.into(),
        gateway: gateway.into(),
        ..Default::default()
    }
}

fn removal(subnet_id: &str, destination: &str) -> v1::RemoveRouteRequest {
    v1::RemoveRouteRequest {
        subnet_id: subnet_id.into(),
        destination: destination.into(),
        ..Default::default()
    }
}

/// A server with a network of one subnet; answers the network's id and the subnet's.
async fn with_subnet(cidr: &str) -> (Server, String, String) {
    let server = Server::start().await;
    let mut made = server.network("blue", &[cidr]).await;
    let subnet = made.subnets.remove(0);
    assert_eq!(subnet.network_id, made.id);
    (server, made.id, subnet.id)
}

#[tokio::test]
async fn a_network_has_several_subnets_of_a_family() {
    let (server, id, _) = with_subnet("10.0.0.0/30").await;
    let request = addition(&id, "10.1.0.0/24");
    let added = server.subnets().await.add_subnet(request).await.unwrap().into_inner();
    assert_eq!((&*added.cidr, &*added.gateway, &*added.network_id), ("10.1.0.0/24", "10.1.0.1", &*id));
    let get = v1::GetSubnetRequest { subnet_id: added.id.clone() };
    assert_eq!(server.unchanged(async |_| server.subnets().await.get_subnet(get).await).await, added);

    assert_eq!(fixed_ips(&server.allocate(allocation(1)).await), ["10.0.0.2"]);
    assert_eq!(fixed_ips(&server.allocate(allocation(2)).await), ["10.1.0.2"], "the first one is dry");
}

#[tokio::test]
async fn b38_a_subnet_that_overlaps_another_one_is_refused_by_its_field() {
    let (server, id, _) = with_subnet("fd00:1::/64").await;
    for (cidr, words) in [
        ("fd00:1::/64", "fd00:1::/64 overlaps subnet"),
        ("fd00:1::/80", "overlaps subnet"),
        ("fd00:1::/48", "overlaps subnet"),
        ("10.0.0.9/24", "10.0.0.0/24"),
        ("", "is required"),
    ] {
        let request = addition(&id, cidr);
        let problem = server.refuses(async |_| server.subnets().await.add_subnet(request).await).await;
        problem.assert_fields(&[("subnet.cidr", words)]);
    }
    let request = addition(UNKNOWN, "10.0.0.0/24");
    let problem = server.refuses(async |_| server.subnets().await.add_subnet(request).await).await;
    problem.assert(Code::NotFound, "NETWORK_NOT_FOUND", &[("network_id", UNKNOWN)], &[UNKNOWN]);
}

#[tokio::test]
async fn what_is_set_is_changed_and_the_rest_stays() {
    let (server, _, id) = with_subnet("10.0.0.0/24").await;
    let request = v1::ModifySubnetRequest {
        gateway: Some("10.0.0.9".into()),
        dns: Some(v1::DnsServers { addresses: vec!["9.9.9.9".into()] }),
        dhcp_server: Some("10.0.0.9".into()),
        ..modification(&id)
    };
    let now = server.subnets().await.modify_subnet(request).await.unwrap().into_inner();
    assert_eq!(
        (&*now.gateway, &*now.dns, &*now.dhcp_server),
        ("10.0.0.9", &["9.9.9.9".to_owned()][..], "10.0.0.9")
    );
    let info = server.allocate(allocation(1)).await;
    assert_eq!(fixed_ips(&info), ["10.0.0.2"], "the old gateway's address rests");
    let told = &info.vifs[0].network.as_ref().unwrap().subnets[0];
    assert_eq!((&told.gateway, &told.dns, &told.dhcp_server), (&now.gateway, &now.dns, &now.dhcp_server));

    let nothing = v1::ModifySubnetRequest {
        gateway: Some(String::new()),
        dns: Some(v1::DnsServers::default()),
        dhcp_server: Some(String::new()),
        ..modification(&id)
    };
    let now = server.subnets().await.modify_subnet(nothing).await.unwrap().into_inner();
    assert_eq!((&*now.gateway, now.dns.len(), &*now.dhcp_server), ("", 0, ""));
    let untouched = modification(&id);
    let again = server.unchanged(async |_| server.subnets().await.modify_subnet(untouched).await).await;
    assert_eq!(again, now);
}

#[tokio::test]
async fn b37_a_gateway_is_a_free_address_of_its_subnet() {
    let (server, network_id, id) = with_subnet("10.0.0.0/24").await;
    server.allocate(allocation_on(1, vec![requested(&network_id, &["10.0.0.7"])])).await;
    for (gateway, words) in [
        ("10.0.1.1", "the gateway 10.0.1.1 is outside 10.0.0.0/24"),
        ("10.0.0.0", "is the network address"),
        ("10.0.0.255", "is the broadcast address"),
        ("fd00::1", "is not an IPv4 address"),
        ("here", "is not an IP address"),
    ] {
        let request = v1::ModifySubnetRequest { gateway: Some(gateway.into()), ..modification(&id) };
        let problem = server.refuses(async |_| server.subnets().await.modify_subnet(request).await).await;
        problem.assert_fields(&[("gateway", words)]);
    }
    let request = v1::ModifySubnetRequest { gateway: Some("10.0.0.7".into()), ..modification(&id) };
    let problem = server.refuses(async |_| server.subnets().await.modify_subnet(request).await).await;
    let metadata = [("fixed_ip", "10.0.0.7"), ("network_id", &*network_id), ("field", "gateway")];
    problem.assert(Code::InvalidArgument, "FIXED_IP_ALREADY_IN_USE", &metadata, &["10.0.0.7", "is taken"]);
    assert_eq!(problem.violations[0].0, "gateway");
}

#[tokio::test]
async fn a_dhcp_server_is_no_guest() {
    let (server, network_id, id) = with_subnet("10.0.0.0/24").await;
    let spec = v1::SubnetSpec {
        allocation_pools: vec![v1::AllocationPool { first: "10.1.0.100".into(), last: "10.1.0.199".into() }],
        ..subnet("10.1.0.0/24")
    };
    let request = v1::AddSubnetRequest { subnet: Some(spec), ..addition(&network_id, "") };
    let pooled = server.subnets().await.add_subnet(request).await.unwrap().into_inner().id;
    server.allocate(allocation_on(1, vec![requested(&network_id, &["10.1.0.7"])])).await;
    for (id, dhcp_server, words) in [
        (&id, "10.0.0.9", "10.0.0.9 is in an allocation pool"),
        (&pooled, "10.1.0.100", "is in an allocation pool"),
        (&pooled, "10.1.0.7", "10.1.0.7 is a guest's address"),
        (&pooled, "10.2.0.1", "the DHCP server 10.2.0.1 is outside 10.1.0.0/24"),
        (&pooled, "x", "is not an IP address"),
    ] {
        let request = v1::ModifySubnetRequest { dhcp_server: Some(dhcp_server.into()), ..modification(id) };
        let problem = server.refuses(async |_| server.subnets().await.modify_subnet(request).await).await;
        problem.assert_fields(&[("dhcp_server", words)]);
    }
    let request = v1::ModifySubnetRequest { dhcp_server: Some("10.1.0.8".into()), ..modification(&pooled) };
    server.subnets().await.modify_subnet(request).await.unwrap();
    let wish = allocation_on(2, vec![requested(&network_id, &["10.1.0.8"])]);
    let problem = server.refuses(async |client| client.allocate_for_instance(wish).await).await;
    assert_eq!(problem.reason, "FIXED_IP_INVALID");
}

#[tokio::test]
async fn name_servers_are_addresses_and_few() {
    let (server, _, id) = with_subnet("10.0.0.0/24").await;
    let with =
        |addresses| v1::ModifySubnetRequest { dns: Some(v1::DnsServers { addresses }), ..modification(&id) };
    let few = with(vec!["9.9.9.9".into(), "dns".into()]);
    let problem = server.refuses(async |_| server.subnets().await.modify_subnet(few).await).await;
    problem.assert_fields(&[("dns.addresses[1]", "is not an IP address")]);
    for (texts, field, words) in [
        (&["0.0.0.0"][..], "dns.addresses[0]", "0.0.0.0 is no address of a name server"),
        (&["9.9.9.9", "::"], "dns.addresses[1]", ":: is no address of a name server"),
        (&["224.0.0.1"], "dns.addresses[0]", "is no address of a name server"),
        (&["ff02::1"], "dns.addresses[0]", "is no address of a name server"),
        (&["fd00::1", "9.9.9.9", "fd00:0::1"], "dns.addresses", "fd00::1 is given twice"),
    ] {
        let request = with(texts.iter().map(ToString::to_string).collect());
        let problem = server.refuses(async |_| server.subnets().await.modify_subnet(request).await).await;
        problem.assert_fields(&[(field, words)]);
    }
    let many = with(vec!["9.9.9.9".into(); 17]);
    let problem = server.refuses(async |_| server.subnets().await.modify_subnet(many).await).await;
    problem.assert_fields(&[("dns.addresses", "17 name servers are too many")]);
}

#[tokio::test]
async fn a_subnet_is_in_use_until_its_last_host_has_unplugged() {
    let (server, _, id) = with_subnet("10.0.0.0/24").await;
    server.allocate(allocation(1)).await;
    let in_use = async || {
        let request = deletion(&id);
        let problem = server.refuses(async |_| server.subnets().await.delete_subnet(request).await).await;
        let metadata = [("subnet_id", &*id), ("fixed_ip", "10.0.0.2")];
        problem.assert(Code::FailedPrecondition, "SUBNET_IN_USE", &metadata, &[&id, "10.0.0.2"]);
    };
    in_use().await;
    let released = server.deallocate(1).await;
    in_use().await;
    server.unplugged(&released).await;
    server.subnets().await.delete_subnet(deletion(&id)).await.unwrap();
    assert_eq!(fixed_ips(&server.allocate(allocation(2)).await), Vec::<String>::new());
}

#[tokio::test]
async fn routes_are_told_by_destination_with_an_ipv4_netmask_or_a_prefix() {
    let (server, _, id) = with_subnet("10.0.0.0/24").await;
    let mut client = server.subnets().await;
    let masked =
        v1::AddRouteRequest { netmask: "255.255.255.0".into(), ..route(&id, "192.168.60.0", "10.0.0.254") };
    client.add_route(masked.clone()).await.unwrap();
    let now = client.add_route(route(&id, "192.168.50.0/24", "10.0.0.253")).await.unwrap().into_inner();
    let told = |routes: &[v1::Route]| {
        routes.iter().map(|route| format!("{} {}", route.destination, route.gateway)).collect::<Vec<_>>()
    };
    let expected = ["192.168.50.0/24 10.0.0.253", "192.168.60.0/24 10.0.0.254"];
    assert_eq!(told(&now.routes), expected);
    let again = server.unchanged(async |_| server.subnets().await.add_route(masked).await).await;
    assert_eq!(again, now, "the same route again changes nothing");
    let info = server.allocate(allocation(1)).await;
    assert_eq!(told(&info.vifs[0].network.as_ref().unwrap().subnets[0].routes), expected);

    let removal = v1::RemoveRouteRequest { netmask: "255.255.255.0".into(), ..removal(&id, "192.168.60.0") };
    let now = client.remove_route(removal).await.unwrap().into_inner();
    assert_eq!(told(&now.routes), expected[..1]);
}

#[tokio::test]
async fn a_route_that_guests_could_not_use_is_refused() {
    let (server, _, id) = with_subnet("10.0.0.0/24").await;
    server.subnets().await.add_route(route(&id, "192.168.50.0/24", "10.0.0.254")).await.unwrap();
    for (request, field, words) in [
        (route(&id, "192.168.60.0/24", "10.0.1.1"), "gateway", "is outside 10.0.0.0/24"),
        (route(&id, "192.168.60.0/24", "10.0.0.255"), "gateway", "is the broadcast address"),
        (route(&id, "192.168.60.0/24", ""), "gateway", "is required"),
        (route(&id, "0.0.0.0/0", "10.0.0.254"), "destination", "is the default route"),
        (route(&id, "fd00::/64", "10.0.0.254"), "destination", "no IPv4 prefix"),
        (route(&id, "192.168.60.1/24", "10.0.0.254"), "destination", "host bits set"),
        (route(&id, "", "10.0.0.254"), "destination", "is required"),
        (
            v1::AddRouteRequest { netmask: "255.0.255.0".into(), ..route(&id, "192.168.60.0", "10.0.0.254") },
            "netmask",
            "255.0.255.0 is no netmask",
        ),
        (
            v1::AddRouteRequest {
                netmask: "255.255.255.0".into(),
                ..route(&id, "192.168.60.1", "10.0.0.254")
            },
            "destination",
            "host bits set; the network is 192.168.60.0",
        ),
    ] {
        let problem = server.refuses(async |_| server.subnets().await.add_route(request).await).await;
        problem.assert_fields(&[(field, words)]);
    }
    let request = route(&id, "192.168.50.0/24", "10.0.0.253");
    let problem = server.refuses(async |_| server.subnets().await.add_route(request).await).await;
    let metadata = [("destination", "192.168.50.0/24"), ("gateway", "10.0.0.254")];
    let words = ["192.168.50.0/24 leads to 10.0.0.254 already"];
    problem.assert(Code::AlreadyExists, "ROUTE_EXISTS", &metadata, &words);

    let request = removal(&id, "192.168.60.0/24");
    let problem = server.refuses(async |_| server.subnets().await.remove_route(request).await).await;
    let metadata = [("subnet_id", &*id), ("destination", "192.168.60.0/24")];
    problem.assert(Code::NotFound, "ROUTE_NOT_FOUND", &metadata, &[&id, "no route to 192.168.60.0/24"]);
}

#[tokio::test]
async fn a_network_has_at_most_64_subnets() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.0.0.0/24", "fd00::/64"]).await.id;
    let mut subnets = server.subnets().await;
    for number in 1..63 {
        subnets.add_subnet(addition(&id, &format!("10.0.{number}.0/24"))).await.unwrap();
    }
    let problem = Problem::of(subnets.add_subnet(addition(&id, "10.1.0.0/24")).await);
    problem.assert_fields(&[("subnet", "the network has 64 subnets")]);
    server.allocate(allocation(1)).await;
}

#[tokio::test]
async fn a_subnet_has_at_most_64_routes() {
    let (server, _, id) = with_subnet("10.0.0.0/24").await;
    let mut client = server.subnets().await;
    for number in 0..64 {
        client.add_route(route(&id, &format!("192.168.{number}.0/24"), "10.0.0.254")).await.unwrap();
    }
    let one_more = route(&id, "192.168.64.0/24", "10.0.0.254");
    let problem = server.refuses(async |_| server.subnets().await.add_route(one_more).await).await;
    problem.assert_fields(&[("route", "the subnet has 64 routes")]);
}

#[tokio::test]
async fn an_unknown_or_malformed_subnet_is_named() {
    let server = Server::start().await;
    for id in [UNKNOWN, "", "blue"] {
        let get = v1::GetSubnetRequest { subnet_id: id.into() };
        let problems = [
            server.refuses(async |_| server.subnets().await.get_subnet(get).await).await,
            server.refuses(async |_| server.subnets().await.modify_subnet(modification(id)).await).await,
            server.refuses(async |_| server.subnets().await.delete_subnet(deletion(id)).await).await,
            server
                .refuses(async |_| {
                    server.subnets().await.add_route(route(id, "192.168.0.0/24", "10.0.0.9")).await
                })
                .await,
            server
                .refuses(async |_| server.subnets().await.remove_route(removal(id, "192.168.0.0/24")).await)
                .await,
        ];
        for problem in problems {
            match id {
                UNKNOWN => {
                    problem.assert(Code::NotFound, "SUBNET_NOT_FOUND", &[("subnet_id", id)], &[id]);
                }
                "" => problem.assert_fields(&[("subnet_id", "is required")]),
                _ => problem.assert_fields(&[("subnet_id", "\"blue\"")]),
            }
        }
    }
}

#[tokio::test]
async fn changes_are_repeated_under_their_ids() {
    let (server, network_id, id) = with_subnet("10.0.0.0/24").await;
    // The client is of another service, so each call gets its own.
    let socket = async |server: &Server| server.subnets().await;
    let mut client = socket(&server).await;
    let add = v1::AddSubnetRequest { request_id: "1".into(), ..addition(&network_id, "10.1.0.0/24") };
    let added = client.add_subnet(add.clone()).await.unwrap().into_inner();
    let modify = v1::ModifySubnetRequest {
        gateway: Some("10.0.0.9".into()),
        request_id: "2".into(),
        ..modification(&id)
    };
    let modified = client.modify_subnet(modify.clone()).await.unwrap().into_inner();
    let route = v1::AddRouteRequest { request_id: "3".into(), ..route(&id, "192.168.0.0/24", "10.0.0.8") };
    let routed = client.add_route(route.clone()).await.unwrap().into_inner();
    let removal = v1::RemoveRouteRequest { request_id: "4".into(), ..removal(&id, "192.168.0.0/24") };
    let unrouted = client.remove_route(removal.clone()).await.unwrap().into_inner();
    let delete = v1::DeleteSubnetRequest { request_id: "5".into(), ..deletion(&id) };
    client.delete_subnet(delete.clone()).await.unwrap();

    let server = server.restart().await;
    let before = server.dump().await;
    let mut client = socket(&server).await;
    assert_eq!(client.add_subnet(add.clone()).await.unwrap().into_inner(), added);
    assert_eq!(client.modify_subnet(modify).await.unwrap().into_inner(), modified);
    assert_eq!(client.add_route(route).await.unwrap().into_inner(), routed);
    assert_eq!(client.remove_route(removal).await.unwrap().into_inner(), unrouted);
    client.delete_subnet(delete).await.unwrap();
    assert_eq!(server.dump().await, before);

    let other = v1::AddSubnetRequest { network_id: UNKNOWN.into(), ..add };
    let problem = server.refuses(async |_| server.subnets().await.add_subnet(other).await).await;
    assert_eq!(problem.reason, "REQUEST_ID_REUSED");
    // A repetition at the service of networks is told apart, too.
    let spec = v1::CreateNetworksRequest {
        networks: vec![network("n", &[])],
        request_id: "6".into(),
        ..Default::default()
    };
    repeats(server, async |client| client.create_networks(spec.clone()).await).await;
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_and_changes_nothing() {
    let (server, network_id, id) = with_subnet("10.0.0.0/24").await;
    server.subnets().await.add_route(route(&id, "192.168.1.0/24", "10.0.0.8")).await.unwrap();
    let validate_only = true;
    let add = v1::AddSubnetRequest { validate_only, ..addition(&network_id, "10.1.0.0/24") };
    let would = server.unchanged(async |_| server.subnets().await.add_subnet(add).await).await;
    assert_eq!(would.gateway, "10.1.0.1");
    let modify =
        v1::ModifySubnetRequest { gateway: Some("10.0.0.9".into()), validate_only, ..modification(&id) };
    let would = server.unchanged(async |_| server.subnets().await.modify_subnet(modify).await).await;
    assert_eq!(would.gateway, "10.0.0.9");
    let add = v1::AddRouteRequest { validate_only, ..route(&id, "192.168.0.0/24", "10.0.0.8") };
    let would = server.unchanged(async |_| server.subnets().await.add_route(add).await).await;
    assert_eq!(would.routes.len(), 2);
    let remove = v1::RemoveRouteRequest { validate_only, ..removal(&id, "192.168.1.0/24") };
    let would = server.unchanged(async |_| server.subnets().await.remove_route(remove).await).await;
    assert_eq!(would.routes.len(), 0);
    let delete = v1::DeleteSubnetRequest { validate_only, ..deletion(&id) };
    server.unchanged(async |_| server.subnets().await.delete_subnet(delete).await).await;
}

#[tokio::test]
async fn readers_see_subnets_and_do_not_change_them() {
    let server = Server::with(Options { loopback_role: Some(Role::Reader), ..Options::default() }).await;
    let made = server.network("blue", &["10.0.0.0/24"]).await;
    let id = &made.subnets[0].id;
    let before = server.dump().await;
    let mut client = server.subnets_over_tcp().await;
    for problem in [
        Problem::of(client.add_subnet(addition(&made.id, "10.1.0.0/24")).await),
        Problem::of(client.modify_subnet(modification(id)).await),
        Problem::of(client.delete_subnet(deletion(id)).await),
        Problem::of(client.add_route(route(id, "192.168.0.0/24", "10.0.0.8")).await),
        Problem::of(client.remove_route(removal(id, "192.168.0.0/24")).await),
    ] {
        assert_eq!((problem.code, &*problem.reason), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
        assert_eq!(problem.metadata["allowed_roles"], "admin, member");
    }
    let get = v1::GetSubnetRequest { subnet_id: id.clone() };
    assert_eq!(client.get_subnet(get).await.unwrap().into_inner(), made.subnets[0]);
    assert_eq!(server.dump().await, before);
}
