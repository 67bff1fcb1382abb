//! Tenants: what belongs to another project is as if it did not exist, for every call that a tenant may make.

mod raw;

use std::{collections::BTreeSet, time::SystemTime};

use lepton_manager::Role;
use lepton_proto::{
    Mutation as _,
    v1::{
        self, dns_client::DnsClient, find_instances_request::Which, floating_ips_client::FloatingIpsClient,
        list_holders_request::What, network_manager_client::NetworkManagerClient,
        subnets_client::SubnetsClient,
    },
};
use lepton_types::Timestamp;
use prost::Message;
use tonic::{Code, Status};

use self::raw::call;
use crate::{
    problem::Problem,
    server::{HOST, PROJECT, Server, UNKNOWN, allocation, instance, network, requested, subnet},
};

/// Another project than that of the tenant who asks.
const FOREIGN: &str = "red";

/// What a call names.
struct Named {
    network: String,
    subnet: String,
    instance: String,
    port: String,
    domain: String,
    floating_ip: String,
}

/// What a tenant is answered who names what is not its own.
enum Answer {
    /// That there is no such thing, with this reason.
    Hidden(Code, &'static str),
    /// That it may not act for that project.
    Denied,
    /// A success that tells nothing of it.
    Silent,
}

/// A call that a tenant may make, about what is not its own.
struct Row {
    method: &'static str,
    body: Vec<u8>,
    answer: Answer,
}

fn row(method: &'static str, request: &impl Message, answer: Answer) -> Row {
    Row { method, body: request.encode_to_vec(), answer }
}

/// Every call that a tenant may make, with what it names of another's.
fn rows(named: &Named) -> Vec<Row> {
    [
        of_networks(named),
        of_subnets(named),
        of_instances(named),
        of_ports(named),
        of_fixed_ips(named),
        of_dns(named),
        of_floating_ips(named),
        of_quotas(),
        of_history(named),
        of_explanations(named),
        of_events(),
        of_plans(named),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_networks(Named { network: id, .. }: &Named) -> Vec<Row> {
    let no_network = || Answer::Hidden(Code::NotFound, "NETWORK_NOT_FOUND");
    let no_network_asked_for = || Answer::Hidden(Code::InvalidArgument, "NETWORK_NOT_FOUND");
    let creation = |spec| v1::CreateNetworksRequest { networks: vec![spec], ..Default::default() };
    let theirs = v1::NetworkSpec { project_id: FOREIGN.into(), ..network("theirs", &[]) };
    let settled = v1::NetworkSpec { id: id.clone(), ..network("settled", &[]) };
    let validation = |project_id: &str| v1::ValidateNetworksRequest {
        project_id: project_id.into(),
        networks: vec![requested(id, &[])],
        ..Default::default()
    };
    let label = Some("mine".to_owned());
    let modification = v1::ModifyNetworkRequest { network_id: id.clone(), label, ..Default::default() };
    vec![
        row("/lepton.v1.NetworkManager/CreateNetworks", &creation(theirs), Answer::Denied),
        row("/lepton.v1.NetworkManager/CreateNetworks", &creation(settled), no_network_asked_for()),
        row("/lepton.v1.NetworkManager/ModifyNetwork", &modification, no_network()),
        row(
            "/lepton.v1.NetworkManager/DeleteNetwork",
            &v1::DeleteNetworkRequest { network_id: id.clone(), ..Default::default() },
            no_network(),
        ),
        row(
            "/lepton.v1.NetworkManager/GetNetwork",
            &v1::GetNetworkRequest { network_id: id.clone() },
            no_network(),
        ),
        row("/lepton.v1.NetworkManager/ListNetworks", &v1::ListNetworksRequest::default(), Answer::Silent),
        row(
            "/lepton.v1.NetworkManager/ListNetworks",
            &v1::ListNetworksRequest { project_id: FOREIGN.into(), ..Default::default() },
            Answer::Silent,
        ),
        row("/lepton.v1.NetworkManager/ValidateNetworks", &validation(PROJECT), no_network_asked_for()),
        row("/lepton.v1.NetworkManager/ValidateNetworks", &validation(FOREIGN), Answer::Denied),
    ]
}

fn of_subnets(named: &Named) -> Vec<Row> {
    let no_subnet = || Answer::Hidden(Code::NotFound, "SUBNET_NOT_FOUND");
    let no_network = Answer::Hidden(Code::NotFound, "NETWORK_NOT_FOUND");
    let subnet_id = || named.subnet.clone();
    let addition = v1::AddSubnetRequest {
        network_id: named.network.clone(),
        subnet: Some(subnet("10.77.0.0/24")),
        ..Default::default()
    };
    let modification = v1::ModifySubnetRequest {
        subnet_id: subnet_id(),
        gateway: Some("10.66.0.9".into()),
        ..Default::default()
    };
    let deletion = v1::DeleteSubnetRequest { subnet_id: subnet_id(), ..Default::default() };
    let route = v1::AddRouteRequest {
        subnet_id: subnet_id(),
        destination: "10.88.0.0/16".into(),
        gateway: "10.66.0.9".into(),
        ..Default::default()
    };
    let no_route = v1::RemoveRouteRequest {
        subnet_id: subnet_id(),
        destination: "10.99.0.0/16".into(),
        ..Default::default()
    };
    vec![
        row("/lepton.v1.Subnets/AddSubnet", &addition, no_network),
        row("/lepton.v1.Subnets/GetSubnet", &v1::GetSubnetRequest { subnet_id: subnet_id() }, no_subnet()),
        row("/lepton.v1.Subnets/ModifySubnet", &modification, no_subnet()),
        row("/lepton.v1.Subnets/DeleteSubnet", &deletion, no_subnet()),
        row("/lepton.v1.Subnets/AddRoute", &route, no_subnet()),
        row("/lepton.v1.Subnets/RemoveRoute", &no_route, no_subnet()),
    ]
}

fn of_instances(named: &Named) -> Vec<Row> {
    let no_instance = || Answer::Hidden(Code::NotFound, "INSTANCE_NOT_FOUND");
    let instance_id = || named.instance.clone();
    let json = v1::GetInstanceNwInfoJsonRequest {
        instance_id: instance_id(),
        form: v1::NetworkInfoForm::Model.into(),
    };
    let search = |which| v1::FindInstancesRequest { which: Some(which), ..Default::default() };
    let by_project =
        v1::FindInstancesRequest { project_id: FOREIGN.into(), ..search(Which::Pattern("10".to_owned())) };
    vec![
        row(
            "/lepton.v1.Queries/FindInstances",
            &search(Which::Cidr("10.66.0.0/24".to_owned())),
            Answer::Silent,
        ),
        row("/lepton.v1.Queries/FindInstances", &search(Which::Pattern("10".to_owned())), Answer::Silent),
        row("/lepton.v1.Queries/FindInstances", &by_project, Answer::Silent),
        row(
            "/lepton.v1.Queries/FindInstances",
            &search(Which::FloatingIp(named.floating_ip.clone())),
            Answer::Hidden(Code::NotFound, "FLOATING_IP_NOT_FOUND"),
        ),
        row(
            "/lepton.v1.NetworkManager/GetInstanceNwInfo",
            &v1::GetInstanceNwInfoRequest { instance_id: instance_id() },
            no_instance(),
        ),
        row("/lepton.v1.NetworkManager/GetInstanceNwInfoJson", &json, no_instance()),
    ]
}

fn of_ports(named: &Named) -> Vec<Row> {
    let get = |request: v1::GetPortRequest| {
        row("/lepton.v1.Ports/GetPort", &request, Answer::Hidden(Code::NotFound, "PORT_NOT_FOUND"))
    };
    let list = |request: v1::ListPortsRequest| row("/lepton.v1.Ports/ListPorts", &request, Answer::Silent);
    let empty = v1::ListPortsRequest::default;
    vec![
        get(v1::GetPortRequest { port_id: named.port.clone(), ..Default::default() }),
        list(empty()),
        list(v1::ListPortsRequest { project_id: FOREIGN.into(), ..empty() }),
        list(v1::ListPortsRequest { network_id: named.network.clone(), ..empty() }),
        list(v1::ListPortsRequest { instance_id: named.instance.clone(), ..empty() }),
    ]
}

fn of_fixed_ips(named: &Named) -> Vec<Row> {
    let no_instance = || Answer::Hidden(Code::NotFound, "INSTANCE_NOT_FOUND");
    let no_network = || Answer::Hidden(Code::NotFound, "NETWORK_NOT_FOUND");
    let no_subnet = || Answer::Hidden(Code::NotFound, "SUBNET_NOT_FOUND");
    let address = || "10.66.0.2".to_owned();
    let addition = v1::AddFixedIpRequest {
        instance_id: named.instance.clone(),
        network_id: named.network.clone(),
        ..Default::default()
    };
    let removal = v1::RemoveFixedIpRequest {
        instance_id: named.instance.clone(),
        address: address(),
        ..Default::default()
    };
    let get = |request: v1::GetFixedIpRequest, answer| {
        let request = v1::GetFixedIpRequest { address: address(), ..request };
        row("/lepton.v1.FixedIps/GetFixedIp", &request, answer)
    };
    let list =
        |request: v1::ListFixedIpsRequest, answer| row("/lepton.v1.FixedIps/ListFixedIps", &request, answer);
    let (anywhere, empty) = (v1::GetFixedIpRequest::default, v1::ListFixedIpsRequest::default);
    vec![
        row("/lepton.v1.FixedIps/AddFixedIp", &addition, no_instance()),
        row("/lepton.v1.FixedIps/RemoveFixedIp", &removal, no_instance()),
        get(v1::GetFixedIpRequest { network_id: named.network.clone(), ..anywhere() }, no_network()),
        get(v1::GetFixedIpRequest { subnet_id: named.subnet.clone(), ..anywhere() }, no_subnet()),
        get(anywhere(), Answer::Hidden(Code::NotFound, "FIXED_IP_NOT_FOUND_FOR_ADDRESS")),
        list(v1::ListFixedIpsRequest { network_id: named.network.clone(), ..empty() }, no_network()),
        list(v1::ListFixedIpsRequest { subnet_id: named.subnet.clone(), ..empty() }, no_subnet()),
        list(v1::ListFixedIpsRequest { instance_id: named.instance.clone(), ..empty() }, Answer::Silent),
        list(v1::ListFixedIpsRequest { host: HOST.into(), ..empty() }, Answer::Silent),
        list(
            v1::ListFixedIpsRequest { host: HOST.into(), project_id: FOREIGN.into(), ..empty() },
            Answer::Silent,
        ),
    ]
}

fn of_quotas() -> Vec<Row> {
    let get = |project_id: &str, answer| {
        let request = v1::GetQuotaRequest { project_id: project_id.into() };
        row("/lepton.v1.Quotas/GetQuota", &request, answer)
    };
    vec![get(FOREIGN, Answer::Denied), get("", Answer::Silent)]
}

fn of_history(named: &Named) -> Vec<Row> {
    let of = |what: &What, project_id: &str| {
        let (what, project_id) = (Some(what.clone()), project_id.into());
        let request = v1::ListHoldersRequest { what, project_id, ..Default::default() };
        row("/lepton.v1.History/ListHolders", &request, Answer::Silent)
    };
    let all = [
        What::Address("10.66.0.2".into()),
        What::Address(named.floating_ip.clone()),
        What::InstanceId(named.instance.clone()),
        What::PortId(named.port.clone()),
    ];
    all.iter().flat_map(|what| [of(what, ""), of(what, FOREIGN)]).collect()
}

fn of_explanations(named: &Named) -> Vec<Row> {
    let hidden = |reason| Answer::Hidden(Code::NotFound, reason);
    let Named { network, subnet, instance, port, floating_ip, .. } = named;
    let address = |address: &str, network_id: &str, subnet_id: &str| v1::ExplainAddressRequest {
        address: address.into(),
        network_id: network_id.into(),
        subnet_id: subnet_id.into(),
    };
    let of_address = |request, reason| row("/lepton.v1.Explain/ExplainAddress", &request, hidden(reason));
    vec![
        row(
            "/lepton.v1.Explain/ExplainInstance",
            &v1::ExplainInstanceRequest { instance_id: instance.clone() },
            hidden("INSTANCE_NOT_FOUND"),
        ),
        row(
            "/lepton.v1.Explain/ExplainPort",
            &v1::ExplainPortRequest { port_id: port.clone(), ..Default::default() },
            hidden("PORT_NOT_FOUND"),
        ),
        of_address(address("10.66.0.2", "", ""), "FIXED_IP_NOT_FOUND_FOR_ADDRESS"),
        of_address(address(floating_ip, "", ""), "FIXED_IP_NOT_FOUND_FOR_ADDRESS"),
        of_address(address("10.66.0.2", network, ""), "NETWORK_NOT_FOUND"),
        of_address(address("10.66.0.2", "", subnet), "SUBNET_NOT_FOUND"),
    ]
}

fn of_events() -> Vec<Row> {
    let watch = |project_id: &str| v1::WatchEventsRequest {
        after_revision: Some(0),
        project_id: project_id.into(),
        ..Default::default()
    };
    let list = |project_id: &str| v1::ListEventsRequest {
        after_revision: Some(0),
        project_id: project_id.into(),
        ..Default::default()
    };
    vec![
        row("/lepton.v1.Events/WatchEvents", &watch(""), Answer::Silent),
        row("/lepton.v1.Events/WatchEvents", &watch(FOREIGN), Answer::Silent),
        row("/lepton.v1.Events/ListEvents", &list(""), Answer::Silent),
        row("/lepton.v1.Events/ListEvents", &list(FOREIGN), Answer::Silent),
    ]
}

/// A floating IP of the tenant's own.
const OWN_FLOATING_IP: &str = "172.24.4.2";

fn of_floating_ips(named: &Named) -> Vec<Row> {
    let no_floating_ip = || Answer::Hidden(Code::NotFound, "FLOATING_IP_NOT_FOUND");
    let address = || named.floating_ip.clone();
    let wish = v1::AllocateFloatingIpRequest { project_id: FOREIGN.into(), ..Default::default() };
    let release = v1::ReleaseFloatingIpRequest { address: address(), ..Default::default() };
    let disassociation = v1::DisassociateFloatingIpRequest { address: address(), ..Default::default() };
    let to_instance = v1::AssociateFloatingIpRequest {
        address: OWN_FLOATING_IP.into(),
        instance_id: named.instance.clone(),
        ..Default::default()
    };
    let to_network = v1::AssociateFloatingIpRequest {
        instance_id: String::new(),
        fixed_ip: "10.66.0.2".into(),
        network_id: named.network.clone(),
        ..to_instance.clone()
    };
    let anywhere = v1::AssociateFloatingIpRequest { network_id: String::new(), ..to_network.clone() };
    let no_fixed_ip = || Answer::Hidden(Code::NotFound, "FIXED_IP_NOT_FOUND");
    let list = |project_id: &str, selection| v1::ListFloatingIpsRequest {
        project_id: project_id.into(),
        selection,
        ..Default::default()
    };
    let of_instance = Some(v1::list_floating_ips_request::Selection::InstanceId(named.instance.clone()));
    let associate = "/lepton.v1.FloatingIps/AssociateFloatingIp";
    vec![
        row(
            "/lepton.v1.FloatingIps/ListFloatingPools",
            &v1::ListFloatingPoolsRequest::default(),
            Answer::Silent,
        ),
        row("/lepton.v1.FloatingIps/AllocateFloatingIp", &wish, Answer::Denied),
        row("/lepton.v1.FloatingIps/ReleaseFloatingIp", &release, no_floating_ip()),
        row("/lepton.v1.FloatingIps/DisassociateFloatingIp", &disassociation, no_floating_ip()),
        row(associate, &to_instance, Answer::Hidden(Code::NotFound, "INSTANCE_NOT_FOUND")),
        row(associate, &to_network, no_fixed_ip()),
        row(associate, &anywhere, no_fixed_ip()),
        row(
            "/lepton.v1.FloatingIps/GetFloatingIp",
            &v1::GetFloatingIpRequest { address: address() },
            no_floating_ip(),
        ),
        row("/lepton.v1.FloatingIps/ListFloatingIps", &list("", None), Answer::Silent),
        row("/lepton.v1.FloatingIps/ListFloatingIps", &list(FOREIGN, None), Answer::Silent),
        row("/lepton.v1.FloatingIps/ListFloatingIps", &list("", of_instance), Answer::Silent),
    ]
}

/// Makes a pool, and gives another project and the tenant an address each; answers the other project's.
async fn floating_ip(server: &Server) -> String {
    let mut client = FloatingIpsClient::new(server.channel().await);
    let ranges = vec!["172.24.4.0/24".to_owned()];
    let pool = v1::CreateFloatingPoolRequest { name: "nova".into(), ranges, ..Default::default() };
    client.create_floating_pool(pool).await.unwrap();
    let mut addresses = Vec::new();
    for project_id in [FOREIGN, PROJECT] {
        let wish = v1::AllocateFloatingIpRequest { project_id: project_id.into(), ..Default::default() };
        addresses.push(client.allocate_floating_ip(wish).await.unwrap().into_inner().address);
    }
    assert_eq!(addresses[1], OWN_FLOATING_IP);
    let lead = v1::AssociateFloatingIpRequest {
        address: addresses[0].clone(),
        instance_id: instance(66),
        ..Default::default()
    };
    client.associate_floating_ip(lead).await.unwrap();
    addresses.remove(0)
}

/// A domain of the tenant's own.
const OWN_DOMAIN: &str = "own.example";

/// A name in the foreign domain.
const FOREIGN_NAME: &str = "vault";

fn of_dns(named: &Named) -> Vec<Row> {
    let no_domain = || Answer::Hidden(Code::NotFound, "DNS_DOMAIN_NOT_FOUND");
    let (domain, name) = (|| named.domain.clone(), || FOREIGN_NAME.to_owned());
    let address = || "10.66.0.9".to_owned();
    let addition = v1::AddDnsEntryRequest {
        domain: domain(),
        name: name(),
        address: "10.1.0.9".into(),
        ..Default::default()
    };
    let binding = v1::AddDnsEntryRequest {
        domain: OWN_DOMAIN.into(),
        instance_id: named.instance.clone(),
        ..addition.clone()
    };
    let modification = v1::ModifyDnsEntryRequest {
        domain: domain(),
        name: name(),
        address: address(),
        ..Default::default()
    };
    let deletion = v1::DeleteDnsEntryRequest { domain: domain(), name: name(), ..Default::default() };
    let list = v1::ListDnsEntriesRequest { domain: domain(), ..Default::default() };
    vec![
        row("/lepton.v1.Dns/ListDnsDomains", &v1::ListDnsDomainsRequest::default(), Answer::Silent),
        row("/lepton.v1.Dns/AddDnsEntry", &addition, no_domain()),
        row("/lepton.v1.Dns/AddDnsEntry", &binding, Answer::Hidden(Code::NotFound, "INSTANCE_NOT_FOUND")),
        row("/lepton.v1.Dns/ModifyDnsEntry", &modification, no_domain()),
        row("/lepton.v1.Dns/DeleteDnsEntry", &deletion, no_domain()),
        row("/lepton.v1.Dns/ListDnsEntries", &list, no_domain()),
    ]
}

/// Makes a public domain of a project's.
async fn domain(server: &Server, domain: &str, project_id: &str) {
    let request = v1::CreateDnsDomainRequest {
        domain: domain.into(),
        scope: v1::DnsDomainScope::Public.into(),
        project_id: project_id.into(),
        ..Default::default()
    };
    DnsClient::new(server.channel().await).create_dns_domain(request).await.unwrap();
}

/// What another project has: a network with a subnet and a route, an instance on it, and a domain with a name.
async fn foreign(server: &Server) -> Named {
    let spec = v1::NetworkSpec { project_id: FOREIGN.into(), ..network("secret", &["10.66.0.0/24"]) };
    let made = server.create(spec).await;
    let subnet_id = made.subnets[0].id.clone();
    let route = v1::AddRouteRequest {
        subnet_id: subnet_id.clone(),
        destination: "10.99.0.0/16".into(),
        gateway: "10.66.0.254".into(),
        ..Default::default()
    };
    server.subnets().await.add_route(route).await.unwrap();
    let theirs = v1::AllocateForInstanceRequest { project_id: FOREIGN.into(), ..allocation(66) };
    let port = server.allocate(theirs).await.vifs.remove(0).id;
    domain(server, OWN_DOMAIN, PROJECT).await;
    domain(server, "secret.example", FOREIGN).await;
    let entry = v1::AddDnsEntryRequest {
        domain: "secret.example".into(),
        name: FOREIGN_NAME.into(),
        address: "10.66.0.9".into(),
        ..Default::default()
    };
    DnsClient::new(server.channel().await).add_dns_entry(entry).await.unwrap();
    let floating_ip = floating_ip(server).await;
    let domain = "secret.example".into();
    Named { network: made.id, subnet: subnet_id, instance: instance(66), port, domain, floating_ip }
}

fn unknown() -> Named {
    Named {
        network: UNKNOWN.into(),
        subnet: UNKNOWN.into(),
        instance: UNKNOWN.into(),
        port: UNKNOWN.into(),
        domain: "nothing.example".into(),
        floating_ip: "172.24.4.99".into(),
    }
}

fn of_plans(Named { network: id, .. }: &Named) -> Vec<Row> {
    let no_network = || Answer::Hidden(Code::NotFound, "NETWORK_NOT_FOUND");
    let call = Some(v1::DeleteNetworkRequest { network_id: id.clone(), ..Default::default() }.to_any());
    let now = Timestamp::from(SystemTime::now()).micros();
    let apply = v1::ApplyPlanRequest { call: call.clone(), plan_hash: format!("{now:016x}{:048x}", 7) };
    vec![
        row("/lepton.v1.Plans/PlanCall", &v1::PlanCallRequest { call }, no_network()),
        row("/lepton.v1.Plans/ApplyPlan", &apply, no_network()),
    ]
}

/// An answer as a client can read it, with what was named of another's replaced by what there is not.
fn told(outcome: &Result<Vec<u8>, Status>, named: &Named) -> String {
    let text = match outcome {
        Ok(body) => format!("{:?}", String::from_utf8_lossy(body)),
        Err(status) => {
            let Problem { code, message, reason, metadata, violations, .. } = Problem::read(status);
            format!("{code:?} {message} {reason} {metadata:?} {violations:?}")
        }
    };
    let ids =
        [&named.network, &named.subnet, &named.instance, &named.port, &named.domain, &named.floating_ip];
    ids.into_iter().fold(text, |text, id| text.replace(id, UNKNOWN))
}

#[test]
fn every_call_that_a_tenant_may_make_has_a_row() {
    let with_a_row: BTreeSet<_> = rows(&unknown()).iter().map(|row| row.method).collect();
    let may_call: BTreeSet<_> =
        Role::Member.methods().filter(|method| method.starts_with("/lepton.")).collect();
    assert_eq!(with_a_row, may_call, "add a row for it: what does a tenant see who names another's things?");
}

#[tokio::test]
async fn b45_what_is_another_projects_is_as_what_does_not_exist() {
    let mut server = Server::start().await;
    let named = foreign(&server).await;
    let channel = server.member_of(PROJECT).await;
    let before = server.dump().await;
    for (row, of_nothing) in rows(&named).into_iter().zip(rows(&unknown())) {
        let outcome = call(&channel, row.method, row.body).await;
        let method = row.method;
        match (&outcome, row.answer) {
            (Ok(body), Answer::Silent) => {
                let body = String::from_utf8_lossy(body);
                for secret in [
                    FOREIGN,
                    "secret",
                    "10.66.",
                    "172.24.4.1",
                    &named.network,
                    &named.subnet,
                    &named.instance,
                ] {
                    assert!(!body.contains(secret), "{method} tells of {secret}: {body}");
                }
            }
            (Err(status), Answer::Hidden(code, reason)) => {
                let problem = Problem::read(status);
                assert_eq!((problem.code, &*problem.reason), (code, reason), "{method}: {problem:?}");
            }
            (Err(status), Answer::Denied) => Problem::read(status).assert(
                Code::PermissionDenied,
                "PROJECT_NOT_ALLOWED",
                &[("project_id", FOREIGN), ("allowed_project_id", PROJECT)],
                &[FOREIGN, PROJECT],
            ),
            (_, _) => panic!("{method}: {outcome:?}"),
        }
        let nothing = call(&channel, of_nothing.method, of_nothing.body).await;
        assert_eq!(told(&outcome, &named), told(&nothing, &unknown()), "{method}");
        assert_eq!(server.dump().await, before, "{method} changed something");
    }
}

/// An address that another project has and one that nobody has are the same to a tenant who names them.
#[tokio::test]
async fn a_tenants_name_tells_not_whether_another_project_has_the_floating_ip() {
    let mut server = Server::start().await;
    let named = foreign(&server).await;
    let mut client = DnsClient::new(server.member_of(PROJECT).await);
    let mut bound_to = async |name: &str, address: &str| {
        let (domain, name, address) = (OWN_DOMAIN.into(), name.into(), address.into());
        let addition = v1::AddDnsEntryRequest { domain, name, address, ..Default::default() };
        let added = client.add_dns_entry(addition).await.unwrap().into_inner();
        let v1::DnsEntry { domain, name, address, .. } = added.clone();
        let modification = v1::ModifyDnsEntryRequest { domain, name, address, ..Default::default() };
        let modified = client.modify_dns_entry(modification).await.unwrap().into_inner();
        assert_eq!((&modified.subnet_id, &modified.port_id), (&added.subnet_id, &added.port_id));
        (added.subnet_id, added.port_id)
    };
    let nothing = (String::new(), String::new());
    assert_eq!(bound_to("theirs", &named.floating_ip).await, nothing);
    assert_eq!(bound_to("nobodys", &unknown().floating_ip).await, nothing);
    assert_ne!(bound_to("own", OWN_FLOATING_IP).await, nothing);
}

#[tokio::test]
async fn b46_a_tenant_makes_changes_and_deletes_its_own_networks() {
    let mut server = Server::start().await;
    let channel = server.member_of(PROJECT).await;
    let mut networks = NetworkManagerClient::new(channel.clone());
    let mut subnets = SubnetsClient::new(channel);
    let creation = |spec| v1::CreateNetworksRequest { networks: vec![spec], ..Default::default() };
    let made = networks.create_networks(creation(network("own", &["10.1.0.0/24"]))).await.unwrap();
    let made = made.into_inner().networks.remove(0);
    assert_eq!(made.project_id, PROJECT, "a tenant need not say so");
    let network_id = || made.id.clone();

    let label = Some("renamed".to_owned());
    let modification = v1::ModifyNetworkRequest { network_id: network_id(), label, ..Default::default() };
    assert_eq!(networks.modify_network(modification).await.unwrap().into_inner().label, "renamed");
    let addition = v1::AddSubnetRequest {
        network_id: network_id(),
        subnet: Some(subnet("10.2.0.0/24")),
        ..Default::default()
    };
    let subnet_id = subnets.add_subnet(addition).await.unwrap().into_inner().id;
    let route = v1::AddRouteRequest {
        subnet_id: subnet_id.clone(),
        destination: "10.9.0.0/16".into(),
        gateway: "10.2.0.9".into(),
        ..Default::default()
    };
    subnets.add_route(route).await.unwrap();
    server.allocate(allocation(1)).await;
    let info = v1::GetInstanceNwInfoRequest { instance_id: instance(1) };
    assert_eq!(networks.get_instance_nw_info(info).await.unwrap().into_inner().vifs.len(), 1);
    networks.validate_networks(v1::ValidateNetworksRequest::default()).await.unwrap();

    let released = server.deallocate(1).await;
    server.unplugged(&released).await;
    let deletion = v1::DeleteNetworkRequest { network_id: network_id(), ..Default::default() };
    networks.delete_network(deletion).await.unwrap();
    let listed = networks.list_networks(v1::ListNetworksRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.networks, []);
}

#[tokio::test]
async fn a_tenant_sees_what_all_projects_share_and_does_not_change_it() {
    let mut server = Server::start().await;
    let global = server.network("global", &["10.1.0.0/24"]).await;
    let channel = server.member_of(PROJECT).await;
    let mut networks = NetworkManagerClient::new(channel.clone());
    let mut subnets = SubnetsClient::new(channel);
    let network_id = || global.id.clone();
    let subnet_id = || global.subnets[0].id.clone();
    let seen = networks.get_network(v1::GetNetworkRequest { network_id: network_id() }).await.unwrap();
    assert_eq!(seen.into_inner(), global);
    let seen = subnets.get_subnet(v1::GetSubnetRequest { subnet_id: subnet_id() }).await.unwrap();
    assert_eq!(seen.into_inner(), global.subnets[0]);
    let own = v1::ListNetworksRequest { project_id: PROJECT.into(), ..Default::default() };
    let listed = networks.list_networks(own).await.unwrap().into_inner();
    assert_eq!(listed.networks, std::slice::from_ref(&global));

    let before = server.dump().await;
    let deletion = v1::DeleteNetworkRequest { network_id: network_id(), ..Default::default() };
    let modification = v1::ModifyNetworkRequest { network_id: network_id(), ..Default::default() };
    let addition = v1::AddSubnetRequest {
        network_id: network_id(),
        subnet: Some(subnet("10.2.0.0/24")),
        ..Default::default()
    };
    let end = v1::DeleteSubnetRequest { subnet_id: subnet_id(), ..Default::default() };
    for problem in [
        Problem::of(networks.delete_network(deletion).await),
        Problem::of(networks.modify_network(modification).await),
        Problem::of(subnets.add_subnet(addition).await),
        Problem::of(subnets.delete_subnet(end).await),
    ] {
        let words = ["what all projects share", PROJECT];
        let metadata = [("allowed_project_id", PROJECT)];
        problem.assert(Code::PermissionDenied, "PROJECT_NOT_ALLOWED", &metadata, &words);
    }
    assert_eq!(server.dump().await, before);
}

#[tokio::test]
async fn a_tenant_neither_sets_what_operators_set_nor_gives_its_networks_away() {
    let mut server = Server::start().await;
    let mut networks = NetworkManagerClient::new(server.member_of(PROJECT).await);
    let spec = v1::NetworkSpec { project_id: PROJECT.into(), ..network("own", &["10.1.0.0/24"]) };
    let network_id = server.create(spec).await.id;
    let untouched = || v1::ModifyNetworkRequest { network_id: network_id.clone(), ..Default::default() };
    let creation = |spec| v1::CreateNetworksRequest { networks: vec![spec], ..Default::default() };
    let before = server.dump().await;
    let hosted = v1::NetworkSpec { host: "host-1".into(), ..network("hosted", &[]) };
    let injected = v1::NetworkSpec { injected: true, ..network("injected", &[]) };
    let moved = v1::ModifyNetworkRequest { host: Some("host-1".into()), ..untouched() };
    for (problem, field) in [
        (Problem::of(networks.create_networks(creation(hosted)).await), "networks[0].host"),
        (Problem::of(networks.create_networks(creation(injected)).await), "networks[0].injected"),
        (Problem::of(networks.modify_network(moved).await), "host"),
    ] {
        let words = [field, "operators", "leave it out"];
        problem.assert(Code::PermissionDenied, "FIELD_NOT_ALLOWED", &[("field", field)], &words);
    }
    for project in [FOREIGN, ""] {
        let given = v1::ModifyNetworkRequest { project_id: Some(project.into()), ..untouched() };
        let problem = Problem::of(networks.modify_network(given).await);
        assert_eq!((problem.code, &*problem.reason), (Code::PermissionDenied, "PROJECT_NOT_ALLOWED"));
    }
    assert_eq!(server.dump().await, before);
}
