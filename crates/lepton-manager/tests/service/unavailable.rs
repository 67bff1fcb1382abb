//! Errors of the server's own: a full queue, a database that does not answer or is damaged, a stop.

use std::time::Duration;

use sqlx::Connection;
use tokio::task::JoinSet;
use tonic::Code;

use crate::{
    problem::Problem,
    server::{Options, Server, allocation, sql},
};

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let server = Server::with(Options { queue_limit: 1, ..Options::default() }).await;
    // Somebody else holds the file's write lock, so one call is in the writer's hands, another one fills the queue, and
    // the third must find it full.
    let mut lock = server.database().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    let mut calls = JoinSet::new();
    for number in 1..=3 {
        let mut client = server.client().await;
        calls.spawn(async move { client.allocate_for_instance(allocation(number)).await });
    }
    let refused = Problem::of(calls.join_next().await.unwrap().unwrap());
    let words = ["1 requests wait already", "try again in 50 ms"];
    refused.assert(Code::ResourceExhausted, "QUEUE_FULL", &[("limit", "1")], &words);
    let delay = refused.details.retry_info().unwrap().retry_delay;
    assert_eq!(delay, Some(Duration::from_millis(50)));

    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    let rest = calls.join_all().await;
    assert!(rest.iter().any(Result::is_ok), "{rest:?}");
    for status in rest.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(Problem::read(status).reason, "QUEUE_FULL");
    }
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_unavailable_and_serves_again_afterwards() {
    let server =
        Server::with(Options { database_timeout: Duration::from_secs(1), ..Options::default() }).await;
    let mut lock = server.database().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    let problem = server.refuses(async |client| client.allocate_for_instance(allocation(1)).await).await;
    let words = ["the ledger's database is unavailable", "locked"];
    problem.assert(Code::Unavailable, "LEDGER_UNAVAILABLE", &[], &words);

    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    server.assert_not_allocated(1).await;
    server.allocate(allocation(1)).await;
}

#[tokio::test]
async fn a_fault_of_the_servers_tells_no_details() {
    let server = Server::start().await;
    let mut vandal = server.database().await;
    sqlx::query(sql("DROP TABLE instances".to_owned())).execute(&mut vandal).await.unwrap();
    vandal.close().await.unwrap();
    let problem = server.refuses(async |client| client.allocate_for_instance(allocation(1)).await).await;
    problem.assert(Code::Internal, "INTERNAL", &[], &["a fault of the server's, which its log describes"]);
    assert!(!problem.message.contains("instances"));
}

#[tokio::test]
async fn a_server_that_stops_changes_nothing_more() {
    let server = Server::start().await;
    server.manager.close().await;
    let problem = server.refuses(async |client| client.allocate_for_instance(allocation(1)).await).await;
    problem.assert(Code::Unavailable, "SHUTTING_DOWN", &[], &["closing"]);
}
