//! `fallback.mp4`: one picture and one sound track, or either of them, copied into a plain MP4, without the source's
//! metadata.

use std::sync::Arc;
use virga_core::{MediaKey, presentation::TrackBody};

use tokio::task::spawn_blocking;
use virga_db::{TrackRowKind, tracks};
use virga_media::{FallbackInput, Movie, fallback_mp4, first_heard, first_shown};

use super::{copied, encoding::Written};
use crate::{
    job_result::{JobError, JobResult, Outcome},
    media::{Media, Own, OwnSound, Source},
    pack::pieces,
    work::Work,
};

/// A track to copy.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) media: Media,
    pub(super) movie: Arc<Movie>,
    pub(super) track: usize,
    /// The moment of its file that is 0 in the result.
    pub(super) origin: i64,
}

impl Input {
    /// An encoded rung.
    pub(super) fn picture(written: &Written) -> Result<Self, JobError> {
        let track = written
            .movie
            .video()
            .ok_or(virga_media::TranscodeReason::NoVideo)?;
        Ok(Self {
            media: written.media.clone(),
            movie: Arc::clone(&written.movie),
            track,
            origin: written.first_shown(),
        })
    }
}

/// Where no rung is made: the source's own tracks.
pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let row = work.row().await?;
    let key = Work::source(&row)?;
    let mut source = Source::inspect(&work.app().store, &key).await?;
    let media = source.media.clone();
    source.walk(work, &media).await?;
    if let Some(sound) = sound_alone(work, &source).await? {
        let key = write(work, sound, None).await?;
        return Ok(Outcome {
            fallback: Some(key),
            ..Outcome::default()
        }
        .into());
    }
    let (Some(movie), Some(own)) = (source.movie, source.own) else {
        let tracks = tracks::of_video(work.app().db.read(), work.video()).await?;
        if copied::reads(source.container)
            && let Some(TrackBody::Object { object }) =
                copied::copied(&tracks).map(|track| &track.body)
        {
            let picture = Input::picture(&Written::stored(work, object).await?)?;
            let key = write(work, picture, encoded_sound(work).await?).await?;
            return Ok(Outcome {
                fallback: Some(key),
                ..Outcome::default()
            }
            .into());
        }
        // Its rungs bring one.
        let own = tracks
            .iter()
            .filter(|it| matches!(it.body, TrackBody::Source { .. }));
        return Ok(Outcome::set_aside(own).into());
    };
    let sound = sound_beside(work, &source.media, &movie, own).await?;
    let picture = Input {
        origin: first_shown(&movie, own.picture),
        media: source.media,
        movie,
        track: own.picture,
    };
    let key = write(work, picture, sound).await?;
    Ok(Outcome {
        fallback: Some(key),
        ..Outcome::default()
    }
    .into())
}

/// The sound of a film without a picture: the source's, or what was encoded.
async fn sound_alone(work: &Work<'_>, source: &Source) -> Result<Option<Input>, JobError> {
    if let (Some(movie), Some(track)) = (&source.movie, source.heard()) {
        return Ok(Some(Input {
            media: source.media.clone(),
            movie: Arc::clone(movie),
            track,
            origin: first_heard(movie, track),
        }));
    }
    let tracks = tracks::of_video(work.app().db.read(), work.video()).await?;
    if source.own.is_some() || tracks.iter().any(|it| it.kind == TrackRowKind::Video) {
        return Ok(None);
    }
    encoded_sound(work).await
}

/// The sound that plays with the source's own picture: the source's, or what was encoded for it.
pub(super) async fn sound_beside(
    work: &Work<'_>,
    media: &Media,
    movie: &Arc<Movie>,
    own: Own,
) -> Result<Option<Input>, JobError> {
    match own.sound {
        OwnSound::None => Ok(None),
        OwnSound::Plays(track) => Ok(Some(Input {
            media: media.clone(),
            movie: Arc::clone(movie),
            track,
            origin: first_shown(movie, own.picture),
        })),
        OwnSound::Encoded => encoded_sound(work).await,
    }
}

/// The sound that an earlier job encoded or copied.
pub(super) async fn encoded_sound(work: &Work<'_>) -> Result<Option<Input>, JobError> {
    let tracks = tracks::of_video(work.app().db.read(), work.video()).await?;
    // The one that players get.
    let object = tracks.iter().find_map(|track| match &track.body {
        TrackBody::Object { object } if track.kind == TrackRowKind::Audio => Some(object),
        _ => None,
    });
    let Some(object) = object else {
        return Ok(None);
    };
    let written = Written::stored(work, object).await?;
    Ok(written.audible().map(|track| Input {
        media: written.media.clone(),
        movie: Arc::clone(&written.movie),
        track,
        // Tracks of ours begin with the first frame.
        origin: 0,
    }))
}

/// Writes the file; answers its key.
pub(super) async fn write(
    work: &Work<'_>,
    first: Input,
    second: Option<Input>,
) -> Result<MediaKey, JobError> {
    let inputs: Arc<[Input]> = std::iter::once(first).chain(second).collect();
    let laid = Arc::clone(&inputs);
    let file = spawn_blocking(move || {
        let inputs: Vec<FallbackInput<'_>> = laid
            .iter()
            .map(|input| FallbackInput {
                movie: &input.movie,
                track: input.track,
                origin_micros: input.origin,
            })
            .collect();
        fallback_mp4(&inputs)
    })
    .await??;
    let key = MediaKey::fallback(work.video(), work.job.id, work.attempt());
    let mut writer = work.writer(&key).await?;
    writer.write(file.head.into()).await?;
    for piece in file.pieces {
        work.check()?;
        let media = &inputs[piece.input].media;
        media
            .copy(pieces(piece.offset, piece.len), &mut *writer)
            .await?;
    }
    let written = writer.commit().await?;
    if written != file.len {
        let why = format!("fallback.mp4 has {written} bytes and not {}", file.len);
        return Err(JobError::Retry(why));
    }
    Ok(key)
}
