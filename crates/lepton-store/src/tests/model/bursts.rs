//! Steps of the model that are taken in bursts, on SQLite: there a batch is decided while the one before it is written, and that must be
//! as if it had been decided behind it.

use std::mem;

use futures_util::future::join_all;
use lepton_types::NetworkId;
use proptest_state_machine::{StateMachineTest, prop_state_machine};
use tokio::runtime::{self, Runtime};

use super::{
    super::{
        floating_ips,
        harness::{Kind, Subject},
        sound::{assert_consistent, assert_left_is_true},
    },
    Picture, assert_expected,
    carrier::Carrier,
    config,
    step::Step,
    world::{Reasons, World},
};

/// Most steps of a burst.
const BURST: usize = 8;

/// A store beside the model, and the steps that it has not taken yet, each with what the model says of it.
struct Burster {
    runtime: Runtime,
    subject: Subject,
    networks: Vec<NetworkId>,
    steps: usize,
    waiting: Vec<(Step, Result<(), Reasons>)>,
}

impl StateMachineTest for Burster {
    type SystemUnderTest = Self;
    type Reference = World;

    fn init_test(_: &World) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let subject = runtime.block_on(async {
            // Of a larger batch nobody knows in which order it is decided.
            let subject = Subject::open(Kind::Sqlite, |config| config.batch_limit = 1).await;
            let pool = floating_ips::pool("nova", &["172.24.4.1-172.24.4.2"]);
            subject.submit(pool).await.unwrap();
            subject
        });
        Self { runtime, subject, networks: Vec::new(), steps: 0, waiting: Vec::new() }
    }

    fn apply(mut burster: Self, world: &World, step: Step) -> Self {
        let is_alone = is_alone(&step);
        if is_alone {
            burster.burst();
        }
        burster.waiting.push((step, world.last.clone().unwrap()));
        if is_alone || burster.waiting.len() == BURST {
            burster.burst();
            burster.runtime.block_on(async {
                let dump = burster.subject.dump().await;
                let made = Picture::of_ledger(&dump, &burster.networks);
                assert_eq!(made, Picture::of_world(world));
                assert_left_is_true(burster.subject.store(), &dump).await;
            });
        }
        burster
    }

    fn teardown(mut burster: Self, world: World) {
        burster.burst();
        burster.runtime.block_on(async {
            let dump = burster.subject.dump().await;
            assert_eq!(Picture::of_ledger(&dump, &burster.networks), Picture::of_world(&world));
            assert_consistent(&dump);
        });
    }
}

impl Burster {
    /// Takes the steps that wait, all at once, in their order.
    fn burst(&mut self) {
        let steps = mem::take(&mut self.waiting);
        let Self { runtime, subject, networks, .. } = self;
        let first = self.steps;
        self.steps += steps.len();
        if let [(step, expected)] = &*steps {
            let mut carrier = Carrier { subject, networks, id: format!("step-{first}"), is_plain: true };
            return assert_expected(step, &runtime.block_on(carrier.carry_out(step)), expected);
        }
        let all =
            steps.iter().enumerate().map(|(number, (step, _))| {
                let (id, mut networks) = (format!("step-{}", first + number), networks.clone());
                let subject = &*subject;
                async move {
                    Carrier { subject, networks: &mut networks, id, is_plain: true }.carry_out(step).await
                }
            });
        let before = subject.engine().gate.count_decided_ahead();
        let outcomes = runtime.block_on(join_all(all));
        let decided_ahead = subject.engine().gate.count_decided_ahead() - before;
        assert_eq!(decided_ahead, steps.len().saturating_sub(1), "all but the first");
        for ((step, expected), outcome) in steps.iter().zip(&outcomes) {
            assert_expected(step, outcome, expected);
        }
    }
}

/// Whether what comes next needs to know what it has come to.
fn is_alone(step: &Step) -> bool {
    match step {
        Step::CreateNetwork { .. } | Step::Follow(_) | Step::Wait(_) => true,
        Step::DeleteNetwork(_)
        | Step::Allocate { .. }
        | Step::Deallocate(_)
        | Step::Add { .. }
        | Step::Remove { .. }
        | Step::Reserve { .. }
        | Step::Unreserve { .. }
        | Step::Limit { .. }
        | Step::Sweep
        | Step::AllocateFloating(_)
        | Step::ReleaseFloating(_)
        | Step::Associate(..)
        | Step::Disassociate(_) => false,
    }
}

prop_state_machine! {
    #![proptest_config(config(24))]

    #[test]
    fn sqlite_follows_the_model_in_bursts(sequential 20..70 => Burster);
}
