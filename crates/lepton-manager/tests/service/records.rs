//! Records of answered requests, as a ledger on disk holds them: what this program cannot read it says so of, and what
//! the programs before it have written it reads.
//!
//! `records/` has records of the first five calls that change something, as format 1 writes them, with what each answered.
//! These files are never changed, but for the fields that messages of a later program have more: a program that reads
//! another form as well gets more of them.

use std::fmt::Debug;

use lepton_proto::v1;
use serde_json::Value;
use sqlx::Connection;
use tonic::{Code, Response, Status};

use crate::{
    problem::Problem,
    server::{Client, HOST, PROJECT, Server, allocation, deallocation, network, requested},
};

const ID: &str = "0b6e2fd4-try-1";
/// The network that the recorded allocation of veth pairs named.
const BLUE: &str = "80e9ec85-4229-4679-ad13-6756408fb5c4";

#[tokio::test]
async fn a_stored_answer_that_cannot_be_read_is_the_servers_fault() {
    let server = Server::start().await;
    let request = v1::AllocateForInstanceRequest { request_id: ID.into(), ..allocation(1) };
    server.allocate(request.clone()).await;
    let damages = ["update requests set answer = '{}'", "update requests set format = 2"];
    for damage in damages {
        let mut database = server.database().await;
        sqlx::query(damage).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
        let request = request.clone();
        let problem: Problem =
            server.refuses(async |client| client.allocate_for_instance(request).await).await;
        assert_eq!((problem.code, &*problem.reason), (Code::Internal, "INTERNAL"), "{damage}");
        let expected = format!("stored answer of request {ID} cannot be read: ");
        assert!(problem.message.starts_with(&expected), "{}", problem.message);
    }
}

/// Repeats a request that some program has answered before this one, and must get that answer.
async fn is_read_back<T: Debug>(
    record: &str,
    answered: &str,
    call: impl AsyncFnOnce(&mut Client) -> Result<Response<T>, Status>,
) {
    let server = Server::start().await;
    remember(&server, &serde_json::from_str(record).unwrap()).await;
    let answer = server.unchanged(call).await;
    assert_eq!(format!("{answer:#?}\n"), answered);
}

/// Puts a record into the ledger, of the caller that the tests' clients are.
async fn remember(server: &Server, record: &Value) {
    server.allocate(v1::AllocateForInstanceRequest { request_id: ID.into(), ..allocation(99) }).await;
    let mut database = server.database().await;
    let sql = "update requests set format = ?, fingerprint = unhex(?), answer = ?";
    let fingerprint = record["fingerprint"].as_str().unwrap();
    let query = sqlx::query(sql).bind(record["format"].as_i64().unwrap()).bind(fingerprint);
    query.bind(record["answer"].to_string()).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

macro_rules! record {
    ($name:literal) => {
        (include_str!(concat!("records/", $name, ".json")), include_str!(concat!("records/", $name, ".txt")))
    };
}

fn creation() -> v1::CreateNetworksRequest {
    let subnet = v1::SubnetSpec {
        cidr: "10.0.0.0/24".into(),
        dns: vec!["10.0.0.53".into()],
        allocation_pools: vec![v1::AllocationPool { first: "10.0.0.10".into(), last: "10.0.0.99".into() }],
        quarantine: Some(prost_types::Duration { seconds: 60, nanos: 0 }),
        ..Default::default()
    };
    let green = v1::NetworkSpec {
        label: "green".into(),
        project_id: PROJECT.into(),
        priority: -5,
        mtu: 9000,
        subnets: vec![subnet],
        ..Default::default()
    };
    let networks = vec![network("blue", &["10.1.0.0/16", "fd00:1::/64"]), green];
    v1::CreateNetworksRequest { networks, request_id: ID.into(), ..Default::default() }
}

fn veths() -> v1::AllocateForInstanceRequest {
    let veth = v1::port_binding::Veth { netns_path: "/run/netns/web1".into(), ..Default::default() };
    v1::AllocateForInstanceRequest {
        host: HOST.into(),
        networks: vec![requested(BLUE, &["10.1.0.5"]), requested(BLUE, &[])],
        allow_duplicate_networks: true,
        binding: Some(v1::PortBinding { kind: Some(v1::port_binding::Kind::Veth(veth)) }),
        request_id: ID.into(),
        ..allocation(1)
    }
}

#[tokio::test]
async fn what_was_answered_in_format_1_is_answered_again() {
    let request_id = || ID.to_owned();
    let (record, answered) = record!("create_networks");
    is_read_back(record, answered, async |client| client.create_networks(creation()).await).await;

    let (record, answered) = record!("delete_network");
    let request =
        v1::DeleteNetworkRequest { network_id: BLUE.into(), request_id: request_id(), ..Default::default() };
    is_read_back(record, answered, async |client| client.delete_network(request).await).await;

    let (record, answered) = record!("allocate_for_instance");
    is_read_back(record, answered, async |client| client.allocate_for_instance(veths()).await).await;

    let (record, answered) = record!("allocate_for_instance_taps");
    let request = v1::AllocateForInstanceRequest { request_id: request_id(), ..allocation(2) };
    is_read_back(record, answered, async |client| client.allocate_for_instance(request).await).await;

    let (record, answered) = record!("deallocate_for_instance");
    let request = v1::DeallocateForInstanceRequest { request_id: request_id(), ..deallocation(1) };
    is_read_back(record, answered, async |client| client.deallocate_for_instance(request).await).await;

    let (record, answered) = record!("fence_host");
    let request = v1::FenceHostRequest { host: HOST.into(), request_id: request_id(), ..Default::default() };
    is_read_back(record, answered, async |client| client.fence_host(request).await).await;
}
