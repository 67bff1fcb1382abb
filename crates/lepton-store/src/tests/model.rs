//! Every store against [`world::World`], the model of what the NetworkManager means: the same random steps, and after each of them
//! the same outcome, the same NetworkInfo and the same state.
//!
//! Each step is rehearsed first, which must change nothing and foretell its outcome; a refused one must change nothing; and one that
//! was carried out is sent once more under its request id, which must change nothing and answer the same.

mod picture;
mod step;
mod world;

use std::{env, fmt::Debug, marker::PhantomData, time::Duration};

use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    AddFixedIp, AllocateFloatingIp, AllocateForInstance, Command, CreateNetworks, DeallocateForInstance,
    DeleteNetwork, Envelope, GetInstanceNwInfo, NetworkSpec, Place, RemoveFixedIp, ReportHost,
    ReserveFixedIp, Scope, SetQuota, Sought, SweepQuarantine, UnreserveFixedIp, WantedAddress,
};
use lepton_types::{Amounts, HostReport, Limit, NetworkId, PortReport, PortStatus};
use lepton_vnic::RequestedNetwork;
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use tokio::runtime::{self, Runtime};
use uuid::Uuid;

use super::{
    floating_ips,
    harness::{Kind, Subject, allocation, instance, network, reason, subnet},
    sound::assert_consistent,
};
use crate::SubmitError;

use picture::Picture;
use step::{Step, any_step};
use world::{Slot, World};

impl ReferenceStateMachine for World {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(world: &Self) -> BoxedStrategy<Step> {
        any_step(world)
    }

    fn preconditions(world: &Self, step: &Step) -> bool {
        !matches!(step, Step::CreateNetwork { .. }) || world.made < step::MOST_NETWORKS
    }

    fn apply(world: Self, step: &Step) -> Self {
        world.take(step)
    }
}

/// Says which store is driven.
trait Driven {
    const KIND: Kind;
}

/// A store beside the model.
struct Driver<D> {
    runtime: Runtime,
    subject: Subject,
    /// The networks' ids, by number.
    networks: Vec<NetworkId>,
    steps: u32,
    _kind: PhantomData<D>,
}

impl<D: Driven> StateMachineTest for Driver<D> {
    type SystemUnderTest = Self;
    type Reference = World;

    fn init_test(_: &World) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let subject = runtime.block_on(async {
            let subject = Subject::open(D::KIND, |_| {}).await;
            let pool = floating_ips::pool("nova", &["172.24.4.1-172.24.4.2"]);
            subject.submit(pool).await.unwrap();
            subject
        });
        Self { runtime, subject, networks: Vec::new(), steps: 0, _kind: PhantomData }
    }

    fn apply(mut driver: Self, world: &World, step: Step) -> Self {
        driver.steps += 1;
        let Self { runtime, subject, networks, steps, .. } = &mut driver;
        runtime.block_on(async {
            let outcome = Carrier { subject, networks, id: format!("step-{steps}") }.carry_out(&step).await;
            match (&outcome, world.last.as_ref().unwrap()) {
                (Ok(()), Ok(())) => {}
                (Err(reason), Err(reasons)) if reasons.contains(reason) => {}
                (outcome, expected) => panic!("{step:?}: {outcome:?}, and not {expected:?}"),
            }
            let dump = subject.dump().await;
            assert_eq!(Picture::of_ledger(&dump, networks), Picture::of_world(world), "{step:?}");
            for number in world.instances.keys() {
                let question =
                    GetInstanceNwInfo { instance: instance(u128::from(*number)), scope: Scope::Everything };
                let info = subject.store().ask(question).await.unwrap();
                assert_eq!(picture::vifs_of(&info, networks), picture::vifs_in(world, *number), "{step:?}");
            }
        });
        driver
    }

    fn teardown(driver: Self, _: World) {
        driver.runtime.block_on(async {
            assert_consistent(&driver.subject.dump().await);
        });
    }
}

/// What a step needs to be carried out on a store.
struct Carrier<'a> {
    subject: &'a Subject,
    networks: &'a mut Vec<NetworkId>,
    id: String,
}

impl Carrier<'_> {
    async fn carry_out(&mut self, step: &Step) -> Result<(), &'static str> {
        let scope = Scope::Everything;
        match step.clone() {
            Step::CreateNetwork { shapes, owner, priority } => {
                let subnets = shapes.iter().map(|shape| SubnetSpec {
                    quarantine: Duration::from_secs(shape.quarantine()),
                    ..subnet(shape.cidr())
                });
                let spec = NetworkSpec {
                    project: owner.map(|owner| owner.parse().unwrap()),
                    priority,
                    ..network("net", subnets.collect())
                };
                let made = self.submit(CreateNetworks { networks: vec![spec], scope }).await?;
                self.networks.push(made[0].network.id);
                Ok(())
            }
            Step::DeleteNetwork(slot) => {
                self.change(DeleteNetwork { network: self.id_of(slot), scope }).await
            }
            Step::Allocate { instance, project, host, wanted, may_repeat } => {
                let networks = wanted.into_iter().map(|(slot, wish)| RequestedNetwork {
                    network: self.id_of(slot),
                    fixed_ips: wish.into_iter().collect(),
                });
                let command = AllocateForInstance {
                    project: project.parse().unwrap(),
                    host: host.parse().ok(),
                    allow_duplicate_networks: may_repeat,
                    ..allocation(instance.into(), networks.collect())
                };
                self.change(command).await
            }
            Step::Deallocate(number) => {
                let instance = instance(number.into());
                self.change(DeallocateForInstance { instance, incarnation: None, only_on: None }).await
            }
            Step::Follow(host) => self.change(self.followed(host).await).await,
            Step::Add { instance: number, network, address } => {
                let place = Place::Network(self.id_of(network));
                let wanted = match address {
                    None => WantedAddress::Lowest(place),
                    Some(address) => WantedAddress::Chosen(address, Sought::At(place)),
                };
                self.change(AddFixedIp { instance: instance(number.into()), wanted, only_on: None, scope })
                    .await
            }
            Step::Remove { instance: number, network, address } => {
                let (instance, network) = (instance(number.into()), Some(self.id_of(network)));
                self.change(RemoveFixedIp { instance, address, network, only_on: None, scope }).await
            }
            Step::Reserve { network, address, reason } => {
                let place = Place::Network(self.id_of(network));
                self.change(ReserveFixedIp { place, address, reason: reason.parse().unwrap() }).await
            }
            Step::Unreserve { network, address } => {
                self.change(UnreserveFixedIp { place: Place::Network(self.id_of(network)), address }).await
            }
            Step::Limit { project, ports, addresses } => {
                let at_most = |count| Some(Some(Limit::AtMost(count)));
                let limits =
                    Amounts { ports: at_most(ports), fixed_ips: at_most(addresses), ..Amounts::default() };
                self.change(SetQuota { project: project.parse().unwrap(), limits }).await
            }
            Step::Wait(seconds) => {
                self.subject.advance(Duration::from_secs(seconds));
                Ok(())
            }
            Step::Sweep => self.change(SweepQuarantine).await,
            Step::AllocateFloating(project) => {
                let wish = floating_ips::wish();
                self.change(AllocateFloatingIp { project: project.parse().ok(), ..wish }).await
            }
            Step::ReleaseFloating(address) => self.change(floating_ips::release(address)).await,
            Step::Associate(address, number) => {
                self.change(floating_ips::associate(address, number.into())).await
            }
            Step::Disassociate(address) => self.change(floating_ips::disassociate(address)).await,
        }
    }

    /// The network's id; of one that was never made any.
    fn id_of(&self, slot: Slot) -> NetworkId {
        let made = self.networks.get(usize::from(slot)).copied();
        made.unwrap_or_else(|| Uuid::from_u128(u128::from(slot) + 1).into())
    }

    /// What a host says that has done all it was told.
    async fn followed(&self, host: &str) -> ReportHost {
        let dump = self.subject.dump().await;
        let revision = dump.hosts.iter().find(|row| row.id.as_str() == host).map(|row| row.revision);
        let here = || dump.ports.iter().filter(|port| port.host.as_str() == host);
        let plugged = here().filter(|port| !port.is_released).map(|port| PortReport {
            id: port.id,
            status: PortStatus::Active,
            filtered_at: Some(port.revision),
        });
        let report = HostReport {
            revision: revision.unwrap(),
            ports: plugged.collect(),
            unplugged: here().filter(|port| port.is_released).map(|port| port.id).collect(),
        };
        ReportHost { host: host.parse().unwrap(), report }
    }

    async fn change<C: Command + Clone + Debug>(&self, command: C) -> Result<(), &'static str> {
        self.submit(command).await.map(drop)
    }

    /// Rehearses the command, carries it out, and sends it once more.
    async fn submit<C: Command + Clone + Debug>(&self, command: C) -> Result<C::Answer, &'static str> {
        let before = self.subject.dump().await;
        let store = self.subject.store();
        let rehearsed = store.rehearse(command.clone(), Envelope::anonymous()).await;
        assert_eq!(self.subject.dump().await, before, "a rehearsal has changed something: {command:?}");
        let done = self.subject.submit_as("model", &self.id, command.clone()).await;
        let answer = match done {
            Ok(answer) => answer,
            Err(error) => {
                assert_eq!(self.subject.dump().await, before, "a refusal has changed something: {command:?}");
                let foretold = why(rehearsed.map(drop));
                let reason = why(Err(error));
                assert_eq!(foretold, reason, "{command:?}");
                return Err(reason);
            }
        };
        assert!(rehearsed.is_ok(), "{command:?} was not to succeed");
        let after = self.subject.dump().await;
        let again = self.subject.submit_as("model", &self.id, command.clone()).await.unwrap();
        let text = |answer: &C::Answer| serde_json::to_string(answer).unwrap();
        assert_eq!(text(&again), text(&answer), "{command:?}");
        assert_eq!(self.subject.dump().await, after, "a repetition has changed something: {command:?}");
        Ok(answer)
    }
}

/// Why something was refused.
fn why(outcome: Result<(), SubmitError>) -> &'static str {
    reason(outcome)
}

/// So many cases, or as many as `PROPTEST_CASES` says.
fn config(cases: u32) -> ProptestConfig {
    let told = ProptestConfig::default().cases;
    let cases = if env::var_os("PROPTEST_CASES").is_some() { told } else { cases };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

macro_rules! model_tests {
    ($($name:ident: $kind:ident, $cases:literal;)*) => {
        $(
            struct $kind;

            impl Driven for $kind {
                const KIND: Kind = Kind::$kind;
            }

            prop_state_machine! {
                #![proptest_config(config($cases))]

                #[test]
                fn $name(sequential 20..70 => Driver<$kind>);
            }
        )*
    };
}

model_tests! {
    the_memory_follows_the_model: Memory, 32;
    sqlite_follows_the_model: Sqlite, 12;
    postgresql_follows_the_model: Postgres, 4;
}
