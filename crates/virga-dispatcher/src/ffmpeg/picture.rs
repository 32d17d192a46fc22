//! One still picture out of a video.

use std::{path::PathBuf, time::Duration};

use super::{
    Probed, Session,
    process::{self, Bounds},
    span,
};
use crate::outcome::JobError;

/// The poster is not wider than this.
const WIDEST: u32 = 1280;
/// Not at the very beginning, which is often black.
const EARLIEST: Duration = Duration::from_secs(1);
/// From as many key frames the most telling one is taken.
const KEY_FRAMES: u32 = 8;
/// Where key frames do not do: from as many frames.
const FRAMES: u32 = 50;
const DEADLINE: Duration = Duration::from_secs(300);
const MOST_BYTES: u64 = 16 << 20;
const NAME: &str = "poster.jpg";

/// Takes a picture from about a tenth into the video.
pub(crate) async fn picture(session: &Session<'_>, probed: &Probed) -> Result<PathBuf, JobError> {
    let length = span(probed.shape.duration_micros);
    let at = (length / 10).max(EARLIEST);
    let at = (at < length).then_some(at);
    let path = session.folder.join(NAME);
    let tried = take(session, probed, at, true).await;
    if tried.is_ok() && is_there(&path) {
        return Ok(path);
    }
    if matches!(tried, Err(JobError::Interrupted)) {
        return Err(JobError::Interrupted);
    }
    // Key frames are missing or badly indexed: decode from the beginning.
    take(session, probed, None, false).await?;
    if is_there(&path) {
        Ok(path)
    } else {
        Err(JobError::fail(
            "damaged",
            "No picture could be taken from it.",
        ))
    }
}

fn is_there(path: &std::path::Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() > 0)
}

async fn take(
    session: &Session<'_>,
    probed: &Probed,
    at: Option<Duration>,
    key_frames_only: bool,
) -> Result<(), JobError> {
    let of = if key_frames_only { KEY_FRAMES } else { FRAMES };
    let (width, height) = size(probed.shape.width, probed.shape.height);
    let mut arguments = session.input(at, key_frames_only);
    arguments.pair("-map", format!("0:{}", probed.picture.stream));
    arguments.pair("-vf", probed.picture.still(width, height, of));
    arguments.words("-frames:v 1 -q:v 3 -map_metadata -1 -fps_mode passthrough");
    arguments.words("-f image2 -update 1");
    let bounds = Bounds {
        deadline: DEADLINE,
        file: MOST_BYTES,
        pixels: 0,
    };
    process::encode(session, arguments.last(NAME), bounds, Duration::ZERO).await
}

/// Scaled down to the widest, even.
fn size(width: u32, height: u32) -> (u32, u32) {
    let even = |side: u64| u32::try_from(side & !1).unwrap_or(2).max(2);
    if width <= WIDEST {
        return (even(width.into()), even(height.into()));
    }
    let scaled = u64::from(height) * u64::from(WIDEST) / u64::from(width);
    (WIDEST, even(scaled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_even_and_not_enlarged() {
        assert_eq!(size(1920, 1080), (1280, 720));
        assert_eq!(size(641, 359), (640, 358));
        assert_eq!(size(1, 1), (2, 2));
        assert_eq!(size(8000, 10), (1280, 2));
    }
}
