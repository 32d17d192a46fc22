//! The sound alone, where browsers play the picture as it is: the picture is published from the source,
//! and the sound next to it while it is encoded. Or where there is no picture.

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use virga_core::{Code, job::Job, presentation};
use virga_db::TrackRow;
use virga_media::{SourceShape, TrackTable, TranscodeReason, first_shown, plan_video};

use super::{
    cut_off::cut_from,
    encoding::{Ready, Written},
    probe::{as_row, beside},
    sounds::further,
};
use crate::{
    ffmpeg::{self, SoundAlone, sound_alone},
    grow::{Encoded, Growth, TOLERANCE},
    job_result::{JobError, JobResult, Outcome},
    pack::{put_jit, table_of},
    work::Work,
};

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let row = work.row().await?;
    // `package` looks at all of it: whoever waits to see it need not wait for that.
    let ready = Ready::open(work, &row).await?;
    if ready.probed.is_sound_only() {
        return Box::pin(alone(work, &ready)).await;
    }
    let Some(picture) = own_picture(work, &ready).await? else {
        return Ok(encode_all().into());
    };
    let tracks = match Box::pin(tracks(work, &ready, Some(&picture))).await {
        Ok(tracks) => tracks,
        // What the encoder cannot read alone it may read as a whole.
        Err(JobError::Fail(reason)) => {
            tracing::info!(%reason, "the sound is not encoded alone");
            return Ok(encode_all().into());
        }
        Err(error) => return Err(error),
    };
    let shape = ready.shape()?;
    Ok(Outcome {
        ends_growing: true,
        shape: Some(as_row(&shape, picture.table.duration_micros())),
        next: [Job::Package, beside(work, &shape)]
            .into_iter()
            .chain(further(&ready.probed))
            .collect(),
        tracks: std::iter::once(picture.row).chain(tracks).collect(),
        ..Outcome::default()
    }
    .into())
}

/// The sound of a film without a picture.
async fn alone(work: &Work<'_>, ready: &Ready) -> Result<JobResult, JobError> {
    if ready.probed.sound.is_empty() {
        return Err(TranscodeReason::NoVideo.into());
    }
    let tracks = Box::pin(tracks(work, ready, None)).await?;
    let track = tracks.first().ok_or_else(|| {
        let text = "Its sound cannot be decoded: nothing came out.";
        JobError::fail(Code::Damaged, text)
    })?;
    let duration = table_of(work, track).await?.duration_micros();
    Ok(Outcome {
        ends_growing: true,
        shape: Some(as_row(&SourceShape::of_sound(duration), duration)),
        cut_from: cut_from(ready, duration),
        next: vec![Job::Fallback],
        tracks,
        ..Outcome::default()
    }
    .into())
}

fn encode_all() -> Outcome {
    Outcome {
        next: vec![Job::FirstRung],
        ..Outcome::default()
    }
}

/// The source's own picture, ready to be published.
pub(super) struct Picture {
    pub(super) row: TrackRow,
    table: TrackTable,
}

/// `None` where it does not play, or where ffmpeg, which reads the sound, sees it begin at another moment.
pub(super) async fn own_picture(
    work: &Work<'_>,
    ready: &Ready,
) -> Result<Option<Picture>, JobError> {
    let (Some(movie), Some(own)) = (ready.source.movie.clone(), ready.source.own) else {
        return Ok(None);
    };
    let first = first_shown(&movie, own.picture);
    let seen = ready.probed.first_micros;
    if seen.is_none_or(|seen| (seen - first).abs() > TOLERANCE) {
        tracing::info!(first, seen, "the picture begins at two moments");
        return Ok(None);
    }
    let planned = spawn_blocking(move || plan_video(&movie, own.picture, 0)).await??;
    let table = planned.table.clone();
    let source = Work::source(&work.row().await?)?;
    let name = presentation::own_picture(work.job.id);
    let row = put_jit(work, &source, name, planned).await?;
    Ok(Some(Picture { row, table }))
}

/// Encodes the sound, and publishes it while it is being written, with the picture if there is one.
async fn tracks(
    work: &Work<'_>,
    ready: &Ready,
    picture: Option<&Picture>,
) -> Result<Vec<TrackRow>, JobError> {
    let session = ready.session(work);
    let probed = &ready.probed;
    let Some(path) = ffmpeg::sound_path(&session, probed) else {
        // In a coding that nobody here decodes.
        return Ok(Vec::new());
    };
    let shown = picture.map_or(0, |picture| picture.table.duration_micros());
    let mut growth = Growth::new(
        work,
        Encoded {
            picture: None,
            sound: Some(&path),
            own: picture.map(|picture| &picture.row),
            frame_rate: 0.0,
            until: 0,
            length: picture.map_or(probed.shape.duration_micros, |_| shown),
            late: probed.late_micros,
            sound_rate: ffmpeg::SOUND_RATE,
            sound_copied: false,
        },
    );
    let what = SoundAlone {
        late: probed.heard_from(probed.late_micros),
        picture: shown,
        read_along: true,
    };
    let ended = CancellationToken::new();
    let encoding = async {
        let _ended = ended.clone().drop_guard();
        sound_alone(&session, probed, what).await
    };
    tokio::try_join!(encoding, growth.follow(&ended))?;
    let (files, grown) = growth.finish().await?;
    if let Some(grown) = grown.filter(|grown| !grown.rows.is_empty()) {
        return Ok(grown.rows);
    }
    let Some(movie) = files.sound else {
        return Ok(Vec::new());
    };
    let name = presentation::sound_name(work.job.id);
    let written = Written::read(&path, movie)?;
    let put = written
        .put_sound(work, name, 0, picture.map(|picture| &picture.table))
        .await?;
    Ok(put.into_iter().collect())
}
