//! `lepton port`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;
use prost_types::Timestamp;

use crate::{
    fixtures::{INSTANCE, NETWORK, PORT, STORAGE_PORT, SUBNET, instance},
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

const MAC: &str = "fa:16:3e:11:22:33";

fn plugged() -> pb::Port {
    let vif = instance(pb::PortStatus::Active, "").vifs.remove(0);
    pb::Port {
        id: PORT.into(),
        instance_id: INSTANCE.into(),
        incarnation: 1,
        position: 0,
        project_id: "p1".into(),
        network_id: NETWORK.into(),
        network_label: "private".into(),
        host: "node-1".into(),
        mac_address: MAC.into(),
        device: vif.device,
        binding: vif.binding,
        status: vif.status,
        fixed_ips: vec![address("10.1.0.2", false)],
        created_at: Some(Timestamp { seconds: 1_767_323_045, nanos: 0 }), // 2026-01-02T03:04:05Z
        ..pb::Port::default()
    }
}

/// On its way to another host, where it cannot be plugged, and about to lose an address.
fn moving() -> pb::Port {
    pb::Port {
        destination_host: "node-2".into(),
        destination: Some(pb::VifDestination {
            binding: plugged().binding,
            status: pb::PortStatus::Error.into(),
            error: "no such namespace".into(),
        }),
        fixed_ips: vec![address("10.1.0.2", false), address("10.1.0.9", true)],
        ..plugged()
    }
}

fn failed() -> pb::Port {
    pb::Port {
        id: STORAGE_PORT.into(),
        status: pb::PortStatus::Error.into(),
        error: "device or resource busy".into(),
        is_released: true,
        fixed_ips: vec![],
        ..plugged()
    }
}

fn address(address: &str, is_leaving: bool) -> pb::PortFixedIp {
    pb::PortFixedIp { subnet_id: SUBNET.into(), address: address.into(), is_leaving }
}

fn page(ports: Vec<pb::Port>, next: &str) -> Turn {
    pb::ListPortsResponse { ports, next_page_token: next.into() }.into()
}

#[tokio::test]
async fn show_takes_an_id_or_a_mac() {
    let mut text = in_every_format(&["port", "show", PORT], || plugged().into()).await;
    text += &with_requests(&["port", "show", MAC], [moving().into()]).await;
    text += &shown(&["port", "show", STORAGE_PORT], [failed().into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn list_shows_ports_of_all_pages() {
    let arguments = ["port", "list", "--project", "p1", "--network", NETWORK];
    let mut text = with_requests(&arguments, [page(vec![plugged()], "b"), page(vec![failed()], "")]).await;
    text += &in_every_format(&["port", "list", "--limit", "1"], || page(vec![moving()], "b")).await;
    // A host's may come twice, and behind pages without any: each is shown once, as it was told last.
    let pages = [page(vec![failed(), plugged()], "3/b"), page(vec![], "9/c"), page(vec![moving()], "")];
    text += &with_requests(&["port", "list", "--host", "node-1"], pages).await;
    let pages = [page(vec![plugged()], "3/b"), page(vec![moving()], "4/b"), page(vec![failed()], "5/b")];
    text += &with_requests(&["port", "list", "--host", "node-1", "--limit", "2"], pages).await;
    text += &with_requests(&["port", "list", "--host", "node-9"], [page(vec![], "")]).await;
    text += &with_requests(&["port", "list", "--instance", INSTANCE], [page(vec![plugged()], "")]).await;
    text += &shown(&["port", "list", "--instance", INSTANCE, "--host", "node-9"], []).await;
    assert_snapshot!(text);
}
