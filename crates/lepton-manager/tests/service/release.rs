//! An address returns to its pool only with proof that its port is unplugged.

use lepton_proto::v1;
use lepton_types::{HostReport, PortStatus};

use crate::{
    problem::Problem,
    server::{Server, allocation, fixed_ips},
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
