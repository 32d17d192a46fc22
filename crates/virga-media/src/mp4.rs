//! `fallback.mp4`: one picture and one sound track, copied from their files into a plain MP4 whose
//! index comes first. Only sample tables and clean sample entries are carried over: no metadata.

mod clip;
mod tables;

pub use clip::clip_mp4;

use crate::MediaError;
use crate::bmff::Writer;
use crate::movie::{Movie, Sample, Track, TrackKind};
use crate::packager::{media_header, media_kind, movie_header, sample_description, track_header};
use crate::plan::{packageable, shift};
use crate::time;

/// Tracks take turns in the file every half second.
const TURN_MICROS: i64 = 500_000;

/// One track to copy.
#[derive(Debug, Clone, Copy)]
pub struct FallbackInput<'a> {
    /// The index of its file.
    pub movie: &'a Movie,
    /// Which of its tracks.
    pub track: usize,
    /// The moment of that file's timeline that is 0 in the result, in microseconds:
    /// [`first_shown`](crate::first_shown) of the picture, for sound of the same timeline too.
    pub origin_micros: i64,
}

/// A range of one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputRange {
    /// Which input, by its place in the list given.
    pub input: usize,
    /// Position in that input's file.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

/// A whole MP4 as a head and pieces to copy after it, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FallbackMp4 {
    /// `ftyp`, `moov` and the header of `mdat`.
    pub head: Vec<u8>,
    /// What follows.
    pub pieces: Vec<InputRange>,
    /// Bytes of the whole file.
    pub len: u64,
}

/// Lays out the file.
pub fn fallback_mp4(inputs: &[FallbackInput<'_>]) -> Result<FallbackMp4, MediaError> {
    let tracks = inputs.iter().map(Copied::new);
    lay_out(tracks.collect::<Result<Vec<_>, _>>()?)
}

fn lay_out(mut tracks: Vec<Copied<'_>>) -> Result<FallbackMp4, MediaError> {
    if tracks.is_empty() {
        return Err(MediaError::unsupported("a file without tracks"));
    }
    hold_last_frame(&mut tracks);
    let mut pieces: Vec<InputRange> = Vec::new();
    let mut body = 0_u64;
    while let Some(next) = (0..tracks.len())
        .filter(|index| tracks[*index].pending.is_some())
        .min_by_key(|index| tracks[*index].pending_micros())
    {
        body += tracks[next].take_turn(next, body, &mut pieces);
    }
    // The widest possible head decides, so that writing it does not change the answer.
    let wide = body + head_bound(&tracks) > u64::from(u32::MAX);
    let measured = head(&tracks, wide, 0, body).len() as u64;
    let head = head(&tracks, wide, measured, body);
    let len = head.len() as u64 + body;
    Ok(FallbackMp4 { head, pieces, len })
}

/// The last frame is shown as long as there is sound.
fn hold_last_frame(tracks: &mut [Copied<'_>]) {
    let longest = tracks.iter().map(Copied::end_micros).max().unwrap_or(0);
    for copied in tracks.iter_mut() {
        if copied.track.kind == TrackKind::Video {
            let end = time::from_micros(longest, copied.track.timescale);
            let own = copied.end() - copied.shift;
            copied.held = u32::try_from(end.saturating_sub(own)).unwrap_or(0);
        }
    }
}

/// One track on its way into the file.
struct Copied<'a> {
    track: &'a Track,
    /// Presentation ticks are composition ticks less this.
    shift: i64,
    /// For how many ticks more than its own the last sample is shown.
    held: u32,
    /// From this composition tick on nothing is shown.
    until: i64,
    samples: crate::movie::Samples<'a>,
    pending: Option<Sample>,
    /// Where each chunk begins, from the start of the media.
    chunks: Vec<u64>,
    /// `stsc`: chunk from 1, samples a chunk.
    runs: Vec<(u32, u32)>,
}

impl<'a> Copied<'a> {
    fn new(input: &FallbackInput<'a>) -> Result<Self, MediaError> {
        let kind = input
            .movie
            .tracks
            .get(input.track)
            .map_or(TrackKind::Video, |track| track.kind);
        let track = packageable(input.movie, input.track, kind)?;
        let mut samples = track.samples.iter();
        let pending = samples.next();
        let shift = shift(track, input.origin_micros);
        Ok(Self {
            track,
            shift,
            held: 0,
            until: i64::MAX,
            samples,
            pending,
            chunks: Vec::new(),
            runs: Vec::new(),
        })
    }

    fn pending_micros(&self) -> i64 {
        self.pending.map_or(i64::MAX, |sample| {
            time::to_micros(sample.dts.saturating_sub(self.shift), self.track.timescale)
        })
    }

    /// Copies half a second of samples as one chunk and returns its bytes.
    fn take_turn(&mut self, input: usize, at: u64, pieces: &mut Vec<InputRange>) -> u64 {
        let turn = time::from_micros(TURN_MICROS, self.track.timescale);
        let ends = self
            .pending
            .map_or(0, |sample| sample.dts)
            .saturating_add(turn);
        let (mut count, mut bytes) = (0, 0);
        while let Some(sample) = self.pending {
            if count > 0 && sample.dts >= ends {
                break;
            }
            let (offset, len) = (sample.offset, sample.size.into());
            push(pieces, InputRange { input, offset, len });
            count += 1;
            bytes += u64::from(sample.size);
            self.pending = self.samples.next();
        }
        self.chunks.push(at);
        let number = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
        if self.runs.last().is_none_or(|run| run.1 != count) {
            self.runs.push((number, count));
        }
        bytes
    }

    /// How long it is shown, in ticks: from 0 (or its later start) to its end.
    fn shown(&self) -> i64 {
        let first = self.track.samples.extent().first;
        self.end() - first.max(self.shift) + i64::from(self.held)
    }

    /// Where what is shown of its own samples ends.
    fn end(&self) -> i64 {
        self.track.samples.extent().end.min(self.until)
    }

    /// When its own samples end, from the first frame on.
    fn end_micros(&self) -> i64 {
        time::to_micros(self.end().saturating_sub(self.shift), self.track.timescale)
    }

    /// How long samples last: how many, ticks each.
    fn durations(&self) -> Vec<(u32, u32)> {
        let last = self.track.samples.len().saturating_sub(1);
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for (index, sample) in self.track.samples.iter().enumerate() {
            let more = if index == last { self.held } else { 0 };
            let ticks = sample.duration.saturating_add(more);
            match runs.last_mut() {
                Some(run) if run.1 == ticks => run.0 += 1,
                _ => runs.push((1, ticks)),
            }
        }
        runs
    }

    /// Milliseconds of nothing before it begins, and the first media tick shown then.
    fn edit(&self) -> (i64, i64) {
        let first = self.track.samples.extent().first;
        if self.shift >= first {
            return (0, self.shift - self.lift());
        }
        let late = time::to_micros(first - self.shift, self.track.timescale);
        ((late + 500) / 1000, first - self.lift())
    }

    /// An edit cannot begin before 0: tracks composed earlier are moved up by this many ticks.
    fn lift(&self) -> i64 {
        self.track.samples.extent().first.min(0)
    }
}

fn push(pieces: &mut Vec<InputRange>, piece: InputRange) {
    match pieces.last_mut() {
        Some(last) if last.input == piece.input && last.offset + last.len == piece.offset => {
            last.len += piece.len;
        }
        _ => pieces.push(piece),
    }
}

/// No head is longer than this.
fn head_bound(tracks: &[Copied<'_>]) -> u64 {
    let track = |track: &Copied<'_>| {
        let rows = track.track.samples.len() * 24 + track.chunks.len() * 20;
        4096 + rows as u64 + track.track.sample_entry.len() as u64
    };
    tracks.iter().map(track).sum()
}

fn head(tracks: &[Copied<'_>], wide: bool, media: u64, body: u64) -> Vec<u8> {
    let mut w = Writer::default();
    w.boxed(*b"ftyp", |w| {
        w.bytes(b"isom");
        w.u32(0x200);
        w.bytes(b"isomiso2mp41");
    });
    let longest = tracks.iter().map(presentation_millis).max().unwrap_or(0);
    w.boxed(*b"moov", |w| {
        let next_track = u32::try_from(tracks.len() + 1).unwrap_or(u32::MAX);
        movie_header(w, longest, next_track);
        for (id, track) in (1..).zip(tracks) {
            w.boxed(*b"trak", |w| write_track(w, track, id, wide, media));
        }
    });
    if wide {
        w.u32(1);
        w.bytes(b"mdat");
        w.u64(body + 16);
    } else {
        w.u32(u32::try_from(body + 8).unwrap_or(u32::MAX));
        w.bytes(b"mdat");
    }
    w.into_bytes()
}

fn presentation_millis(track: &Copied<'_>) -> u64 {
    u64::try_from(track.edit().0).unwrap_or(0) + shown_millis(track)
}

fn shown_millis(track: &Copied<'_>) -> u64 {
    let micros = time::to_micros(track.shown(), track.track.timescale);
    u64::try_from((micros + 500) / 1000).unwrap_or(0)
}

fn write_track(w: &mut Writer, copied: &Copied<'_>, id: u32, wide: bool, media: u64) {
    let track = copied.track;
    track_header(w, track, id, presentation_millis(copied));
    let (empty, media_start) = copied.edit();
    w.boxed(*b"edts", |w| {
        w.full(*b"elst", 1, 0, |w| {
            w.u32(if empty > 0 { 2 } else { 1 });
            if empty > 0 {
                w.i64(empty);
                w.i64(-1);
                w.u32(0x1_0000);
            }
            w.u64(shown_millis(copied));
            w.i64(media_start);
            w.u32(0x1_0000);
        });
    });
    w.boxed(*b"mdia", |w| {
        let own = track.samples.iter();
        let own: u64 = own.map(|sample| u64::from(sample.duration)).sum();
        let ticks = own + u64::from(copied.held);
        media_header(w, track, ticks);
        w.boxed(*b"minf", |w| {
            media_kind(w, track.kind);
            w.boxed(*b"stbl", |w| {
                sample_description(w, track);
                tables::write_samples(w, copied);
                tables::write_chunks(w, copied, wide, media);
            });
        });
    });
}
