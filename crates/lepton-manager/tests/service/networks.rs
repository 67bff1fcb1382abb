//! Malformed requests about networks: each names its field, and changes nothing.

use lepton_proto::v1;
use tonic::Code;

use crate::server::{Server, UNKNOWN, network, subnet};

/// A request to create a network that has just this one thing wrong with it, the field, and what is said of it.
fn refused_networks() -> Vec<(v1::NetworkSpec, &'static str, &'static str)> {
    let labelled = |label: &str| network(label, &[]);
    let with_mtu = |mtu, cidrs: &[&str]| v1::NetworkSpec { mtu, ..network("n", cidrs) };
    vec![
        (labelled(""), "networks[0].label", "the name is empty"),
        (labelled(&"x".repeat(256)), "networks[0].label", "256 characters (expected at most 255)"),
        (labelled("bell\u{7}"), "networks[0].label", "control character"),
        (labelled("   "), "networks[0].label", "made of spaces alone"),
        (labelled("a\u{200b}b"), "networks[0].label", "has an invisible character, U+200B"),
        (labelled("a\u{202e}b"), "networks[0].label", "has an invisible character, U+202E"),
        (labelled("a\u{2028}b"), "networks[0].label", "has an invisible character, U+2028"),
        (
            v1::NetworkSpec { project_id: "a b".into(), ..labelled("n") },
            "networks[0].project_id",
            "\"a b\" is not a valid",
        ),
        (with_mtu(67, &[]), "networks[0].mtu", "67 is not an MTU (expected 68 to 65521 bytes)"),
        (with_mtu(65_536, &[]), "networks[0].mtu", "65536 is not an MTU"),
        (with_mtu(65_522, &[]), "networks[0].mtu", "65522 is not an MTU (expected 68 to 65521 bytes)"),
        (with_mtu(1279, &["fd00::/64"]), "networks[0].mtu", "1279 is too small for an IPv6 subnet"),
        (
            network("n", &["10.0.0.0/24", "10.0.0.0/25"]),
            "networks[0].subnets[1].cidr",
            "10.0.0.0/25 overlaps 10.0.0.0/24",
        ),
        (
            network("n", &["10.0.0.0/24", "fd00::/64", "10.0.1.0/24"]),
            "networks[0].subnets[2].cidr",
            "10.0.1.0/24 is a second IPv4 subnet beside 10.0.0.0/24",
        ),
    ]
}

/// As [`refused_networks`], for a network's only subnet; fields are named from the subnet on.
fn refused_subnets() -> Vec<(v1::SubnetSpec, &'static str, &'static str)> {
    let v4 = || subnet("10.0.0.0/24");
    let gateway = |gateway: &str| v1::SubnetSpec { gateway: gateway.into(), ..v4() };
    let pool = |first: &str, last: &str| v1::AllocationPool { first: first.into(), last: last.into() };
    let pools = |allocation_pools| v1::SubnetSpec { allocation_pools, ..v4() };
    let rest = |seconds, nanos| v1::SubnetSpec {
        quarantine: Some(prost_types::Duration { seconds, nanos }),
        ..v4()
    };
    vec![
        (subnet(""), "cidr", "is required"),
        (subnet("10.0.0.0"), "cidr", "\"10.0.0.0\" is not a CIDR"),
        (subnet("10.0.0.0/33"), "cidr", "is not a CIDR"),
        (subnet("010.0.0.0/8"), "cidr", "\"010.0.0.0/8\" is not a CIDR"),
        (rest(1, 2_000_000_000), "quarantine", "2000000000 nanos are out of range"),
        (rest(0, -1), "quarantine", "-1 nanos are out of range"),
        (rest(-1, 0), "quarantine", "-1 seconds are negative"),
        (rest(i64::MIN, i32::MIN), "quarantine", "-9223372036854775808 seconds are negative"),
        (subnet("10.0.0.9/24"), "cidr", "host bits set; the network that contains it is 10.0.0.0/24"),
        (subnet("fd00::1/64"), "cidr", "the network that contains it is fd00::/64"),
        (subnet("10.0.0.1/32"), "cidr", "too small for what is reserved"),
        (subnet("fd00::1/128"), "cidr", "too small for what is reserved"),
        (subnet("224.0.0.0/8"), "cidr", "multicast"),
        (subnet("127.0.0.0/24"), "cidr", "loopback"),
        (gateway("10.0.0.256"), "gateway", "\"10.0.0.256\" is not an IP address"),
        (gateway("10.0.1.1"), "gateway", "the gateway 10.0.1.1 is outside 10.0.0.0/24"),
        (gateway("fd00::1"), "gateway", "is not an IPv4 address"),
        (gateway("10.0.0.0"), "gateway", "is the network address of 10.0.0.0/24"),
        (gateway("10.0.0.255"), "gateway", "is the broadcast address of 10.0.0.0/24"),
        (v1::SubnetSpec { no_gateway: true, ..gateway("10.0.0.1") }, "gateway", "together with no_gateway"),
        (
            v1::SubnetSpec { dns: vec!["9.9.9.9".into(), "dns".into()], ..v4() },
            "dns[1]",
            "is not an IP address",
        ),
        (v1::SubnetSpec { dns: vec!["9.9.9.9".into(); 17], ..v4() }, "dns", "17 name servers are too many"),
        (v1::SubnetSpec { address_mode: 7, ..v4() }, "address_mode", "7 is no address mode"),
        (v1::SubnetSpec { address_mode: -1, ..v4() }, "address_mode", "-1 is no address mode"),
        (
            v1::SubnetSpec { address_mode: v1::AddressMode::Eui64.into(), ..subnet("fd00::/80") },
            "address_mode",
            "addresses that follow from ports need an IPv6 /64",
        ),
        (
            v1::SubnetSpec {
                address_mode: v1::AddressMode::Eui64.into(),
                allocation_pools: vec![pool("fd00::5", "fd00::9")],
                ..subnet("fd00::/64")
            },
            "allocation_pools",
            "leave the pools out",
        ),
        (pools(vec![pool("", "10.0.0.9")]), "allocation_pools[0].first", "is required"),
        (pools(vec![pool("10.0.0.5", "x")]), "allocation_pools[0].last", "is not an IP address"),
        (pools(vec![pool("10.0.0.9", "10.0.0.5")]), "allocation_pools[0]", "ends before it begins"),
        (
            pools(vec![pool("10.0.0.5", "10.0.0.9"), pool("10.0.1.5", "10.0.1.9")]),
            "allocation_pools[1]",
            "is not inside 10.0.0.0/24",
        ),
        (
            pools(vec![pool("10.0.0.5", "10.0.0.9"), pool("10.0.0.9", "10.0.0.12")]),
            "allocation_pools[1]",
            "overlaps the pool 10.0.0.5-10.0.0.9",
        ),
        (pools(vec![pool("fd00::5", "fd00::9")]), "allocation_pools[0]", "does not have IPv4 addresses"),
        (pools(vec![pool("10.0.0.1", "10.0.0.1")]), "allocation_pools", "nothing but reserved addresses"),
        (
            pools(vec![pool("10.0.0.5", "10.0.0.5"); 65]),
            "allocation_pools",
            "65 allocation pools are too many",
        ),
        (rest(-1, 0), "quarantine", "negative"),
        (rest(1, 5), "quarantine", "1.000000005s is not a whole number of seconds"),
        (rest(365 * 24 * 60 * 60, 1), "quarantine", "31536000.000000001s is not a whole number of seconds"),
        (rest(i64::MAX, 0), "quarantine", "a quarantine of 9223372036854775807s is too long"),
        (rest(366 * 24 * 60 * 60, 0), "quarantine", "expected at most 31536000 s, 365 days"),
    ]
}

fn create(networks: Vec<v1::NetworkSpec>) -> v1::CreateNetworksRequest {
    v1::CreateNetworksRequest { networks, ..Default::default() }
}

#[tokio::test]
async fn a_malformed_network_is_refused_by_its_field() {
    let server = Server::start().await;
    server.network("before", &["10.0.0.0/24"]).await;
    for (spec, field, words) in refused_networks() {
        let request = create(vec![spec]);
        let problem = server.refuses(async |client| client.create_networks(request).await).await;
        problem.assert_fields(&[(field, words)]);
    }
}

#[tokio::test]
async fn a_malformed_subnet_is_refused_by_its_field() {
    let server = Server::start().await;
    for (spec, field, words) in refused_subnets() {
        let request = create(vec![v1::NetworkSpec { subnets: vec![spec], ..network("n", &[]) }]);
        let problem = server.refuses(async |client| client.create_networks(request).await).await;
        problem.assert_fields(&[(&format!("networks[0].subnets[0].{field}"), words)]);
    }
}

#[tokio::test]
async fn no_network_and_too_many_networks_are_refused() {
    let server = Server::start().await;
    for (count, words) in [(0, "0 networks are given (expected 1 to 64)"), (65, "65 networks are given")] {
        let request = create(vec![network("n", &[]); count]);
        let problem = server.refuses(async |client| client.create_networks(request).await).await;
        problem.assert_fields(&[("networks", words)]);
    }
}

#[tokio::test]
async fn all_wrong_fields_are_told_at_once() {
    let server = Server::start().await;
    let first = v1::NetworkSpec {
        mtu: 1,
        subnets: vec![
            v1::SubnetSpec { gateway: "here".into(), address_mode: 9, ..subnet("10.0.0.7/8") },
            v1::SubnetSpec { dns: vec!["there".into()], ..subnet("fd00::/64") },
        ],
        ..network("", &[])
    };
    let request = v1::CreateNetworksRequest {
        request_id: "a b".into(),
        ..create(vec![first, network("fine", &["10.1.0.0/24"]), network("", &["10.2.0.0/31", "nowhere"])])
    };
    let problem = server.refuses(async |client| client.create_networks(request).await).await;
    problem.assert_fields(&[
        ("request_id", "\"a b\""),
        ("networks[0].label", "empty"),
        ("networks[0].mtu", "1 is not an MTU"),
        ("networks[0].subnets[0].cidr", "10.0.0.0/8"),
        ("networks[0].subnets[0].gateway", "is not an IP address"),
        ("networks[0].subnets[0].address_mode", "9"),
        ("networks[0].subnets[1].dns[0]", "is not an IP address"),
        ("networks[2].label", "empty"),
        ("networks[2].subnets[1].cidr", "\"nowhere\" is not a CIDR"),
    ]);
}

#[tokio::test]
async fn a_pool_behind_a_malformed_one_is_not_called_by_its_name() {
    let server = Server::start().await;
    let pool = |first: &str, last: &str| v1::AllocationPool { first: first.into(), last: last.into() };
    let spec = v1::SubnetSpec {
        allocation_pools: vec![pool("?", "10.0.0.9"), pool("10.9.0.1", "10.9.0.2")],
        ..subnet("10.0.0.0/24")
    };
    let request = create(vec![v1::NetworkSpec { subnets: vec![spec], ..network("n", &[]) }]);
    let problem = server.refuses(async |client| client.create_networks(request).await).await;
    problem.assert_fields(&[("networks[0].subnets[0].allocation_pools[0].first", "is not an IP address")]);
}

#[tokio::test]
async fn b36_one_wrong_network_keeps_its_neighbours_from_being_made() {
    let server = Server::start().await;
    // Only the ledger can say that there is no such network: by then the first one is made, in its view.
    let wrong = v1::NetworkSpec { id: UNKNOWN.into(), ..network("wrong", &["10.2.0.0/24"]) };
    let request = create(vec![network("fine", &["10.1.0.0/24"]), wrong]);
    let problem = server.refuses(async |client| client.create_networks(request).await).await;
    let about = [("network_id", UNKNOWN), ("field", "networks[1].id")];
    problem.assert(Code::InvalidArgument, "NETWORK_NOT_FOUND", &about, &[UNKNOWN]);

    let all = v1::ListNetworksRequest::default();
    let listed = server.client().await.list_networks(all).await.unwrap().into_inner();
    assert_eq!(listed.networks, []);
}

#[tokio::test]
async fn a_bad_network_id_is_named() {
    let server = Server::start().await;
    for (id, words) in [("", "is required"), ("blue", "\"blue\"")] {
        let get = v1::GetNetworkRequest { network_id: id.into() };
        let delete = v1::DeleteNetworkRequest { network_id: id.into(), ..Default::default() };
        for problem in [
            server.refuses(async |client| client.get_network(get).await).await,
            server.refuses(async |client| client.delete_network(delete).await).await,
        ] {
            problem.assert_fields(&[("network_id", words)]);
        }
    }
}
