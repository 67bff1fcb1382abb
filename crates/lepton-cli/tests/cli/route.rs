//! `lepton route`.

use insta::assert_snapshot;

use crate::{
    fixtures::{SUBNET, private, storage},
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

fn subnet() -> Turn {
    private().subnets.remove(0).into()
}

#[tokio::test]
async fn add_sends_the_route_and_shows_all() {
    #[rustfmt::skip]
    let arguments = [
        "route", "add", SUBNET, "192.168.50.0", "--netmask", "255.255.255.0", "--gateway", "10.1.0.254",
        "--request-id", "r1",
    ];
    assert_snapshot!(in_every_format(&arguments, subnet).await);
}

#[tokio::test]
async fn add_and_remove_can_be_dry_runs() {
    let mut text = String::new();
    for arguments in [
        &[
            "route",
            "add",
            SUBNET,
            "192.168.50.0/24",
            "--gateway",
            "10.1.0.254",
            "--dry-run",
            "--request-id",
            "r1",
        ][..],
        &["route", "remove", SUBNET, "192.168.50.0/24", "--dry-run", "--request-id", "r1"],
    ] {
        text += &with_requests(arguments, [subnet()]).await;
    }
    assert_snapshot!(text);
}

#[tokio::test]
async fn remove_shows_what_is_left() {
    let arguments = ["route", "remove", SUBNET, "192.168.50.0/24", "--request-id", "r1"];
    assert_snapshot!(in_every_format(&arguments, || storage().subnets.remove(0).into()).await);
}

#[tokio::test]
async fn list_shows_a_line_for_each_route() {
    assert_snapshot!(in_every_format(&["route", "list", SUBNET], subnet).await);
}

#[tokio::test]
async fn an_empty_list_has_its_header() {
    assert_snapshot!(shown(&["route", "list", SUBNET], [storage().subnets.remove(0).into()]).await);
}
