//! What one caller, or many, can make the server hold.

use std::{
    future,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use http_body::Frame;
use lepton_proto::v1::{GetNetworkRequest, network_manager_client::NetworkManagerClient};
use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    task::JoinSet,
    time::{Duration, Instant},
};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Bytes, Service as _, http},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    COMPUTE, in_time, reason,
    support::{Authority, Served},
    told,
};

/// A body of which something comes and then nothing more.
struct Stalled(Option<&'static str>);

impl http_body::Body for Stalled {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.0.take().map_or(Poll::Pending, |text| Poll::Ready(Some(Ok(Frame::data(text.into())))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_stalls_is_ended() {
    let server = Served::plain_tcp(&[]).await;
    let mut channel = server.plain().await.unwrap();
    let request = http::Request::post("http://localhost/lepton.v1.NetworkManager/ListNetworks")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(Stalled(Some("\0\0\0\0\x09ab"))))
        .unwrap();
    future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
    let (start, answer) = (Instant::now(), channel.call(request).await.unwrap());
    let refused = Status::from_header_map(answer.headers()).unwrap();
    assert_eq!(reason(&refused), (Code::DeadlineExceeded, "REQUEST_INCOMPLETE".to_owned()));
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_eq!(server.calls(), 0);
    assert!(told(Ok(channel)).await.is_ok(), "the connection serves on");
}

#[tokio::test]
async fn a_connection_has_256_calls_at_once_and_the_others_wait() {
    let server = Served::plain_tcp(&[]).await;
    let client = NetworkManagerClient::new(server.plain().await.unwrap());
    let mut calls = JoinSet::new();
    for _ in 0..300 {
        let mut client = client.clone();
        calls.spawn(async move { client.get_network(GetNetworkRequest::default()).await });
    }
    in_time(server.entered(256)).await;
    // Time enough for those that are not to come.
    let other = server.plain().await.unwrap();
    for _ in 0..50 {
        told(Ok(other.clone())).await.unwrap();
    }
    server.let_go(300);
    let answers = in_time(calls.join_all()).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(server.most_at_once(), 256);
}

#[tokio::test]
async fn a_connection_beyond_the_limit_is_served_when_another_one_closes() {
    let server = Served::on_both(&[("listen.max_connections", "1")]).await;
    let first = server.plain().await.unwrap();
    told(Ok(first.clone())).await.unwrap();
    let mut second = pin!(async { told(server.plain().await).await });
    // Those of the other listener are none of its.
    let others = async {
        let over_unix = server.over_unix().await;
        for channel in [over_unix, Ok(first.clone())].iter().cycle().take(50) {
            told(Ok(channel.as_ref().unwrap().clone())).await.unwrap();
        }
    };
    tokio::select! {
        biased;
        told = &mut second => panic!("there was no place: {told:?}"),
        () = others => drop(first),
    }
    in_time(second).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nothing_is_said_gives_its_place_back() {
    let server = Served::plain_tcp(&[("listen.max_connections", "1")]).await;
    let mut silent = TcpStream::connect(server.tcp()).await.unwrap();
    let start = Instant::now();
    told(server.plain().await).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 10);
    // Whatever the server said of itself, and the end.
    silent.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test]
async fn those_without_a_certificate_take_no_place() {
    let authority = Authority::new();
    let server = Served::with_tls(&authority, &[("listen.max_connections", "1")]).await;
    let _silent = TcpStream::connect(server.tcp()).await.unwrap();
    let channel = server.tls(&authority, Some(&authority.client(&[COMPUTE]))).await;
    in_time(told(channel)).await.unwrap();
}

/// Such a connection would hold its place, with a certificate of long ago.
#[tokio::test(start_paused = true)]
async fn what_does_not_end_is_cut_when_its_connection_is_far_too_old() {
    let authority = Authority::new();
    let server = Served::with_tls(&authority, &[("tls.max_connection_age", "1m")]).await;
    let channel = server.tls(&authority, Some(&authority.client(&[COMPUTE]))).await.unwrap();
    let start = Instant::now();
    let watch = HealthClient::new(channel).watch(HealthCheckRequest::default()).await;
    let mut watch = watch.unwrap().into_inner();
    while watch.message().await.is_ok_and(|said| said.is_some()) {}
    let limit = Duration::from_secs(60 + 1 + 11 * 60);
    assert!((limit..limit * 2).contains(&start.elapsed()), "{:?}", start.elapsed());
}
