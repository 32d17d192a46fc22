//! A film encoded in spans: where it is cut, and how what came of the spans is one track again.
//!
//! Spans are cut between segments, so that what is made of them has the segments of one pass. A worker
//! decodes from the key frame before its span: the nearer that is, the less is decoded twice.

use std::ops::Range;

use crate::movie::{Edit, Movie, Sample, TableBuilder, Track};
use crate::plan::{packageable, shift};
use crate::{MediaError, TrackKind, time};

/// Encoders put a key frame at every such second of the file's clock; spans begin at one of them.
const GRID: u32 = 2;
/// A hole between two spans is no longer than so many times the longest within them.
const HOLE: i64 = 2;

/// The seconds at which the spans of a film begin, the first one's 0 left out; empty where it is encoded in one
/// pass. A span is `aim` seconds long, give or take a sixth, and the last one up to half as long again.
/// `keys`: when key frames of the source are shown on its clock, microseconds, rising; may be empty.
pub fn span_starts(length_micros: i64, aim: u32, keys: &[i64]) -> Vec<u32> {
    let length = u32::try_from(length_micros / 1_000_000).unwrap_or(0);
    let aim = aim / GRID * GRID;
    let mut starts = Vec::new();
    if aim == 0 || length <= aim.saturating_mul(2) {
        return starts;
    }
    let mut begin = 0;
    while length - begin > aim / 2 * 3 {
        begin = cheapest(begin + aim, aim / 6, keys);
        starts.push(begin);
    }
    starts
}

/// The second near `about` before which the least is decoded in vain, and of several the nearest.
fn cheapest(about: u32, reach: u32, keys: &[i64]) -> u32 {
    let reach = reach / GRID;
    let near = |step: u32| {
        let later = about + step * GRID;
        [about.saturating_sub(step * GRID), later]
    };
    let cost = |second: &u32| {
        let at = i64::from(*second) * 1_000_000;
        let before = keys.partition_point(|key| *key <= at).checked_sub(1);
        before.map_or(0, |before| at - keys[before])
    };
    let candidates = (0..=reach).flat_map(near);
    candidates.min_by_key(cost).unwrap_or(about)
}

/// When the key frames of a track are shown on its file's clock, microseconds, rising.
pub fn key_times(movie: &Movie, track: usize) -> Vec<i64> {
    let Some(track) = movie.tracks.get(track) else {
        return Vec::new();
    };
    let shift = shift(track, 0);
    let keys = track.samples.iter().filter(|sample| sample.sync);
    let mut times: Vec<i64> = keys
        .map(|sample| time::to_micros(sample.pts() - shift, track.timescale))
        .collect();
    times.sort_unstable();
    times
}

/// Where in its file the samples are that frames shown within `micros` of the file's clock depend on, as one
/// range: what is interleaved with them is in it. `None` where there are none.
pub fn stretch_bytes(movie: &Movie, track: usize, micros: Range<i64>) -> Option<Range<u64>> {
    let track = movie.tracks.get(track)?;
    let shift = shift(track, 0);
    let shown = |sample: &Sample| time::to_micros(sample.pts() - shift, track.timescale);
    // The last key frame that is shown before the stretch, by its place in decoding order.
    let before = |(_, sample): &(usize, Sample)| sample.sync && shown(sample) <= micros.start;
    let numbered = || track.samples.iter().enumerate();
    let first = numbered().filter(before).last().map_or(0, |(n, _)| n);
    let last = numbered().filter(|(_, sample)| shown(sample) < micros.end);
    let last = last.last()?.0;
    let needed = numbered().filter(|(n, _)| (first..=last).contains(n));
    let ranges = needed.map(|(_, sample)| {
        let end = sample.offset.saturating_add(sample.size.into());
        sample.offset..end
    });
    ranges.reduce(|all, one| all.start.min(one.start)..all.end.max(one.end))
}

/// What an encoder made of a span.
#[derive(Debug, Clone)]
pub struct EncodedSpan {
    /// The index of its file.
    pub movie: Movie,
    /// Where its file begins among the files of all spans, one after another.
    pub offset: u64,
    /// The second of the film's clock that is 0 on the file's.
    pub starts: u32,
}

/// Why spans are not one track.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanFault {
    /// One holds no frame.
    #[error("a span is empty")]
    Empty,
    /// They were encoded differently.
    #[error("two spans differ in their coding")]
    Coding,
    /// A frame is in two spans.
    #[error("two spans overlap")]
    Overlap,
    /// Frames are in none.
    #[error("frames between two spans are missing")]
    Hole,
    /// They are more than a track may hold.
    #[error(transparent)]
    Media(#[from] MediaError),
}

/// Makes one video track of spans that follow one another: the same samples, where the files lie one after
/// another.
///
/// # Errors
/// Where they do not fit together; the film is then to be encoded in one pass.
pub fn join_spans(spans: &[EncodedSpan]) -> Result<Movie, SpanFault> {
    let mut joined = Joined::default();
    for span in spans {
        joined.add(span)?;
    }
    joined.finish()
}

#[derive(Default)]
struct Joined<'a> {
    first: Option<(&'a Movie, &'a Track)>,
    samples: TableBuilder,
    /// When the last frame so far is shown, and the longest distance between frames of its span.
    last: Option<(i64, i64)>,
    /// When the last sample so far is decoded.
    decoded: Option<i64>,
}

impl<'a> Joined<'a> {
    fn add(&mut self, span: &'a EncodedSpan) -> Result<(), SpanFault> {
        let index = span.movie.video().ok_or(SpanFault::Empty)?;
        if span.movie.tracks[index].samples.is_empty() {
            return Err(SpanFault::Empty);
        }
        let track = packageable(&span.movie, index, TrackKind::Video)?;
        let (_, first) = *self.first.get_or_insert((&span.movie, track));
        let same = (
            first.timescale,
            first.width,
            first.height,
            &first.sample_entry,
        ) == (
            track.timescale,
            track.width,
            track.height,
            &track.sample_entry,
        );
        if !same {
            return Err(SpanFault::Coding);
        }
        let begins = time::from_micros(i64::from(span.starts) * 1_000_000, track.timescale);
        let later = begins - shift(track, 0);
        let mut shown: Vec<i64> = track.samples.iter().map(|one| one.pts() + later).collect();
        shown.sort_unstable();
        self.follows(&shown)?;
        for sample in &track.samples {
            self.push(&sample, later, span.offset)?;
        }
        Ok(())
    }

    /// Whether frames shown at these times, rising, come right after those before.
    fn follows(&mut self, shown: &[i64]) -> Result<(), SpanFault> {
        let (Some(first), Some(last)) = (shown.first(), shown.last()) else {
            return Err(SpanFault::Empty);
        };
        let apart = shown.windows(2).map(|pair| pair[1] - pair[0]).max();
        let apart = apart.unwrap_or(0);
        if let Some((before, longest)) = self.last {
            let hole = first - before;
            if hole <= 0 {
                return Err(SpanFault::Overlap);
            }
            if hole > longest.max(apart) * HOLE {
                return Err(SpanFault::Hole);
            }
        }
        self.last = Some((*last, apart));
        Ok(())
    }

    /// A decode time lags its frame's; where frames are uneven, a span's first may lie before the last of the
    /// span before, and is moved.
    fn push(&mut self, sample: &Sample, later: i64, offset: u64) -> Result<(), SpanFault> {
        let shown = sample.pts() + later;
        let earliest = self.decoded.map_or(i64::MIN, |before| before + 1);
        let dts = (sample.dts + later).max(earliest);
        let cts = i32::try_from(shown - dts).map_err(|_| SpanFault::Overlap)?;
        self.decoded = Some(dts);
        let offset = sample.offset.saturating_add(offset);
        Ok(self.samples.push(Sample {
            dts,
            cts,
            offset,
            ..*sample
        })?)
    }

    fn finish(self) -> Result<Movie, SpanFault> {
        let (movie, track) = self.first.ok_or(SpanFault::Empty)?;
        let (samples, base) = self.samples.finish()?;
        let edit = Edit {
            media_start: -base,
            ..Edit::default()
        };
        let track = track.with_samples(samples, edit);
        let extent = track.samples.extent();
        let length = time::to_micros(extent.end - extent.first, track.timescale);
        Ok(Movie {
            tracks: vec![track],
            duration_micros: length,
            timescale: movie.timescale,
            fragmented: false,
            truncated: false,
            cut_from: None,
            upright: movie.upright,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_films_are_not_cut() {
        assert_eq!(span_starts(120_900_000, 60, &[]), Vec::<u32>::new());
        assert_eq!(span_starts(0, 60, &[]), Vec::<u32>::new());
        assert_eq!(span_starts(i64::MAX, 0, &[]), Vec::<u32>::new());
        assert_eq!(span_starts(121_000_000, 60, &[]), [60]);
    }

    #[test]
    fn spans_begin_where_the_least_is_decoded_twice() {
        let keys = [0, 56_900_000, 61_500_000, 66_000_000];
        assert_eq!(span_starts(150_000_000, 60, &keys)[0], 66);
        // None is within reach: the nearest.
        assert_eq!(span_starts(150_000_000, 60, &[0])[0], 50);
    }

    proptest! {
        #[test]
        fn spans_are_of_like_length_and_whole(
            seconds in 0_u32..20_000, aim in 0_u32..200, every in 100_000_i64..20_000_000,
        ) {
            let keys: Vec<i64> = (0..2_000).map(|n| n * every).collect();
            let starts = span_starts(i64::from(seconds) * 1_000_000, aim, &keys);
            let edges: Vec<u32> = [0].into_iter().chain(starts.clone()).chain([seconds]).collect();
            for pair in edges.windows(2) {
                let length = pair[1].saturating_sub(pair[0]);
                if !starts.is_empty() {
                    prop_assert!(length >= aim / 3 && length <= aim * 2, "{:?}", edges);
                }
            }
            prop_assert!(starts.iter().all(|start| start % GRID == 0));
        }
    }
}
