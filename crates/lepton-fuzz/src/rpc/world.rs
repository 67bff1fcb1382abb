//! [`World`]: a ledger in memory that has some of everything, and the service over it, in a thread whose time is not the system's.

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use http_body_util::{BodyExt, Full};
use lepton_invariants::{Dump, assert_consistent};
use lepton_ledger::{Change, View};
use lepton_manager::{Api, Arrival, Manager, Settings};
use lepton_proto::v1;
use lepton_store::{After, Database, Disk, StoreConfig, Surroundings, Weather};
use lepton_types::{Amounts, HostReport, PortReport, PortStatus, Timestamp};
use prost::Message;
use tokio::{
    runtime::{self, Runtime},
    time,
};
use tonic::{Code, Status, body::Body, codegen::http, service::RoutesBuilder};
use tower::{Layer, ServiceExt, util::BoxCloneSyncService};

use super::{answer::Answer, call::Call, examples};

/// When all of it happens: some day in 2026, in microseconds.
const NOW: i64 = 1_790_000_000_000_000;

/// Where the numbers begin that an input's batches draw: behind all that opening a ledger draws.
const FIRST_DRAWN: u64 = 1 << 32;

/// How long an answer may take, on a clock that goes on only when nothing is left to do: longer than the longest wait for a port.
const PATIENCE: Duration = Duration::from_secs(86_400);

/// How long whoever follows a stream listens.
const LISTENS: Duration = Duration::from_secs(2);

/// The service.
type Service = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Infallible>;

/// A ledger that has some of everything, and the service over it. The same calls do the same in each.
pub(super) struct World {
    runtime: Runtime,
    disk: Disk,
    manager: Manager,
    service: Service,
    named: Named,
    drawn: Arc<AtomicU64>,
    is_touched: Arc<AtomicBool>,
    now: Arc<AtomicI64>,
}

/// What there is in a [`World`] that has no name of its own choosing.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    /// A network that is everybody's.
    pub(super) shared: String,
    /// Its subnet, of IPv4.
    pub(super) shared_subnet: String,
    /// A network of the project's own.
    pub(super) own: String,
    /// Its subnet.
    pub(super) own_subnet: String,
    /// A network that nobody uses.
    pub(super) spare: String,
    /// Its subnet.
    pub(super) spare_subnet: String,
    /// A port of [`examples::WEB`].
    pub(super) port: String,
    /// The MAC of that port.
    pub(super) mac: String,
    /// Its address.
    pub(super) fixed_ip: String,
    /// The range of MACs.
    pub(super) mac_range: String,
    /// The hash of a plan.
    pub(super) plan: String,
}

/// Notes that a batch has changed the ledger.
struct Touch(Arc<AtomicBool>);

impl Weather for Touch {
    fn before(&self) -> BoxFuture<'static, Result<After, String>> {
        std::future::ready(Ok(std::future::ready(Ok(())).boxed())).boxed()
    }

    fn kept(&self, _: &View, _: &[Change]) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl World {
    /// One as all others.
    pub(super) fn new() -> Self {
        static FURNISHED: LazyLock<(Disk, Named)> = LazyLock::new(|| {
            let mut world = World::over(Disk::new(Amounts::DEFAULT), Named::default(), 0);
            world.furnish();
            world.assert_sound();
            (world.disk, world.named)
        });
        let (disk, named) = &*FURNISHED;
        Self::over(disk.copy(), named.clone(), 1)
    }

    /// The service over a ledger; what it draws begins with that number, so that nothing is drawn again that the ledger has.
    fn over(disk: Disk, named: Named, first: u8) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.unwrap();
        let is_touched = Arc::new(AtomicBool::new(false));
        let drawn = Arc::new(AtomicU64::new(0));
        let disk_of_manager = disk.under(Arc::new(Touch(Arc::clone(&is_touched))));
        let now = Arc::new(AtomicI64::new(NOW));
        let manager = runtime.block_on(open(disk_of_manager, first, Arc::clone(&drawn), Arc::clone(&now)));
        let mut routes = RoutesBuilder::default();
        Api::new(manager.clone()).serve(&mut routes);
        let service = Service::new(Arrival.layer(routes.routes()));
        Self { runtime, disk, manager, service, named, drawn, is_touched, now }
    }

    /// Makes ready for an input: whatever others have drawn, it draws what it would draw in a new one. The paused clock cannot be set
    /// back, and need not be: what is read of it are spans.
    pub(super) fn begin(&self) {
        self.drawn.store(FIRST_DRAWN, Ordering::Relaxed);
        self.now.store(NOW, Ordering::Relaxed);
    }

    /// Lets a second pass.
    #[cfg(test)]
    pub(super) fn go_on(&self) {
        self.now.fetch_add(1_000_000, Ordering::Relaxed);
    }

    /// What there is in it.
    pub(super) fn named(&self) -> &Named {
        &self.named
    }

    /// Whether a call has changed the ledger.
    pub(super) fn is_touched(&self) -> bool {
        self.is_touched.load(Ordering::Relaxed)
    }

    /// Fails unless the ledger is as every ledger must be.
    pub(super) fn assert_sound(&self) {
        self.disk.look(|ledger| assert_consistent(&Dump::of_view(ledger)));
    }

    /// Makes a call and waits for its answer.
    pub(super) fn ask(&self, call: &Call) -> Answer {
        let mut request = http::Request::new(Body::new(Full::new(call.body.clone().into())));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = call.method.path.parse().unwrap();
        let headers = request.headers_mut();
        headers.insert("content-type", http::HeaderValue::from_static("application/grpc"));
        headers.insert("te", http::HeaderValue::from_static("trailers"));
        request.extensions_mut().insert(call.caller.clone());
        let answered = self.service.clone().oneshot(request);
        self.runtime.block_on(async {
            let answered = time::timeout(PATIENCE, answered).await;
            let answered = answered.unwrap_or_else(|_| panic!("{call:?} is not answered"));
            let (parts, body) = answered.unwrap_or_else(|never| match never {}).into_parts();
            listen(call, parts.headers, body).await
        })
    }

    /// Makes an admin's call that must succeed.
    pub(super) fn done<M: Message + Default>(&self, path: &str, request: &impl Message) -> M {
        let answer = self.ask(&Call::of_admin(path, &request.encode_to_vec()));
        assert_eq!(answer.status.code(), Code::Ok, "{path}: {:?}", answer.status);
        answer.message()
    }

    /// Makes what there is.
    fn furnish(&mut self) {
        for host in [examples::HOST, examples::OTHER_HOST] {
            self.runtime.block_on(self.manager.register(&host.parse().unwrap())).unwrap();
        }
        let made: v1::CreateNetworksResponse =
            self.done("/lepton.v1.NetworkManager/CreateNetworks", &examples::networks());
        let [shared, own, spare] = [0, 1, 2].map(|number| {
            let network = &made.networks[number];
            (network.id.clone(), network.subnets[0].id.clone())
        });
        (self.named.shared, self.named.shared_subnet) = shared;
        (self.named.own, self.named.own_subnet) = own;
        (self.named.spare, self.named.spare_subnet) = spare;
        self.done::<v1::FloatingPool>("/lepton.v1.FloatingIps/CreateFloatingPool", &examples::pool());
        for domain in examples::domains() {
            self.done::<v1::DnsDomain>("/lepton.v1.Dns/CreateDnsDomain", &domain);
        }
        let [web, database, gone] = [examples::WEB, examples::DATABASE, examples::GONE].map(|instance| {
            let request = examples::allocation(instance);
            self.done::<v1::NetworkInfo>("/lepton.v1.NetworkManager/AllocateForInstance", &request)
        });
        self.plugged(examples::HOST, &web);
        self.plugged(examples::OTHER_HOST, &database);
        self.done::<v1::DeallocateForInstanceResponse>(
            "/lepton.v1.NetworkManager/DeallocateForInstance",
            &v1::DeallocateForInstanceRequest { instance_id: gone.instance_id, ..Default::default() },
        );
        self.named.port.clone_from(&web.vifs[0].id);
        self.named.mac.clone_from(&web.vifs[0].mac_address);
        let network = web.vifs[0].network.as_ref().unwrap();
        self.named.fixed_ip.clone_from(&network.subnets[0].fixed_ips[0]);
        for (path, request) in examples::rest(&self.named) {
            let answer = self.ask(&Call::of_admin(path, &request));
            assert_eq!(answer.status.code(), Code::Ok, "{path}: {:?}", answer.status);
        }
        let range = v1::CreateMacRangeRequest { range: examples::MACS.into(), ..Default::default() };
        let range: v1::MacRange = self.done("/lepton.v1.MacRanges/CreateMacRange", &range);
        self.named.mac_range = range.id;
        let planned: v1::PlanCallResponse = self.done("/lepton.v1.Plans/PlanCall", &examples::planned());
        self.named.plan = planned.plan.unwrap().hash;
    }

    /// Says what an agent says that has plugged an instance in.
    fn plugged(&self, host: &str, info: &v1::NetworkInfo) {
        let ports = info.vifs.iter().map(|vif| PortReport {
            id: vif.id.parse().unwrap(),
            status: PortStatus::Active,
            filtered_at: None,
        });
        let report = HostReport { ports: ports.collect(), ..HostReport::default() };
        self.runtime.block_on(self.manager.host_report(host.parse().unwrap(), report)).unwrap();
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("named", &self.named).finish_non_exhaustive()
    }
}

/// A manager over a ledger; its time stands still, and what it draws is the same for each.
async fn open(disk: Disk, first: u8, drawn: Arc<AtomicU64>, now: Arc<AtomicI64>) -> Manager {
    let seeds = move || {
        let mut seed = [first; 32];
        seed[..8].copy_from_slice(&drawn.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        Ok(seed)
    };
    let clock = Arc::new(move || Timestamp::from(now.load(Ordering::Relaxed)));
    let surroundings = Surroundings { clock, seeds: Arc::new(seeds), disk: Some(disk) };
    let config = StoreConfig::new(Database::Memory);
    let settings = Settings { own_host: Some(examples::HOST.parse().unwrap()), ..Settings::default() };
    Manager::open_in(&config, settings, surroundings).await.unwrap()
}

/// Listens to an answer to its end, or for as long as anybody does.
async fn listen(call: &Call, headers: http::HeaderMap, mut body: Body) -> Answer {
    let (mut messages, mut trailers) = (Vec::new(), None);
    let patience = if call.method.is_stream { LISTENS } else { PATIENCE };
    loop {
        let Ok(frame) = time::timeout(patience, body.frame()).await else {
            assert!(call.method.is_stream, "the answer to {call:?} has no end");
            return Answer { status: Status::ok(""), messages, told: 0 };
        };
        match frame.map(|frame| frame.unwrap().into_data()) {
            None => break,
            Some(Ok(data)) => messages.extend_from_slice(&data),
            Some(Err(frame)) => trailers = frame.into_trailers().ok(),
        }
    }
    let told = trailers.unwrap_or(headers);
    let status = Status::from_header_map(&told).expect("an answer says how it ended");
    let told = told.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    Answer { status, messages, told }
}
