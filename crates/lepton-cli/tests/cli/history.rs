//! `lepton history`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;
use prost_types::Timestamp;

use crate::{
    fixtures::{INSTANCE, NETWORK, PORT, SUBNET},
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

fn minute(number: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_794_924_000 + 60 * number, nanos: 250_000 }) // 2026-11-17T14:00:00.000250Z
}

fn fixed() -> pb::Holding {
    pb::Holding {
        kind: pb::HoldingKind::FixedIp.into(),
        address: "10.1.0.5".into(),
        mac: "fa:16:3e:11:22:33".into(),
        project_id: "p1".into(),
        port_id: PORT.into(),
        instance_id: INSTANCE.into(),
        incarnation: 2,
        network_id: NETWORK.into(),
        host_id: "node-1".into(),
        has_moved: true,
        subnet_id: SUBNET.into(),
        since: minute(0),
        until: minute(5),
        ..pb::Holding::default()
    }
}

fn floating() -> pb::Holding {
    let kind = pb::HoldingKind::FloatingIp.into();
    let (fixed_ip, pool_id) = ("10.1.0.7".into(), NETWORK.into());
    pb::Holding { kind, fixed_ip, pool_id, until: None, since: minute(6), ..fixed() }
}

/// It led nowhere.
fn idle() -> pb::Holding {
    pb::Holding {
        kind: pb::HoldingKind::FloatingIp.into(),
        address: "10.1.0.5".into(),
        project_id: "p1".into(),
        subnet_id: SUBNET.into(),
        pool_id: NETWORK.into(),
        since: minute(5),
        until: minute(6),
        ..pb::Holding::default()
    }
}

fn page(holdings: Vec<pb::Holding>, next: &str, remembered_since: Option<Timestamp>) -> Turn {
    Turn::from(pb::ListHoldersResponse { holdings, next_page_token: next.into(), remembered_since })
}

#[tokio::test]
async fn history_shows_who_held_an_address_of_all_pages() {
    let arguments =
        ["history", "10.1.0.5", "--since", "2026-11-17T14:00Z", "--until", "2026-11-17T16:00+01:00"];
    let pages = [page(vec![fixed()], "more", minute(-9)), page(vec![idle(), floating()], "", minute(-9))];
    let mut text = with_requests(&arguments, pages).await;
    let all = || page(vec![fixed(), idle(), floating()], "", minute(1));
    text +=
        &in_every_format(&["history", "10.1.0.5", "--at", "2026-11-17T14:03Z", "--project", "p1"], all).await;
    text += &with_requests(
        &["history", "fa:16:3e:11:22:33", "--limit", "1"],
        [page(vec![fixed()], "more", None)],
    )
    .await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn history_says_whether_nobody_held_it_or_it_may_be_forgotten() {
    let mut text = shown(&["history", "10.1.0.9"], [page(vec![], "", None)]).await;
    text += &shown(&["history", "10.1.0.9"], [page(vec![], "", minute(0))]).await;
    let at = |time| ["history", "10.1.0.9", "--at", time];
    text += &shown(&at("2026-11-17T13:59Z"), [page(vec![], "", minute(0))]).await;
    text += &shown(&at("2026-11-17T14:01Z"), [page(vec![], "", minute(0))]).await;
    assert_snapshot!(text);
}

fn mac() -> pb::Holding {
    let (kind, address, subnet_id) = (pb::HoldingKind::Mac.into(), String::new(), String::new());
    pb::Holding { kind, address, subnet_id, until: None, ..fixed() }
}

#[tokio::test]
async fn history_shows_what_an_instance_or_a_port_held() {
    let of_instance = ["history", "--instance", INSTANCE, "--since", "2026-11-17T14:00Z"];
    let pages = [page(vec![fixed()], "more", None), page(vec![floating(), mac()], "", None)];
    let mut text = with_requests(&of_instance, pages).await;
    let of_port = ["history", "--port", PORT, "--project", "p1"];
    text += &in_every_format(&of_port, || page(vec![fixed(), mac()], "", minute(1))).await;
    text += &shown(&["history", "--port", PORT], [page(vec![], "", None)]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn history_refuses_what_is_no_address_and_no_time() {
    let mut text = String::new();
    for arguments in [
        &["history"][..],
        &["history", "10.1.0.5", "--instance", INSTANCE],
        &["history", "--instance", INSTANCE, "--port", PORT],
        &["history", "--instance", ""],
        &["history", "10.1.0.300"],
        &["history", "10.1.0.5", "--at", "14:03"],
        &["history", "10.1.0.5", "--at", "2026-11-17T14:03"],
        &["history", "10.1.0.5", "--at", "2026-11-17T14:03Z", "--since", "2026-11-17T14:00Z"],
    ] {
        text += &shown(arguments, []).await;
    }
    assert_snapshot!(text);
}
