//! The lowest rung alone, so that something small plays soon; the sound where the source's own does
//! not play; and `fallback.mp4` out of both. Where nothing else plays yet, or not in every browser, both
//! play while they are made.

use std::{path::Path, sync::Arc};

use tokio_util::sync::CancellationToken;
use virga_core::{job::Job, presentation::sound_name};
use virga_db::{TrackRow, VideoRow, tracks};
use virga_media::{Movie, Rung, TrackTable};

use super::{
    cut_off::cut_from,
    encoding::{Ready, Written, name_of, no_frame},
    fallback::{self, Input},
    kept_sound::KeptSound,
    probe::{as_row, too_small},
    sound::own_picture,
    sounds::further,
};
use crate::{
    ffmpeg::{self, Encode, SoundAlone, encode, sound_alone},
    grow::{EARLY_END, Encoded, Files, GrownTracks, Growth, Picture, Shown, TOLERANCE},
    job_result::{JobError, JobResult, Outcome},
    media::{Own, OwnSound},
    work::Work,
};

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let row = work.row().await?;
    let ready = Ready::for_rungs(work, &row).await?;
    if ready.probed.is_sound_only() {
        return Ok(Outcome {
            next: vec![Job::Sound],
            ..Outcome::default()
        }
        .into());
    }
    let own = ready.source.movie.clone().zip(ready.source.own);
    let rungs = ready.ladder(work)?;
    let Some(rung) = rungs.first() else {
        if own.is_none() && ready.copied.is_none() {
            return Err(too_small());
        }
        let next = vec![Job::Fallback];
        return Ok(Outcome {
            next,
            ..Outcome::default()
        }
        .into());
    };
    ready.require(work, std::slice::from_ref(rung))?;
    let mut made = match own {
        Some(own) if own.1.everywhere => beside(work, &row, &ready, Some(own), rung).await?,
        Some(own) => Box::pin(for_others(work, &row, &ready, own, rung)).await?,
        None if ready.copied.is_some() => beside(work, &row, &ready, None, rung).await?,
        None => Box::pin(instead(work, &ready, rung, None)).await?,
    };
    // Where the lowest is not worth having, neither are the others.
    let more = rungs.len() > 1 && !made.tracks.is_empty();
    made.next
        .extend(more.then_some(Job::Ladder { whole: false }));
    Ok(made.into())
}

/// The rung next to the source's own picture: `own`, or one that has been copied.
async fn beside(
    work: &Work<'_>,
    row: &VideoRow,
    ready: &Ready,
    own: Option<(Arc<Movie>, Own)>,
    rung: &Rung,
) -> Result<Outcome, JobError> {
    let session = ready.session(work);
    let what = Encode {
        rungs: std::slice::from_ref(rung),
        sound: false,
        read_along: false,
        stretch: None,
    };
    let encoded = encode(&session, &ready.probed, what).await?;
    let path = encoded.first().ok_or_else(JobError::no_file)?;
    let picture = Written::open(path).await?;
    if ready.outweighed_by(&picture)? {
        return Ok(Outcome {
            next: vec![Job::Fallback],
            ..Outcome::default()
        });
    }
    let until = row.duration.unwrap_or(0);
    let (track, _) = picture
        .put_picture(work, name_of(work, rung), rung, until)
        .await?;
    let sound = match own {
        Some((movie, own)) => {
            fallback::sound_beside(work, &ready.source.media, &movie, own).await?
        }
        None => fallback::encoded_sound(work).await?,
    };
    let fallback = fallback::write(work, Input::picture(&picture)?, sound).await?;
    Ok(Outcome {
        tracks: vec![track],
        fallback: Some(fallback),
        ..Outcome::default()
    })
}

/// The rung for browsers that do not decode the source's own picture.
async fn for_others(
    work: &Work<'_>,
    row: &VideoRow,
    ready: &Ready,
    (movie, own): (Arc<Movie>, Own),
    rung: &Rung,
) -> Result<Outcome, JobError> {
    if matches!(own.sound, OwnSound::Encoded) {
        let kept = own_picture(work, ready).await?.map(|picture| picture.row);
        return instead(work, ready, rung, kept).await;
    }
    let path = ffmpeg::rung_path(&ready.session(work));
    let until = row.duration.unwrap_or(0);
    let along = Along {
        picture: &path,
        sound: None,
        own: None,
        until,
    };
    let (files, grown) = Box::pin(encode_along(work, ready, rung, along)).await?;
    let picture = Written::read(&path, files.picture.ok_or_else(no_frame)?)?;
    let tracks = if let Some(grown) = grown {
        grown.rows
    } else {
        let name = name_of(work, rung);
        vec![picture.put_picture(work, name, rung, until).await?.0]
    };
    let sound = fallback::sound_beside(work, &ready.source.media, &movie, own).await?;
    let fallback = fallback::write(work, Input::picture(&picture)?, sound).await?;
    Ok(Outcome {
        tracks,
        ends_growing: true,
        fallback: Some(fallback),
        ..Outcome::default()
    })
}

/// The rung and the sound where the source's own sound does not play, and its picture nowhere, or, as
/// `own`, in some browsers.
async fn instead(
    work: &Work<'_>,
    ready: &Ready,
    rung: &Rung,
    own: Option<TrackRow>,
) -> Result<Outcome, JobError> {
    // What was published before the source was looked at whole.
    let mut set_aside = tracks::of_video(work.app().db.read(), work.video()).await?;
    set_aside.retain(|track| own.as_ref().is_none_or(|own| own.name != track.name));
    let kept = match own {
        Some(_) => None,
        None => KeptSound::of(work, ready).await?,
    };
    let session = ready.session(work);
    let picture_path = ffmpeg::rung_path(&session);
    let sound_path = ffmpeg::sound_path(&session, &ready.probed).filter(|_| kept.is_none());
    let until = kept.as_ref().map_or(0, KeptSound::ends);
    let along = Along {
        picture: &picture_path,
        sound: sound_path.as_deref(),
        own: own.as_ref().or(kept.as_ref().map(|kept| &kept.row)),
        until,
    };
    let (files, grown) = Box::pin(encode_along(work, ready, rung, along)).await?;
    let movie = files.picture.ok_or_else(no_frame)?;
    let picture = Written::read(&picture_path, movie)?;
    let sound = match (sound_path.as_deref(), files.sound) {
        (Some(path), Some(movie)) => Some(Written::read(path, movie)?),
        _ => None,
    };
    let mut made = match grown {
        Some(GrownTracks {
            rows,
            picture: Some(table),
        }) => {
            let origin = picture.first_shown() - ready.probed.late_micros;
            Made {
                tracks: rows,
                table,
                sound: sound.map(|sound| (sound, origin)),
            }
        }
        _ => put_whole(work, ready, rung, &picture, (sound, until)).await?,
    };
    let mut sound = made.sound.and_then(|(written, origin)| {
        written.audible().map(|track| Input {
            media: written.media,
            movie: written.movie,
            track,
            origin,
        })
    });
    if let Some(kept) = kept {
        let off = picture.first_shown() - ready.probed.late_micros;
        let off = if off.abs() > TOLERANCE { off } else { 0 };
        let (row, input) = kept.put(work, ready, off).await?;
        set_aside.retain(|track| track.name != row.name);
        made.tracks.push(row);
        sound = Some(input);
    }
    let fallback = fallback::write(work, Input::picture(&picture)?, sound).await?;
    let made_micros = made.table.duration_micros();
    Ok(Outcome {
        cut_from: cut_from(ready, made_micros),
        next: own
            .iter()
            .map(|_| Job::Package)
            .chain(further(&ready.probed))
            .collect(),
        tracks: made.tracks.into_iter().chain(own).collect(),
        ends_growing: true,
        shape: Some(as_row(&ready.shape()?, made_micros)),
        fallback: Some(fallback),
        ..Outcome::set_aside(set_aside.iter())
    })
}

/// What is published while it is encoded.
struct Along<'a> {
    picture: &'a Path,
    sound: Option<&'a Path>,
    /// The source's own picture or sound, which is published with it.
    own: Option<&'a TrackRow>,
    /// The picture is shown at least until then, microseconds.
    until: i64,
}

/// Encodes the rung, and publishes its tracks as they are being written.
async fn encode_along(
    work: &Work<'_>,
    ready: &Ready,
    rung: &Rung,
    along: Along<'_>,
) -> Result<(Files, Option<GrownTracks>), JobError> {
    let session = ready.session(work);
    let what = Encode {
        rungs: std::slice::from_ref(rung),
        sound: along.sound.is_some(),
        read_along: true,
        stretch: None,
    };
    let probed = &ready.probed;
    let mut growth = Growth::new(
        work,
        Encoded {
            picture: Some(Picture {
                of: Shown::Rung(rung),
                path: along.picture,
            }),
            sound: along.sound,
            own: along.own,
            until: along.until,
            frame_rate: probed.shape.frame_rate.min(ffmpeg::MOST_FRAMES),
            length: probed.shape.duration_micros,
            late: probed.late_micros,
            sound_rate: ffmpeg::SOUND_RATE,
            sound_copied: false,
        },
    );
    let ended = CancellationToken::new();
    let encoding = async {
        let _ended = ended.clone().drop_guard();
        encode(&session, probed, what).await
    };
    tokio::try_join!(encoding, growth.follow(&ended))?;
    growth.finish().await
}

/// Tracks that stand.
struct Made {
    tracks: Vec<TrackRow>,
    table: TrackTable,
    sound: Option<(Written, i64)>,
}

/// Makes the tracks of what could not play while it was encoded.
async fn put_whole(
    work: &Work<'_>,
    ready: &Ready,
    rung: &Rung,
    picture: &Written,
    (sound, until): (Option<Written>, i64),
) -> Result<Made, JobError> {
    let heard = match sound {
        Some(sound) => Some(aligned(work, ready, picture, sound).await?),
        None => None,
    };
    let until = heard
        .as_ref()
        .map_or(until, |(sound, origin)| sound.ends(*origin));
    let name = name_of(work, rung);
    let (track, table) = picture.put_picture(work, name, rung, until).await?;
    let mut tracks = vec![track];
    if let Some((written, origin)) = &heard {
        let name = sound_name(work.job.id);
        tracks.extend(written.put_sound(work, name, *origin, Some(&table)).await?);
    }
    Ok(Made {
        tracks,
        table,
        sound: heard,
    })
}

/// The sound, and the moment of its file that is the first frame's. Where the first decoded frame was
/// not the one that the file announced, or the sound ends before the picture, it is encoded again:
/// what came out is believed, not what the file's head says.
async fn aligned(
    work: &Work<'_>,
    ready: &Ready,
    picture: &Written,
    sound: Written,
) -> Result<(Written, i64), JobError> {
    let first = picture.first_shown();
    let off = first - ready.probed.late_micros;
    let shown = picture.shown();
    let begins = off.abs() <= TOLERANCE;
    if begins {
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
        (ready.probed.heard_from(ready.probed.late_micros), off)
    } else {
        let heard = ready.probed.heard_from(first);
        (heard.max(0), heard.min(0))
    };
    let what = SoundAlone {
        late,
        picture: shown.saturating_add(origin),
        read_along: false,
    };
    let again = sound_alone(&session, &ready.probed, what).await?;
    let path = again.ok_or_else(JobError::no_file)?;
    Ok((Written::open(&path).await?, origin))
}
