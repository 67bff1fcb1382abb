//! What one caller, or many, can make the server hold.

use std::{
    future::{self, Future},
    pin::pin,
    sync::mpsc,
};

use lepton_proto::v1::{GetNetworkRequest, network_manager_client::NetworkManagerClient};
use lepton_testkit::Stalled;
use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    task::{self, JoinSet},
    time::{self, Duration, Instant},
};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Service as _, http},
    transport::Channel,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    COMPUTE, in_time, reason,
    support::{Authority, Served},
    told,
};

/// A clock that goes on only when a test says so, as long as this lives. One that is paused and nothing more goes on by itself
/// whenever nobody has anything to do, also while something is on its way through a socket.
struct StoppedClock {
    _held: mpsc::Sender<()>,
}

impl StoppedClock {
    fn start() -> Self {
        time::pause();
        let (held, dropped) = mpsc::channel();
        // While a blocking task runs, tokio leaves the clock alone.
        task::spawn_blocking(move || dropped.recv());
        Self { _held: held }
    }

    /// How many seconds pass until the work ends. In each of them the server answers some calls over the channel, so that it has
    /// done by then all that it has to do.
    async fn seconds_until<T>(&self, channel: &Channel, work: impl Future<Output = T>) -> (u64, T) {
        let mut work = pin!(work);
        for second in 0..60 {
            let calls = async {
                for _ in 0..4 {
                    let check = HealthCheckRequest::default();
                    HealthClient::new(channel.clone()).check(check).await.expect("the server serves");
                }
            };
            tokio::select! {
                biased;
                done = &mut work => return (second, done),
                () = calls => time::advance(Duration::from_secs(1)).await,
            }
        }
        panic!("it took longer than a minute");
    }
}

#[tokio::test]
async fn a_request_that_stalls_is_ended() {
    let clock = StoppedClock::start();
    let server = Served::plain_tcp(&[]).await;
    let mut channel = server.plain().await.unwrap();
    let request = http::Request::post("http://localhost/lepton.v1.NetworkManager/ListNetworks")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(Stalled::behind("\0\0\0\0\x09ab")))
        .unwrap();
    future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
    // What is behind it on the same connection is answered meanwhile.
    let (seconds, answer) = clock.seconds_until(&channel.clone(), channel.call(request)).await;
    let refused = Status::from_header_map(answer.unwrap().headers()).unwrap();
    assert_eq!(reason(&refused), (Code::DeadlineExceeded, "REQUEST_INCOMPLETE".to_owned()));
    assert!((30..=31).contains(&seconds), "{seconds} s");
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

/// Else those whose handshakes have begun meanwhile would be cut for having taken too long.
#[tokio::test]
async fn a_handshake_goes_on_while_others_wait_for_a_place() {
    let authority = Authority::new();
    let server = Served::with_tls(&authority, &[("listen.max_connections", "1")]).await;
    let identity = authority.client(&[COMPUTE]);
    // All three are accepted before one of them has the place.
    let slow = TcpStream::connect(server.tcp()).await.unwrap();
    let client = async || server.tls(&authority, Some(&identity)).await.unwrap();
    let (first, second) = in_time(async { tokio::join!(client(), client()) }).await;
    let (served, waits) = tokio::select! {
        told = told(Ok(first.clone())) => { told.unwrap(); (first, second) }
        told = told(Ok(second.clone())) => { told.unwrap(); (second, first) }
    };
    // Time enough for the other one to come to where it waits.
    for _ in 0..50 {
        told(Ok(served.clone())).await.unwrap();
    }
    in_time(authority.shake(slow)).await.unwrap();
    drop(served);
    in_time(told(Ok(waits))).await.unwrap();
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_said_gives_its_place_back() {
    let clock = StoppedClock::start();
    let server = Served::on_both(&[("listen.max_connections", "1")]).await;
    let mut silent = TcpStream::connect(server.tcp()).await.unwrap();
    let over_unix = server.over_unix().await.unwrap();
    let second = async { told(server.plain().await).await };
    let (seconds, told) = clock.seconds_until(&over_unix, second).await;
    told.unwrap();
    assert!((10..=11).contains(&seconds), "{seconds} s");
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
#[tokio::test]
async fn what_does_not_end_is_cut_when_its_connection_is_far_too_old() {
    let authority = Authority::new();
    let server = Served::with_tls(&authority, &[("tls.max_connection_age", "1m")]).await;
    let channel = server.tls(&authority, Some(&authority.client(&[COMPUTE]))).await.unwrap();
    let start = Instant::now();
    let watch = HealthClient::new(channel).watch(HealthCheckRequest::default()).await;
    let mut watch = watch.unwrap().into_inner();
    // From here on there is nothing to do but to wait.
    time::pause();
    while watch.message().await.is_ok_and(|said| said.is_some()) {}
    let limit = Duration::from_secs(60 + 1 + 11 * 60);
    assert!((limit..limit * 2).contains(&start.elapsed()), "{:?}", start.elapsed());
}
