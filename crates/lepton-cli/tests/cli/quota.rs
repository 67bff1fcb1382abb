//! `lepton quota`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;

use crate::{
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

fn usage(used: u64, limit: Option<u32>, is_default: bool) -> Option<pb::QuotaUsage> {
    Some(pb::QuotaUsage { used, limit, is_default })
}

fn quota() -> pb::Quota {
    pb::Quota {
        project_id: "p1".into(),
        networks: usage(2, None, true),
        ports: usage(120, Some(100), false),
        fixed_ips: usage(240, None, false),
        floating_ips: usage(0, Some(10), true),
    }
}

fn page(quotas: Vec<pb::Quota>, next: &str) -> Turn {
    pb::ListQuotasResponse { quotas, next_page_token: next.into() }.into()
}

#[tokio::test]
async fn show_tells_what_a_project_has_and_may_have() {
    let mut text = in_every_format(&["quota", "show", "p1"], || quota().into()).await;
    text += &with_requests(&["quota", "show"], [quota().into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn limits_are_set_lifted_and_left_to_the_configuration() {
    #[rustfmt::skip]
    let all = [
        "quota", "set", "p1", "--networks", "0", "--ports", "100", "--fixed-ips", "unlimited", "--floating-ips", "default",
        "--request-id", "r1",
    ];
    let mut text = with_requests(&all, [quota().into()]).await;
    let one = ["quota", "set", "p1", "--ports", "100", "--dry-run", "--request-id", "r1"];
    text += &in_every_format(&one, || quota().into()).await;
    text += &shown(&["quota", "set", "p1"], []).await;
    text += &shown(&["quota", "set", "p1", "--ports=-1"], []).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn list_shows_projects_of_all_pages() {
    let other = || pb::Quota { project_id: "p2".into(), ..quota() };
    let mut text =
        with_requests(&["quota", "list"], [page(vec![quota()], "p1"), page(vec![other()], "")]).await;
    text += &in_every_format(&["quota", "list", "--limit", "1"], || page(vec![quota()], "p1")).await;
    text += &shown(&["quota", "list"], [page(vec![], "")]).await;
    assert_snapshot!(text);
}
