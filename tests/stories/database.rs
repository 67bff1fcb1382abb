//! A SQLite file that cannot be the ledger; two daemons on one configuration.

use std::fs;

use crate::{
    daemon::{Daemon, Place},
    words::network,
};

/// Starts a daemon that must end at once, with exit code 1; answers with what it said.
async fn fails(place: &Place, settings: &[(&str, &str)]) -> String {
    let before = place.log().len();
    let mut daemon: Daemon = place.spawn(settings);
    assert_eq!(daemon.ended().await, Some(1), "{}", place.log());
    place.log().split_off(before)
}

#[tokio::test]
async fn a_file_that_is_no_ledger_is_refused_with_a_clear_error() {
    let place = Place::with_fake_host();
    let folder = place.file("folder");
    fs::create_dir(&folder).unwrap();
    let garbage = place.file("garbage.db");
    fs::write(&garbage, "This is a letter, not a database.\n".repeat(100)).unwrap();
    let nowhere = place.file("nowhere/ledger.db");
    let occupied = garbage.join("ledger.db");
    for path in [&folder, &garbage, &nowhere, &occupied] {
        let url = format!("sqlite:{}", path.display());
        let said = fails(&place, &[("database.url", &url)]).await;
        assert!(said.contains(&format!("leptond: cannot open the ledger at {url}: ")), "{said}");
    }
    assert!(fs::read_to_string(&garbage).unwrap().starts_with("This is a letter"));

    let other = Place::new(&[("agent.backend", "fake"), ("state_dir", garbage.to_str().unwrap())]);
    let said = fails(&other, &[]).await;
    assert!(said.contains("cannot use the state directory") && said.contains("garbage.db"), "{said}");
}

#[tokio::test]
async fn a_ledger_of_a_newer_program_is_refused_and_left_alone() {
    let place = Place::with_fake_host();
    place.start().await.stop().await;
    let ledger = place.ledger();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'from the future', 1, x'00', 0) RETURNING version";
    ledger.count(newer).await;
    let said = fails(&place, &[]).await;
    assert!(said.contains("schema 9999") && said.contains("use the program that wrote it"), "{said}");
    assert_eq!(ledger.count("SELECT max(version) FROM _sqlx_migrations").await, 9999);
}

#[tokio::test]
async fn a_second_daemon_of_the_same_configuration_refuses_and_the_first_serves_on() {
    let place = Place::with_fake_host();
    let first = place.start().await;
    let mut client = place.client().await;
    let said = fails(&place, &[]).await;
    assert!(said.contains("another leptond uses the state directory"), "{said}");
    network(&mut client, "blue", &["10.1.0.0/24"]).await;
    network(&mut place.client().await, "green", &["10.2.0.0/24"]).await;
    first.stop().await;
}
