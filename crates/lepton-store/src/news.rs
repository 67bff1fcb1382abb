//! [`News`]: what of the changes to the ledger somebody may wait for, and [`Observer`], who is told of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lepton_ledger::Change;
use lepton_types::{HostId, InstanceId, Revision};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::error::panicked;

/// How many hosts and instances may wait to be told to others; of more they hear when they look by themselves.
const MOST_UNTOLD: usize = 10_000;

/// What has changed that somebody may wait for: hints to look again, of which any may be lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// Whether the journal has more.
    pub journal: bool,
    /// Hosts that must have something else than before, with their revisions.
    pub hosts: BTreeMap<HostId, Revision>,
    /// Instances of which a port has changed or ended.
    pub instances: BTreeSet<InstanceId>,
}

/// Is told what happens in the ledger. Neither method may wait for anything.
pub trait Observer: Send + Sync {
    /// This store has changed the ledger, durably, and what of it is news.
    fn observe(&self, changes: &[Change], news: &News);

    /// Another one has. Not everything that another one does is heard of.
    fn hear(&self, news: &News);
}

/// Nobody waits for anything.
impl Observer for () {
    fn observe(&self, _: &[Change], _: &News) {}

    fn hear(&self, _: &News) {}
}

/// News that others have not been told yet.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    news: Mutex<News>,
    is_more: Notify,
}

/// Who is told of a batch.
#[derive(Clone)]
pub(crate) struct Audience {
    pub(crate) observer: Arc<dyn Observer>,
    /// For the other managers, where there may be some.
    pub(crate) untold: Option<Arc<Untold>>,
}

impl News {
    /// What is news of some changes.
    pub fn of(changes: &[Change]) -> Self {
        let mut news = Self::default();
        for change in changes {
            news.journal |= change.journal_entry().is_some();
            match change {
                Change::Host(change) => {
                    news.hosts.extend(change.after.as_ref().map(|host| (host.id.clone(), host.revision)));
                }
                // Nobody waits for a port before there is one.
                Change::Port(change) => {
                    news.instances.extend(change.before.as_ref().map(|port| port.instance))
                }
                Change::Network(_)
                | Change::Subnet(_)
                | Change::Frontier(_)
                | Change::Block(_)
                | Change::RecountedBlock(_)
                | Change::Instance(_)
                | Change::FixedIp(_)
                | Change::FloatingRange(_)
                | Change::FloatingIp(_)
                | Change::DnsDomain(_)
                | Change::DnsEntry(_)
                | Change::PendingUnplug(_)
                | Change::MacRange(_)
                | Change::FreeMac(_)
                | Change::Quota(_)
                | Change::RecountedQuota(_)
                | Change::RequestRecord(_)
                | Change::Journal(_) => {}
            }
        }
        news
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        let Self { journal, hosts, instances } = self;
        !journal && hosts.is_empty() && instances.is_empty()
    }

    /// Takes more in, as far as there is room.
    fn add(&mut self, more: Self) {
        let Self { journal, hosts, instances } = more;
        self.journal |= journal;
        for (host, revision) in hosts {
            if self.hosts.len() < MOST_UNTOLD || self.hosts.contains_key(&host) {
                let known = self.hosts.entry(host).or_default();
                *known = revision.max(*known);
            }
        }
        let room = MOST_UNTOLD.saturating_sub(self.instances.len());
        self.instances.extend(instances.into_iter().take(room));
    }
}

impl Untold {
    fn add(&self, news: News) {
        if !news.is_empty() {
            self.news().add(news);
            self.is_more.notify_one();
        }
    }

    /// Takes what there is, once there is some. Cancel-safe.
    pub(crate) async fn take(&self) -> News {
        loop {
            let news = mem::take(&mut *self.news());
            if !news.is_empty() {
                return news;
            }
            self.is_more.notified().await;
        }
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Audience {
    /// Tells what is durable.
    pub(crate) fn tell(&self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let news = News::of(changes);
        call(|| self.observer.observe(changes, &news));
        if let Some(untold) = &self.untold {
            untold.add(news);
        }
    }
}

/// Calls an observer. A fault in it changes nothing about what it is told of.
pub(crate) fn call(observer: impl FnOnce()) {
    if let Err(fault) = std::panic::catch_unwind(AssertUnwindSafe(observer)) {
        tracing::error!(error = %panicked(&*fault), "the store's observer failed");
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn of_host(revision: u64) -> News {
        News { hosts: BTreeMap::from([("a".parse().unwrap(), revision.into())]), ..News::default() }
    }

    #[tokio::test]
    async fn what_is_told_late_is_told_once_and_the_latest() {
        let untold = Untold::default();
        for revision in [7, 9, 8] {
            untold.add(of_host(revision));
        }
        assert_eq!(untold.take().await, of_host(9));
        assert!(untold.news().is_empty());
    }

    #[test]
    fn what_nobody_takes_does_not_grow_without_end() {
        let untold = Untold::default();
        let instances = |from: u128| (from..from + 7_000).map(|number| Uuid::from_u128(number).into());
        for from in [0, 5_000, 10_000] {
            untold.add(News { instances: instances(from).collect(), ..News::default() });
        }
        untold.add(News { journal: true, ..News::default() });
        let news = untold.news();
        assert_eq!((news.instances.len(), news.journal), (MOST_UNTOLD, true));
    }
}
