//! Matroska and `WebM` (RFC 9559) read into the same [`Movie`] that an MP4's index becomes: the frames
//! lie in these files as they must lie in MP4, so all that follows works on ranges of the source.
//!
//! There is no index of all frames in such a file: each stands behind a head of its own, and the walk
//! goes from head to head. `Cues` name some of the places and are not believed in anything.

mod block;
mod ebml;
mod entry;
mod frames;
mod times;
mod tracks;
mod vp9;
mod walk;
mod window;

use crate::MediaError;
use crate::movie::{
    Defaults, Description, Edit, Movie, SampleTable, Track, TrackKind, UNIT_MATRIX,
};
use crate::time;

use std::time::Duration;

use times::{PICTURE_TICKS, Timed};
use tracks::Entry;
use walk::{Flow, Found, Walk};

/// What [`MatroskaReader::step`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatroskaStep {
    /// Read `len` bytes at `offset` and [`feed`](MatroskaReader::feed) them.
    Read {
        /// Position in the file; it never falls.
        offset: u64,
        /// Bytes wanted; never past the file's end, and more than before at the same position.
        len: u64,
    },
    /// All that is there was read: [`finish`](MatroskaReader::finish).
    Done,
}

/// The walk over one file.
#[derive(Debug)]
pub struct MatroskaReader {
    walk: Walk,
    reach: u64,
    /// Bytes asked for at the current position.
    asked: u64,
}

impl MatroskaReader {
    /// Starts at the first byte of a file of `file_size` bytes, to be read `reach` bytes at a time:
    /// frames longer than that are not read.
    pub fn new(file_size: u64, reach: u64) -> Self {
        Self {
            walk: Walk::new(file_size),
            reach,
            asked: 0,
        }
    }

    /// Goes on as far as the bytes fed allow. A file that ends within a block ends before it.
    pub fn step(&mut self) -> Result<MatroskaStep, MediaError> {
        loop {
            match self.walk.advance()? {
                Flow::On => self.asked = 0,
                // What was read came back short.
                Flow::Read(len) if len <= self.asked => return Err(MediaError::Truncated),
                Flow::Read(len) => {
                    let (offset, left) = (self.walk.at, self.walk.file_size - self.walk.at);
                    let len = len.max(self.reach).min(left);
                    self.asked = len;
                    return Ok(MatroskaStep::Read { offset, len });
                }
                Flow::End => return Ok(MatroskaStep::Done),
            }
        }
    }

    /// Takes the bytes of the last [`MatroskaStep::Read`].
    pub fn feed(&mut self, bytes: &[u8]) {
        self.walk.window.fill(self.walk.at, bytes);
    }

    /// The tracks without their samples, as soon as they are read: what no browser plays anyway need
    /// not be walked to its end.
    pub fn tracks(&self) -> Option<Movie> {
        let found = self.walk.tracks.as_ref()?.iter();
        let tracks = found.map(|found| track(&found.entry, found.description.clone()));
        Some(movie(tracks.collect(), 0))
    }

    /// The index. Holds on while it sorts the frames of a long film.
    pub fn finish(self) -> Result<Movie, MediaError> {
        const NO_SEGMENT: MediaError = MediaError::malformed("it has no tracks");
        let scale = self.walk.info.scale;
        let cut_off = self.walk.is_cut_off();
        let found = self.walk.tracks.ok_or(NO_SEGMENT)?;
        let tracks = found
            .into_iter()
            .map(|found| with_samples(found, scale))
            .collect::<Result<Vec<_>, _>>()?;
        // The clock of a film begins with it, whatever the recorder's clock said.
        let start = tracks.iter().filter_map(|(_, begins)| *begins).min();
        let start = start.unwrap_or(0);
        let place = |(mut track, begins): (Track, Option<i64>)| {
            let later = begins.unwrap_or(start) - start;
            track.edit.leading_empty_micros = times::ticks(later, 1_000_000);
            track
        };
        let tracks: Vec<Track> = tracks.into_iter().map(place).collect();
        let said = said_micros(self.walk.info.duration, scale);
        Ok(Movie {
            cut_from: cut_off.then_some(said),
            ..movie(tracks, said)
        })
    }
}

/// The length that `Info` gives, in microseconds; 0 where it gives none.
fn said_micros(ticks: f64, scale: u64) -> i64 {
    let scale = u32::try_from(scale).map_or(0.0, f64::from);
    let said = Duration::try_from_secs_f64(ticks * scale / 1e9).unwrap_or_default();
    i64::try_from(said.as_micros()).unwrap_or(0)
}

fn movie(tracks: Vec<Track>, duration_micros: i64) -> Movie {
    Movie {
        tracks,
        fragmented: false,
        truncated: false,
        cut_from: None,
        timescale: 1000,
        duration_micros,
        upright: true,
    }
}

/// A track without its samples.
fn track(entry: &Entry, described: Description) -> Track {
    let own = |coded: u16| (entry.kind == TrackKind::Video).then_some(u64::from(coded));
    let (width, height) = entry.video.shown.unwrap_or((
        own(described.width).unwrap_or(0),
        own(described.height).unwrap_or(0),
    ));
    let side = |pixels: u64| u32::try_from(pixels).unwrap_or(0);
    let turned = entry.video.transformed;
    Track {
        id: u32::try_from(entry.number).unwrap_or(u32::MAX),
        enabled: entry.enabled,
        kind: entry.kind,
        codec: described.codec,
        descriptions: described.entries,
        external: false,
        timescale: match entry.kind {
            TrackKind::Audio => described.sample_rate.max(1),
            _ => PICTURE_TICKS,
        },
        duration: 0,
        language: entry.language.clone(),
        width: side(width),
        height: side(height),
        matrix: UNIT_MATRIX,
        rotation: (!turned).then_some(0),
        sample_entry: described.entry,
        channels: described.channels,
        sample_rate: described.sample_rate,
        edit: Edit::default(),
        samples: SampleTable::default(),
        defaults: Defaults::default(),
    }
}

/// A track with its samples, and the nanosecond of the file's clock at which it begins, if it does.
fn with_samples(found: Found, scale: u64) -> Result<(Track, Option<i64>), MediaError> {
    let Found { entry, frames, .. } = found;
    let described = entry::description(&entry, &frames.first)?;
    let mut track = track(&entry, described);
    if frames.list.is_empty() {
        return Ok((track, None));
    }
    let delay = i64::try_from(entry.delay).unwrap_or(0);
    let pictures = frames.are_pictures();
    let timed = if pictures {
        times::pictures(&frames.list, entry.frame, scale, frames.last.1)?
    } else {
        times::sound(&frames.list, track.timescale)?
    };
    let Timed {
        samples,
        mut begins,
        delay: decoded_before,
        torn,
    } = timed;
    let (table, _) = samples.finish()?;
    let end = table.extent().end;
    track.samples = table;
    track.duration = u64::try_from(end).unwrap_or(0);
    track.edit.media_start = decoded_before;
    // An edit list would need several stretches to say that.
    track.edit.complex = torn;
    if pictures {
        begins -= delay;
    } else {
        // Decoded and not heard: as an MP4's edit list says it.
        track.edit.media_start = times::ticks(delay, track.timescale);
    }
    if frames.padding > 0 {
        let shown = time::to_micros(end - track.edit.media_start, track.timescale);
        track.edit.length_micros = Some(shown - times::ticks(frames.padding, 1_000_000));
    }
    Ok((track, Some(begins)))
}
