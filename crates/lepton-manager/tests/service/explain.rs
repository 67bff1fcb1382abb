//! Why things are as they are, over a socket.

use lepton_proto::v1::{self, explain_client::ExplainClient};
use tonic::transport::Channel;

use crate::{
    problem::Problem,
    server::{HOST, Server, UNKNOWN, allocation, instance, requested},
};

async fn client(server: &Server) -> ExplainClient<Channel> {
    ExplainClient::new(server.channel().await)
}

fn codes(explanation: &v1::Explanation) -> Vec<&str> {
    explanation.causes.iter().map(|cause| &*cause.code).collect()
}

fn address(address: &str, network_id: &str) -> v1::ExplainAddressRequest {
    v1::ExplainAddressRequest { address: address.into(), network_id: network_id.into(), ..Default::default() }
}

#[tokio::test]
async fn an_instance_its_ports_and_its_addresses_are_explained() {
    let server = Server::start().await;
    let network = server.network("blue", &["10.1.0.0/24", "fd00:1::/64"]).await;
    let mut client = client(&server).await;
    let vif = server.allocate(allocation(1)).await.vifs.remove(0);

    let request = v1::ExplainInstanceRequest { instance_id: instance(1) };
    let explanation = client.explain_instance(request).await.unwrap().into_inner();
    assert_eq!((explanation.kind(), &explanation.id), (v1::ExplainedKind::Instance, &instance(1)));
    assert_eq!(codes(&explanation), ["ALLOCATED"]);
    assert_eq!(explanation.causes[0].facts["host"], HOST);
    let [port] = &explanation.parts[..] else { panic!("{explanation:?}") };
    assert_eq!((port.kind(), &port.id), (v1::ExplainedKind::Port, &vif.id));
    let [global, order, mac, lowest, from_mac, plug] = &port.causes[..] else { panic!("{port:?}") };
    assert_eq!((&*global.code, &global.facts["network_id"]), ("NETWORK_GLOBAL", &network.id));
    assert_eq!((&*order.code, &*order.facts["position"]), ("ORDER_BY_PRIORITY", "0"));
    assert_eq!((&*mac.code, &mac.facts["mac"]), ("MAC_FROM_BASE", &vif.mac_address));
    assert_eq!((&*lowest.code, &*lowest.facts["address"]), ("ADDRESS_LOWEST_FREE", "10.1.0.2"));
    assert_eq!((&*from_mac.code, &*from_mac.facts["cidr"]), ("ADDRESS_FROM_MAC", "fd00:1::/64"));
    assert_eq!((&*plug.code, plug.is_difference), ("NOT_REPORTED", true));
    assert_eq!(plug.facts["device"], vif.device);

    let by_mac = v1::ExplainPortRequest { mac_address: vif.mac_address.clone(), ..Default::default() };
    assert_eq!(client.explain_port(by_mac).await.unwrap().into_inner(), *port);
    let held = client.explain_address(address("10.1.0.2", "")).await.unwrap().into_inner();
    assert_eq!((codes(&held), &held.parts[..]), (vec!["HELD_BY_PORT"], std::slice::from_ref(port)));
    assert_eq!((&*held.id, &held.subnet_id), ("10.1.0.2", &network.subnets[0].id));
    for (text, code) in [("10.1.0.1", "KEPT_BY_SUBNET"), ("10.1.0.200", "FREE")] {
        let explanation = client.explain_address(address(text, &network.id)).await.unwrap().into_inner();
        assert_eq!(codes(&explanation), [code]);
    }
}

#[tokio::test]
async fn what_an_allocation_asked_for_is_told_also_after_more_was_added() {
    let server = Server::start().await;
    let network = server.network("blue", &["10.1.0.0/24"]).await;
    let networks = vec![requested(&network.id, &["10.1.0.50"])];
    let vif =
        server.allocate(v1::AllocateForInstanceRequest { networks, ..allocation(1) }).await.vifs.remove(0);
    let mut fixed_ips = v1::fixed_ips_client::FixedIpsClient::new(server.channel().await);
    let instance_id = instance(1);
    let more = v1::AddFixedIpRequest { instance_id, network_id: network.id.clone(), ..Default::default() };
    fixed_ips.add_fixed_ip(more).await.unwrap();

    let request = v1::ExplainPortRequest { port_id: vif.id, ..Default::default() };
    let port = client(&server).await.explain_port(request).await.unwrap().into_inner();
    assert_eq!(
        codes(&port),
        [
            "NETWORK_NAMED",
            "ORDER_REQUESTED",
            "MAC_FROM_BASE",
            "ADDRESS_LOWEST_FREE",
            "ADDRESS_ASKED_FOR",
            "NOT_REPORTED"
        ]
    );
}

#[tokio::test]
async fn what_is_not_there_or_not_named_rightly_is_refused() {
    let server = Server::start().await;
    let network = server.network("blue", &["10.1.0.0/24"]).await;
    let mut client = client(&server).await;
    let reason = |status: tonic::Status| Problem::read(&status).reason;
    let unknown = v1::ExplainInstanceRequest { instance_id: UNKNOWN.into() };
    assert_eq!(reason(client.explain_instance(unknown).await.unwrap_err()), "INSTANCE_NOT_FOUND");
    let unknown = v1::ExplainPortRequest { port_id: UNKNOWN.into(), ..Default::default() };
    assert_eq!(reason(client.explain_port(unknown.clone()).await.unwrap_err()), "PORT_NOT_FOUND");
    let both = v1::ExplainPortRequest { mac_address: "fa:16:3e:00:00:01".into(), ..unknown };
    assert_eq!(reason(client.explain_port(both).await.unwrap_err()), "INVALID_FIELD");
    for (request, expected) in [
        (address("10.1.0.9", ""), "FIXED_IP_NOT_FOUND_FOR_ADDRESS"),
        (address("10.2.0.9", &network.id), "FIXED_IP_NOT_FOUND_FOR_NETWORK"),
        (address("10.1.0.9", UNKNOWN), "NETWORK_NOT_FOUND"),
        (address("10.1.0", ""), "INVALID_FIELD"),
    ] {
        assert_eq!(reason(client.explain_address(request).await.unwrap_err()), expected);
    }
}
