//! A stretch of a progressive MP4 as an MP4 of its own: the samples from the key frame before its start to the
//! last one shown in it, copied, and an edit list that shows exactly the stretch (ISO/IEC 14496-12 §8.6.6).

use super::{Copied, FallbackInput, FallbackMp4, lay_out};
use crate::MediaError;
use crate::movie::{Edit, Movie, Sample, TableBuilder, Track, TrackKind};
use crate::plan::{packageable, shift};
use crate::time;

/// Sound that is decoded before the first moment heard. AAC needs the frame before, Opus 80 ms (RFC 7845 §4.6).
const PREROLL_MICROS: i64 = 100_000;

/// Lays out the stretch from `from_micros` up to `to_micros` of the movie's own time. All pieces are of input 0,
/// the movie's file. Memory is that of the stretch's samples.
///
/// # Errors
/// `Unsupported`: nothing of the movie is shown in the stretch.
pub fn clip_mp4(
    movie: &Movie,
    from_micros: i64,
    to_micros: i64,
) -> Result<FallbackMp4, MediaError> {
    let length = to_micros.saturating_sub(from_micros);
    if from_micros < 0 || length <= 0 {
        return Err(MediaError::unsupported("a stretch without length"));
    }
    let mut cut = Movie {
        tracks: Vec::new(),
        fragmented: false,
        truncated: false,
        cut_from: None,
        timescale: movie.timescale,
        duration_micros: length,
        upright: movie.upright,
    };
    let mut ends = Vec::new();
    for index in [movie.video(), movie.audio()].into_iter().flatten() {
        let track = packageable(movie, index, movie.tracks[index].kind)?;
        if let Some((track, until)) = stretch(track, from_micros, to_micros)? {
            cut.tracks.push(track);
            ends.push(until);
        }
    }
    let copied = ends.iter().enumerate().map(|(track, until)| {
        let input = FallbackInput {
            movie: &cut,
            track,
            origin_micros: 0,
        };
        let mut copied = Copied::new(&input)?;
        copied.until = *until;
        Ok(copied)
    });
    let mut file = lay_out(copied.collect::<Result<Vec<_>, MediaError>>()?)?;
    for piece in &mut file.pieces {
        piece.input = 0;
    }
    Ok(file)
}

/// The track with the samples that the stretch needs and an edit that begins with it, and the composition tick
/// of the result at which it ends. `None`: nothing of the track is shown in the stretch.
fn stretch(
    track: &Track,
    from_micros: i64,
    to_micros: i64,
) -> Result<Option<(Track, i64)>, MediaError> {
    let begin = shift(track, 0);
    let tick = |micros| begin.saturating_add(time::from_micros(micros, track.timescale));
    let (from, to) = (tick(from_micros), tick(to_micros));
    let Some((first, count)) = needed(track, from, to) else {
        return Ok(None);
    };
    let samples = track.samples.iter().skip(first).take(count);
    let (samples, base) = TableBuilder::of(samples)?.finish()?;
    let edit = Edit {
        media_start: from - base,
        ..Edit::default()
    };
    Ok(Some((track.with_samples(samples, edit), to - base)))
}

/// The first sample to copy and how many, in decode order.
fn needed(track: &Track, from: i64, to: i64) -> Option<(usize, usize)> {
    let preroll = match track.kind {
        TrackKind::Audio => time::from_micros(PREROLL_MICROS, track.timescale),
        _ => 0,
    };
    let shown =
        |sample: &Sample| sample.pts() < to && sample.pts() + i64::from(sample.duration) > from;
    let (mut start, mut first, mut last) = (None, None, None);
    for (index, sample) in track.samples.iter().enumerate() {
        if sample.sync && (start.is_none() || sample.pts() <= from - preroll) {
            start = Some(index);
        }
        if shown(&sample) {
            first = first.or(start);
            last = Some(index);
        }
        // Little is decoded after it is shown, by tables with offsets below 0.
        if sample.dts > to.saturating_add(track.timescale.into()) {
            break;
        }
    }
    let (first, last) = (first?, last?);
    Some((first, last + 1 - first))
}
