//! What the tests serve, and the certificates of those who call.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test, as in the tests themselves")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use lepton_manager::{Caller, Count};
use lepton_proto::v1::{
    self as pb,
    network_manager_server::{NetworkManager, NetworkManagerServer},
};
use leptond::{
    config::{Config, ConfigFile, Sources},
    listen::{Addresses, Listeners},
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, RootCertStore,
        pki_types::{CertificateDer, pem::PemObject},
    },
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status,
    service::RoutesBuilder,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error, Identity},
};

/// The name in the server's certificate.
const SERVER_NAME: &str = "lepton.example.org";

/// What the service was told of its caller.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told(String);

impl Told {
    pub(crate) fn new(name: &str, role: &str) -> Self {
        Self(format!("{name} {role}"))
    }

    fn of(caller: &Caller) -> Self {
        Self::new(caller.name(), caller.role().as_str())
    }

    pub(crate) fn read(answer: &pb::ListNetworksResponse) -> Self {
        Self(answer.next_page_token.clone())
    }
}

/// A certificate authority for servers and clients.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A client's certificate and key, with these URIs as subject alternative names.
    pub(crate) fn client(&self, uris: &[&str]) -> Identity {
        let (cert, key) = self.sign(&client_params(uris));
        Identity::from_pem(cert, key)
    }

    pub(crate) fn expired_client(&self, uris: &[&str]) -> Identity {
        let mut params = client_params(uris);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 2);
        let (cert, key) = self.sign(&params);
        Identity::from_pem(cert, key)
    }

    /// Does the client's part of a handshake until the server has proved who it is.
    pub(crate) async fn shake(&self, tcp: TcpStream) -> io::Result<()> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let provider = rustls::crypto::ring::default_provider();
        let config = ClientConfig::builder_with_provider(provider.into())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server = SERVER_NAME.try_into().unwrap();
        TlsConnector::from(Arc::new(config)).connect(server, tcp).await.map(drop)
    }

    fn sign(&self, params: &CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// The settings of a server with a certificate of this authority, which trusts the clients of this authority.
    fn server_settings(&self, folder: &Path) -> [(&'static str, String); 3] {
        let (cert, key) = self.sign(&CertificateParams::new([SERVER_NAME.to_owned()]).unwrap());
        [("tls.cert", cert), ("tls.key", key), ("tls.client_ca", self.pem.clone())].map(|(key, pem)| {
            let path = folder.join(key);
            fs::write(&path, pem).unwrap();
            (key, path.to_str().unwrap().to_owned())
        })
    }
}

fn client_params(uris: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
    params
}

/// A server that runs as long as this lives.
pub(crate) struct Served {
    addresses: Addresses,
    stub: Arc<Stub>,
    shutdown: CancellationToken,
    serving: JoinSet<Result<(), Error>>,
    folder: TempDir,
}

impl Served {
    pub(crate) async fn with_tls(authority: &Authority, settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let tls = authority.server_settings(folder.path());
        let tls = tls.iter().map(|(key, text)| (*key, &**text));
        let settings: Vec<_> = settings.iter().copied().chain(tls).chain(TCP_ONLY).collect();
        Self::start(folder, &settings).await
    }

    pub(crate) async fn plain_tcp(settings: &[(&str, &str)]) -> Self {
        let settings: Vec<_> = settings.iter().copied().chain(TCP_ONLY).collect();
        Self::start(TempDir::new().unwrap(), &settings).await
    }

    pub(crate) async fn unix(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("lepton.sock");
        let unix = [("listen.unix", socket.to_str().unwrap()), ("listen.tcp", "")];
        let settings: Vec<_> = settings.iter().copied().chain(unix).collect();
        Self::start(folder, &settings).await
    }

    /// A server of both.
    pub(crate) async fn on_both(settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("lepton.sock");
        let both = [("listen.unix", socket.to_str().unwrap()), ("listen.tcp", "127.0.0.1:0")];
        let settings: Vec<_> = settings.iter().copied().chain(both).collect();
        Self::start(folder, &settings).await
    }

    async fn start(folder: TempDir, settings: &[(&str, &str)]) -> Self {
        let config = Config::load(&Sources {
            file: ConfigFile::Default(PathBuf::from("/nonexistent")),
            variables: Vec::new(),
            flags: settings
                .iter()
                .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            hostname: "node1".to_owned(),
            uid: nix::unistd::geteuid().as_raw(),
        });
        let config = config.unwrap();
        let stub = Arc::new(Stub::default());
        let mut routes = RoutesBuilder::default();
        routes.add_service(NetworkManagerServer::from_arc(Arc::clone(&stub)));
        routes.add_service(tonic_health::server::health_reporter().1);

        let listeners = Listeners::bind(&config.listen).await.unwrap();
        let addresses = listeners.addresses().clone();
        let shutdown = CancellationToken::new();
        let mut serving = JoinSet::new();
        let (authorise, count) = (config.authorise(), Count::default());
        serving.spawn(listeners.serve(routes.routes(), authorise, count, config.drain, shutdown.clone()));
        Self { addresses, stub, shutdown, serving, folder }
    }

    /// Replaces the server's files by those of another authority.
    pub(crate) fn renew(&self, authority: &Authority) {
        authority.server_settings(self.folder.path());
    }

    pub(crate) async fn plain(&self) -> Result<Channel, Error> {
        Endpoint::from_shared(format!("http://{}", self.addresses.tcp.unwrap())).unwrap().connect().await
    }

    pub(crate) async fn tls(
        &self,
        authority: &Authority,
        identity: Option<&Identity>,
    ) -> Result<Channel, Error> {
        let ca = Certificate::from_pem(&authority.pem);
        let tls = ClientTlsConfig::new().ca_certificate(ca).domain_name(SERVER_NAME);
        let tls = identity.cloned().into_iter().fold(tls, ClientTlsConfig::identity);
        let endpoint = Endpoint::from_shared(format!("https://{}", self.addresses.tcp.unwrap())).unwrap();
        endpoint.tls_config(tls).unwrap().connect().await
    }

    pub(crate) async fn over_unix(&self) -> Result<Channel, Error> {
        Endpoint::from_shared(format!("unix:{}", self.socket().display())).unwrap().connect().await
    }

    pub(crate) fn tcp(&self) -> SocketAddr {
        self.addresses.tcp.unwrap()
    }

    pub(crate) fn socket(&self) -> &Path {
        self.addresses.unix.as_deref().unwrap()
    }

    /// How many calls reached the service.
    pub(crate) fn calls(&self) -> usize {
        self.stub.calls.load(Ordering::SeqCst)
    }

    /// How many connections `ListNetworks` was called over.
    pub(crate) fn connections(&self) -> usize {
        self.stub.peers.lock().unwrap().len()
    }

    /// Waits until so many `GetNetwork` calls are under way.
    pub(crate) async fn entered(&self, calls: usize) {
        self.stub.held.subscribe().wait_for(|held| held.now >= calls).await.unwrap();
    }

    /// How many `GetNetwork` calls have been under way at once, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.stub.held.borrow().most
    }

    /// Lets so many `GetNetwork` calls finish.
    pub(crate) fn let_go(&self, calls: usize) {
        self.stub.leave.add_permits(calls);
    }

    pub(crate) fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Waits until connections are refused.
    pub(crate) async fn no_longer_listens(&self) {
        while tokio::net::UnixStream::connect(self.socket()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the server has ended, well.
    pub(crate) async fn ended(&mut self) {
        self.serving.join_next().await.unwrap().unwrap().unwrap();
    }
}

/// A server of TCP only, on a free port.
const TCP_ONLY: [(&str, &str); 2] = [("listen.unix", ""), ("listen.tcp", "127.0.0.1:0")];

/// The service: it tells each caller of `ListNetworks` who it is, holds `GetNetwork` until it is let go, and succeeds.
struct Stub {
    calls: AtomicUsize,
    peers: Mutex<BTreeSet<Option<SocketAddr>>>,
    held: watch::Sender<Held>,
    leave: Semaphore,
}

/// How many calls are held, and have been at most.
#[derive(Clone, Copy, Default)]
struct Held {
    now: usize,
    most: usize,
}

impl Default for Stub {
    fn default() -> Self {
        let (held, leave) = (watch::Sender::default(), Semaphore::new(0));
        Self { calls: AtomicUsize::default(), peers: Mutex::default(), held, leave }
    }
}

impl Stub {
    fn answer<T: Default>(&self) -> Result<Response<T>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(T::default()))
    }
}

#[tonic::async_trait]
impl NetworkManager for Stub {
    async fn create_networks(
        &self,
        _: Request<pb::CreateNetworksRequest>,
    ) -> Result<Response<pb::CreateNetworksResponse>, Status> {
        self.answer()
    }

    async fn delete_network(
        &self,
        _: Request<pb::DeleteNetworkRequest>,
    ) -> Result<Response<pb::DeleteNetworkResponse>, Status> {
        self.answer()
    }

    async fn get_network(&self, _: Request<pb::GetNetworkRequest>) -> Result<Response<pb::Network>, Status> {
        self.held.send_modify(|held| *held = Held { now: held.now + 1, most: held.most.max(held.now + 1) });
        self.leave.acquire().await.unwrap().forget();
        self.held.send_modify(|held| held.now -= 1);
        self.answer()
    }

    async fn list_networks(
        &self,
        request: Request<pb::ListNetworksRequest>,
    ) -> Result<Response<pb::ListNetworksResponse>, Status> {
        let Told(told) = Told::of(Caller::of(&request)?);
        self.peers.lock().unwrap().insert(request.remote_addr());
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(Response::new(pb::ListNetworksResponse { next_page_token: told, ..Default::default() }))
    }

    async fn validate_networks(
        &self,
        _: Request<pb::ValidateNetworksRequest>,
    ) -> Result<Response<pb::ValidateNetworksResponse>, Status> {
        self.answer()
    }

    async fn allocate_for_instance(
        &self,
        _: Request<pb::AllocateForInstanceRequest>,
    ) -> Result<Response<pb::NetworkInfo>, Status> {
        self.answer()
    }

    async fn deallocate_for_instance(
        &self,
        _: Request<pb::DeallocateForInstanceRequest>,
    ) -> Result<Response<pb::DeallocateForInstanceResponse>, Status> {
        self.answer()
    }

    async fn migrate_instance_start(
        &self,
        _: Request<pb::MigrateInstanceStartRequest>,
    ) -> Result<Response<pb::NetworkInfo>, Status> {
        self.answer()
    }

    async fn migrate_instance_finish(
        &self,
        _: Request<pb::MigrateInstanceFinishRequest>,
    ) -> Result<Response<pb::NetworkInfo>, Status> {
        self.answer()
    }

    async fn setup_networks_on_host(
        &self,
        _: Request<pb::SetupNetworksOnHostRequest>,
    ) -> Result<Response<pb::NetworkInfo>, Status> {
        self.answer()
    }

    async fn fence_host(
        &self,
        _: Request<pb::FenceHostRequest>,
    ) -> Result<Response<pb::FenceHostResponse>, Status> {
        self.answer()
    }

    async fn get_instance_nw_info(
        &self,
        _: Request<pb::GetInstanceNwInfoRequest>,
    ) -> Result<Response<pb::NetworkInfo>, Status> {
        self.answer()
    }

    async fn carve_networks(
        &self,
        _: Request<pb::CarveNetworksRequest>,
    ) -> Result<Response<pb::CreateNetworksResponse>, Status> {
        self.answer()
    }

    async fn modify_network(
        &self,
        _: Request<pb::ModifyNetworkRequest>,
    ) -> Result<Response<pb::Network>, Status> {
        self.answer()
    }

    async fn associate_network(
        &self,
        _: Request<pb::AssociateNetworkRequest>,
    ) -> Result<Response<pb::Network>, Status> {
        self.answer()
    }

    async fn disassociate_network(
        &self,
        _: Request<pb::DisassociateNetworkRequest>,
    ) -> Result<Response<pb::Network>, Status> {
        self.answer()
    }

    async fn get_instance_nw_info_json(
        &self,
        _: Request<pb::GetInstanceNwInfoJsonRequest>,
    ) -> Result<Response<pb::GetInstanceNwInfoJsonResponse>, Status> {
        self.answer()
    }
}
