//! Who held what, over a socket.

use std::time::{Duration, SystemTime};

use lepton_proto::v1::{
    self, floating_ips_client::FloatingIpsClient, history_client::HistoryClient, list_holders_request::What,
};
use prost_types::Timestamp;
use tonic::transport::Channel;

use crate::{
    problem::Problem,
    server::{HOST, PROJECT, Server, allocation, instance},
};

fn of(address: &str) -> v1::ListHoldersRequest {
    v1::ListHoldersRequest { what: Some(What::Address(address.into())), ..Default::default() }
}

fn of_instance(id: &str) -> v1::ListHoldersRequest {
    v1::ListHoldersRequest { what: Some(What::InstanceId(id.into())), ..Default::default() }
}

fn of_port(id: &str) -> v1::ListHoldersRequest {
    v1::ListHoldersRequest { what: Some(What::PortId(id.into())), ..Default::default() }
}

fn of_mac(mac: &str) -> v1::ListHoldersRequest {
    v1::ListHoldersRequest { what: Some(What::Mac(mac.into())), ..Default::default() }
}

async fn client(server: &Server) -> HistoryClient<Channel> {
    HistoryClient::new(server.channel().await)
}

async fn ask(
    client: &mut HistoryClient<Channel>,
    request: v1::ListHoldersRequest,
) -> v1::ListHoldersResponse {
    client.list_holders(request).await.unwrap().into_inner()
}

/// A time so many seconds from now.
fn ahead(seconds: u64) -> Option<Timestamp> {
    Some((SystemTime::now() + Duration::from_secs(seconds)).into())
}

#[tokio::test]
async fn who_held_an_address_or_a_mac_is_told_with_all_that_is_known_of_the_port() {
    let server = Server::start().await;
    let network = server.network("tiny", &["10.1.0.0/30"]).await;
    let mut client = client(&server).await;
    let vif = server.allocate(allocation(1)).await.vifs.remove(0);
    let released = server.deallocate(1).await;
    server.unplugged(&released).await;
    let second = server.allocate(allocation(2)).await.vifs.remove(0);

    let page = ask(&mut client, of("10.1.0.2")).await;
    assert_eq!((&*page.next_page_token, &page.remembered_since), ("", &None));
    let [first, last] = &page.holdings[..] else { panic!("{page:?}") };
    let expected = v1::Holding {
        kind: v1::HoldingKind::FixedIp.into(),
        address: "10.1.0.2".into(),
        mac: vif.mac_address.clone(),
        project_id: PROJECT.into(),
        port_id: vif.id.clone(),
        instance_id: instance(1),
        incarnation: 1,
        network_id: network.id.clone(),
        host_id: HOST.into(),
        has_moved: false,
        fixed_ip: String::new(),
        subnet_id: network.subnets[0].id.clone(),
        pool_id: String::new(),
        since: first.since,
        until: first.until,
    };
    assert_eq!(first, &expected);
    let moment = |time: &Option<Timestamp>| time.map(|time| (time.seconds, time.nanos));
    assert!(moment(&first.since) < moment(&first.until) && moment(&first.until) <= moment(&last.since));
    assert_eq!((&last.port_id, last.until), (&second.id, None));

    // At its beginning it is the port's, and at its end it is not any more.
    for (at, expected) in [(first.since, Some(&vif.id)), (first.until, None)] {
        let page = ask(&mut client, v1::ListHoldersRequest { at, ..of("10.1.0.2") }).await;
        let told = page.holdings.first().map(|holding| &holding.port_id);
        assert_eq!(told.filter(|port| **port != second.id), expected);
    }
    let until = first.until;
    let page = ask(&mut client, v1::ListHoldersRequest { until, ..of("10.1.0.2") }).await;
    assert_eq!(page.holdings, std::slice::from_ref(&expected));

    let page = ask(&mut client, of_mac(&vif.mac_address)).await;
    let of_mac = v1::Holding {
        kind: v1::HoldingKind::Mac.into(),
        address: String::new(),
        subnet_id: String::new(),
        ..expected
    };
    assert_eq!(page.holdings, [of_mac]);
    let of_others = v1::ListHoldersRequest { project_id: "red".into(), ..of("10.1.0.2") };
    assert_eq!(ask(&mut client, of_others).await.holdings, []);
}

#[tokio::test]
async fn what_an_instance_and_a_port_held_is_told_in_pages() {
    let server = Server::start().await;
    server.network("private", &["10.1.0.0/24"]).await;
    let mut client = client(&server).await;
    let first = server.allocate(allocation(1)).await.vifs.remove(0);
    server.allocate(allocation(2)).await;
    let released = server.deallocate(1).await;
    server.unplugged(&released).await;
    let second = server.allocate(allocation(1)).await.vifs.remove(0);

    let page = ask(&mut client, of_instance(&instance(1))).await;
    assert_eq!((&*page.next_page_token, &page.remembered_since), ("", &None));
    let told = |holding: &v1::Holding| {
        let what = if holding.address.is_empty() { &holding.mac } else { &holding.address };
        (holding.kind(), what.clone(), holding.port_id.clone(), holding.incarnation, holding.until.is_some())
    };
    let of = |vif: &v1::Vif, address: &str, life, has_ended| {
        let row = |kind, what: &str| (kind, what.to_owned(), vif.id.clone(), life, has_ended);
        [row(v1::HoldingKind::FixedIp, address), row(v1::HoldingKind::Mac, &vif.mac_address)]
    };
    let address = |vif: &v1::Vif| vif.network.as_ref().unwrap().subnets[0].fixed_ips[0].clone();
    let lives = [of(&first, &address(&first), 1, true), of(&second, &address(&second), 2, false)];
    assert_eq!(page.holdings.iter().map(told).collect::<Vec<_>>(), lives.concat());
    for (vif, life) in [(&first, &lives[0]), (&second, &lives[1])] {
        let page = ask(&mut client, of_port(&vif.id)).await;
        assert_eq!(
            (page.holdings.iter().map(told).collect::<Vec<_>>(), &*page.next_page_token),
            (life.to_vec(), "")
        );
    }

    for (question, expected) in
        [(of_instance(&instance(1)), &page.holdings[..]), (of_port(&second.id), &page.holdings[2..])]
    {
        let (mut question, mut seen) = (v1::ListHoldersRequest { page_size: 1, ..question }, Vec::new());
        loop {
            let page = ask(&mut client, question.clone()).await;
            seen.extend(page.holdings);
            question.page_token = page.next_page_token;
            if question.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, expected);
    }
    for nothing in [of_instance(&instance(9)), of_port(&instance(9))] {
        assert_eq!(ask(&mut client, nothing).await.holdings, [], "it never was");
    }
}

#[tokio::test]
async fn a_floating_ip_is_told_with_its_pool_and_where_it_led() {
    let server = Server::start().await;
    server.network("private", &["10.1.0.0/24"]).await;
    let vif = server.allocate(allocation(1)).await.vifs.remove(0);
    let mut floating = FloatingIpsClient::new(server.channel().await);
    let ranges = vec!["172.24.4.1".to_owned()];
    let pool = v1::CreateFloatingPoolRequest { name: "nova".into(), ranges, ..Default::default() };
    let pool = floating.create_floating_pool(pool).await.unwrap().into_inner();
    let wish = v1::AllocateFloatingIpRequest { project_id: PROJECT.into(), ..Default::default() };
    floating.allocate_floating_ip(wish).await.unwrap();
    let lead = v1::AssociateFloatingIpRequest {
        address: "172.24.4.1".into(),
        instance_id: instance(1),
        ..Default::default()
    };
    floating.associate_floating_ip(lead).await.unwrap();

    let mut client = client(&server).await;
    let page = ask(&mut client, of("172.24.4.1")).await;
    let [free, led] = &page.holdings[..] else { panic!("{page:?}") };
    assert_eq!((free.kind(), led.kind()), (v1::HoldingKind::FloatingIp, v1::HoldingKind::FloatingIp));
    assert_eq!((&free.pool_id, &*free.port_id, &*free.fixed_ip), (&pool.id, "", ""));
    assert_eq!((&led.port_id, &*led.fixed_ip, &led.instance_id), (&vif.id, "10.1.0.2", &instance(1)));
    assert_eq!((&led.since, led.until), (&free.until, None));
    let mut first = v1::ListHoldersRequest { page_size: 1, ..of("172.24.4.1") };
    let page = ask(&mut client, first.clone()).await;
    assert_eq!(page.holdings, std::slice::from_ref(free));
    first.page_token = page.next_page_token;
    let page = ask(&mut client, first).await;
    assert_eq!((page.holdings, &*page.next_page_token), (vec![led.clone()], ""));
}

#[tokio::test]
async fn a_question_about_no_thing_or_no_time_is_refused_by_its_field() {
    let server = Server::start().await;
    let mut client = client(&server).await;
    let at = |seconds, nanos| Some(Timestamp { seconds, nanos });
    let earlier = || v1::ListHoldersRequest { since: at(20, 1), ..of("10.1.0.2") };
    for (request, field, words) in [
        (v1::ListHoldersRequest::default(), "address", "is required, or mac"),
        (of("web1"), "address", "is not an IP address"),
        (of(""), "address", "is required"),
        (of_mac("10.1.0.5"), "mac", "is not a MAC address"),
        (of_instance("web1"), "instance_id", "is not a UUID"),
        (of_instance(""), "instance_id", "is required"),
        (of_port("02:16:3e:00:00:01"), "port_id", "is not a UUID"),
        (v1::ListHoldersRequest { at: at(20, 0), ..earlier() }, "at", "leave it out, or since and until"),
        (v1::ListHoldersRequest { until: at(20, 0), ..earlier() }, "until", "is not after since"),
        (v1::ListHoldersRequest { until: at(20, 1), ..earlier() }, "until", "is not after since"),
        (v1::ListHoldersRequest { at: at(0, 1_000_000_000), ..of("10.1.0.2") }, "at", "no time"),
        (v1::ListHoldersRequest { since: at(1 << 40, 0), ..of("10.1.0.2") }, "since", "years 1 to 9999"),
        (v1::ListHoldersRequest { at: ahead(3600), ..of("10.1.0.2") }, "at", "has not come yet"),
        (v1::ListHoldersRequest { since: ahead(3600), ..of("10.1.0.2") }, "since", "has not come yet"),
        (v1::ListHoldersRequest { page_size: 1001, ..of("10.1.0.2") }, "page_size", "expected 0 to 1000"),
        (
            v1::ListHoldersRequest { page_token: "- mac".into(), ..of("10.1.0.2") },
            "page_token",
            "next_page_token",
        ),
        (v1::ListHoldersRequest { project_id: "a b".into(), ..of("10.1.0.2") }, "project_id", "a b"),
    ] {
        Problem::of(client.list_holders(request).await).assert_fields(&[(field, words)]);
    }
    let to_come = v1::ListHoldersRequest { until: ahead(3600), ..of("10.1.0.2") };
    assert_eq!(ask(&mut client, to_come).await.holdings, [], "a span may not be over yet");
}
