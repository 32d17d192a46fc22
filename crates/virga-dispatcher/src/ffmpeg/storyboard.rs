//! Tiles from all over a film, on sheets, and when each is shown. Only key frames are decoded.

use std::{path::PathBuf, time::Duration};

use super::{
    FfmpegRun, Probed, deadline,
    process::{self, Bounds},
};
use crate::job_result::JobError;
use virga_media::Container;

/// Columns and rows of a sheet: one is some tens of kilobytes, and a viewer who seeks needs few of them.
pub(crate) const TILES: (u32, u32) = (5, 5);
/// A tile is not wider than this, and not higher than a phone's film of that width.
const WIDEST: u32 = 160;
const HIGHEST: u32 = 284;
/// A film has no more tiles than this, however long it is.
const MOST: u32 = 400;
/// Tiles are not closer than this: of one key frame a second, which may come a little early, all are taken.
const CLOSEST: Duration = Duration::from_millis(900);
const MOST_BYTES: u64 = 16 << 20;
/// The name under which the times of the tiles are written.
const TIMES: &str = "times";

/// What came out.
#[derive(Clone, Debug)]
pub(crate) struct Tiles {
    /// A tile's width and height.
    pub(crate) size: (u32, u32),
    /// The sheets, JPEG.
    pub(crate) sheets: Vec<PathBuf>,
    /// When each tile is shown, milliseconds.
    pub(crate) times: Vec<u64>,
}

/// Takes the tiles of a film of this length.
pub(crate) async fn storyboard(
    session: &FfmpegRun<'_>,
    probed: &Probed,
    length: Duration,
) -> Result<Tiles, JobError> {
    let size = size(probed.shape.width, probed.shape.height);
    let mut arguments = session.begin();
    // Blocks are invisible at this size, so they are not smoothed. A filter graph that is rebuilt where the
    // picture changes its size would lose tiles.
    arguments.words("-skip_frame nokey -skip_loop_filter all -reinit_filter 0");
    // On the file's own timeline: of some containers ffmpeg would take the earliest moment of what it reads.
    arguments.words("-copyts");
    if session.container == Container::Mp4 {
        // The other frames are not even read.
        arguments.words("-discard:v nokey");
    }
    arguments.pair("-threads", session.config.threads());
    session.open(&mut arguments);
    let apart = (length / MOST).max(CLOSEST);
    let graph = probed.shown()?.tiles(size, TILES, MOST, apart);
    arguments.pair("-filter_complex", graph);
    // In this order: the first output's frames are the progress that is watched.
    arguments.words("-map [times] -fps_mode passthrough -enc_time_base 1:1000 -c:v rawvideo");
    arguments.words("-f framecrc");
    arguments = arguments.last(TIMES);
    arguments.words("-map [sheets] -map_metadata -1 -fps_mode passthrough -q:v 5 -f image2");
    arguments = arguments.last("sheet-%d.jpg");
    let bounds = Bounds {
        deadline: deadline(length),
        file: MOST_BYTES,
        pixels: 0,
        memory: session.config.resident(probed.pixels(), 0),
    };
    process::encode(session, arguments, bounds, length).await?;
    let said = tokio::fs::read_to_string(session.folder.join(TIMES)).await?;
    let times: Vec<i64> = times(&said).collect();
    let first = probed.first_micros.map(|micros| micros / 1000);
    let first = first.or(times.first().copied()).unwrap_or(0);
    let times: Vec<u64> = times
        .iter()
        .map(|at| u64::try_from(at - first).unwrap_or(0))
        .collect();
    let on_sheet = usize::try_from(TILES.0 * TILES.1).unwrap_or(1);
    let sheets: Vec<PathBuf> = (1..=times.len().div_ceil(on_sheet))
        .map(|n| session.folder.join(format!("sheet-{n}.jpg")))
        .collect();
    if !sheets.iter().all(|sheet| sheet.is_file()) {
        return Err(JobError::no_file());
    }
    Ok(Tiles {
        size,
        sheets,
        times,
    })
}

/// The time stamps in what the muxer `framecrc` wrote.
fn times(said: &str) -> impl Iterator<Item = i64> {
    let frames = said.lines().filter(|line| !line.starts_with('#'));
    frames.filter_map(|line| line.split(',').nth(2)?.trim().parse().ok())
}

/// Scaled down into the box of a tile, even.
fn size(width: u32, height: u32) -> (u32, u32) {
    let (width, height) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let even = |side: u64| u32::try_from(side & !1).unwrap_or(2).max(2);
    let across = width.min(WIDEST.into());
    let down = height * across / width;
    if down <= HIGHEST.into() {
        return (even(across), even(down));
    }
    (even(width * u64::from(HIGHEST) / height), HIGHEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_keep_the_films_shape() {
        assert_eq!(size(1920, 1080), (160, 90));
        assert_eq!(size(1080, 1920), (160, 284));
        assert_eq!(size(96, 54), (96, 54));
        assert_eq!(size(8000, 10), (160, 2));
        assert_eq!(size(10, 8000), (2, 284));
    }

    #[test]
    fn times_are_read_off_the_frames() {
        let said = "#software: Lavf59\n#tb 0: 1/1000\n0,          0,         21,        1,        6, 0x1\n\
                    0,       2021,       2021,        1,        6, 0x2\n";
        assert_eq!(times(said).collect::<Vec<_>>(), [21, 2021]);
    }
}
