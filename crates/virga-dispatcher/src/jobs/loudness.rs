//! How loud the film is, of the sound track that players get: no more of a bucket is read than that.

use virga_core::presentation::TrackBody;
use virga_db::{TrackRowKind, tracks};
use virga_media::Container;

use crate::{
    ffmpeg::{self, FfmpegRun},
    job_result::{JobError, JobResult, Outcome},
    media::{Junk, Media},
    scratch::{self, Scratch},
    work::Work,
};

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let row = work.row().await?;
    let tracks = tracks::of_video(work.app().db.read(), work.video()).await?;
    let sound = tracks.iter().find(|it| it.kind == TrackRowKind::Audio);
    let Some(TrackBody::Object { object }) = sound.map(|sound| &sound.body) else {
        // Another job is about to replace it, and that one asks again.
        return Ok(Outcome::default().into());
    };
    let store = &work.app().store;
    let media = Media::stored(store, object).await?;
    scratch::prepare(&work.dispatcher.scratch)?;
    let scratch = Scratch::open(work, media.len)?;
    store.link_to(object, &scratch.input()).await?;
    let session = FfmpegRun::new(work, scratch.folder(), (Container::Mp4, Junk::default()));
    let measured = ffmpeg::loudness(&session, row.duration.unwrap_or(0)).await;
    let loudness = match measured {
        // The film plays all the same.
        Err(JobError::Fail(_) | JobError::Broke(_)) => None,
        other => other?,
    };
    tracing::info!(job = work.job.id, loudness, "how loud it is, LUFS/100");
    Ok(Outcome {
        loudness,
        ..Outcome::default()
    }
    .into())
}
