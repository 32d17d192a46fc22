//! Copying the picture, and where it may be the sound, out of a container that browsers do not play: what
//! ffprobe must say of them for that, and the run of ffmpeg that does it.

use std::path::PathBuf;

use super::{
    Arguments, FfmpegRun, Probed, deadline,
    encode::{SOUND_FILE, in_fragments, sound_output},
    filters::Light,
    probe::Stream,
    process::{self, Bounds},
    span,
};
use crate::job_result::JobError;

/// Sound that begins later than this after the picture, or earlier than the second before it, is encoded:
/// what is copied can neither be cut nor filled up.
const LATEST: i64 = 50_000;
const EARLIEST: i64 = -250_000;
/// Bytes that boxes may add to what is copied.
const BOXES: u64 = 64 << 20;

const PICTURE_FILE: &str = "copy.mp4";

/// What may be copied of a file whose picture is H.264 as all browsers play it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Copyable {
    /// Whether the sound may be.
    pub(crate) sound: bool,
}

impl Copyable {
    /// By what ffprobe says. Square pixels only, upright, and of standard light: what is shown otherwise is
    /// made plain by encoding. The samples themselves are looked at while they are copied.
    pub(super) fn of(picture: &Stream, sound: Option<&Stream>) -> Option<Self> {
        let one_of = |text: &Option<String>, words: &[&str]| {
            text.as_deref().is_some_and(|text| words.contains(&text))
        };
        let first = picture.begins()?;
        let plain = picture.codec_name == "h264"
            && one_of(&picture.pix_fmt, &["yuv420p", "yuvj420p"])
            && one_of(&picture.field_order, &["progressive"])
            && picture
                .sample_aspect_ratio
                .as_deref()
                .is_none_or(|it| matches!(it, "1:1" | "0:1"))
            && !picture.is_turned()
            && Light::of(picture.color_transfer.as_deref()) == Light::Standard;
        let together = |sound: &Stream| {
            let begins = sound.begins().map(|begins| begins - first);
            begins.is_some_and(|begins| (EARLIEST..=LATEST).contains(&begins))
        };
        let sound = sound.is_some_and(|sound| {
            sound.codec_name == "aac"
                && one_of(&sound.profile, &["LC"])
                && (1..=8).contains(&sound.channels)
                && together(sound)
        });
        plain.then_some(Self { sound })
    }
}

/// Where [`copy`] writes the picture.
pub(crate) fn copied_path(session: &FfmpegRun<'_>) -> PathBuf {
    session.folder.join(PICTURE_FILE)
}

/// Bytes that a copy of `len` bytes may come to.
pub(crate) fn most_copied(len: u64) -> u64 {
    len.saturating_add(len / 8).saturating_add(BOXES)
}

/// Copies the picture, and copies or encodes the sound, each into a file of its own that is read while it is
/// written. Ends with an error at the first packet that is damaged: nobody would conceal that in a copy.
pub(crate) async fn copy(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    len: u64,
) -> Result<(), JobError> {
    let mut arguments = session.input(None, false);
    arguments.words("-xerror");
    let mut picture = Arguments::default();
    picture.pair("-map", format!("0:{}", probed.picture.stream));
    picture.words("-c:v copy -video_track_timescale 90000");
    picture.words("-map_metadata -1 -map_chapters -1 -f mp4");
    in_fragments(&mut picture);
    arguments.append(picture.last(PICTURE_FILE));
    if let Some(stream) = probed.sound.first() {
        let mut sound = if probed.copyable.is_some_and(|may| may.sound) {
            let mut sound = Arguments::default();
            sound.pair("-map", format!("0:{stream}"));
            sound.words("-c:a copy -bsf:a aac_adtstoasc");
            sound.words("-map_metadata -1 -map_chapters -1 -f mp4");
            sound
        } else {
            sound_output(probed.late_micros, probed, 0)
        };
        in_fragments(&mut sound);
        arguments.append(sound.last(SOUND_FILE));
    }
    let media = span(probed.shape.duration_micros);
    let bounds = Bounds {
        deadline: deadline(media),
        file: most_copied(len),
        pixels: u64::from(probed.shape.width) * u64::from(probed.shape.height),
    };
    process::encode(session, arguments, bounds, media).await
}
