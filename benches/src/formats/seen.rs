//! What a track shows and sounds like, decoded by ffmpeg.

use anyhow::{Context, ensure};
use std::path::Path;

use super::{boxes, film::seconds};
use crate::{output, tool};

/// Samples of sound a second.
const RATE: usize = 48_000;
/// Each frame is looked at as so many points a side.
const SIDE: usize = 8;
/// Red, green and blue of each.
const FRAME: usize = SIDE * SIDE * 3;
/// A millisecond of sound.
const STEP: usize = RATE / 1000;
/// Tones are this many milliseconds apart at least.
const QUIET: usize = 100;

/// A picture, frame by frame.
#[derive(Debug)]
pub(super) struct Picture {
    /// When each frame is shown, seconds.
    pub(super) times: Vec<f64>,
    white: Vec<bool>,
    /// Whether the corners have their colours in every frame.
    pub(super) upright: bool,
    /// What the decoder complained of.
    pub(super) complaints: String,
}

impl Picture {
    /// When it turns white.
    pub(super) fn flashes(&self) -> Vec<f64> {
        let begins = |n: &usize| self.white[*n] && (*n == 0 || !self.white[n - 1]);
        let begins = (0..self.white.len()).filter(begins);
        begins.map(|n| self.times[n]).collect()
    }
}

/// Decodes the picture of a file.
pub(super) fn picture(path: &Path) -> anyhow::Result<Picture> {
    let points = path.with_extension("points");
    let mut ffmpeg = tool("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-y", "-i"]);
    let tiny = "-map 0:v -vf scale=8:8:flags=area,format=rgb24 -fps_mode passthrough -f rawvideo";
    ffmpeg.arg(path).args(tiny.split_whitespace()).arg(&points);
    let run = ffmpeg.output()?;
    let complaints = String::from_utf8_lossy(&run.stderr).into_owned();
    ensure!(run.status.success(), "{complaints}");
    let bytes = std::fs::read(points)?;
    let frames: Vec<&[u8]> = bytes.chunks_exact(FRAME).collect();
    let samples = boxes::samples(&std::fs::read(path)?).context("its boxes")?;
    let (times, shown) = (samples.times, frames.len());
    ensure!(
        times.len() == shown,
        "{shown} frames of {} decode",
        times.len()
    );
    Ok(Picture {
        times,
        white: frames.iter().map(|frame| is_white(frame)).collect(),
        upright: frames.iter().all(|frame| is_upright(frame)),
        complaints,
    })
}

fn point(frame: &[u8], x: usize, y: usize) -> [i32; 3] {
    let at = (y * SIDE + x) * 3;
    [frame[at], frame[at + 1], frame[at + 2]].map(i32::from)
}

/// The corners are coloured, and what is next to an edge is mixed.
fn is_white(frame: &[u8]) -> bool {
    let inner = (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (x, y)));
    inner
        .filter(|(x, y)| !(*x < 3 && *y < 3 || *x > 4 && *y > 4))
        .all(|(x, y)| point(frame, x, y).iter().all(|part| *part > 170))
}

fn is_upright(frame: &[u8]) -> bool {
    let [red, green, blue] = point(frame, 0, 0);
    let [other_red, other_green, other_blue] = point(frame, SIDE - 1, SIDE - 1);
    red > green + 50
        && red > blue + 50
        && other_blue > other_red + 50
        && other_blue > other_green + 50
}

/// When tones begin, seconds.
pub(super) fn tones(path: &Path) -> anyhow::Result<Vec<f64>> {
    let out = path.with_extension("sound");
    let mut ffmpeg = tool("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-y", "-i"]);
    ffmpeg.arg(path);
    let words = "-map 0:a -af anull -ac 1 -ar 48000 -f s16le";
    ffmpeg.args(words.split_whitespace()).arg(&out);
    output(&mut ffmpeg).context("its sound")?;
    let bytes = std::fs::read(out)?;
    let (samples, _) = bytes.as_chunks();
    let heard: Vec<i16> = samples.iter().map(|it| i16::from_le_bytes(*it)).collect();
    let shown = boxes::samples(&std::fs::read(path)?).context("its boxes")?;
    let first = shown.times.first().context("a sample")?;
    // What a decoder leaves out at the beginning primes it.
    let primes = (shown.seconds - seconds(heard.len()) / 48_000.0).max(0.0);
    Ok(beeps(&heard)
        .into_iter()
        .map(|at| at + first + primes)
        .collect())
}

fn beeps(heard: &[i16]) -> Vec<f64> {
    let loudness = |step: &[i16]| step.iter().map(|it| it.unsigned_abs()).max().unwrap_or(0);
    let steps: Vec<u16> = heard.chunks(STEP).map(loudness).collect();
    // What is left of a tone that is not there is noise.
    let most = steps.iter().copied().max().unwrap_or(0).max(1000);
    let mut quiet = QUIET;
    let begins = steps.into_iter().enumerate().filter_map(|(at, step)| {
        let loud = u32::from(step) * 10 > u32::from(most) * 3;
        let begins = loud && quiet >= QUIET;
        quiet = if loud { 0 } else { quiet + 1 };
        begins.then_some(at)
    });
    begins.map(|at| seconds(at) / 1000.0).collect()
}
