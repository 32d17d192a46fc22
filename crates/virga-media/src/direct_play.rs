//! May browsers play this file's own tracks as they are? Each that they may is published without
//! encoding.

use thiserror::Error;

use crate::codec::{Aac, Avc, Codec};
use crate::movie::{Movie, Track, first_shown};
use crate::time::to_micros;

/// Key frames may be this far apart, the end included, in microseconds: seeking and starting stay quick.
pub const MAX_KEY_FRAME_GAP: i64 = 12_000_000;
/// A later start than this would leave a hole at the beginning that players stumble over.
const MAX_LATE_START: i64 = 50_000;
/// AAC and Opus priming stay below this; more is a trim whose sound must not be given out.
const MAX_PRIMING: i64 = 250_000;
/// How much of the end an edit may leave out before it is a trim: padding and rounding.
const MAX_HIDDEN_END: i64 = 500_000;
/// Sound that ends earlier than this before the picture would stall players.
const MAX_EARLY_END: i64 = 1_000_000;
/// One sample of sound this long is a hole written as a duration.
const MAX_SOUND_SAMPLE: i64 = 500_000;
/// H.264 level 5.2.
const MAX_LEVEL: u8 = 52;

/// The tracks that [`plan`](crate::plan) packages, by index in [`Movie::tracks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstantTracks {
    /// The picture.
    pub video: usize,
    /// The sound, where there is any.
    pub audio: Option<usize>,
}

/// Why a file must be encoded first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum TranscodeReason {
    /// No picture, and where sound may be alone no sound either.
    #[error("The file contains nothing to play. Upload a file with video or sound.")]
    NoVideo,
    /// Its samples lie in fragments.
    #[error("The file is fragmented.")]
    Fragmented,
    /// Samples lie past the end of the file: it was cut off.
    #[error("The file is incomplete: the end is missing. Upload the whole file.")]
    Truncated,
    /// Samples lie in another file.
    #[error(
        "The file only refers to media stored elsewhere. Export it as one complete file and upload that."
    )]
    External,
    /// Locked with a key.
    #[error("The file is encrypted. Upload a copy without protection.")]
    Encrypted,
    /// A video coding other than H.264.
    #[error("Its picture is not in H.264.")]
    VideoCodec,
    /// H.264 of a profile or level that not all browsers decode.
    #[error("Its H.264 profile or level is not played by all browsers.")]
    VideoProfile,
    /// More than 8 bits or other than 4:2:0.
    #[error("Its picture has more than 8 bits or finer colour than browsers play.")]
    VideoDepth,
    /// Fields instead of frames.
    #[error("Its picture is interlaced.")]
    Interlaced,
    /// Several sample descriptions, or parameter sets between the samples.
    #[error("Its picture changes its coding on the way.")]
    ChangingParameters,
    /// A mirrored or skewed picture.
    #[error("Its picture is mirrored or skewed.")]
    Matrix,
    /// Several stretches or another speed.
    #[error("It contains edits that were never exported to a new file.")]
    Edited,
    /// Its beginning or end is hidden by an edit.
    #[error("Its beginning or end was trimmed without exporting a new file.")]
    Trimmed,
    /// The first sample cannot be decoded by itself.
    #[error("It does not begin with a key frame.")]
    NoLeadingKeyFrame,
    /// Key frames over 12 seconds apart.
    #[error("Its key frames are too far apart.")]
    SparseKeyFrames,
    /// The picture begins late.
    #[error("Its picture begins later than its sound.")]
    LateVideo,
    /// The sound begins late.
    #[error("Its sound begins later than its picture.")]
    LateAudio,
    /// The sound ends early or has holes.
    #[error("Its sound has holes or ends before its picture.")]
    AudioGaps,
    /// A sound coding other than AAC-LC, HE-AAC or Opus.
    #[error("Its sound is not in AAC or Opus.")]
    AudioCodec,
}

/// One track and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The track, by its place in [`Movie::tracks`].
    pub track: usize,
    /// Why it must be encoded; `None` where it is copied.
    pub against: Option<TranscodeReason>,
    /// Some browsers play it as it is, and nothing but its coding is against it: it is copied for them, and
    /// encoded for the others.
    pub for_some: bool,
}

/// What becomes of a file's picture and of its sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choices {
    /// The picture.
    pub video: Choice,
    /// The sound, where there is any.
    pub audio: Option<Choice>,
}

/// Decides about each track by itself: a picture that browsers play is never encoded because of its
/// sound, nor sound because of its picture. An error where this file cannot be decided about: it has
/// no picture, or is incomplete, locked, or with its samples elsewhere, or its fragments were not read.
///
/// A picture begins with its first frame and a sound that is copied next to it keeps its place from
/// there ([`first_shown`]). What is said against a track that begins later or ends earlier than the
/// other is said against the one whose encoding mends it.
pub fn choose(movie: &Movie) -> Result<Choices, TranscodeReason> {
    let video = movie.video().ok_or(TranscodeReason::NoVideo)?;
    if movie.fragmented {
        return Err(TranscodeReason::Fragmented);
    }
    let picture = &movie.tracks[video];
    let origin = first_shown(movie, video);
    let mut shown = decidable(check_picture(movie, picture))?;
    let mut heard = None;
    if let Some(audio) = movie.audio() {
        let against = decidable(check_sound(&movie.tracks[audio], lasts(picture), origin))?;
        // Sound from before the first frame would be lost.
        let late = against == Some(TranscodeReason::LateVideo);
        shown = shown.or(against.filter(|_| late));
        heard = Some(Choice {
            track: audio,
            against: against.filter(|_| !late),
            for_some: false,
        });
    }
    if movie.truncated {
        return Err(TranscodeReason::Truncated);
    }
    let for_some = shown.is_none() && is_for_some(&picture.codec);
    Ok(Choices {
        video: Choice {
            track: video,
            against: shown.or(for_some.then_some(TranscodeReason::VideoCodec)),
            for_some,
        },
        audio: heard,
    })
}

/// Decides about the sound of a file without a picture. An error where this file cannot be decided about, as
/// in [`choose`].
pub fn choose_sound(movie: &Movie) -> Result<Choice, TranscodeReason> {
    let track = movie.audio().ok_or(TranscodeReason::NoVideo)?;
    if movie.fragmented {
        return Err(TranscodeReason::Fragmented);
    }
    let against = decidable(check_heard(&movie.tracks[track]))?;
    if movie.truncated {
        return Err(TranscodeReason::Truncated);
    }
    Ok(Choice {
        track,
        against,
        for_some: false,
    })
}

/// The sound of a file whose picture must be encoded, where it may be copied next to that. `first`: when the first
/// frame is shown on the file's timeline; `length`: how long the picture is, both as a decoder of it says,
/// microseconds.
pub fn sound_to_keep(movie: &Movie, first: i64, length: i64) -> Option<usize> {
    let choices = choose(movie).ok()?;
    let coding = matches!(
        choices.video.against?,
        TranscodeReason::VideoCodec
            | TranscodeReason::VideoProfile
            | TranscodeReason::VideoDepth
            | TranscodeReason::ChangingParameters
            | TranscodeReason::Interlaced
            | TranscodeReason::Matrix
            | TranscodeReason::SparseKeyFrames
    );
    let sound = movie.audio().filter(|_| coding && length > 0)?;
    let kept = check_sound(&movie.tracks[sound], length, first);
    kept.is_ok().then_some(sound)
}

/// Names the tracks to package as they are, or the first reason against.
pub fn instant(movie: &Movie) -> Result<InstantTracks, TranscodeReason> {
    let Choices { video, audio } = choose(movie)?;
    let mut choices = [Some(video), audio].into_iter().flatten();
    match choices.find_map(|choice| choice.against) {
        Some(reason) => Err(reason),
        None => Ok(InstantTracks {
            video: video.track,
            audio: audio.map(|audio| audio.track),
        }),
    }
}

/// Whether a picture whose samples are not known yet may be copied for players, by its description alone.
///
/// # Errors
/// The first reason against.
pub fn may_copy(track: &Track) -> Result<(), TranscodeReason> {
    check_common(track)?;
    let Codec::Avc(avc) = &track.codec else {
        return Err(TranscodeReason::VideoCodec);
    };
    check_avc(avc)?;
    if track.rotation == Some(0) {
        Ok(())
    } else {
        Err(TranscodeReason::Matrix)
    }
}

/// Whether another sound than the first may be copied next to a picture, by their places in [`Movie::tracks`].
///
/// # Errors
/// The first reason against.
pub fn may_copy_sound(movie: &Movie, sound: usize, picture: usize) -> Result<(), TranscodeReason> {
    let (Some(heard), Some(shown)) = (movie.tracks.get(sound), movie.tracks.get(picture)) else {
        return Err(TranscodeReason::NoVideo);
    };
    check_sound(heard, lasts(shown), first_shown(movie, picture))
}

/// A reason against a track, unless it is one that no encoder mends.
fn decidable(
    checked: Result<(), TranscodeReason>,
) -> Result<Option<TranscodeReason>, TranscodeReason> {
    match checked {
        Err(
            reason @ (TranscodeReason::NoVideo
            | TranscodeReason::External
            | TranscodeReason::Encrypted),
        ) => Err(reason),
        Err(reason) => Ok(Some(reason)),
        Ok(()) => Ok(None),
    }
}

fn check_picture(movie: &Movie, track: &Track) -> Result<(), TranscodeReason> {
    check_common(track)?;
    match &track.codec {
        Codec::Avc(avc) => check_avc(avc)?,
        Codec::Encrypted => return Err(TranscodeReason::Encrypted),
        coding if is_for_some(coding) => {}
        _ => return Err(TranscodeReason::VideoCodec),
    }
    let extent = track.samples.extent();
    let micros = |ticks| to_micros(ticks, track.timescale);
    if track.samples.is_empty() || track.width == 0 || track.height == 0 {
        return Err(TranscodeReason::NoVideo);
    }
    if track.rotation.is_none() || !movie.upright {
        return Err(TranscodeReason::Matrix);
    }
    if track.edit.media_start > extent.first || hides_end(track) {
        return Err(TranscodeReason::Trimmed);
    }
    if !extent.starts_with_sync {
        return Err(TranscodeReason::NoLeadingKeyFrame);
    }
    if micros(extent.longest_gop) > MAX_KEY_FRAME_GAP {
        return Err(TranscodeReason::SparseKeyFrames);
    }
    if track.edit.leading_empty_micros > MAX_LATE_START {
        return Err(TranscodeReason::LateVideo);
    }
    Ok(())
}

/// Codings and profiles that browsers decode where the machine or the system does: HEVC Main and Main 10,
/// AV1 Main, VP9 of 4:2:0.
fn is_for_some(codec: &Codec) -> bool {
    let (Codec::Hevc(name) | Codec::Av1(name) | Codec::Vp9(name)) = codec else {
        return false;
    };
    // Without `hev1`, whose parameter sets lie between the samples: Apple's players refuse it.
    let mut parts = name.split('.');
    matches!(
        (parts.next(), parts.next()),
        (Some("hvc1"), Some("1" | "2"))
            | (Some("av01"), Some("0"))
            | (Some("vp09"), Some("00" | "02"))
    )
}

fn check_avc(avc: &Avc) -> Result<(), TranscodeReason> {
    if avc.in_band {
        return Err(TranscodeReason::ChangingParameters);
    }
    if avc.bit_depth != 8 || avc.chroma_format != 1 {
        return Err(TranscodeReason::VideoDepth);
    }
    if !matches!(avc.profile, 66 | 77 | 100) || avc.level > MAX_LEVEL {
        return Err(TranscodeReason::VideoProfile);
    }
    if avc.interlaced {
        Err(TranscodeReason::Interlaced)
    } else {
        Ok(())
    }
}

/// What is against a sound by itself.
fn check_heard(track: &Track) -> Result<(), TranscodeReason> {
    check_common(track)?;
    match &track.codec {
        Codec::Aac(Aac {
            object_type: 2 | 5 | 29,
            channel_configuration: 1..=7,
            ..
        })
        | Codec::Opus => {}
        Codec::Encrypted => return Err(TranscodeReason::Encrypted),
        _ => return Err(TranscodeReason::AudioCodec),
    }
    let extent = track.samples.extent();
    let micros = |ticks| to_micros(ticks, track.timescale);
    let hole = micros(extent.longest_sample.into()) > MAX_SOUND_SAMPLE;
    if track.samples.is_empty() || hole || stands_still(track) {
        return Err(TranscodeReason::AudioGaps);
    }
    if micros(track.edit.media_start - extent.first) > MAX_PRIMING || hides_end(track) {
        return Err(TranscodeReason::Trimmed);
    }
    Ok(())
}

/// How long a picture is shown, microseconds.
fn lasts(picture: &Track) -> i64 {
    let extent = picture.samples.extent();
    to_micros(extent.end - extent.first, picture.timescale)
}

/// `picture_ends`: when the picture that begins at `origin` ends after that.
fn check_sound(track: &Track, picture_ends: i64, origin: i64) -> Result<(), TranscodeReason> {
    check_heard(track)?;
    let extent = track.samples.extent();
    let micros = |ticks| to_micros(ticks, track.timescale);
    let shown = track.edit.leading_empty_micros - micros(track.edit.media_start) - origin;
    let starts = shown + micros(extent.first);
    if starts > MAX_LATE_START {
        return Err(TranscodeReason::LateAudio);
    }
    if starts < -MAX_PRIMING {
        return Err(TranscodeReason::LateVideo);
    }
    if picture_ends - (shown + micros(extent.end)) > MAX_EARLY_END {
        return Err(TranscodeReason::AudioGaps);
    }
    Ok(())
}

fn check_common(track: &Track) -> Result<(), TranscodeReason> {
    if track.external {
        return Err(TranscodeReason::External);
    }
    if track.descriptions != 1 {
        return Err(TranscodeReason::ChangingParameters);
    }
    if track.edit.complex {
        Err(TranscodeReason::Edited)
    } else {
        Ok(())
    }
}

/// Samples of sound that are said to be heard at once: players keep one of them. The last one of a
/// file often has no duration.
fn stands_still(track: &Track) -> bool {
    let durations = track.samples.durations.iter();
    let still = durations.filter(|(_, ticks)| *ticks == 0);
    still.map(|(samples, _)| u64::from(*samples)).sum::<u64>() > 1
}

fn hides_end(track: &Track) -> bool {
    let media_end = to_micros(track.samples.extent().end, track.timescale);
    let start = to_micros(track.edit.media_start, track.timescale);
    track
        .edit
        .length_micros
        .is_some_and(|shown| media_end - (start + shown) > MAX_HIDDEN_END)
}
