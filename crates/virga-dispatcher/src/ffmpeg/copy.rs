//! Copying the picture, and where it may be the sound, out of a container that browsers do not play.

use std::path::PathBuf;

use super::{
    Arguments, FfmpegRun, Probed, deadline,
    encode::{SOUND_FILE, in_fragments, sound_output},
    process::{self, Bounds},
    span,
};
use crate::job_result::JobError;

/// Bytes that boxes may add to what is copied.
const BOXES: u64 = 64 << 20;

const PICTURE_FILE: &str = "copy.mp4";

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
    picture.pair("-map", format!("0:{}", probed.shown()?.stream));
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
            sound_output(probed.heard_from(probed.late_micros), probed, 0)
        };
        in_fragments(&mut sound);
        arguments.append(sound.last(SOUND_FILE));
    }
    let media = span(probed.shape.duration_micros);
    let bounds = Bounds {
        deadline: deadline(media),
        file: most_copied(len),
        pixels: probed.pixels(),
        memory: session.config.resident(0, 0),
    };
    process::encode(session, arguments, bounds, media).await
}
