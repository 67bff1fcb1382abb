//! `lepton subnet`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;

use crate::{
    fixtures::{NETWORK, SUBNET, private, storage},
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

fn subnet() -> Turn {
    private().subnets.remove(0).into()
}

#[tokio::test]
async fn add_sends_every_option_and_shows_the_subnet() {
    #[rustfmt::skip]
    let arguments = [
        "subnet", "add", NETWORK, "--cidr", "10.1.0.0/24", "--gateway", "10.1.0.1", "--dns", "8.8.8.8",
        "--pool", "10.1.0.2-10.1.0.99", "--quarantine", "60s", "--request-id", "r1",
    ];
    assert_snapshot!(in_every_format(&arguments, subnet).await);
}

#[tokio::test]
async fn add_can_be_a_dry_run() {
    let arguments = [
        "subnet",
        "add",
        NETWORK,
        "--cidr",
        "fd00:1::/64",
        "--no-gateway",
        "--dry-run",
        "--request-id",
        "r1",
    ];
    assert_snapshot!(with_requests(&arguments, [private().subnets.remove(1).into()]).await);
}

#[tokio::test]
async fn add_takes_one_prefix() {
    let mut text = String::new();
    for arguments in [
        &["subnet", "add", NETWORK][..],
        &["subnet", "add", NETWORK, "--cidr", "10.1.0.0/24", "--cidr", "fd00:1::/64"],
    ] {
        text += &shown(arguments, []).await;
    }
    assert_snapshot!(text);
}

#[tokio::test]
async fn show_tells_all_of_a_subnet() {
    assert_snapshot!(in_every_format(&["subnet", "show", SUBNET], subnet).await);
}

#[tokio::test]
async fn show_of_a_bare_subnet_has_no_routes() {
    assert_snapshot!(shown(&["subnet", "show", SUBNET], [storage().subnets.remove(0).into()]).await);
}

#[tokio::test]
async fn modify_sends_every_option_and_shows_the_subnet() {
    #[rustfmt::skip]
    let arguments = [
        "subnet", "modify", SUBNET, "--gateway", "10.1.0.1", "--dns", "8.8.8.8", "--dns", "8.8.4.4",
        "--dhcp-server", "10.1.0.1", "--request-id", "r1",
    ];
    assert_snapshot!(in_every_format(&arguments, subnet).await);
}

#[tokio::test]
async fn modify_can_take_away_and_be_a_dry_run() {
    #[rustfmt::skip]
    let arguments = [
        "subnet", "modify", SUBNET, "--no-gateway", "--no-dns", "--no-dhcp-server", "--dry-run", "--request-id", "r1",
    ];
    assert_snapshot!(with_requests(&arguments, [subnet()]).await);
}

#[tokio::test]
async fn modify_of_nothing_sends_nothing_to_change() {
    assert_snapshot!(with_requests(&["subnet", "modify", SUBNET, "--request-id", "r1"], [subnet()]).await);
}

#[tokio::test]
async fn delete_says_what_is_gone() {
    let arguments = ["subnet", "delete", SUBNET, "--request-id", "r1"];
    assert_snapshot!(in_every_format(&arguments, || pb::DeleteSubnetResponse {}.into()).await);
}

#[tokio::test]
async fn delete_can_be_a_dry_run() {
    let arguments = ["subnet", "delete", SUBNET, "--dry-run", "--request-id", "r1"];
    assert_snapshot!(with_requests(&arguments, [pb::DeleteSubnetResponse {}.into()]).await);
}
