//! `lepton.v1.Plans`: what a call would do is told exactly, and done exactly or not at all.

use lepton_proto::{
    Mutation,
    v1::{
        self, dns_client::DnsClient, floating_ips_client::FloatingIpsClient, planned_value::Value,
        plans_client::PlansClient,
    },
};
use prost::Message;
use prost_types::Any;
use tonic::{Code, Request, Status, transport::Channel};

use crate::{
    problem::Problem,
    server::{HOST, Options, PROJECT, Server, UNKNOWN, allocation, deallocation, instance, port_ids, sql},
};

type Client = PlansClient<Channel>;

async fn client(server: &Server) -> Client {
    PlansClient::new(server.channel().await)
}

async fn plan(client: &mut Client, call: &impl Mutation) -> Result<(Any, v1::Plan), Status> {
    let planned = client.plan_call(v1::PlanCallRequest { call: Some(call.to_any()) }).await?.into_inner();
    Ok((planned.answer.unwrap(), planned.plan.unwrap()))
}

async fn apply(client: &mut Client, call: &impl Mutation, plan_hash: &str) -> Result<Any, Status> {
    let request = v1::ApplyPlanRequest { call: Some(call.to_any()), plan_hash: plan_hash.into() };
    Ok(client.apply_plan(request).await?.into_inner().answer.unwrap())
}

/// The rows of a plan, as short words.
fn words(plan: &v1::Plan) -> Vec<String> {
    let word = |row: &v1::PlannedRow| format!("{} {}", row.fate().as_str_name(), row.kind);
    plan.rows.iter().map(word).collect()
}

fn texts<'p>(plan: &'p v1::Plan, kind: &str, name: &str) -> Vec<&'p str> {
    let fields = plan.rows.iter().filter(|row| row.kind == kind).flat_map(|row| &row.fields);
    let values = fields.filter(|field| field.name == name).filter_map(|field| field.after.as_ref());
    let texts = values.filter_map(|value| match value.value.as_ref().unwrap() {
        Value::Text(text) => Some(&**text),
        Value::At(_) | Value::Later(_) => None,
    });
    texts.collect()
}

#[tokio::test]
async fn an_allocation_is_planned_and_done_just_so() {
    let server = Server::start().await;
    let blue = server.network("blue", &["10.0.0.0/24", "fd00::/80"]).await;
    let mut client = client(&server).await;
    let boot = v1::AllocateForInstanceRequest {
        // A plan does not wait for what will not be.
        wait_for_active: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
        ..allocation(1)
    };
    let before = server.dump().await;
    let (answer, told) = plan(&mut client, &boot).await.unwrap();
    assert_eq!(server.dump().await, before);
    assert_eq!(answer.type_url, "type.googleapis.com/lepton.v1.NetworkInfo");
    let would = v1::NetworkInfo::decode(&*answer.value).unwrap();
    let vif = &would.vifs[0];
    assert_eq!(
        words(&told),
        [
            "ROW_FATE_INSERTED instance",
            "ROW_FATE_INSERTED port",
            "ROW_FATE_INSERTED fixed_ip",
            "ROW_FATE_INSERTED fixed_ip"
        ]
    );
    assert_eq!(texts(&told, "port", "mac"), [&*vif.mac_address]);
    assert_eq!(texts(&told, "fixed_ip", "port_id"), [&*vif.id, &*vif.id]);
    let [host] = &told.hosts[..] else { panic!("{:?}", told.hosts) };
    assert_eq!((&*host.host, host.has_agent), (HOST, true));
    let (device, bridge, mac) = (&vif.device, &blue.bridge, &vif.mac_address);
    let link_local = lepton_types::MacAddr::link_local(mac.parse().unwrap());
    assert_eq!(
        host.actions,
        [
            format!("set the filter of {device}: only from {mac} and 10.0.0.2, fd00::2, {link_local}"),
            format!("create {bridge}: MTU 1500"),
            format!("plug {device}: a tap in {bridge}, MTU 1500"),
        ]
    );

    // It is known by the plan's hash, whatever id it was to have.
    let boot = v1::AllocateForInstanceRequest { wait_for_active: None, request_id: "boot".into(), ..boot };
    let answer = apply(&mut client, &boot, &told.hash).await.unwrap();
    let did = v1::NetworkInfo::decode(&*answer.value).unwrap();
    assert_eq!(port_ids(&did), port_ids(&would));
    assert_eq!((&did.vifs[0].mac_address, &did.vifs[0].network), (mac, &vif.network));
    assert_eq!(server.info(1).await.unwrap().vifs, did.vifs);
    let after = server.dump().await;
    let boot = v1::AllocateForInstanceRequest { request_id: String::new(), ..boot };
    assert_eq!(apply(&mut client, &boot, &told.hash).await.unwrap(), answer, "it is not done twice");
    assert_eq!(server.dump().await, after);

    let (_, told) = plan(&mut client, &deallocation(1)).await.unwrap();
    assert_eq!(words(&told), ["ROW_FATE_DELETED instance", "ROW_FATE_UPDATED port"]);
    assert_eq!(texts(&told, "port", "released"), ["true"]);
    assert_eq!(
        told.hosts[0].actions,
        [format!("unplug {device}"), format!("remove the filter of {device}"), format!("delete {bridge}"),]
    );
}

#[tokio::test]
async fn who_waits_for_what_was_planned_is_answered_when_it_is_plugged() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let boot = v1::AllocateForInstanceRequest {
        wait_for_active: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
        ..allocation(1)
    };
    let mut client = client(&server).await;
    let (_, told) = plan(&mut client, &boot).await.unwrap();
    let plugging = async {
        let ports = server.ports_to_plug().await;
        server.report(&ports, &lepton_types::PortStatus::Active).await;
    };
    let (answer, ()) = tokio::join!(apply(&mut client, &boot, &told.hash), plugging);
    let info = v1::NetworkInfo::decode(&*answer.unwrap().value).unwrap();
    assert_eq!(info.vifs[0].status(), v1::PortStatus::Active);
}

#[tokio::test]
async fn what_changed_meanwhile_is_refused() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let mut client = client(&server).await;
    let (_, told) = plan(&mut client, &allocation(1)).await.unwrap();
    server.allocate(allocation(2)).await;
    let before = server.dump().await;
    let still = v1::AllocateForInstanceRequest { validate_only: true, ..allocation(1) };
    for call in [allocation(1), still] {
        let changed = Problem::of(apply(&mut client, &call, &told.hash).await.map(tonic::Response::new));
        let metadata = [("plan_hash", &*told.hash)];
        changed.assert(Code::FailedPrecondition, "PLAN_CHANGED", &metadata, &["ask for the plan again"]);
    }
    assert_eq!(server.dump().await, before);

    let (_, told) = plan(&mut client, &allocation(1)).await.unwrap();
    let still = v1::AllocateForInstanceRequest { validate_only: true, ..allocation(1) };
    apply(&mut client, &still, &told.hash).await.unwrap();
    assert_eq!(server.dump().await, before, "it was asked whether the plan holds");
    let old = format!("{:016x}{}", 1_000_000, &told.hash[16..]);
    let expired = Problem::of(apply(&mut client, &allocation(1), &old).await.map(tonic::Response::new));
    let words = ["older than an hour", "ask for the plan again"];
    expired.assert(Code::FailedPrecondition, "PLAN_EXPIRED", &[("plan_hash", &old)], &words);
    assert_eq!(server.dump().await, before);
    apply(&mut client, &allocation(1), &told.hash).await.unwrap();
}

#[tokio::test]
async fn a_plan_that_was_carried_out_answers_though_all_has_changed_since() {
    let server = Server::start().await;
    server.network("blue", &["10.0.0.0/24"]).await;
    let mut client = client(&server).await;
    let (_, told) = plan(&mut client, &allocation(1)).await.unwrap();
    let answer = apply(&mut client, &allocation(1), &told.hash).await.unwrap();
    server.unplugged(&server.deallocate(1).await).await;
    server.allocate(allocation(2)).await;
    let server = server.restart().await;
    let mut client = PlansClient::new(server.channel().await);
    assert_eq!(apply(&mut client, &allocation(1), &told.hash).await.unwrap(), answer);
    // The record is what knows it.
    let mut database = server.database().await;
    let kept = format!("select count(*) from requests where request_id = 'plan:{}'", told.hash);
    let kept: i64 = sqlx::query_scalar(sql(kept)).fetch_one(&mut database).await.unwrap();
    assert_eq!(kept, 1);
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let server = Server::start().await;
    let mut client = client(&server).await;
    let get = v1::GetNetworkRequest { network_id: UNKNOWN.into() };
    let get = Any {
        type_url: "type.googleapis.com/lepton.v1.GetNetworkRequest".into(),
        value: get.encode_to_vec(),
    };
    let bare = Any { type_url: "lepton.v1.SetQuotaRequest".into(), value: Vec::new() };
    for call in [None, Some(Any::default()), Some(get), Some(bare)] {
        let told = client.plan_call(v1::PlanCallRequest { call: call.clone() }).await;
        Problem::of(told).assert_fields(&[("call", "CreateNetworksRequest")]);
        let request = v1::ApplyPlanRequest { call, plan_hash: "what".into() };
        let words = [("plan_hash", "64 hexadecimal digits"), ("call", "CreateNetworksRequest")];
        Problem::of(client.apply_plan(request).await).assert_fields(&words);
    }
    let nobodys = v1::DeallocateForInstanceRequest { instance_id: "me".into(), ..Default::default() };
    Problem::of(plan(&mut client, &nobodys).await.map(tonic::Response::new))
        .assert_fields(&[("instance_id", "\"me\"")]);
    let broken = Any { value: vec![0xff], ..deallocation(1).to_any() };
    let told = client.plan_call(v1::PlanCallRequest { call: Some(broken) }).await;
    let problem = Problem::of(told);
    assert_eq!((problem.code, &*problem.reason), (Code::InvalidArgument, "MALFORMED_REQUEST"));
}

/// A tenant is told neither the ids of pools nor the names in private domains, which do not exist for it.
#[tokio::test]
async fn a_tenants_plans_tell_nothing_that_does_not_exist_for_it() {
    let options = Options { instance_domain: Some("guests.example"), ..Options::default() };
    let mut server = Server::with(options).await;
    let mut dns = DnsClient::new(server.channel().await);
    let scope = v1::DnsDomainScope::Private.into();
    let private = v1::CreateDnsDomainRequest { domain: "guests.example".into(), scope, ..Default::default() };
    dns.create_dns_domain(private).await.unwrap();
    let mut floating = FloatingIpsClient::new(server.channel().await);
    let pool = v1::CreateFloatingPoolRequest {
        name: "nova".into(),
        ranges: vec!["172.24.4.0/29".into()],
        ..Default::default()
    };
    floating.create_floating_pool(pool).await.unwrap();
    server.network("blue", &["10.0.0.0/24"]).await;
    server.allocate(allocation(1)).await;

    let wish = v1::AllocateFloatingIpRequest {
        project_id: PROJECT.into(),
        pool: "nova".into(),
        ..Default::default()
    };
    let remove = v1::RemoveFixedIpRequest {
        instance_id: instance(1),
        address: "10.0.0.2".into(),
        ..Default::default()
    };
    let mut admin = client(&server).await;
    let mut member = PlansClient::new(server.member_of(PROJECT).await);
    for (client, is_told) in [(&mut admin, true), (&mut member, false)] {
        let (_, told) = plan(client, &wish).await.unwrap();
        assert_eq!(texts(&told, "floating_ip", "project_id"), [PROJECT]);
        assert_eq!(texts(&told, "floating_ip", "pool_id").len(), usize::from(is_told));
        let (_, told) = plan(client, &remove).await.unwrap();
        assert!(words(&told).contains(&"ROW_FATE_UPDATED fixed_ip".to_owned()), "{told:?}");
        assert_eq!(words(&told).contains(&"ROW_FATE_DELETED dns_entry".to_owned()), is_told, "{told:?}");
    }
}

/// Compute agents may plan what they may do, and no more.
#[tokio::test]
async fn whoever_may_not_make_a_call_may_not_plan_it() {
    let server = Server::start().await;
    let mut client = PlansClient::new(server.channel_over_tcp().await);
    let create = v1::CreateNetworksRequest::default();
    let denied = Problem::of(plan(&mut client, &create).await.map(tonic::Response::new));
    assert_eq!((denied.code, &*denied.reason), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
    assert_eq!(denied.metadata["method"], "/lepton.v1.NetworkManager/CreateNetworks");
    let denied = apply(&mut client, &create, &format!("{:064x}", 7)).await.map(tonic::Response::new);
    assert_eq!(Problem::of(denied).reason, "ROLE_NOT_ALLOWED");
    server.network("blue", &["10.0.0.0/24"]).await;
    let (_, told) = plan(&mut client, &allocation(1)).await.unwrap();
    // It is the caller's own.
    let mut admin = PlansClient::new(server.channel().await);
    let taken = apply(&mut admin, &allocation(1), &told.hash).await.map(tonic::Response::new);
    assert_eq!(Problem::of(taken).reason, "PLAN_CHANGED");
    let request = Request::new(v1::ApplyPlanRequest {
        call: Some(allocation(1).to_any()),
        plan_hash: told.hash.to_uppercase(),
    });
    client.apply_plan(request).await.unwrap();
}
