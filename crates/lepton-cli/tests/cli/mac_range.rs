//! `lepton mac-range`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;

use crate::terminal::{in_every_format, shown, with_requests};

const ID: &str = "11111111-1111-4111-8111-111111111111";

fn range() -> pb::MacRange {
    pb::MacRange {
        id: ID.into(),
        range: "02:16:3e:00:00:00/24".into(),
        size: 1 << 24,
        drawn: 12,
        created_at: None,
    }
}

#[tokio::test]
async fn ranges_are_made_shown_listed_and_deleted() {
    let create = ["mac-range", "create", "02:16:3e:00:00:00/24", "--request-id", "r1"];
    let mut text = with_requests(&create, [range().into()]).await;
    let rehearsed = ["mac-range", "create", "02:16:3e:00:00:00/24", "--request-id", "r1", "--dry-run"];
    text += &with_requests(&rehearsed, [range().into()]).await;
    text += &in_every_format(&["mac-range", "show", ID], || range().into()).await;
    let list = || pb::ListMacRangesResponse { mac_ranges: vec![range()] }.into();
    text += &in_every_format(&["mac-range", "list"], list).await;
    text += &shown(&["mac-range", "list"], [pb::ListMacRangesResponse::default().into()]).await;
    let delete = ["mac-range", "delete", ID, "--request-id", "r1"];
    text += &with_requests(&delete, [pb::DeleteMacRangeResponse {}.into()]).await;
    assert_snapshot!(text);
}
