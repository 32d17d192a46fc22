//! The unit of work. Whoever changes rows says what is read and written; the rest happens here: the
//! transaction is run again where the database undid it for another one's sake, the video's state is
//! derived, an outbox is written, and after the commit the change is published and those who wait for
//! it are woken.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::BoxFuture;
use virga_core::{
    Failure, Result, Timestamp, VideoId,
    job::Job,
    presentation::{own_picture, sound_name},
    wire::Effect,
};
use virga_db::{DbError, Stored, Tx, Undone, VideoRow, growing, jobs, retried, tracks, videos};

use crate::App;

/// A change to one video while it is being made. The video's row is locked. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct Change {
    /// The transaction.
    pub tx: Tx,
    /// When it happens.
    pub now: Timestamp,
    /// Whose rows it changes.
    pub video: VideoId,
    /// The video's row as it was; `None` where there is none.
    pub row: Option<VideoRow>,
    outbox: Option<Arc<dyn Outbox>>,
    /// Workers have something to do afterwards.
    work: AtomicBool,
}

impl Change {
    /// The video's row as it was.
    ///
    /// # Errors
    /// Where there is none.
    pub fn row(&self) -> Result<&VideoRow> {
        let row = self.row.as_ref();
        row.ok_or_else(|| Failure::not_found("video"))
    }

    /// Adds a job unless one of its kind is open, to run at `run_at`.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn enqueue(&self, job: &Job, run_at: Timestamp) -> Result<(), DbError> {
        // What is due later is found by the workers' own looks.
        self.work.fetch_or(run_at <= self.now, Ordering::Relaxed);
        jobs::enqueue(&self.tx, job, self.video, run_at, self.now).await
    }

    /// Makes a queued purge due now.
    pub(crate) async fn hurry_purge(&self) -> Result<(), DbError> {
        self.work.store(true, Ordering::Relaxed);
        jobs::hurry_purge(&self.tx, self.video, self.now).await
    }

    /// Withdraws the tracks that this job let grow and has not ended, and the source's own picture or sound where it
    /// was published with them: nobody makes the rest of them, and a film without an end must not play.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn withdraw_growing(&self, job: i64) -> Result<(), DbError> {
        let mut presented = false;
        for row in growing::of_video(&self.tx, self.video).await? {
            if row.job == job && row.ended_at.is_none() {
                presented |= row.is_presented();
                growing::remove(&self.tx, &row).await?;
            }
        }
        if presented {
            let own = [own_picture(job), sound_name(job)];
            tracks::remove_named(&self.tx, self.video, &own).await?;
            videos::raise_version(&self.tx, self.video, Effect::Restrict, self.now).await?;
        }
        Ok(())
    }

    /// Derives the video's state, writes the outbox, and stores all of it or nothing.
    ///
    /// # Errors
    /// Where the database fails or the outbox refuses.
    pub async fn store<T>(self, value: T) -> Result<Changed<T>, DbError> {
        let (before, tx) = (self.row, self.tx);
        let after = videos::recompute_state(&tx, self.video, self.now).await?;
        if let Some(outbox) = &self.outbox
            && before != after
        {
            let changed = VideoChanged {
                at: self.now,
                before: before.as_ref(),
                after: after.as_ref(),
            };
            outbox.write(&tx, changed).await?;
        }
        Ok(Changed {
            publish: version(after.as_ref()) > version(before.as_ref()),
            work: self.work.into_inner(),
            stored: tx.store(value).await?,
        })
    }

    /// Leaves everything as it was.
    pub fn leave<T>(self, value: T) -> Changed<T> {
        Changed {
            publish: false,
            work: false,
            stored: self.tx.leave(value),
        }
    }
}

/// The version of what plays and who may see it.
fn version(row: Option<&VideoRow>) -> i64 {
    row.map_or(0, |row| row.presentation_version)
}

/// What a [`Change`] ended with. Only its end makes one, so that no change is begun and forgotten.
#[derive(Debug)]
pub struct Changed<T> {
    stored: Stored<T>,
    /// What plays, or who may see it, is another now.
    publish: bool,
    work: bool,
}

/// A change of a video's row, about to be stored.
#[derive(Clone, Copy, Debug)]
pub struct VideoChanged<'a> {
    /// When.
    pub at: Timestamp,
    /// The row as it was; `None` where the video is new.
    pub before: Option<&'a VideoRow>,
    /// The row as it will be; `None` where the video is removed.
    pub after: Option<&'a VideoRow>,
}

/// Notes changes for readers that must miss none: webhooks, a search index, an audit log.
pub trait Outbox: Debug + Send + Sync {
    /// Writes in the transaction that makes the change, so that the note is stored with it or not at
    /// all. An error undoes the change.
    fn write<'a>(
        &'a self,
        tx: &'a Tx,
        change: VideoChanged<'a>,
    ) -> BoxFuture<'a, Result<(), DbError>>;
}

impl App {
    /// Runs one transaction, again where the database undid it, and wakes the feed's readers. What `work`
    /// does outside of the transaction may happen more than once.
    ///
    /// # Errors
    /// Those of `work`, after which nothing is stored.
    pub async fn transaction<T, E, F>(&self, work: impl Fn(Tx) -> F + Send + Sync) -> Result<T, E>
    where
        T: Send,
        F: Future<Output = Result<Stored<T>, E>> + Send,
        E: From<DbError> + Undone + Send,
    {
        let stored = retried(|| async { work(self.db.begin().await?).await }).await?;
        if stored.changed {
            self.wake.changes.notify();
        }
        Ok(stored.value)
    }

    /// Changes one video and publishes what players must know. `work` runs as in
    /// [`transaction`](Self::transaction), with the video's row locked before its first statement.
    ///
    /// # Errors
    /// Those of `work`, after which nothing is stored. If only publishing fails, the change is stored,
    /// and the sweeper publishes it.
    pub async fn change<T, F>(
        &self,
        video: VideoId,
        work: impl Fn(Change) -> F + Send + Sync,
    ) -> Result<T>
    where
        T: Send,
        F: Future<Output = Result<Changed<T>>> + Send,
    {
        let (value, publish) = self.change_rows(video, work).await?;
        if publish {
            self.publish(video).await?;
        }
        Ok(value)
    }

    /// The same without publishing; whether that is to be done.
    ///
    /// # Errors
    /// Those of `work`, after which nothing is stored.
    pub async fn change_rows<T, E, F>(
        &self,
        video: VideoId,
        work: impl Fn(Change) -> F + Send + Sync,
    ) -> Result<(T, bool), E>
    where
        T: Send,
        F: Future<Output = Result<Changed<T>, E>> + Send,
        E: From<DbError> + Undone + Send,
    {
        // On the heap: what a change awaits is part of many other futures.
        let once = || Box::pin(async { work(self.begin(video).await?).await });
        let changed = retried(once).await?;
        if changed.work {
            self.wake.jobs.notify();
        }
        if changed.stored.changed {
            self.wake.changes.notify();
        }
        Ok((changed.stored.value, changed.publish))
    }

    async fn begin(&self, video: VideoId) -> Result<Change, DbError> {
        let tx = self.db.begin().await?;
        Ok(Change {
            row: videos::lock(&tx, video).await?,
            tx,
            now: self.clock.now(),
            video,
            outbox: self.outbox.clone(),
            work: AtomicBool::new(false),
        })
    }
}
