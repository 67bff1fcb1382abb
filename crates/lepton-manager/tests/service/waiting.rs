//! `wait_for_active`: the test plays the host's agent.

use lepton_proto::v1;
use lepton_types::{PortStatus, Revision};
use tokio::task::JoinSet;
use tonic::{Code, Response, Status};

use crate::{
    problem::Problem,
    server::{Server, allocation, fixed_ips, host, instance, port_ids, sql},
};

/// Longer than any test, so that nothing but the host's word ends the waiting.
const LONG: prost_types::Duration = prost_types::Duration { seconds: 600, nanos: 0 };

/// So short that it is over before anybody could plug anything.
const SHORT: prost_types::Duration = prost_types::Duration { seconds: 0, nanos: 1_000_000 };

type Calls = JoinSet<Result<Response<v1::NetworkInfo>, Status>>;

fn waiting(patience: prost_types::Duration) -> v1::AllocateForInstanceRequest {
    v1::AllocateForInstanceRequest {
        wait_for_active: Some(patience),
        request_id: "boot".into(),
        ..allocation(1)
    }
}

/// A server with two networks, the smaller one with room for a single guest, and a call that waits for its ports.
async fn under_way() -> (Server, Calls) {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24", "fd00::/64"]).await;
    server.network("tiny", &["10.1.0.0/30"]).await;
    let calls = call(&server).await;
    (server, calls)
}

async fn call(server: &Server) -> Calls {
    let mut client = server.client().await;
    let mut calls = JoinSet::new();
    calls.spawn(async move { client.allocate_for_instance(waiting(LONG)).await });
    calls
}

/// Waits until the host is told to unplug these ports, and does.
async fn unplugs(server: &Server, ports: &[String]) {
    let mut holds = Revision::default();
    loop {
        let changes = server.manager.host_changes(host(), Some(holds)).await.unwrap();
        holds = changes.revision;
        if changes.released.iter().map(ToString::to_string).collect::<Vec<_>>() == ports {
            return server.unplugged(ports).await;
        }
        server.manager.host_news(&host(), holds).await;
    }
}

#[tokio::test]
async fn the_answer_comes_when_every_port_is_plugged() {
    let (server, mut calls) = under_way().await;
    let ports = server.ports_to_plug().await;
    assert_eq!(ports.len(), 2);
    server.report(&ports[..1], &PortStatus::Active).await;
    assert!(calls.try_join_next().is_none());
    server.report(&ports[1..], &PortStatus::Active).await;
    let info = calls.join_next().await.unwrap().unwrap().unwrap().into_inner();
    assert!(info.vifs.iter().all(|vif| vif.status() == v1::PortStatus::Active));
    assert_eq!(server.info(1).await.unwrap(), info);
}

#[tokio::test]
async fn a_port_that_fails_undoes_the_allocation_and_its_request_id() {
    let (server, mut calls) = under_way().await;
    let ports = server.ports_to_plug().await;
    let told: Vec<_> = ports.iter().map(ToString::to_string).collect();
    server.report(&ports[..1], &PortStatus::Active).await;
    let words = "cannot make tap: Operation not permitted (os error 1)";
    server.report(&ports[1..], &PortStatus::Error(words.into())).await;

    let problem = Problem::of(calls.join_next().await.unwrap().unwrap());
    let metadata =
        [("instance_id", &*instance(1)), ("port_id", &*told[1]), ("problem", words), ("undone", "true")];
    problem.assert(
        Code::Aborted,
        "PORT_PLUG_FAILED",
        &metadata,
        &[words, "host-1", "the allocation was undone"],
    );
    server.assert_not_allocated(1).await;

    // Under the same id it is decided anew, once the host has let the addresses go.
    unplugs(&server, &told).await;
    let mut calls = call(&server).await;
    let again = server.ports_to_plug().await;
    assert!(again.iter().all(|port| !ports.contains(port)));
    server.report(&again, &PortStatus::Active).await;
    let info = calls.join_next().await.unwrap().unwrap().unwrap().into_inner();
    assert_eq!((info.incarnation, info.vifs.len()), (2, 2));
    assert!(fixed_ips(&info).contains(&"10.1.0.2".to_owned()));
}

#[tokio::test]
async fn a_host_that_takes_too_long_undoes_the_allocation() {
    let server = Server::start().await;
    server.network("tiny", &["10.1.0.0/30"]).await;
    let problem = Problem::of(server.client().await.allocate_for_instance(waiting(SHORT)).await);
    let metadata = [("instance_id", &*instance(1)), ("host", "host-1"), ("undone", "true")];
    let words = [
        &*instance(1),
        "in time",
        "the allocation was undone",
        "free once host host-1, if an agent of it was ever here, says",
    ];
    problem.assert(Code::DeadlineExceeded, "PORT_PLUG_TIMEOUT", &metadata, &words);
    server.assert_not_allocated(1).await;

    let changes = server.feed().await;
    assert!(changes.ports.is_empty());
    let released: Vec<_> = changes.released.iter().map(ToString::to_string).collect();
    server.unplugged(&released).await;
    assert_eq!(fixed_ips(&server.allocate(allocation(2)).await), ["10.1.0.2"]);
}

/// Lets a statement run with every allocation, in its transaction.
async fn with_every_allocation(server: &Server, statement: &str) {
    let mut vandal = server.database().await;
    let trigger = format!("CREATE TRIGGER vandal AFTER INSERT ON ports BEGIN {statement}; END");
    sqlx::query(sql(trigger)).execute(&mut vandal).await.unwrap();
}

/// Nobody can be asked what became of the ports, but the allocation can be taken back.
#[tokio::test]
async fn a_ledger_that_cannot_be_asked_at_the_deadline_undoes_the_allocation() {
    let server = Server::start().await;
    server.network("tiny", &["10.1.0.0/30"]).await;
    with_every_allocation(&server, "UPDATE networks SET label = ''").await;
    let problem = Problem::of(server.client().await.allocate_for_instance(waiting(SHORT)).await);
    let metadata = [("instance_id", &*instance(1)), ("host", "host-1"), ("undone", "true")];
    let words = ["host-1", &instance(1), "in time", "the allocation was undone"];
    problem.assert(Code::DeadlineExceeded, "PORT_PLUG_TIMEOUT", &metadata, &words);
    server.assert_not_allocated(1).await;
}

/// Neither that nor the undoing works: the caller must hear that the allocation stands.
#[tokio::test]
async fn a_ledger_that_is_away_at_the_deadline_leaves_the_allocation_and_says_so() {
    let server = Server::start().await;
    server.network("tiny", &["10.1.0.0/30"]).await;
    with_every_allocation(&server, "UPDATE instances SET project_id = ''").await;
    let problem = Problem::of(server.client().await.allocate_for_instance(waiting(SHORT)).await);
    let metadata = [("instance_id", &*instance(1)), ("host", "host-1"), ("undone", "false")];
    let words = ["host-1", &instance(1), "in time", "the allocation stands"];
    problem.assert(Code::DeadlineExceeded, "PORT_PLUG_TIMEOUT", &metadata, &words);
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing_half_done() {
    let (server, calls) = under_way().await;
    let ports = server.ports_to_plug().await;
    drop(calls);
    server.report(&ports, &PortStatus::Error("no".into())).await;
    unplugs(&server, &ports.iter().map(ToString::to_string).collect::<Vec<_>>()).await;
    server.assert_not_allocated(1).await;
}

#[tokio::test]
async fn an_instance_without_networks_has_nothing_to_wait_for() {
    let server = Server::start().await;
    let answer = server.client().await.allocate_for_instance(waiting(LONG)).await.unwrap().into_inner();
    assert_eq!(answer.vifs, []);
}

#[tokio::test]
async fn a_repetition_waits_for_the_same_ports() {
    let (server, mut calls) = under_way().await;
    let ports = server.ports_to_plug().await;
    let mut repetition = call(&server).await;
    server.report(&ports, &PortStatus::Active).await;
    let first = calls.join_next().await.unwrap().unwrap().unwrap().into_inner();
    let second = repetition.join_next().await.unwrap().unwrap().unwrap().into_inner();
    assert_eq!(first, second);
    assert_eq!(port_ids(&first), ports.iter().map(ToString::to_string).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_waits_for_an_instance_that_is_deallocated_is_told_so() {
    let (server, mut calls) = under_way().await;
    server.ports_to_plug().await;
    server.deallocate(1).await;
    let problem = Problem::of(calls.join_next().await.unwrap().unwrap());
    let metadata = [("instance_id", &*instance(1)), ("undone", "true")];
    let words = [&*instance(1), "was deallocated before host host-1 had plugged its ports"];
    problem.assert(Code::Aborted, "INSTANCE_DEALLOCATED", &metadata, &words);
    server.assert_not_allocated(1).await;
}

/// It may have run for hours, and its caller may have deallocated it.
#[tokio::test]
async fn a_repetition_after_the_instance_ended_is_told_that_nothing_is_left() {
    let (server, mut calls) = under_way().await;
    let ports = server.ports_to_plug().await;
    server.report(&ports, &PortStatus::Active).await;
    calls.join_next().await.unwrap().unwrap().unwrap();
    server.deallocate(1).await;

    for is_alive_anew in [false, true] {
        if is_alive_anew {
            server.unplugged(&ports.iter().map(ToString::to_string).collect::<Vec<_>>()).await;
            server.allocate(allocation(1)).await;
        }
        let problem = server.refuses(async |client| client.allocate_for_instance(waiting(LONG)).await).await;
        let metadata = [("instance_id", &*instance(1)), ("undone", "true")];
        let words = [&*instance(1), "has been deallocated since"];
        problem.assert(Code::Aborted, "INSTANCE_DEALLOCATED", &metadata, &words);
        assert!(!problem.message.contains("before host"), "{}", problem.message);
    }
}

/// What a repeated request asks for may have been running for hours.
#[tokio::test]
async fn a_repetition_never_undoes_what_the_first_call_was_answered() {
    let (server, mut calls) = under_way().await;
    let ports = server.ports_to_plug().await;
    server.report(&ports, &PortStatus::Active).await;
    let first = calls.join_next().await.unwrap().unwrap().unwrap().into_inner();

    server.report(&ports[..1], &PortStatus::Error("somebody removed the tap".into())).await;
    let problem = Problem::of(server.client().await.allocate_for_instance(waiting(LONG)).await);
    let told = ports[0].to_string();
    let metadata = [
        ("instance_id", &*instance(1)),
        ("port_id", &*told),
        ("problem", "somebody removed the tap"),
        ("undone", "false"),
    ];
    problem.assert(Code::Aborted, "PORT_PLUG_FAILED", &metadata, &["the allocation stands"]);
    server.report(&ports[..1], &PortStatus::Pending).await;
    let problem = Problem::of(server.client().await.allocate_for_instance(waiting(SHORT)).await);
    let metadata = [("instance_id", &*instance(1)), ("host", "host-1"), ("undone", "false")];
    problem.assert(Code::DeadlineExceeded, "PORT_PLUG_TIMEOUT", &metadata, &["the allocation stands"]);

    server.report(&ports[..1], &PortStatus::Active).await;
    assert_eq!(server.info(1).await.unwrap(), first, "the instance lives on");
}

#[tokio::test]
async fn a_stop_undoes_what_is_not_plugged_yet() {
    let (server, mut calls) = under_way().await;
    let ports = server.ports_to_plug().await;
    server.manager.close().await;
    let metadata = [("instance_id", &*instance(1)), ("undone", "true")];
    let problem = Problem::of(calls.join_next().await.unwrap().unwrap());
    problem.assert(Code::Unavailable, "SHUTTING_DOWN", &metadata, &["stopping", "the allocation was undone"]);

    let server = server.restart().await;
    server.assert_not_allocated(1).await;
    unplugs(&server, &ports.iter().map(ToString::to_string).collect::<Vec<_>>()).await;
}
