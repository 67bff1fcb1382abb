//! `lepton.v1.Audits`: what an audit tells, and what its repairs mend and refuse.

use lepton_manager::Role;
use lepton_proto::v1::{self, audits_client::AuditsClient};
use sqlx::Connection;
use tonic::{Code, transport::Channel};

use crate::{
    problem::Problem,
    server::{Options, PROJECT, Server, allocation, fixed_ips},
};

async fn client(server: &Server) -> AuditsClient<Channel> {
    AuditsClient::new(server.channel().await)
}

/// All pages as one.
async fn audit(client: &mut AuditsClient<Channel>) -> v1::AuditLedgerResponse {
    let (mut all, mut page_token) = (v1::AuditLedgerResponse::default(), String::new());
    loop {
        let page = client.audit_ledger(v1::AuditLedgerRequest { page_token }).await.unwrap().into_inner();
        assert!(page.at.is_some());
        all.findings.extend(page.findings);
        all.subnets.extend(page.subnets);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

/// Does something behind the server's back.
async fn behind(server: &Server, statement: &'static str) {
    let mut database = server.database().await;
    assert_eq!(sqlx::query(statement).execute(&mut database).await.unwrap().rows_affected(), 1);
    database.close().await.unwrap();
}

fn repair(finding: &v1::Finding) -> v1::RepairFindingRequest {
    let v1::Finding { class, thing, .. } = finding.clone();
    v1::RepairFindingRequest { class, thing, ..Default::default() }
}

/// A server with a network and two instances.
async fn with_instances() -> (Server, v1::Network) {
    let server = Server::start().await;
    let network = server.network("blue", &["10.0.0.0/24", "fd00:1::/64"]).await;
    server.allocate(allocation(1)).await;
    server.allocate(allocation(2)).await;
    (server, network)
}

#[tokio::test]
async fn an_audit_tells_what_subnets_have_and_of_a_sound_ledger_nothing_else() {
    let (server, network) = with_instances().await;
    let mut all = audit(&mut client(&server).await).await;
    assert_eq!(all.findings, []);
    all.subnets.sort_by_key(|figures| !figures.is_pooled);
    let [pooled, eui64] = &all.subnets[..] else { panic!("{all:?}") };
    let expected = v1::SubnetFigures {
        subnet_id: network.subnets[0].id.clone(),
        network_id: network.id.clone(),
        label: "blue".into(),
        is_pooled: true,
        size: 254,
        free: 251,
        held: 2,
        kept: 1,
        ..Default::default()
    };
    assert_eq!(pooled, &expected);
    assert_eq!((eui64.is_pooled, eui64.size, eui64.held, eui64.outside), (false, 0, 2, 2));
}

#[tokio::test]
async fn a_counter_that_is_wrong_is_told_with_both_numbers_and_counted_again_once() {
    let (server, _) = with_instances().await;
    behind(&server, "UPDATE quotas SET ports_used = 7 WHERE project_id = 'blue'").await;
    let mut client = client(&server).await;
    let found = audit(&mut client).await.findings;
    let expected = v1::Finding {
        class: "MISCOUNTED_QUOTA".into(),
        thing: Some(v1::AuditedThing {
            project_id: PROJECT.into(),
            resource: "ports".into(),
            ..Default::default()
        }),
        proof: "the ledger keeps 7, and counting comes to 2".into(),
        repair: "set the counter to what is counted".into(),
        is_repairable: true,
        kept: Some(7),
        counted: Some(2),
        ..Default::default()
    };
    assert_eq!(found, std::slice::from_ref(&expected));

    let before = server.dump().await;
    let dry = v1::RepairFindingRequest { validate_only: true, ..repair(&expected) };
    assert_eq!(client.repair_finding(dry).await.unwrap().into_inner().finding.as_ref(), Some(&expected));
    assert_eq!(server.dump().await, before);

    let once = v1::RepairFindingRequest { request_id: "once".into(), ..repair(&expected) };
    for _ in 0..2 {
        let mended = client.repair_finding(once.clone()).await.unwrap().into_inner();
        assert_eq!(mended.finding.as_ref(), Some(&expected), "a repetition is answered the same");
    }
    assert_eq!(audit(&mut client).await.findings, []);
    let again = client.repair_finding(repair(&expected)).await.unwrap().into_inner();
    assert_eq!(again.finding, None, "what is not there is not mended");
}

#[tokio::test]
async fn an_address_that_nobody_has_is_given_back_on_proof_alone() {
    let (server, _) = with_instances().await;
    let mut client = client(&server).await;
    let held = fixed_ips(&server.info(2).await.unwrap());
    behind(&server, "DELETE FROM fixed_ips WHERE address = x'0a000003'").await;
    assert!(held.contains(&"10.0.0.3".to_owned()));
    let found = audit(&mut client).await.findings;
    let leaked = found.iter().find(|finding| finding.class == "LEAKED_ADDRESS").unwrap();
    assert_eq!((leaked.thing.as_ref().unwrap().address.as_str(), leaked.is_repairable), ("10.0.0.3", false));
    assert!(leaked.repair.contains("whoever had it may have it still"), "{leaked:?}");
    let problem = Problem::of(client.repair_finding(repair(leaked)).await);
    assert_eq!((problem.code, &*problem.reason), (Code::FailedPrecondition, "REPAIR_NOT_PROVEN"));
    assert_eq!(problem.metadata["class"], "LEAKED_ADDRESS");
    assert!(problem.metadata["thing"].contains("10.0.0.3"));
}

#[tokio::test]
async fn what_an_address_says_of_itself_is_told_with_who_has_it() {
    let (server, _) = with_instances().await;
    let mut client = client(&server).await;
    // Of 10.0.0.0 to 10.0.0.3 all are taken, and so is 10.0.0.255.
    behind(
        &server,
        "UPDATE blocks SET free = 252, taken = x'0700000000000000000000000000000000000000000000000000000000000080'
         WHERE hex(taken) = '0F00000000000000000000000000000000000000000000000000000000000080'",
    )
    .await;
    let found = audit(&mut client).await.findings;
    let [unmarked] = &found[..] else { panic!("{found:?}") };
    let port = &server.info(2).await.unwrap().vifs[0].id;
    assert_eq!((&*unmarked.class, &unmarked.port_id), ("UNMARKED_ADDRESS", port));
    client.repair_finding(repair(unmarked)).await.unwrap();
    assert_eq!(audit(&mut client).await.findings, []);
}

#[tokio::test]
async fn wrong_repairs_and_pages_are_named_all_at_once() {
    let (server, network) = with_instances().await;
    let mut client = client(&server).await;
    let problem = Problem::of(client.audit_ledger(v1::AuditLedgerRequest { page_token: "x".into() }).await);
    problem.assert_fields(&[("page_token", "not a next_page_token")]);
    let nothing = Problem::of(client.repair_finding(v1::RepairFindingRequest::default()).await);
    nothing.assert_fields(&[("class", "is required"), ("thing.subnet_id", "is required")]);
    let thing = |address: &str, project: &str, resource: &str| {
        Some(v1::AuditedThing {
            subnet_id: if project.is_empty() { network.subnets[0].id.clone() } else { String::new() },
            address: address.into(),
            project_id: project.into(),
            resource: resource.into(),
        })
    };
    for (class, thing, wrong) in [
        ("LOST", thing("10.0.0.300", "", ""), vec![("class", "LOST"), ("thing.address", "10.0.0.300")]),
        ("MISCOUNTED_QUOTA", thing("", "p1", "shoes"), vec![("thing.resource", "shoes")]),
        ("MISCOUNTED_QUOTA", thing("10.0.0.3", "p1", "ports"), vec![("thing.project_id", "leave it out")]),
    ] {
        let request = v1::RepairFindingRequest { class: class.into(), thing, ..Default::default() };
        Problem::of(client.repair_finding(request).await).assert_fields(&wrong);
    }
}

#[tokio::test]
async fn readers_audit_and_admins_repair() {
    for role in [Role::Reader, Role::Compute] {
        let server = Server::with(Options { loopback_role: Some(role), ..Options::default() }).await;
        let mut client = AuditsClient::new(server.channel_over_tcp().await);
        let outcome = client.audit_ledger(v1::AuditLedgerRequest::default()).await;
        assert_eq!(outcome.is_ok(), role == Role::Reader);
        let problem = Problem::of(client.repair_finding(v1::RepairFindingRequest::default()).await);
        assert_eq!((problem.code, &*problem.reason), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
        assert_eq!(problem.metadata["allowed_roles"], "admin");
    }
}
