//! `lepton.v1.Ports`: what each call answers and refuses.

use lepton_proto::v1::{self, ports_client::PortsClient};
use tonic::{Code, transport::Channel};

use crate::{
    problem::Problem,
    server::{HOST, OTHER_HOST, PROJECT, Server, UNKNOWN, allocation, instance, network, port_ids},
};

async fn ports(server: &Server) -> PortsClient<Channel> {
    PortsClient::new(server.channel().await)
}

fn by_id(id: &str) -> v1::GetPortRequest {
    v1::GetPortRequest { port_id: id.into(), ..Default::default() }
}

fn by_mac(mac: &str) -> v1::GetPortRequest {
    v1::GetPortRequest { mac_address: mac.into(), ..Default::default() }
}

#[tokio::test]
async fn a_port_is_shown_with_its_network_and_addresses() {
    let server = Server::start().await;
    let made = server.create(network("blue", &["10.1.0.0/24", "fd00:1::/64"])).await;
    let info = server.allocate(allocation(1)).await;
    let vif = &info.vifs[0];
    let mut client = ports(&server).await;
    let shown = client.get_port(by_id(&vif.id)).await.unwrap().into_inner();
    assert_eq!(client.get_port(by_mac(&vif.mac_address)).await.unwrap().into_inner(), shown);
    assert_eq!(
        (&shown.id, &shown.instance_id, &shown.mac_address),
        (&vif.id, &instance(1), &vif.mac_address)
    );
    assert_eq!((&*shown.project_id, &shown.network_id, &*shown.network_label), (PROJECT, &made.id, "blue"));
    assert_eq!((&shown.host, &shown.device, &shown.binding), (&info.host, &vif.device, &vif.binding));
    assert_eq!((shown.incarnation, shown.position, shown.is_released), (1, 0, false));
    assert!(shown.destination_host.is_empty() && shown.destination.is_none() && shown.created_at.is_some());
    let subnets = &vif.network.as_ref().unwrap().subnets;
    let addresses = subnets.iter().map(|subnet| v1::PortFixedIp {
        subnet_id: subnet.id.clone(),
        address: subnet.fixed_ips[0].clone(),
        is_leaving: false,
    });
    let mut expected: Vec<_> = addresses.collect();
    expected.sort_by(|one, other| one.subnet_id.cmp(&other.subnet_id));
    assert_eq!(shown.fixed_ips, expected);

    let listed = client.list_ports(v1::ListPortsRequest::default()).await.unwrap().into_inner();
    assert_eq!((listed.ports, &*listed.next_page_token), (vec![shown], ""));
}

#[tokio::test]
async fn pages_of_ports_follow_each_other() {
    let server = Server::start().await;
    server.create(network("blue", &["10.1.0.0/24"])).await;
    for number in 1..=5 {
        server.allocate(allocation(number)).await;
    }
    let mut client = ports(&server).await;
    let mut request = v1::ListPortsRequest { page_size: 2, ..Default::default() };
    let (mut ids, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let page = client.list_ports(request.clone()).await.unwrap().into_inner();
        sizes.push(page.ports.len());
        ids.extend(page.ports.into_iter().map(|port| port.id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
}

/// The ids on each page, one page after the other.
async fn pages(client: &mut PortsClient<Channel>, mut request: v1::ListPortsRequest) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page = client.list_ports(request.clone()).await.unwrap().into_inner();
        pages.push(page.ports.into_iter().map(|port| port.id).collect());
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return pages;
        }
    }
}

#[tokio::test]
async fn a_hosts_ports_come_as_they_changed_and_one_projects_on_pages_that_may_be_short() {
    let server = Server::start().await;
    let id = server.create(network("blue", &["10.1.0.0/16"])).await.id;
    let request = |number, count, host: &str| v1::AllocateForInstanceRequest {
        host: host.into(),
        networks: vec![v1::RequestedNetwork { network_id: id.clone(), ..Default::default() }; count],
        allow_duplicate_networks: true,
        ..allocation(number)
    };
    let first = port_ids(&server.allocate(request(1, 1, OTHER_HOST)).await);
    for number in 2..=6 {
        server.allocate(request(number, 60, HOST)).await;
    }
    let last = port_ids(&server.allocate(request(7, 1, OTHER_HOST)).await);
    let mut client = ports(&server).await;
    let on_host = v1::ListPortsRequest { host: OTHER_HOST.into(), page_size: 1, ..Default::default() };
    assert_eq!(pages(&mut client, on_host.clone()).await, [first.clone(), last.clone()]);

    let of_project = v1::ListPortsRequest { project_id: PROJECT.into(), page_size: 10, ..on_host.clone() };
    let short = pages(&mut client, of_project.clone()).await;
    assert_eq!(short.len(), 2, "256 of 302 are looked at, and then the rest");
    let mut found = short.concat();
    found.sort_unstable();
    assert_eq!(found, {
        let mut both = [first, last].concat();
        both.sort_unstable();
        both
    });

    // What goes by one order does not go on in the other one.
    let token = client.list_ports(on_host.clone()).await.unwrap().into_inner().next_page_token;
    let wrong = v1::ListPortsRequest { page_token: token, ..of_project };
    Problem::of(client.list_ports(wrong).await).assert_fields(&[("page_token", "not a next_page_token")]);
}

#[tokio::test]
async fn what_is_wrong_with_a_question_about_ports_is_told() {
    let server = Server::start().await;
    server.create(network("blue", &["10.1.0.0/24"])).await;
    let mut client = ports(&server).await;
    for (request, metadata, named) in [
        (by_id(UNKNOWN), ("port_id", UNKNOWN), UNKNOWN),
        (by_mac("02:00:00:00:00:01"), ("mac_address", "02:00:00:00:00:01"), "02:00:00:00:00:01"),
    ] {
        let problem = Problem::read(&client.get_port(request).await.unwrap_err());
        problem.assert(Code::NotFound, "PORT_NOT_FOUND", &[metadata], &[named]);
    }
    for (request, field) in [
        (v1::GetPortRequest::default(), "port_id"),
        (by_id("bananas"), "port_id"),
        (by_mac("fa:16"), "mac_address"),
        (v1::GetPortRequest { mac_address: "02:00:00:00:00:01".into(), ..by_id(UNKNOWN) }, "mac_address"),
    ] {
        let problem = Problem::read(&client.get_port(request).await.unwrap_err());
        assert_eq!((problem.code, &*problem.reason), (Code::InvalidArgument, "INVALID_FIELD"));
        assert_eq!(problem.violations.iter().map(|wrong| &*wrong.0).collect::<Vec<_>>(), [field]);
    }
    let list = v1::ListPortsRequest::default;
    for (request, field) in [
        (v1::ListPortsRequest { network_id: "bananas".into(), ..list() }, "network_id"),
        (v1::ListPortsRequest { instance_id: "bananas".into(), ..list() }, "instance_id"),
        (v1::ListPortsRequest { host: "a b".into(), ..list() }, "host"),
        (v1::ListPortsRequest { network_id: UNKNOWN.into(), host: "a".into(), ..list() }, "host"),
        (v1::ListPortsRequest { page_size: 1001, ..list() }, "page_size"),
        (v1::ListPortsRequest { page_token: UNKNOWN.into(), ..list() }, "page_token"),
    ] {
        let problem = Problem::read(&client.list_ports(request).await.unwrap_err());
        assert_eq!((problem.code, &*problem.reason), (Code::InvalidArgument, "INVALID_FIELD"));
        assert_eq!(problem.violations.iter().map(|wrong| &*wrong.0).collect::<Vec<_>>(), [field]);
    }
}
