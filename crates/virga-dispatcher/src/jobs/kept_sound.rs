//! The source's own sound next to a picture that must be encoded: it is published from the source while the picture
//! grows, and copied into an object of its own at the end.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use virga_core::presentation::sound_name;
use virga_db::TrackRow;
use virga_media::{Container, Movie, TrackTable, plan_audio, sound_to_keep};

use super::{encoding::Ready, fallback::Input};
use crate::{
    job_result::JobError,
    pack::{Packed, put_jit},
    work::Work,
};

/// Such a sound.
pub(super) struct KeptSound {
    movie: Arc<Movie>,
    track: usize,
    /// When the first frame is shown on the file's timeline, microseconds.
    first: i64,
    /// Served from the source.
    pub(super) row: TrackRow,
    table: TrackTable,
}

impl KeptSound {
    /// `None` where it must be encoded too, or where ffmpeg hears something else than our own reader.
    pub(super) async fn of(work: &Work<'_>, ready: &Ready) -> Result<Option<Self>, JobError> {
        let (source, probed) = (&ready.source, &ready.probed);
        let Some(first) = probed
            .first_micros
            .filter(|_| source.container == Container::Mp4)
        else {
            return Ok(None);
        };
        let Some(movie) = source.movie.clone() else {
            return Ok(None);
        };
        let length = probed.shape.duration_micros;
        let Some(track) = sound_to_keep(&movie, first, length) else {
            return Ok(None);
        };
        if probed.sound != [track] {
            return Ok(None);
        }
        let planned = planned(&movie, track, first).await?;
        let table = planned.table.clone();
        let key = Work::source(&work.row().await?)?;
        let row = put_jit(work, &key, sound_name(work.job.id), planned).await?;
        Ok(Some(Self {
            movie,
            track,
            first,
            row,
            table,
        }))
    }

    /// When it ends after the first frame, microseconds.
    pub(super) fn ends(&self) -> i64 {
        self.table.duration_micros()
    }

    /// It as an object, and as a part of `fallback.mp4`. `off`: how much later than announced the first frame is
    /// shown, microseconds.
    pub(super) async fn put(
        self,
        work: &Work<'_>,
        ready: &Ready,
        off: i64,
    ) -> Result<(TrackRow, Input), JobError> {
        let origin = self.first + off;
        let planned = planned(&self.movie, self.track, origin).await?;
        let media = ready.media()?;
        let row = Packed::encoded(sound_name(work.job.id), None, planned)
            .put(work, &media)
            .await?;
        let input = Input {
            media,
            movie: self.movie,
            track: self.track,
            origin,
        };
        Ok((row, input))
    }
}

async fn planned(
    movie: &Arc<Movie>,
    track: usize,
    origin: i64,
) -> Result<virga_media::PlannedTrack, JobError> {
    let movie = Arc::clone(movie);
    Ok(spawn_blocking(move || plan_audio(&movie, track, origin, &[])).await??)
}
