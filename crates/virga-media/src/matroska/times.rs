//! Times of frames. Matroska only says when a frame is shown, mostly rounded to milliseconds. Decode
//! times, exact distances at a constant rate, and the lengths of sound are made here.

use super::frames::{Frame, NO_TIME};
use crate::MediaError;
use crate::movie::{Sample, TableBuilder};

/// Ticks a second of pictures. The usual rates, 24 to 144 a second and those over 1.001, have whole
/// ticks in a frame, and milliseconds too.
pub(super) const PICTURE_TICKS: u32 = 360_000;
/// Frames are decoded at most this many places before or after their turn to be shown: H.264 and
/// HEVC keep 16. More is a clock that jumps.
const MAX_MOVE: usize = 64;
/// Sound may leave its block's times by this much, in nanoseconds, before it follows them.
const SOUND_DRIFT: i64 = 20_000_000;
/// At most one frame in so many is at a seam of two recordings.
const SEAMS: usize = 100;
/// Sound whose times go back by more than this is two recordings.
const SOUND_BACK: i64 = 1_000_000_000;

const JUMPS: MediaError = MediaError::unsupported("times that jump back");

/// The samples of a track on its own clock, which begins with the first.
#[derive(Debug)]
pub(super) struct Timed {
    pub(super) samples: TableBuilder,
    /// The nanosecond of the file's clock at which the first one is shown.
    pub(super) begins: i64,
    /// By how many ticks all are decoded before they are shown.
    pub(super) delay: i64,
    /// Whether sound has holes or overlaps: players put frame after frame, and lose the picture.
    pub(super) torn: bool,
}

/// Nanoseconds in ticks, rounded to the nearest.
pub(super) fn ticks(nanos: i64, timescale: u32) -> i64 {
    let scaled = i128::from(nanos) * i128::from(timescale) * 2 + 1_000_000_000;
    i64::try_from(scaled.div_euclid(2_000_000_000)).unwrap_or(0)
}

/// Pictures. `frame`: nanoseconds a frame by the track's header; `scale`: nanoseconds of the file's
/// tick, by which its times may be wrong; `lasts`: how long the last one is shown.
pub(super) fn pictures(
    frames: &[Frame],
    frame: Option<u64>,
    scale: u64,
    lasts: Option<i64>,
) -> Result<Timed, MediaError> {
    let mut shown: Vec<i64> = Vec::with_capacity(frames.len());
    shown.extend(frames.iter().map(|frame| ticks(frame.time, PICTURE_TICKS)));
    // Bounded by the number of frames, far below 2^32.
    let mut order: Vec<u32> = (0_u32..).zip(frames).map(|(index, _)| index).collect();
    order.sort_by_key(|index| shown[*index as usize]);
    let moved = |(turn, index): (usize, &u32)| turn.abs_diff(*index as usize) > MAX_MOVE;
    if order.iter().enumerate().any(moved) {
        return Err(JUMPS);
    }
    let begins = order
        .first()
        .map_or(0, |first| frames[*first as usize].time);
    even_out(&mut shown, &order, frame, scale);
    let decoded = |turn: usize| shown[order[turn] as usize];
    let delay = (0..shown.len())
        .map(|turn| decoded(turn) - shown[turn])
        .max()
        .unwrap_or(0);
    let nanos = lasts.or_else(|| frame.and_then(|frame| i64::try_from(frame).ok()));
    let last = nanos.map_or(0, |nanos| ticks(nanos, PICTURE_TICKS));
    let mut samples = TableBuilder::default();
    for (turn, frame) in frames.iter().enumerate() {
        let dts = decoded(turn);
        samples.push(Sample {
            dts,
            duration: u32::try_from(last).unwrap_or(0),
            cts: i32::try_from(shown[turn] + delay - dts).map_err(|_| JUMPS)?,
            size: frame.size,
            offset: frame.offset,
            sync: frame.mark == 1,
        })?;
    }
    Ok(Timed {
        samples,
        begins,
        delay,
        torn: false,
    })
}

/// Puts times that the file rounded back to where a constant rate has them, stretch by stretch, and
/// keeps any two apart.
fn even_out(shown: &mut [i64], order: &[u32], frame: Option<u64>, scale: u64) {
    let tick = |nanos: u64| ticks(i64::try_from(nanos).unwrap_or(i64::MAX), PICTURE_TICKS);
    let allowed = tick(scale) + 1;
    // At a rate whose frames are hardly longer than a tick of the file, rounding hides the rate.
    let rate = frame.filter(|frame| *frame > 2 * scale).map(Rate::of);
    let mut start = None;
    let mut before = i64::MIN;
    for index in order {
        let time = &mut shown[*index as usize];
        if let Some(rate) = &rate {
            let even = start.map(|start| rate.nearest(start, *time));
            match even.filter(|even| (even - *time).abs() <= allowed) {
                Some(even) => *time = even,
                None => start = Some(*time),
            }
        }
        *time = (*time).max(before.saturating_add(1));
        before = *time;
    }
}

/// Ticks a frame, as a fraction.
struct Rate {
    ticks: i128,
    over: i128,
}

impl Rate {
    /// Nanoseconds of a frame are themselves rounded: a whole number of ticks is meant where one is
    /// that near.
    fn of(nanos: u64) -> Self {
        const NANOS: i128 = 1_000_000_000;
        let ticks = i128::from(nanos) * i128::from(PICTURE_TICKS);
        let whole = (ticks + NANOS / 2).div_euclid(NANOS);
        // 1.4 nanoseconds.
        if (ticks - whole * NANOS).abs() <= 500_000 {
            return Self {
                ticks: whole,
                over: 1,
            };
        }
        Self { ticks, over: NANOS }
    }

    /// The time nearest to `time` that is any number of frames after `start`.
    fn nearest(&self, start: i64, time: i64) -> i64 {
        let since = (i128::from(time) - i128::from(start)) * self.over;
        let frames = (since * 2 + self.ticks).div_euclid(self.ticks * 2);
        let all = (frames * self.ticks * 2 + self.over).div_euclid(self.over * 2);
        i64::try_from(i128::from(start) + all).unwrap_or(time)
    }
}

/// Sound at `rate` samples a second: each frame follows the one before, until it is clear that the
/// file means otherwise. Where a recording was joined to another, a frame may come for a moment that
/// has one already: it is left out, or all that follows would be heard that much later.
pub(super) fn sound(frames: &[Frame], rate: u32) -> Result<Timed, MediaError> {
    let begins = frames.first().map_or(0, |frame| frame.time);
    let again = |pair: &&[Frame]| comes_again(&pair[0], &pair[1], rate);
    let few = frames.windows(2).filter(again).count() * SEAMS <= frames.len();
    let mut samples = TableBuilder::default();
    let mut next = ticks(begins, rate);
    let mut before: Option<(i64, &Frame)> = None;
    let mut torn = !few;
    for frame in frames {
        if few && before.is_some_and(|(_, before)| comes_again(before, frame, rate)) {
            continue;
        }
        if frame.time != NO_TIME {
            let said = ticks(frame.time, rate);
            if said < next - ticks(SOUND_BACK, rate) {
                return Err(JUMPS);
            }
            if (said - next).abs() > ticks(SOUND_DRIFT, rate) {
                next = before.map_or(said, |(before, _)| said.max(before + 1));
                torn = true;
            }
        }
        samples.push(Sample {
            dts: next,
            duration: frame.mark,
            cts: 0,
            size: frame.size,
            offset: frame.offset,
            sync: true,
        })?;
        before = Some((next, frame));
        next = next.saturating_add(frame.mark.into());
    }
    Ok(Timed {
        samples,
        begins,
        delay: 0,
        torn,
    })
}

/// Whether two frames in a row have one time, as far as times are told apart.
fn comes_again(first: &Frame, second: &Frame, rate: u32) -> bool {
    let said = first.time != NO_TIME && second.time != NO_TIME;
    let apart = || ticks(second.time, rate).abs_diff(ticks(first.time, rate));
    said && apart() < u64::from(first.mark / 4)
}
