//! [`Tasks`]: what a store does by itself, its lanes first of all, so that the death of one does not go unnoticed.

use std::{
    future,
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
};

use futures_util::FutureExt;
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::error::{StoreError, panicked};

/// The tasks of a store, none of which may end before the store closes.
pub(crate) struct Tasks {
    running: Mutex<JoinSet<()>>,
    closing: CancellationToken,
    /// How the first one ended that did.
    death: watch::Sender<Option<StoreError>>,
}

impl Tasks {
    pub(crate) fn new(closing: CancellationToken) -> Self {
        Self { running: Mutex::default(), closing, death: watch::Sender::default() }
    }

    /// Starts a task, by a name such as `the lane that writes`.
    pub(crate) fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (closing, death) = (self.closing.clone(), self.death.clone());
        let watched = async move {
            let problem = match AssertUnwindSafe(task).catch_unwind().await {
                Ok(()) if closing.is_cancelled() => return,
                Ok(()) => "it ended by itself".to_owned(),
                Err(fault) => panicked(&*fault).to_string(),
            };
            let died = StoreError::Internal(format!("{name} has died: {problem}"));
            tracing::error!(error = %died, "the store does not work any more");
            death.send_if_modified(|first| first.is_none() && first.replace(died).is_none());
        };
        self.running.lock().unwrap_or_else(PoisonError::into_inner).spawn(watched);
    }

    /// Waits for one to end that should not have; for ever, when all is well. Cancel-safe.
    pub(crate) async fn death(&self) -> StoreError {
        let mut death = self.death.subscribe();
        loop {
            if let Some(died) = death.borrow_and_update().clone() {
                return died;
            }
            if death.changed().await.is_err() {
                return future::pending().await;
            }
        }
    }

    /// Waits for all to end, now that the store closes.
    pub(crate) async fn finish(&self) {
        let mut running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        while running.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_task_to_die_is_told_by_its_name_and_the_cause() {
        let closing = CancellationToken::new();
        let tasks = Tasks::new(closing.clone());
        tasks.spawn("the cook", async { panic!("no salt") });
        let died = tasks.death().await.to_string();
        assert!(died.contains("the cook has died") && died.contains("no salt"), "{died}");
        tasks.spawn("the guest", async {});
        tasks.finish().await;
        assert!(tasks.death().await.to_string().contains("the cook"));

        let tasks = Tasks::new(closing.clone());
        tasks.spawn("the guest", async {});
        assert!(tasks.death().await.to_string().contains("ended by itself"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_with_the_store_has_not_died() {
        let closing = CancellationToken::new();
        let tasks = Tasks::new(closing.clone());
        let until = closing.clone();
        tasks.spawn("the gardener", async move { until.cancelled().await });
        closing.cancel();
        tasks.finish().await;
        assert!(tokio::time::timeout(Duration::from_secs(1), tasks.death()).await.is_err());
    }
}
