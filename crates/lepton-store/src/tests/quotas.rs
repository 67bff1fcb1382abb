//! Quotas on every store: what is counted is what there is, whoever asks at the same time.

use futures_util::future::{join, join_all};
use lepton_ipam::SubnetSpec;
use lepton_ledger::{
    AllocateForInstance, Change, Envelope, GetQuota, Key, ListQuotas, RowChange, Scope, SetQuota,
};
use lepton_types::{AddressPool, Amounts, Limit, Quota};

use super::{
    audit::behind,
    harness::{Kind, Subject, allocation, each_database, each_store, network, reason, requested, subnet},
    locks::{holding, until_somebody_waits},
    sound::assert_sound,
    statements::sent,
};
use crate::{Store, SubmitError, close::close};

async fn limit_ports(store: &Store, most: u32) {
    let limits = Amounts { ports: Some(Some(Limit::AtMost(most))), ..Amounts::default() };
    let command = SetQuota { project: "p1".parse().unwrap(), limits };
    store.submit(command, Envelope::anonymous()).await.unwrap();
}

async fn used(store: &Store) -> Amounts<u64> {
    let question = GetQuota { project: "p1".parse().ok(), scope: Scope::Everything };
    store.ask(question).await.unwrap().quota.used
}

#[tokio::test]
async fn b55_a_thousand_requests_at_once_never_exceed_a_quota() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/16"]).await;
        limit_ports(subject.store(), 123).await;
        let outcomes = join_all((0..1000).map(|number| subject.allocate(number))).await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert!(lost.into_iter().all(|lost| reason(lost) == "QUOTA_EXCEEDED"));
        assert_eq!((won.len(), used(subject.store()).await.ports), (123, 123));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_managers_never_exceed_a_quota() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let subject = Subject::open(kind, |config| config.batch_limit = 8).await;
        subject.network("private", &["10.1.0.0/16"]).await;
        let other = subject.another().await.unwrap();
        limit_ports(&other, 57).await;
        let outcomes = join_all((0..200_u128).map(|number| {
            let store = if number % 2 == 0 { subject.store() } else { &other };
            store.submit(allocation(number, vec![]), Envelope::anonymous())
        }));
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.await.into_iter().partition(Result::is_ok);
        assert!(lost.into_iter().all(|lost| reason(lost) == "QUOTA_EXCEEDED"), "{kind:?}");
        assert_eq!((won.len(), used(&other).await.ports), (57, 57), "{kind:?}");
        assert_sound(&subject.dump().await);
    }
}

/// All that a project's callers ask of any manager counts in one row.
#[tokio::test]
async fn nobody_waits_for_who_decides_about_the_same_project() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();
    let deciding = holding(subject.engine(), Key::Quota("p1".parse().unwrap()), subject.now()).await;
    subject.allocate(2).await.unwrap();
    deciding.rollback().await.unwrap();
}

/// Whoever waits for a quota has nothing left to wait for but the journal: two managers of which one counts for one project, and one
/// for two, would wait for each other otherwise.
#[tokio::test]
async fn quotas_are_locked_when_all_else_is_written() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let pools = vec![AddressPool { first: "10.1.0.10".parse().unwrap(), last: "10.1.0.20".parse().unwrap() }];
    let spec = SubnetSpec { pools, ..subnet("10.1.0.0/24") };
    let id = subject.create(network("private", vec![spec])).await.network.id;
    let of = |project: &str, number, address| AllocateForInstance {
        project: project.parse().unwrap(),
        ..allocation(number, vec![requested(id, &[address])])
    };
    subject.submit(of("p2", 1, "10.1.0.201")).await.unwrap();
    subject.submit(of("p1", 2, "10.1.0.202")).await.unwrap();
    let both = [of("p2", 3, "10.1.0.203"), of("p1", 4, "10.1.0.204")];
    let (sent, _) = sent(&subject, both).await;
    let [.., subnets, quotas, closing] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(subnets.text.ends_with("for share"), "{}", subnets.text);
    assert!(quotas.text.contains("from quotas") && quotas.text.ends_with("for update"), "{}", quotas.text);
    let [spent, counted] = closing.literals.as_slice() else { panic!("{closing:?}") };
    assert!(spent.starts_with("update quotas"), "{spent}");
    assert!(counted.contains("insert into journal"), "{counted}");
}

/// Carries out what another manager does to quotas while an allocation that was decided waits to be written.
async fn allocate_behind(subject: &Subject, theirs: &'static str, number: u128) -> Result<(), SubmitError> {
    let mut tx = subject.engine().write().await.unwrap();
    tx.execute(theirs, Vec::new()).await.unwrap();
    let commit = async {
        until_somebody_waits(subject.engine()).await;
        tx.commit().await.unwrap();
    };
    join(subject.allocate(number), commit).await.0.map(drop)
}

#[tokio::test]
async fn what_others_did_to_a_quota_meanwhile_counts_and_stays() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    limit_ports(subject.store(), 5).await;
    subject.allocate(1).await.unwrap();
    for (spent, given_back) in [
        ("update quotas set ports_used = ports_used + 4", "update quotas set ports_used = ports_used - 4"),
        ("update quotas set ports_limit = 1", "update quotas set ports_limit = 5"),
    ] {
        assert_eq!(reason(allocate_behind(&subject, spent, 2).await), "QUOTA_EXCEEDED", "{spent}");
        behind(&subject, given_back, Vec::new()).await;
    }
    allocate_behind(&subject, "update quotas set ports_limit = 2, networks_limit = 7", 2).await.unwrap();
    let limits = subject.dump().await.quotas[0].limits;
    let at_most = |most| Some(Limit::AtMost(most));
    assert_eq!((limits.ports, limits.networks, limits.fixed_ips), (at_most(2), at_most(7), None));
    assert_eq!(reason(subject.allocate(3).await), "QUOTA_EXCEEDED");
    assert_sound(&subject.dump().await);
}

/// Others of the batch spend before the limit is set below what they have; a limit stops nobody who has it already.
#[tokio::test]
async fn a_batch_may_spend_and_then_set_a_limit_below_that() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &["10.1.0.0/24"]).await;
    subject.allocate(1).await.unwrap();
    let before = subject.dump().await.quotas[0].clone();
    let spent = Quota { used: Amounts { ports: 2, fixed_ips: 2, ..before.used }, ..before.clone() };
    let limited =
        Quota { limits: Amounts { ports: Some(Limit::AtMost(1)), ..Amounts::default() }, ..spent.clone() };
    let changes = [(&before, &spent), (&spent, &limited)].map(|(before, after)| {
        Change::Quota(RowChange { before: Some(before.clone()), after: Some(after.clone()) })
    });
    let mut tx = subject.engine().write().await.unwrap();
    close(&mut tx, &changes, &Amounts::DEFAULT).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(subject.dump().await.quotas, [limited]);
}

#[tokio::test]
async fn limits_and_what_is_used_outlive_the_process() {
    each_database(async |subject| {
        subject.network("private", &["10.1.0.0/24", "fd00:1::/64"]).await;
        limit_ports(subject.store(), 1).await;
        subject.allocate(1).await.unwrap();
        subject.reopen().await;
        assert_eq!(reason(subject.allocate(2).await), "QUOTA_EXCEEDED");
        assert_eq!(used(subject.store()).await, Amounts { ports: 1, fixed_ips: 2, ..Amounts::default() });
        subject.end(1).await;
        assert_eq!(used(subject.store()).await, Amounts::default());
        subject.allocate(2).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn quotas_are_listed_in_the_order_of_their_projects_a_page_at_a_time() {
    each_store(async |subject| {
        subject.network("private", &["10.1.0.0/24"]).await;
        subject.allocate(1).await.unwrap();
        for project in ["b", "A", "p2", "a-b"] {
            let limits = Amounts { networks: Some(Some(Limit::AtMost(1))), ..Amounts::default() };
            subject.submit(SetQuota { project: project.parse().unwrap(), limits }).await.unwrap();
        }
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = subject.store().ask(ListQuotas { after, limit: 2 }).await.unwrap();
            listed.extend(page.quotas.into_iter().map(|state| (state.quota.project, state.quota.used.ports)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let names: Vec<_> = listed.iter().map(|(project, used)| (project.as_str(), *used)).collect();
        assert_eq!(names, [("A", 0), ("a-b", 0), ("b", 0), ("p1", 1), ("p2", 0)]);
    })
    .await;
}
