//! What tools find without knowing the API: health and reflection.

use tokio_stream::{StreamExt, iter, once};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::daemon::Place;

const SERVICE: &str = "lepton.v1.NetworkManager";

#[tokio::test]
async fn health_tells_that_it_serves_and_when_it_stops() {
    let place = Place::with_fake_host();
    let mut daemon = place.start().await;
    let mut client = HealthClient::new(place.channel().await);
    for service in ["", SERVICE] {
        let request = HealthCheckRequest { service: service.into() };
        let told = client.check(request).await.unwrap().into_inner();
        assert_eq!(told.status(), ServingStatus::Serving, "{service:?}");
    }
    let request = HealthCheckRequest { service: SERVICE.into() };
    let mut watch = client.watch(request).await.unwrap().into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    daemon.terminate();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    // Nobody who watches keeps it from ending.
    assert_eq!(daemon.ended().await, Some(0));
}

#[tokio::test]
async fn reflection_describes_the_api_in_both_versions() {
    let place = Place::with_fake_host();
    let _daemon = place.start().await;
    for services in [services_v1(&place).await, services_v1alpha(&place).await] {
        assert!(services.contains(&SERVICE.to_owned()), "{services:?}");
        assert!(services.contains(&"grpc.health.v1.Health".to_owned()), "{services:?}");
    }
}

async fn services_v1(place: &Place) -> Vec<String> {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let ask = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let requests = [
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(SERVICE.into())),
        // What errors carry.
        ask(MessageRequest::FileContainingSymbol("google.rpc.ErrorInfo".into())),
    ];
    let mut client = ServerReflectionClient::new(place.channel().await);
    let mut answers = client.server_reflection_info(iter(requests)).await.unwrap().into_inner();
    let list = answers.next().await.unwrap().unwrap().message_response.unwrap();
    for _ in 0..2 {
        let file = answers.next().await.unwrap().unwrap().message_response.unwrap();
        assert!(matches!(file, MessageResponse::FileDescriptorResponse(_)), "{file:?}");
    }
    let MessageResponse::ListServicesResponse(list) = list else { panic!("{list:?}") };
    list.service.into_iter().map(|service| service.name).collect()
}

async fn services_v1alpha(place: &Place) -> Vec<String> {
    use tonic_reflection::pb::v1alpha::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let request = ServerReflectionRequest { host: String::new(), message_request };
    let mut client = ServerReflectionClient::new(place.channel().await);
    let mut answers = client.server_reflection_info(once(request)).await.unwrap().into_inner();
    let list = answers.next().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = list else { panic!("{list:?}") };
    list.service.into_iter().map(|service| service.name).collect()
}
