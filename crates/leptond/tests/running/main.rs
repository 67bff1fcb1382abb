//! `run` as a whole, in this process: how it starts, and how it ends when something fails.

mod support;
mod traces;

use std::{fs, time::Duration};

use lepton_manager::{Manager, Settings};
use lepton_proto::v1::{
    AllocateForInstanceRequest, CreateNetworksRequest, DeleteNetworkRequest, ListNetworksRequest,
    NetworkSpec, PortStatus, network_manager_client::NetworkManagerClient,
};
use lepton_store::StoreConfig;
use lepton_testkit::PrivatePostgres;
use leptond::{RunError, StateDirError, run};
use support::{Place, in_time};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Request, client::Grpc, codegen::http};
use tonic_prost::ProstCodec;

#[tokio::test]
async fn a_place_where_the_addresses_cannot_be_recorded_ends_it() {
    let place = Place::new();
    fs::create_dir_all(place.state("listen.json")).unwrap();

    let error = place.run().await.unwrap_err();
    assert!(matches!(error, RunError::StateDir(StateDirError::Refused { .. })), "{error:?}");
    assert!(!place.socket().exists());
}

/// A client that is refused tries another server; one that is let in and not answered waits.
#[tokio::test]
async fn nobody_can_connect_before_the_ledger_is_open_and_no_other_daemon_gets_in() {
    let place = Place::new();
    // A database that takes the connection and says nothing.
    let database = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://lepton@{}/lepton", database.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let daemon = run(place.config(&[("database.url", &url)]), shutdown.clone());
    let others = async {
        let _asked = database.accept().await.unwrap();
        assert!(!place.socket().exists());
        let error = place.run().await.unwrap_err();
        assert!(matches!(error, RunError::StateDir(StateDirError::Held { .. })), "{error:?}");
        shutdown.cancel();
    };
    let (ended, ()) = tokio::join!(daemon, others);
    ended.unwrap();
}

/// The one before it has the host until the database finds out that it has ended.
#[tokio::test]
async fn who_calls_is_served_while_the_host_is_still_anothers_and_its_ports_are_plugged_once_it_is_not() {
    let (place, url) = (Place::new(), PrivatePostgres::shared().unwrap().create_database("serving").unwrap());
    let before = Manager::open(&StoreConfig::new(url.parse().unwrap()), Settings::default()).await.unwrap();
    let claim = before.claim_host(&"node1".parse().unwrap(), None).await.unwrap();

    let shutdown = CancellationToken::new();
    let daemon = run(place.config(&[("database.url", &url), ("hosts.accept", "known")]), shutdown.clone());
    let callers = async {
        let mut client = NetworkManagerClient::new(place.connect().await);
        let blue = NetworkSpec { label: "blue".into(), ..Default::default() };
        let create = CreateNetworksRequest { networks: vec![blue], ..Default::default() };
        client.create_networks(create).await.unwrap();
        let mut allocate = AllocateForInstanceRequest {
            instance_id: "6ba7b810-9dad-11d1-80b4-00c04fd430c8".into(),
            project_id: "blue".into(),
            host: "node1".into(),
            ..Default::default()
        };
        let pending = client.allocate_for_instance(allocate.clone()).await.unwrap().into_inner();
        assert_eq!(pending.vifs[0].status(), PortStatus::Pending);

        claim.release().await;
        allocate.instance_id = "6ba7b811-9dad-11d1-80b4-00c04fd430c8".into();
        allocate.wait_for_active = Duration::from_secs(60).try_into().ok();
        let active = client.allocate_for_instance(allocate).await.unwrap().into_inner();
        assert_eq!(active.vifs[0].status(), PortStatus::Active);
        shutdown.cancel();
    };
    let (ended, ()) = in_time(async { tokio::join!(daemon, callers) }).await;
    ended.unwrap();
    before.close().await;
}

#[tokio::test]
async fn a_daemon_whose_host_is_anothers_stops_as_any() {
    let (place, url) =
        (Place::new(), PrivatePostgres::shared().unwrap().create_database("stopping").unwrap());
    let before = Manager::open(&StoreConfig::new(url.parse().unwrap()), Settings::default()).await.unwrap();
    let _claim = before.claim_host(&"node1".parse().unwrap(), None).await.unwrap();

    let shutdown = CancellationToken::new();
    let daemon = run(place.config(&[("database.url", &url)]), shutdown.clone());
    let stop = async {
        place.connect().await;
        shutdown.cancel();
    };
    let (ended, ()) = in_time(async { tokio::join!(daemon, stop) }).await;
    ended.unwrap();
    before.close().await;
}

#[tokio::test]
async fn a_daemon_tells_what_it_measures_and_the_manual_tells_what_that_is() {
    let (place, shutdown) = (Place::new(), CancellationToken::new());
    let config = place.config(&[("listen.metrics", "127.0.0.1:0")]);
    let daemon = run(config, shutdown.clone());
    let told = async {
        let mut client = NetworkManagerClient::new(place.connect().await);
        for _ in 0..3 {
            client.list_networks(ListNetworksRequest::default()).await.unwrap();
        }
        client.delete_network(DeleteNetworkRequest::default()).await.unwrap_err();
        let nowhere = Request::new(ListNetworksRequest::default());
        let path = http::uri::PathAndQuery::from_static("/lepton.v1.NetworkManager/Conjure");
        let mut grpc = Grpc::new(place.connect().await);
        grpc.ready().await.unwrap();
        let codec = ProstCodec::<ListNetworksRequest, ListNetworksRequest>::default();
        grpc.unary(nowhere, path, codec).await.unwrap_err();

        let told = place.metrics().await;
        shutdown.cancel();
        told
    };
    let (ended, told) = in_time(async { tokio::join!(daemon, told) }).await;
    ended.unwrap();
    assert!(told.starts_with("HTTP/1.1 200 OK"), "{told}");
    for line in [
        "lepton_calls_total{service=\"NetworkManager\",method=\"ListNetworks\",code=\"OK\"} 3",
        "lepton_calls_total{service=\"NetworkManager\",method=\"DeleteNetwork\",code=\"INVALID_ARGUMENT\"} 1",
        "lepton_calls_total{service=\"other\",method=\"other\",code=\"UNIMPLEMENTED\"} 1",
        "lepton_call_seconds_count{service=\"NetworkManager\",method=\"ListNetworks\"} 3",
        "lepton_ledger_queue_commands{lane=\"write\"} 0",
        "lepton_ledger_queue_limit{lane=\"write\"} 4096",
    ] {
        assert!(told.lines().any(|told| told == line), "no line {line:?} in {told}");
    }
    // Beside what it does by itself.
    let batches =
        told.lines().find_map(|line| line.strip_prefix("lepton_ledger_batch_commands_count{lane=\"read\"} "));
    assert!(batches.unwrap().parse::<u64>().unwrap() >= 3, "{told}");
    let manual = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md")).unwrap();
    for help in told.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = help.split_once(' ').unwrap();
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        let row = format!("| `{name}` | {kind} |");
        assert!(manual.contains(&row), "the manual has no row {row}");
    }
}
