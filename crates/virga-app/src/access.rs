//! Finding a video for someone: the one way from an id to a row.

use virga_core::{
    Failure, Result, VideoId,
    permission::{Action, Viewer, authorize},
};
use virga_db::{VideoRow, videos};

use crate::App;

/// The video, if there is one; for system work.
pub async fn find_video(app: &App, id: VideoId) -> Result<VideoRow> {
    videos::find(app.db.read(), id)
        .await?
        .ok_or_else(|| Failure::not_found("video"))
}

/// The video, if this viewer may do this to it.
pub async fn require(app: &App, viewer: &Viewer, id: VideoId, action: Action) -> Result<VideoRow> {
    let row = find_video(app, id).await?;
    authorize(viewer, row.facts(), action)?;
    Ok(row)
}
