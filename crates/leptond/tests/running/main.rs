//! `run` as a whole, in this process: how it starts, and how it ends when something fails.

mod support;

use std::fs;

use leptond::{RunError, StateDirError, run};
use support::Place;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

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
