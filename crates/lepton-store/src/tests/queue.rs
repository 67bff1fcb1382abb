//! The queue before the store: bounded, and nobody's fault is another's.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join_all};
use lepton_ledger::{Change, Command, CreateNetworks, DeleteNetwork, GetInstanceNwInfo, Scope, Stop, View};
use lepton_types::NetworkId;

use super::{
    each_store,
    harness::{Kind, Subject, each_database, fixed_ips, instance, network},
    sound::assert_sound,
};
use crate::{News, Observer, StoreError, SubmitError};

/// Deletes a network, then panics.
struct Panicking(NetworkId);

impl Command for Panicking {
    type Answer = ();

    const NAME: &'static str = "Panicking";

    fn decide(&self, ledger: &mut View) -> Result<(), Stop> {
        DeleteNetwork { network: self.0, scope: Scope::Everything }.decide(ledger)?;
        panic!("a fault in a command, which this test expects")
    }
}

#[tokio::test]
async fn a_command_that_panics_harms_nobody_else() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let doomed = subject.network("doomed", &["10.2.0.0/24"]).await.network.id;
        subject.allocate(1).await.unwrap();
        subject.end(1).await;
        let (one, fault, two) = tokio::join!(
            subject.network("more", &[]),
            subject.submit(Panicking(doomed)),
            subject.allocate(2)
        );
        assert!(matches!(fault, Err(SubmitError::Store(StoreError::Internal(_)))), "{fault:?}");
        assert_eq!(fixed_ips(&two.unwrap()), ["10.1.0.2", "10.2.0.2"]);
        assert_eq!(one.network.label.as_str(), "more");

        let asked = subject.store().ask(Panicking(subject.network("unused", &[]).await.network.id)).await;
        assert!(matches!(asked, Err(SubmitError::Store(StoreError::Internal(_)))), "{asked:?}");
        subject.allocate(3).await.unwrap();
        assert_eq!(subject.dump().await.networks.len(), 4);
        subject
            .store()
            .ask(GetInstanceNwInfo { instance: instance(3), scope: Scope::Everything })
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_fault_while_what_is_old_is_forgotten_harms_nobody_else() {
    each_database(async |subject| {
        let engine = subject.engine();
        engine.let_statements_panic(true);
        let forgotten = subject.store().forget_history(Duration::ZERO).await;
        engine.let_statements_panic(false);
        let error = forgotten.unwrap_err().to_string();
        assert!(error.contains("a panic"), "{error}");
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.store().forget_history(Duration::ZERO).await.unwrap();
    })
    .await;
}

/// Panics where nobody expects it: when it is over.
#[derive(Clone)]
struct Fatal;

impl Command for Fatal {
    type Answer = ();

    const NAME: &'static str = "Fatal";

    fn decide(&self, _: &mut View) -> Result<(), Stop> {
        Ok(())
    }
}

impl Drop for Fatal {
    fn drop(&mut self) {
        panic!("a fault that ends a lane, which this test expects");
    }
}

#[tokio::test]
async fn a_lane_that_dies_is_told_of() {
    each_store(async |subject| {
        let death = subject.store().death();
        tokio::pin!(death);
        assert!((&mut death).now_or_never().is_none());
        subject.submit(Fatal).await.unwrap();
        let died = death.await.to_string();
        assert!(died.contains("the lane that writes") && died.contains("ends a lane"), "{died}");
        // For whoever asks later as well.
        assert_eq!(subject.store().death().await.to_string(), died);
    })
    .await;
}

/// No manager was faster: whoever is told to come back would do so for ever.
#[tokio::test]
async fn what_an_index_keeps_out_again_and_again_is_a_fault_that_harms_nobody_else() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |_| {}).await;
        let engine = subject.engine();
        let mut tx = engine.write().await.unwrap();
        tx.execute("create unique index no_two_with_one_label on networks (label)", Vec::new())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        subject.network("private", &["10.1.0.0/24"]).await;
        let twice =
            || CreateNetworks { networks: vec![network("private", vec![])], scope: Scope::Everything };
        engine.take_sent();
        let alone = subject.submit(twice()).await;
        let attempts =
            engine.take_sent().iter().filter(|sent| sent.text.contains("insert into networks")).count();
        let told = alone.unwrap_err();
        assert!(matches!(told, SubmitError::Store(StoreError::Internal(_))), "{kind:?}: {told:?}");
        let words = if kind == Kind::Sqlite { "networks.label" } else { "no_two_with_one_label" };
        assert!(told.to_string().contains(words), "{told}");
        assert_eq!(attempts == 1, kind == Kind::Sqlite, "{kind:?}: {attempts} attempts");

        let (fault, fine, more) =
            tokio::join!(subject.submit(twice()), subject.allocate(1), subject.network("more", &[]));
        assert!(matches!(fault, Err(SubmitError::Store(StoreError::Internal(_)))), "{fault:?}");
        assert_eq!(fixed_ips(&fine.unwrap()), ["10.1.0.2"]);
        assert_eq!(more.network.label.as_str(), "more");
    }
}

struct Faulty;

impl Observer for Faulty {
    fn observe(&self, _: &[Change], _: &News) {
        panic!("a fault in an observer, which this test expects")
    }

    fn hear(&self, _: &News) {}
}

#[tokio::test]
async fn an_observer_that_panics_undoes_nothing() {
    for kind in [Kind::Memory, Kind::Sqlite, Kind::Postgres] {
        let mut subject = Subject::open(kind, |_| {}).await;
        subject.observed_by(Arc::new(Faulty)).await;
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        assert_eq!(subject.dump().await.ports.len(), 1);
    }
}

#[tokio::test]
async fn one_more_than_the_queue_holds_is_told_to_come_back() {
    for kind in [Kind::Memory, Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| {
            config.queue_limit = 4;
            config.batch_limit = 1;
        })
        .await;
        subject.network("private", &["10.1.0.0/24"]).await;
        let outcomes = join_all((1..=20).map(|number| subject.allocate(number))).await;
        let (taken, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((taken.len(), refused.len()), (4, 16));
        for outcome in refused {
            let Err(SubmitError::Store(StoreError::QueueFull { limit, retry_after })) = outcome else {
                panic!("{outcome:?}");
            };
            assert_eq!(limit, 4);
            assert!(retry_after > Duration::ZERO);
        }
        subject.allocate(21).await.unwrap();
        let dump = subject.dump().await;
        assert_eq!(dump.instances.len(), 5);
        assert_sound(&dump);
    }
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_begun() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let mut given_up = Box::pin(subject.allocate(1));
        assert!(given_up.as_mut().now_or_never().is_none(), "it is in the queue");
        drop(given_up);
        subject.allocate(2).await.unwrap();
        let instances = subject.dump().await.instances;
        assert_eq!(instances.iter().map(|row| row.id).collect::<Vec<_>>(), [instance(2)]);
    })
    .await;
}
