//! [`EventWatch`]: follows the journal for one reader.
//!
//! It holds a revision and no events: what comes next is read when the reader takes it, so a slow reader costs nothing but
//! its own patience, and one that is gone leaves nothing behind. All who read behind the same revision are answered by one
//! statement.

use std::time::Duration;

use lepton_ledger::{EventPage, EventStart, ReadEvents};
use lepton_store::{StoreError, SubmitError};
use tokio::{
    sync::watch,
    time::{self, Instant},
};

use crate::manager::{Manager, ManagerError};

/// How long a reader hears nothing at most.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long one reader follows; then it must call anew, and prove anew who it is.
const LONGEST: Duration = Duration::from_hours(1);

/// When a connection has lasted long enough: the transport leaves it in the extensions of the connection's requests, and none where a
/// connection may last for ever. Calls come to their ends by themselves; a watch, which does not, ends then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionEnd(pub Instant);

/// Follows the journal for one reader.
#[derive(Debug)]
pub(crate) struct EventWatch {
    manager: Manager,
    read: ReadEvents,
    /// What the first look found, which the reader has not got yet.
    first: Option<EventPage>,
    has_more: bool,
    news: watch::Receiver<u64>,
    silent_until: Instant,
    ends: Instant,
}

impl EventWatch {
    /// Looks where the reader wants to begin, and follows no longer than its connection may last.
    ///
    /// # Errors
    ///
    /// The refusal of a revision that cannot be read behind, and what keeps the store from answering.
    pub(crate) async fn start(
        manager: Manager,
        read: ReadEvents,
        connection: Option<ConnectionEnd>,
    ) -> Result<Self, ManagerError> {
        // Before the first look, lest what happens behind it be missed.
        let news = manager.hub().watch_journal();
        let first = Some(manager.ask(read.clone()).await?);
        let now = Instant::now();
        let (silent_until, longest) = (now + HEARTBEAT, now + LONGEST);
        let ends = connection.map_or(longest, |ConnectionEnd(end)| end.min(longest));
        Ok(Self { manager, read, first, has_more: false, news, silent_until, ends })
    }

    /// What happens next: what the reader wants of it, or nothing but how far the journal is. None: the watch is over.
    ///
    /// # Errors
    ///
    /// [`StoreError::Closed`] when the server stops, and as [`EventWatch::start`].
    pub(crate) async fn next(&mut self) -> Result<Option<EventPage>, ManagerError> {
        if let Some(page) = self.first.take() {
            return Ok(Some(self.told(page)));
        }
        loop {
            if !self.has_more {
                self.wait().await;
            }
            if self.manager.watching_ends().is_cancelled() {
                return Err(SubmitError::from(StoreError::Closed).into());
            }
            if Instant::now() >= self.ends {
                return Ok(None);
            }
            self.news.mark_unchanged();
            let Some(page) = self.look().await? else { continue };
            if !page.events.is_empty() || Instant::now() >= self.silent_until {
                return Ok(Some(self.told(page)));
            }
            self.note(&page);
        }
    }

    /// Looks what has happened; none if so many ask that it must look again, for which it has waited.
    async fn look(&mut self) -> Result<Option<EventPage>, ManagerError> {
        match self.manager.ask(self.read.clone()).await {
            Err(ManagerError::Submit(SubmitError::Store(StoreError::QueueFull { retry_after, .. }))) => {
                self.has_more = true; // what it was woken for is still unread
                let ends = self.manager.watching_ends();
                tokio::select! {
                    biased;
                    () = time::sleep(retry_after) => {}
                    () = ends.cancelled() => {}
                }
                Ok(None)
            }
            looked => looked.map(Some),
        }
    }

    /// Waits until something may have happened. Another manager's doings are heard of at once, or else within a second.
    async fn wait(&mut self) {
        let ends = self.manager.watching_ends();
        tokio::select! {
            biased;
            // The hub lives as long as this watch's manager does, so the channel cannot be closed.
            _ = self.news.changed() => {} // cancel-safe
            () = self.manager.others_may_have_written() => {}
            () = time::sleep_until(self.silent_until.min(self.ends)) => {}
            () = ends.cancelled() => {}
        }
    }

    fn told(&mut self, page: EventPage) -> EventPage {
        self.silent_until = Instant::now() + HEARTBEAT;
        self.note(&page);
        page
    }

    fn note(&mut self, page: &EventPage) {
        self.read.start = EventStart::After(page.through);
        self.has_more = page.has_more;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future;
    use lepton_ledger::EventFilter;
    use lepton_store::{Database, StoreConfig};

    use super::*;
    use crate::Settings;

    fn read() -> ReadEvents {
        ReadEvents { start: EventStart::After(0), limit: 10, filter: EventFilter::default() }
    }

    async fn manager(queue_limit: usize) -> Manager {
        let config = StoreConfig { queue_limit, ..StoreConfig::new(Database::Memory) };
        Manager::open(&config, Settings::default()).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_lasts_an_hour_and_no_longer_than_its_connection() {
        let (manager, hour) = (manager(16).await, Duration::from_hours(1));
        for (connection, lasts) in [
            (None, hour),
            (Some(hour * 2), hour),
            (Some(Duration::from_secs(100)), Duration::from_secs(100)),
            (Some(Duration::ZERO), Duration::ZERO),
        ] {
            let begun = Instant::now();
            let end = connection.map(|lasts| ConnectionEnd(begun + lasts));
            let mut watch = EventWatch::start(manager.clone(), read(), end).await.unwrap();
            assert!(watch.next().await.unwrap().is_some(), "it says where it begins");
            while watch.next().await.unwrap().is_some() {}
            assert_eq!(begun.elapsed(), lasts);
        }
    }

    #[tokio::test]
    async fn a_watch_looks_again_when_too_many_ask() {
        let (manager, read) = (manager(1).await, read());
        let mut watch = EventWatch::start(manager.clone(), read.clone(), None).await.unwrap();
        watch.next().await.unwrap();
        // Whatever the next look finds is told.
        (watch.has_more, watch.silent_until) = (true, Instant::now());
        // More than the readers' queues have room for, however many readers there are.
        let others = future::join_all((0..16).map(|_| manager.ask(read.clone())));
        let (others, told) = tokio::join!(biased; others, watch.next());
        let refused = others.last().unwrap().as_ref().unwrap_err();
        assert!(refused.to_string().starts_with("1 requests wait already"), "no queue is full: {refused}");
        assert!(told.unwrap().is_some());
    }
}
