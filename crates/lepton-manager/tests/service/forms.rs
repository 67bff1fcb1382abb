//! `GetInstanceNwInfoJson`: NetworkInfo as other programs read it.

use lepton_proto::v1::{self, NetworkInfoForm as Form};
use serde_json::{Value, json};
use tonic::Code;

use crate::server::{PROJECT, Server, UNKNOWN, allocation, instance, network};

fn asked(number: u128, form: Form) -> v1::GetInstanceNwInfoJsonRequest {
    v1::GetInstanceNwInfoJsonRequest { instance_id: instance(number), form: form.into() }
}

async fn told(server: &Server, form: Form) -> Value {
    let request = asked(1, form);
    let answer = server.unchanged(async |client| client.get_instance_nw_info_json(request).await).await;
    assert!(!answer.json.contains('\n'));
    serde_json::from_str(&answer.json).unwrap()
}

#[tokio::test]
async fn an_instance_is_told_in_each_form() {
    let server = Server::start().await;
    let spec = v1::NetworkSpec {
        project_id: PROJECT.into(),
        injected: true,
        ..network("private", &["10.1.0.0/24", "fd00:1::/64"])
    };
    let made = server.create(spec).await;
    let route = v1::AddRouteRequest {
        subnet_id: made.subnets[0].id.clone(),
        destination: "192.168.50.0/24".into(),
        gateway: "10.1.0.254".into(),
        ..Default::default()
    };
    server.subnets().await.add_route(route).await.unwrap();
    let info = server.allocate(allocation(1)).await;

    let model = told(&server, Form::Model).await;
    assert_eq!(model[0]["id"], json!(info.vifs[0].id));
    assert_eq!(model[0]["network"]["meta"], json!({"tenant_id": PROJECT, "injected": true}));
    assert_eq!(model[0]["network"]["subnets"][0]["ips"][0]["address"], json!("10.1.0.2"));
    assert_eq!(model[0]["network"]["subnets"][0]["routes"][0]["cidr"], json!("192.168.50.0/24"));

    let legacy = told(&server, Form::Legacy).await;
    assert_eq!(legacy[0][0]["cidr_v6"], json!("fd00:1::/64"));
    assert_eq!(legacy[0][1]["ips"][0]["netmask"], json!("255.255.255.0"));

    let data = told(&server, Form::NetworkData).await;
    assert_eq!(data["links"][0]["ethernet_mac_address"], json!(info.vifs[0].mac_address));
    assert_eq!(data["networks"][0]["ip_address"], json!("10.1.0.2"));
}

#[tokio::test]
async fn b15_a_network_without_ipv6_has_no_phantom_of_it() {
    let server = Server::start().await;
    server.network("private", &["10.1.0.0/24"]).await;
    server.allocate(allocation(1)).await;
    let model = told(&server, Form::Model).await;
    assert_eq!(model[0]["network"]["subnets"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn b16_a_network_may_have_ipv6_alone_and_only_the_legacy_form_says_no() {
    let server = Server::start().await;
    let id = server.network("private", &["fd00:1::/64"]).await.id;
    server.allocate(allocation(1)).await;
    for form in [Form::Model, Form::NetworkData] {
        told(&server, form).await;
    }
    let request = asked(1, Form::Legacy);
    let problem = server.refuses(async |client| client.get_instance_nw_info_json(request).await).await;
    let words = [&*id, "no IPv4 subnet"];
    problem.assert(Code::FailedPrecondition, "NETWORK_WITHOUT_IPV4", &[("network_id", &id)], &words);
}

#[tokio::test]
async fn what_cannot_be_told_is_refused() {
    let server = Server::start().await;
    for (form, words) in [(0, "is required"), (9, "9 is no form")] {
        let request = v1::GetInstanceNwInfoJsonRequest { form, ..asked(1, Form::Model) };
        let problem = server.refuses(async |client| client.get_instance_nw_info_json(request).await).await;
        problem.assert_fields(&[("form", words)]);
    }
    let request = v1::GetInstanceNwInfoJsonRequest { instance_id: UNKNOWN.into(), ..asked(1, Form::Model) };
    let problem = server.refuses(async |client| client.get_instance_nw_info_json(request).await).await;
    problem.assert(Code::NotFound, "INSTANCE_NOT_FOUND", &[("instance_id", UNKNOWN)], &[UNKNOWN]);
}
