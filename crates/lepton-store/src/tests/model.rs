//! Every store against [`world::World`], the model of what the NetworkManager means: the same random steps, and after each of them
//! the same outcome, the same NetworkInfo and the same state.
//!
//! Each step is rehearsed first, which must change nothing and foretell its outcome; a refused one must change nothing; and one that
//! was carried out is sent once more under its request id, which must change nothing and answer the same.

mod carrier;
mod picture;
mod step;
mod world;

use std::{env, marker::PhantomData};

use lepton_ledger::{GetInstanceNwInfo, Scope};
use lepton_types::NetworkId;
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use tokio::runtime::{self, Runtime};

use super::{
    audit, floating_ips,
    harness::{Kind, Subject, instance},
    history,
    sound::{assert_consistent, assert_left_is_true},
};

use carrier::Carrier;
use picture::Picture;
use step::{Step, any_step};
use world::World;

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
            assert_left_is_true(subject.store(), &dump).await;
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
            let dump = driver.subject.dump().await;
            assert_consistent(&dump);
            audit::assert_audited(driver.subject.store(), &dump).await;
            history::assert_told_alike(&driver.subject, history::instances_in(&dump)).await;
        });
    }
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
