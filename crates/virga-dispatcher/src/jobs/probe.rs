//! Looks at the source by ranged reads. What browsers play as it is, is published at once; the rest
//! is handed to the encoder; what is no video is refused in words.

use std::{sync::Arc, time::Duration};

use tokio::task::spawn_blocking;
use virga_core::{
    Code, MediaKey,
    job::Job,
    presentation::{TrackBody, own_picture, sound_name},
};
use virga_db::{TrackRow, tracks, videos::Shape};
use virga_media::{
    InstantTracks, Movie, SourceShape, TrackTable, TranscodeReason, first_heard, ladder, plan,
    plan_audio, shape,
};

use super::{copied::copyable, encoding::Ready, limits, sounds, texts};
use crate::{
    job_result::{JobError, JobResult, Outcome},
    media::Source,
    pack::{put_jit, table_of},
    work::Work,
};

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let row = work.row().await?;
    let key = Work::source(&row)?;
    let source = Source::inspect(&work.app().store, &key).await?;
    let (container, junk) = (source.container, source.junk.len);
    let found = match (&source.movie, source.instant(), source.heard()) {
        (Some(movie), Some(tracks), _) => publish(work, &key, movie, tracks).await,
        (Some(movie), None, Some(sound)) => publish_sound(work, &key, movie, sound).await,
        _ => hand_on(work, &key, source).await,
    };
    let mut outcome = found?;
    // What played while the file arrived gives way, unless it plays on under the same names.
    let standing = Standing::of(work, &key).await?;
    outcome.replaced = standing.but(&outcome.tracks);
    outcome.behind_junk = junk > 0;
    if texts::may_be_in(container) {
        outcome.next.push(Job::Texts);
    }
    Ok(outcome.into())
}

/// Publishes the sound of a file without a picture.
async fn publish_sound(
    work: &Work<'_>,
    key: &MediaKey,
    movie: &Arc<Movie>,
    sound: usize,
) -> Result<Outcome, JobError> {
    let planned = Arc::clone(movie);
    let plan = move || plan_audio(&planned, sound, first_heard(&planned, sound), &[]);
    let plan = spawn_blocking(plan).await??;
    let shape = SourceShape::of_sound(plan.table.duration_micros());
    limits::check(work.config(), &shape)?;
    let name = sound_name(work.job.id);
    Ok(Outcome {
        tracks: vec![put_jit(work, key, name, plan).await?],
        shape: Some(as_row(&shape, shape.duration_micros)),
        cut_from: movie.cut_from,
        next: vec![Job::Poster, Job::Package, Job::Fallback],
        pause: Duration::from_millis(work.config().head_start_ms),
        ..Outcome::default()
    })
}

/// Publishes the source's own tracks.
async fn publish(
    work: &Work<'_>,
    key: &MediaKey,
    movie: &Arc<Movie>,
    tracks: InstantTracks,
) -> Result<Outcome, JobError> {
    let shape = shape(movie).ok_or(TranscodeReason::NoVideo)?;
    limits::check(work.config(), &shape)?;
    let planned = Arc::clone(movie);
    let plan = spawn_blocking(move || plan(&planned, &tracks)).await??;
    let duration = plan.video.table.duration_micros();
    let standing = Standing::of(work, key).await?;
    let job = work.job.id;
    let table = &plan.video.table;
    let name = standing.name(work, table, own_picture(job)).await?;
    let video = put_jit(work, key, name, plan.video);
    let tracks = match plan.audio {
        Some(audio) => {
            let name = standing.name(work, &audio.table, sound_name(job)).await?;
            let audio = put_jit(work, key, name, audio);
            let (video, audio) = tokio::try_join!(video, audio)?;
            vec![video, audio]
        }
        None => vec![video.await?],
    };
    // Browsers that do not decode it wait for the rung.
    let pause = if shape.instant_bitrate.is_some() {
        Duration::from_millis(work.config().head_start_ms)
    } else {
        Duration::ZERO
    };
    let more = (sounds::tracks(movie).count() > 1).then_some(Job::Sounds);
    let next = [Job::Poster, Job::Package, beside(work, &shape)];
    Ok(Outcome {
        tracks,
        shape: Some(as_row(&shape, duration)),
        cut_from: movie.cut_from,
        next: next.into_iter().chain(more).collect(),
        pause,
        ..Outcome::default()
    })
}

/// The source's own tracks that play already: it was watched while it arrived. Players go on with them, so what is
/// the same keeps its name.
struct Standing(Vec<TrackRow>);

impl Standing {
    async fn of(work: &Work<'_>, key: &MediaKey) -> Result<Self, JobError> {
        let mut rows = tracks::of_video(work.app().db.read(), work.video()).await?;
        rows.retain(|row| matches!(&row.body, TrackBody::Source { source, .. } if source == key));
        Ok(Self(rows))
    }

    /// The name of the track whose segments these are; `fresh` where none of them is: an address never changes its
    /// bytes, and an earlier release may have cut the film otherwise.
    async fn name(
        &self,
        work: &Work<'_>,
        planned: &TrackTable,
        fresh: String,
    ) -> Result<String, JobError> {
        for row in &self.0 {
            let table = table_of(work, row).await?;
            if (&table.init, &table.lengths) == (&planned.init, &planned.lengths)
                && table.durations == planned.durations
            {
                return Ok(row.name.clone());
            }
        }
        Ok(fresh)
    }

    /// The names of those that are not among `kept`.
    fn but(&self, kept: &[TrackRow]) -> Vec<String> {
        let gone = |row: &&TrackRow| kept.iter().all(|kept| kept.name != row.name);
        let gone = self.0.iter().filter(gone);
        gone.map(|row| row.name.clone()).collect()
    }
}

/// What makes `fallback.mp4` next to the source's own picture, with a rung where one is worth making.
pub(super) fn beside(work: &Work<'_>, shape: &SourceShape) -> Job {
    if ladder(shape, work.config().max_height).is_empty() {
        Job::Fallback
    } else {
        Job::FirstRung
    }
}

/// Leaves to ffmpeg what it can read: all of the film, its sound alone, or a copy.
async fn hand_on(work: &Work<'_>, key: &MediaKey, source: Source) -> Result<Outcome, JobError> {
    // The file's own index says it where ffmpeg only finds a damaged picture.
    if let Some(shape) = source.movie.as_deref().and_then(shape) {
        limits::check_picture(&shape)?;
    }
    let ready = Ready::of(work, key, source).await?;
    let shape = &ready.probed.shape;
    limits::check(work.config(), shape)?;
    let plays = ready.source.own.is_some_and(|own| own.everywhere);
    let first = if plays || ready.probed.is_sound_only() {
        Job::Sound
    } else if copyable(ready.source.container, &ready.probed).is_some() {
        Job::Copy
    } else if ready.ladder(work)?.is_empty() {
        return Err(too_small());
    } else {
        Job::FirstRung
    };
    Ok(Outcome {
        shape: Some(as_row(shape, shape.duration_micros)),
        cut_from: ready.source.movie.as_ref().and_then(|it| it.cut_from),
        next: vec![first, Job::Poster],
        ..Outcome::default()
    })
}

/// What the video's row says of the source.
pub(super) fn as_row(shape: &SourceShape, duration: i64) -> Shape {
    Shape {
        duration,
        width: shape.width,
        height: shape.height,
    }
}

/// No rung can be made of it.
pub(super) fn too_small() -> JobError {
    JobError::fail(
        Code::PictureTooSmall,
        "Its picture is too small to be shown.",
    )
}
