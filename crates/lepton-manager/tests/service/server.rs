//! [`Server`]: the service as leptond serves it, and the words that the tests speak to it.

use std::{fmt::Debug, net::SocketAddr, path::PathBuf, time::Duration};

use lepton_ipam::MacBase;
use lepton_manager::{
    Api, Arrival, Authorise, DhcpSettings, FloatingSettings, Manager, Role, Settings, Trust,
};
use lepton_proto::v1::{self, network_manager_client::NetworkManagerClient, subnets_client::SubnetsClient};
use lepton_store::{Database, StoreConfig};
use lepton_types::{Amounts, HostChanges, HostId, HostReport, Limit, PortId, PortReport, PortStatus};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, UnixListener},
    task::JoinSet,
};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{
    Code, Response, Status,
    body::Body,
    codegen::http,
    service::RoutesBuilder,
    transport::{Channel, Endpoint, Server as Transport, server::TcpIncoming},
};

use tower::{Service, ServiceExt};

pub(crate) use self::untouched::Untouched;
use self::untouched::Verdict;
use crate::problem::Problem;

mod tls;
mod untouched;

pub(crate) type Client = NetworkManagerClient<Channel>;

/// The host of the server's own agent, whom the tests play.
pub(crate) const HOST: &str = "host-1";
/// Another host whose agent has been there.
pub(crate) const OTHER_HOST: &str = "host-2";

/// The ledger's file in the server's folder.
const LEDGER: &str = "ledger.db";

/// The project of the tests' instances.
pub(crate) const PROJECT: &str = "blue";

/// What a test may want otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) own_host: Option<&'static str>,
    pub(crate) only_known_hosts: bool,
    pub(crate) instance_domain: Option<&'static str>,
    pub(crate) assigns_floating_ips: bool,
    pub(crate) has_single_gateway: bool,
    pub(crate) mac_base: &'static str,
    /// What callers over TCP are; those over the unix socket are admins.
    pub(crate) loopback_role: Option<Role>,
    pub(crate) queue_limit: usize,
    /// What projects may have.
    pub(crate) limits: Amounts<Limit>,
    pub(crate) database_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            own_host: Some(HOST),
            only_known_hosts: false,
            instance_domain: None,
            assigns_floating_ips: false,
            has_single_gateway: false,
            mac_base: "fa:16:3e",
            loopback_role: Some(Role::Compute),
            queue_limit: 4096,
            limits: Amounts::DEFAULT,
            database_timeout: Duration::from_secs(5),
        }
    }
}

/// The service on a unix socket and on TCP, over a SQLite file; ends when it is dropped.
pub(crate) struct Server {
    pub(crate) manager: Manager,
    options: Options,
    /// Says at the end of the test whether a refused call has left something behind.
    pub(crate) verdict: Verdict,
    untouched: Untouched,
    folder: TempDir,
    tcp: SocketAddr,
    _serving: DropGuard,
    tasks: JoinSet<Result<(), tonic::transport::Error>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self::over(TempDir::new().unwrap(), options).await
    }

    async fn over(folder: TempDir, options: Options) -> Self {
        let database = Database::Sqlite(folder.path().join(LEDGER));
        let mut store = StoreConfig::new(database);
        store.queue_limit = options.queue_limit;
        store.default_limits = options.limits;
        store.connect_timeout = options.database_timeout;
        let settings = Settings {
            mac_base: options.mac_base.parse::<MacBase>().unwrap(),
            own_host: options.own_host.map(|host| host.parse().unwrap()),
            only_known_hosts: options.only_known_hosts,
            instance_domain: options.instance_domain.map(|domain| domain.parse().unwrap()),
            floating: FloatingSettings {
                auto_assign: options.assigns_floating_ips,
                ..FloatingSettings::default()
            },
            dhcp: DhcpSettings { has_single_gateway: options.has_single_gateway, ..DhcpSettings::default() },
        };
        let manager = Manager::open(&store, settings).await.unwrap();
        for host in [HOST, OTHER_HOST] {
            manager.register(&host.parse().unwrap()).await.unwrap();
        }
        let mut routes = RoutesBuilder::default();
        Api::new(manager.clone()).serve(&mut routes);
        let untouched = Untouched::new(folder.path().join(LEDGER));
        let router = Transport::builder().layer(untouched.clone());
        let router = router.layer(Authorise::new(trust(&options))).layer(Arrival).add_routes(routes.routes());
        let unix = UnixListener::bind(folder.path().join("lepton.sock")).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let over_unix = router.clone();
        let stop = shutdown.clone();
        tasks.spawn(async move {
            let incoming = UnixListenerStream::new(unix);
            over_unix.serve_with_incoming_shutdown(incoming, stop.cancelled()).await
        });
        let stop = shutdown.clone();
        tasks.spawn(async move {
            router.serve_with_incoming_shutdown(TcpIncoming::from(tcp), stop.cancelled()).await
        });
        let verdict = untouched.verdict();
        Self {
            manager,
            options,
            verdict,
            untouched,
            folder,
            tcp: address,
            _serving: shutdown.drop_guard(),
            tasks,
        }
    }

    /// Ends the server, and starts another one over the same file.
    pub(crate) async fn restart(self) -> Self {
        let options = self.options.clone();
        self.restart_with(options).await
    }

    /// Ends the server, and starts one with these options over the same file.
    pub(crate) async fn restart_with(self, options: Options) -> Self {
        let Self { manager, folder, tasks, _serving, .. } = self;
        drop(_serving);
        drop(tasks);
        manager.close().await;
        std::fs::remove_file(folder.path().join("lepton.sock")).unwrap();
        Self::over(folder, options).await
    }

    /// Forgets all events that there are, as if they were old.
    pub(crate) async fn forget_events(&self) {
        let mut database = self.database().await;
        sqlx::query("DELETE FROM journal").execute(&mut database).await.unwrap();
    }

    /// An admin's client, over the unix socket.
    pub(crate) async fn client(&self) -> Client {
        let socket = self.folder.path().join("lepton.sock");
        connect(format!("unix:{}", socket.display())).await
    }

    /// An admin's client of the service that subnets have, over the unix socket.
    pub(crate) async fn subnets(&self) -> SubnetsClient<Channel> {
        let socket = self.folder.path().join("lepton.sock");
        SubnetsClient::new(channel(format!("unix:{}", socket.display())).await)
    }

    /// A client of the service that subnets have, over TCP.
    pub(crate) async fn subnets_over_tcp(&self) -> SubnetsClient<Channel> {
        SubnetsClient::new(channel(format!("http://{}", self.tcp)).await)
    }

    /// An admin's connection, over the unix socket.
    pub(crate) async fn channel(&self) -> Channel {
        channel(format!("unix:{}", self.folder.path().join("lepton.sock").display())).await
    }

    /// A connection over TCP, whose role is as configured.
    pub(crate) async fn channel_over_tcp(&self) -> Channel {
        channel(format!("http://{}", self.tcp)).await
    }

    /// A client over TCP, whose role is as configured.
    pub(crate) async fn client_over_tcp(&self) -> Client {
        connect(format!("http://{}", self.tcp)).await
    }

    /// Sends a body as it is to a method, as no client that knows the protocol would; answers with the headers.
    pub(crate) async fn send(&self, method: &str, headers: &[(&str, &str)], body: Body) -> http::HeaderMap {
        let socket = self.folder.path().join("lepton.sock");
        let mut channel =
            Endpoint::from_shared(format!("unix:{}", socket.display())).unwrap().connect().await.unwrap();
        let mut request = http::Request::post(format!("http://localhost/lepton.v1.NetworkManager/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        channel.ready().await.unwrap().call(request).await.unwrap().into_parts().0.headers
    }

    /// Makes a call that must be refused and must leave the ledger as it was, byte for byte.
    pub(crate) async fn refuses<T: Debug>(
        &self,
        call: impl AsyncFnOnce(&mut Client) -> Result<Response<T>, Status>,
    ) -> Problem {
        let before = self.dump().await;
        let problem = Problem::of(call(&mut self.client().await).await);
        assert_eq!(self.dump().await, before, "{problem:?} left something behind");
        problem
    }

    /// Makes a call that must not change the ledger, and answers with what it answers.
    pub(crate) async fn unchanged<T>(
        &self,
        call: impl AsyncFnOnce(&mut Client) -> Result<Response<T>, Status>,
    ) -> T {
        let before = self.dump().await;
        let answer = call(&mut self.client().await).await.unwrap().into_inner();
        assert_eq!(self.dump().await, before);
        answer
    }

    /// Every table's every row, as SQL literals.
    pub(crate) async fn dump(&self) -> String {
        let mut database = self.database().await;
        let text = untouched::dump(&mut database).await.unwrap();
        database.close().await.unwrap();
        text
    }

    /// A connection of the test's own to the ledger's file.
    pub(crate) async fn database(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.path());
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(LEDGER)
    }

    /// Makes a global network with these subnets.
    pub(crate) async fn network(&self, label: &str, cidrs: &[&str]) -> v1::Network {
        self.create(network(label, cidrs)).await
    }

    pub(crate) async fn create(&self, spec: v1::NetworkSpec) -> v1::Network {
        let request = v1::CreateNetworksRequest { networks: vec![spec], ..Default::default() };
        self.client().await.create_networks(request).await.unwrap().into_inner().networks.remove(0)
    }

    pub(crate) async fn allocate(&self, request: v1::AllocateForInstanceRequest) -> v1::NetworkInfo {
        self.client().await.allocate_for_instance(request).await.unwrap().into_inner()
    }

    pub(crate) async fn deallocate(&self, number: u128) -> Vec<String> {
        let request = deallocation(number);
        self.client().await.deallocate_for_instance(request).await.unwrap().into_inner().released_port_ids
    }

    pub(crate) async fn info(&self, number: u128) -> Result<v1::NetworkInfo, Status> {
        let request = v1::GetInstanceNwInfoRequest { instance_id: instance(number) };
        Ok(self.client().await.get_instance_nw_info(request).await?.into_inner())
    }

    /// Why the instance has no NetworkInfo.
    pub(crate) async fn assert_not_allocated(&self, number: u128) {
        let problem = Problem::read(&self.info(number).await.unwrap_err());
        assert_eq!((problem.code, &*problem.reason), (Code::NotFound, "INSTANCE_NOT_FOUND"));
    }

    /// What the host's agent is told when it asks for everything.
    pub(crate) async fn feed(&self) -> HostChanges {
        self.manager.host_changes(host(), None).await.unwrap()
    }

    /// Waits until the host must have ports, as its agent does; answers with them.
    pub(crate) async fn ports_to_plug(&self) -> Vec<PortId> {
        loop {
            let feed = self.feed().await;
            if !feed.ports.is_empty() {
                return feed.ports.iter().map(|port| port.id).collect();
            }
            self.manager.host_news(&host(), feed.revision).await;
        }
    }

    /// Says what an agent says of its ports.
    pub(crate) async fn report(&self, ports: &[PortId], status: &PortStatus) {
        let ports = ports
            .iter()
            .map(|id| PortReport { id: *id, status: status.clone(), filtered_at: None })
            .collect();
        let report = HostReport { ports, ..HostReport::default() };
        self.manager.host_report(host(), report).await.unwrap();
    }

    /// Says what an agent says once it has unplugged ports.
    pub(crate) async fn unplugged(&self, ports: &[String]) {
        let unplugged = ports.iter().map(|id| id.parse().unwrap()).collect();
        let report = HostReport { unplugged, ..HostReport::default() };
        self.manager.host_report(host(), report).await.unwrap();
    }
}

fn trust(options: &Options) -> Trust {
    Trust {
        daemon_uid: nobody(),
        unix_role: Some(Role::Admin),
        loopback_role: options.loopback_role,
        binds_hosts: true,
        trust_domain: None,
    }
}

/// A uid that no caller has, so that the callers' role is the configured one unless root runs the tests.
fn nobody() -> u32 {
    u32::MAX
}

async fn connect(endpoint: String) -> Client {
    NetworkManagerClient::new(channel(endpoint).await)
}

async fn channel(endpoint: String) -> Channel {
    Endpoint::from_shared(endpoint).unwrap().connect().await.unwrap()
}

/// A statement that the test made.
#[expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the test made it of names in the schema"
)]
pub(crate) fn sql(text: String) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(text)
}

pub(crate) fn host() -> HostId {
    HOST.parse().unwrap()
}

/// The UUID of instance `number`.
pub(crate) fn instance(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

/// A UUID that nothing has.
pub(crate) const UNKNOWN: &str = "00000000-dead-4000-8000-000000000000";

/// A global network.
pub(crate) fn network(label: &str, cidrs: &[&str]) -> v1::NetworkSpec {
    let subnets = cidrs.iter().map(|cidr| subnet(cidr)).collect();
    v1::NetworkSpec { label: label.into(), subnets, ..Default::default() }
}

pub(crate) fn subnet(cidr: &str) -> v1::SubnetSpec {
    v1::SubnetSpec { cidr: cidr.into(), ..Default::default() }
}

pub(crate) fn requested(network_id: &str, fixed_ips: &[&str]) -> v1::RequestedNetwork {
    let fixed_ips = fixed_ips.iter().map(|&ip| ip.to_owned()).collect();
    v1::RequestedNetwork { network_id: network_id.into(), fixed_ips }
}

/// An allocation on all networks of the project.
pub(crate) fn allocation(number: u128) -> v1::AllocateForInstanceRequest {
    v1::AllocateForInstanceRequest {
        instance_id: instance(number),
        project_id: PROJECT.into(),
        ..Default::default()
    }
}

/// An allocation on these networks.
pub(crate) fn allocation_on(
    number: u128,
    networks: Vec<v1::RequestedNetwork>,
) -> v1::AllocateForInstanceRequest {
    v1::AllocateForInstanceRequest { networks, ..allocation(number) }
}

pub(crate) fn deallocation(number: u128) -> v1::DeallocateForInstanceRequest {
    v1::DeallocateForInstanceRequest { instance_id: instance(number), ..Default::default() }
}

/// All fixed IPs of an instance, in order.
pub(crate) fn fixed_ips(info: &v1::NetworkInfo) -> Vec<String> {
    let networks = info.vifs.iter().filter_map(|vif| vif.network.as_ref());
    networks.flat_map(|network| &network.subnets).flat_map(|subnet| subnet.fixed_ips.clone()).collect()
}

pub(crate) fn port_ids(info: &v1::NetworkInfo) -> Vec<String> {
    info.vifs.iter().map(|vif| vif.id.clone()).collect()
}
