//! [`rehearse`]: one operation, with one thing that goes wrong at one of its steps.
//!
//! Its steps are the questions that are put to managers, the batches of these, and what kernels are told to do, from the moment
//! when the operation is asked for until all is as it should be. Whoever asked asks again under the same request id until there is an
//! answer. Whatever went wrong, in the end there is what there would be if nothing had.

/// An operation: its name, and what makes all that it needs, and then asks for it.
macro_rules! operation {
    ($name:literal, |$scene:ident| $act:block) => {
        Operation { name: $name, act: |$scene| Box::pin(async move $act) }
    };
}

mod addresses;
mod instances;
mod names;
mod networks;
mod shape;

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use lepton_proto::v1::{self, network_manager_client::NetworkManagerClient};
use lepton_sim::{is_worth_repeating, reason};
use tokio::{
    sync::mpsc,
    time::{self, Instant},
};
use tonic::{Response, Status};

use crate::{
    host::Host,
    mishap::{Mishap, Mishaps, Mortal},
    network::Wire,
    run::{CALM, Failure, Simulation, in_paused_time, judged, subnet},
};

/// What every rehearsal draws its chance from.
const SEED: u64 = 1;

/// How long the dead stay dead.
const DEAD: Duration = Duration::from_secs(1);

/// How long addresses rest.
const REST: Duration = Duration::from_secs(2);

/// Something that somebody asks for, or that happens by itself.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// The call, such as `NetworkManager/AllocateForInstance`; what is none has a name without a stroke.
    pub name: &'static str,
    act: for<'s> fn(&'s Scene) -> LocalBoxFuture<'s, Result<(), Status>>,
}

/// All operations: every call that changes something, and what happens by itself.
pub const OPERATIONS: &[&[Operation]] =
    &[networks::OPERATIONS, instances::OPERATIONS, addresses::OPERATIONS, names::OPERATIONS];

/// What became of a rehearsal in which all went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// Its steps, in order.
    pub steps: Vec<String>,
    /// What there is in the end.
    pub shape: Vec<String>,
}

/// Carries an operation out; what was chosen goes wrong at the step with this number, counted from 0.
///
/// # Errors
///
/// [`Failure`]: something was not as it must be.
pub fn rehearse(operation: &Operation, chosen: Option<(usize, Mishap)>) -> Result<Rehearsed, Failure> {
    in_paused_time(async {
        let (mishaps, deaths) = Mishaps::new(chosen);
        let simulation = Simulation::rehearsal(SEED, mishaps.clone());
        let (checker, trace) = (simulation.checker.clone(), simulation.trace.clone());
        let scene = Scene { simulation, mishaps };
        judged(SEED, &checker, &trace, scene.carry_out(operation, deaths)).await
    })
}

/// Where an operation is rehearsed: two managers, two hosts, and a caller.
struct Scene {
    simulation: Simulation,
    mishaps: Mishaps,
}

impl Scene {
    async fn carry_out(self, operation: &Operation, deaths: mpsc::UnboundedReceiver<Mortal>) -> Rehearsed {
        let Simulation { hosts, managers, checker, .. } = &self.simulation;
        self.simulation.start_managers();
        hosts.iter().for_each(|host| host.start());
        let acts = async {
            if let Err(status) = (operation.act)(&self).await {
                checker.fail(format_args!("it is refused: {status:?}"));
            }
            self.settles().await;
            self.mishaps.stop();
            if let Err(status) = self.until_answered(|| self.simulation.audit()).await {
                checker.fail(format_args!("the ledger is not audited: {status:?}"));
            }
        };
        tokio::select! {
            () = acts => {}
            () = self.raise_the_dead(deaths) => {}
        }
        Rehearsed { steps: self.mishaps.steps(), shape: managers.ledger(shape::of) }
    }

    /// Has everybody come back who dies, for ever.
    async fn raise_the_dead(&self, mut deaths: mpsc::UnboundedReceiver<Mortal>) {
        while let Some(dead) = deaths.recv().await {
            match dead {
                Mortal::Manager(number) => self.simulation.managers.kill_for_a_while(number),
                Mortal::Agent(id) => {
                    for host in self.simulation.hosts.iter().filter(|host| host.id == id) {
                        host.kill();
                        let host = host.clone();
                        self.simulation.managers.spawn(async move {
                            time::sleep(DEAD).await;
                            host.start();
                        });
                    }
                }
            }
        }
    }

    /// Waits until all is as it should be.
    async fn settles(&self) {
        self.simulation.converges(Instant::now() + CALM).await;
    }

    /// Asks until there is an answer.
    async fn ask<T>(&self, call: impl AsyncFn(Wire) -> Result<Response<T>, Status>) -> Result<T, Status> {
        self.until_answered(async || call(self.simulation.wire()).await.map(Response::into_inner)).await
    }

    /// Does it again until it is no matter of time any more.
    async fn until_answered<T>(&self, ask: impl AsyncFn() -> Result<T, Status>) -> Result<T, Status> {
        loop {
            match ask().await {
                Err(status) if is_worth_repeating(&status) => time::sleep(Duration::from_millis(100)).await,
                answer => return answer,
            }
        }
    }

    /// Asks for what is rehearsed, once all that it needs is there and settled.
    async fn perform<T>(
        &self,
        call: impl AsyncFn(Wire) -> Result<Response<T>, Status>,
    ) -> Result<(), Status> {
        self.begin().await;
        self.ask(call).await.map(drop)
    }

    /// Has something go wrong from now on.
    async fn begin(&self) {
        self.settles().await;
        self.mishaps.count();
    }

    /// The same, on a host whose agent is dead by then.
    async fn begin_without(&self, host: &Host) {
        self.settles().await;
        host.kill();
        self.mishaps.count();
    }

    /// Makes a network of project `p`.
    async fn network(&self, label: &str, cidr: &str) -> Result<v1::Network, Status> {
        let made = self
            .ask(async |wire| NetworkManagerClient::new(wire).create_networks(creation(label, cidr)).await);
        Ok(made.await?.networks.remove(0))
    }

    /// Boots an instance, also when a host cannot plug it, which is undone then, or when all addresses rest: it is tried again once they
    /// have rested, for as long as it may take until all is as it should be.
    async fn boot_at_last(&self, request: &v1::AllocateForInstanceRequest) -> Result<(), Status> {
        let boots = async |wire| NetworkManagerClient::new(wire).allocate_for_instance(request.clone()).await;
        let deadline = Instant::now() + CALM;
        loop {
            let answer = self.ask(boots).await;
            let reason = answer.as_ref().err().map(reason).unwrap_or_default();
            let may_pass = ["PORT_PLUG_FAILED", "NO_MORE_FIXED_IPS"].contains(&&*reason);
            if !may_pass || Instant::now() > deadline {
                return answer.map(drop);
            }
            time::sleep(2 * REST).await;
        }
    }

    /// Boots an instance on a host, with vNICs on all networks of project `p`.
    async fn boot(&self, number: u128, host: &str) -> Result<v1::NetworkInfo, Status> {
        self.ask(async |wire| {
            NetworkManagerClient::new(wire).allocate_for_instance(allocation(number, host)).await
        })
        .await
    }
}

/// A request for a network of project `p`, whose addresses rest for [`REST`].
fn creation(label: &str, cidr: &str) -> v1::CreateNetworksRequest {
    let spec = v1::NetworkSpec {
        label: label.to_owned(),
        project_id: "p".to_owned(),
        subnets: vec![subnet(cidr, REST.as_secs().cast_signed())],
        ..v1::NetworkSpec::default()
    };
    v1::CreateNetworksRequest {
        networks: vec![spec],
        request_id: format!("make-{label}"),
        ..Default::default()
    }
}

/// A request for an instance of project `p` that waits for its ports.
fn allocation(number: u128, host: &str) -> v1::AllocateForInstanceRequest {
    v1::AllocateForInstanceRequest {
        instance_id: instance(number),
        project_id: "p".to_owned(),
        host: host.to_owned(),
        wait_for_active: Some(prost_types::Duration { seconds: 20, nanos: 0 }),
        request_id: format!("boot-{number}"),
        ..Default::default()
    }
}

/// The id of an instance.
fn instance(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

/// The id of the request that is rehearsed.
fn id() -> String {
    "it".to_owned()
}
