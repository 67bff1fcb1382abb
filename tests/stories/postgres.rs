//! PostgreSQL goes away and comes back; several managers share it.

use lepton_proto::v1;
use lepton_testkit::{Durability, PrivatePostgres};
use tokio::task::JoinSet;
use tonic::Code;

use crate::{
    daemon::{Place, eventually},
    database::fails_with,
    ledger::Ledger,
    words::{all_active, allocation, assert_no_address_twice, network, nw_info, waiting, without_status},
};

fn server() -> (PrivatePostgres, String) {
    let postgres = PrivatePostgres::start(Durability::Off).unwrap();
    let url = postgres.create_database("ledger").unwrap();
    (postgres, url)
}

fn place(url: &str, host: &str) -> Place {
    Place::new(&[("agent.backend", "fake"), ("database.url", url), ("host", host)])
}

#[tokio::test]
async fn leptond_waits_for_a_database_that_is_down_at_its_start() {
    let (mut postgres, url) = server();
    postgres.stop().unwrap();
    let place = place(&url, "host-1");
    let mut daemon = place.spawn(&[]);
    place.logged("the ledger is tried again").await;
    postgres.start_again().unwrap();
    place.ready(&mut daemon).await;
    network(&mut place.client().await, "blue", &["10.1.0.0/24"]).await;
    daemon.stop().await;
}

/// Both would plug the ports of the host, on two machines.
#[tokio::test]
async fn of_two_agents_of_one_host_the_second_waits_for_the_first_to_end() {
    let (_postgres, url) = server();
    let [one, two] = [place(&url, "host-1"), place(&url, "host-1")];
    let (first, mut second) = (one.start().await, two.spawn(&[]));
    two.logged("host host-1 has an agent already: another leptond on this database").await;
    let other = place(&url, "host-2");
    other.start().await.stop().await;
    first.kill().await;
    two.ready(&mut second).await;
    second.stop().await;
}

#[tokio::test]
async fn a_manager_that_is_told_something_else_than_the_one_before_says_so() {
    let (_postgres, url) = server();
    let told = |host: &str, base: &str| {
        let base = ("network.mac_base", base);
        Place::new(&[("agent.backend", "fake"), ("database.url", &url), ("host", host), base])
    };
    let (one, other) = (told("host-1", "fa:16:3e"), told("host-2", "02:16:3e"));
    let words = "the manager of this ledger that started last was told something else";
    let daemon = one.start().await;
    assert!(!one.log().contains(words), "{}", one.log());
    let second = other.start().await;
    let log = other.log();
    let line = log.lines().find(|line| line.contains(words)).unwrap();
    for word in ["network.mac_base", "fa:16:3e", "02:16:3e"] {
        assert!(line.contains(word), "{line}");
    }
    assert_eq!(log.matches(words).count(), 1, "the limits are the same");
    daemon.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn a_database_that_does_not_exist_ends_the_start_at_once() {
    let (_postgres, url) = server();
    let place = place(&url.replace("/ledger", "/nowhere"), "host-1");
    let said = fails_with(1, &place, &[]).await;
    assert!(said.contains("database \"nowhere\" does not exist; create it"), "{said}");
    assert!(!said.contains("tried again"), "{said}");
}

#[tokio::test]
async fn a_daemon_that_waits_for_its_database_can_be_stopped() {
    let (mut postgres, url) = server();
    postgres.stop().unwrap();
    let place = place(&url, "host-1");
    let daemon = place.spawn(&[]);
    place.logged("the ledger is tried again").await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_database_that_goes_down_is_unavailable_and_served_again_without_a_restart() {
    let (mut postgres, url) = server();
    let place = place(&url, "host-1");
    let daemon = place.start().await;
    let mut client = place.client().await;
    network(&mut client, "blue", &["10.1.0.0/24"]).await;
    let first = client.allocate_for_instance(waiting(allocation(1, "boot-1"))).await.unwrap().into_inner();

    for (number, leave) in [(2, PrivatePostgres::stop as fn(&mut _) -> _), (3, PrivatePostgres::crash)] {
        leave(&mut postgres).unwrap();
        let request = allocation(number, &format!("boot-{number}"));
        let mut other = client.clone();
        let (allocated, shown) =
            tokio::join!(client.allocate_for_instance(request.clone()), nw_info(&mut other, 1));
        for refused in [allocated.unwrap_err(), shown.unwrap_err()] {
            let reason = lepton_sim::reason(&refused);
            assert_eq!((refused.code(), &*reason), (Code::Unavailable, "LEDGER_UNAVAILABLE"));
        }

        postgres.start_again().unwrap();
        assert_eq!(nw_info(&mut client, 1).await.unwrap(), first);
        // The same request is safe to repeat, whatever became of it.
        client.allocate_for_instance(request).await.unwrap();
        eventually("the agent is at work again", async || {
            all_active(&nw_info(&mut place.client().await, number).await.unwrap())
        })
        .await;
    }
    Ledger::Postgres(url).assert_whole().await;
    daemon.stop().await;
}

/// An allocation on the host of the manager that carries it out.
fn boot(number: u128) -> v1::AllocateForInstanceRequest {
    allocation(number, &format!("boot-{number}"))
}

#[tokio::test]
async fn two_managers_serve_one_ledger() {
    let (_postgres, url) = server();
    let places = [place(&url, "host-a"), place(&url, "host-b")];
    let (one, other) = tokio::join!(places[0].start(), places[1].start());
    let mut clients = [places[0].client().await, places[1].client().await];
    network(&mut clients[0], "blue", &["10.1.0.0/24", "fd00:1::/64"]).await;
    // A hundred instances are given their addresses from both sides at once.
    let mut calls = JoinSet::new();
    for number in 0..100_u128 {
        let mut client = clients[usize::try_from(number % 2).unwrap()].clone();
        calls.spawn(async move { client.allocate_for_instance(boot(number)).await.unwrap().into_inner() });
    }
    let infos = calls.join_all().await;
    assert_eq!(assert_no_address_twice(&infos), 200);
    // What one of them did, the other knows, and answers as the first did.
    for number in 0..100_u128 {
        let mut client = clients[usize::try_from((number + 1) % 2).unwrap()].clone();
        let told = nw_info(&mut client, number).await.unwrap();
        let repeated = client.allocate_for_instance(boot(number)).await.unwrap().into_inner();
        assert_eq!(without_status(&told), without_status(&repeated));
    }
    Ledger::Postgres(url).assert_whole().await;
    tokio::join!(one.stop(), other.stop());
}

#[tokio::test]
async fn a_caller_waits_at_one_manager_for_a_host_of_the_others() {
    let (_postgres, url) = server();
    let places = [place(&url, "host-a"), place(&url, "host-b")];
    let one = places[0].start().await;
    let other = places[1].start().await;
    let mut client = places[0].client().await;
    network(&mut client, "blue", &["10.1.0.0/24"]).await;
    // The other one's agent is told by nobody; it looks again long before its next look at everything.
    for number in 1..=3 {
        let mut request = waiting(allocation(number, ""));
        request.host = "host-b".into();
        request.wait_for_active = Some(prost_types::Duration { seconds: 5, nanos: 0 });
        let info = client.allocate_for_instance(request).await.unwrap().into_inner();
        assert!(all_active(&info) && info.host == "host-b");
    }
    tokio::join!(one.stop(), other.stop());
}
