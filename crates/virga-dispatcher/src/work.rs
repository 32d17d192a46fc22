//! What a job is handed: its row, the dispatcher's parts, and its lease.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI32, Ordering},
};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use virga_app::App;
use virga_core::{Code, InvalidKey, KeyPrefix, MediaKey, VideoId, digest::Digest};
use virga_db::{JobRow, VideoRow, videos};
use virga_objects::ObjectWriter;

use crate::{
    Dispatcher, DispatcherConfig,
    digests::{Digests, hashing},
    job_result::JobError,
};

/// Lines of an encoder that failed that administrators read.
const LOG_LINES: usize = 20;

/// A worker's hold on a job.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    /// Cancelled when the job must end now.
    pub(crate) halt: CancellationToken,
    /// Thousandths done.
    progress: AtomicI32,
    /// Digests of what it wrote.
    pub(crate) digests: Digests,
    /// The last lines of an encoder that failed.
    encoder_log: Mutex<String>,
}

impl Lease {
    pub(crate) fn progress(&self) -> i32 {
        self.progress.load(Ordering::Relaxed)
    }

    /// Keeps the last lines that an encoder wrote; those of the next that fails take their place.
    pub(crate) fn keep_log(&self, said: &str) {
        let lines: Vec<&str> = said.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        *self
            .encoder_log
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = last;
    }

    /// What was kept.
    pub(crate) fn encoder_log(&self) -> String {
        let kept = self.encoder_log.lock();
        kept.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn report(&self, permille: i32) {
        self.progress
            .store(permille.clamp(0, 1000), Ordering::Relaxed);
    }
}

/// One try of one job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work<'a> {
    pub(crate) dispatcher: &'a Dispatcher,
    pub(crate) job: &'a JobRow,
    pub(crate) lease: &'a Lease,
}

impl<'a> Work<'a> {
    pub(crate) fn app(&self) -> &'a App {
        &self.dispatcher.app
    }

    pub(crate) fn config(&self) -> &'a DispatcherConfig {
        &self.dispatcher.config
    }

    pub(crate) fn video(&self) -> VideoId {
        self.job.video
    }

    /// The number in object keys and scratch names. The fence, not the count of tries: a try that
    /// is given back does not count, and its successor must not meet its objects.
    pub(crate) fn attempt(&self) -> i32 {
        attempt(self.job)
    }

    /// Ends the job here if it must end.
    pub(crate) fn check(&self) -> Result<(), JobError> {
        if self.lease.halt.is_cancelled() {
            Err(JobError::Interrupted)
        } else {
            Ok(())
        }
    }

    /// The video's row.
    pub(crate) async fn row(&self) -> Result<VideoRow, JobError> {
        videos::find(self.app().db.read(), self.video())
            .await?
            .ok_or(JobError::VideoGone)
    }

    /// The source's key.
    pub(crate) fn source(row: &VideoRow) -> Result<MediaKey, JobError> {
        row.source_key
            .clone()
            .ok_or_else(|| JobError::fail(Code::Internal, "This video has no file."))
    }

    /// Writes a small object.
    pub(crate) async fn put(&self, key: &MediaKey, bytes: Bytes) -> Result<(), JobError> {
        let digest = Digest::of(&bytes);
        self.app().store.put(key, bytes).await?;
        self.lease.digests.note(key, digest);
        Ok(())
    }

    /// Opens an object for writing.
    pub(crate) async fn writer(&self, key: &MediaKey) -> Result<Box<dyn ObjectWriter>, JobError> {
        let inner = self.app().store.writer(key).await?;
        Ok(hashing(inner, key, &self.lease.digests))
    }

    pub(crate) fn table_key(&self, track: &str) -> Result<MediaKey, InvalidKey> {
        MediaKey::table(self.video(), self.job.id, self.attempt(), track)
    }

    pub(crate) fn samples_key(&self, track: &str) -> Result<MediaKey, InvalidKey> {
        MediaKey::samples(self.video(), self.job.id, self.attempt(), track)
    }

    pub(crate) fn track_key(&self, track: &str) -> Result<MediaKey, InvalidKey> {
        MediaKey::track(self.video(), self.job.id, self.attempt(), track)
    }
}

/// The number in keys of what the latest try of a job wrote.
pub(crate) fn attempt(job: &JobRow) -> i32 {
    i32::try_from(job.fence).unwrap_or(i32::MAX)
}

/// Everything that the latest try of a job wrote.
pub(crate) fn prefix(job: &JobRow) -> KeyPrefix {
    MediaKey::attempt_prefix(job.video, job.id, attempt(job))
}

/// What the tries before this one may have left when their worker died: each claim clears what
/// was not cleared yet, so a few suffice.
pub(crate) fn earlier_prefixes(job: &JobRow) -> impl Iterator<Item = KeyPrefix> {
    const LOOK_BACK: i32 = 16;
    let this = attempt(job);
    let (video, id) = (job.video, job.id);
    (1.max(this.saturating_sub(LOOK_BACK))..this)
        .map(move |earlier| MediaKey::attempt_prefix(video, id, earlier))
}
