//! `lepton dns`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;
use prost_types::Timestamp;

use crate::{
    fixtures::{INSTANCE, PORT, SUBNET},
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

/// 2026-01-02T03:04:05Z
fn then() -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_767_323_045, nanos: 0 })
}

fn public() -> pb::DnsDomain {
    pb::DnsDomain {
        domain: "example.org".into(),
        scope: pb::DnsDomainScope::Public.into(),
        project_id: "p1".into(),
        created_at: then(),
        ..pb::DnsDomain::default()
    }
}

fn private() -> pb::DnsDomain {
    pb::DnsDomain {
        domain: "guests.example".into(),
        scope: pb::DnsDomainScope::Private.into(),
        project_id: String::new(),
        availability_zone: "nova".into(),
        ..public()
    }
}

fn entry(name: &str, record_type: &str, address: &str) -> pb::DnsEntry {
    pb::DnsEntry {
        domain: "example.org".into(),
        name: name.into(),
        r#type: record_type.into(),
        address: address.into(),
        created_at: then(),
        ..pb::DnsEntry::default()
    }
}

fn www() -> pb::DnsEntry {
    entry("www", "A", "172.24.4.10")
}

fn bound() -> pb::DnsEntry {
    pb::DnsEntry { subnet_id: SUBNET.into(), port_id: PORT.into(), ..entry("web", "A", "10.1.0.2") }
}

fn page(entries: Vec<pb::DnsEntry>, next: &str) -> Turn {
    pb::ListDnsEntriesResponse { entries, next_page_token: next.into() }.into()
}

#[tokio::test]
async fn domain_create_sends_every_option_and_shows_the_domain() {
    let arguments = ["dns", "domain", "create", "example.org", "--project", "p1", "--request-id", "r1"];
    let mut text = in_every_format(&arguments, || public().into()).await;
    #[rustfmt::skip]
    let arguments = [
        "dns", "domain", "create", "guests.example", "--private", "--availability-zone", "nova", "--dry-run",
        "--request-id", "r1",
    ];
    text += &with_requests(&arguments, [private().into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn domain_list_shows_a_line_for_each_domain() {
    let mut of_tomorrow = public();
    of_tomorrow.domain = "tomorrow.example".into();
    of_tomorrow.scope = 7;
    let domains = || pb::ListDnsDomainsResponse {
        domains: vec![public(), private(), of_tomorrow.clone()],
        next_page_token: String::new(),
    };
    let mut text = in_every_format(&["dns", "domain", "list"], || domains().into()).await;
    let none = pb::ListDnsDomainsResponse::default();
    text += &shown(&["dns", "domain", "list"], [none.into()]).await;
    let more = pb::ListDnsDomainsResponse { next_page_token: "b".into(), ..domains() };
    text += &with_requests(&["dns", "domain", "list", "--limit", "2"], [more.into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn domain_delete_says_what_is_gone() {
    let arguments = ["dns", "domain", "delete", "example.org", "--request-id", "r1"];
    let mut text = in_every_format(&arguments, || pb::DeleteDnsDomainResponse {}.into()).await;
    let arguments = ["dns", "domain", "delete", "example.org", "--dry-run", "--request-id", "r1"];
    text += &with_requests(&arguments, [pb::DeleteDnsDomainResponse {}.into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn add_sends_every_option_and_shows_the_name() {
    #[rustfmt::skip]
    let arguments = [
        "dns", "add", "example.org", "web", "10.1.0.2", "--type", "A", "--instance", INSTANCE, "--request-id", "r1",
    ];
    let mut text = in_every_format(&arguments, || bound().into()).await;
    let arguments = ["dns", "add", "example.org", "www", "172.24.4.10", "--dry-run", "--request-id", "r1"];
    text += &with_requests(&arguments, [www().into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn modify_shows_where_the_name_leads() {
    #[rustfmt::skip]
    let arguments = [
        "dns", "modify", "example.org", "web", "10.1.0.2", "--instance", INSTANCE, "--request-id", "r1",
    ];
    let mut text = with_requests(&arguments, [bound().into()]).await;
    let arguments = ["dns", "modify", "example.org", "www", "172.24.4.10", "--dry-run", "--request-id", "r1"];
    text += &with_requests(&arguments, [www().into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn remove_says_what_is_gone() {
    let arguments = ["dns", "remove", "example.org", "www", "--type", "AAAA", "--request-id", "r1"];
    let mut text = in_every_format(&arguments, || pb::DeleteDnsEntryResponse {}.into()).await;
    let arguments = ["dns", "remove", "example.org", "www", "--dry-run", "--request-id", "r1"];
    text += &with_requests(&arguments, [pb::DeleteDnsEntryResponse {}.into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn list_fetches_page_after_page() {
    let first = page(vec![bound(), www()], "next");
    let second = page(vec![entry("www", "AAAA", "fd00::10")], "");
    assert_snapshot!(with_requests(&["dns", "list", "example.org"], [first, second]).await);
}

#[tokio::test]
async fn list_finds_the_names_of_an_address() {
    let arguments = ["dns", "list", "--address", "172.24.4.10", "--limit", "1"];
    let mut text = in_every_format(&arguments, || page(vec![www()], "next")).await;
    text += &shown(&["dns", "list", "example.org"], [page(vec![], "")]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn show_tells_where_a_name_leads() {
    let both = || page(vec![www(), entry("www", "AAAA", "fd00::10")], "");
    assert_snapshot!(in_every_format(&["dns", "show", "example.org", "www"], both).await);
}
