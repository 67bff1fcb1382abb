//! Request ids: the same id and body get the same answer, also after a restart, and change nothing.

use std::fmt::Debug;

use lepton_manager::Role;
use lepton_proto::v1;
use tonic::{Code, Response, Status};

use crate::server::{
    Client, Options, Server, allocation, allocation_on, deallocation, network, port_ids, requested,
};

/// Makes a call, repeats it, restarts the server and repeats it again: one answer, one effect.
pub(crate) async fn repeats<T: Debug + PartialEq>(
    server: Server,
    call: impl AsyncFn(&mut Client) -> Result<Response<T>, Status>,
) -> (Server, T) {
    let before = server.dump().await;
    let answer = call(&mut server.client().await).await.unwrap().into_inner();
    assert_ne!(server.dump().await, before);
    assert_eq!(server.unchanged(&call).await, answer);
    let after = server.dump().await;
    let server = server.restart().await;
    assert_eq!(server.dump().await, after);
    assert_eq!(server.unchanged(&call).await, answer);
    (server, answer)
}

async fn assert_reused<T: Debug>(
    server: &Server,
    call: impl AsyncFnOnce(&mut Client) -> Result<Response<T>, Status>,
) {
    let problem = server.refuses(call).await;
    assert_eq!((problem.code, &*problem.reason), (Code::InvalidArgument, "REQUEST_ID_REUSED"));
}

const ID: &str = "0b6e2fd4-try-1";

fn creation(networks: Vec<v1::NetworkSpec>) -> v1::CreateNetworksRequest {
    v1::CreateNetworksRequest { networks, request_id: ID.into(), ..Default::default() }
}

#[tokio::test]
async fn a_repeated_creation_makes_no_second_network() {
    let request = creation(vec![network("blue", &["10.0.0.0/24"]), network("green", &[])]);
    let call = async |client: &mut Client| client.create_networks(request.clone()).await;
    let (server, made) = repeats(Server::start().await, call).await;
    assert_eq!(made.networks.len(), 2);

    let other = creation(vec![network("blue", &["10.0.0.0/25"])]);
    assert_reused(&server, async |client| client.create_networks(other).await).await;
    // The body counts with all its calls: another call may not have the id either.
    let deallocate = v1::DeallocateForInstanceRequest { request_id: ID.into(), ..deallocation(1) };
    assert_reused(&server, async |client| client.deallocate_for_instance(deallocate).await).await;
}

#[tokio::test]
async fn a_repeated_allocation_gives_the_same_ports() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.0.0.0/24", "fd00::/64"]).await.id;
    let request = v1::AllocateForInstanceRequest { request_id: ID.into(), ..allocation(1) };
    let call = async |client: &mut Client| client.allocate_for_instance(request.clone()).await;
    let (server, info) = repeats(server, call).await;
    assert_eq!(server.info(1).await.unwrap(), info);

    let other = v1::AllocateForInstanceRequest {
        request_id: ID.into(),
        ..allocation_on(1, vec![requested(&id, &[])])
    };
    assert_reused(&server, async |client| client.allocate_for_instance(other).await).await;
}

#[tokio::test]
async fn a_repeated_allocation_that_names_no_host_stays_where_it_is() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let request = v1::AllocateForInstanceRequest { request_id: ID.into(), ..allocation(1) };
    let info = server.allocate(request.clone()).await;
    let mut server = server;
    for own_host in [Some("host-2"), None] {
        server = server.restart_with(Options { own_host, ..Options::default() }).await;
        let again =
            server.unchanged(async |client| client.allocate_for_instance(request.clone()).await).await;
        assert_eq!(again, info);
    }

    let elsewhere = v1::AllocateForInstanceRequest { host: "host-2".into(), ..request };
    assert_reused(&server, async |client| client.allocate_for_instance(elsewhere).await).await;
}

#[tokio::test]
async fn a_repeated_deallocation_spares_the_next_life() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let first = server.allocate(allocation(1)).await;
    let request = v1::DeallocateForInstanceRequest { request_id: ID.into(), ..deallocation(1) };
    let call = async |client: &mut Client| client.deallocate_for_instance(request.clone()).await;
    let (server, released) = repeats(server, call).await;
    assert_eq!(released.released_port_ids, port_ids(&first));

    let second = server.allocate(allocation(1)).await;
    let again = server.unchanged(call).await;
    assert_eq!(again, released);
    assert_eq!(server.info(1).await.unwrap(), second);

    let other = v1::DeallocateForInstanceRequest { incarnation: 2, ..request.clone() };
    assert_reused(&server, async |client| client.deallocate_for_instance(other).await).await;
}

#[tokio::test]
async fn a_repeated_deletion_succeeds_though_the_network_is_gone() {
    let server = Server::start().await;
    let network_id = server.network("blue", &["10.0.0.0/24"]).await.id;
    let other = server.network("green", &[]).await.id;
    let request = v1::DeleteNetworkRequest { network_id, request_id: ID.into(), ..Default::default() };
    let call = async |client: &mut Client| client.delete_network(request.clone()).await;
    let (server, _) = repeats(server, call).await;

    let other = v1::DeleteNetworkRequest { network_id: other, ..request.clone() };
    assert_reused(&server, async |client| client.delete_network(other).await).await;
}

#[tokio::test]
async fn b19_deallocating_what_is_not_there_releases_nothing_and_succeeds() {
    let server = Server::start().await;
    let answer = server.unchanged(async |client| client.deallocate_for_instance(deallocation(1)).await).await;
    assert_eq!(answer.released_port_ids, Vec::<String>::new());
}

#[tokio::test]
async fn a_refused_request_may_be_tried_again_under_its_id() {
    let server = Server::start().await;
    // Two hosts, and one is the gateway's.
    server.network("tiny", &["10.0.0.0/30"]).await;
    server.allocate(allocation(1)).await;
    let request = v1::AllocateForInstanceRequest { request_id: ID.into(), ..allocation(2) };
    let refused = request.clone();
    let problem = server.refuses(async |client| client.allocate_for_instance(refused).await).await;
    assert_eq!(problem.reason, "NO_MORE_FIXED_IPS");
    let released = server.deallocate(1).await;
    server.unplugged(&released).await;
    assert_eq!(server.allocate(request).await.vifs.len(), 1);
}

#[tokio::test]
async fn the_same_id_of_another_caller_is_another_id() {
    let server = Server::with(Options { loopback_role: Some(Role::Compute), ..Options::default() }).await;
    let by_admin = v1::AllocateForInstanceRequest { request_id: ID.into(), ..allocation(1) };
    let by_compute = v1::AllocateForInstanceRequest { request_id: ID.into(), ..allocation(2) };
    server.allocate(by_admin).await;
    let answer = server.client_over_tcp().await.allocate_for_instance(by_compute).await.unwrap();
    assert_eq!(answer.into_inner().instance_id, allocation(2).instance_id);
}

#[tokio::test]
async fn the_same_request_at_the_same_time_has_one_effect() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let request = v1::AllocateForInstanceRequest { request_id: ID.into(), ..allocation(1) };
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (mut client, request) = (server.client().await, request.clone());
        calls.spawn(async move { client.allocate_for_instance(request).await.unwrap().into_inner() });
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(server.feed().await.ports.len(), 1);
}
