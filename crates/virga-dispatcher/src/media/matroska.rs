//! The index of a Matroska or `WebM` file: a walk from frame to frame, which reads most of the file.

use tokio::task::spawn_blocking;
use virga_media::{
    Codec, MatroskaReader, MatroskaStep, MediaError, Movie, TranscodeReason, choose, choose_sound,
};

use super::{Media, Place};
use crate::job_result::JobError;

/// Bytes in one read of a folder.
const NEAR: u64 = 1 << 20;
/// Bytes in one read of a bucket, where each read takes its time.
const FAR: u64 = 4 << 20;
/// At most so many reads of a bucket: less than the encoder would take to have the file at all.
const MOST_READS: u64 = 64;

/// Walks the file; `None` where ffmpeg has to see what it is, or its picture must be encoded anyway.
pub(super) async fn index(media: &Media) -> Result<Option<Movie>, JobError> {
    let near = is_near(media).await?;
    let reach = if near { NEAR } else { FAR };
    if !near && media.len > FAR * MOST_READS {
        return Ok(None);
    }
    let mut reader = MatroskaReader::new(media.len, reach);
    let mut known = false;
    loop {
        match reader.step() {
            Ok(MatroskaStep::Read { offset, len }) => {
                reader.feed(&media.read(offset, len).await?);
            }
            Ok(MatroskaStep::Done) => break,
            Err(error) => return Ok(left_to_ffmpeg(&error)),
        }
        if !known && let Some(tracks) = reader.tracks() {
            known = true;
            if !may_play(&tracks)? {
                return Ok(None);
            }
        }
    }
    let movie = spawn_blocking(move || reader.finish()).await?;
    Ok(movie.map_or_else(|error| left_to_ffmpeg(&error), Some))
}

/// Whether reads cost little: a folder's do, a bucket's do not.
async fn is_near(media: &Media) -> Result<bool, JobError> {
    Ok(match &media.place {
        Place::Store(store, _) => store.free_space().await?.is_some(),
        Place::Scratch(_) | Place::Chain(_) | Place::Behind(..) | Place::Arriving(..) => true,
    })
}

fn left_to_ffmpeg(error: &MediaError) -> Option<Movie> {
    tracing::debug!(%error, "a file is not read by our own demuxer");
    None
}

/// Whether the coding of the picture, whose frames are not known yet, allows it.
fn may_play(tracks: &Movie) -> Result<bool, JobError> {
    let of = |track: Option<usize>| track.map(|track| &tracks.tracks[track].codec);
    let (picture, sound) = (of(tracks.video()), of(tracks.audio()));
    if [picture, sound].contains(&Some(&Codec::Encrypted)) {
        return Err(TranscodeReason::Encrypted.into());
    }
    if picture.is_none() && sound.is_some() {
        // The same is wrong with sound that browsers decode.
        let against = choose_sound(tracks).map(|sound| sound.against);
        return Ok(matches!(
            against,
            Ok(None | Some(TranscodeReason::AudioGaps))
        ));
    }
    // The first thing that is wrong with a picture that browsers decode is that it has no frames yet.
    Ok(picture.is_some()
        && match choose(tracks) {
            Ok(choices) => choices.video.against.is_none() || choices.video.for_some,
            Err(reason) => reason == TranscodeReason::NoVideo,
        })
}
