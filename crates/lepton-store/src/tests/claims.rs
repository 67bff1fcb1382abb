//! Of several processes on one database one is a host's agent.

use std::time::Duration;

use super::harness::{Kind, Subject, host};
use crate::ClaimError;

#[tokio::test]
async fn a_host_is_claimed_once_until_the_claim_is_given_up() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let other = subject.another().await.unwrap();
    let mut first = subject.store().claim_host(&host(), None).await.unwrap();
    first.keep().await.unwrap();
    let error = other.claim_host(&host(), None).await.unwrap_err();
    assert!(matches!(&error, ClaimError::Held { holder, .. } if holder.contains("process")), "{error}");
    other.claim_host(&"host-2".parse().unwrap(), None).await.unwrap();
    first.release().await;
    // The server hears of the end of a connection when it looks.
    soon(async || other.claim_host(&host(), None).await.is_ok()).await;
    other.close().await;
}

/// As after a restart of the server, which ends all sessions, when the newcomer is faster.
#[tokio::test]
async fn a_newcomer_has_no_host_whose_owner_has_lost_its_session() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let other = subject.another().await.unwrap();
    let mut first = subject.store().claim_host(&host(), None).await.unwrap();
    first.cut().await;
    let mut newcomers = None;
    soon(async || {
        newcomers = other.claim_host(&host(), None).await.err();
        matches!(newcomers, Some(ClaimError::Absent { .. }))
    })
    .await;
    first.keep().await.unwrap();
    assert!(matches!(other.claim_host(&host(), None).await, Err(ClaimError::Held { .. })));
    // Nor does it help to have waited for the owner, when that one has come back.
    let Some(ClaimError::Absent { owner, .. }) = newcomers else { panic!("{newcomers:?}") };
    assert!(matches!(other.claim_host(&host(), Some(owner)).await, Err(ClaimError::Held { .. })));
    other.close().await;
}

#[tokio::test]
async fn an_owner_that_was_outlasted_finds_its_host_anothers_even_when_that_one_is_absent() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let other = subject.another().await.unwrap();
    let mut first = subject.store().claim_host(&host(), None).await.unwrap();
    first.cut().await;
    let mut second = None;
    soon(async || {
        let owner = match other.claim_host(&host(), None).await {
            Err(ClaimError::Absent { owner, .. }) => Some(owner),
            _ => None,
        };
        second = other.claim_host(&host(), owner).await.ok();
        second.is_some()
    })
    .await;
    assert!(matches!(first.keep().await, Err(ClaimError::Held { .. })));
    second.as_mut().unwrap().cut().await;
    soon(async || matches!(first.keep().await, Err(ClaimError::Absent { .. }))).await;
    second.unwrap().keep().await.unwrap();
    other.close().await;
}

/// As when the network was cut: the server has the session until it notices.
#[tokio::test]
async fn an_owner_that_meets_its_own_old_session_is_not_told_of_another_one() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let mut claim = subject.store().claim_host(&host(), None).await.unwrap();
    let old = claim.lose_session();
    assert!(matches!(claim.keep().await, Err(ClaimError::Lingering { .. })));
    drop(old);
    soon(async || claim.keep().await.is_ok()).await;
}

#[tokio::test]
async fn a_claim_whose_connection_is_cut_is_made_again() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let mut claim = subject.store().claim_host(&host(), None).await.unwrap();
    claim.cut().await;
    soon(async || claim.keep().await.is_ok()).await;
    let other = subject.another().await.unwrap();
    assert!(matches!(other.claim_host(&host(), None).await, Err(ClaimError::Held { .. })));
    other.close().await;
}

#[tokio::test]
async fn a_claim_that_is_made_again_does_not_meet_the_lock_of_its_old_session() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let mut claim = subject.store().claim_host(&host(), None).await.unwrap();
    claim.break_session().await;
    soon(async || claim.keep().await.is_ok()).await;
}

#[tokio::test]
async fn a_ledger_that_is_one_processs_alone_claims_nothing() {
    for kind in [Kind::Memory, Kind::Sqlite] {
        let subject = Subject::open(kind, |_| {}).await;
        subject.store().claim_host(&host(), None).await.unwrap().keep().await.unwrap();
    }
}

async fn soon(mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it never came true");
}
