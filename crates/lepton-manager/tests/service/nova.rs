//! What Nova got wrong and no other test is about; the numbers are those of `docs/differences.md`.

use lepton_proto::v1::{self, NetworkInfoForm};
use serde_json::{Value, json};

use crate::server::{PROJECT, Server, allocation, allocation_on, fixed_ips, instance, network, requested};

#[tokio::test]
async fn b10_a_priority_that_is_left_out_is_zero() {
    let server = Server::start().await;
    server.network("default", &["10.0.0.0/24"]).await;
    for (label, priority, cidr) in [("before", -1, "10.1.0.0/24"), ("after", 1, "10.2.0.0/24")] {
        server.create(v1::NetworkSpec { priority, ..network(label, &[cidr]) }).await;
    }
    let info = server.allocate(allocation(1)).await;
    let labels: Vec<_> = info.vifs.iter().map(|vif| &*vif.network.as_ref().unwrap().label).collect();
    assert_eq!(labels, ["before", "default", "after"]);
}

#[tokio::test]
async fn b18_who_answers_dhcp_is_what_the_subnet_says_and_by_default_nobody() {
    let server = Server::start().await;
    let made = server.network("private", &["10.0.0.0/24", "fd00::/64"]).await;
    server.allocate(allocation(1)).await;
    let told = async || {
        let form = NetworkInfoForm::Model.into();
        let request = v1::GetInstanceNwInfoJsonRequest { instance_id: instance(1), form };
        let answer = server.client().await.get_instance_nw_info_json(request).await.unwrap().into_inner();
        let model: Value = serde_json::from_str(&answer.json).unwrap();
        let subnets = model[0]["network"]["subnets"].as_array().unwrap().clone();
        subnets.into_iter().map(|subnet| subnet["meta"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(told().await, [json!({}), json!({})], "a gateway alone is no DHCP server");

    let request = v1::ModifySubnetRequest {
        subnet_id: made.subnets[0].id.clone(),
        dhcp_server: Some("10.0.0.1".into()),
        ..Default::default()
    };
    server.subnets().await.modify_subnet(request).await.unwrap();
    assert_eq!(told().await, [json!({"dhcp_server": "10.0.0.1"}), json!({})], "each family by itself");
}

#[tokio::test]
async fn b25_an_instance_that_was_deallocated_has_no_network_info_left() {
    let server = Server::start().await;
    server.network("private", &["10.0.0.0/24"]).await;
    server.allocate(allocation(1)).await;
    server.info(1).await.unwrap();
    server.deallocate(1).await;
    server.assert_not_allocated(1).await;
}

#[tokio::test]
async fn b58_a_global_network_is_validated_and_given_when_a_project_asks_for_it() {
    let server = Server::start().await;
    let id = server.network("global", &["10.0.0.0/24"]).await.id;
    server.create(v1::NetworkSpec { project_id: PROJECT.into(), ..network("own", &["10.1.0.0/24"]) }).await;
    let networks = vec![requested(&id, &["10.0.0.9"])];
    let validate = v1::ValidateNetworksRequest {
        project_id: PROJECT.into(),
        networks: networks.clone(),
        ..Default::default()
    };
    server.unchanged(async |client| client.validate_networks(validate).await).await;
    let info = server.allocate(allocation_on(1, networks)).await;
    assert_eq!(fixed_ips(&info), ["10.0.0.9"]);
    assert_eq!(info.vifs[0].network.as_ref().unwrap().project_id, "", "it stays everybody's");
}
