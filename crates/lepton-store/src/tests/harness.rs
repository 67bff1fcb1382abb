//! Opens each kind of store for a test, and says the things that tests say often.

use std::{
    fmt::Debug,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use lepton_ipam::{MacBase, SubnetSpec};
use lepton_ledger::{
    AllocateForInstance, BindingRequest, Change, Command, CreateNetworks, DeallocateForInstance, Envelope,
    HostFeed, Naming, NetworkSpec, NetworkWithSubnets, Refusal, RegisterHost, Released, ReportHost, Scope,
};
use lepton_testkit::PrivatePostgres;
use lepton_types::{
    HostChanges, HostReport, InstanceId, Limit, Mtu, NetworkId, NetworkInfo, PortId, Timestamp,
};
use lepton_vnic::RequestedNetwork;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::watch;
use uuid::Uuid;

use super::sound::{self, Dump, assert_left_is_true, assert_sound};
use crate::{
    Database, News, Observer, Store, StoreConfig, StoreError, SubmitError, Surroundings, engine::Engine,
    lane::Backend,
};

/// When the tests' clock starts: some day in 2026.
pub(super) const START: i64 = 1_790_000_000_000_000;

/// Which store a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Memory,
    Sqlite,
    Postgres,
}

impl Kind {
    /// Whether what it holds outlives the process.
    pub(super) fn is_durable(self) -> bool {
        self != Self::Memory
    }
}

/// A store, its clock, and what must outlive it.
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) config: StoreConfig,
    store: Option<Store>,
    now: Arc<AtomicI64>,
    ears: Arc<Ears>,
    _directory: tempfile::TempDir,
}

/// Keeps what stores tell.
#[derive(Default)]
pub(super) struct Ears {
    told: Mutex<Vec<Vec<Change>>>,
    heard: watch::Sender<Vec<News>>,
}

impl Observer for Ears {
    fn observe(&self, changes: &[Change], _: &News) {
        self.told.lock().unwrap().push(changes.to_vec());
    }

    fn hear(&self, news: &News) {
        self.heard.send_modify(|heard| heard.push(news.clone()));
    }
}

impl Ears {
    /// What was heard of other stores.
    pub(super) fn heard(&self) -> watch::Receiver<Vec<News>> {
        self.heard.subscribe()
    }
}

/// Runs a test on every kind of store; what the test leaves must be sound.
pub(super) async fn each_store(test: impl AsyncFn(&mut Subject)) {
    for kind in [Kind::Memory, Kind::Sqlite, Kind::Postgres] {
        on(kind, &test).await;
    }
}

/// Runs a test on every store that outlives its process.
pub(super) async fn each_database(test: impl AsyncFn(&mut Subject)) {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        on(kind, &test).await;
    }
}

async fn on(kind: Kind, test: &impl AsyncFn(&mut Subject)) {
    println!("on {kind:?}");
    let mut subject = Subject::open(kind, |_| {}).await;
    test(&mut subject).await;
    let dump = subject.dump().await;
    assert_sound(&dump);
    assert_left_is_true(subject.store(), &dump).await;
}

/// The URL of an empty database on the server that all tests share.
pub(super) fn fresh_database() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let postgres = PrivatePostgres::shared().unwrap();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    postgres.create_database(&format!("ledger_{number}")).unwrap()
}

impl Subject {
    /// Opens a store of a kind, empty but for some hosts whose agents have been there.
    pub(super) async fn open(kind: Kind, configure: impl FnOnce(&mut StoreConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = match kind {
            Kind::Memory => Database::Memory,
            Kind::Sqlite => Database::Sqlite(directory.path().join("ledger.db")),
            Kind::Postgres => Database::Postgres(fresh_database()),
        };
        let mut config = StoreConfig::new(database);
        // Tests of other things take as many as they like.
        config.default_limits.floating_ips = Limit::Unlimited;
        configure(&mut config);
        let subject = Self::with(kind, config, directory).await;
        for host in ["host-1", "host-2", "host-3", "a", "b", "c", "elsewhere"] {
            subject.submit(RegisterHost { host: host.parse().unwrap() }).await.unwrap();
        }
        subject.take_told();
        subject
    }

    pub(super) async fn with(kind: Kind, config: StoreConfig, directory: tempfile::TempDir) -> Self {
        let (now, ears) = (Arc::new(AtomicI64::new(START)), Arc::default());
        let mut subject = Self { kind, config, store: None, now, ears, _directory: directory };
        subject.store = Some(subject.another().await.unwrap());
        subject
    }

    /// Opens the same database once more, beside the store that is open.
    pub(super) async fn another(&self) -> Result<Store, StoreError> {
        self.another_for(Arc::clone(&self.ears)).await
    }

    /// Opens the same database once more, with ears of its own.
    pub(super) async fn another_for(&self, ears: Arc<Ears>) -> Result<Store, StoreError> {
        let now = Arc::clone(&self.now);
        let clock = Arc::new(move || Timestamp::from(now.load(Ordering::Relaxed)));
        let surroundings = Surroundings { clock, ..Surroundings::default() };
        Store::open_in(&self.config, ears, surroundings).await
    }

    /// Opens the store anew with an observer of the test's own.
    pub(super) async fn observed_by(&mut self, observer: Arc<dyn Observer>) {
        self.close().await;
        self.store = Some(Store::open(&self.config, observer).await.unwrap());
    }

    /// Closes the store; [`Subject::reopen`] comes next.
    pub(super) async fn close(&mut self) {
        if let Some(store) = self.store.take() {
            store.close().await;
        }
    }

    /// Closes the store and opens it again.
    pub(super) async fn reopen(&mut self) {
        self.close().await;
        self.store = Some(self.another().await.unwrap());
    }

    pub(super) fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub(super) async fn dump(&self) -> Dump {
        sound::dump(self.store()).await
    }

    /// Lets time pass.
    pub(super) fn advance(&self, span: Duration) {
        self.now.fetch_add(i64::try_from(span.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// Sets the clock back.
    pub(super) fn set_back(&self, span: Duration) {
        self.now.fetch_sub(i64::try_from(span.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// Where its PostgreSQL is.
    pub(super) fn url(&self) -> &str {
        let Database::Postgres(url) = &self.config.database else { panic!("it is {:?}", self.kind) };
        url
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now.load(Ordering::Relaxed).into()
    }

    /// Takes what the observer was told since the last call.
    pub(super) fn take_told(&self) -> Vec<Change> {
        std::mem::take(&mut *self.ears.told.lock().unwrap()).into_iter().flatten().collect()
    }

    /// How often the observer was told something since [`Subject::take_told`].
    pub(super) fn batches_told(&self) -> usize {
        self.ears.told.lock().unwrap().len()
    }

    pub(super) async fn submit<C: Command>(&self, command: C) -> Result<C::Answer, SubmitError> {
        submit(self.store(), command).await
    }

    /// Submits under a request id.
    pub(super) async fn submit_as<C: Command + Debug>(
        &self,
        caller: &str,
        id: &str,
        command: C,
    ) -> Result<C::Answer, SubmitError> {
        let envelope = envelope(caller, id, &command);
        self.store().submit(command, envelope).await.map(|reply| reply.answer)
    }

    /// Makes a global network.
    pub(super) async fn network(&self, label: &str, cidrs: &[&str]) -> NetworkWithSubnets {
        self.create(network(label, cidrs.iter().map(|cidr| subnet(cidr)).collect())).await
    }

    pub(super) async fn create(&self, spec: NetworkSpec) -> NetworkWithSubnets {
        self.submit(CreateNetworks { networks: vec![spec], scope: Scope::Everything })
            .await
            .unwrap()
            .remove(0)
    }

    /// Allocates for an instance on all its networks.
    pub(super) async fn allocate(&self, number: u128) -> Result<NetworkInfo, SubmitError> {
        self.submit(allocation(number, Vec::new())).await
    }

    /// Allocates for an instance with this very address.
    pub(super) async fn allocate_at(
        &self,
        number: u128,
        network: NetworkId,
        address: &str,
    ) -> Result<NetworkInfo, SubmitError> {
        self.submit(allocation(number, vec![requested(network, &[address])])).await
    }

    /// The engine below a store that is no memory.
    pub(super) fn engine(&self) -> &Arc<Engine> {
        match self.store().backend() {
            Backend::Engine(engine) => engine,
            Backend::Memory(_) => panic!("only a database is an engine"),
        }
    }

    pub(super) async fn deallocate(&self, number: u128) -> Released {
        self.submit(deallocation(number)).await.unwrap()
    }

    /// Deallocates an instance and says that its ports are unplugged.
    pub(super) async fn end(&self, number: u128) {
        let released = self.deallocate(number).await;
        self.unplug(released.ports).await;
    }

    pub(super) async fn feed(&self) -> HostChanges {
        self.store().ask(HostFeed { host: host(), after: None }).await.unwrap()
    }

    /// Says what an agent says that has followed everything and unplugged ports.
    pub(super) async fn unplug(&self, ports: Vec<PortId>) {
        let report = HostReport { unplugged: ports, revision: u64::MAX.into(), ..HostReport::default() };
        self.submit(ReportHost { host: host(), report }).await.unwrap();
    }
}

pub(super) async fn submit<C: Command>(store: &Store, command: C) -> Result<C::Answer, SubmitError> {
    store.submit(command, Envelope::anonymous()).await.map(|reply| reply.answer)
}

/// Tells a server of PostgreSQL something, as its operator does.
pub(super) async fn tell(url: &str, sql: &str) {
    let mut operator = PgConnection::connect(url).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "the text is a test's own")]
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    sqlx::raw_sql(sql).execute(&mut operator).await.unwrap();
    operator.close().await.unwrap();
}

pub(super) fn host() -> lepton_types::HostId {
    "host-1".parse().unwrap()
}

pub(super) fn instance(number: u128) -> InstanceId {
    Uuid::from_u128(number).into()
}

/// The envelope of a command whose body is what it says of itself.
pub(super) fn envelope<C: Command + Debug>(caller: &str, id: &str, command: &C) -> Envelope {
    Envelope::new::<C>(caller, Some(id.parse().unwrap()), format!("{command:?}").as_bytes())
}

/// A global network.
pub(super) fn network(label: &str, subnets: Vec<SubnetSpec>) -> NetworkSpec {
    NetworkSpec {
        label: label.parse().unwrap(),
        project: None,
        priority: 0,
        mtu: Mtu::ETHERNET,
        subnets,
        host: None,
        is_injected: false,
        made_before: None,
    }
}

pub(super) fn subnet(cidr: &str) -> SubnetSpec {
    SubnetSpec::new(cidr.parse().unwrap())
}

pub(super) fn allocation(number: u128, networks: Vec<RequestedNetwork>) -> AllocateForInstance {
    AllocateForInstance {
        instance: instance(number),
        project: "p1".parse().unwrap(),
        host: Some(host()),
        networks,
        allow_duplicate_networks: false,
        binding: BindingRequest::Tap,
        own_host: None,
        only_known_hosts: false,
        only_on: None,
        mac_base: MacBase::default(),
        naming: Naming::default(),
        floating_pool: None,
    }
}

pub(super) fn deallocation(number: u128) -> DeallocateForInstance {
    DeallocateForInstance { instance: instance(number), incarnation: None, only_on: None }
}

pub(super) fn requested(network: NetworkId, fixed_ips: &[&str]) -> RequestedNetwork {
    RequestedNetwork { network, fixed_ips: fixed_ips.iter().map(|ip| ip.parse().unwrap()).collect() }
}

/// All fixed IPs of an instance, in order.
pub(super) fn fixed_ips(info: &NetworkInfo) -> Vec<String> {
    let subnets = info.vifs.iter().flat_map(|vif| &vif.network.subnets);
    subnets.flat_map(|subnet| &subnet.fixed_ips).map(ToString::to_string).collect()
}

/// Why a command was refused; panics when it was not.
#[track_caller]
pub(super) fn refusal<T: Debug>(outcome: Result<T, SubmitError>) -> Refusal {
    match outcome {
        Err(SubmitError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// The reason of a refusal.
#[track_caller]
pub(super) fn reason<T: Debug>(outcome: Result<T, SubmitError>) -> &'static str {
    refusal(outcome).reason()
}
