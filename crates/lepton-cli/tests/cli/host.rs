//! `lepton host`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;

use crate::{
    fixtures::{PORT, STORAGE_PORT},
    terminal::{in_every_format, with_requests},
};

#[tokio::test]
async fn fence_lists_what_ended_and_what_lives() {
    let answer = || {
        pb::FenceHostResponse {
            ended_port_ids: vec![PORT.to_owned()],
            departed_port_ids: vec![],
            live_port_ids: vec![STORAGE_PORT.to_owned()],
            has_more: false,
        }
        .into()
    };
    assert_snapshot!(in_every_format(&["host", "fence", "nod7", "--request-id", "r1"], answer).await);
}

#[tokio::test]
async fn fence_says_when_one_call_was_not_enough() {
    let ended_port_ids = vec![PORT.to_owned()];
    let answer = || {
        pb::FenceHostResponse { ended_port_ids: ended_port_ids.clone(), has_more: true, ..Default::default() }
            .into()
    };
    assert_snapshot!(in_every_format(&["host", "fence", "nod7", "--request-id", "r1"], answer).await);
}

#[tokio::test]
async fn fence_may_be_a_dry_run() {
    let arguments = ["host", "fence", "nod7", "--dry-run", "--request-id", "r1"];
    assert_snapshot!(with_requests(&arguments, [pb::FenceHostResponse::default().into()]).await);
}
