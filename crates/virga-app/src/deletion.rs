//! Deleting a video: the row says so first, the presentation is withdrawn, an undo window passes,
//! then the purge removes every object under `v/{video}/` and closes the record last.

use virga_core::{
    Failure, Kind, MediaKey, Result, Timestamp, VideoId,
    job::{Job, LEASE},
    upload::UploadState,
};
use virga_db::{DbError, JobRow, UploadRow, VideoRow, jobs, retried, uploads, videos};

use crate::{App, fail};

/// How far a purge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Objects are gone; look again once every lease has ended.
    LookAgain,
    /// All is gone, rows included.
    Closed,
}

impl App {
    /// Deletes a video; `forever` skips the undo window. Answers the row as it is then.
    pub async fn delete_video(&self, row: &VideoRow, forever: bool) -> Result<VideoRow> {
        let now = self.clock.now();
        let purge_at = if forever {
            now
        } else {
            now.plus(self.policy.get().undo_window)
        };
        retried(|| async {
            let tx = self.db.begin().await?;
            // The row is taken by the first statement, before the jobs'.
            let fresh = videos::mark_deleted(&tx, row.id, now, purge_at).await?;
            if fresh {
                jobs::enqueue(&tx, &Job::Purge { swept: false }, row.id, purge_at, now).await?;
                videos::settle(&tx, row.id, now).await?;
            } else if forever {
                videos::set_purge_at(&tx, row.id, now).await?;
                jobs::hurry_purge(&tx, row.id, now).await?;
            }
            Ok::<_, DbError>(tx.commit().await?)
        })
        .await?;
        self.wake_all();
        self.publish(row.id).await?;
        crate::find_video(self, row.id).await
    }

    /// Takes a deletion back while its window is open.
    pub async fn restore_video(&self, id: VideoId) -> Result<VideoRow> {
        let now = self.clock.now();
        retried(|| async {
            let tx = self.db.begin().await?;
            if !videos::restore(&tx, id, now).await? {
                let detail = "This video is not deleted, or the time to restore it is over.";
                return Err(Failure::new(Kind::Conflict, "video.not-restorable", detail));
            }
            jobs::cancel_purge(&tx, id).await?;
            videos::settle(&tx, id, now).await?;
            Ok(tx.commit().await.map_err(DbError::from)?)
        })
        .await?;
        self.wake_all();
        self.publish(id).await?;
        crate::find_video(self, id).await
    }

    /// One step of a purge job. The second comes a lease length after the first, so that a worker
    /// that lost its job cannot leave an object behind.
    pub async fn purge(&self, job: &JobRow) -> Result<Purge> {
        let id = job.video;
        if !self.fence(id).await? {
            // It was restored: the purge has nothing to do.
            jobs::finish(self.db.write(), job, self.clock.now()).await?;
            return Ok(Purge::Closed);
        }
        fail::point("purge.fenced");
        self.store.delete_prefix(&MediaKey::prefix(id)).await?;
        fail::point("purge.swept");
        if job.job == (Job::Purge { swept: true }) {
            self.close_purge(job).await?;
            return Ok(Purge::Closed);
        }
        jobs::set_payload(self.db.write(), job, &Job::Purge { swept: true }).await?;
        let again = self.clock.now().plus(LEASE);
        jobs::requeue(self.db.write(), job, None, again, false).await?;
        Ok(Purge::LookAgain)
    }

    /// Stops everything that writes for a video; `false`: the video is not to be purged.
    async fn fence(&self, id: VideoId) -> Result<bool> {
        let rows = retried(|| self.fence_rows(id)).await?;
        for row in rows.iter().flatten() {
            self.sessions.abort(row.id).await?;
        }
        Ok(rows.is_some())
    }

    async fn fence_rows(&self, id: VideoId) -> Result<Option<Vec<UploadRow>>, DbError> {
        let now = self.clock.now();
        let tx = self.db.begin().await?;
        // Locked, so that a restore comes before or after; and ended for good, so that one whose
        // clock is behind does not bring back what is being removed.
        let row = videos::lock(&tx, id).await?;
        if row.is_some_and(|row| row.purge_at.is_none_or(|at| at > now)) {
            return Ok(None);
        }
        videos::set_purge_at(&tx, id, Timestamp(0)).await?;
        jobs::fence_video(&tx, id, now).await?;
        let rows = uploads::of_video(&tx, id).await?;
        for row in &rows {
            for from in [
                UploadState::Created,
                UploadState::Uploading,
                UploadState::Completing,
            ] {
                uploads::advance(&tx, row.id, from, UploadState::Expired, None).await?;
            }
        }
        tx.commit().await?;
        Ok(Some(rows))
    }

    async fn close_purge(&self, job: &JobRow) -> Result<(), DbError> {
        retried(|| async {
            let tx = self.db.begin().await?;
            videos::lock(&tx, job.video).await?;
            if jobs::finish(&tx, job, self.clock.now()).await? {
                videos::remove(&tx, job.video).await?;
                tx.commit().await?;
            }
            Ok(())
        })
        .await
    }
}
