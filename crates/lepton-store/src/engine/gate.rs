//! [`Gate`]: where tests hold a batch up that is to be written, and see what is decided meanwhile.

use tokio::sync::watch;

use crate::{error::StoreError, failure::Failure};

/// Before it SQLite's batches are written, one after the other.
#[derive(Debug)]
pub(crate) struct Gate {
    open_to: watch::Sender<OpenTo>,
    come: watch::Sender<usize>,
    decided_ahead: watch::Sender<usize>,
}

/// How many may pass, of all that ever come, and which of them fails there.
#[derive(Clone, Copy, Debug)]
struct OpenTo {
    last: usize,
    failing: Option<usize>,
}

impl Default for Gate {
    fn default() -> Self {
        let (come, decided_ahead) = Default::default();
        let open_to = watch::Sender::new(OpenTo { last: usize::MAX, failing: None });
        Self { open_to, come, decided_ahead }
    }
}

impl Gate {
    /// Lets nobody pass from now on.
    pub(crate) fn close(&self) {
        self.open_to.send_replace(OpenTo { last: *self.come.borrow(), failing: None });
    }

    /// Lets the next one pass.
    pub(crate) fn let_one_pass(&self) {
        self.open_to.send_modify(|open_to| open_to.last += 1);
    }

    /// Lets everybody pass, but the next one, who fails there.
    pub(crate) fn let_one_fail(&self) {
        self.open_to.send_modify(|open_to| {
            *open_to = OpenTo { last: usize::MAX, failing: Some(open_to.last + 1) };
        });
    }

    /// Lets everybody pass.
    pub(crate) fn open(&self) {
        self.open_to.send_modify(|open_to| open_to.last = usize::MAX);
    }

    /// How many jobs, of all that ever were, were decided while another batch was written.
    pub(crate) fn count_decided_ahead(&self) -> usize {
        *self.decided_ahead.borrow()
    }

    /// Waits until they are so many.
    pub(crate) async fn decided_ahead(&self, jobs: usize) {
        let mut decided = self.decided_ahead.subscribe();
        decided.wait_for(|decided| *decided >= jobs).await.expect("the gate outlives whoever waits");
    }

    pub(crate) fn note_decided_ahead(&self, jobs: usize) {
        self.decided_ahead.send_modify(|decided| *decided += jobs);
    }

    pub(crate) async fn pass(&self) -> Result<(), Failure> {
        let mut number = 0;
        self.come.send_modify(|come| {
            *come += 1;
            number = *come;
        });
        let mut open_to = self.open_to.subscribe();
        let passing = open_to.wait_for(|open_to| number <= open_to.last).await;
        if passing.expect("the gate outlives whoever waits").failing == Some(number) {
            return Err(
                StoreError::Internal("a fault before the write, which this test expects".into()).into()
            );
        }
        Ok(())
    }
}
