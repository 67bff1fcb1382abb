//! `lepton floating`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;
use prost_types::Timestamp;

use crate::{
    fixtures::{INSTANCE, NETWORK, PORT, SUBNET},
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

/// 2026-01-02T03:04:05Z
fn then() -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_767_323_045, nanos: 0 })
}

fn pool() -> pb::FloatingPool {
    let range = |addresses: &str, total, allocated, interface: &str| pb::FloatingRange {
        addresses: addresses.into(),
        total_addresses: total,
        allocated_addresses: allocated,
        interface: interface.into(),
        subnet_id: SUBNET.into(),
        withdrawn: vec![],
    };
    let withdrawn = vec!["172.24.5.12".into(), "172.24.5.15-172.24.5.16".into()];
    pb::FloatingPool {
        id: NETWORK.into(),
        name: "nova".into(),
        ranges: vec![
            range("172.24.4.0/24", 254, 3, ""),
            pb::FloatingRange { withdrawn, ..range("172.24.5.10-172.24.5.19", 7, 0, "eth1") },
        ],
        total_addresses: Some(261),
        allocated_addresses: Some(3),
        created_at: then(),
    }
}

/// As a tenant is told of it.
fn name_alone() -> pb::FloatingPool {
    pb::FloatingPool { id: NETWORK.into(), name: "nova".into(), created_at: then(), ..Default::default() }
}

fn loose() -> pb::FloatingIp {
    pb::FloatingIp {
        address: "172.24.4.10".into(),
        pool: "nova".into(),
        project_id: "p1".into(),
        status: pb::FloatingIpStatus::Pending.into(),
        status_reason: "no router carries floating IPs yet".into(),
        allocated_at: then(),
        ..pb::FloatingIp::default()
    }
}

fn leading() -> pb::FloatingIp {
    pb::FloatingIp {
        fixed_ip: "10.1.0.2".into(),
        instance_id: INSTANCE.into(),
        port_id: PORT.into(),
        network_id: NETWORK.into(),
        host: "node-1".into(),
        interface: "eth1".into(),
        auto_assigned: true,
        associated_at: then(),
        ..loose()
    }
}

fn page(floating_ips: Vec<pb::FloatingIp>, next: &str) -> Turn {
    pb::ListFloatingIpsResponse { floating_ips, next_page_token: next.into() }.into()
}

#[tokio::test]
async fn pools_are_made_listed_and_deleted() {
    #[rustfmt::skip]
    let create = [
        "floating", "pool", "create", "nova", "--range", "172.24.4.0/24", "--range", "172.24.5.10-172.24.5.19",
        "--interface", "eth1", "--request-id", "r1",
    ];
    let mut text = with_requests(&create, [pool().into()]).await;
    text += &in_every_format(&["floating", "pool", "create", "nova", "--request-id", "r1"], || pool().into())
        .await;
    let list = |pools| Turn::from(pb::ListFloatingPoolsResponse { pools, ..Default::default() });
    text += &in_every_format(&["floating", "pool", "list"], || list(vec![pool()])).await;
    text += &shown(&["floating", "pool", "list"], [list(vec![name_alone()])]).await;
    text += &shown(&["floating", "pool", "list"], [list(vec![])]).await;
    let delete = ["floating", "pool", "delete", "nova", "--request-id", "r1"];
    text += &with_requests(&delete, [pb::DeleteFloatingPoolResponse {}.into()]).await;
    let ranges = [&delete[..], &["--range", "172.24.4.0/24", "--dry-run"]].concat();
    text += &with_requests(&ranges, [pool().into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn addresses_are_allocated_and_released() {
    #[rustfmt::skip]
    let allocate = [
        "floating", "allocate", "--project", "p1", "--pool", "nova", "--address", "172.24.4.10", "--request-id", "r1",
    ];
    let mut text = with_requests(&allocate, [loose().into()]).await;
    text += &in_every_format(&["floating", "show", "172.24.4.10"], || leading().into()).await;
    let release = ["floating", "release", "172.24.4.10", "--request-id", "r1"];
    text += &with_requests(&release, [pb::ReleaseFloatingIpResponse {}.into()]).await;
    let all = [&release[..], &["--disassociate", "--affect-auto-assigned", "--dry-run"]].concat();
    text += &with_requests(&all, [pb::ReleaseFloatingIpResponse {}.into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn addresses_are_made_to_lead_somewhere_and_nowhere() {
    let associated = |previous: &str| {
        Turn::from(pb::AssociateFloatingIpResponse {
            floating_ip: Some(leading()),
            previous_instance_id: previous.into(),
        })
    };
    #[rustfmt::skip]
    let full = [
        "floating", "associate", "172.24.4.10", "--fixed-ip", "10.1.0.2", "--instance", INSTANCE, "--network", NETWORK,
        "--affect-auto-assigned", "--request-id", "r1",
    ];
    let mut text = with_requests(&full, [associated("")]).await;
    let short =
        ["floating", "associate", "172.24.4.10", "--instance", INSTANCE, "--request-id", "r1", "--dry-run"];
    text += &in_every_format(&short, || associated(INSTANCE)).await;
    text += &shown(&["floating", "associate", "172.24.4.10"], []).await;
    let disassociate = ["floating", "disassociate", "172.24.4.10", "--request-id", "r1"];
    let done = pb::DisassociateFloatingIpResponse {
        floating_ip: Some(loose()),
        previous_instance_id: INSTANCE.into(),
    };
    text += &with_requests(&disassociate, [done.into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn list_shows_addresses_of_all_pages() {
    let arguments = ["floating", "list", "--project", "p1", "--pool", "nova", "--auto-assigned"];
    let higher = pb::FloatingIp { address: "172.24.4.11".into(), ..leading() };
    let mut text = with_requests(&arguments, [page(vec![loose()], "b"), page(vec![higher], "")]).await;
    text += &in_every_format(&["floating", "list", "--limit", "1"], || page(vec![leading()], "b")).await;
    // A host's may come twice, in whatever order, and behind pages without any.
    let lower = pb::FloatingIp { address: "172.24.4.9".into(), ..leading() };
    let pages = [page(vec![loose()], "b"), page(vec![], "c"), page(vec![lower, leading()], "")];
    text += &with_requests(&["floating", "list", "--host", "node-1"], pages).await;
    for selection in [["--fixed-ip", "10.1.0.2"], ["--instance", INSTANCE], ["--host", "node-1"]] {
        let arguments = [&["floating", "list"], &selection[..]].concat();
        text += &with_requests(&arguments, [page(vec![], "")]).await;
    }
    text += &shown(&["floating", "list", "--pool", "nova", "--host", "node-1"], []).await;
    assert_snapshot!(text);
}
