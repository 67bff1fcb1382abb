//! Which instances have an address.

use lepton_proto::v1::{
    self, find_instances_request::Which, floating_ips_client::FloatingIpsClient,
    queries_client::QueriesClient,
};
use tonic::Code;

use crate::{
    problem::Problem,
    server::{PROJECT, Server, allocation, allocation_on, instance, requested},
};

fn search(which: Which) -> v1::FindInstancesRequest {
    v1::FindInstancesRequest { which: Some(which), ..Default::default() }
}

/// Instances and their addresses.
async fn found(server: &Server, request: v1::FindInstancesRequest) -> Vec<(String, String)> {
    let mut queries = QueriesClient::new(server.channel().await);
    let page = queries.find_instances(request).await.unwrap().into_inner();
    assert_eq!(page.next_page_token, "");
    page.found.into_iter().map(|found| (found.instance_id, found.address)).collect()
}

#[tokio::test]
async fn an_instance_is_found_by_its_address_a_range_a_beginning_and_a_pattern() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.1.0.0/24", "fd00::/64"]).await.id;
    for (number, v4, v6) in [(1, "10.1.0.5", "fd00::5"), (2, "10.1.0.50", "fd00::50")] {
        server.allocate(allocation_on(number, vec![requested(&id, &[v4, v6])])).await;
    }
    let all = [(1, "10.1.0.5"), (1, "fd00::5"), (2, "10.1.0.50"), (2, "fd00::50")]
        .map(|(number, address)| (instance(number), address.to_owned()));
    for (which, expected) in [
        (Which::Address("10.1.0.5".into()), &[0][..]),
        (Which::Address("fd00:0::50".into()), &[3]),
        (Which::Address("10.1.0.9".into()), &[]),
        (Which::Cidr("10.1.0.0/27".into()), &[0]),
        (Which::Cidr("fd00::/16".into()), &[1, 3]),
        (Which::Prefix("10.1.0.5".into()), &[0, 2]),
        (Which::Prefix("FD00:".into()), &[1, 3]),
        (Which::Pattern(r"10\.1\.0\.5$".into()), &[0]),
        (Which::Pattern("0".into()), &[]),
        (Which::Pattern(".*5".into()), &[0, 1, 2, 3]),
    ] {
        let expected: Vec<_> = expected.iter().map(|&index| all[index].clone()).collect();
        assert_eq!(found(&server, search(which.clone())).await, expected, "{which:?}");
    }
    let of_v6 = v1::FindInstancesRequest { ip_version: 6, ..search(Which::Pattern(".".into())) };
    assert_eq!(found(&server, of_v6).await, [all[1].clone(), all[3].clone()]);
    let of_others =
        v1::FindInstancesRequest { project_id: "red".into(), ..search(Which::Pattern(".".into())) };
    assert_eq!(found(&server, of_others).await, []);
}

#[tokio::test]
async fn an_instance_is_found_by_the_floating_ip_that_leads_to_it() {
    let server = Server::start().await;
    server.network("blue", &["10.1.0.0/24", "fd00::/64"]).await;
    for number in [1, 2] {
        server.allocate(allocation(number)).await;
    }
    let mut floating = FloatingIpsClient::new(server.channel().await);
    let ranges = vec!["172.24.4.0/24".to_owned()];
    let pool = v1::CreateFloatingPoolRequest { name: "nova".into(), ranges, ..Default::default() };
    floating.create_floating_pool(pool).await.unwrap();
    for _ in 0..2 {
        let wish = v1::AllocateFloatingIpRequest { project_id: PROJECT.into(), ..Default::default() };
        floating.allocate_floating_ip(wish).await.unwrap();
    }
    let lead = v1::AssociateFloatingIpRequest {
        address: "172.24.4.1".into(),
        instance_id: instance(2),
        ..Default::default()
    };
    floating.associate_floating_ip(lead).await.unwrap();
    let by = |address: &str| search(Which::FloatingIp(address.into()));
    assert_eq!(found(&server, by("172.24.4.1")).await, [(instance(2), "10.1.0.3".to_owned())]);
    assert_eq!(found(&server, by("172.24.4.2")).await, [], "it leads nowhere");
    let mut queries = QueriesClient::new(server.channel().await);
    for which in [Which::Pattern(r"172\.24\.".into()), Which::Prefix("172.24.4.1".into())] {
        let mut page = queries.find_instances(search(which)).await.unwrap().into_inner();
        let only = page.found.remove(0);
        assert_eq!((&*only.instance_id, &*only.address), (&*instance(2), "10.1.0.3"));
        assert_eq!((&*only.floating_ip, page.found.len()), ("172.24.4.1", 0));
    }
    let of_others = v1::FindInstancesRequest { project_id: "red".into(), ..by("172.24.4.1") };
    assert_eq!(found(&server, of_others).await, []);
    let problem = Problem::of(queries.find_instances(by("172.24.4.3")).await);
    let (metadata, words) = ([("floating_ip", "172.24.4.3")], ["172.24.4.3"]);
    problem.assert(Code::NotFound, "FLOATING_IP_NOT_FOUND", &metadata, &words);
    server.deallocate(2).await;
    assert_eq!(found(&server, by("172.24.4.1")).await, [], "what it led to is gone");
}

#[tokio::test]
async fn what_was_found_comes_in_pages() {
    let server = Server::start().await;
    let id = server.network("blue", &["10.1.0.0/24"]).await.id;
    for number in 1..=3 {
        server.allocate(allocation_on(number, vec![requested(&id, &[])])).await;
    }
    let mut queries = QueriesClient::new(server.channel().await);
    for which in [Which::Cidr("10.0.0.0/8".into()), Which::Pattern("10".into())] {
        let mut request = v1::FindInstancesRequest { page_size: 2, ..search(which.clone()) };
        let first = queries.find_instances(request.clone()).await.unwrap().into_inner();
        request.page_token = first.next_page_token;
        let second = queries.find_instances(request).await.unwrap().into_inner();
        assert_eq!(
            (first.found.len(), second.found.len(), &*second.next_page_token),
            (2, 1, ""),
            "{which:?}"
        );
    }
}

#[tokio::test]
async fn a_search_for_what_no_address_is_is_refused_by_its_field() {
    let server = Server::start().await;
    let mut queries = QueriesClient::new(server.channel().await);
    let at_v4 = v1::FindInstancesRequest { ip_version: 4, ..search(Which::Address("10.1.0.5".into())) };
    let of_v5 = v1::FindInstancesRequest { ip_version: 5, ..search(Which::Prefix("10".into())) };
    let elsewhere = v1::FindInstancesRequest {
        page_token: "10.1.0.5 00000000-0000-0000-0000-000000000001".into(),
        ..search(Which::Prefix("10".into()))
    };
    let large = v1::FindInstancesRequest { page_size: 1001, ..search(Which::Prefix("10".into())) };
    for (request, field, words) in [
        (
            v1::FindInstancesRequest::default(),
            "address",
            "is required, or cidr, prefix, pattern or floating_ip",
        ),
        (search(Which::Address("web1".into())), "address", "is not an IP address"),
        (search(Which::FloatingIp("web1".into())), "floating_ip", "is not an IP address"),
        (
            v1::FindInstancesRequest {
                page_token: "10.1.0.5".into(),
                ..search(Which::FloatingIp("172.24.4.1".into()))
            },
            "page_token",
            "is not a next_page_token",
        ),
        (
            v1::FindInstancesRequest { ip_version: 4, ..search(Which::FloatingIp("172.24.4.1".into())) },
            "ip_version",
            "goes with prefix or pattern",
        ),
        (search(Which::Cidr("10.1.0.5/24".into())), "cidr", "has host bits set"),
        (search(Which::Prefix("web".into())), "prefix", "is not the beginning of an IP address"),
        (search(Which::Pattern("10.(1".into())), "pattern", "unclosed group"),
        (search(Which::Pattern("(1{200}){200}".into())), "pattern", "too much memory"),
        (search(Which::Pattern("1".repeat(300))), "pattern", "300 bytes"),
        (at_v4, "ip_version", "goes with prefix or pattern"),
        (of_v5, "ip_version", "expected 4 or 6"),
        (elsewhere, "page_token", "is not a next_page_token"),
        (large, "page_size", "expected 0 to 1000"),
    ] {
        Problem::of(queries.find_instances(request).await).assert_fields(&[(field, words)]);
    }
}
