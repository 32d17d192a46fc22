//! Stopping the work on a video: its owner's and the administrators' button. What plays already stays.

use virga_core::{Code, Failure, Result, VideoId, reason::Reason};
use virga_db::{VideoRow, growing, jobs, tracks, videos};

use crate::{App, Change, Changed};

impl App {
    /// Ends all work on a video that waits or runs. Workers notice with their next heartbeat; nothing that
    /// they write afterwards counts. A film that plays while it is being encoded stops playing: nobody
    /// makes the rest.
    ///
    /// # Errors
    /// [`Code::VideoNotProcessing`] where there is none.
    pub async fn cancel_video(&self, id: VideoId) -> Result<VideoRow> {
        self.change(id, |change| self.cancel_in(change)).await?;
        crate::find_video(self, id).await
    }

    async fn cancel_in(&self, change: Change) -> Result<Changed<()>> {
        let (tx, id) = (&change.tx, change.video);
        let why = Reason::new(Code::Cancelled, "Processing was stopped.");
        if jobs::fence_video(tx, id, &why, change.now).await? == 0 {
            let detail = "Nothing is being done for this video.";
            return Err(Failure::new(Code::VideoNotProcessing, detail));
        }
        for row in growing::of_video(tx, id).await? {
            change.withdraw_growing(row.job).await?;
        }
        if !tracks::any(tx, id).await? {
            videos::set_failure(tx, id, Some(&why)).await?;
        }
        Ok(change.store(()).await?)
    }
}
