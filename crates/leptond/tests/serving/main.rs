//! A real server on real sockets: who gets in, as whom, and how it ends.

mod bounds;
mod support;

use std::{error::Error, future::Future, path::Path, time::Duration};

use lepton_proto::v1::{
    AllocateForInstanceRequest, GetNetworkRequest, ListNetworksRequest,
    network_manager_client::NetworkManagerClient,
};
use support::{Authority, Served, Told};
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt;

const COMPUTE: &str = "spiffe://example.org/lepton/compute/host1";
const READER: &str = "spiffe://example.org/lepton/reader/dashboard";

/// What the service is told of the caller, by a call that every role but `agent` may make.
async fn told(channel: Result<Channel, tonic::transport::Error>) -> Result<Told, Status> {
    let channel = channel.map_err(|error| Status::from_error(Box::new(error)))?;
    let answer = NetworkManagerClient::new(channel).list_networks(ListNetworksRequest::default()).await?;
    Ok(Told::read(&answer.into_inner()))
}

async fn allocate(channel: Channel) -> Result<(), Status> {
    let request = AllocateForInstanceRequest::default();
    NetworkManagerClient::new(channel).allocate_for_instance(request).await.map(|_| ())
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

fn unauthenticated() -> (Code, String) {
    (Code::Unauthenticated, "UNAUTHENTICATED".to_owned())
}

#[tokio::test]
async fn a_client_certificate_says_who_calls() {
    let authority = Authority::new();
    let server = Served::with_tls(&authority, &[]).await;

    let told = told(server.tls(&authority, Some(&authority.client(&[COMPUTE]))).await).await.unwrap();
    assert_eq!(told, Told::new(COMPUTE, "compute"));
}

#[tokio::test]
async fn a_reader_reads_and_a_compute_agent_allocates() {
    let authority = Authority::new();
    let server = Served::with_tls(&authority, &[]).await;
    let reader = server.tls(&authority, Some(&authority.client(&[READER]))).await.unwrap();
    let compute = server.tls(&authority, Some(&authority.client(&[COMPUTE]))).await.unwrap();

    assert!(told(Ok(reader.clone())).await.is_ok());
    let refused = allocate(reader).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::PermissionDenied, "ROLE_NOT_ALLOWED".to_owned()));
    assert!(allocate(compute).await.is_ok());
}

#[tokio::test]
async fn without_a_client_certificate_nobody_gets_in() {
    let authority = Authority::new();
    let server = Served::with_tls(&authority, &[]).await;

    assert!(told(server.tls(&authority, None).await).await.is_err());
    assert!(told(server.plain().await).await.is_err());
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn certificates_of_others_or_of_the_past_are_refused() {
    let authority = Authority::new();
    let server = Served::with_tls(&authority, &[]).await;
    let foreign = Authority::new().client(&[COMPUTE]);
    let expired = authority.expired_client(&[COMPUTE]);

    assert!(told(server.tls(&authority, Some(&foreign)).await).await.is_err());
    assert!(told(server.tls(&authority, Some(&expired)).await).await.is_err());
    assert_eq!(server.calls(), 0);
}

/// What a claim about a server in real time needs, which is a second.
async fn in_time<T>(claim: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), claim).await.expect("it never came true")
}

#[tokio::test]
async fn renewed_files_are_for_new_connections_and_leave_the_others_alone() {
    let (authority, next) = (Authority::new(), Authority::new());
    let (client, next_client) = (authority.client(&[COMPUTE]), next.client(&[COMPUTE]));
    let server = Served::with_tls(&authority, &[]).await;
    let connected = server.tls(&authority, Some(&client)).await.unwrap();
    assert!(told(Ok(connected.clone())).await.is_ok());

    server.renew(&next);
    in_time(async {
        while told(server.tls(&next, Some(&next_client)).await).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(told(server.tls(&next, Some(&client)).await).await.is_err(), "its authority was replaced");
    assert!(told(Ok(connected)).await.is_ok());
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_has_reached_its_age_is_replaced() {
    let authority = Authority::new();
    let server = Served::with_tls(&authority, &[("tls.max_connection_age", "1s")]).await;
    let channel = server.tls(&authority, Some(&authority.client(&[COMPUTE]))).await.unwrap();
    in_time(async {
        while server.connections() < 2 {
            // The client's own race: a call may be given to a connection that has just gone, and is not sent then.
            let unsent = told(Ok(channel.clone())).await.err();
            if let Some(status) = unsent {
                assert!(status.source().is_some(), "the server noticed: {status:?}");
                assert!(told(Ok(channel.clone())).await.is_ok(), "a repetition is answered");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_names_no_caller_is_unauthenticated() {
    let authority = Authority::new();
    let server = Served::with_tls(&authority, &[("auth.trust_domain", "example.org")]).await;

    let nobodies: [&[&str]; 4] = [
        &[],
        &[COMPUTE, READER],
        &["spiffe://example.org/lepton/root/host1"],
        &["spiffe://example.com/lepton/compute/host1"],
    ];
    for uris in nobodies {
        let refused = told(server.tls(&authority, Some(&authority.client(uris))).await).await.unwrap_err();
        assert_eq!(reason(&refused), unauthenticated(), "{uris:?}");
    }
}

#[tokio::test]
async fn loopback_callers_have_the_configured_role() {
    let server = Served::plain_tcp(&[]).await;
    assert_eq!(told(server.plain().await).await.unwrap(), Told::new("loopback", "admin"));

    let server = Served::plain_tcp(&[("auth.loopback_role", "reader")]).await;
    let channel = server.plain().await.unwrap();
    assert_eq!(told(Ok(channel.clone())).await.unwrap(), Told::new("loopback", "reader"));
    assert_eq!(allocate(channel).await.unwrap_err().code(), Code::PermissionDenied);

    let server = Served::plain_tcp(&[("auth.loopback_role", "")]).await;
    assert_eq!(reason(&told(server.plain().await).await.unwrap_err()), unauthenticated());
}

#[tokio::test]
async fn the_daemons_own_user_is_admin_over_the_unix_socket() {
    let server = Served::unix(&[]).await;
    let uid = nix::unistd::geteuid();
    assert_eq!(told(server.over_unix().await).await.unwrap(), Told::new(&format!("unix:{uid}"), "admin"));
}

#[tokio::test]
async fn health_is_for_every_caller_but_for_no_stranger() {
    let check = async |server: &Served| {
        let channel = server.plain().await.unwrap();
        HealthClient::new(channel).check(HealthCheckRequest::default()).await
    };
    assert!(check(&Served::plain_tcp(&[("auth.loopback_role", "agent")]).await).await.is_ok());
    let refused = check(&Served::plain_tcp(&[("auth.loopback_role", "")]).await).await.unwrap_err();
    assert_eq!(reason(&refused), unauthenticated());
}

#[tokio::test]
async fn unknown_methods_reach_nobody() {
    let server = Served::plain_tcp(&[]).await;
    let channel = server.plain().await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<ListNetworksRequest, ListNetworksRequest>::default();
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/lepton.v1.NetworkManager/Secret");
    let refused =
        client.unary(tonic::Request::new(ListNetworksRequest::default()), path, codec).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_stop_lets_the_call_under_way_finish_and_no_other_begin() {
    let mut server = Served::unix(&[]).await;
    let mut client = NetworkManagerClient::new(server.over_unix().await.unwrap());
    let socket = server.socket().to_owned();

    let call = client.get_network(GetNetworkRequest::default());
    let stop = async {
        server.entered(1).await;
        server.stop();
        server.no_longer_listens().await;
        assert!(!Path::new(&socket).exists());
        server.let_go(1);
    };
    let (answer, ()) = tokio::join!(call, stop);
    assert!(answer.is_ok(), "{answer:?}");
    server.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_end_is_cut_when_the_time_to_drain_is_over() {
    let mut server = Served::unix(&[("shutdown.drain", "30s")]).await;
    let mut client = NetworkManagerClient::new(server.over_unix().await.unwrap());
    let start = tokio::time::Instant::now();

    let call = client.get_network(GetNetworkRequest::default());
    let stop = async {
        server.entered(1).await;
        server.stop();
        server.ended().await;
    };
    tokio::select! {
        answer = call => panic!("{answer:?}"),
        () = stop => assert!(start.elapsed() >= Duration::from_secs(30)),
    }
}
