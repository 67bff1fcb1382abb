//! Instances' own names: what an allocation makes of its hostname.

use lepton_proto::v1::{self, DnsDomainScope, dns_client::DnsClient};
use tonic::Code;

use crate::{
    problem::Problem,
    server::{Options, Server, allocation, instance},
};

const DOMAIN: &str = "guests.example";

async fn with_names() -> Server {
    let server = Server::with(Options { instance_domain: Some(DOMAIN), ..Options::default() }).await;
    server.network("private", &["10.0.0.0/24"]).await;
    server
}

fn named(number: u128, hostname: &str) -> v1::AllocateForInstanceRequest {
    v1::AllocateForInstanceRequest { hostname: hostname.into(), ..allocation(number) }
}

/// `name address` of each entry of the domain; none when there is no such domain.
async fn names(server: &Server) -> Vec<String> {
    let request = v1::ListDnsEntriesRequest { domain: DOMAIN.into(), ..Default::default() };
    let page = DnsClient::new(server.channel().await).list_dns_entries(request).await;
    let entries = page.map(|page| page.into_inner().entries).unwrap_or_default();
    entries.iter().map(|entry| format!("{} {}", entry.name, entry.address)).collect()
}

#[tokio::test]
async fn an_instance_has_names_from_its_allocation_to_its_deallocation() {
    let server = with_names().await;
    server.allocate(named(1, "web")).await;
    assert_eq!(names(&server).await, [format!("{} 10.0.0.2", instance(1)), "web 10.0.0.2".to_owned()]);
    server.deallocate(1).await;
    assert_eq!(names(&server).await, [""; 0]);
}

#[tokio::test]
async fn a_name_that_is_taken_or_none_is_refused() {
    let server = with_names().await;
    server.allocate(named(1, "web")).await;
    let problem = server.refuses(async |client| client.allocate_for_instance(named(2, "web")).await).await;
    let metadata = [("domain", DOMAIN), ("name", "web"), ("address", "10.0.0.2"), ("field", "hostname")];
    problem.assert(Code::AlreadyExists, "FLOATING_IP_DNS_EXISTS", &metadata, &["web.guests.example"]);
    let wrong = v1::AllocateForInstanceRequest { availability_zone: "a b".into(), ..named(2, "web_1") };
    let problem = server.refuses(async |client| client.allocate_for_instance(wrong).await).await;
    problem.assert_fields(&[
        ("hostname", "the label \"web_1\""),
        ("availability_zone", "not a valid availability zone"),
    ]);
    server.allocate(named(2, "")).await;
}

#[tokio::test]
async fn b57_the_zone_of_a_domain_is_compared_with_the_instances() {
    let server = with_names().await;
    let domain = v1::CreateDnsDomainRequest {
        domain: DOMAIN.into(),
        scope: DnsDomainScope::Private.into(),
        availability_zone: "nova".into(),
        ..Default::default()
    };
    DnsClient::new(server.channel().await).create_dns_domain(domain).await.unwrap();
    let in_zone = |number, zone: &str| v1::AllocateForInstanceRequest {
        availability_zone: zone.into(),
        ..named(number, &format!("web{number}"))
    };
    for request in [named(1, "web1"), in_zone(2, "mars")] {
        server.allocate(request).await;
    }
    assert_eq!(names(&server).await, [""; 0]);
    server.allocate(in_zone(3, "nova")).await;
    assert_eq!(names(&server).await, [format!("{} 10.0.0.4", instance(3)), "web3 10.0.0.4".to_owned()]);
}

#[tokio::test]
async fn a_failed_wait_takes_the_names_back() {
    let server = with_names().await;
    let wait_for_active = Some(prost_types::Duration { seconds: 0, nanos: 1_000_000 });
    let request = v1::AllocateForInstanceRequest { wait_for_active, ..named(1, "web") };
    let problem = Problem::of(server.client().await.allocate_for_instance(request).await);
    assert_eq!(problem.reason, "PORT_PLUG_TIMEOUT");
    assert_eq!(names(&server).await, [""; 0]);
}
