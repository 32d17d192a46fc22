//! Trying again what failed: the owner's button.

use virga_core::{
    Code, Failure, Result, VideoId,
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
        let failed = JobKind::ALL.iter().filter(|kind| {
            kind.shapes_the_video()
                && rows
                    .iter()
                    .rev()
                    .find(|job| job.kind == **kind)
                    .map(|job| job.state)
                    == Some(JobState::Failed)
        });
        let mut any = false;
        for kind in failed {
            jobs::enqueue(&tx, *kind, id, now, now).await?;
            any = true;
        }
        if !any {
            let detail = "Nothing of this video has failed.";
            return Err(Failure::new(Code::VideoNothingFailed, detail));
        }
        videos::set_failure(&tx, id, None).await?;
        videos::settle(&tx, id, now).await?;
        Ok(tx.commit().await.map_err(DbError::from)?)
    }
}
