//! The sounds of a file that has several: all but the first, which is part of what makes the film play. Each
//! becomes a track of its own, of the source's own samples where browsers play them, else encoded; all of
//! them are published in one change.

use std::collections::HashMap;

use tokio::task::spawn_blocking;
use virga_core::{
    job::Job,
    presentation::{FilmSound, FilmSounds, PresentedTrack, SoundName},
};
use virga_db::{TrackRow, TrackRowKind, VideoRow, tracks as rows};
use virga_media::{
    Codec, Container, Movie, TrackKind, TrackTable, first_shown, language_tag, may_copy_sound,
    plan_audio,
};

use super::{
    encoding::{Ready, Written, starts},
    labels::Labels,
};
use crate::{
    ffmpeg::{
        self, Encode, Probed, SoundAlone, SoundStream, Stretch, encode, encode_sounds, find_sounds,
    },
    grow::TOLERANCE,
    job_result::{JobError, JobResult, Outcome},
    media::OwnSound,
    pack::{Packed, table_of},
    scratch,
    work::Work,
};

/// Sounds of a film at most; the others are left out.
const MOST: usize = 8;

/// The sounds of an index, by their places in it.
pub(super) fn tracks(movie: &Movie) -> impl Iterator<Item = usize> {
    let all = movie.tracks.iter().enumerate();
    all.filter(|(_, track)| track.kind == TrackKind::Audio)
        .map(|(place, _)| place)
}

/// What a job that has made a film play leaves to do, if the file has more sounds. Microphones that are mixed
/// are one.
pub(super) fn further(probed: &Probed) -> Option<Job> {
    let more = !probed.is_sound_only() && probed.sound.len() == 1 && probed.sounds > 1;
    more.then_some(Job::Sounds)
}

pub(crate) async fn run(work: &Work<'_>) -> Result<JobResult, JobError> {
    let row = work.row().await?;
    let ready = Ready::for_rungs(work, &row).await?;
    let found = find_sounds(&ready.session(work)).await?;
    let mut labels = Labels::default();
    let mut sounds = FilmSounds {
        first: SoundName::default(),
        more: Vec::new(),
    };
    if let Some(first) = first_of(&ready, &found) {
        sounds.first = called(&found[first], &mut labels);
        let mut made = Box::pin(make(work, &row, &ready, (&found, first))).await?;
        for stream in &found {
            if let Some(track) = made.remove(&stream.index) {
                let called = called(stream, &mut labels);
                let kind = stream.kind;
                sounds.more.push(FilmSound {
                    track,
                    called,
                    kind,
                });
            }
        }
    }
    let changes = row.sounds.is_some() || !sounds.more.is_empty();
    Ok(Outcome {
        sounds: changes.then_some(sounds),
        ..Outcome::default()
    }
    .into())
}

fn called(stream: &SoundStream, labels: &mut Labels) -> SoundName {
    let language = stream.language.as_deref().and_then(language_tag);
    let label = labels.name(&stream.title, language.as_deref());
    SoundName { language, label }
}

/// Which of them is the first, that which everybody hears. `None`: it cannot be told, or it is all of them mixed.
fn first_of(ready: &Ready, found: &[SoundStream]) -> Option<usize> {
    if ready.probed.is_sound_only() {
        return None;
    }
    if let (Some(movie), Some(own)) = (&ready.source.movie, ready.source.own)
        && let OwnSound::Plays(track) = own.sound
    {
        let place = tracks(movie).position(|it| it == track);
        return place.filter(|_| tracks(movie).count() == found.len());
    }
    let [heard] = ready.probed.sound[..] else {
        return None;
    };
    found.iter().position(|it| it.index == heard)
}

/// Makes the tracks of all but the `first`; by stream.
async fn make(
    work: &Work<'_>,
    row: &VideoRow,
    ready: &Ready,
    (found, first): (&[SoundStream], usize),
) -> Result<HashMap<usize, PresentedTrack>, JobError> {
    let picture = picture(work).await?;
    let mut made = HashMap::new();
    let mut left = Vec::new();
    let further = found
        .iter()
        .enumerate()
        .filter(|(place, _)| *place != first);
    for (place, stream) in further.take(MOST - 1) {
        let name = format!("audio-{}-{}", work.job.id, stream.index);
        if let Some(track) = own_track(ready, (found, first), place) {
            let track = copy(work, ready, (name, track), picture.as_ref()).await?;
            made.insert(stream.index, presented(track));
        } else if stream.decodes {
            left.push(stream.index);
        }
    }
    let Some((what, origin)) = alignment(work, row, ready, &left).await? else {
        return Ok(made);
    };
    let length = ready.probed.shape.duration_micros;
    let need = ffmpeg::most_bytes(&[], length).saturating_mul(2 * left.len() as u64);
    scratch::require(work, need)?;
    let session = ready.session(work);
    for (stream, path) in encode_sounds(&session, &ready.probed, &left, what).await? {
        work.check()?;
        let written = Written::open(&path).await?;
        let name = format!("audio-{}-{stream}", work.job.id);
        let put = written.put_sound(work, name, origin, picture.as_ref());
        if let Some(track) = put.await? {
            made.insert(stream, presented(track));
        }
    }
    Ok(made)
}

/// The table of a picture that is there, near whose segments sounds are cut.
async fn picture(work: &Work<'_>) -> Result<Option<TrackTable>, JobError> {
    let tracks = rows::of_video(work.app().db.read(), work.video()).await?;
    let shown = tracks.iter().find(|it| it.kind == TrackRowKind::Video);
    Ok(match shown {
        Some(track) => Some(table_of(work, track).await?),
        None => None,
    })
}

/// The track of the index that may be copied next to the source's own picture. It is AAC, or in the coding
/// of the first: who can hear that can hear all.
fn own_track(
    ready: &Ready,
    (found, first): (&[SoundStream], usize),
    place: usize,
) -> Option<usize> {
    let (movie, own) = (ready.source.movie.as_deref()?, ready.source.own?);
    let sounds: Vec<usize> = tracks(movie).collect();
    if sounds.len() != found.len() {
        return None;
    }
    let track = *sounds.get(place)?;
    let coding = |track: usize| &movie.tracks[track].codec;
    let like_first =
        matches!(own.sound, OwnSound::Plays(_)) && coding(track) == coding(sounds[first]);
    let heard = like_first || matches!(coding(track), Codec::Aac(_));
    let copied = heard && may_copy_sound(movie, track, own.picture).is_ok();
    copied.then_some(track)
}

async fn copy(
    work: &Work<'_>,
    ready: &Ready,
    (name, track): (String, usize),
    picture: Option<&TrackTable>,
) -> Result<TrackRow, JobError> {
    let own = ready.source.movie.clone().zip(ready.source.own);
    let (movie, own) = own.ok_or_else(JobError::no_file)?;
    let starts = picture.map(starts).unwrap_or_default();
    let plan = move || plan_audio(&movie, track, first_shown(&movie, own.picture), &starts);
    let planned = spawn_blocking(plan).await??;
    Packed::encoded(name, None, planned)
        .put(work, &ready.media()?)
        .await
}

fn presented(track: TrackRow) -> PresentedTrack {
    PresentedTrack {
        name: track.name,
        table: track.table_key,
        body: track.body,
    }
}

/// How the streams that are `left` are encoded, and the moment of what comes out that is the first frame's.
/// `None`: nothing is left, or nobody would be sure that lips are in step.
async fn alignment(
    work: &Work<'_>,
    row: &VideoRow,
    ready: &Ready,
    left: &[usize],
) -> Result<Option<(SoundAlone, i64)>, JobError> {
    if left.is_empty() {
        return Ok(None);
    }
    let probed = &ready.probed;
    let shown = row.duration.unwrap_or(probed.shape.duration_micros);
    let near = |one: i64, other: i64| (one - other).abs() <= TOLERANCE;
    let (late, origin) = if let (Some(movie), Some(own)) = (&ready.source.movie, ready.source.own) {
        let first = first_shown(movie, own.picture);
        let seen = probed.first_micros.is_some_and(|seen| near(first, seen));
        if !seen && !near(first, probed.late_micros) {
            tracing::info!(
                first,
                "the picture begins at two moments: no further sounds"
            );
            return Ok(None);
        }
        (probed.late_micros, 0)
    } else {
        // A stream may be cut: nobody knows beforehand which frame comes out of it first.
        let container = ready.source.container;
        if !matches!(container, Container::Matroska | Container::Mp4) {
            return Ok(None);
        }
        let first = first_decoded(work, ready).await?;
        let off = first.map_or(0, |first| first - probed.late_micros);
        if off.abs() > TOLERANCE {
            tracing::info!(off, "the first frame is another: no further sounds");
            return Ok(None);
        }
        (probed.late_micros, off)
    };
    let what = SoundAlone {
        late,
        picture: shown.saturating_add(origin),
        read_along: false,
    };
    Ok(Some((what, origin)))
}

/// When the first frame comes out of the decoder, on the clock of an encode. `None` where no rung is made.
async fn first_decoded(work: &Work<'_>, ready: &Ready) -> Result<Option<i64>, JobError> {
    let rungs = ready.ladder(work)?;
    let Some(rung) = rungs.first() else {
        return Ok(None);
    };
    let announced = ready.probed.late_micros / 1_000_000;
    let stretch = Stretch {
        from: 0,
        until: u32::try_from(announced).ok().map(|at| at + 2),
    };
    let what = Encode {
        rungs: std::slice::from_ref(rung),
        sound: false,
        read_along: false,
        stretch: Some(stretch),
    };
    let session = ready.session(work);
    let encoded = encode(&session, &ready.probed, what).await?;
    let path = encoded.first().ok_or_else(JobError::no_file)?;
    let written = Written::open(path).await?;
    let frames = written
        .movie
        .video()
        .is_some_and(|it| !written.movie.tracks[it].samples.is_empty());
    Ok(frames.then(|| written.first_shown()))
}
