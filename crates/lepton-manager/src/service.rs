//! The gRPC services: each handler parses a call, submits its command and answers. This file has what they share, and the
//! handlers of `lepton.v1.NetworkManager`.

mod audits;
mod call;
mod dhcp;
mod dns;
mod events;
mod explain;
mod fixed_ips;
mod floating_ips;
mod history;
mod mac_ranges;
mod plans;
mod ports;
mod queries;
mod quotas;
mod subnets;

use lepton_ledger::{
    AllocateForInstance, Command, MigrateInstanceStart, NetworkWithSubnets, PlanOf, Refusal, Scope,
};
use lepton_proto::v1::{
    self,
    audits_server::AuditsServer,
    dhcp_server::DhcpServer,
    dns_server::DnsServer,
    events_server::EventsServer,
    explain_server::ExplainServer,
    fixed_ips_server::FixedIpsServer,
    floating_ips_server::FloatingIpsServer,
    history_server::HistoryServer,
    mac_ranges_server::MacRangesServer,
    network_manager_server::{NetworkManager, NetworkManagerServer},
    plans_server::PlansServer,
    ports_server::PortsServer,
    queries_server::QueriesServer,
    quotas_server::QuotasServer,
    subnets_server::SubnetsServer,
};
use lepton_types::PortId;
use tonic::{Request, Response, Status, server::NamedService, service::RoutesBuilder};

use crate::{
    Caller, Explained, Manager,
    manager::ManagerError,
    parse::{host, instance, migration, network},
    status::refused,
};

use self::{
    call::{Call, parse, parse_within},
    plans::Planning,
};

/// Most bytes of a request that is about one thing, or names a hundred: a subnet with all the pools that it may have takes 14 KiB.
pub const SMALL_REQUEST: usize = 64 << 10;

/// Most bytes of a request that describes many things: as many networks at once as may be, with all that each may have, take
/// 900 KiB.
const LARGE_REQUEST: usize = 2 << 20;

/// Adds services to routes, each with the most bytes of a request, which gRPC and what it refuses by are told alike.
macro_rules! serve {
    ($api:ident, $routes:ident: $($server:ident takes $most:ident;)+) => {$(
        let server = $server::new($api.clone()).max_decoding_message_size($most);
        $routes.add_service(Explained::<_, $most>::new(server));
    )+};
}

/// Every gRPC service of Lepton, over one [`Manager`].
#[derive(Clone, Debug)]
pub struct Api {
    manager: Manager,
}

impl Api {
    /// The services' names.
    pub const SERVICES: [&str; 15] = [
        AuditsServer::<Self>::NAME,
        DhcpServer::<Self>::NAME,
        DnsServer::<Self>::NAME,
        EventsServer::<Self>::NAME,
        ExplainServer::<Self>::NAME,
        FixedIpsServer::<Self>::NAME,
        FloatingIpsServer::<Self>::NAME,
        HistoryServer::<Self>::NAME,
        MacRangesServer::<Self>::NAME,
        NetworkManagerServer::<Self>::NAME,
        PlansServer::<Self>::NAME,
        PortsServer::<Self>::NAME,
        QueriesServer::<Self>::NAME,
        QuotasServer::<Self>::NAME,
        SubnetsServer::<Self>::NAME,
    ];

    /// The services over `manager`.
    pub fn new(manager: Manager) -> Self {
        Self { manager }
    }

    /// Serves them beside what `routes` has; whatever they refuse says why.
    pub fn serve(self, routes: &mut RoutesBuilder) {
        serve! {
            self, routes:
            AuditsServer takes SMALL_REQUEST;
            DhcpServer takes SMALL_REQUEST;
            DnsServer takes SMALL_REQUEST;
            EventsServer takes SMALL_REQUEST;
            ExplainServer takes SMALL_REQUEST;
            FixedIpsServer takes SMALL_REQUEST;
            FloatingIpsServer takes SMALL_REQUEST;
            HistoryServer takes SMALL_REQUEST;
            MacRangesServer takes SMALL_REQUEST;
            NetworkManagerServer takes LARGE_REQUEST;
            PlansServer takes LARGE_REQUEST;
            PortsServer takes SMALL_REQUEST;
            QueriesServer takes SMALL_REQUEST;
            QuotasServer takes SMALL_REQUEST;
            SubnetsServer takes SMALL_REQUEST;
        }
    }

    /// Carries a parsed command out under the caller's name and the request's id, or plans it.
    async fn submit<C: Command>(&self, call: Call, command: C) -> Result<C::Answer, Status> {
        if let Some(Planning::Of(slot)) = &call.planning {
            let request = call.planned_request::<C>();
            let (answer, plan) = self.manager.ask(PlanOf { command, request }).await?;
            slot.put(plan);
            return Ok(answer);
        }
        let envelope = call.envelope::<C>();
        let validate_only = call.validate_only;
        Ok(self.manager.submit_wanted(call.wanted(command), envelope, validate_only).await?)
    }

    /// Answers a question, which `parse` reads for a caller that may see this much of the ledger.
    async fn ask_within<R: Sync, C: Command>(
        &self,
        request: &Request<R>,
        parse: impl FnOnce(&R, Scope) -> Result<C, Refusal>,
    ) -> Result<C::Answer, Status> {
        let scope = Caller::of(request)?.scope().clone();
        let question = parse(request.get_ref(), scope).map_err(|refusal| refused(&refusal))?;
        Ok(self.manager.ask(question).await?)
    }
}

fn network_message(found: NetworkWithSubnets) -> v1::Network {
    lepton_proto::network(found.network, found.subnets)
}

#[tonic::async_trait]
impl NetworkManager for Api {
    async fn create_networks(
        &self,
        request: Request<v1::CreateNetworksRequest>,
    ) -> Result<Response<v1::CreateNetworksResponse>, Status> {
        let settings = self.manager.settings();
        let (call, command) = parse_within(&request, |fields, request, scope| {
            network::create_networks(fields, request, scope, settings)
        })?;
        let made = self.submit(call, command).await?;
        let networks = made.into_iter().map(network_message).collect();
        Ok(Response::new(v1::CreateNetworksResponse { networks }))
    }

    async fn carve_networks(
        &self,
        request: Request<v1::CarveNetworksRequest>,
    ) -> Result<Response<v1::CreateNetworksResponse>, Status> {
        let settings = self.manager.settings();
        let (call, command) =
            parse(&request, |fields, request| network::carve_networks(fields, request, settings))?;
        let made = self.submit(call, command).await?;
        let networks = made.into_iter().map(network_message).collect();
        Ok(Response::new(v1::CreateNetworksResponse { networks }))
    }

    async fn modify_network(
        &self,
        request: Request<v1::ModifyNetworkRequest>,
    ) -> Result<Response<v1::Network>, Status> {
        let settings = self.manager.settings();
        let (call, command) = parse_within(&request, |fields, request, scope| {
            network::modify_network(fields, request, scope, settings)
        })?;
        Ok(Response::new(network_message(self.submit(call, command).await?)))
    }

    async fn associate_network(
        &self,
        request: Request<v1::AssociateNetworkRequest>,
    ) -> Result<Response<v1::Network>, Status> {
        let settings = self.manager.settings();
        let (call, command) =
            parse(&request, |fields, request| network::associate_network(fields, request, settings))?;
        Ok(Response::new(network_message(self.submit(call, command).await?)))
    }

    async fn disassociate_network(
        &self,
        request: Request<v1::DisassociateNetworkRequest>,
    ) -> Result<Response<v1::Network>, Status> {
        let (call, command) = parse(&request, network::disassociate_network)?;
        Ok(Response::new(network_message(self.submit(call, command).await?)))
    }

    async fn delete_network(
        &self,
        request: Request<v1::DeleteNetworkRequest>,
    ) -> Result<Response<v1::DeleteNetworkResponse>, Status> {
        let (call, command) = parse_within(&request, network::delete_network)?;
        self.submit(call, command).await?;
        Ok(Response::new(v1::DeleteNetworkResponse {}))
    }

    async fn get_network(
        &self,
        request: Request<v1::GetNetworkRequest>,
    ) -> Result<Response<v1::Network>, Status> {
        let found = self.ask_within(&request, network::get_network).await?;
        Ok(Response::new(network_message(found)))
    }

    async fn list_networks(
        &self,
        request: Request<v1::ListNetworksRequest>,
    ) -> Result<Response<v1::ListNetworksResponse>, Status> {
        let page = self.ask_within(&request, network::list_networks).await?;
        Ok(Response::new(v1::ListNetworksResponse {
            networks: page.networks.into_iter().map(network_message).collect(),
            next_page_token: page.next.map(|next| next.to_string()).unwrap_or_default(),
        }))
    }

    async fn validate_networks(
        &self,
        request: Request<v1::ValidateNetworksRequest>,
    ) -> Result<Response<v1::ValidateNetworksResponse>, Status> {
        let settings = self.manager.settings();
        self.ask_within(&request, |request, scope| instance::validate_networks(request, scope, settings))
            .await?;
        Ok(Response::new(v1::ValidateNetworksResponse {}))
    }

    async fn allocate_for_instance(
        &self,
        request: Request<v1::AllocateForInstanceRequest>,
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let (settings, only_on) = (self.manager.settings(), Caller::of(&request)?.host());
        let (call, allocation) = parse(&request, |fields, request| {
            instance::allocate_for_instance(fields, request, settings, only_on)
        })?;
        let info = match allocation.patience.filter(|_| call.may_wait()) {
            None => self.submit(call, allocation.command).await?,
            Some(patience) => {
                let envelope = call.envelope::<AllocateForInstance>();
                let waited =
                    self.manager.allocate_and_wait(call.wanted(allocation.command), envelope, patience);
                waited.await.map_err(|error: ManagerError| Status::from(error))?
            }
        };
        Ok(Response::new(info.into()))
    }

    async fn deallocate_for_instance(
        &self,
        request: Request<v1::DeallocateForInstanceRequest>,
    ) -> Result<Response<v1::DeallocateForInstanceResponse>, Status> {
        let only_on = Caller::of(&request)?.host();
        let (call, command) =
            parse(&request, |fields, request| instance::deallocate_for_instance(fields, request, only_on))?;
        let released = self.submit(call, command).await?;
        let released_port_ids = released.ports.iter().map(ToString::to_string).collect();
        Ok(Response::new(v1::DeallocateForInstanceResponse { released_port_ids }))
    }

    async fn migrate_instance_start(
        &self,
        request: Request<v1::MigrateInstanceStartRequest>,
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let (settings, only_on) = (self.manager.settings(), Caller::of(&request)?.host());
        let (call, start) = parse(&request, |fields, request| {
            migration::migrate_instance_start(fields, request, settings, only_on)
        })?;
        let info = match start.patience.filter(|_| call.may_wait()) {
            None => self.submit(call, start.command).await?.info,
            Some(patience) => {
                let envelope = call.envelope::<MigrateInstanceStart>();
                self.manager.migrate_and_wait(call.wanted(start.command), envelope, patience).await?
            }
        };
        Ok(Response::new(info.into()))
    }

    async fn migrate_instance_finish(
        &self,
        request: Request<v1::MigrateInstanceFinishRequest>,
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let only_on = Caller::of(&request)?.host();
        let (call, command) =
            parse(&request, |fields, request| migration::migrate_instance_finish(fields, request, only_on))?;
        Ok(Response::new(self.submit(call, command).await?.into()))
    }

    async fn setup_networks_on_host(
        &self,
        request: Request<v1::SetupNetworksOnHostRequest>,
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let (settings, only_on) = (self.manager.settings(), Caller::of(&request)?.host());
        let (call, command) = parse(&request, |fields, request| {
            migration::setup_networks_on_host(fields, request, settings, only_on)
        })?;
        Ok(Response::new(self.submit(call, command).await?.into()))
    }

    async fn fence_host(
        &self,
        request: Request<v1::FenceHostRequest>,
    ) -> Result<Response<v1::FenceHostResponse>, Status> {
        let (call, command) = parse(&request, host::fence_host)?;
        let fenced = self.submit(call, command).await?;
        let texts = |ids: Vec<PortId>| ids.iter().map(ToString::to_string).collect();
        Ok(Response::new(v1::FenceHostResponse {
            ended_port_ids: texts(fenced.ended),
            live_port_ids: texts(fenced.live),
            has_more: fenced.has_more,
            departed_port_ids: texts(fenced.departed),
        }))
    }

    async fn get_instance_nw_info(
        &self,
        request: Request<v1::GetInstanceNwInfoRequest>,
    ) -> Result<Response<v1::NetworkInfo>, Status> {
        let info = self.ask_within(&request, instance::get_instance_nw_info).await?;
        Ok(Response::new(info.into()))
    }

    async fn get_instance_nw_info_json(
        &self,
        request: Request<v1::GetInstanceNwInfoJsonRequest>,
    ) -> Result<Response<v1::GetInstanceNwInfoJsonResponse>, Status> {
        let scope = Caller::of(&request)?.scope().clone();
        let parsed = instance::get_instance_nw_info_json(request.get_ref(), scope);
        let (question, form) = parsed.map_err(|refusal| refused(&refusal))?;
        let info = self.manager.ask(question).await?;
        let json = form.render(&info).map_err(|refusal| refused(&refusal))?;
        Ok(Response::new(v1::GetInstanceNwInfoJsonResponse { json }))
    }
}
