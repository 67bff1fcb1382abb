//! Of several processes on one database one is a host's agent.

use std::time::Duration;

use super::harness::{Kind, Subject, host};
use crate::ClaimError;

#[tokio::test]
async fn a_host_is_claimed_once_until_the_claim_goes_with_its_process() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let other = subject.another().await.unwrap();
    let mut first = subject.store().claim_host(&host()).await.unwrap();
    first.keep().await.unwrap();
    let error = other.claim_host(&host()).await.unwrap_err();
    assert!(matches!(&error, ClaimError::Held { holder, .. } if holder.contains("process")), "{error}");
    other.claim_host(&"host-2".parse().unwrap()).await.unwrap();
    drop(first);
    // The server hears of the end of a connection when it looks.
    soon(async || other.claim_host(&host()).await.is_ok()).await;
    other.close().await;
}

#[tokio::test]
async fn a_claim_whose_connection_is_cut_is_made_again() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let mut claim = subject.store().claim_host(&host()).await.unwrap();
    claim.cut().await;
    soon(async || claim.keep().await.is_ok()).await;
    let other = subject.another().await.unwrap();
    assert!(matches!(other.claim_host(&host()).await, Err(ClaimError::Held { .. })));
    other.close().await;
}

#[tokio::test]
async fn a_claim_that_is_made_again_does_not_meet_the_lock_of_its_old_session() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let mut claim = subject.store().claim_host(&host()).await.unwrap();
    claim.break_session().await;
    soon(async || claim.keep().await.is_ok()).await;
}

#[tokio::test]
async fn a_ledger_that_is_one_processs_alone_claims_nothing() {
    for kind in [Kind::Memory, Kind::Sqlite] {
        let subject = Subject::open(kind, |_| {}).await;
        subject.store().claim_host(&host()).await.unwrap().keep().await.unwrap();
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
