//! A SQLite file that cannot be the ledger; two daemons on one configuration.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use lepton_proto::v1;

use crate::{
    daemon::{Daemon, Place},
    words::network,
};

/// Starts a daemon that must end at once, with exit code 1; answers with what it said.
async fn fails(place: &Place, settings: &[(&str, &str)]) -> String {
    fails_with(1, place, settings).await
}

/// The same with another exit code.
pub(crate) async fn fails_with(code: i32, place: &Place, settings: &[(&str, &str)]) -> String {
    let before = place.log().len();
    let mut daemon: Daemon = place.spawn(settings);
    assert_eq!(daemon.ended().await, Some(code), "{}", place.log());
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
        let advice = if *path == garbage {
            "name a path where nothing else is kept"
        } else {
            "its folder must be there"
        };
        assert!(said.contains(advice), "{said}");
    }
    assert!(fs::read_to_string(&garbage).unwrap().starts_with("This is a letter"));

    let other = Place::new(&[("agent.backend", "fake"), ("state_dir", garbage.to_str().unwrap())]);
    let said = fails(&other, &[]).await;
    assert!(said.contains("cannot use the state directory") && said.contains("garbage.db"), "{said}");
}

#[tokio::test]
async fn a_ledger_that_may_not_be_used_is_refused_with_a_clear_error_and_used_once_it_may() {
    let place = Place::with_fake_host().without_privileges();
    let daemon = place.start().await;
    network(&mut place.client().await, "blue", &["10.1.0.0/24"]).await;
    daemon.stop().await;
    let file = place.file("state/lepton.db");
    let before = fs::read(&file).unwrap();
    let beside = || fs::read_dir(place.file("state")).unwrap().count();
    let files = beside();
    for mode in [0o000, 0o200, 0o400] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        let said = fails(&place, &[]).await;
        let named = format!("leptond: cannot open the ledger at sqlite:{}: ", file.display());
        assert!(said.contains(&named), "mode {mode:o}: {said}");
        let told = format!("{}: Permission denied; it must be readable and writable", file.display());
        assert!(said.contains(&told), "mode {mode:o}: {said}");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        assert_eq!((fs::read(&file).unwrap(), beside()), (before.clone(), files), "mode {mode:o}");
    }
    let daemon = place.start().await;
    let request = v1::ListNetworksRequest::default();
    let networks = place.client().await.list_networks(request).await.unwrap().into_inner().networks;
    assert_eq!(networks.len(), 1);
    daemon.stop().await;
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

#[tokio::test]
async fn a_second_daemon_with_another_state_directory_and_the_same_ledger_refuses() {
    let place = Place::with_fake_host();
    let first = place.start().await;
    let ledger = place.file("state/lepton.db");
    let other = Place::with_fake_host();
    let link = other.file("linked");
    std::os::unix::fs::symlink(place.file("state"), &link).unwrap();
    for path in [&ledger, &link.join("lepton.db")] {
        let said = fails(&other, &[("database.url", &format!("sqlite:{}", path.display()))]).await;
        let named = format!("leptond: another leptond uses the ledger {} (process ", path.display());
        assert!(said.contains(&named) && said.contains("lepton.db.lock"), "{said}");
        assert!(said.contains(&format!("(process {} holds ", first.id())), "{said}");
    }
    network(&mut place.client().await, "blue", &["10.1.0.0/24"]).await;

    first.kill().await; // the kernel lets the lock go
    let url = format!("sqlite:{}", ledger.display());
    let mut second = other.spawn(&[("database.url", &url)]);
    other.ready(&mut second).await;
    second.stop().await;
}
