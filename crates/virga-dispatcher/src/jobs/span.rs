//! One span of a ladder: some rungs of a part of the film, as the encoder's files.

use std::path::Path;

use virga_core::{MediaKey, job::Span};
use virga_db::JobRow;
use virga_media::{Movie, TrackKind};

use super::{
    allowance,
    encoding::{Ready, no_frame},
};
use crate::{
    ffmpeg::{Encode, Stretch, encode},
    job_result::{JobError, JobResult, Outcome},
    media::{Media, index_own},
    work::{Work, attempt},
};

pub(crate) async fn run(work: &Work<'_>, span: &Span) -> Result<JobResult, JobError> {
    allowance::check_room(work).await?;
    match make(work, span).await {
        // Of a part alone it cannot be said that the film is damaged: the pass over the whole decides.
        Err(JobError::Fail(why)) => tracing::info!(job = work.job.id, %why, "a span is left out"),
        Err(JobError::Broke(why)) => tracing::info!(job = work.job.id, why, "a span is left out"),
        made => made?,
    }
    Ok(Outcome::default().into())
}

async fn make(work: &Work<'_>, span: &Span) -> Result<(), JobError> {
    let row = work.row().await?;
    let stretch = Stretch {
        from: span.from,
        until: span.until,
    };
    let ready = Ready::for_stretch(work, &row, stretch).await?;
    ready.require_for(work, &span.rungs, stretch)?;
    let session = ready.session(work);
    let what = Encode {
        rungs: &span.rungs,
        sound: false,
        read_along: false,
        stretch: Some(stretch),
    };
    let encoded = encode(&session, &ready.probed, what).await?;
    for path in &encoded {
        // The picture may end long before the sound; the last spans are then empty.
        if !holds_frames(path).await? {
            return Err(no_frame());
        }
    }
    for (rung, path) in span.rungs.iter().zip(&encoded) {
        let key = key_of(work.job, &rung.name)?;
        work.app().store.put_file(&key, path).await?;
    }
    Ok(())
}

async fn holds_frames(path: &Path) -> Result<bool, JobError> {
    let file = Media::scratch(path)?;
    let picture = |movie: Movie| {
        let mut tracks = movie.tracks.into_iter();
        tracks.any(|track| track.kind == TrackKind::Video && !track.samples.is_empty())
    };
    // The encoder ended well: a file that cannot be read is one without frames.
    Ok(index_own(&file).await.is_ok_and(picture))
}

/// What a worker that has done its span made of a rung.
pub(super) fn key_of(job: &JobRow, rung: &str) -> Result<MediaKey, JobError> {
    Ok(MediaKey::span(job.video, job.id, attempt(job), rung)?)
}
