//! Which renditions are encoded: never larger than the source, the rate capped for each size.

mod choice;

pub use choice::{COARSEST, Likeness, RungTrial, TILE_GRID, choose_rungs, trial_starts};

use crate::bandwidth::rate;
use crate::direct_play::choose;
use crate::movie::Movie;
use crate::plan::frame_rate;
use crate::time;

/// Constant rate factor of a rung unless trial encodes allow a larger one: the rate follows the content and the cap
/// ends it.
const CRF: u8 = 23;
/// Short side and cap in bits a second at up to 30 frames a second.
const CAPS: [(u32, u32); 6] = [
    (360, 800_000),
    (480, 1_400_000),
    (720, 2_800_000),
    (1080, 5_000_000),
    (1440, 9_000_000),
    (2160, 16_000_000),
];
/// A source within this share of a rung's size (cropped a little) still gets that rung, at its own
/// size, in per cent.
const NEAR_ENOUGH: u64 = 95;

/// A rung of the source's own size replaces the one below if that is smaller by less than this, in
/// per cent.
const WORTH_BOTH: u64 = 125;
/// A source that is served itself and has fewer bits a second than this gets no rungs. What others are encoded
/// to is not capped below it.
const THIN: u64 = 150_000;

/// What the ladder needs to know of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceShape {
    /// Width in square pixels as shown, after rotation.
    pub width: u32,
    /// Height in square pixels as shown, after rotation.
    pub height: u32,
    /// Frames a second on average.
    pub frame_rate: f64,
    /// Length of the picture, or of sound without one.
    pub duration_micros: i64,
    /// Bits a second of the video track on average, 0 where unknown.
    pub video_bitrate: u64,
    /// The same where the source is itself served as a rendition, `None` where it must be encoded.
    pub instant_bitrate: Option<u64>,
    /// Whether there is sound.
    pub has_audio: bool,
}

impl Rung {
    /// Of a frame.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl SourceShape {
    /// The shape of a file without a picture.
    pub fn of_sound(duration_micros: i64) -> Self {
        Self {
            width: 0,
            height: 0,
            frame_rate: 0.0,
            duration_micros,
            video_bitrate: 0,
            instant_bitrate: None,
            has_audio: true,
        }
    }
}

/// One rung: the size and rate of an encode.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Rung {
    /// What people call it, by its short side: `720p`.
    pub name: String,
    /// Even width in pixels.
    pub width: u32,
    /// Even height in pixels.
    pub height: u32,
    /// Constant rate factor.
    pub crf: u8,
    /// Cap in bits a second.
    pub maxrate: u32,
    /// Size in bits of the buffer over which the cap holds.
    pub bufsize: u32,
}

/// The shape of an indexed file, `None` without a video track. Where samples are not indexed
/// (fragments, codings this crate does not know), rate and frame rate are 0.
pub fn shape(movie: &Movie) -> Option<SourceShape> {
    let track = &movie.tracks[movie.video()?];
    let extent = track.samples.extent();
    let empty = track.samples.is_empty();
    let ticks = u64::try_from(extent.end - extent.first).unwrap_or(0);
    let (width, height) = track.turned_size();
    let own = time::to_micros(extent.end - extent.first, track.timescale);
    let bitrate = if empty {
        0
    } else {
        rate(extent.bytes, ticks, track.timescale)
    };
    Some(SourceShape {
        width,
        height,
        frame_rate: if empty { 0.0 } else { frame_rate(track) },
        duration_micros: if empty { movie.duration_micros } else { own },
        video_bitrate: bitrate,
        instant_bitrate: choose(movie)
            .is_ok_and(|choices| choices.video.against.is_none())
            .then_some(bitrate),
        has_audio: movie.audio().is_some(),
    })
}

/// The rungs to encode, lowest first, up to a short side of `max_height`.
///
/// A source that is served itself gets no rung of its own size unless its rate is over 1.5 times
/// that rung's cap, and none with more bits than itself; the list may then be empty. A source that
/// must be encoded keeps its own size as the top rung, and no rung gets more bits than it has.
pub fn ladder(shape: &SourceShape, max_height: u32) -> Vec<Rung> {
    let short = shape.width.min(shape.height);
    if short < 2 {
        return Vec::new();
    }
    let near = |side: u32, of: u32| u64::from(side) * 100 >= u64::from(of) * NEAR_ENOUGH;
    let fits = CAPS
        .into_iter()
        .filter(|(side, _)| *side <= max_height.max(CAPS[0].0));
    let mut rungs: Vec<(u32, Rung)> = fits
        .filter(|(side, _)| near(short, *side))
        .map(|(side, cap)| (side, rung(shape, side, side.min(short), cap)))
        .collect();
    if rungs.is_empty() {
        rungs.push((short, rung(shape, short, short, CAPS[0].1)));
    }
    let own_size = |side: u32| side >= short || near(side, short);
    if let Some(bitrate) = shape.instant_bitrate {
        rungs.retain(|(side, rung)| {
            !own_size(*side) || bitrate.saturating_mul(2) > u64::from(rung.maxrate) * 3
        });
        cap(&mut rungs, bitrate);
    } else if short <= max_height && rungs.last().is_some_and(|(side, _)| !own_size(*side)) {
        let worth_both = |side: u32| u64::from(short) * 100 >= u64::from(side) * WORTH_BOTH;
        rungs.pop_if(|(side, _)| !worth_both(*side));
        rungs.push((short, rung(shape, short, short, cap_between(short))));
    }
    if shape.instant_bitrate.is_none() && shape.video_bitrate > 0 {
        let most = u32::try_from(shape.video_bitrate.max(THIN)).unwrap_or(u32::MAX);
        // The buffer stays: a still picture that changes at times needs its bits all at once.
        for (_, rung) in &mut rungs {
            rung.maxrate = rung.maxrate.min(most);
        }
    }
    rungs.into_iter().map(|(_, rung)| rung).collect()
}

/// Ends the list with the first rung that would take as many bits as the source.
fn cap(rungs: &mut Vec<(u32, Rung)>, bitrate: u64) {
    if bitrate < THIN {
        rungs.clear();
    }
    let bitrate = u32::try_from(bitrate).unwrap_or(u32::MAX);
    if let Some(first) = rungs.iter().position(|(_, rung)| rung.maxrate >= bitrate) {
        rungs.truncate(first + 1);
        let rung = &mut rungs[first].1;
        (rung.maxrate, rung.bufsize) = (bitrate, bitrate.saturating_mul(2));
    }
}

/// The cap of a size between two of the list, in proportion.
fn cap_between(side: u32) -> u32 {
    let pair = CAPS.windows(2).find(|pair| side <= pair[1].0);
    let Some([(below, least), (above, most)]) = pair else {
        let (largest, most) = CAPS[CAPS.len() - 1];
        let scaled = u64::from(most) * u64::from(side) / u64::from(largest);
        return u32::try_from(scaled).unwrap_or(u32::MAX / 4);
    };
    let share = u64::from(most - least) * u64::from(side.saturating_sub(*below));
    least + u32::try_from(share / u64::from(above - below)).unwrap_or(0)
}

/// A rung whose short side is `target`, the long side in proportion, both even.
fn rung(shape: &SourceShape, nominal: u32, target: u32, cap: u32) -> Rung {
    let (short, long) = (shape.width.min(shape.height), shape.width.max(shape.height));
    let scaled = u64::from(long) * u64::from(target) / u64::from(short.max(1));
    let even = |side: u32| (side & !1).max(2);
    let (target, scaled) = (
        even(target),
        even(u32::try_from(scaled).unwrap_or(u32::MAX)),
    );
    let (width, height) = if shape.width < shape.height {
        (target, scaled)
    } else {
        (scaled, target)
    };
    // Twice the frames need about half as much again.
    let maxrate = if shape.frame_rate > 33.0 {
        cap / 2 * 3
    } else {
        cap
    };
    Rung {
        name: format!("{nominal}p"),
        width,
        height,
        crf: CRF,
        maxrate,
        bufsize: maxrate * 2,
    }
}
