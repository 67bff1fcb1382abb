//! `lepton.v1.Quotas`: what each call answers and refuses.

use lepton_manager::Role;
use lepton_proto::v1::{
    self, floating_ips_client::FloatingIpsClient, quota_limit::Limit as Wanted, quotas_client::QuotasClient,
};
use lepton_types::{Amounts, Limit};
use tonic::{Code, transport::Channel};

use crate::{
    problem::Problem,
    server::{Options, PROJECT, Server, allocation},
};

type Client = QuotasClient<Channel>;

fn get(project_id: &str) -> v1::GetQuotaRequest {
    v1::GetQuotaRequest { project_id: project_id.into() }
}

fn limit(limit: Wanted) -> Option<v1::QuotaLimit> {
    Some(v1::QuotaLimit { limit: Some(limit) })
}

/// Sets how many ports a project may have.
fn ports(project_id: &str, wanted: Wanted) -> v1::SetQuotaRequest {
    v1::SetQuotaRequest { project_id: project_id.into(), ports: limit(wanted), ..Default::default() }
}

fn usage(used: u64, limit: impl Into<Option<u32>>, is_default: bool) -> Option<v1::QuotaUsage> {
    Some(v1::QuotaUsage { used, limit: limit.into(), is_default })
}

async fn client(server: &Server) -> Client {
    QuotasClient::new(server.channel().await)
}

/// A server with a network, an instance of the project's, and limits of the configuration's.
async fn with_an_instance() -> (Server, Client) {
    let limits = Amounts { networks: Limit::AtMost(3), ..Amounts::DEFAULT };
    let server = Server::with(Options { limits, ..Options::default() }).await;
    server.network("blue", &["10.0.0.0/24", "fd00:1::/64"]).await;
    server.allocate(allocation(1)).await;
    let client = client(&server).await;
    (server, client)
}

#[tokio::test]
async fn a_quota_tells_what_is_used_and_which_limits_are_the_configurations() {
    let (_server, mut client) = with_an_instance().await;
    let set =
        v1::SetQuotaRequest { fixed_ips: limit(Wanted::AtMost(7)), ..ports(PROJECT, Wanted::Unlimited(())) };
    let answer = client.set_quota(set).await.unwrap().into_inner();
    let expected = v1::Quota {
        project_id: PROJECT.into(),
        networks: usage(0, 3, true),
        ports: usage(1, None, false),
        fixed_ips: usage(2, 7, false),
        floating_ips: usage(0, 10, true),
    };
    assert_eq!(answer, expected);
    assert_eq!(client.get_quota(get(PROJECT)).await.unwrap().into_inner(), expected);

    let back = client.set_quota(ports(PROJECT, Wanted::Configured(()))).await.unwrap().into_inner();
    assert_eq!(back, v1::Quota { ports: usage(1, None, true), ..expected }, "and the other limit stays");
    let unknown = client.get_quota(get("nobody")).await.unwrap().into_inner();
    assert_eq!((unknown.ports, unknown.networks), (usage(0, None, true), usage(0, 3, true)));
}

#[tokio::test]
async fn a_limit_below_what_is_used_takes_nothing_away_and_gives_nothing_more() {
    let (server, mut client) = with_an_instance().await;
    let lowered = client.set_quota(ports(PROJECT, Wanted::AtMost(0))).await.unwrap().into_inner();
    assert_eq!(lowered.ports, usage(1, 0, false));
    assert_eq!(server.info(1).await.unwrap().vifs.len(), 1);
    let problem = server.refuses(async |client| client.allocate_for_instance(allocation(2)).await).await;
    let metadata =
        [("project_id", PROJECT), ("resource", "ports"), ("limit", "0"), ("used", "1"), ("wanted", "1")];
    problem.assert(Code::ResourceExhausted, "QUOTA_EXCEEDED", &metadata, &["may have 0 ports, and has 1"]);
    client.set_quota(ports(PROJECT, Wanted::AtMost(2))).await.unwrap();
    server.allocate(allocation(2)).await;
}

#[tokio::test]
async fn projects_are_listed_in_the_order_of_their_names_a_page_at_a_time() {
    let (_server, mut client) = with_an_instance().await;
    for project in ["amber", "Zinc", "cyan"] {
        client.set_quota(ports(project, Wanted::AtMost(1))).await.unwrap();
    }
    client.set_quota(ports("unchanged", Wanted::Configured(()))).await.unwrap();
    let mut listed = Vec::new();
    let mut request = v1::ListQuotasRequest { page_size: 2, ..Default::default() };
    loop {
        let page = client.list_quotas(request.clone()).await.unwrap().into_inner();
        assert!(page.quotas.len() <= 2);
        listed.extend(page.quotas.into_iter().map(|quota| (quota.project_id, quota.ports)));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    let one = |project: &str| (project.to_owned(), usage(0, 1, false));
    assert_eq!(listed, [one("Zinc"), one("amber"), (PROJECT.to_owned(), usage(1, None, true)), one("cyan")]);
}

#[tokio::test]
async fn wrong_limits_and_pages_are_named_all_at_once() {
    let (_server, mut client) = with_an_instance().await;
    let problem = Problem::of(client.get_quota(get("")).await);
    problem.assert_fields(&[("project_id", "is required")]);
    let nothing = Problem::of(client.set_quota(v1::SetQuotaRequest::default()).await);
    nothing.assert_fields(&[("project_id", "is required"), ("networks", "or the limit of another resource")]);
    let empty = Some(v1::QuotaLimit { limit: None });
    let wrong = v1::SetQuotaRequest {
        ports: empty,
        floating_ips: empty,
        project_id: "a b".into(),
        ..Default::default()
    };
    Problem::of(client.set_quota(wrong).await).assert_fields(&[
        ("project_id", "a b"),
        ("ports", "says no limit"),
        ("floating_ips", "says no limit"),
    ]);
    let wrong = v1::ListQuotasRequest { page_size: 1001, page_token: "a b".into() };
    let problem = Problem::of(client.list_quotas(wrong).await);
    problem.assert_fields(&[("page_size", "0 to 1000"), ("page_token", "not a next_page_token")]);
}

#[tokio::test]
async fn b55_a_tenant_sees_its_own_quota_and_sets_none() {
    let (mut server, _) = with_an_instance().await;
    let mut member = QuotasClient::new(server.member_of(PROJECT).await);
    for request in [get(""), get(PROJECT)] {
        assert_eq!(member.get_quota(request).await.unwrap().into_inner().ports, usage(1, None, true));
    }
    let problem = Problem::of(member.get_quota(get("red")).await);
    let metadata = [("project_id", "red")];
    assert_eq!((problem.code, &*problem.reason), (Code::PermissionDenied, "PROJECT_NOT_ALLOWED"));
    assert_eq!(problem.metadata[metadata[0].0], metadata[0].1);
    for (problem, roles) in [
        (Problem::of(member.set_quota(ports(PROJECT, Wanted::Unlimited(()))).await), "admin"),
        (Problem::of(member.list_quotas(v1::ListQuotasRequest::default()).await), "admin, compute, reader"),
    ] {
        assert_eq!((problem.code, &*problem.reason), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
        assert_eq!(problem.metadata["allowed_roles"], roles);
    }
}

#[tokio::test]
async fn readers_and_compute_agents_see_quotas_and_set_none() {
    for role in [Role::Reader, Role::Compute] {
        let server = Server::with(Options { loopback_role: Some(role), ..Options::default() }).await;
        let mut client = QuotasClient::new(server.channel_over_tcp().await);
        client.get_quota(get(PROJECT)).await.unwrap();
        client.list_quotas(v1::ListQuotasRequest::default()).await.unwrap();
        let problem = Problem::of(client.set_quota(ports(PROJECT, Wanted::AtMost(1))).await);
        assert_eq!((problem.code, &*problem.reason), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
    }
}

#[tokio::test]
async fn a_limit_can_be_rehearsed_and_set_once_under_its_request_id() {
    let (server, mut client) = with_an_instance().await;
    let before = server.dump().await;
    let dry = v1::SetQuotaRequest { validate_only: true, ..ports(PROJECT, Wanted::AtMost(1)) };
    assert_eq!(client.set_quota(dry).await.unwrap().into_inner().ports, usage(1, 1, false));
    assert_eq!(server.dump().await, before);

    let once = |wanted| v1::SetQuotaRequest { request_id: "once".into(), ..ports(PROJECT, wanted) };
    let first = client.set_quota(once(Wanted::AtMost(5))).await.unwrap().into_inner();
    client.set_quota(ports(PROJECT, Wanted::AtMost(9))).await.unwrap();
    assert_eq!(client.set_quota(once(Wanted::AtMost(5))).await.unwrap().into_inner(), first);
    let now = client.get_quota(get(PROJECT)).await.unwrap().into_inner();
    assert_eq!(now.ports, usage(1, 9, false), "the repetition sets nothing");
    let problem = Problem::of(client.set_quota(once(Wanted::Unlimited(()))).await);
    problem.assert(Code::InvalidArgument, "REQUEST_ID_REUSED", &[("request_id", "once")], &["once"]);
}

#[tokio::test]
async fn what_an_admin_sets_holds_for_floating_ips_at_once() {
    let (server, mut client) = with_an_instance().await;
    let mut floating = FloatingIpsClient::new(server.channel().await);
    let ranges = vec!["172.24.4.0/24".to_owned()];
    let pool = v1::CreateFloatingPoolRequest { name: "nova".into(), ranges, ..Default::default() };
    floating.create_floating_pool(pool).await.unwrap();
    let most = |wanted| v1::SetQuotaRequest {
        project_id: PROJECT.into(),
        floating_ips: limit(wanted),
        ..Default::default()
    };
    let wish = || v1::AllocateFloatingIpRequest { project_id: PROJECT.into(), ..Default::default() };
    client.set_quota(most(Wanted::AtMost(0))).await.unwrap();
    let problem = Problem::of(floating.allocate_floating_ip(wish()).await);
    assert_eq!((problem.code, &*problem.reason), (Code::ResourceExhausted, "QUOTA_EXCEEDED"));
    client.set_quota(most(Wanted::AtMost(1))).await.unwrap();
    floating.allocate_floating_ip(wish()).await.unwrap();
    let quota = client.get_quota(get(PROJECT)).await.unwrap().into_inner();
    assert_eq!(quota.floating_ips, usage(1, 1, false));
}
