//! `lepton dhcp`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;
use prost::Message;

use crate::{
    fixtures::{INSTANCE, NETWORK, PORT, SUBNET},
    server::{Server, Turn},
    terminal::{Terminal, in_every_format, shown, with_requests},
};

const HOSTS: &str = "fa:16:3e:00:00:01,host-10.1.0.2.novalocal,10.1.0.2\n\
                     fa:16:3e:00:00:02,host-10.1.0.3.novalocal,10.1.0.3\n";

/// A text; the server that plays it sends a part for each line.
fn text(text: &str) -> Turn {
    pb::DhcpText { text: text.into(), revision: 42 }.into()
}

#[tokio::test]
async fn hosts_are_printed_as_dnsmasq_reads_them() {
    let mut seen = in_every_format(&["dhcp", "hosts", NETWORK], || text(HOSTS)).await;
    let named = "fa:16:3e:00:00:01,web.novalocal,10.1.0.2,net:NW-274973437001729";
    seen += &with_requests(&["dhcp", "hosts", NETWORK, "--style", "linux-net"], [text(named)]).await;
    seen += &shown(&["dhcp", "hosts", NETWORK], [text("")]).await;
    assert_snapshot!(seen);
}

#[tokio::test]
async fn leases_are_printed_as_dnsmasq_reads_them() {
    let lease = "1795182552 fa:16:3e:00:00:01 10.2.0.2 * *\n";
    let mut seen = with_requests(&["dhcp", "leases", NETWORK], [text(lease)]).await;
    seen += &with_requests(&["dhcp", "leases", NETWORK, "--style", "linux-net"], [text("")]).await;
    assert_snapshot!(seen);
}

#[tokio::test]
async fn options_are_those_of_the_one_style_that_has_any() {
    let mut seen = with_requests(&["dhcp", "options", NETWORK], [text("NW-3,3\nNW-4,3")]).await;
    seen += &in_every_format(&["dhcp", "options", NETWORK], || text("")).await;
    assert_snapshot!(seen);
}

#[tokio::test]
async fn standard_output_has_the_text_and_nothing_else() {
    let server = Server::playing([text(HOSTS), text("NW-3,3\nNW-4,3")]);
    let terminal = Terminal::at(&server);
    assert_eq!(terminal.run(&["dhcp", "hosts", NETWORK]).await.stdout, HOSTS);
    assert_eq!(terminal.run(&["dhcp", "options", NETWORK]).await.stdout, "NW-3,3\nNW-4,3");
}

#[tokio::test]
async fn of_a_text_that_breaks_off_nothing_is_printed() {
    let half = pb::DhcpText { text: HOSTS.into(), revision: 42 }.encode_to_vec();
    let server = Server::playing([Turn::BreakOff(half)]);
    let run = Terminal::at(&server).run(&["dhcp", "hosts", NETWORK]).await;
    assert_eq!((&*run.stdout, run.exit_code), ("", Some(1)));
    assert!(run.stderr.contains("the text broke off"), "{}", run.stderr);
}

/// An address that a port has.
fn had(state: pb::FixedIpState) -> pb::FixedIp {
    pb::FixedIp {
        address: "10.1.0.2".into(),
        network_id: NETWORK.into(),
        subnet_id: SUBNET.into(),
        state: state.into(),
        port_id: PORT.into(),
        mac_address: "fa:16:3e:11:22:33".into(),
        instance_id: INSTANCE.into(),
        project_id: "p1".into(),
        host: "node-1".into(),
        ..pb::FixedIp::default()
    }
}

fn lease() -> pb::FixedIpLease {
    pb::FixedIpLease {
        mac_address: "fa:16:3e:11:22:33".into(),
        leased_at: Some(prost_types::Timestamp { seconds: 1_767_323_105, nanos: 0 }),
        lease_time: Some(prost_types::Duration { seconds: 120, nanos: 0 }),
    }
}

#[tokio::test]
async fn what_a_dhcp_server_leases_and_releases_is_noted() {
    let words = ["10.1.0.2", "--mac", "fa:16:3e:11:22:33", "--request-id", "r1"];
    let noted = || pb::LeaseFixedIpResponse {
        fixed_ip: Some(pb::FixedIp { lease: Some(lease()), ..had(pb::FixedIpState::Leased) }),
        warning: String::new(),
    };
    let arguments = [&["dhcp", "lease"], &words[..]].concat();
    let mut seen = in_every_format(&arguments, || noted().into()).await;
    let strange = pb::LeaseFixedIpResponse {
        fixed_ip: Some(had(pb::FixedIpState::Allocated)),
        warning: "10.1.0.2 was not leased".into(),
    };
    let release = [&["dhcp", "release"], &words[..], &["--dry-run"]].concat();
    seen += &with_requests(&release, [strange.into()]).await;
    seen += &shown(&["dhcp", "lease", "10.1.0.2"], []).await;
    assert_snapshot!(seen);
}

#[tokio::test]
async fn a_word_that_fits_no_port_is_ignored_with_a_warning_and_is_no_error() {
    let ignored =
        || pb::LeaseFixedIpResponse { fixed_ip: None, warning: "no port has fa:16:3e:11:22:33".into() };
    let release = ["dhcp", "release", "10.1.0.2", "--mac", "fa:16:3e:11:22:33", "--request-id", "r1"];
    assert_snapshot!(in_every_format(&release, || ignored().into()).await);
}
