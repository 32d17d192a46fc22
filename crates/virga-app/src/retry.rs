//! Trying again what failed: the owner's button.

use virga_core::{
    Failure, Kind, Result, VideoId,
    job::{JobKind, JobState},
};
use virga_db::{DbError, VideoRow, jobs, retried, videos};

use crate::App;

impl App {
    /// Enqueues anew every kind of job whose latest run failed.
    pub async fn retry_video(&self, id: VideoId) -> Result<VideoRow> {
        retried(|| self.retry_once(id)).await?;
        self.wake_all();
        crate::find_video(self, id).await
    }

    async fn retry_once(&self, id: VideoId) -> Result<()> {
        let now = self.clock.now();
        let tx = self.db.begin().await?;
        videos::lock(&tx, id).await?;
        let rows = jobs::of_video(&tx, id).await?;
        // A child is tried again with its parent.
        let mine = |kind: JobKind| {
            rows.iter()
                .rev()
                .find(|row| row.kind() == kind && row.parent.is_none())
        };
        let failed = JobKind::ALL
            .iter()
            .filter(|kind| kind.shapes_the_video())
            .filter_map(|kind| mine(*kind))
            .filter(|row| row.state == JobState::Failed);
        let mut any = false;
        for row in failed {
            jobs::enqueue(&tx, &row.job, id, now, now).await?;
            any = true;
        }
        if !any {
            let detail = "Nothing of this video has failed.";
            return Err(Failure::new(Kind::Conflict, "video.nothing-failed", detail));
        }
        videos::set_failure(&tx, id, None).await?;
        videos::settle(&tx, id, now).await?;
        Ok(tx.commit().await.map_err(DbError::from)?)
    }
}
