//! [`Tasks`]: what a daemon does beside serving, by name, so that the end of one does not go unnoticed.

use std::{
    collections::HashMap,
    error::Error,
    future::{self, Future},
};

use tokio::task::{Id, JoinError, JoinSet};

/// The tasks of a daemon, none of which may end before it is told to; `E` is why one could not go on.
#[derive(Debug)]
pub(crate) struct Tasks<E> {
    running: JoinSet<Result<(), E>>,
    names: HashMap<Id, &'static str>,
}

/// A task that ended before it was told to.
#[derive(Debug, thiserror::Error)]
#[error("{name} ended by itself, without which nothing here would be kept right")]
pub struct TaskEnded {
    name: &'static str,
    /// Its panic, unless it just returned.
    source: Option<JoinError>,
}

impl<E: Error + From<TaskEnded> + Send + 'static> Tasks<E> {
    pub(crate) fn new() -> Self {
        Self { running: JoinSet::new(), names: HashMap::new() }
    }

    /// Starts a task, by a name such as `the agent`.
    pub(crate) fn spawn(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let id = self.running.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits for the first task to end, and tells why it did. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> E {
        match self.running.join_next_with_id().await {
            Some(Ok((_, Err(error)))) => error,
            Some(Ok((id, Ok(())))) => TaskEnded { name: self.name(id), source: None }.into(),
            Some(Err(error)) => TaskEnded { name: self.name(error.id()), source: Some(error) }.into(),
            None => future::pending().await,
        }
    }

    /// Waits for all tasks, which have been told to end.
    pub(crate) async fn finish(&mut self) {
        while let Some(ended) = self.running.join_next_with_id().await {
            match ended {
                Ok((_, Ok(()))) => {}
                Ok((id, Err(error))) => {
                    tracing::error!(task = self.name(id), %error, "a task did not end well")
                }
                Err(error) => {
                    tracing::error!(task = self.name(error.id()), %error, "a task did not end well")
                }
            }
        }
    }

    fn name(&self, id: Id) -> &'static str {
        self.names.get(&id).copied().expect("every task is spawned under a name")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Why {
        #[error(transparent)]
        Ended(#[from] TaskEnded),
        #[error("the guests are gone")]
        NoGuests,
    }

    #[tokio::test]
    async fn a_task_that_ends_is_told_by_its_name_and_the_cause() {
        let mut tasks = Tasks::new();
        tasks.spawn("the gardener", future::pending());
        tasks.spawn("the cook", async { panic!("no salt") });
        let Why::Ended(ended) = tasks.ended().await else { panic!("it panicked") };
        assert_eq!(ended.name, "the cook");
        assert!(ended.source.unwrap().to_string().contains("no salt"));

        tasks.spawn("the guest", async { Ok(()) });
        let Why::Ended(ended) = tasks.ended().await else { panic!("it returned") };
        assert!(ended.to_string().contains("the guest") && ended.source.is_none(), "{ended}");

        tasks.spawn("the waiter", async { Err(Why::NoGuests) });
        let ended = tasks.ended().await;
        assert!(matches!(ended, Why::NoGuests), "{ended}");
    }
}
