//! `lepton fixed`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;
use prost_types::{Duration, Timestamp};

use crate::{
    fixtures::{INSTANCE, NETWORK, PORT, SUBNET},
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

/// So many seconds after 2026-01-02T03:04:05Z.
fn after(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_767_323_045 + seconds, nanos: 0 })
}

fn nobodys(address: &str, state: pb::FixedIpState) -> pb::FixedIp {
    pb::FixedIp {
        address: address.into(),
        network_id: NETWORK.into(),
        subnet_id: SUBNET.into(),
        state: state.into(),
        ..pb::FixedIp::default()
    }
}

fn leased() -> pb::FixedIp {
    let mac = || "fa:16:3e:11:22:33".to_owned();
    pb::FixedIp {
        port_id: PORT.into(),
        mac_address: mac(),
        instance_id: INSTANCE.into(),
        project_id: "p1".into(),
        host: "node-1".into(),
        since: after(0),
        lease: Some(pb::FixedIpLease {
            mac_address: mac(),
            leased_at: after(60),
            lease_time: Some(Duration { seconds: 120, nanos: 0 }),
        }),
        ..nobodys("10.1.0.2", pb::FixedIpState::Leased)
    }
}

fn reserved() -> pb::FixedIp {
    let reserved = nobodys("10.1.0.9", pb::FixedIpState::Reserved);
    pb::FixedIp { reason: "name server".into(), since: after(0), resting_until: after(60), ..reserved }
}

fn info() -> Turn {
    let info = pb::NetworkInfo {
        instance_id: INSTANCE.into(),
        incarnation: 1,
        host: "node-1".into(),
        ..pb::NetworkInfo::default()
    };
    info.into()
}

fn page(fixed_ips: Vec<pb::FixedIp>, next: &str) -> Turn {
    pb::ListFixedIpsResponse { fixed_ips, next_page_token: next.into() }.into()
}

#[tokio::test]
async fn addresses_are_reserved_and_unreserved() {
    #[rustfmt::skip]
    let reserve = [
        "fixed", "reserve", "10.1.0.9", "--network", NETWORK, "--reason", "name server", "--request-id", "r1",
    ];
    let mut text = with_requests(&reserve, [reserved().into()]).await;
    text += &in_every_format(&reserve, || reserved().into()).await;
    let unreserve = ["fixed", "unreserve", "10.1.0.9", "--subnet", SUBNET, "--request-id", "r1", "--dry-run"];
    let free = nobodys("10.1.0.9", pb::FixedIpState::Free);
    text += &with_requests(&unreserve, [free.into()]).await;
    text += &shown(&["fixed", "reserve", "10.1.0.9", "--reason", "x"], []).await;
    text += &shown(&["fixed", "unreserve", "10.1.0.9"], []).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn an_instance_is_given_addresses_and_loses_them() {
    let add = ["fixed", "add", INSTANCE, "--network", NETWORK, "--request-id", "r1"];
    let mut text = with_requests(&add, [info()]).await;
    let chosen = ["fixed", "add", INSTANCE, "10.1.0.9", "--request-id", "r1", "--dry-run"];
    text += &with_requests(&chosen, [info()]).await;
    let both = ["fixed", "add", INSTANCE, "10.1.0.9", "--subnet", SUBNET, "--request-id", "r1"];
    text += &with_requests(&both, [info()]).await;
    let remove = ["fixed", "remove", INSTANCE, "10.1.0.9", "--network", NETWORK, "--request-id", "r1"];
    text += &with_requests(&remove, [info()]).await;
    text += &shown(&["fixed", "add", INSTANCE], []).await;
    text += &shown(&["fixed", "remove", INSTANCE], []).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn show_tells_what_an_address_is() {
    let mut text = in_every_format(&["fixed", "show", "10.1.0.2"], || leased().into()).await;
    let named = ["fixed", "show", "10.1.0.1", "--network", NETWORK];
    let reason = "the gateway".into();
    let gateway = pb::FixedIp { reason, ..nobodys("10.1.0.1", pb::FixedIpState::Reserved) };
    text += &with_requests(&named, [gateway.into()]).await;
    text += &shown(&["fixed", "show", "10.1.0.1", "--network", NETWORK, "--subnet", SUBNET], []).await;
    let newer = pb::FixedIp { state: 99, ..nobodys("10.1.0.7", pb::FixedIpState::Free) };
    text += &shown(&["fixed", "show", "10.1.0.7"], [newer.into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn list_shows_addresses_of_all_pages_empty_ones_too() {
    let list = ["fixed", "list", "--network", NETWORK];
    let turns = [page(vec![leased()], "b"), page(vec![], "c"), page(vec![reserved()], "")];
    let mut text = with_requests(&list, turns).await;
    let limited = [&list[..], &["--limit", "1"]].concat();
    text += &in_every_format(&limited, || page(vec![leased()], "b")).await;
    let chosen = [&list[..], &["--state", "reserved", "--project", "p1"]].concat();
    text += &with_requests(&chosen, [page(vec![], "")]).await;
    for selection in [["--subnet", SUBNET], ["--instance", INSTANCE], ["--host", "node-1"]] {
        let arguments = [&["fixed", "list"], &selection[..]].concat();
        text += &with_requests(&arguments, [page(vec![], "")]).await;
    }
    text += &shown(&["fixed", "list"], []).await;
    text += &shown(&[&list[..], &["--host", "node-1"]].concat(), []).await;
    assert_snapshot!(text);
}
