//! One still picture out of a video, in several sizes; of a film without a picture its cover, or what its
//! sound looks like.

mod cover;

use std::{path::PathBuf, time::Duration};
use virga_core::Code;

use super::{
    Arguments, FfmpegRun, Probed,
    filters::{self, Picture},
    process::{self, Bounds},
    span,
};
use crate::job_result::JobError;

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

/// Widths of the pictures for lists.
const SMALLER: [u32; 2] = [320, 640];

/// Where the pictures are.
#[derive(Clone, Debug)]
pub(crate) struct Pictures {
    /// The JPEG.
    pub(crate) large: PathBuf,
    /// WebP by width, none wider than the JPEG.
    pub(crate) smaller: Vec<(u32, PathBuf)>,
}

/// Takes a picture from about a tenth into the video.
pub(crate) async fn picture(
    session: &FfmpegRun<'_>,
    probed: &Probed,
) -> Result<Pictures, JobError> {
    let Some(shown) = probed.picture else {
        return cover::picture(session, probed).await;
    };
    let (width, height) = size(probed.shape.width, probed.shape.height);
    let smaller: Vec<u32> = SMALLER.into_iter().filter(|it| *it <= width).collect();
    let mut shot = Shot {
        session,
        shown,
        length: span(probed.shape.duration_micros),
        pixels: probed.pixels(),
        size: (width, height),
        smaller,
    };
    match shot.attempts().await {
        Err(JobError::LacksEncoder(_)) => {
            shot.smaller.clear();
            shot.attempts().await
        }
        taken => taken,
    }
}

/// One picture to be taken.
struct Shot<'a> {
    session: &'a FfmpegRun<'a>,
    shown: Picture,
    length: Duration,
    /// Of the source.
    pixels: u64,
    size: (u32, u32),
    smaller: Vec<u32>,
}

impl Shot<'_> {
    async fn attempts(&self) -> Result<Pictures, JobError> {
        let at = (self.length / 10).max(EARLIEST);
        let at = (at < self.length).then_some(at);
        let tried = self.take(at, true).await;
        if let Err(error @ (JobError::Interrupted | JobError::LacksEncoder(_))) = tried {
            return Err(error);
        }
        if let (Ok(()), Some(pictures)) = (tried, self.pictures()) {
            return Ok(pictures);
        }
        // Key frames are missing or badly indexed: decode from the beginning.
        self.take(None, false).await?;
        let missing = || JobError::fail(Code::Damaged, "No picture could be taken from it.");
        self.pictures().ok_or_else(missing)
    }

    /// The pictures, once all of them are there.
    fn pictures(&self) -> Option<Pictures> {
        pictures(self.session, &self.smaller)
    }

    async fn take(&self, at: Option<Duration>, key_frames_only: bool) -> Result<(), JobError> {
        let session = self.session;
        let of = if key_frames_only { KEY_FRAMES } else { FRAMES };
        let mut arguments = session.input(at, key_frames_only);
        let stills = self.shown.stills(self.size, of, &self.smaller);
        arguments.pair("-filter_complex", stills);
        arguments.append(outputs(&self.smaller));
        let bounds = Bounds {
            deadline: DEADLINE,
            file: MOST_BYTES,
            pixels: 0,
            memory: session.config.resident(self.pixels, 0) + self.pixels * 2 * u64::from(of),
        };
        process::encode(session, arguments, bounds, Duration::ZERO).await
    }
}

/// One file for each picture of the graph.
fn outputs(smaller: &[u32]) -> Arguments {
    let output = |from: &str, coding: &str, name: &str| {
        let mut output = Arguments::default();
        output.pair("-map", format!("[{from}]"));
        output.words("-frames:v 1 -map_metadata -1 -fps_mode passthrough");
        output.words(coding);
        output.last(name)
    };
    let mut all = output("large", "-q:v 3 -f image2 -update 1", NAME);
    for width in smaller {
        let coding = "-c:v libwebp -quality 75 -f webp";
        all.append(output(&format!("w{width}"), coding, &small_name(*width)));
    }
    all
}

/// The pictures, once all of them are there.
fn pictures(session: &FfmpegRun<'_>, smaller: &[u32]) -> Option<Pictures> {
    let there = |name: &str| {
        let path = session.folder.join(name);
        let written = path.metadata().is_ok_and(|file| file.len() > 0);
        written.then_some(path)
    };
    Some(Pictures {
        large: there(NAME)?,
        smaller: smaller
            .iter()
            .map(|width| Some((*width, there(&small_name(*width))?)))
            .collect::<Option<_>>()?,
    })
}

fn small_name(width: u32) -> String {
    format!("poster-{width}.webp")
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
