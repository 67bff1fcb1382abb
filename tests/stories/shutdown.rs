//! A stop drains.

use lepton_testkit::kernel_test;
use nix::sys::signal::Signal;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::task::JoinSet;

use crate::{
    daemon::{Place, eventually},
    words::{addresses, all_active, allocation, boot_and_wait, network, nw_info, waiting},
};

kernel_test! {
    async fn a_stop_is_nothing_to_complain_of() {
        let place = Place::with_kernel();
        for number in 0..3_u8 {
            let daemon = place.start().await;
            network(&mut place.client().await, "blue", &[&format!("10.{number}.0.0/24")]).await;
            place.hypervisor(number.into()).await.boot(boot_and_wait()).await.unwrap();
            daemon.stop().await;
        }
        assert!(place.log().contains("stopped"), "{}", place.log());
        assert_eq!(place.complaints(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_stop_lets_a_call_finish_that_waits_for_its_ports() {
    lets_a_call_finish(Signal::SIGTERM).await;
}

/// What Ctrl-C sends.
#[tokio::test]
async fn an_interrupt_is_a_stop() {
    lets_a_call_finish(Signal::SIGINT).await;
}

async fn lets_a_call_finish(stop: Signal) {
    let place = Place::with_fake_host();
    let mut daemon = place.start().await;
    let mut client = place.client().await;
    network(&mut client, "blue", &["10.1.0.0/24"]).await;

    // Somebody else holds the file's write lock, so the call is under way and nothing is plugged when the stop comes.
    let lock = SqliteConnectOptions::new().filename(place.file("state/lepton.db"));
    let mut lock = SqliteConnection::connect_with(&lock).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    let mut calls = JoinSet::new();
    let mut caller = client.clone();
    calls.spawn(async move { caller.allocate_for_instance(waiting(allocation(1, ""))).await });
    // An answer on the same connection says that the call has arrived, too.
    nw_info(&mut client, 1).await.unwrap_err();
    daemon.send(stop);
    place.told("STOPPING=1").await;
    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();

    let info = calls.join_next().await.unwrap().unwrap().unwrap().into_inner();
    assert!(all_active(&info) && addresses(&info).len() == 1, "{info:?}");
    drop(client);
    assert_eq!(daemon.ended().await, Some(0));
    assert_eq!(place.ledger().instances().await, 1);
}

#[tokio::test]
async fn a_stop_undoes_a_call_that_waits_for_too_long_and_tells_its_caller() {
    let place = Place::new(&[("agent.backend", "fake"), ("shutdown.drain", "1s")]);
    let mut daemon = place.start().await;
    let mut client = place.client().await;
    network(&mut client, "blue", &["10.1.0.0/24"]).await;
    let mut calls = JoinSet::new();
    let mut request = waiting(allocation(1, "boot-1"));
    // No agent plugs the ports of this host.
    request.host = "elsewhere".into();
    let (mut caller, sent) = (client.clone(), request.clone());
    calls.spawn(async move { caller.allocate_for_instance(sent).await });
    eventually("the call waits", async || place.ledger().instances().await == 1).await;

    daemon.terminate();
    let refused = calls.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(lepton_sim::reason(&refused), "SHUTTING_DOWN", "{refused:?}");
    drop(client);
    assert_eq!(daemon.ended().await, Some(0));
    assert_eq!(place.ledger().instances().await, 0);
    place.ledger().assert_whole().await;

    // The id is not used up.
    let _daemon = place.start().await;
    request.wait_for_active = None;
    place.client().await.allocate_for_instance(request).await.unwrap();
}
