//! The still picture, large as JPEG and small as WebP, in one object.

use super::encoding::Ready;
use crate::{
    ffmpeg,
    job_result::{JobError, JobResult, Outcome},
    work::Work,
};
use virga_core::MediaKey;

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let row = work.row().await?;
    let ready = Ready::open(work, &row).await?;
    let session = ready.session(work);
    let pictures = ffmpeg::picture(&session, &ready.probed).await?;
    let mut bytes = tokio::fs::read(&pictures.large).await?;
    let jpeg = bytes.len() as u64;
    let mut smaller = Vec::new();
    for (width, path) in &pictures.smaller {
        let small = tokio::fs::read(path).await?;
        smaller.push((*width, small.len() as u64));
        bytes.extend(small);
    }
    let (job, attempt) = (work.job.id, work.attempt());
    let key = MediaKey::posters(work.video(), job, attempt, jpeg, &smaller)?;
    work.put(&key, bytes.into()).await?;
    Ok(Outcome {
        poster: Some(key),
        ..Outcome::default()
    }
    .into())
}
