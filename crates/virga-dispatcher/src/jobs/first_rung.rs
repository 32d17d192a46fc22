//! The lowest rung alone, so that something small plays soon; the sound where the source's own does
//! not play; and `fallback.mp4` out of both.

use virga_core::job::Job;
use virga_db::tracks;
use virga_media::first_shown;

use super::{
    encoding::{Ready, Written},
    fallback::{self, Input},
    probe::{as_row, too_small},
};
use crate::{
    ffmpeg::{Encode, encode, sound_alone},
    job_result::{JobError, JobResult, Outcome},
    work::Work,
};

/// Sound that ends by more than this before the picture is padded.
const EARLY_END: i64 = 100_000;
/// Sound further off than this from the picture is encoded again, from the right moment.
const TOLERANCE: i64 = 20_000;

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let row = work.row().await?;
    let ready = Ready::walked(work, &row).await?;
    let own_sound = ready.source.instant.is_some();
    let rungs = ready.ladder(work)?;
    let Some(rung) = rungs.first() else {
        if !own_sound {
            return Err(too_small());
        }
        let next = vec![Job::Fallback];
        return Ok(Outcome {
            next,
            ..Outcome::default()
        }
        .into());
    };
    let lowest = std::slice::from_ref(rung);
    ready.require(work, lowest)?;
    let session = ready.session(work);
    let what = Encode {
        rungs: lowest,
        sound: !own_sound,
    };
    let encoded = encode(&session, &ready.probed, what).await?;
    let path = encoded.rungs.first().ok_or_else(JobError::no_file)?;
    let picture = Written::open(path).await?;
    let set_aside = if own_sound {
        Vec::new()
    } else {
        // What was published before the source was looked at whole.
        tracks::of_video(work.app().db.read(), work.video()).await?
    };
    let heard = match encoded.sound {
        Some(path) => Some(aligned(work, &ready, &picture, &path).await?),
        None => None,
    };
    let until = match &heard {
        Some((sound, origin)) => sound.ends(*origin),
        None => row.duration.filter(|_| own_sound).unwrap_or(0),
    };
    let (track, table) = picture.put_picture(work, rung, until).await?;
    let mut tracks = vec![track];
    let mut sound = None;
    if let Some((written, origin)) = heard {
        let name = format!("audio-{}", work.job.id);
        tracks.extend(written.put_sound(work, name, origin, &table).await?);
        sound = written.audible().map(|track| Input {
            media: written.media,
            movie: written.movie,
            track,
            origin,
        });
    } else if own_sound {
        sound = source_sound(&ready);
    }
    let fallback = fallback::write(work, Input::picture(&picture)?, sound).await?;
    let shape = ready.shape()?;
    Ok(Outcome {
        tracks,
        shape: (!own_sound).then(|| as_row(&shape, table.duration_micros())),
        fallback: Some(fallback),
        next: (rungs.len() > 1)
            .then_some(Job::Ladder)
            .into_iter()
            .collect(),
        ..Outcome::set_aside(set_aside.iter())
    }
    .into())
}

/// The sound, and the moment of its file that is the first frame's. Where the first decoded frame was
/// not the one that the file announced, or the sound ends before the picture, it is encoded again:
/// what came out is believed, not what the file's head says.
async fn aligned(
    work: &Work<'_>,
    ready: &Ready,
    picture: &Written,
    path: &std::path::Path,
) -> Result<(Written, i64), JobError> {
    let first = picture.first_shown();
    let off = first - ready.probed.late_micros;
    let shown = picture.shown();
    let begins = off.abs() <= TOLERANCE;
    if begins {
        let sound = Written::open(path).await?;
        let ends = sound.ends(off);
        if sound.audible().is_none() || shown - ends <= EARLY_END {
            return Ok((sound, off));
        }
    }
    tracing::debug!(
        off,
        shown,
        "encoding the sound again, as long as the picture"
    );
    let session = ready.session(work);
    let (late, origin) = if begins {
        (ready.probed.late_micros, off)
    } else {
        (first.max(0), first.min(0))
    };
    let again = sound_alone(&session, &ready.probed, late, shown.saturating_add(origin)).await?;
    let path = again.ok_or_else(JobError::no_file)?;
    Ok((Written::open(&path).await?, origin))
}

/// The source's own sound.
fn source_sound(ready: &Ready) -> Option<Input> {
    let movie = ready.source.movie.clone()?;
    let instant = ready.source.instant?;
    Some(Input {
        media: ready.source.media.clone(),
        track: instant.audio?,
        origin: first_shown(&movie, instant.video),
        movie,
    })
}
