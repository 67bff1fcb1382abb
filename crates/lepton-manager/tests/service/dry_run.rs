//! `validate_only`: each mutating call answers what it would have, and writes nothing.

use lepton_proto::v1;
use tonic::Code;

use crate::server::{
    PROJECT, Server, UNKNOWN, allocation, allocation_on, deallocation, fixed_ips, network, port_ids,
    requested,
};

#[tokio::test]
async fn networks_that_would_be_made_are_shown() {
    let server = Server::start().await;
    let networks = vec![network("blue", &["10.0.0.0/24", "fd00::/64"]), network("green", &[])];
    let request = v1::CreateNetworksRequest { networks, request_id: "make".into(), validate_only: true };
    let dry = request.clone();
    let would = server.unchanged(async |client| client.create_networks(dry).await).await;

    let request = v1::CreateNetworksRequest { validate_only: false, ..request };
    let did = server.client().await.create_networks(request).await.unwrap().into_inner();
    let plain = |mut answer: v1::CreateNetworksResponse| {
        for network in &mut answer.networks {
            network.created_at = None;
            network.id.clear();
            network.bridge.clear();
            for subnet in &mut network.subnets {
                subnet.id.clear();
                subnet.network_id.clear();
            }
        }
        answer
    };
    assert_eq!(plain(would), plain(did));
}

#[tokio::test]
async fn an_allocation_that_would_be_is_shown() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    server.network("green", &["10.1.0.0/24", "fd00::/80"]).await;
    let wait_for_active = Some(prost_types::Duration { seconds: 600, nanos: 0 });
    // It does not wait for what will not be.
    let dry = v1::AllocateForInstanceRequest {
        wait_for_active,
        request_id: "boot".into(),
        validate_only: true,
        ..allocation(1)
    };
    let would = server.unchanged(async |client| client.allocate_for_instance(dry).await).await;
    assert_eq!(fixed_ips(&would), ["10.0.0.2", "10.1.0.2", "fd00::2"]);
    assert_eq!((would.incarnation, &*would.host), (1, "host-1"));
    server.assert_not_allocated(1).await;

    // The request id is not used up, not even for this body.
    let other = v1::AllocateForInstanceRequest { request_id: "boot".into(), ..allocation(2) };
    assert_eq!(fixed_ips(&server.allocate(other).await), fixed_ips(&would));
}

#[tokio::test]
async fn ports_that_would_be_released_are_shown() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let info = server.allocate(allocation(1)).await;
    let dry = v1::DeallocateForInstanceRequest { validate_only: true, ..deallocation(1) };
    let would = server.unchanged(async |client| client.deallocate_for_instance(dry).await).await;
    assert_eq!(would.released_port_ids, port_ids(&info));
    assert_eq!(server.info(1).await.unwrap(), info);
    assert_eq!(server.deallocate(1).await, port_ids(&info));
}

#[tokio::test]
async fn a_network_that_would_be_deleted_stays() {
    let server = Server::start().await;
    let network_id = server.network("blue", &["10.0.0.0/24"]).await.id;
    let dry = v1::DeleteNetworkRequest {
        network_id: network_id.clone(),
        validate_only: true,
        ..Default::default()
    };
    server.unchanged(async |client| client.delete_network(dry).await).await;
    let get = v1::GetNetworkRequest { network_id };
    server.unchanged(async |client| client.get_network(get).await).await;
}

#[tokio::test]
async fn what_would_be_refused_is_refused() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.0.0.0/24"]).await.id;
    server.allocate(allocation_on(1, vec![requested(&id, &["10.0.0.9"])])).await;
    let taken = v1::AllocateForInstanceRequest {
        validate_only: true,
        ..allocation_on(2, vec![requested(&id, &["10.0.0.9"])])
    };
    let problem = server.refuses(async |client| client.allocate_for_instance(taken).await).await;
    assert_eq!((problem.code, &*problem.reason), (Code::InvalidArgument, "FIXED_IP_ALREADY_IN_USE"));

    let late = v1::DeallocateForInstanceRequest { validate_only: true, incarnation: 7, ..deallocation(1) };
    let problem = server.refuses(async |client| client.deallocate_for_instance(late).await).await;
    assert_eq!((problem.code, &*problem.reason), (Code::FailedPrecondition, "INCARNATION_MISMATCH"));

    for (network_id, reason) in [(id, "NETWORK_IN_USE"), (UNKNOWN.to_owned(), "NETWORK_NOT_FOUND")] {
        let delete = v1::DeleteNetworkRequest { network_id, validate_only: true, ..Default::default() };
        let problem = server.refuses(async |client| client.delete_network(delete).await).await;
        assert_eq!(problem.reason, reason);
    }
}

#[tokio::test]
async fn validating_networks_takes_nothing() {
    let server = Server::start().await;
    // Six hosts, of which one is the gateway: five for guests.
    let id = server.network("blue", &["10.0.0.0/29"]).await.id;
    let wish = |count, ips: &[&str]| v1::ValidateNetworksRequest {
        project_id: PROJECT.into(),
        networks: vec![requested(&id, ips); count],
        allow_duplicate_networks: true,
    };
    for request in [wish(0, &[]), wish(1, &["10.0.0.6"]), wish(5, &[])] {
        server.unchanged(async |client| client.validate_networks(request).await).await;
    }
    let too_many = wish(6, &[]);
    let problem = server.refuses(async |client| client.validate_networks(too_many).await).await;
    assert_eq!(problem.reason, "NO_MORE_FIXED_IPS");
    let twice = wish(2, &["10.0.0.6"]);
    let problem = server.refuses(async |client| client.validate_networks(twice).await).await;
    assert_eq!(problem.reason, "FIXED_IP_ALREADY_IN_USE");
}
