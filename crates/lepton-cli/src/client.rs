//! [`Client`]: one connection to `leptond`, and how a call over it ends.

use std::{error::Error as _, fs, path::Path, time::Duration};

use lepton_proto::{
    Mutation,
    v1::{
        self as pb, audits_client::AuditsClient, dhcp_client::DhcpClient, dns_client::DnsClient,
        events_client::EventsClient, explain_client::ExplainClient, fixed_ips_client::FixedIpsClient,
        floating_ips_client::FloatingIpsClient, history_client::HistoryClient,
        mac_ranges_client::MacRangesClient, network_manager_client::NetworkManagerClient,
        plans_client::PlansClient, ports_client::PortsClient, queries_client::QueriesClient,
        quotas_client::QuotasClient, subnets_client::SubnetsClient,
    },
};
use prost::Message;
use prost_types::Any;
use tokio::time::{Instant, timeout_at};
use tonic::{
    Response, Status,
    transport::{self, Certificate, Channel, ClientTlsConfig, Identity},
};

use crate::{
    change::Change,
    endpoint::Endpoint,
    error::Error,
    retry,
    settings::{Settings, TlsFiles},
};

/// The calls that `leptond` answers, by service; all of them go over one connection.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    /// Networks, instances and hosts.
    pub(crate) manager: NetworkManagerClient<Channel>,
    /// Whether the ledger agrees with itself.
    pub(crate) audits: AuditsClient<Channel>,
    /// What DHCP servers are told.
    pub(crate) dhcp: DhcpClient<Channel>,
    /// Names in DNS.
    pub(crate) dns: DnsClient<Channel>,
    /// Addresses of networks one by one.
    pub(crate) fixed: FixedIpsClient<Channel>,
    /// What happens.
    pub(crate) events: EventsClient<Channel>,
    /// Floating IPs and their pools.
    pub(crate) floating: FloatingIpsClient<Channel>,
    /// Why things are as they are.
    pub(crate) explain: ExplainClient<Channel>,
    /// What was.
    pub(crate) history: HistoryClient<Channel>,
    /// MACs that ports are given.
    pub(crate) mac_ranges: MacRangesClient<Channel>,
    /// What changes would do.
    pub(crate) plans: PlansClient<Channel>,
    /// Ports.
    pub(crate) ports: PortsClient<Channel>,
    /// Questions over many things at once.
    pub(crate) queries: QueriesClient<Channel>,
    /// What projects have and may have.
    pub(crate) quotas: QuotasClient<Channel>,
    /// Subnets and their routes.
    pub(crate) subnets: SubnetsClient<Channel>,
}

/// The largest answer that is taken, in bytes: a page of 1000 networks with all the pools that each may have.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// Further than any command goes, for times that no clock can add up.
const FAR: Duration = Duration::from_hours(24 * 365 * 30);

/// A connection to `leptond`, and how long all that is done over it may take.
#[derive(Debug)]
pub(crate) struct Client {
    calls: Calls,
    endpoint: Endpoint,
    limit: Duration,
    deadline: Instant,
}

impl Client {
    /// Connects at once, so that an unreachable server is told apart from one that fails. The time for everything runs from here:
    /// a command connects once, a watch anew for every look.
    pub(crate) async fn connect(settings: &Settings) -> Result<Self, Error> {
        let Settings { endpoint, timeout: limit, .. } = settings.clone();
        let deadline = later(Instant::now(), limit);
        let channel = match timeout_at(deadline, transport_to(settings)?.connect()).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(cause)) => return Err(Error::unreachable(&endpoint, &cause)),
            Err(_) => return Err(Error::no_answer(&endpoint, limit)),
        };
        let calls = Calls {
            manager: NetworkManagerClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            audits: AuditsClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            dhcp: DhcpClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            dns: DnsClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            fixed: FixedIpsClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            events: EventsClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            floating: FloatingIpsClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            explain: ExplainClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            history: HistoryClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            mac_ranges: MacRangesClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            plans: PlansClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            ports: PortsClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            queries: QueriesClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            quotas: QuotasClient::new(channel.clone()).max_decoding_message_size(LARGEST_ANSWER),
            subnets: SubnetsClient::new(channel).max_decoding_message_size(LARGEST_ANSWER),
        };
        Ok(Self { calls, endpoint, limit, deadline })
    }

    /// The same connection, whose server may take this much longer to answer.
    pub(crate) fn allowing(self, more: Duration) -> Self {
        Self { limit: self.limit.saturating_add(more), deadline: later(self.deadline, more), ..self }
    }

    /// Makes a call that changes nothing.
    pub(crate) async fn ask<Q: Clone, A>(
        &self,
        request: Q,
        call: impl AsyncFn(Calls, Q) -> Result<Response<A>, Status>,
    ) -> Result<A, Error> {
        let attempts = retry::while_unavailable(async || call(self.calls.clone(), request.clone()).await);
        match timeout_at(self.deadline, attempts).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(Error::of_call(&self.endpoint, &status)),
            Err(_) => Err(Error::no_answer(&self.endpoint, self.limit)),
        }
    }

    /// Makes a call that changes something; the request must carry the change's id. Or plans it, or does what was planned.
    pub(crate) async fn change<Q: Mutation + Clone, A: Message + Default>(
        &self,
        change: &Change,
        request: Q,
        call: impl AsyncFn(Calls, Q) -> Result<Response<A>, Status>,
    ) -> Result<A, Error> {
        let answer = match &change.plan_hash {
            _ if change.is_dry_run => self.plan(change, &request).await,
            Some(hash) => self.apply(hash.clone(), &request).await,
            None => self.ask(request, call).await,
        };
        answer.map_err(|error| error.of_change(change))
    }

    /// Asks what a change would answer and do, and notes what it would do.
    async fn plan<A: Message + Default>(&self, change: &Change, request: &impl Mutation) -> Result<A, Error> {
        let request = pb::PlanCallRequest { call: Some(request.to_any()) };
        let call = async |mut calls: Calls, request| calls.plans.plan_call(request).await;
        let pb::PlanCallResponse { answer, plan } = self.ask(request, call).await?;
        if let Some(plan) = plan {
            // A change is asked for once.
            let _ = change.plan.set(plan.into());
        }
        self.decoded(answer)
    }

    /// Has a plan carried out.
    async fn apply<A: Message + Default>(
        &self,
        plan_hash: String,
        request: &impl Mutation,
    ) -> Result<A, Error> {
        let request = pb::ApplyPlanRequest { call: Some(request.to_any()), plan_hash };
        let call = async |mut calls: Calls, request| calls.plans.apply_plan(request).await;
        let pb::ApplyPlanResponse { answer } = self.ask(request, call).await?;
        self.decoded(answer)
    }

    fn decoded<A: Message + Default>(&self, answer: Option<Any>) -> Result<A, Error> {
        let answer = answer.unwrap_or_default();
        A::decode(&*answer.value).map_err(|problem| {
            Error::of_call(&self.endpoint, &Status::internal(format!("the answer cannot be read: {problem}")))
        })
    }
}

fn later(moment: Instant, time: Duration) -> Instant {
    moment.checked_add(time).unwrap_or_else(|| moment + FAR)
}

fn transport_to(settings: &Settings) -> Result<transport::Endpoint, Error> {
    let endpoint = &settings.endpoint;
    let wrong = |cause: transport::Error| {
        let cause = cause.source().map_or_else(|| cause.to_string(), ToString::to_string);
        Error::usage(format!("cannot connect to {endpoint}: {cause}"))
    };
    let transport = transport::Endpoint::from_shared(endpoint.to_string()).map_err(wrong)?;
    let transport = transport.user_agent(concat!("lepton/", env!("CARGO_PKG_VERSION"))).map_err(wrong)?;
    match &settings.tls {
        Some(files) => transport.tls_config(tls_config(files)?).map_err(wrong),
        None => Ok(transport),
    }
}

fn tls_config(files: &TlsFiles) -> Result<ClientTlsConfig, Error> {
    let config =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read("CA certificate", &files.ca)?));
    Ok(match &files.identity {
        Some((cert, key)) => {
            config.identity(Identity::from_pem(read("certificate", cert)?, read("key", key)?))
        }
        None => config,
    })
}

fn read(what: &str, path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|cause| {
        Error::usage(format!("cannot read the {what} {}: {cause}", path.display()))
            .with_hint("name the right file with `--ca`, `--cert` or `--key`, or in cli.toml")
    })
}
