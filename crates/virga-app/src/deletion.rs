//! Deleting a video: the row says so first, the presentation is withdrawn, an undo window passes,
//! then the purge removes every object under `v/{video}/` and closes the record last.

use virga_core::{
    Code, Failure, MediaKey, Result, Timestamp, VideoId,
    job::{Job, LEASE},
    reason::Reason,
    upload::UploadState,
};
use virga_db::{JobRow, UploadRow, VideoRow, jobs, uploads, videos};

use crate::{App, Change, Changed, fail};

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
        self.change(row.id, |change| async move {
            let (tx, now) = (&change.tx, change.now);
            let window = self.policy.get().undo_window;
            let purge_at = if forever { now } else { now.plus(window) };
            if videos::mark_deleted(tx, row.id, now, purge_at).await? {
                change
                    .enqueue(&Job::Purge { swept: false }, purge_at)
                    .await?;
            } else if forever {
                videos::set_purge_at(tx, row.id, now).await?;
                change.hurry_purge().await?;
            }
            Ok(change.store(()).await?)
        })
        .await?;
        crate::find_video(self, row.id).await
    }

    /// Takes a deletion back while its window is open.
    pub async fn restore_video(&self, id: VideoId) -> Result<VideoRow> {
        self.change(id, |change| async move {
            if !videos::restore(&change.tx, id, change.now).await? {
                let detail = "This video is not deleted, or the time to restore it is over.";
                return Err(Failure::new(Code::VideoNotRestorable, detail));
            }
            jobs::cancel_purge(&change.tx, id).await?;
            Ok(change.store(()).await?)
        })
        .await?;
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
        let rows = self.change(id, |change| self.fence_in(change)).await?;
        for row in rows.iter().flatten() {
            self.sessions.abort(row.id).await?;
        }
        Ok(rows.is_some())
    }

    async fn fence_in(&self, change: Change) -> Result<Changed<Option<Vec<UploadRow>>>> {
        let (tx, id, now) = (&change.tx, change.video, change.now);
        // Locked, so that a restore comes before or after; and ended for good, so that one whose
        // clock is behind does not bring back what is being removed.
        let row = change.row.as_ref();
        if row.is_some_and(|row| row.purge_at.is_none_or(|at| at > now)) {
            return Ok(change.leave(None));
        }
        videos::set_purge_at(tx, id, Timestamp(0)).await?;
        let why = Reason::new(Code::Cancelled, "The video was deleted.");
        jobs::fence_video(tx, id, &why, now).await?;
        let rows = uploads::of_video(tx, id).await?;
        for row in &rows {
            for from in [
                UploadState::Created,
                UploadState::Uploading,
                UploadState::Completing,
            ] {
                uploads::advance(tx, row.id, from, UploadState::Expired, None).await?;
            }
        }
        Ok(change.store(Some(rows)).await?)
    }

    async fn close_purge(&self, job: &JobRow) -> Result<()> {
        self.change(job.video, |change| async move {
            if jobs::finish(&change.tx, job, change.now).await? {
                videos::remove(&change.tx, job.video).await?;
            }
            Ok(change.store(()).await?)
        })
        .await
    }
}
