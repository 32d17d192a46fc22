//! Use cases that more than one role runs: everything between a handler or a job on one side and
//! rows and objects on the other. Each commits rows in one transaction; objects come first on the
//! way in and rows first on the way out.

mod access;
mod admin;
mod cancel;
mod change;
mod deletion;
mod draft;
mod form_upload;
mod fsck;
mod integrity;
mod publication;
mod retry;
mod room;
mod site;
mod sweep;
mod upload;

pub use access::{find_video, require};
pub use change::{Change, Changed, Outbox, VideoChanged};
pub use deletion::Purge;
pub use fsck::{Class, FsckFinding, FsckReport};
pub use integrity::Look;
pub use site::{SetupLink, hash_token};
pub use sweep::SWEEPER_LEASE;
pub use upload::{NewUploadRequest, Opened};
pub use virga_core::fail;

use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, futures::Notified};
use tokio_util::task::TaskTracker;
use virga_core::{Reloadable, SharedClock, SharedEntropy};
use virga_db::Db;
use virga_objects::{ObjectError, SharedSessions, SharedStore};

/// How long an upload that is left alone lives.
pub const UPLOAD_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Bounds that an operator sets.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Largest file, bytes.
    pub upload_max: u64,
    /// Bytes that one account may keep.
    pub quota_per_user: u64,
    /// How long one account's jobs may use the encoder within 24 hours; zero: without limit.
    pub encoder_time_per_user: Duration,
    /// Bytes of the disk that uploads leave free.
    pub keep_free: u64,
    /// How long a deleted video can be restored.
    pub undo_window: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            upload_max: 100 << 30,
            quota_per_user: 1 << 40,
            encoder_time_per_user: Duration::from_secs(24 * 3600),
            keep_free: 1 << 30,
            undo_window: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// Wakes those who would otherwise find out by polling. Only a shortcut: polling is the truth.
#[derive(Debug, Default)]
pub struct Notifiers {
    /// A job was enqueued.
    pub jobs: Notifier,
    /// The feed grew.
    pub changes: Notifier,
}

/// Notified after a commit: wakes tasks that wait in this process and, if something forwards it, in
/// others.
#[derive(Debug, Default)]
pub struct Notifier {
    here: Notify,
    away: Notify,
}

impl Notifier {
    /// After a commit in this process.
    pub fn notify(&self) {
        self.here.notify_waiters();
        self.away.notify_one();
    }

    /// It was notified in another process.
    pub fn notify_here(&self) {
        self.here.notify_waiters();
    }

    /// Waits for the next notification from any process.
    pub fn notified(&self) -> Notified<'_> {
        self.here.notified()
    }

    /// Waits for the next notification in this process, to forward it to others.
    pub fn notified_here(&self) -> Notified<'_> {
        self.away.notified()
    }
}

/// What use cases work with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// Rows.
    pub db: Db,
    /// Objects.
    pub store: SharedStore,
    /// Uploads in progress.
    pub sessions: SharedSessions,
    /// Time.
    pub clock: SharedClock,
    /// Randomness.
    pub entropy: SharedEntropy,
    /// Bounds.
    pub policy: Reloadable<Policy>,
    /// Shortcuts.
    pub wake: Arc<Notifiers>,
    /// Where changes are noted for readers that must miss none.
    pub outbox: Option<Arc<dyn Outbox>>,
    /// Work that continues after its caller has gone. A process waits for it before it exits.
    pub tasks: TaskTracker,
}

/// What is not in the store is `None`, not an error.
fn found<T>(looked: Result<T, ObjectError>) -> Result<Option<T>, ObjectError> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(ObjectError::NotFound(_) | ObjectError::NoSession(_)) => Ok(None),
        Err(other) => Err(other),
    }
}
