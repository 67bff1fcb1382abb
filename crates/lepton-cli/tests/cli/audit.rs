//! `lepton audit`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;
use prost_types::Timestamp;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    fixtures::{NETWORK, PORT, SUBNET},
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

fn leaked() -> pb::Finding {
    pb::Finding {
        class: "LEAKED_ADDRESS".into(),
        thing: Some(pb::AuditedThing {
            subnet_id: SUBNET.into(),
            address: "10.1.0.5".into(),
            ..pb::AuditedThing::default()
        }),
        proof: "its bit says taken, and no row has it; port p had it at last, and gave it up".into(),
        repair: "give it back".into(),
        is_repairable: true,
        port_id: PORT.into(),
        ended_at: Some(Timestamp { seconds: 1_794_924_000, nanos: 0 }), // 2026-11-17T14:00:00Z
        ..pb::Finding::default()
    }
}

fn miscounted() -> pb::Finding {
    pb::Finding {
        class: "MISCOUNTED_QUOTA".into(),
        thing: Some(pb::AuditedThing {
            project_id: "p1".into(),
            resource: "ports".into(),
            ..pb::AuditedThing::default()
        }),
        proof: "the ledger keeps 7, and counting comes to 5".into(),
        repair: "set the counter to what is counted".into(),
        is_repairable: true,
        kept: Some(7),
        counted: Some(5),
        ..pb::Finding::default()
    }
}

/// Nothing mends it.
fn missing() -> pb::Finding {
    pb::Finding {
        class: "MISSING_BLOCK".into(),
        is_repairable: false,
        proof: "its block was opened, and has no row".into(),
        repair: "none is proven: restore the ledger from a backup".into(),
        port_id: String::new(),
        ended_at: None,
        ..leaked()
    }
}

fn page(findings: Vec<pb::Finding>, next: &str) -> Turn {
    let subnets = vec![pb::SubnetFigures {
        subnet_id: SUBNET.into(),
        network_id: NETWORK.into(),
        label: "private".into(),
        is_pooled: true,
        size: 254,
        free: 250,
        held: 3,
        kept: 1,
        ..pb::SubnetFigures::default()
    }];
    let looked_at = Some(pb::AuditedCounts { subnets: 1, blocks: 1, addresses: 3, ranges: 0, quotas: 1 });
    let next_page_token = next.into();
    Turn::from(pb::AuditLedgerResponse { findings, subnets, looked_at, at: None, next_page_token })
}

fn mended(finding: pb::Finding) -> Turn {
    Turn::from(pb::RepairFindingResponse { finding: Some(finding) })
}

fn unproven() -> Turn {
    let details = ErrorDetails::with_error_info(
        "REPAIR_NOT_PROVEN",
        "lepton",
        [("class", "LEAKED_ADDRESS")].map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let text =
        "address 10.1.0.5 is not repaired (LEAKED_ADDRESS): the journal's last word on it is port.created";
    Turn::Refuse(Status::with_error_details(tonic::Code::FailedPrecondition, text, details))
}

#[tokio::test]
async fn an_audit_shows_the_findings_of_all_pages_and_fails_when_there_are_any() {
    let mut text = with_requests(&["audit"], [page(vec![leaked()], "more"), page(vec![missing()], "")]).await;
    text += &in_every_format(&["audit"], || page(vec![leaked(), miscounted()], "")).await;
    text += &in_every_format(&["audit"], || page(vec![], "")).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn repairs_mend_what_is_proven_and_say_what_is_left() {
    let findings = || page(vec![leaked(), miscounted(), missing()], "");
    let repaired = [findings(), mended(leaked()), mended(miscounted())];
    let mut text = shown(&["audit", "--repair"], repaired).await;
    text += &shown(
        &["audit", "--repair"],
        [findings(), unproven(), Turn::from(pb::RepairFindingResponse::default())],
    )
    .await;
    let all = [page(vec![leaked()], ""), mended(leaked())];
    text += &shown(&["audit", "--repair"], all).await;
    let all = [page(vec![leaked()], ""), unproven()];
    text += &shown(&["audit", "--repair", "-o", "yaml"], all).await;
    let dry = [page(vec![leaked()], ""), mended(leaked())];
    text += &shown(&["audit", "--repair", "--dry-run"], dry).await;
    text += &shown(&["audit", "--dry-run"], []).await;
    assert_snapshot!(text);
}
