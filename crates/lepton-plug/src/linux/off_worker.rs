//! [`OffWorker`]: a thing whose end may wait for the kernel, and is not waited for on a thread that serves others.

use tokio::{runtime::Handle, task};

/// Something that is dropped on a thread for blocking calls, whoever lets go of it, as the caller of a future does that it no
/// longer wants. Closing a tap that does not stay deletes it, which waits for the kernel's link lock and an RCU grace period.
pub(super) struct OffWorker<T: Send + 'static> {
    /// Always there, until it is dropped or taken out.
    thing: Option<T>,
}

impl<T: Send + 'static> OffWorker<T> {
    pub(super) fn new(thing: T) -> Self {
        Self { thing: Some(thing) }
    }

    /// The thing, for a thread that may wait.
    pub(super) fn into_inner(mut self) -> T {
        self.thing.take().expect("it is there until it is taken out")
    }

    /// Drops it, and waits until that is done.
    pub(super) async fn end(mut self) {
        let thing = self.thing.take();
        // A runtime that ends has dropped it.
        let _ = task::spawn_blocking(move || drop(thing)).await;
    }
}

impl<T: Send + 'static> Drop for OffWorker<T> {
    fn drop(&mut self) {
        let Some(thing) = self.thing.take() else { return };
        // Without a runtime there is nobody whose thread it could hold.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || drop(thing));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Sender, channel},
        thread::{self, ThreadId},
    };

    use super::*;

    /// Tells on which thread it is dropped.
    struct Tells(Sender<ThreadId>);

    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.send(thread::current().id()).unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_let_go_of_is_dropped_on_another_thread() {
        let (sender, dropped) = channel();
        drop(OffWorker::new(Tells(sender.clone())));
        let first = task::spawn_blocking(move || (dropped.recv().unwrap(), dropped)).await.unwrap();
        OffWorker::new(Tells(sender)).end().await;
        let (first, second) = (first.0, first.1.try_recv().expect("it has ended"));
        assert!(![first, second].contains(&thread::current().id()));
    }
}
