//! Copies SQLite's log into its file beside the lane that writes, so that hardly any commit waits for it.
//!
//! Left to itself SQLite copies in the commit that finds the log long, and the callers of two batches wait for thousands of
//! pages and an fsync. A connection of its own may copy while others write. But a log begins anew only when whoever writes
//! next finds all of it copied, and under load something has always been committed meanwhile. So the copying goes on until
//! little is left, and that little is copied between two batches:
//!
//! ```text
//! commit ─▶ grown ─▶ long enough? ─▶ copy, copy what came meanwhile, … ─▶ nearly copied ─▶ next batch: copy the rest,
//!                                                                                          begin the log anew
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    connect::{Access, Connection},
    engine::Engine,
};

/// Only looks at the log.
const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";

/// Copies what is committed and no reader's snapshot keeps back, and syncs the file. Waits for nobody: where another
/// connection copies at the moment, the log is left to that one.
const COPY: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// When the log is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copying {
    /// How long the log grows before it is copied, in pages of 4 KiB. A page that many batches change is copied once, and
    /// commits wait behind the fsync of what is copied: the longer, the seldomer.
    pub long: u32,
    /// After how long without a commit the whole log is copied, however short it is: the file alone is then the ledger.
    pub idle: Duration,
}

impl Copying {
    /// The usual way.
    pub const DEFAULT: Self = Self { long: 65_536, idle: Duration::from_secs(1) };

    /// How long the log may become before a commit copies it after all, in pages: nobody else seems to.
    pub(crate) fn too_long(self) -> i64 {
        4 * i64::from(self.long)
    }

    /// The size to which a log is cut that became longer than it should and begins anew, in bytes.
    pub(crate) fn size_limit(self) -> i64 {
        i64::from(self.long) * FRAME
    }
}

/// A page of the log with what SQLite writes before it, in bytes.
const FRAME: i64 = 4096 + 24;

/// So few pages are copied between two batches without anybody's noticing.
const FEW: i64 = 128;

/// What part of the room on its disk the log may become: a fourth. The file grows by as much at most, and the log goes on growing
/// meanwhile.
const PARTS: i64 = 4;

/// Most times that the log is copied in a row. Each copies what was logged during the one before, which is less.
const MOST_TIMES: usize = 8;

/// Pause before the log is looked at again.
const PAUSE: Duration = Duration::from_millis(20);

/// Pause after a failure: a disk that is full stays so for a while.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What the lane that writes and the checkpointer tell each other of the log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    grown: Notify,
    is_nearly_copied: AtomicBool,
}

impl Log {
    /// Tells that something was committed.
    pub(crate) fn note_commit(&self) {
        self.grown.notify_one();
    }

    /// Tells that little of the log is left.
    pub(crate) fn note_nearly_copied(&self) {
        self.is_nearly_copied.store(true, Ordering::Relaxed);
    }

    /// Copies the rest of the log when little of it is left. Called between two batches, by whoever writes the next.
    pub(crate) async fn finish(&self, connection: &mut Connection) {
        let Connection::Sqlite(connection) = connection else { return };
        if self.is_nearly_copied.swap(false, Ordering::Relaxed)
            && let Err(error) = checkpoint(connection, COPY).await
        {
            tracing::debug!(%error, "the rest of SQLite's log was not copied; it is tried again");
        }
    }
}

/// Pages in the log, and how many of them are in the file as well.
#[derive(Clone, Copy, Debug)]
struct Pages {
    logged: i64,
    copied: i64,
}

impl Pages {
    fn left(self) -> i64 {
        self.logged - self.copied
    }
}

/// The task that copies one database's log.
pub(crate) struct Checkpointer {
    pub(crate) engine: Arc<Engine>,
    pub(crate) closing: CancellationToken,
    pub(crate) copying: Copying,
}

/// Why the log is looked at.
#[derive(Clone, Copy, Debug)]
enum Occasion {
    Commit,
    Idle,
}

impl Checkpointer {
    /// Copies until the store closes.
    pub(crate) async fn run(self) {
        let mut connection = None;
        // Of the one before, if that was killed.
        let mut is_behind = true;
        while let Some(occasion) = self.wait(is_behind).await {
            let copied = match occasion {
                Occasion::Commit => self.copy_if_long(&mut connection).await.map(|()| true),
                Occasion::Idle => self.copy_all(&mut connection).await,
            };
            is_behind = *copied.as_ref().unwrap_or(&true);
            let pause = match copied {
                Ok(_) => PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "SQLite's log was not copied into its file; it is tried again");
                    connection = None;
                    PAUSE_AFTER_FAILURE
                }
            };
            // The close waits for nobody.
            let _ = tokio::time::timeout(pause, self.closing.cancelled()).await;
        }
        if let Some(connection) = connection {
            // Unheard, the goodbye does no harm.
            let _ = SqliteConnection::close(connection).await;
        }
    }

    /// None when the store closes.
    async fn wait(&self, is_behind: bool) -> Option<Occasion> {
        tokio::select! {
            biased;
            () = self.closing.cancelled() => None,
            () = self.engine.log().grown.notified() => Some(Occasion::Commit), // cancel-safe
            () = tokio::time::sleep(self.copying.idle), if is_behind => Some(Occasion::Idle),
        }
    }

    /// Copies what no reader keeps back; answers whether some is left.
    async fn copy_all(&self, connection: &mut Option<SqliteConnection>) -> Result<bool, sqlx::Error> {
        let Some(connection) = self.connected(connection).await? else { return Ok(false) };
        Ok(checkpoint(connection, COPY).await?.left() > 0)
    }

    /// How long the log grows before it is copied here, in pages: on a small disk a part of the room that is left, since a log that
    /// has taken all of it cannot be copied any more.
    fn long(&self) -> i64 {
        let long = i64::from(self.copying.long);
        let Some(bytes) = self.engine.connections().room() else { return long };
        let part = i64::try_from(bytes).unwrap_or(i64::MAX) / FRAME / PARTS;
        long.min(part.max(FEW))
    }

    /// Copies a log that is long enough until little of it is left.
    async fn copy_if_long(&self, connection: &mut Option<SqliteConnection>) -> Result<(), sqlx::Error> {
        let Some(connection) = self.connected(connection).await? else { return Ok(()) };
        let mut pages = checkpoint(connection, LOOK).await?;
        if pages.logged < self.long() {
            return Ok(());
        }
        for _ in 0..MOST_TIMES {
            if pages.left() <= FEW {
                break;
            }
            let copied = pages.copied;
            pages = checkpoint(connection, COPY).await?;
            // A reader still needs what is next; the writer could not copy it either.
            if pages.copied <= copied && pages.left() > FEW {
                return Ok(());
            }
        }
        self.engine.log().note_nearly_copied();
        Ok(())
    }

    /// A connection for the checkpointer alone; none where there is no such log.
    async fn connected<'c>(
        &self,
        connection: &'c mut Option<SqliteConnection>,
    ) -> Result<Option<&'c mut SqliteConnection>, sqlx::Error> {
        if connection.is_none()
            && let Connection::Sqlite(fresh) = self.engine.connections().connect(Access::Write).await?
        {
            *connection = Some(fresh);
        }
        Ok(connection.as_mut())
    }
}

async fn checkpoint(connection: &mut SqliteConnection, sql: &'static str) -> Result<Pages, sqlx::Error> {
    let (_is_busy, logged, copied): (i64, i64, i64) = sqlx::query_as(sql).fetch_one(connection).await?;
    Ok(Pages { logged, copied })
}
