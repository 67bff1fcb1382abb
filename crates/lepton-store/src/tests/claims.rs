//! Of several processes on one database one is a host's agent.

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
    let claimed = async {
        // The server hears of the end of a connection when it looks.
        while other.claim_host(&host()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), claimed).await.unwrap();
    other.close().await;
}

#[tokio::test]
async fn a_claim_whose_connection_is_cut_is_made_again() {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    let mut claim = subject.store().claim_host(&host()).await.unwrap();
    claim.cut().await;
    claim.keep().await.unwrap();
    let other = subject.another().await.unwrap();
    assert!(matches!(other.claim_host(&host()).await, Err(ClaimError::Held { .. })));
    other.close().await;
}

#[tokio::test]
async fn a_ledger_that_is_one_processs_alone_claims_nothing() {
    for kind in [Kind::Memory, Kind::Sqlite] {
        let subject = Subject::open(kind, |_| {}).await;
        subject.store().claim_host(&host()).await.unwrap().keep().await.unwrap();
    }
}
