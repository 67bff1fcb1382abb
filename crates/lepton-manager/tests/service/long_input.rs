//! Bad input of any length is refused by an answer that a client can take: gRPC puts errors into trailers, of which
//! clients take 16 KiB.

use lepton_proto::v1::{self, port_binding};
use tonic::Code;

use crate::{
    problem::Problem,
    server::{Server, allocation, allocation_on, network, requested, subnet},
};

/// Longer than the connection's buffers and than what trailers may hold, shorter than what the server takes.
const LONG: usize = 1024 * 1024;

/// The most that a client may be told of at once.
const MOST_VIOLATIONS: usize = 16;

/// The characters that cost most on the way: four bytes each, of which each becomes three in `grpc-message`.
fn costly(characters: usize) -> String {
    "\u{1f40c}".repeat(characters)
}

/// An allocation whose one text is of that length, by the field that has it.
fn long_allocations() -> Vec<(v1::AllocateForInstanceRequest, &'static str)> {
    let long = || "x".repeat(LONG);
    let veth = |netns_path, guest_device| {
        let kind = port_binding::Kind::Veth(port_binding::Veth { netns_path, guest_device });
        Some(v1::PortBinding { kind: Some(kind) })
    };
    vec![
        (v1::AllocateForInstanceRequest { instance_id: long(), ..allocation(1) }, "instance_id"),
        (v1::AllocateForInstanceRequest { instance_id: costly(LONG / 4), ..allocation(1) }, "instance_id"),
        (v1::AllocateForInstanceRequest { project_id: long(), ..allocation(1) }, "project_id"),
        (v1::AllocateForInstanceRequest { host: long(), ..allocation(1) }, "host"),
        (v1::AllocateForInstanceRequest { request_id: long(), ..allocation(1) }, "request_id"),
        (allocation_on(1, vec![requested(&long(), &[])]), "networks[0].network_id"),
        (
            v1::AllocateForInstanceRequest { binding: veth(long(), String::new()), ..allocation(1) },
            "binding.veth.netns_path",
        ),
        (
            v1::AllocateForInstanceRequest { binding: veth("/n".into(), long()), ..allocation(1) },
            "binding.veth.guest_device",
        ),
        (
            v1::AllocateForInstanceRequest { binding: veth("/n".into(), "%".repeat(LONG)), ..allocation(1) },
            "binding.veth.guest_device",
        ),
    ]
}

/// As [`long_allocations`], for the networks to create.
fn long_networks() -> Vec<(v1::NetworkSpec, &'static str)> {
    let long = || "x".repeat(LONG);
    let with = |subnet| v1::NetworkSpec { subnets: vec![subnet], ..network("n", &[]) };
    let v4 = || subnet("10.0.0.0/24");
    vec![
        (network(&long(), &[]), "networks[0].label"),
        (v1::NetworkSpec { project_id: long(), ..network("n", &[]) }, "networks[0].project_id"),
        (with(subnet(&long())), "networks[0].subnets[0].cidr"),
        (with(v1::SubnetSpec { gateway: long(), ..v4() }), "networks[0].subnets[0].gateway"),
        (
            with(v1::SubnetSpec { gateway: long(), no_gateway: true, ..v4() }),
            "networks[0].subnets[0].gateway",
        ),
        // Lists are counted before anything in them is read.
        (with(v1::SubnetSpec { dns: vec!["?".into(); 100_000], ..v4() }), "networks[0].subnets[0].dns"),
        (
            with(v1::SubnetSpec { allocation_pools: vec![Default::default(); 100_000], ..v4() }),
            "networks[0].subnets[0].allocation_pools",
        ),
        (v1::NetworkSpec { subnets: vec![subnet("?"); 100_000], ..network("n", &[]) }, "networks[0].subnets"),
    ]
}

fn create(networks: Vec<v1::NetworkSpec>) -> v1::CreateNetworksRequest {
    v1::CreateNetworksRequest { networks, ..Default::default() }
}

/// Checks that an answer tells of as much as fits, and how much it leaves out.
#[track_caller]
fn assert_cut(problem: &Problem, mistakes: usize) {
    assert_eq!((problem.code, &*problem.reason), (Code::InvalidArgument, "INVALID_FIELD"));
    let more = mistakes - problem.violations.len();
    assert!((1..=MOST_VIOLATIONS).contains(&problem.violations.len()), "{problem:?}");
    assert!(problem.message.ends_with(&format!("; and {more} more")), "{}", problem.message);
    assert_eq!(problem.metadata["more"], more.to_string());
}

#[tokio::test]
async fn a_long_text_is_refused_by_its_field_and_its_beginning() {
    let server = Server::start().await;
    for (request, field) in long_allocations() {
        let problem = server.refuses(async |client| client.allocate_for_instance(request).await).await;
        problem.assert_fields(&[(field, "")]);
        assert!(problem.message.len() < 1024, "{field}: {} bytes", problem.message.len());
    }
    for (spec, field) in long_networks() {
        let request = create(vec![spec]);
        let problem = server.refuses(async |client| client.create_networks(request).await).await;
        problem.assert_fields(&[(field, "")]);
        assert!(problem.message.len() < 1024, "{field}: {} bytes", problem.message.len());
    }
    let request = v1::ListNetworksRequest { page_token: "x".repeat(LONG), ..Default::default() };
    let problem = server.refuses(async |client| client.list_networks(request).await).await;
    problem.assert_fields(&[("page_token", "is not a next_page_token")]);
}

#[tokio::test]
async fn of_many_mistakes_the_first_are_told_and_the_rest_counted() {
    let server = Server::start().await;
    let wrong = v1::NetworkSpec { project_id: "a b".into(), mtu: 1, ..network("", &[]) };
    let request = create(vec![wrong; 64]);
    let problem = server.refuses(async |client| client.create_networks(request).await).await;
    assert_cut(&problem, 3 * 64);
    assert_eq!(problem.violations.len(), MOST_VIOLATIONS);
    assert_eq!(problem.violations[0].0, "networks[0].label");
}

#[tokio::test]
async fn many_mistakes_in_costly_texts_still_fit_into_an_answer() {
    let server = Server::start().await;
    let wrong = v1::NetworkSpec { project_id: costly(300), mtu: 1, ..network(&costly(300), &[]) };
    let request = create(vec![wrong; 64]);
    let problem = server.refuses(async |client| client.create_networks(request).await).await;
    assert_cut(&problem, 3 * 64);
}
