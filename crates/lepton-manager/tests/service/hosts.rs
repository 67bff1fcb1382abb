//! Hosts: what they hear of, and how an operator says that one is gone.

use lepton_proto::v1;

use crate::{
    problem::Problem,
    server::{Server, allocation, fixed_ips, host, instance},
};

#[tokio::test]
async fn a_host_hears_of_ports_that_came_before_it_asked_for_news() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let holds = server.feed().await.revision;
    // Between an agent's look and its question there may be an allocation.
    server.allocate(allocation(1)).await;
    server.manager.host_news(&host(), holds).await;
    assert_eq!(server.feed().await.ports.len(), 1);
}

#[tokio::test]
async fn what_was_deallocated_or_undone_on_a_host_that_never_was_waits_for_nobody() {
    let server = Server::start().await;
    let id = server.network("tiny", &["10.1.0.0/30"]).await.id;
    let slip = || v1::AllocateForInstanceRequest { host: "nod7".into(), ..allocation(1) };
    server.allocate(slip()).await;
    assert_eq!(server.deallocate(1).await.len(), 1);
    let waiting = v1::AllocateForInstanceRequest {
        wait_for_active: Some(prost_types::Duration { seconds: 0, nanos: 1_000_000 }),
        ..slip()
    };
    let mut client = server.client().await;
    let problem = Problem::of(client.allocate_for_instance(waiting).await);
    assert_eq!(problem.reason, "PORT_PLUG_TIMEOUT");
    let delete = v1::DeleteNetworkRequest { network_id: id, ..Default::default() };
    client.delete_network(delete).await.unwrap();
}

#[tokio::test]
async fn a_host_that_is_gone_is_fenced_and_its_addresses_come_back() {
    let server = Server::start().await;
    server.manager.register(&"nod7".parse().unwrap()).await.unwrap();
    let id = server.network("tiny", &["10.1.0.0/30"]).await.id;
    server.allocate(v1::AllocateForInstanceRequest { host: "nod7".into(), ..allocation(1) }).await;
    let fence =
        |validate_only| v1::FenceHostRequest { host: "nod7".into(), validate_only, ..Default::default() };
    let mut client = server.client().await;
    let told = client.fence_host(fence(false)).await.unwrap().into_inner();
    assert_eq!((told.ended_port_ids.len(), told.live_port_ids.len()), (0, 1), "what lives is not touched");

    let released = client
        .deallocate_for_instance(v1::DeallocateForInstanceRequest {
            instance_id: instance(1),
            ..Default::default()
        })
        .await
        .unwrap()
        .into_inner()
        .released_port_ids;
    for validate_only in [true, false] {
        let told = client.fence_host(fence(validate_only)).await.unwrap().into_inner();
        assert_eq!((told.ended_port_ids, told.live_port_ids), (released.clone(), vec![]));
    }
    assert_eq!(fixed_ips(&server.allocate(allocation(2)).await), ["10.1.0.2"]);
    server.deallocate(2).await;
    let delete = v1::DeleteNetworkRequest { network_id: id, ..Default::default() };
    let problem = Problem::of(client.delete_network(delete).await);
    assert_eq!(problem.reason, "NETWORK_IN_USE", "host-1 is another host");

    let problem = Problem::of(client.fence_host(v1::FenceHostRequest::default()).await);
    problem.assert_fields(&[("host", "is required")]);
}
