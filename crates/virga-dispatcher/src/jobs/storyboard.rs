//! Small pictures from all over the film, for seeking and for cards: from key frames, as sheets of tiles, in
//! one object.

use virga_core::{MediaKey, StoryboardIndex};

use super::encoding::Ready;
use crate::{
    ffmpeg::{self, span},
    job_result::{JobError, JobResult, Outcome},
    work::Work,
};

/// Fewer tiles than this show nothing that the poster does not.
const FEWEST: usize = 2;

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let row = work.row().await?;
    let ready = Ready::open(work, &row).await?;
    let length = row.duration.unwrap_or(ready.probed.shape.duration_micros);
    let session = ready.session(work);
    let made = ffmpeg::storyboard(&session, &ready.probed, span(length)).await?;
    if made.times.len() < FEWEST {
        // Its key frames are too far apart.
        return Ok(Outcome::default().into());
    }
    let mut sheets = Vec::new();
    let mut lengths = Vec::new();
    for path in &made.sheets {
        let sheet = tokio::fs::read(path).await?;
        lengths.push(sheet.len() as u64);
        sheets.extend(sheet);
    }
    let index = StoryboardIndex {
        width: made.size.0,
        height: made.size.1,
        columns: ffmpeg::TILES.0,
        rows: ffmpeg::TILES.1,
        sheets: lengths,
        times: made.times,
        duration: u64::try_from(length / 1000).unwrap_or(0),
    };
    let mut bytes = serde_json::to_vec(&index).map_err(virga_core::Failure::internal)?;
    let (job, attempt) = (work.job.id, work.attempt());
    let key = MediaKey::storyboard(work.video(), job, attempt, bytes.len() as u64)?;
    bytes.extend(sheets);
    work.put(&key, bytes.into()).await?;
    Ok(Outcome {
        storyboard: Some(key),
        ..Outcome::default()
    }
    .into())
}
