//! Malformed requests about instances and pages: each names its field, and changes nothing.

use lepton_proto::v1::{self, port_binding};

use crate::server::{Options, PROJECT, Server, allocation, allocation_on, deallocation, instance, requested};

fn waiting(seconds: i64, nanos: i32) -> v1::AllocateForInstanceRequest {
    let wait_for_active = Some(prost_types::Duration { seconds, nanos });
    v1::AllocateForInstanceRequest { wait_for_active, ..allocation(1) }
}

fn veth(netns_path: &str, guest_device: &str) -> v1::AllocateForInstanceRequest {
    let (netns_path, guest_device) = (netns_path.into(), guest_device.into());
    let kind = port_binding::Kind::Veth(port_binding::Veth { netns_path, guest_device });
    v1::AllocateForInstanceRequest { binding: Some(v1::PortBinding { kind: Some(kind) }), ..allocation(1) }
}

/// The UUID that stands for none (RFC 9562 §5.9); with ones alone it is the other one (§5.10).
const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// An allocation that has just this one thing wrong with it, the field, and what is said of it.
fn refused_allocations() -> Vec<(v1::AllocateForInstanceRequest, &'static str, &'static str)> {
    let id = instance(9);
    vec![
        (
            v1::AllocateForInstanceRequest { instance_id: String::new(), ..allocation(1) },
            "instance_id",
            "is required",
        ),
        (
            v1::AllocateForInstanceRequest { instance_id: "i-7".into(), ..allocation(1) },
            "instance_id",
            "\"i-7\"",
        ),
        (
            v1::AllocateForInstanceRequest { instance_id: NIL.into(), ..allocation(1) },
            "instance_id",
            "is the UUID of nothing",
        ),
        (
            v1::AllocateForInstanceRequest { instance_id: NIL.replace('0', "f"), ..allocation(1) },
            "instance_id",
            "is the UUID of nothing",
        ),
        (
            v1::AllocateForInstanceRequest { project_id: String::new(), ..allocation(1) },
            "project_id",
            "is required",
        ),
        (
            v1::AllocateForInstanceRequest { project_id: "x".repeat(256), ..allocation(1) },
            "project_id",
            "255",
        ),
        (v1::AllocateForInstanceRequest { host: "my host".into(), ..allocation(1) }, "host", "\"my host\""),
        (
            v1::AllocateForInstanceRequest { request_id: "x".repeat(256), ..allocation(1) },
            "request_id",
            "255",
        ),
        (
            allocation_on(1, vec![requested(&id, &[]); 65]),
            "networks",
            "65 networks are requested (expected at most 64)",
        ),
        (allocation_on(1, vec![requested("blue", &[])]), "networks[0].network_id", "\"blue\""),
        (
            allocation_on(1, vec![requested(&id, &[]), requested(&id, &["10.0.0.5", "10.0.0.5/24"])]),
            "networks[1].fixed_ips[1]",
            "is not an IP address",
        ),
        (
            allocation_on(1, vec![requested(&id, &["10.0.0.5"; 65])]),
            "networks[0].fixed_ips",
            "65 addresses are requested",
        ),
        (waiting(-5, 0), "wait_for_active", "negative"),
        (waiting(0, 0), "wait_for_active", "expected more than 0"),
        (waiting(601, 0), "wait_for_active", "at most 600 s"),
        (waiting(600, 1), "wait_for_active", "600.000000001s is no time to wait"),
        (waiting(i64::MAX, 0), "wait_for_active", "at most 600 s"),
        (veth("", ""), "binding.veth.netns_path", "is required"),
        (veth("run/netns/a", ""), "binding.veth.netns_path", "absolute path"),
        (veth("/run/netns/../a", ""), "binding.veth.netns_path", "without '..'"),
        (veth("/run/netns/a", "a/b"), "binding.veth.guest_device", "\"a/b\""),
        (veth("/run/netns/a", "%deth"), "binding.veth.guest_device", "%d at its end"),
        (veth("/run/netns/a", "interface0123456"), "binding.veth.guest_device", "interface0123456"),
        (
            veth("/run/netns/a", "lo"),
            "binding.veth.guest_device",
            "\"lo\" is every namespace's loopback device",
        ),
        (
            veth("/run/netns/a", "all"),
            "binding.veth.guest_device",
            "\"all\" is a name that Linux gives to no device",
        ),
        (
            veth("/run/netns/a", "default"),
            "binding.veth.guest_device",
            "\"default\" is a name that Linux gives",
        ),
    ]
}

#[tokio::test]
async fn a_malformed_allocation_is_refused_by_its_field() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    for (request, field, words) in refused_allocations() {
        let problem = server.refuses(async |client| client.allocate_for_instance(request).await).await;
        problem.assert_fields(&[(field, words)]);
    }
}

#[tokio::test]
async fn all_wrong_fields_of_an_allocation_are_told_at_once() {
    let server = Server::start().await;
    let request = v1::AllocateForInstanceRequest {
        instance_id: "me".into(),
        project_id: String::new(),
        networks: vec![requested("here", &["there"])],
        request_id: "a b".into(),
        ..waiting(-1, 0)
    };
    let problem = server.refuses(async |client| client.allocate_for_instance(request).await).await;
    problem.assert_fields(&[
        ("request_id", "\"a b\""),
        ("instance_id", "\"me\""),
        ("project_id", "is required"),
        ("networks[0].network_id", "\"here\""),
        ("networks[0].fixed_ips[0]", "is not an IP address"),
        ("wait_for_active", "negative"),
    ]);
}

#[tokio::test]
async fn a_manager_without_an_agent_needs_a_host() {
    let server = Server::with(Options { own_host: None, ..Options::default() }).await;
    let problem = server.refuses(async |client| client.allocate_for_instance(allocation(1)).await).await;
    problem.assert_fields(&[("host", "is required: this manager has no agent of its own")]);
}

#[tokio::test]
async fn a_device_name_that_only_resembles_one_of_linux_is_taken() {
    let server = Server::start().await;
    server.network("blue", &[]).await;
    for guest_device in ["lo%d", "all0", "Default"] {
        let request =
            v1::AllocateForInstanceRequest { validate_only: true, ..veth("/run/netns/a", guest_device) };
        server.client().await.allocate_for_instance(request).await.unwrap();
    }
}

#[tokio::test]
async fn one_device_name_is_not_enough_for_two_vnics() {
    let server = Server::start().await;
    server.network("blue", &[]).await;
    server.network("green", &[]).await;
    let request = veth("/run/netns/a", "net0");
    let problem = server.refuses(async |client| client.allocate_for_instance(request).await).await;
    problem.assert_fields(&[("binding.veth.guest_device", "2 vNICs cannot share one name")]);
}

#[tokio::test]
async fn malformed_questions_about_instances_are_refused() {
    let server = Server::start().await;
    let deallocate = v1::DeallocateForInstanceRequest { instance_id: "?".into(), ..deallocation(1) };
    let show = v1::GetInstanceNwInfoRequest { instance_id: "?".into() };
    for problem in [
        server.refuses(async |client| client.deallocate_for_instance(deallocate).await).await,
        server.refuses(async |client| client.get_instance_nw_info(show).await).await,
    ] {
        problem.assert_fields(&[("instance_id", "\"?\"")]);
    }
    let validate = v1::ValidateNetworksRequest {
        project_id: String::new(),
        networks: vec![requested("?", &[])],
        ..Default::default()
    };
    let problem = server.refuses(async |client| client.validate_networks(validate).await).await;
    problem.assert_fields(&[("project_id", "is required"), ("networks[0].network_id", "\"?\"")]);
    let many = v1::ValidateNetworksRequest {
        project_id: PROJECT.into(),
        networks: vec![requested(&instance(9), &[]); 65],
        ..Default::default()
    };
    let problem = server.refuses(async |client| client.validate_networks(many).await).await;
    problem.assert_fields(&[("networks", "65 networks are requested")]);
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused() {
    let server = Server::start().await;
    for (page_size, page_token, field, words) in [
        (-1, "", "page_size", "-1 is no page size (expected 0 to 1000)"),
        (1001, "", "page_size", "1001 is no page size"),
        (0, "next", "page_token", "\"next\" is not a next_page_token"),
        (0, "-1", "page_token", "\"-1\""),
        (0, "18446744073709551615", "page_token", "18446744073709551615"),
    ] {
        let request =
            v1::ListNetworksRequest { page_size, page_token: page_token.into(), ..Default::default() };
        let problem = server.refuses(async |client| client.list_networks(request).await).await;
        problem.assert_fields(&[(field, words)]);
    }
    let request = v1::ListNetworksRequest { project_id: "a b".into(), page_size: -7, page_token: "x".into() };
    let problem = server.refuses(async |client| client.list_networks(request).await).await;
    problem.assert_fields(&[("project_id", "\"a b\""), ("page_size", "-7"), ("page_token", "\"x\"")]);
}
