//! `lepton explain`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;

use crate::{
    fixtures::{INSTANCE, NETWORK, PORT, SUBNET},
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

fn cause(code: &str, fact: (&str, &str), words: &str, is_difference: bool) -> pb::Cause {
    let facts = [(fact.0.to_owned(), fact.1.to_owned())].into();
    pb::Cause { code: code.into(), facts, words: words.into(), is_difference }
}

fn port(is_plugged: bool) -> pb::Explanation {
    let network = cause("NETWORK_OWN", ("label", "blue"), "it is on network blue", false);
    let plug = if is_plugged {
        cause(
            "PLUGGED",
            ("host", "node-1"),
            "tap in bridge brq on host node-1: the host has plugged it",
            false,
        )
    } else {
        cause("PLUG_FAILED", ("error", "no\u{1b}[31m"), "on host node-1: no\u{1b}[31m", true)
    };
    pb::Explanation {
        kind: pb::ExplainedKind::Port.into(),
        id: PORT.into(),
        causes: vec![network, plug],
        ..pb::Explanation::default()
    }
}

fn instance(ports: Vec<pb::Explanation>) -> Turn {
    let causes = vec![cause("ALLOCATED", ("incarnation", "1"), "life 1 of it was allocated", false)];
    Turn::from(pb::Explanation {
        kind: pb::ExplainedKind::Instance.into(),
        id: INSTANCE.into(),
        causes,
        parts: ports,
        ..pb::Explanation::default()
    })
}

#[tokio::test]
async fn an_instance_is_explained_with_its_vnics() {
    let text =
        in_every_format(&["explain", "instance", INSTANCE], || instance(vec![port(true), port(false)]));
    assert_snapshot!(text.await);
    let all_differ = [instance(vec![port(false), port(false)])];
    assert_snapshot!(shown(&["explain", "instance", INSTANCE], all_differ).await);
}

#[tokio::test]
async fn a_port_is_named_by_its_id_or_its_mac() {
    let turn = || [Turn::from(port(true))];
    let mut text = with_requests(&["explain", "port", PORT], turn()).await;
    text += &with_requests(&["explain", "port", "fa:16:3e:11:22:33"], turn()).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn an_address_is_explained_wherever_it_is() {
    let turn = || {
        [Turn::from(pb::Explanation {
            kind: pb::ExplainedKind::Address.into(),
            id: "10.1.0.5".into(),
            subnet_id: SUBNET.into(),
            causes: vec![cause("HELD_BY_PORT", ("port_id", PORT), "port … has it", false)],
            parts: vec![port(true)],
        })]
    };
    let mut text = with_requests(&["explain", "address", "10.1.0.5"], turn()).await;
    text += &with_requests(&["explain", "address", "10.1.0.5", "--network", NETWORK], turn()).await;
    text +=
        &with_requests(&["explain", "address", "10.1.0.5", "--subnet", SUBNET, "-o", "yaml"], turn()).await;
    assert_snapshot!(text);
}
