//! `lepton.v1.Dns`: what each call answers and refuses.

use lepton_manager::Role;
use lepton_proto::v1::{self, DnsDomainScope, dns_client::DnsClient};
use tonic::{Code, transport::Channel};

use crate::{
    problem::Problem,
    repeating::repeats,
    server::{Client, Options, PROJECT, Server, UNKNOWN, allocation, instance, network},
};

const DOMAIN: &str = "example.org";

fn public(domain: &str, project_id: &str) -> v1::CreateDnsDomainRequest {
    v1::CreateDnsDomainRequest {
        domain: domain.into(),
        scope: DnsDomainScope::Public.into(),
        project_id: project_id.into(),
        ..Default::default()
    }
}

fn private(domain: &str, availability_zone: &str) -> v1::CreateDnsDomainRequest {
    v1::CreateDnsDomainRequest {
        scope: DnsDomainScope::Private.into(),
        availability_zone: availability_zone.into(),
        ..public(domain, "")
    }
}

fn addition(name: &str, address: &str) -> v1::AddDnsEntryRequest {
    v1::AddDnsEntryRequest {
        domain: DOMAIN.into(),
        name: name.into(),
        address: address.into(),
        ..Default::default()
    }
}

fn modification(name: &str, address: &str) -> v1::ModifyDnsEntryRequest {
    let v1::AddDnsEntryRequest { domain, name, address, .. } = addition(name, address);
    v1::ModifyDnsEntryRequest { domain, name, address, ..Default::default() }
}

fn deletion(name: &str, record_type: &str) -> v1::DeleteDnsEntryRequest {
    v1::DeleteDnsEntryRequest {
        domain: DOMAIN.into(),
        name: name.into(),
        r#type: record_type.into(),
        ..Default::default()
    }
}

fn domain_deletion() -> v1::DeleteDnsDomainRequest {
    v1::DeleteDnsDomainRequest { domain: DOMAIN.into(), ..Default::default() }
}

fn list() -> v1::ListDnsEntriesRequest {
    v1::ListDnsEntriesRequest { domain: DOMAIN.into(), ..Default::default() }
}

async fn dns(server: &Server) -> DnsClient<Channel> {
    DnsClient::new(server.channel().await)
}

/// A server with the domain.
async fn with_domain() -> (Server, DnsClient<Channel>) {
    let server = Server::start().await;
    let mut client = dns(&server).await;
    client.create_dns_domain(public(DOMAIN, PROJECT)).await.unwrap();
    (server, client)
}

/// `name address` of each entry.
async fn found(client: &mut DnsClient<Channel>, request: v1::ListDnsEntriesRequest) -> Vec<String> {
    let page = client.list_dns_entries(request).await.unwrap().into_inner();
    page.entries.iter().map(|entry| format!("{} {}", entry.name, entry.address)).collect()
}

#[tokio::test]
async fn a_domain_is_made_changed_listed_and_deleted_with_its_entries() {
    let (_server, mut client) = with_domain().await;
    client.add_dns_entry(addition("www", "172.24.4.10")).await.unwrap();
    let made = client.create_dns_domain(private("Guests.Example.", "nova")).await.unwrap().into_inner();
    let told = (&*made.domain, made.scope(), &*made.project_id, &*made.availability_zone);
    assert_eq!(told, ("guests.example", DnsDomainScope::Private, "", "nova"));
    assert!(made.created_at.is_some());
    let changed = client.create_dns_domain(public(DOMAIN, "")).await.unwrap().into_inner();
    assert_eq!((changed.scope(), &*changed.project_id), (DnsDomainScope::Public, ""));
    assert_eq!(found(&mut client, list()).await, ["www 172.24.4.10"]);

    let mut listed = Vec::new();
    let mut request = v1::ListDnsDomainsRequest { page_size: 1, ..Default::default() };
    loop {
        let page = client.list_dns_domains(request.clone()).await.unwrap().into_inner();
        listed.extend(page.domains);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, [changed, made]);

    client.delete_dns_domain(domain_deletion()).await.unwrap();
    client.create_dns_domain(public(DOMAIN, "")).await.unwrap();
    assert_eq!(found(&mut client, list()).await, [""; 0]);
}

#[tokio::test]
async fn names_are_added_changed_found_and_taken_away() {
    let (_server, mut client) = with_domain().await;
    let typed = v1::AddDnsEntryRequest { r#type: "aaaa".into(), ..addition("WWW", "FD00::10") };
    let made = client.add_dns_entry(typed).await.unwrap().into_inner();
    assert_eq!((&*made.name, &*made.r#type, &*made.address), ("www", "AAAA", "fd00::10"));
    assert_eq!((&*made.subnet_id, &*made.port_id), ("", ""));
    for (name, address) in [("www", "172.24.4.10"), ("mail", "172.24.4.10")] {
        client.add_dns_entry(addition(name, address)).await.unwrap();
    }
    client.modify_dns_entry(modification("www", "172.24.4.11")).await.unwrap();
    client.add_dns_entry(addition("ftp", "172.24.4.10")).await.unwrap();

    let all = ["ftp 172.24.4.10", "mail 172.24.4.10", "www 172.24.4.11", "www fd00::10"];
    assert_eq!(found(&mut client, list()).await, all);
    let named = v1::ListDnsEntriesRequest { name: "www".into(), ..list() };
    assert_eq!(found(&mut client, named).await, all[2..]);
    let of_address = v1::ListDnsEntriesRequest { address: "172.24.4.10".into(), ..list() };
    assert_eq!(found(&mut client, of_address.clone()).await, all[..2]);
    let everywhere = v1::ListDnsEntriesRequest { domain: String::new(), ..of_address };
    assert_eq!(found(&mut client, everywhere).await, all[..2]);

    let mut request = v1::ListDnsEntriesRequest { page_size: 3, ..list() };
    let page = client.list_dns_entries(request.clone()).await.unwrap().into_inner();
    assert_eq!(page.entries.len(), 3);
    request.page_token = page.next_page_token;
    let page = client.list_dns_entries(request).await.unwrap().into_inner();
    assert_eq!((page.entries, page.next_page_token), (vec![made], String::new()));

    client.delete_dns_entry(deletion("www", "a")).await.unwrap();
    client.delete_dns_entry(deletion("mail", "")).await.unwrap();
    assert_eq!(found(&mut client, list()).await, ["ftp 172.24.4.10", "www fd00::10"]);
}

#[tokio::test]
async fn a_bound_name_goes_with_its_instance() {
    let (server, mut client) = with_domain().await;
    let made = server.network("private", &["10.0.0.0/24"]).await;
    let port = server.allocate(allocation(1)).await.vifs.remove(0).id;
    let bound = v1::AddDnsEntryRequest { instance_id: instance(1), ..addition("web", "10.0.0.2") };
    let entry = client.add_dns_entry(bound).await.unwrap().into_inner();
    assert_eq!((entry.subnet_id, entry.port_id), (made.subnets[0].id.clone(), port));
    client.add_dns_entry(addition("by-hand", "10.0.0.2")).await.unwrap();
    server.deallocate(1).await;
    assert_eq!(found(&mut client, list()).await, ["by-hand 10.0.0.2"]);
}

#[tokio::test]
async fn every_refusal_says_what_it_is_about() {
    let (server, mut client) = with_domain().await;
    client.add_dns_entry(addition("www", "172.24.4.10")).await.unwrap();
    let problem = Problem::of(client.add_dns_entry(addition("www", "172.24.4.11")).await);
    let metadata = [("domain", DOMAIN), ("name", "www"), ("address", "172.24.4.10")];
    problem.assert(Code::AlreadyExists, "FLOATING_IP_DNS_EXISTS", &metadata, &["www.example.org"]);

    let no_entry = |record_type: &'static str| {
        let record_type = Some(("type", record_type)).filter(|(_, record_type)| !record_type.is_empty());
        [("domain", DOMAIN), ("name", "ftp")].into_iter().chain(record_type).collect::<Vec<_>>()
    };
    let problem = Problem::of(client.modify_dns_entry(modification("ftp", "fd00::1")).await);
    problem.assert(Code::NotFound, "DNS_ENTRY_NOT_FOUND", &no_entry("AAAA"), &["ftp.example.org", "AAAA"]);
    let problem = Problem::of(client.delete_dns_entry(deletion("ftp", "")).await);
    problem.assert(Code::NotFound, "DNS_ENTRY_NOT_FOUND", &no_entry(""), &["ftp.example.org"]);

    let unknown = v1::AddDnsEntryRequest { instance_id: UNKNOWN.into(), ..addition("web", "10.0.0.2") };
    let problem = Problem::of(client.add_dns_entry(unknown).await);
    problem.assert(Code::NotFound, "INSTANCE_NOT_FOUND", &[("instance_id", UNKNOWN)], &[UNKNOWN]);
    server.network("private", &["10.0.0.0/24"]).await;
    server.allocate(allocation(1)).await;
    let foreign = v1::AddDnsEntryRequest { instance_id: instance(1), ..addition("web", "10.0.0.3") };
    let problem = Problem::of(client.add_dns_entry(foreign).await);
    problem.assert_fields(&[("address", "10.0.0.3 is no fixed IP of instance")]);

    client.delete_dns_domain(domain_deletion()).await.unwrap();
    for problem in [
        Problem::of(client.add_dns_entry(addition("www", "172.24.4.11")).await),
        Problem::of(client.modify_dns_entry(modification("www", "172.24.4.11")).await),
        Problem::of(client.delete_dns_entry(deletion("www", "")).await),
        Problem::of(client.list_dns_entries(list()).await),
        Problem::of(client.delete_dns_domain(domain_deletion()).await),
    ] {
        problem.assert(Code::NotFound, "DNS_DOMAIN_NOT_FOUND", &[("domain", DOMAIN)], &[DOMAIN]);
    }
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let (_server, mut client) = with_domain().await;
    let problem = Problem::of(client.create_dns_domain(v1::CreateDnsDomainRequest::default()).await);
    problem.assert_fields(&[("domain", "is required"), ("scope", "is required")]);
    let both = v1::CreateDnsDomainRequest { project_id: "blue".into(), ..private("a_b.org", "nova") };
    let problem = Problem::of(client.create_dns_domain(both).await);
    problem.assert_fields(&[("domain", "the label \"a_b\""), ("project_id", "is for public domains")]);
    let both = v1::CreateDnsDomainRequest { availability_zone: "nova".into(), ..public("bücher.org", "") };
    let problem = Problem::of(client.create_dns_domain(both).await);
    problem.assert_fields(&[("domain", "begins with xn--"), ("availability_zone", "is for private")]);
    let unknown = v1::CreateDnsDomainRequest { scope: 7, ..public("a.org", "a b") };
    let problem = Problem::of(client.create_dns_domain(unknown).await);
    problem.assert_fields(&[("project_id", "not a valid project id"), ("scope", "7 is no scope")]);
    let problem = Problem::of(client.delete_dns_domain(v1::DeleteDnsDomainRequest::default()).await);
    problem.assert_fields(&[("domain", "is required")]);

    let problem = Problem::of(client.add_dns_entry(v1::AddDnsEntryRequest::default()).await);
    problem.assert_fields(&[("domain", "is required"), ("name", "is required"), ("address", "is required")]);
    let wrong = v1::AddDnsEntryRequest { r#type: "CNAME".into(), ..addition("10.1.0.2", "www") };
    let problem = Problem::of(client.add_dns_entry(wrong).await);
    let fields = [
        ("name", "looks like an address"),
        ("address", "is not an IP address"),
        ("type", "expected A or AAAA"),
    ];
    problem.assert_fields(&fields);
    let other = v1::AddDnsEntryRequest { r#type: "A".into(), ..addition("www", "fd00::1") };
    let problem = Problem::of(client.add_dns_entry(other).await);
    problem.assert_fields(&[("type", "A is not the type of fd00::1, which is AAAA")]);
    let long = vec!["a".repeat(60); 4].join(".");
    let problem = Problem::of(client.add_dns_entry(addition(&long, "10.1.0.2")).await);
    problem.assert_fields(&[("name", "has 255 characters (expected at most 253)")]);
    let instance_id = "web1".into();
    let named = v1::AddDnsEntryRequest { instance_id, ..addition("www", "10.1.0.2") };
    Problem::of(client.add_dns_entry(named).await).assert_fields(&[("instance_id", "is not a UUID")]);

    let problem = Problem::of(client.modify_dns_entry(v1::ModifyDnsEntryRequest::default()).await);
    problem.assert_fields(&[("domain", "is required"), ("name", "is required"), ("address", "is required")]);
    let problem = Problem::of(client.delete_dns_entry(deletion("", "MX")).await);
    problem.assert_fields(&[("name", "is required"), ("type", "expected A or AAAA")]);
}

#[tokio::test]
async fn a_question_says_where_to_look() {
    let (mut server, mut client) = with_domain().await;
    let nowhere = v1::ListDnsEntriesRequest::default();
    let problem = Problem::of(client.list_dns_entries(nowhere.clone()).await);
    problem.assert_fields(&[("domain", "is required, or address")]);
    let name = v1::ListDnsEntriesRequest { name: "www".into(), ..nowhere.clone() };
    let problem = Problem::of(client.list_dns_entries(name).await);
    problem.assert_fields(&[("domain", "is required with a name")]);
    let pages = v1::ListDnsEntriesRequest { page_size: 1001, page_token: "www".into(), ..list() };
    let problem = Problem::of(client.list_dns_entries(pages).await);
    problem.assert_fields(&[("page_size", "0 to 1000"), ("page_token", "not a next_page_token")]);
    let pages = v1::ListDnsDomainsRequest { page_size: -1, page_token: "a b".into() };
    let problem = Problem::of(client.list_dns_domains(pages).await);
    problem.assert_fields(&[("page_size", "0 to 1000"), ("page_token", "not a next_page_token")]);

    let mut member = DnsClient::new(server.member_of(PROJECT).await);
    let address = v1::ListDnsEntriesRequest { address: "10.1.0.2".into(), ..nowhere };
    let problem = Problem::of(member.list_dns_entries(address).await);
    problem.assert_fields(&[("domain", "is required of a tenant")]);
}

#[tokio::test]
async fn a_tenant_names_things_in_its_own_domains_and_reads_what_is_open_to_all() {
    let (mut server, mut client) = with_domain().await;
    client.create_dns_domain(public("open.example", "")).await.unwrap();
    client.create_dns_domain(private("guests.example", "")).await.unwrap();
    let mut member = DnsClient::new(server.member_of(PROJECT).await);
    let seen = member.list_dns_domains(v1::ListDnsDomainsRequest::default()).await.unwrap().into_inner();
    let seen: Vec<_> = seen.domains.iter().map(|domain| &*domain.domain).collect();
    assert_eq!(seen, [DOMAIN, "open.example"]);
    member.add_dns_entry(addition("www", "172.24.4.10")).await.unwrap();
    member.modify_dns_entry(modification("www", "172.24.4.11")).await.unwrap();
    member.delete_dns_entry(deletion("www", "")).await.unwrap();

    let open = || "open.example".to_owned();
    let mut entry = addition("www", "172.24.4.10");
    entry.domain = open();
    client.add_dns_entry(entry.clone()).await.unwrap();
    let listed = found(&mut member, v1::ListDnsEntriesRequest { domain: open(), ..list() }).await;
    assert_eq!(listed, ["www 172.24.4.10"]);
    let modify = v1::ModifyDnsEntryRequest { domain: open(), ..modification("www", "172.24.4.12") };
    let delete = v1::DeleteDnsEntryRequest { domain: open(), ..deletion("www", "") };
    for problem in [
        Problem::of(member.add_dns_entry(entry).await),
        Problem::of(member.modify_dns_entry(modify).await),
        Problem::of(member.delete_dns_entry(delete).await),
    ] {
        let metadata = [("allowed_project_id", PROJECT)];
        problem.assert(
            Code::PermissionDenied,
            "PROJECT_NOT_ALLOWED",
            &metadata,
            &["what all projects share"],
        );
    }
}

#[tokio::test]
async fn only_admins_and_tenants_change_names_and_only_admins_domains() {
    let server = Server::with(Options { loopback_role: Some(Role::Reader), ..Options::default() }).await;
    dns(&server).await.create_dns_domain(public(DOMAIN, PROJECT)).await.unwrap();
    let mut reader = DnsClient::new(server.channel_over_tcp().await);
    for (problem, roles) in [
        (Problem::of(reader.create_dns_domain(public("a.org", "")).await), "admin"),
        (Problem::of(reader.delete_dns_domain(domain_deletion()).await), "admin"),
        (Problem::of(reader.add_dns_entry(addition("www", "10.1.0.2")).await), "admin, member"),
        (Problem::of(reader.modify_dns_entry(modification("www", "10.1.0.2")).await), "admin, member"),
        (Problem::of(reader.delete_dns_entry(deletion("www", "")).await), "admin, member"),
    ] {
        assert_eq!((problem.code, &*problem.reason), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
        assert_eq!(problem.metadata["allowed_roles"], roles);
    }
    assert_eq!(found(&mut reader, list()).await, [""; 0]);
    reader.list_dns_domains(v1::ListDnsDomainsRequest::default()).await.unwrap();
}

#[tokio::test]
async fn every_change_can_be_repeated() {
    let request_id = |id: &str| id.to_owned();
    let create = v1::CreateDnsDomainRequest { request_id: request_id("1"), ..public(DOMAIN, "") };
    let add = v1::AddDnsEntryRequest { request_id: request_id("2"), ..addition("www", "10.1.0.2") };
    let modify = v1::ModifyDnsEntryRequest { request_id: request_id("3"), ..modification("www", "10.1.0.3") };
    let delete = v1::DeleteDnsEntryRequest { request_id: request_id("4"), ..deletion("www", "") };
    let end = v1::DeleteDnsDomainRequest { request_id: request_id("5"), ..domain_deletion() };
    let server = Server::start().await;
    let mut client = dns(&server).await;
    let made = client.create_dns_domain(create.clone()).await.unwrap().into_inner();
    let added = client.add_dns_entry(add.clone()).await.unwrap().into_inner();
    let modified = client.modify_dns_entry(modify.clone()).await.unwrap().into_inner();
    client.delete_dns_entry(delete.clone()).await.unwrap();
    client.delete_dns_domain(end.clone()).await.unwrap();

    let before = server.dump().await;
    assert_eq!(client.create_dns_domain(create.clone()).await.unwrap().into_inner(), made);
    assert_eq!(client.add_dns_entry(add).await.unwrap().into_inner(), added);
    assert_eq!(client.modify_dns_entry(modify).await.unwrap().into_inner(), modified);
    client.delete_dns_entry(delete).await.unwrap();
    client.delete_dns_domain(end).await.unwrap();
    assert_eq!(server.dump().await, before);
    let other = v1::CreateDnsDomainRequest { domain: "other.org".into(), ..create };
    let problem = Problem::of(client.create_dns_domain(other).await);
    assert_eq!(problem.reason, "REQUEST_ID_REUSED");
    // A repetition at another service is told apart, too.
    let spec = v1::CreateNetworksRequest {
        networks: vec![network("n", &[])],
        request_id: request_id("6"),
        ..Default::default()
    };
    repeats(server, async |client: &mut Client| client.create_networks(spec.clone()).await).await;
}

#[tokio::test]
async fn a_dry_run_tells_what_would_be_and_changes_nothing() {
    let (server, mut client) = with_domain().await;
    client.add_dns_entry(addition("www", "172.24.4.10")).await.unwrap();
    let before = server.dump().await;
    let validate_only = true;
    let create = v1::CreateDnsDomainRequest { validate_only, ..public("a.org", "") };
    assert_eq!(client.create_dns_domain(create).await.unwrap().into_inner().domain, "a.org");
    let add = v1::AddDnsEntryRequest { validate_only, ..addition("ftp", "172.24.4.10") };
    assert_eq!(client.add_dns_entry(add).await.unwrap().into_inner().name, "ftp");
    let modify = v1::ModifyDnsEntryRequest { validate_only, ..modification("www", "172.24.4.11") };
    assert_eq!(client.modify_dns_entry(modify).await.unwrap().into_inner().address, "172.24.4.11");
    let delete = v1::DeleteDnsEntryRequest { validate_only, ..deletion("www", "") };
    client.delete_dns_entry(delete).await.unwrap();
    let end = v1::DeleteDnsDomainRequest { validate_only, ..domain_deletion() };
    client.delete_dns_domain(end).await.unwrap();
    assert_eq!(server.dump().await, before);
}
