//! Managers of one server hear what the others have written.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use lepton_ledger::{Envelope, RegisterHost};
use lepton_types::InstanceId;
use tokio::time;

use super::harness::{Ears, Kind, Subject, host, instance, tell};
use crate::{News, Store};

/// Waits until something like it was heard, and takes all that was.
async fn heard(ears: &Ears, is_meant: impl Fn(&News) -> bool) -> Vec<News> {
    let mut heard = ears.heard();
    let found = heard.wait_for(|heard| heard.iter().any(&is_meant));
    let found = time::timeout(Duration::from_secs(30), found).await;
    found.expect("it is heard in time").expect("the ears are there").clone()
}

fn is_of(news: &News, instance: InstanceId) -> bool {
    news.instances.contains(&instance)
}

/// A subject with a network, and another store on its database, with that one's ears.
async fn neighbours() -> (Subject, Store, Arc<Ears>) {
    let subject = Subject::open(Kind::Postgres, |_| {}).await;
    subject.network("private", &["10.1.0.0/16"]).await;
    let ears = Arc::new(Ears::default());
    let other = subject.another_for(Arc::clone(&ears)).await.unwrap();
    say_until_heard(&subject, &ears, "early").await;
    (subject, other, ears)
}

/// Says something again and again, since nothing is heard of what is said before somebody listens.
async fn say_until_heard(subject: &Subject, ears: &Ears, name: &str) {
    let before = ears.heard().borrow().len();
    for count in 0..1_000 {
        let mut heard = ears.heard();
        subject.submit(RegisterHost { host: format!("{name}-{count}").parse().unwrap() }).await.unwrap();
        let more = heard.wait_for(|heard| heard.len() > before);
        if time::timeout(Duration::from_millis(30), more).await.is_ok() {
            return;
        }
    }
    panic!("nothing is heard");
}

#[tokio::test]
async fn another_manager_hears_of_hosts_of_ports_and_of_the_journal() {
    let (subject, other, ears) = neighbours().await;
    subject.allocate(1).await.unwrap();
    let revision = subject.feed().await.revision;
    let all = heard(&ears, |news| news.hosts.get(&host()) == Some(&revision)).await;
    assert!(all.iter().any(|news| news.journal), "{all:?}");
    assert!(
        !all.iter().any(|news| is_of(news, instance(1))),
        "nobody waits for a port before there is one: {all:?}"
    );
    subject.deallocate(1).await;
    heard(&ears, |news| is_of(news, instance(1))).await;
    other.close().await;
}

/// What a manager does it was told already, and what it hears is not told again.
#[tokio::test]
async fn nobody_hears_himself() {
    let (subject, other, ears) = neighbours().await;
    let register = |host: &str| RegisterHost { host: host.parse().unwrap() };
    other.submit(register("others"), Envelope::anonymous()).await.unwrap();
    subject.submit(register("ours")).await.unwrap();
    let is_of = |news: &News, host: &str| news.hosts.contains_key(&host.parse().unwrap());
    let all = heard(&ears, |news| is_of(news, "ours")).await;
    assert!(!all.iter().any(|news| is_of(news, "others")), "{all:?}");
    other.close().await;
}

/// One notice of PostgreSQL's has no room for them.
#[tokio::test]
async fn however_many_are_concerned_of_all_is_heard() {
    let (subject, other, ears) = neighbours().await;
    join_all((1..=300).map(async |number| subject.allocate(number).await.unwrap())).await;
    join_all((1..=300).map(async |number| subject.deallocate(number).await)).await;
    for number in 1..=300 {
        heard(&ears, |news| is_of(news, instance(number))).await;
    }
    other.close().await;
}

#[tokio::test]
async fn what_is_not_understood_ends_nothing() {
    let (subject, other, ears) = neighbours().await;
    for notice in ["select pg_notify('lepton_news', 'what?')", "select pg_notify('lepton_news', '{}')"] {
        tell(subject.url(), notice).await;
    }
    subject.submit(RegisterHost { host: "late".parse().unwrap() }).await.unwrap();
    heard(&ears, |news| news.hosts.contains_key(&"late".parse().unwrap())).await;
    other.close().await;
}

#[tokio::test]
async fn who_has_lost_the_connection_hears_again_on_another_one() {
    let (subject, other, ears) = neighbours().await;
    const END: &str = "select pg_terminate_backend(pid, 10000) from pg_stat_activity
        where datname = current_database() and application_name = 'leptond'";
    tell(subject.url(), END).await;
    say_until_heard(&subject, &ears, "after").await;
    other.close().await;
}
