//! [`Server`]: a lepton daemon that answers from a script and remembers what it was asked.

use std::{
    collections::VecDeque,
    fmt::Debug,
    future,
    sync::{Arc, Mutex},
};

use lepton_proto::v1::{
    self as pb,
    audits_server::{Audits, AuditsServer},
    dhcp_server::{Dhcp, DhcpServer},
    dns_server::{Dns, DnsServer},
    events_server::{Events, EventsServer},
    explain_server::{Explain, ExplainServer},
    fixed_ips_server::{FixedIps, FixedIpsServer},
    floating_ips_server::{FloatingIps, FloatingIpsServer},
    history_server::{History, HistoryServer},
    mac_ranges_server::{MacRanges, MacRangesServer},
    network_manager_server::{NetworkManager, NetworkManagerServer},
    plans_server::{Plans, PlansServer},
    ports_server::{Ports, PortsServer},
    queries_server::{Queries, QueriesServer},
    quotas_server::{Quotas, QuotasServer},
    subnets_server::{Subnets, SubnetsServer},
};
use lepton_proto::{Mutation, type_of};
use prost::Message;
use prost_types::Any;
use tempfile::TempDir;
use tokio::{net::UnixListener, task::JoinSet};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{Request, Response, Status};

/// What the server does with one request.
pub(crate) enum Turn {
    /// Answers with an encoded message.
    Answer(Vec<u8>),
    /// Answers with an encoded message, and what would be done.
    Planned(Vec<u8>, pb::Plan),
    /// Answers with an encoded message part by part, and breaks off behind its end.
    BreakOff(Vec<u8>),
    /// Refuses.
    Refuse(Status),
    /// Tells of events, one message after another, and ends.
    Stream(Vec<Result<pb::WatchEventsResponse, Status>>),
    /// Never answers.
    Hang,
}

/// A server on a unix socket, until it is dropped.
pub(crate) struct Server {
    folder: TempDir,
    script: Arc<Script>,
    _task: JoinSet<()>,
}

/// What is still to be played, and what was asked so far.
#[derive(Default)]
pub(crate) struct Script {
    turns: Mutex<VecDeque<Turn>>,
    requests: Mutex<Vec<String>>,
}

impl<M: Message> From<M> for Turn {
    fn from(message: M) -> Self {
        Self::Answer(message.encode_to_vec())
    }
}

impl Server {
    /// Plays the turns, one for each request.
    pub(crate) fn playing(turns: impl IntoIterator<Item = Turn>) -> Self {
        let folder = TempDir::new().unwrap();
        let script = Arc::new(Script::of(turns));
        let socket = UnixListener::bind(folder.path().join("lepton.sock")).unwrap();
        let serving = tonic::transport::Server::builder()
            .add_service(NetworkManagerServer::from_arc(Arc::clone(&script)))
            .add_service(AuditsServer::from_arc(Arc::clone(&script)))
            .add_service(DhcpServer::from_arc(Arc::clone(&script)))
            .add_service(DnsServer::from_arc(Arc::clone(&script)))
            .add_service(FixedIpsServer::from_arc(Arc::clone(&script)))
            .add_service(EventsServer::from_arc(Arc::clone(&script)))
            .add_service(FloatingIpsServer::from_arc(Arc::clone(&script)))
            .add_service(ExplainServer::from_arc(Arc::clone(&script)))
            .add_service(HistoryServer::from_arc(Arc::clone(&script)))
            .add_service(PlansServer::from_arc(Arc::clone(&script)))
            .add_service(PortsServer::from_arc(Arc::clone(&script)))
            .add_service(QueriesServer::from_arc(Arc::clone(&script)))
            .add_service(MacRangesServer::from_arc(Arc::clone(&script)))
            .add_service(QuotasServer::from_arc(Arc::clone(&script)))
            .add_service(SubnetsServer::from_arc(Arc::clone(&script)))
            .serve_with_incoming(UnixListenerStream::new(socket));
        let mut task = JoinSet::new();
        task.spawn(async move { serving.await.unwrap() });
        Self { folder, script, _task: task }
    }

    /// What `--endpoint` takes.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix:{}/lepton.sock", self.folder.path().display())
    }

    /// The requests so far, in the order of their arrival.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.script.requests.lock().unwrap().clone()
    }
}

impl Script {
    /// A script with nothing asked yet.
    pub(crate) fn of(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self { turns: Mutex::new(turns.into_iter().collect()), ..Self::default() }
    }

    /// Plays a text, a part for each of its lines.
    async fn play_text<Q: Debug>(&self, request: Request<Q>) -> Result<Response<Parts>, Status> {
        let breaks_off = matches!(self.turns.lock().unwrap().front(), Some(Turn::BreakOff(_)));
        let pb::DhcpText { text, revision } = self.play(request).await?.into_inner();
        let lines = if text.is_empty() { vec![""] } else { text.split_inclusive('\n').collect() };
        let part = |line: &str| Ok(pb::DhcpText { text: line.to_owned(), revision });
        let mut parts: Vec<_> = lines.into_iter().map(part).collect();
        parts.extend(breaks_off.then(|| Err(Status::internal("the text broke off"))));
        Ok(Response::new(tokio_stream::iter(parts)))
    }

    fn turn<Q: Debug>(&self, request: Request<Q>) -> Turn {
        self.turn_of(format!("{:#?}", request.into_inner()))
    }

    fn turn_of(&self, request: String) -> Turn {
        self.requests.lock().unwrap().push(request);
        let turn = self.turns.lock().unwrap().pop_front();
        turn.expect("the script has a turn for each request")
    }

    async fn play<Q: Debug, A: Message + Default>(&self, request: Request<Q>) -> Result<Response<A>, Status> {
        match self.turn(request) {
            Turn::Answer(bytes) | Turn::BreakOff(bytes) => Ok(Response::new(A::decode(&*bytes).unwrap())),
            Turn::Planned(..) => panic!("only plans are planned"),
            Turn::Refuse(status) => Err(status),
            Turn::Stream(_) => panic!("only events are streamed"),
            Turn::Hang => future::pending().await,
        }
    }
}

/// The parts of a text.
type Parts = tokio_stream::Iter<std::vec::IntoIter<Result<pb::DhcpText, Status>>>;

#[tonic::async_trait]
impl Dhcp for Script {
    type GetDhcpHostsStream = Parts;
    type GetDhcpLeasesStream = Parts;
    type GetDhcpOptionsStream = Parts;

    async fn get_dhcp_hosts(
        &self,
        request: Request<pb::GetDhcpHostsRequest>,
    ) -> Result<Response<Parts>, Status> {
        self.play_text(request).await
    }

    async fn get_dhcp_leases(
        &self,
        request: Request<pb::GetDhcpLeasesRequest>,
    ) -> Result<Response<Parts>, Status> {
        self.play_text(request).await
    }

    async fn get_dhcp_options(
        &self,
        request: Request<pb::GetDhcpOptionsRequest>,
    ) -> Result<Response<Parts>, Status> {
        self.play_text(request).await
    }
}

/// The request of a call that is planned, or carried out as planned, as it is without.
fn text_of(call: &Any) -> String {
    macro_rules! text {
        ($($request:ident)*) => {
            match type_of(call) {
                $(<pb::$request as Mutation>::TYPE => {
                    format!("{:#?}", pb::$request::decode(&*call.value).unwrap())
                })*
                other => panic!("{other:?} changes nothing"),
            }
        };
    }
    text!(
            CreateMacRangeRequest DeleteMacRangeRequest CreateNetworksRequest CarveNetworksRequest
            ModifyNetworkRequest AssociateNetworkRequest DisassociateNetworkRequest DeleteNetworkRequest
            AddSubnetRequest ModifySubnetRequest DeleteSubnetRequest AddRouteRequest RemoveRouteRequest
            AllocateForInstanceRequest DeallocateForInstanceRequest MigrateInstanceStartRequest
            MigrateInstanceFinishRequest SetupNetworksOnHostRequest FenceHostRequest
            CreateDnsDomainRequest DeleteDnsDomainRequest AddDnsEntryRequest ModifyDnsEntryRequest
            DeleteDnsEntryRequest AddFixedIpRequest RemoveFixedIpRequest ReserveFixedIpRequest
            UnreserveFixedIpRequest LeaseFixedIpRequest ReleaseFixedIpRequest CreateFloatingPoolRequest
            DeleteFloatingRangesRequest DeleteFloatingPoolRequest AllocateFloatingIpRequest
            ReleaseFloatingIpRequest AssociateFloatingIpRequest DisassociateFloatingIpRequest
            SetQuotaRequest
    )
}

#[tonic::async_trait]
impl Plans for Script {
    async fn plan_call(
        &self,
        request: Request<pb::PlanCallRequest>,
    ) -> Result<Response<pb::PlanCallResponse>, Status> {
        let call = request.into_inner().call.unwrap();
        let (value, plan) = match self.turn_of(text_of(&call)) {
            Turn::Answer(value) => (value, None),
            Turn::Planned(value, plan) => (value, Some(plan)),
            Turn::Refuse(status) => return Err(status),
            Turn::Stream(_) | Turn::BreakOff(_) => panic!("plans are told at once"),
            Turn::Hang => future::pending().await,
        };
        let answer = Some(Any { value, ..Any::default() });
        Ok(Response::new(pb::PlanCallResponse { answer, plan }))
    }

    async fn apply_plan(
        &self,
        request: Request<pb::ApplyPlanRequest>,
    ) -> Result<Response<pb::ApplyPlanResponse>, Status> {
        let pb::ApplyPlanRequest { call, plan_hash } = request.into_inner();
        match self.turn_of(format!("by plan {plan_hash}: {}", text_of(&call.unwrap()))) {
            Turn::Answer(value) => {
                let answer = Some(Any { value, ..Any::default() });
                Ok(Response::new(pb::ApplyPlanResponse { answer }))
            }
            Turn::Refuse(status) => Err(status),
            Turn::Stream(_) | Turn::BreakOff(_) | Turn::Planned(..) => panic!("calls are answered at once"),
            Turn::Hang => future::pending().await,
        }
    }
}

/// A service of which every call plays a turn.
macro_rules! played {
    ($service:ident { $($method:ident: $request:ident => $answer:ident,)* }) => {
        #[tonic::async_trait]
        impl $service for Script {
            $(
                async fn $method(
                    &self,
                    request: Request<pb::$request>,
                ) -> Result<Response<pb::$answer>, Status> {
                    self.play(request).await
                }
            )*
        }
    };
}

played!(NetworkManager {
    create_networks: CreateNetworksRequest => CreateNetworksResponse,
    carve_networks: CarveNetworksRequest => CreateNetworksResponse,
    modify_network: ModifyNetworkRequest => Network,
    associate_network: AssociateNetworkRequest => Network,
    disassociate_network: DisassociateNetworkRequest => Network,
    delete_network: DeleteNetworkRequest => DeleteNetworkResponse,
    get_network: GetNetworkRequest => Network,
    list_networks: ListNetworksRequest => ListNetworksResponse,
    validate_networks: ValidateNetworksRequest => ValidateNetworksResponse,
    allocate_for_instance: AllocateForInstanceRequest => NetworkInfo,
    deallocate_for_instance: DeallocateForInstanceRequest => DeallocateForInstanceResponse,
    migrate_instance_start: MigrateInstanceStartRequest => NetworkInfo,
    migrate_instance_finish: MigrateInstanceFinishRequest => NetworkInfo,
    setup_networks_on_host: SetupNetworksOnHostRequest => NetworkInfo,
    fence_host: FenceHostRequest => FenceHostResponse,
    get_instance_nw_info: GetInstanceNwInfoRequest => NetworkInfo,
    get_instance_nw_info_json: GetInstanceNwInfoJsonRequest => GetInstanceNwInfoJsonResponse,
});

played!(Subnets {
    add_subnet: AddSubnetRequest => Subnet,
    get_subnet: GetSubnetRequest => Subnet,
    modify_subnet: ModifySubnetRequest => Subnet,
    delete_subnet: DeleteSubnetRequest => DeleteSubnetResponse,
    add_route: AddRouteRequest => Subnet,
    remove_route: RemoveRouteRequest => Subnet,
});

played!(FixedIps {
    add_fixed_ip: AddFixedIpRequest => NetworkInfo,
    remove_fixed_ip: RemoveFixedIpRequest => NetworkInfo,
    reserve_fixed_ip: ReserveFixedIpRequest => FixedIp,
    unreserve_fixed_ip: UnreserveFixedIpRequest => FixedIp,
    get_fixed_ip: GetFixedIpRequest => FixedIp,
    list_fixed_ips: ListFixedIpsRequest => ListFixedIpsResponse,
    lease_fixed_ip: LeaseFixedIpRequest => LeaseFixedIpResponse,
    release_fixed_ip: ReleaseFixedIpRequest => LeaseFixedIpResponse,
});

#[tonic::async_trait]
impl Events for Script {
    type WatchEventsStream = tokio_stream::Iter<std::vec::IntoIter<Result<pb::WatchEventsResponse, Status>>>;

    async fn watch_events(
        &self,
        request: Request<pb::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        match self.turn(request) {
            Turn::Stream(messages) => Ok(Response::new(tokio_stream::iter(messages))),
            Turn::Refuse(status) => Err(status),
            Turn::Answer(_) | Turn::BreakOff(_) | Turn::Planned(..) => panic!("events are streamed"),
            Turn::Hang => future::pending().await,
        }
    }

    async fn list_events(
        &self,
        request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        self.play(request).await
    }
}

played!(MacRanges {
    create_mac_range: CreateMacRangeRequest => MacRange,
    get_mac_range: GetMacRangeRequest => MacRange,
    list_mac_ranges: ListMacRangesRequest => ListMacRangesResponse,
    delete_mac_range: DeleteMacRangeRequest => DeleteMacRangeResponse,
});

played!(Quotas {
    get_quota: GetQuotaRequest => Quota,
    set_quota: SetQuotaRequest => Quota,
    list_quotas: ListQuotasRequest => ListQuotasResponse,
});

played!(FloatingIps {
    create_floating_pool: CreateFloatingPoolRequest => FloatingPool,
    delete_floating_ranges: DeleteFloatingRangesRequest => FloatingPool,
    delete_floating_pool: DeleteFloatingPoolRequest => DeleteFloatingPoolResponse,
    list_floating_pools: ListFloatingPoolsRequest => ListFloatingPoolsResponse,
    allocate_floating_ip: AllocateFloatingIpRequest => FloatingIp,
    release_floating_ip: ReleaseFloatingIpRequest => ReleaseFloatingIpResponse,
    associate_floating_ip: AssociateFloatingIpRequest => AssociateFloatingIpResponse,
    disassociate_floating_ip: DisassociateFloatingIpRequest => DisassociateFloatingIpResponse,
    get_floating_ip: GetFloatingIpRequest => FloatingIp,
    list_floating_ips: ListFloatingIpsRequest => ListFloatingIpsResponse,
});

played!(Audits {
    audit_ledger: AuditLedgerRequest => AuditLedgerResponse,
    repair_finding: RepairFindingRequest => RepairFindingResponse,
});

played!(Explain {
    explain_instance: ExplainInstanceRequest => Explanation,
    explain_port: ExplainPortRequest => Explanation,
    explain_address: ExplainAddressRequest => Explanation,
});

played!(History {
    list_holders: ListHoldersRequest => ListHoldersResponse,
});

played!(Ports {
    get_port: GetPortRequest => Port,
    list_ports: ListPortsRequest => ListPortsResponse,
});

played!(Queries {
    find_instances: FindInstancesRequest => FindInstancesResponse,
});

played!(Dns {
    create_dns_domain: CreateDnsDomainRequest => DnsDomain,
    delete_dns_domain: DeleteDnsDomainRequest => DeleteDnsDomainResponse,
    list_dns_domains: ListDnsDomainsRequest => ListDnsDomainsResponse,
    add_dns_entry: AddDnsEntryRequest => DnsEntry,
    modify_dns_entry: ModifyDnsEntryRequest => DnsEntry,
    delete_dns_entry: DeleteDnsEntryRequest => DeleteDnsEntryResponse,
    list_dns_entries: ListDnsEntriesRequest => ListDnsEntriesResponse,
});
