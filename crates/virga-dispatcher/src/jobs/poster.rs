//! The still picture.

use virga_objects::MediaKey;

use super::encoding::Ready;
use crate::{
    ffmpeg,
    outcome::{Done, JobError, Outcome},
    work::Work,
};

pub(crate) async fn run(work: &Work<'_>) -> Result<Done, JobError> {
    let row = work.row().await?;
    let ready = Ready::open(work, &row).await?;
    let session = ready.session(work);
    let path = ffmpeg::picture(&session, &ready.probed).await?;
    let key = MediaKey::poster(work.video(), work.job.id, work.attempt());
    work.put_file(&key, &path).await?;
    Ok(Outcome {
        poster: Some(key),
        ..Outcome::default()
    }
    .into())
}
