//! `lepton network`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;

use crate::{
    fixtures::{NETWORK, STORAGE, private, storage},
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

fn page(networks: impl IntoIterator<Item = pb::Network>, next_page_token: &str) -> Turn {
    let networks = networks.into_iter().collect();
    pb::ListNetworksResponse { networks, next_page_token: next_page_token.into() }.into()
}

fn made(network: pb::Network) -> Turn {
    pb::CreateNetworksResponse { networks: vec![network] }.into()
}

#[tokio::test]
async fn create_sends_every_option_and_shows_what_was_made() {
    #[rustfmt::skip]
    let arguments = [
        "network", "create", "private", "--project", "p1", "--priority", "-1", "--mtu", "1450",
        "--cidr", "10.1.0.0/24", "--cidr", "fd00:1::/64", "--gateway", "10.1.0.1", "--no-gateway=6",
        "--dns", "8.8.8.8", "--dns", "8.8.4.4", "--pool", "10.1.0.2-10.1.0.99", "--pool", "10.1.0.200-10.1.0.254",
        "--quarantine", "4=60s", "--address-mode", "eui64", "--request-id", "r1",
    ];
    assert_snapshot!(in_every_format(&arguments, || made(private())).await);
}

#[tokio::test]
async fn create_with_a_label_alone_leaves_the_rest_to_the_server() {
    let network = pb::Network { subnets: vec![], ..storage() };
    let arguments = ["network", "create", "bare", "--request-id", "r1"];
    assert_snapshot!(with_requests(&arguments, [made(network)]).await);
}

#[tokio::test]
async fn create_can_be_a_dry_run() {
    let arguments =
        ["network", "create", "private", "--cidr", "10.1.0.0/24", "--dry-run", "--request-id", "r1"];
    assert_snapshot!(with_requests(&arguments, [made(private())]).await);
}

#[tokio::test]
async fn list_shows_a_line_for_each_network() {
    let arguments = ["network", "list", "--project", "p1"];
    assert_snapshot!(in_every_format(&arguments, || page([private(), storage()], "")).await);
}

#[tokio::test]
async fn an_empty_list_has_its_header() {
    assert_snapshot!(in_every_format(&["network", "list"], || page([], "")).await);
}

#[tokio::test]
async fn list_fetches_page_after_page() {
    let pages = [page([private()], "after-1"), page([storage()], "after-2"), page([], "")];
    assert_snapshot!(with_requests(&["network", "list"], pages).await);
}

#[tokio::test]
async fn list_stops_at_its_limit() {
    let arguments = ["network", "list", "--limit", "1001"];
    let pages = || [page(vec![storage(); 1000], "after-1000"), page([private()], "after-1001")];
    let text = with_requests(&arguments, pages()).await;
    // The thousand equal lines in the middle say nothing.
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("storage")).collect();
    assert_snapshot!(lines.join("\n"));

    let json = shown(&["network", "list", "--limit", "1001", "-o", "json"], pages()).await;
    assert!(json.contains("\"has_more\": true"), "a program must see it too");
}

#[tokio::test]
async fn a_server_that_gives_more_than_it_was_asked_for_is_cut() {
    let arguments = ["network", "list", "--limit", "1", "-o", "json"];
    let text = shown(&arguments, [page([private(), storage()], "")]).await;
    assert_eq!(text.matches("\"label\"").count(), 1, "{text}");
    assert!(text.contains("\"has_more\": true") && text.ends_with("exit code 0\n\n"), "{text}");
}

#[tokio::test]
async fn show_tells_all_of_a_network() {
    assert_snapshot!(in_every_format(&["network", "show", NETWORK], || private().into()).await);
}

#[tokio::test]
async fn what_a_newer_server_knows_is_shown_by_its_number() {
    let mut network = storage();
    network.subnets[0].address_mode = 7;
    assert_snapshot!(shown(&["network", "show", NETWORK], [network.into()]).await);
}

#[tokio::test]
async fn a_label_cannot_drive_the_terminal() {
    let network = pb::Network { label: "\u{1b}]0;owned\u{7}".into(), ..storage() };
    assert_snapshot!(shown(&["network", "list"], [page([network], "")]).await);
}

#[tokio::test]
async fn delete_says_what_is_gone() {
    let arguments = ["network", "delete", NETWORK, "--request-id", "r1"];
    assert_snapshot!(in_every_format(&arguments, || pb::DeleteNetworkResponse {}.into()).await);
}

#[tokio::test]
async fn delete_can_be_a_dry_run() {
    let arguments = ["network", "delete", NETWORK, "--dry-run", "--request-id", "r1"];
    assert_snapshot!(with_requests(&arguments, [pb::DeleteNetworkResponse {}.into()]).await);
}

#[tokio::test]
async fn create_can_settle_a_network_that_was_made_beforehand() {
    let arguments = [
        "network",
        "create",
        "private",
        "--id",
        NETWORK,
        "--host",
        "node-9",
        "--injected",
        "--cidr",
        "10.1.0.0/24",
        "--request-id",
        "r1",
    ];
    assert_snapshot!(with_requests(&arguments, [made(private())]).await);
}

#[tokio::test]
async fn carve_sends_every_option_and_lists_what_was_made() {
    #[rustfmt::skip]
    let arguments = [
        "network", "carve", "net", "--range", "10.0.0.0/16", "--range", "fd00::/48", "--count", "2", "--size", "256",
        "--prefix-length-v6", "64", "--project", "p1", "--priority", "-1", "--mtu", "1450", "--host", "node-9", "--injected",
        "--no-gateway=6", "--dns", "8.8.8.8", "--quarantine", "60s", "--address-mode", "eui64", "--request-id", "r1",
    ];
    let answer = || pb::CreateNetworksResponse { networks: vec![private(), storage()] }.into();
    assert_snapshot!(in_every_format(&arguments, answer).await);
}

#[tokio::test]
async fn carve_can_be_a_dry_run_and_leaves_the_rest_to_the_server() {
    let arguments = ["network", "carve", "net", "--range", "10.0.0.0/16", "--dry-run", "--request-id", "r1"];
    assert_snapshot!(with_requests(&arguments, [made(storage())]).await);
}

#[tokio::test]
async fn carve_takes_one_range_of_a_family() {
    let arguments = ["network", "carve", "net", "--range", "10.0.0.0/16", "--range", "10.1.0.0/16"];
    assert_snapshot!(shown(&arguments, []).await);
}

#[tokio::test]
async fn modify_sends_every_option_and_shows_the_network() {
    #[rustfmt::skip]
    let arguments = [
        "network", "modify", NETWORK, "--label", "private", "--priority", "-1", "--project", "p1", "--host", "node-9",
        "--injected", "true", "--request-id", "r1",
    ];
    assert_snapshot!(in_every_format(&arguments, || private().into()).await);
}

#[tokio::test]
async fn modify_can_take_away_and_be_a_dry_run() {
    let arguments =
        ["network", "modify", STORAGE, "--no-project", "--no-host", "--dry-run", "--request-id", "r1"];
    assert_snapshot!(with_requests(&arguments, [storage().into()]).await);
}

#[tokio::test]
async fn associate_and_disassociate_say_whose_the_network_is() {
    let mut text = String::new();
    for arguments in [
        &["network", "associate", NETWORK, "--project", "p1", "--request-id", "r1"][..],
        &["network", "associate", NETWORK, "--host", "node-9", "--dry-run", "--request-id", "r1"],
        &["network", "disassociate", NETWORK, "--project", "--request-id", "r1"],
        &["network", "disassociate", NETWORK, "--project", "--host", "--dry-run", "--request-id", "r1"],
    ] {
        text += &with_requests(arguments, [private().into()]).await;
    }
    assert_snapshot!(text);
}
