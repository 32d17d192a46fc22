//! Trying again what failed: the owner's button.

use virga_core::{
    Code, Failure, Result, VideoId,
    job::{JobKind, JobState},
};
use virga_db::{VideoRow, jobs, videos};

use crate::{App, Change, Changed};

impl App {
    /// Enqueues every kind of job again whose latest run failed.
    pub async fn retry_video(&self, id: VideoId) -> Result<VideoRow> {
        self.change(id, |change| self.retry_in(change)).await?;
        crate::find_video(self, id).await
    }

    async fn retry_in(&self, change: Change) -> Result<Changed<()>> {
        let rows = jobs::of_video(&change.tx, change.video).await?;
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
            change.enqueue(&row.job, change.now).await?;
            any = true;
        }
        if !any {
            let detail = "Nothing of this video has failed.";
            return Err(Failure::new(Code::VideoNothingFailed, detail));
        }
        videos::set_failure(&change.tx, change.video, None).await?;
        Ok(change.store(()).await?)
    }
}
