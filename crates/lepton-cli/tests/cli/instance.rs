//! `lepton instance`.

use insta::assert_snapshot;
use lepton_proto::v1 as pb;

use crate::{
    fixtures::{INSTANCE, NETWORK, PORT, STORAGE, STORAGE_PORT, instance, moving},
    server::Turn,
    terminal::{in_every_format, shown, with_requests},
};

fn pending() -> Turn {
    instance(pb::PortStatus::Pending, "").into()
}

#[tokio::test]
async fn allocate_sends_every_option_and_shows_the_vnics() {
    let private = format!("{NETWORK},ip=10.1.0.2,ip=fd00:1::f816:3eff:fe11:2233");
    #[rustfmt::skip]
    let arguments = [
        "instance", "allocate", INSTANCE, "--project", "p1", "--host", "node-1", "--network", &private,
        "--network", STORAGE, "--allow-duplicate-networks", "--netns", "/run/netns/web1",
        "--guest-device", "eth%d", "--wait=5s", "--hostname", "web1", "--availability-zone", "nova",
        "--request-id", "r1",
    ];
    assert_snapshot!(in_every_format(&arguments, || instance(pb::PortStatus::Active, "").into()).await);
}

#[tokio::test]
async fn allocate_with_a_project_alone_leaves_the_rest_to_the_server() {
    let arguments = ["instance", "allocate", INSTANCE, "--project", "p1", "--request-id", "r1"];
    assert_snapshot!(with_requests(&arguments, [pending()]).await);
}

#[tokio::test]
async fn allocate_waits_half_a_minute_unless_told_otherwise() {
    let arguments = ["instance", "allocate", INSTANCE, "--project", "p1", "--wait", "--request-id", "r1"];
    let text = with_requests(&arguments, [instance(pb::PortStatus::Active, "").into()]).await;
    assert!(text.contains("seconds: 30,"), "{text}");
}

#[tokio::test]
async fn allocate_can_be_a_dry_run() {
    let arguments = ["instance", "allocate", INSTANCE, "--project", "p1", "--dry-run", "--request-id", "r1"];
    assert_snapshot!(with_requests(&arguments, [pending()]).await);
}

#[tokio::test]
async fn a_project_without_networks_gives_an_instance_without_vnics() {
    let nothing = || pb::NetworkInfo { vifs: vec![], ..instance(pb::PortStatus::Active, "") }.into();
    let arguments = ["instance", "allocate", INSTANCE, "--project", "p1", "--request-id", "r1"];
    assert_snapshot!(in_every_format(&arguments, nothing).await);
}

#[tokio::test]
async fn show_tells_why_a_port_is_not_plugged() {
    let failed = || instance(pb::PortStatus::Error, "Operation not permitted (os error 1)").into();
    assert_snapshot!(in_every_format(&["instance", "show", INSTANCE], failed).await);
}

#[tokio::test]
async fn show_tells_which_floating_ips_lead_to_it() {
    let answer = || {
        let mut info = instance(pb::PortStatus::Active, "");
        let link =
            |floating: &str| pb::FloatingLink { floating_ip: floating.into(), fixed_ip: "10.1.0.2".into() };
        let network = info.vifs[0].network.as_mut().unwrap();
        network.subnets[0].floating_ips = vec![link("172.24.4.1"), link("172.24.4.9")];
        info.into()
    };
    assert_snapshot!(in_every_format(&["instance", "show", INSTANCE], answer).await);
}

#[tokio::test]
async fn deallocate_lists_the_released_ports() {
    let released = vec![PORT.to_owned(), STORAGE_PORT.to_owned()];
    let answer = || pb::DeallocateForInstanceResponse { released_port_ids: released.clone() }.into();
    let arguments = ["instance", "deallocate", INSTANCE, "--incarnation", "2", "--request-id", "r1"];
    assert_snapshot!(in_every_format(&arguments, answer).await);
}

#[tokio::test]
async fn deallocate_of_nothing_says_so() {
    let arguments = ["instance", "deallocate", INSTANCE, "--dry-run", "--request-id", "r1"];
    assert_snapshot!(with_requests(&arguments, [pb::DeallocateForInstanceResponse::default().into()]).await);
}

#[tokio::test]
async fn validate_says_that_it_can_be() {
    let private = format!("{NETWORK},ip=10.1.0.5");
    let arguments =
        ["instance", "validate", "--project", "p1", "--network", &private, "--allow-duplicate-networks"];
    assert_snapshot!(in_every_format(&arguments, || pb::ValidateNetworksResponse {}.into()).await);
}

#[tokio::test]
async fn the_kernels_words_cannot_drive_the_terminal() {
    let failed = instance(pb::PortStatus::Error, "bad\u{1b}[2Jnews\n");
    let text = shown(&["instance", "show", INSTANCE], [failed.into()]).await;
    assert!(text.contains("vNIC 1: bad\\u{1b}[2Jnews\\n\n"), "{text}");
}

#[tokio::test]
async fn show_prints_the_forms_that_other_programs_read() {
    let mut text = String::new();
    for form in ["model", "legacy", "network-data"] {
        let json = format!("[{{\"form\":\"{form}\",\"dns\":[]}}]");
        let answer = || pb::GetInstanceNwInfoJsonResponse { json: json.clone() }.into();
        text += &in_every_format(&["instance", "show", INSTANCE, "--form", form], answer).await;
    }
    assert_snapshot!(text);
}

#[tokio::test]
async fn a_form_that_is_no_json_is_an_error() {
    let answer = pb::GetInstanceNwInfoJsonResponse { json: "bananas".into() };
    let arguments = ["instance", "show", INSTANCE, "--form", "model"];
    assert_snapshot!(shown(&arguments, [answer.into()]).await);
}

#[tokio::test]
async fn migrate_sends_every_option_and_shows_both_hosts() {
    #[rustfmt::skip]
    let arguments = [
        "instance", "migrate", INSTANCE, "--from", "node-1", "--to", "node-2", "--netns", "/run/netns/web2",
        "--guest-device", "eth%d", "--wait=5s", "--request-id", "r1",
    ];
    assert_snapshot!(in_every_format(&arguments, || moving().into()).await);
}

#[tokio::test]
async fn migrate_asks_where_the_instance_is_and_goes() {
    let settled = || Turn::from(instance(pb::PortStatus::Active, ""));
    let mut text = String::new();
    for (arguments, turns) in [
        (&["--to", "node-2"][..], [settled(), moving().into()]),
        (&["--finish"], [moving().into(), settled()]),
        (&["--abort"], [moving().into(), settled()]),
        (&["--abort", "--dry-run"], [settled(), settled()]),
        (&["--finish"], [settled(), settled()]),
    ] {
        let arguments = [&["instance", "migrate", INSTANCE], arguments].concat();
        text += &with_requests(&arguments, turns).await;
    }
    // Ids of requests are drawn.
    let lines = text.lines().filter(|line| !line.starts_with("    request_id: "));
    assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn a_migration_that_may_be_repeated_names_its_hosts() {
    let mut text = String::new();
    for arguments in [&["--to", "node-2"][..], &["--finish"], &["--finish", "--from", "node-1"], &["--abort"]]
    {
        let arguments = [&["instance", "migrate", INSTANCE, "--request-id", "r1"], arguments].concat();
        text += &shown(&arguments, []).await;
    }
    let named = ["instance", "migrate", INSTANCE, "--request-id", "r1", "--abort", "--to", "node-2"];
    text += &with_requests(&named, [instance(pb::PortStatus::Active, "").into()]).await;
    assert_snapshot!(text);
}

fn found(address: &str, next: &str) -> Turn {
    let found = pb::FoundInstance {
        instance_id: INSTANCE.into(),
        address: address.into(),
        project_id: "p1".into(),
        port_id: PORT.into(),
        floating_ip: String::new(),
    };
    pb::FindInstancesResponse { found: vec![found], next_page_token: next.into() }.into()
}

#[tokio::test]
async fn find_shows_a_line_for_each_address() {
    let arguments = ["instance", "find", "--cidr", "10.1.0.0/24", "--project", "p1"];
    assert_snapshot!(in_every_format(&arguments, || found("10.1.0.2", "")).await);
}

#[tokio::test]
async fn find_goes_on_behind_pages_without_anything() {
    let nothing = pb::FindInstancesResponse { found: vec![], next_page_token: "t2".into() };
    let turns = [found("10.1.0.2", "t1"), nothing.into(), found("10.1.0.20", "")];
    let arguments = ["instance", "find", "--regex", r"10\.1\.0\.2", "--ip-version", "4"];
    assert_snapshot!(with_requests(&arguments, turns).await);
}

#[tokio::test]
async fn find_follows_a_floating_ip() {
    let arguments = ["instance", "find", "--floating", "172.24.4.1"];
    let led_to = pb::FoundInstance {
        instance_id: INSTANCE.into(),
        address: "10.1.0.2".into(),
        project_id: "p1".into(),
        port_id: PORT.into(),
        floating_ip: "172.24.4.1".into(),
    };
    let led_to = || pb::FindInstancesResponse { found: vec![led_to.clone()], ..Default::default() }.into();
    let mut text = in_every_format(&arguments, led_to).await;
    text += &shown(&arguments, [pb::FindInstancesResponse::default().into()]).await;
    assert_snapshot!(text);
}

#[tokio::test]
async fn find_says_when_nobody_has_such_an_address() {
    let nothing = || pb::FindInstancesResponse::default().into();
    for which in [["--ip", "10.1.0.9"], ["--prefix", "10.1."]] {
        let text = with_requests(&["instance", "find", which[0], which[1]], [nothing()]).await;
        assert!(text.contains("No instance has such an address.") && text.contains(which[1]), "{text}");
    }
}
