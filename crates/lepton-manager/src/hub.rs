//! [`Hub`]: wakes those who wait for something to happen in the ledger, here or at another manager of it. Every wake-up is only a hint
//! to look again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lepton_ledger::Change;
use lepton_store::{News, Observer};
use lepton_types::{HostId, InstanceId, Revision};
use tokio::sync::watch;

/// Who waits for what. Shared by the store, which tells it what was committed, and by those who wait.
#[derive(Debug, Default)]
pub struct Hub {
    waiting: Mutex<Waiting>,
    /// How often something was done that followers are told of.
    journal: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Waiting {
    hosts: HashMap<HostId, watch::Sender<HostNews>>,
    instances: HashMap<InstanceId, Arc<watch::Sender<u64>>>,
}

/// A host's revision, as far as is known without a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostNews {
    /// What was written here last.
    pub(crate) written: Revision,
    /// What another manager has said that it wrote: a reason to look, but nothing to rely on.
    pub(crate) heard: Revision,
}

/// Waits for changes of an instance's ports; stops being told when it is dropped.
#[derive(Debug)]
pub(crate) struct InstanceWatch {
    hub: Arc<Hub>,
    instance: InstanceId,
    /// Always there, until the watch ends.
    sender: Option<Arc<watch::Sender<u64>>>,
    changes: watch::Receiver<u64>,
}

impl Hub {
    /// Follows a host's revision.
    pub(crate) fn watch_host(&self, host: &HostId) -> watch::Receiver<HostNews> {
        self.waiting().hosts.entry(host.clone()).or_default().subscribe()
    }

    /// Follows the journal.
    pub(crate) fn watch_journal(&self) -> watch::Receiver<u64> {
        self.journal.subscribe()
    }

    /// Follows the ports of an instance.
    pub(crate) fn watch_instance(self: &Arc<Self>, instance: InstanceId) -> InstanceWatch {
        let sender = Arc::clone(self.waiting().instances.entry(instance).or_default());
        let changes = sender.subscribe();
        InstanceWatch { hub: Arc::clone(self), instance, sender: Some(sender), changes }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Hub {
    fn observe(&self, _: &[Change], news: &News) {
        self.tell(news, |known, revision| known.written = revision);
    }

    fn hear(&self, news: &News) {
        // Of two managers the slower one may tell of the earlier revision.
        self.tell(news, |known, revision| known.heard = revision.max(known.heard));
    }
}

impl Hub {
    fn tell(&self, news: &News, note: impl Fn(&mut HostNews, Revision)) {
        if news.journal {
            self.journal.send_modify(|count| *count += 1);
        }
        let mut waiting = self.waiting();
        for (host, revision) in &news.hosts {
            // Also when nobody follows it yet: who looked before this change and follows after it would wait for the next one.
            let sender = waiting.hosts.entry(host.clone()).or_default();
            sender.send_if_modified(|known| {
                let before = *known;
                note(known, *revision);
                *known != before
            });
        }
        for instance in &news.instances {
            if let Some(sender) = waiting.instances.get(instance) {
                sender.send_modify(|count| *count += 1);
            }
        }
    }
}

impl InstanceWatch {
    /// Waits for the next change, or for one that happened since the last call.
    pub(crate) async fn changed(&mut self) {
        // The sender lives as long as this watch does, so the channel cannot be closed.
        let _ = self.changes.changed().await;
    }
}

impl Drop for InstanceWatch {
    fn drop(&mut self) {
        let mut waiting = self.hub.waiting();
        // Given back under the lock, so that of two watches that end at once the second finds the map's alone.
        self.sender = None;
        if waiting.instances.get(&self.instance).is_some_and(|sender| Arc::strong_count(sender) == 1) {
            waiting.instances.remove(&self.instance);
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn host_at(revision: u64) -> News {
        News { hosts: [("a".parse().unwrap(), revision.into())].into(), ..News::default() }
    }

    #[test]
    fn a_host_hears_of_its_revision_and_only_of_its_own() {
        let hub = Hub::default();
        let mut own = hub.watch_host(&"a".parse().unwrap());
        let other = hub.watch_host(&"b".parse().unwrap());
        hub.observe(&[], &host_at(7));
        assert!(own.has_changed().unwrap() && !other.has_changed().unwrap());
        assert_eq!(own.borrow_and_update().written.number(), 7);
        hub.hear(&host_at(9));
        let known = *own.borrow_and_update();
        assert_eq!((known.written.number(), known.heard.number()), (7, 9));
        hub.hear(&host_at(9));
        assert!(!own.has_changed().unwrap());
    }

    #[test]
    fn a_revision_from_before_is_heard_of() {
        let hub = Hub::default();
        hub.observe(&[], &host_at(7));
        assert_eq!(hub.watch_host(&"a".parse().unwrap()).borrow().written.number(), 7);
    }

    #[test]
    fn nothing_is_kept_of_those_who_stopped_waiting() {
        let hub = Arc::new(Hub::default());
        let instance = Uuid::from_u128(1).into();
        let (first, second) = (hub.watch_instance(instance), hub.watch_instance(instance));
        drop(first);
        assert_eq!(hub.waiting().instances.len(), 1);
        drop(second);
        assert!(hub.waiting().instances.is_empty());
    }
}
