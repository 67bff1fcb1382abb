//! An address returns to its pool only with proof that its port is unplugged.

use lepton_proto::v1;
use lepton_types::{HostReport, PortStatus};

use crate::{
    problem::Problem,
    server::{Server, allocation, fixed_ips, instance},
};

#[tokio::test]
async fn b22_an_address_is_free_only_when_its_host_has_unplugged_the_port() {
    let server = Server::start().await;
    // Two hosts, and one is the gateway's.
    server.network("tiny", &["10.0.0.0/30"]).await;
    let info = server.allocate(allocation(1)).await;
    assert_eq!(fixed_ips(&info), ["10.0.0.2"]);
    let released = server.deallocate(1).await;
    server.assert_not_allocated(1).await;
    let is_taken = async || {
        let problem = server.refuses(async |client| client.allocate_for_instance(allocation(2)).await).await;
        assert_eq!(problem.reason, "NO_MORE_FIXED_IPS");
    };
    is_taken().await;

    // Another host's word proves nothing, nor does a report about something else.
    let unplugged = HostReport { unplugged: vec![released[0].parse().unwrap()], ..HostReport::default() };
    server.manager.host_report("host-2".parse().unwrap(), unplugged).await.unwrap();
    is_taken().await;
    server.report(&[released[0].parse().unwrap()], &PortStatus::Active).await;
    is_taken().await;

    server.unplugged(&released).await;
    assert_eq!(fixed_ips(&server.allocate(allocation(2)).await), ["10.0.0.2"]);
}

#[tokio::test]
async fn b06_a_report_that_a_living_port_is_unplugged_frees_nothing() {
    let server = Server::start().await;
    server.network("tiny", &["10.0.0.0/30"]).await;
    let info = server.allocate(allocation(1)).await;
    server.unplugged(&[info.vifs[0].id.clone()]).await;
    assert_eq!(server.info(1).await.unwrap(), info);
    let problem = server.refuses(async |client| client.allocate_for_instance(allocation(2)).await).await;
    assert_eq!(problem.reason, "NO_MORE_FIXED_IPS");
}

#[tokio::test]
async fn an_unplug_that_is_reported_twice_frees_the_address_once() {
    let server = Server::start().await;
    server.network("tiny", &["10.0.0.0/30"]).await;
    server.allocate(allocation(1)).await;
    let released = server.deallocate(1).await;
    server.unplugged(&released).await;
    server.allocate(allocation(2)).await;
    server.unplugged(&released).await;
    let mut client = server.client().await;
    let problem = Problem::of(client.allocate_for_instance(allocation(3)).await);
    assert_eq!(problem.reason, "NO_MORE_FIXED_IPS");
}

#[tokio::test]
async fn what_the_host_says_of_a_port_is_shown() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    server.allocate(allocation(1)).await;
    let ports = server.ports_to_plug().await;
    let shown = async || {
        let vif = server.info(1).await.unwrap().vifs.remove(0);
        (vif.status(), vif.error)
    };
    assert_eq!(shown().await, (v1::PortStatus::Pending, String::new()));
    let failed = PortStatus::Error("cannot make tap: Device or resource busy".into());
    server.report(&ports, &failed).await;
    assert_eq!(shown().await, (v1::PortStatus::Error, "cannot make tap: Device or resource busy".into()));
    server.report(&ports, &PortStatus::Active).await;
    assert_eq!(shown().await, (v1::PortStatus::Active, String::new()));
}

#[tokio::test]
async fn a_host_that_was_a_mistake_is_fenced_and_its_addresses_come_back() {
    let server = Server::start().await;
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
