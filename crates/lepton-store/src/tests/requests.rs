//! Requests that are repeated, and rehearsed.

use std::time::Duration;

use futures_util::future::join_all;
use lepton_ipam::MacBase;
use lepton_ledger::{
    CreateNetworks, DeleteNetwork, Envelope, RequestKey, Scope, UndoAllocation, ValidateNetworks,
};

use super::{
    each_store,
    harness::{
        Kind, Subject, allocation, deallocation, envelope, fixed_ips, host, instance, network, reason,
        requested, subnet,
    },
};
use crate::StoreError;

#[tokio::test]
async fn the_same_request_gets_the_same_answer_also_after_a_restart() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        let first = subject.submit_as("nova", "boot-1", allocation(1, vec![])).await.unwrap();
        let after = subject.dump().await;
        assert_eq!(subject.submit_as("nova", "boot-1", allocation(1, vec![])).await.unwrap(), first);
        if subject.kind.is_durable() {
            subject.reopen().await;
            assert_eq!(subject.submit_as("nova", "boot-1", allocation(1, vec![])).await.unwrap(), first);
        }
        assert_eq!(subject.dump().await, after, "repetitions change nothing");

        let network = subject.submit_as("admin", "make-1", one_network()).await.unwrap();
        assert_eq!(subject.submit_as("admin", "make-1", one_network()).await.unwrap(), network);
        let end = deallocation(1);
        let released = subject.submit_as("nova", "end-1", end.clone()).await.unwrap();
        assert_eq!(released.ports.len(), 1);
        assert_eq!(subject.submit_as("nova", "end-1", end).await.unwrap(), released);
    })
    .await;
}

fn one_network() -> CreateNetworks {
    CreateNetworks {
        networks: vec![network("another", vec![subnet("10.9.0.0/24")])],
        scope: Scope::Everything,
    }
}

#[tokio::test]
async fn one_request_sent_32_times_at_once_makes_one_set_of_ports() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let all = join_all((0..32).map(|_| subject.submit_as("nova", "boot-1", allocation(1, vec![])))).await;
        let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
        assert!(all.iter().all(|info| *info == all[0]));
        assert_eq!(subject.dump().await.ports.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_request_id_belongs_to_one_body_and_one_caller() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.submit_as("nova", "boot", allocation(1, vec![])).await.unwrap();
        assert_eq!(
            reason(subject.submit_as("nova", "boot", allocation(2, vec![])).await),
            "REQUEST_ID_REUSED"
        );
        let end = deallocation(1);
        assert_eq!(reason(subject.submit_as("nova", "boot", end).await), "REQUEST_ID_REUSED");
        subject.submit_as("other", "boot", allocation(2, vec![])).await.unwrap();
        assert_eq!(subject.dump().await.requests.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_refused_request_may_be_tried_again_under_its_id() {
    each_store(async |subject| {
        let tight = subject.network("tight", &["10.1.0.0/30"]).await.network.id;
        subject.allocate(1).await.unwrap();
        let again = || allocation(2, vec![requested(tight, &[])]);
        assert_eq!(reason(subject.submit_as("nova", "boot-2", again()).await), "NO_MORE_FIXED_IPS");
        subject.end(1).await;
        let info = subject.submit_as("nova", "boot-2", again()).await.unwrap();
        assert_eq!(fixed_ips(&info), ["10.1.0.2"]);
        assert_eq!(subject.submit_as("nova", "boot-2", again()).await.unwrap(), info);
    })
    .await;
}

#[tokio::test]
async fn a_rehearsal_answers_as_the_real_thing_and_writes_nothing() {
    each_store(async |subject| {
        let made = subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        subject.allocate(1).await.unwrap();
        let before = subject.dump().await;
        subject.take_told();

        let command = allocation(2, vec![]);
        let envelope = || envelope("nova", "boot-2", &command);
        let rehearsed = subject.store().rehearse(command.clone(), envelope()).await.unwrap();
        assert_eq!(fixed_ips(&rehearsed)[0], "10.1.0.3");
        let end = deallocation(1);
        let would_end = subject.store().rehearse(end, Envelope::anonymous()).await.unwrap();
        assert_eq!(would_end.ports.len(), 1);
        let networks = subject.store().rehearse(one_network(), Envelope::anonymous()).await.unwrap();
        assert_eq!(networks.len(), 1);
        let delete = DeleteNetwork { network: made.network.id, scope: Scope::Everything };
        assert_eq!(reason(subject.store().rehearse(delete, Envelope::anonymous()).await), "NETWORK_IN_USE");
        let validate = ValidateNetworks {
            project: "p1".parse().unwrap(),
            networks: vec![requested(made.network.id, &["10.1.0.2"])],
            allow_duplicate_networks: false,
            mac_base: MacBase::default(),
            scope: Scope::Everything,
        };
        assert_eq!(reason(subject.store().ask(validate.clone()).await), "FIXED_IP_ALREADY_IN_USE");
        subject.store().ask(ValidateNetworks { networks: vec![], ..validate }).await.unwrap();

        assert_eq!(subject.dump().await, before);
        assert_eq!(subject.take_told(), []);
        let real = subject.store().submit(command.clone(), envelope()).await.unwrap();
        assert_eq!(
            fixed_ips(&real.answer)[0],
            "10.1.0.3",
            "the rehearsal took nothing, not even the request id"
        );
    })
    .await;
}

#[tokio::test]
async fn an_undone_allocation_forgets_its_answer() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        let first = subject.submit_as("nova", "boot-1", allocation(1, vec![])).await.unwrap();
        let request = RequestKey { caller: "nova".into(), id: "boot-1".parse().unwrap() };
        let undo =
            UndoAllocation { instance: instance(1), incarnation: 1, host: host(), request: Some(request) };
        assert!(subject.submit(undo.clone()).await.unwrap().is_undone);
        let port = subject.dump().await.ports.into_iter().find(|port| port.id == first.vifs[0].id);
        assert!(port.unwrap().is_released);
        let second = subject.submit_as("nova", "boot-1", allocation(1, vec![])).await.unwrap();
        assert_eq!((second.incarnation, fixed_ips(&second)), (2, vec!["10.1.0.3".to_owned()]));

        let late = UndoAllocation { request: None, ..undo };
        assert!(subject.submit(late).await.unwrap().is_undone, "another life is left alone");
        assert_eq!(subject.submit_as("nova", "boot-1", allocation(1, vec![])).await.unwrap(), second);
    })
    .await;
}

/// Both are in the queue before the store looks at it, so one batch forgets the answer and remembers a new one.
#[tokio::test]
async fn an_undo_and_its_retry_fit_in_one_batch() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.submit_as("nova", "boot-1", allocation(1, vec![])).await.unwrap();
        let request = RequestKey { caller: "nova".into(), id: "boot-1".parse().unwrap() };
        let undo =
            UndoAllocation { instance: instance(1), incarnation: 1, host: host(), request: Some(request) };
        subject.take_told();
        let (undone, again) =
            tokio::join!(subject.submit(undo), subject.submit_as("nova", "boot-1", allocation(1, vec![])),);
        assert_eq!((undone.unwrap().is_undone, again.unwrap().incarnation), (true, 2));
        assert_eq!(subject.batches_told(), 1);
    })
    .await;
}

#[tokio::test]
async fn old_answers_are_forgotten() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/16"]).await;
        let ids: Vec<String> = (0..1100).map(|number| format!("old-{number}")).collect();
        let old =
            (0..).zip(&ids).map(|(number, id)| subject.submit_as("nova", id, allocation(number, vec![])));
        assert!(join_all(old).await.iter().all(Result::is_ok));
        let day = Duration::from_secs(24 * 60 * 60);
        subject.advance(day);
        subject.submit_as("nova", "young", allocation(9999, vec![])).await.unwrap();
        assert_eq!(subject.store().forget_requests(day).await.unwrap(), 0, "they are not older than a day");
        subject.advance(Duration::from_secs(1));
        let mut forgotten = 0;
        loop {
            match subject.store().forget_requests(day).await.unwrap() {
                0 => break,
                count => forgotten += count,
            }
        }
        assert_eq!(forgotten, 1100);
        let left = subject.dump().await.requests;
        assert_eq!(left.iter().map(|row| row.key.id.as_str()).collect::<Vec<_>>(), ["young"]);
    })
    .await;
}

/// Whoever forgets takes a turn among those who write, with no connection of its own.
#[tokio::test]
async fn forgetting_waits_in_the_queue_of_those_who_write() {
    for kind in [Kind::Memory, Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| config.queue_limit = 1).await;
        subject.network("private", &["10.1.0.0/24"]).await;
        let forget = || subject.store().forget_requests(Duration::ZERO);
        let (first, second) = tokio::join!(forget(), forget());
        assert_eq!(first.unwrap(), 0);
        assert!(matches!(second, Err(StoreError::QueueFull { limit: 1, .. })), "{second:?}");
    }
}
