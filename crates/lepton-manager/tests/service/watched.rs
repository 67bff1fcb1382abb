//! The suite's own watch over refused calls: it sees them, and finds what they leave behind.

use std::convert::Infallible;

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tonic::{Code, Status, body::Body, codegen::http};
use tower::{Layer, Service, service_fn};

use crate::server::{Server, Untouched, allocation};

#[tokio::test]
async fn a_refused_call_is_checked_and_others_are_not() {
    let server = Server::start().await;
    server.allocate(allocation(1)).await;
    assert_eq!(server.verdict.checked(), 0, "it was not refused");
    server.client().await.allocate_for_instance(allocation(1)).await.unwrap_err();
    server.client_over_tcp().await.allocate_for_instance(allocation(1)).await.unwrap_err();
    assert_eq!(server.verdict.checked(), 2);
}

#[tokio::test]
async fn what_a_refused_call_leaves_behind_is_found() {
    let server = Server::start().await;
    let watch = Untouched::new(server.path());
    let verdict = watch.verdict();
    let spoil = async |statement: &'static str, code: Code| {
        let options = SqliteConnectOptions::new().filename(server.path());
        let handler = service_fn(move |_: http::Request<()>| spoiled(options.clone(), statement, code));
        let request = http::Request::builder().uri("http://lepton/spoil").body(()).unwrap();
        watch.layer(handler).call(request).await.unwrap();
        verdict.take_traces().len()
    };
    const LITTER: &str = "INSERT INTO hosts (id, revision, is_registered) VALUES ('left behind', 1, false)";
    assert_eq!(spoil(LITTER, Code::NotFound).await, 1);
    assert_eq!(spoil("UPDATE hosts SET revision = 2", Code::NotFound).await, 1);
    assert_eq!(spoil("UPDATE hosts SET revision = 2", Code::NotFound).await, 0, "it was so before");
    assert_eq!(spoil("DELETE FROM hosts", Code::Ok).await, 0, "a success may change what it likes");
}

/// Changes the ledger and answers with this code all the same.
async fn spoiled(
    options: SqliteConnectOptions,
    statement: &'static str,
    code: Code,
) -> Result<http::Response<Body>, Infallible> {
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(statement).execute(&mut database).await.unwrap();
    Ok(Status::new(code, "whatever it did").into_http())
}
