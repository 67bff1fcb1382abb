use std::{cell::Cell, future};

use lepton_manager::Settings;
use lepton_store::{Database, StoreConfig};
use lepton_testkit::PrivatePostgres;
use tokio::sync::oneshot;

use super::*;

fn host() -> HostId {
    "host-1".parse().unwrap()
}

async fn open(database: Database) -> Manager {
    let settings = Settings { mac_base: "fa:16:3e".parse().unwrap(), ..Settings::default() };
    Manager::open(&StoreConfig::new(database), settings).await.unwrap()
}

fn fresh_database() -> Database {
    static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Database::Postgres(
        PrivatePostgres::shared().unwrap().create_database(&format!("claim_{number}")).unwrap(),
    )
}

fn held() -> ClaimError {
    ClaimError::Held { host: host(), holder: "runs elsewhere".to_owned() }
}

fn lingering() -> ClaimError {
    ClaimError::Lingering { host: host() }
}

fn unknown() -> ClaimError {
    ClaimError::Unknown { host: host(), problem: "no answer".to_owned() }
}

fn claimant(number: u128) -> Claimant {
    uuid::Uuid::from_u128(number).into()
}

fn absent(number: u128) -> ClaimError {
    ClaimError::Absent { host: host(), owner: claimant(number) }
}

/// What the looks find, one after the other, and then the last of it for ever; none: no answer.
struct Looks(Vec<Option<Result<(), ClaimError>>>);

impl Keep for Looks {
    async fn look(&mut self) -> Result<(), ClaimError> {
        let found = if self.0.len() > 1 { self.0.remove(0) } else { self.0[0].clone() };
        match found {
            Some(found) => found,
            None => future::pending().await,
        }
    }
}

/// How long an owner works on whose looks find this, in seconds, and what ends it; none: it works on.
async fn works_for(finds: &[Option<Result<(), ClaimError>>]) -> Option<(u64, ClaimError)> {
    let (start, mut looks) = (Instant::now(), Looks(finds.to_vec()));
    let error = time::timeout(Duration::from_secs(3_600), lost(&mut looks)).await.ok()?;
    Some((start.elapsed().as_secs(), error))
}

#[tokio::test(start_paused = true)]
async fn an_owner_ends_its_work_with_the_first_look_that_finds_the_host_anothers() {
    assert_eq!(works_for(&[Some(Ok(())), Some(Err(unknown())), Some(Err(held()))]).await, Some((3, held())));
    assert_eq!(works_for(&[Some(Ok(())), Some(Err(absent(2)))]).await, Some((2, absent(2))));
}

#[tokio::test(start_paused = true)]
async fn an_owner_works_on_while_nobody_else_has_claimed_its_host() {
    for found in [Some(Ok(())), Some(Err(lingering())), Some(Err(unknown())), None] {
        assert_eq!(works_for(&[Some(Ok(())), found]).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_not_answered_is_followed_by_another_one_before_a_newcomer_has_the_host() {
    let (seconds, _) = works_for(&[None, Some(Err(held()))]).await.unwrap();
    assert_eq!(Duration::from_secs(seconds), 2 * LOOK + ANSWER);
    assert!(Duration::from_secs(seconds) + ANSWER < SETTLE);
}

/// When a start is over that finds this one after the other, a second apart, and then the last for ever; and whether it has the
/// host: it has, once it says that it has outlasted the absent owner.
async fn starts(finds: &[ClaimError]) -> (u64, Result<(), ClaimError>) {
    let (start, number) = (Instant::now(), Cell::new(0));
    let attempt = |outlasted: Option<Claimant>| {
        let found = finds[number.get().min(finds.len() - 1)].clone();
        number.set(number.get() + 1);
        let is_outlasted = matches!(found, ClaimError::Absent { owner, .. } if outlasted == Some(owner));
        future::ready(if is_outlasted { Ok(()) } else { Err(found) })
    };
    let ended = arrive(attempt).await;
    (start.elapsed().as_secs(), ended)
}

#[tokio::test(start_paused = true)]
async fn a_start_takes_no_host_whose_owner_may_still_come_back() {
    assert_eq!(starts(&[held(), absent(1)]).await, (1 + SETTLE.as_secs(), Ok(())));
    // It came back in time.
    let returns: Vec<_> = [held(), unknown(), absent(1), absent(1), held()].into();
    assert_eq!(starts(&returns).await, (PATIENCE.as_secs(), Err(held())));
}

#[tokio::test(start_paused = true)]
async fn a_start_waits_anew_after_each_break_in_the_owners_absence() {
    for interruption in [held(), unknown(), absent(2)] {
        let mut finds = vec![absent(1); 9];
        finds.extend([interruption, absent(1)]);
        assert_eq!(starts(&finds).await, (10 + SETTLE.as_secs(), Ok(())));
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_outlasts_an_owner_whose_machine_died_as_late_as_the_database_finds_out() {
    let mut finds = vec![held(); PATIENCE.as_secs().try_into().unwrap()];
    finds.push(absent(1));
    assert_eq!(starts(&finds).await, ((PATIENCE + SETTLE).as_secs(), Ok(())));
    assert_eq!(starts(&[unknown()]).await, (PATIENCE.as_secs(), Err(unknown())));
}

#[tokio::test(start_paused = true)]
async fn a_loss_is_told_of_once_a_minute_and_its_end_once() {
    let mut worry = Worry::default();
    let problem: Option<&dyn fmt::Display> = Some(&"no answer");
    assert!(worry.news(None).is_none());
    let mut told = 0;
    for _ in 0..120 {
        told += usize::from(matches!(worry.news(problem), Some(News::Lost(_))));
        time::advance(LOOK).await;
    }
    assert_eq!(told, 2);
    assert!(matches!((worry.news(None), worry.news(None)), (Some(News::Found), None)));
    assert!(matches!(worry.news(problem), Some(News::Lost(_))));
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_held_for_as_long_as_the_work_lasts() {
    let manager = open(Database::Memory).await;
    let claim = manager.claim_host(&host(), None).await.unwrap();
    let held = hold(claim, future::pending());
    assert!(time::timeout(10 * PATIENCE, held).await.is_err());
    let claim = manager.claim_host(&host(), None).await.unwrap();
    hold(claim, future::ready(())).await.unwrap();
}

#[tokio::test]
async fn the_host_is_free_for_others_once_the_work_has_ended() {
    let database = fresh_database();
    let (manager, other) = (open(database.clone()).await, open(database).await);
    let claim = manager.claim_host(&host(), None).await.unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let holding = hold(claim, async { ended.await.unwrap() });
    let others = async {
        let error = other.claim_host(&host(), None).await.unwrap_err();
        assert!(matches!(error, ClaimError::Held { .. }), "{error}");
        end.send(()).unwrap();
    };
    let (held, ()) = tokio::join!(holding, others);
    held.unwrap();
    // At once: it was given up.
    assert!(other.claim_host(&host(), None).await.is_ok());
}

#[tokio::test]
async fn a_stop_ends_the_waiting_for_a_host() {
    let database = fresh_database();
    let (manager, other) = (open(database.clone()).await, open(database).await);
    let _claim = manager.claim_host(&host(), None).await.unwrap();
    let (host, shutdown) = (host(), CancellationToken::new());
    let stop = async {
        while !matches!(other.claim_host(&host, None).await, Err(ClaimError::Held { .. })) {}
        shutdown.cancel();
    };
    let (made, ()) = tokio::join!(make(&other, &host, &shutdown), stop);
    assert!(made.unwrap().is_none());
}
