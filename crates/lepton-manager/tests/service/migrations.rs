//! Moving instances between hosts: the test plays both hosts' agents.

use lepton_proto::v1;
use lepton_types::{HostId, HostReport, PortId, PortReport, PortStatus};
use tokio::task::JoinSet;
use tonic::Code;

use crate::{
    problem::Problem,
    server::{HOST, OTHER_HOST, Server, UNKNOWN, allocation, deallocation, instance, port_ids},
};

const THERE: &str = OTHER_HOST;

fn there() -> HostId {
    THERE.parse().unwrap()
}

fn start(number: u128) -> v1::MigrateInstanceStartRequest {
    let (source, dest) = (HOST.into(), THERE.into());
    v1::MigrateInstanceStartRequest { instance_id: instance(number), source, dest, ..Default::default() }
}

fn finish(number: u128) -> v1::MigrateInstanceFinishRequest {
    let (source, dest) = (HOST.into(), THERE.into());
    v1::MigrateInstanceFinishRequest { instance_id: instance(number), source, dest, ..Default::default() }
}

fn setup(host: &str, teardown: bool) -> v1::SetupNetworksOnHostRequest {
    let (instance_id, host) = (instance(1), host.into());
    v1::SetupNetworksOnHostRequest { instance_id, host, teardown, ..Default::default() }
}

/// A server with one instance of one vNIC, and its port.
async fn one_instance() -> (Server, String) {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let port = port_ids(&server.allocate(allocation(1)).await).remove(0);
    (server, port)
}

/// What the destination's agent says of the port once it is told to plug it.
async fn says(server: &Server, status: PortStatus) -> PortId {
    let mut told = server.manager.host_changes(there(), None).await.unwrap();
    while told.ports.is_empty() {
        server.manager.host_news(&there(), told.revision).await;
        told = server.manager.host_changes(there(), None).await.unwrap();
    }
    let id = told.ports[0].id;
    let ports = vec![PortReport { id, status, filtered_at: None }];
    let report = HostReport { revision: told.revision, ports, ..HostReport::default() };
    server.manager.host_report(there(), report).await.unwrap();
    id
}

#[tokio::test]
async fn an_instance_is_on_two_hosts_while_it_moves() {
    let (server, _) = one_instance().await;
    let mut client = server.client().await;
    let begun = client.migrate_instance_start(start(1)).await.unwrap().into_inner();
    assert_eq!((&*begun.host, &*begun.destination), (HOST, THERE));
    says(&server, PortStatus::Error("no".into())).await;
    let plug = server.info(1).await.unwrap().vifs.remove(0).destination.unwrap();
    assert_eq!((plug.status(), &*plug.error), (v1::PortStatus::Error, "no"));
    assert!(matches!(plug.binding.unwrap().kind, Some(v1::port_binding::Kind::Tap(_))));

    let stays = client.setup_networks_on_host(setup(THERE, true)).await.unwrap().into_inner();
    assert_eq!((&*stays.host, &*stays.destination, &stays.vifs[0].destination), (HOST, "", &None));
    client.setup_networks_on_host(setup(THERE, false)).await.unwrap();
    let arrived = client.migrate_instance_finish(finish(1)).await.unwrap().into_inner();
    assert_eq!((&*arrived.host, &*arrived.destination), (THERE, ""));
    assert_eq!(server.feed().await.released.len(), 1);
    let again = server.unchanged(async |client| client.migrate_instance_finish(finish(1)).await).await;
    assert_eq!(again, arrived);
}

#[tokio::test]
async fn a_repeated_start_is_answered_as_the_first_time() {
    let (server, _) = one_instance().await;
    let request = v1::MigrateInstanceStartRequest { request_id: "move".into(), ..start(1) };
    let mut client = server.client().await;
    let begun = client.migrate_instance_start(request.clone()).await.unwrap().into_inner();
    client.setup_networks_on_host(setup(THERE, true)).await.unwrap();
    let dry = v1::MigrateInstanceStartRequest { validate_only: true, ..start(1) };
    let would = server.unchanged(async |client| client.migrate_instance_start(dry).await).await;
    assert_eq!(would.destination, THERE);
    let server = server.restart().await;
    let again = server.unchanged(async |client| client.migrate_instance_start(request).await).await;
    assert_eq!(again, begun);
}

#[tokio::test]
async fn a_wrong_move_is_refused_by_name() {
    let (server, _) = one_instance().await;
    let id = instance(1);
    let empty = server
        .refuses(async |client| {
            client.migrate_instance_start(v1::MigrateInstanceStartRequest::default()).await
        })
        .await;
    empty.assert_fields(&[
        ("instance_id", "is required"),
        ("source", "is required"),
        ("dest", "is required"),
    ]);
    let empty = server
        .refuses(async |client| {
            client.migrate_instance_finish(v1::MigrateInstanceFinishRequest::default()).await
        })
        .await;
    empty.assert_fields(&[
        ("instance_id", "is required"),
        ("source", "is required"),
        ("dest", "is required"),
    ]);
    let empty = server
        .refuses(async |client| {
            client.setup_networks_on_host(v1::SetupNetworksOnHostRequest::default()).await
        })
        .await;
    empty.assert_fields(&[("instance_id", "is required"), ("host", "is required")]);

    let nobody = v1::MigrateInstanceStartRequest { instance_id: UNKNOWN.into(), ..start(1) };
    let problem = server.refuses(async |client| client.migrate_instance_start(nobody).await).await;
    problem.assert(Code::NotFound, "INSTANCE_NOT_FOUND", &[("instance_id", UNKNOWN)], &[UNKNOWN]);
    let problem = server.refuses(async |client| client.migrate_instance_finish(finish(1)).await).await;
    let metadata = [("instance_id", &*id), ("destination", THERE)];
    problem.assert(Code::FailedPrecondition, "INSTANCE_NOT_MOVING", &metadata, &[&id, THERE, "stays"]);

    let late = v1::MigrateInstanceStartRequest { incarnation: 2, ..start(1) };
    let problem = server.refuses(async |client| client.migrate_instance_start(late).await).await;
    assert_eq!((problem.code, &*problem.reason), (Code::FailedPrecondition, "INCARNATION_MISMATCH"));
    let elsewhere = v1::MigrateInstanceStartRequest { source: "host-3".into(), ..start(1) };
    let problem = server.refuses(async |client| client.migrate_instance_start(elsewhere).await).await;
    let metadata = [("instance_id", &*id), ("source", "host-3"), ("host", HOST)];
    problem.assert(Code::FailedPrecondition, "INSTANCE_NOT_ON_HOST", &metadata, &[&id, HOST, "host-3"]);

    server.client().await.migrate_instance_start(start(1)).await.unwrap();
    let another = v1::MigrateInstanceStartRequest { dest: "host-3".into(), ..start(1) };
    let problem = server.refuses(async |client| client.migrate_instance_start(another).await).await;
    let metadata = [("instance_id", &*id), ("destination", THERE)];
    problem.assert(Code::FailedPrecondition, "INSTANCE_IS_MOVING", &metadata, &[&id, THERE]);
}

type Calls = JoinSet<Result<tonic::Response<v1::NetworkInfo>, tonic::Status>>;

/// A call that begins a move and waits for its destination.
async fn waiting(server: &Server, seconds: i64, nanos: i32) -> Calls {
    let wait_for_active = Some(prost_types::Duration { seconds, nanos });
    let request = v1::MigrateInstanceStartRequest { wait_for_active, request_id: "move".into(), ..start(1) };
    let (mut client, mut calls) = (server.client().await, Calls::new());
    calls.spawn(async move { client.migrate_instance_start(request).await });
    calls
}

async fn problem(mut calls: Calls) -> Problem {
    Problem::of(calls.join_next().await.unwrap().unwrap())
}

#[tokio::test]
async fn a_wait_ends_when_the_destination_has_plugged() {
    let (server, _) = one_instance().await;
    let mut calls = waiting(&server, 600, 0).await;
    says(&server, PortStatus::Active).await;
    let info = calls.join_next().await.unwrap().unwrap().unwrap().into_inner();
    assert_eq!(info.destination, THERE);
    assert_eq!(info.vifs[0].destination.as_ref().unwrap().status(), v1::PortStatus::Active);
}

#[tokio::test]
async fn a_destination_that_cannot_plug_aborts_the_move_and_its_request_id() {
    let (server, port) = one_instance().await;
    for _ in 0..2 {
        let calls = waiting(&server, 600, 0).await;
        says(&server, PortStatus::Error("no bridge".into())).await;
        let id = instance(1);
        let metadata =
            [("instance_id", &*id), ("port_id", &*port), ("problem", "no bridge"), ("undone", "true")];
        let words = [THERE, "no bridge", "the move was aborted"];
        problem(calls).await.assert(Code::Aborted, "PORT_PLUG_FAILED", &metadata, &words);
        assert_eq!(server.info(1).await.unwrap().destination, "");
    }
    let short = waiting(&server, 0, 1_000_000).await;
    let problem = problem(short).await;
    let metadata = [("instance_id", &*instance(1)), ("host", THERE), ("undone", "true")];
    problem.assert(Code::DeadlineExceeded, "PORT_PLUG_TIMEOUT", &metadata, &[THERE, "the move was aborted"]);
}

#[tokio::test]
async fn a_repetition_or_a_move_that_was_under_way_is_not_aborted() {
    let (server, _) = one_instance().await;
    server.client().await.migrate_instance_start(start(1)).await.unwrap();
    let problem = problem(waiting(&server, 0, 1_000_000).await).await;
    let metadata = [("instance_id", &*instance(1)), ("host", THERE), ("undone", "false")];
    problem.assert(Code::DeadlineExceeded, "PORT_PLUG_TIMEOUT", &metadata, &["the move stands"]);
    assert_eq!(server.info(1).await.unwrap().destination, THERE);
}

/// Who asks again, or looks late, is told the truth of the move that it began, and not where the instance is by now.
#[tokio::test]
async fn a_move_that_was_finished_is_no_aborted_one_when_the_instance_is_back() {
    let (server, _) = one_instance().await;
    let mut calls = waiting(&server, 600, 0).await;
    says(&server, PortStatus::Pending).await;
    let mut client = server.client().await;
    client.migrate_instance_finish(finish(1)).await.unwrap();
    assert_eq!(calls.join_next().await.unwrap().unwrap().unwrap().into_inner().host, THERE);
    let (source, dest) = (THERE.to_owned(), HOST.to_owned());
    let back = v1::MigrateInstanceStartRequest { source: source.clone(), dest: dest.clone(), ..start(1) };
    client.migrate_instance_start(back).await.unwrap();
    client
        .migrate_instance_finish(v1::MigrateInstanceFinishRequest { source, dest, ..finish(1) })
        .await
        .unwrap();
    let mut again = waiting(&server, 600, 0).await;
    let told = again.join_next().await.unwrap().unwrap().unwrap().into_inner();
    assert_eq!((&*told.host, &*told.destination), (HOST, ""), "it went there, and came back");
}

#[tokio::test]
async fn who_waits_for_a_move_that_ends_is_told_how() {
    let (server, _) = one_instance().await;
    let id = instance(1);
    let calls = waiting(&server, 600, 0).await;
    says(&server, PortStatus::Pending).await;
    server.client().await.setup_networks_on_host(setup(THERE, true)).await.unwrap();
    let metadata = [("instance_id", &*id), ("destination", THERE), ("undone", "true")];
    problem(calls).await.assert(Code::Aborted, "MIGRATION_ABORTED", &metadata, &[&id, THERE]);

    let again = v1::MigrateInstanceStartRequest {
        wait_for_active: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
        ..start(1)
    };
    let (mut client, mut calls) = (server.client().await, Calls::new());
    calls.spawn(async move { client.migrate_instance_start(again).await });
    says(&server, PortStatus::Pending).await;
    server.client().await.migrate_instance_finish(finish(1)).await.unwrap();
    let arrived = calls.join_next().await.unwrap().unwrap().unwrap().into_inner();
    assert_eq!(arrived.host, THERE, "whoever finishes it early need not wait");
    server.client().await.deallocate_for_instance(deallocation(1)).await.unwrap();
    assert_eq!(server.feed().await.released.len(), 1, "the source has not spoken yet");
}
