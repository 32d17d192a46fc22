//! `moov` read into tracks: what each holds, how it is edited, and where its samples lie.

mod build;
mod edit;
mod samples;
mod stbl;
mod stsd;
mod trak;
mod trex;

use std::ops::Range;

use crate::MediaError;
use crate::bmff::{Cursor, boxes};
use crate::codec::Codec;
use crate::locate::MAX_MOOV;
use crate::time;

pub(crate) use build::TableBuilder;
pub use edit::Edit;
pub use samples::{Extent, Sample, SampleTable, Samples};

/// The most samples a track may have.
pub const MAX_SAMPLES: usize = 8_000_000;
pub(crate) use stbl::Sizes;
pub(crate) use stsd::{Description, parse as describe};
pub(crate) use trex::Defaults;
use trex::track_defaults;

/// More tracks than any camera or editor writes.
const MAX_TRACKS: usize = 64;
/// The unit matrix of `tkhd` and `mvhd` (16.16 and 2.30 fixed point).
pub(crate) const UNIT_MATRIX: [i32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// The index of one MP4 or `QuickTime` file.
#[derive(Debug, Clone)]
pub struct Movie {
    /// The tracks in file order.
    pub tracks: Vec<Track>,
    /// Samples lie in movie fragments that were not read yet: the tables are empty or end early until
    /// [`FragmentWalk`](crate::FragmentWalk) has filled them.
    pub fragmented: bool,
    /// Some sample reaches past the end of the file.
    pub truncated: bool,
    /// How long the index says that it is, in microseconds, where the file ends before that and the samples
    /// that are missing were taken out; 0 where it does not say it.
    pub cut_from: Option<i64>,
    /// Ticks a second of `mvhd`, in which edit lengths are written.
    pub timescale: u32,
    /// Length by `mvhd`, in microseconds.
    pub duration_micros: i64,
    /// Whether the whole movie is shown without a turn of its own (`mvhd` matrix).
    pub upright: bool,
}

/// What a track holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackKind {
    /// Moving pictures.
    Video,
    /// Sound.
    Audio,
    /// Anything else: subtitles, timecode, camera metadata.
    Other,
}

/// One track.
#[derive(Debug, Clone)]
pub struct Track {
    /// The track's id in its file.
    pub id: u32,
    /// Whether the file wants it presented.
    pub enabled: bool,
    /// What it holds.
    pub kind: TrackKind,
    /// The coding, as far as this crate distinguishes codings.
    pub codec: Codec,
    /// How many sample descriptions it switches between; 1 in nearly every file.
    pub descriptions: usize,
    /// Whether its samples lie in another file.
    pub external: bool,
    /// Ticks a second.
    pub timescale: u32,
    /// Length by `mdhd` in ticks.
    pub duration: u64,
    /// ISO 639-2 code, absent where undetermined.
    pub language: Option<String>,
    /// Width in pixels as shown, before rotation.
    pub width: u32,
    /// Height in pixels as shown, before rotation.
    pub height: u32,
    /// The matrix of `tkhd`.
    pub matrix: [i32; 9],
    /// Clockwise turn in degrees, 0, 90, 180 or 270; `None` for mirrored or skewed pictures.
    pub rotation: Option<u16>,
    /// A clean sample entry box for an init segment: header and coding only, no private boxes.
    pub sample_entry: Vec<u8>,
    /// Channels, 0 for video.
    pub channels: u16,
    /// Sampling rate in Hz, 0 for video.
    pub sample_rate: u32,
    /// The edit list.
    pub edit: Edit,
    /// The sample table; empty for codings that are neither packaged nor single pictures.
    pub samples: SampleTable,
    /// What the samples of fragments are like where these do not say so (`trex`).
    pub(crate) defaults: Defaults,
}

impl Track {
    /// Gives the track its samples. What their decode times began with is taken off the edit: media
    /// time 0 is now the first sample, and it is still shown when it was, also beside other tracks.
    pub(crate) fn place(&mut self, samples: TableBuilder) -> Result<(), MediaError> {
        let (table, base) = samples.finish()?;
        self.samples = table;
        self.edit.media_start -= base;

        Ok(())
    }

    /// The same track with other samples, shown by another edit.
    pub(crate) fn with_samples(&self, samples: SampleTable, edit: Edit) -> Self {
        Self {
            id: self.id,
            enabled: self.enabled,
            kind: self.kind,
            codec: self.codec.clone(),
            descriptions: self.descriptions,
            external: self.external,
            timescale: self.timescale,
            duration: self.duration,
            language: self.language.clone(),
            width: self.width,
            height: self.height,
            matrix: self.matrix,
            rotation: self.rotation,
            sample_entry: self.sample_entry.clone(),
            channels: self.channels,
            sample_rate: self.sample_rate,
            edit,
            samples,
            defaults: self.defaults,
        }
    }

    /// Width and height in pixels as shown, after rotation.
    pub(crate) fn turned_size(&self) -> (u32, u32) {
        match self.rotation {
            Some(90 | 270) => (self.height, self.width),
            _ => (self.width, self.height),
        }
    }
}

impl Movie {
    /// Reads a whole `moov` box, header included. Every count is checked against the bytes there are.
    pub fn parse(moov: &[u8], file_size: u64) -> Result<Self, MediaError> {
        if moov.len() as u64 > MAX_MOOV {
            return Err(MediaError::too_large("its index is over 256 MiB"));
        }
        let root = boxes(moov).next().ok_or(MediaError::NoMoov)??;
        if &root.kind != b"moov" {
            return Err(MediaError::NoMoov);
        }
        let mut movie = Self {
            tracks: Vec::new(),
            fragmented: false,
            truncated: false,
            cut_from: None,
            timescale: 0,
            duration_micros: 0,
            upright: true,
        };
        let mut traks = Vec::new();
        let mut extends = None;
        for child in boxes(root.body) {
            let child = child?;
            match &child.kind {
                b"mvhd" => movie.read_header(child.body)?,
                b"mvex" => extends = Some(child.body),
                b"cmov" => {
                    return Err(MediaError::unsupported("a compressed index"));
                }
                b"trak" if traks.len() == MAX_TRACKS => {
                    return Err(MediaError::too_large("it has over 64 tracks"));
                }
                b"trak" => traks.push(child.body),
                _ => {}
            }
        }
        if movie.timescale == 0 {
            return Err(MediaError::malformed("the movie header (mvhd) is missing"));
        }
        for trak in traks {
            movie.tracks.push(trak::parse(trak, movie.timescale)?);
            // Before the next one is read: tables of one repeated size cost no bytes in the file.
            movie.check_count()?;
        }
        if let Some(mvex) = extends {
            movie.fragmented = true;
            movie.read_defaults(mvex)?;
        }
        movie.settle(file_size)?;
        Ok(movie)
    }

    fn check_count(&self) -> Result<(), MediaError> {
        let samples: usize = self.tracks.iter().map(|track| track.samples.len()).sum();
        if samples > MAX_SAMPLES * 2 {
            return Err(MediaError::too_large("it has too many samples"));
        }
        Ok(())
    }

    /// Compares the samples with the file that they are said to lie in.
    pub(crate) fn settle(&mut self, file_size: u64) -> Result<(), MediaError> {
        self.check_count()?;
        let extents = || self.tracks.iter().map(|track| track.samples.extent());
        let truncated = extents().any(|extent| extent.file_end > file_size);
        let named = extents().fold(0_u64, |sum, extent| sum.saturating_add(extent.bytes));
        self.truncated = truncated;
        // A few bytes named a thousand times would become a thousand times as many elsewhere. What is
        // cut off is said to be that.
        if named > file_size && !truncated {
            return Err(MediaError::Repeated);
        }
        Ok(())
    }

    /// Moves all samples `by` bytes on in a file of `file_size` bytes, as their offsets do not count those in
    /// front of the film.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn move_samples(&mut self, by: u64, file_size: u64) -> Result<(), MediaError> {
        for track in &mut self.tracks {
            track.samples.move_on(by)?;
        }
        self.settle(file_size)
    }

    /// Whether the offsets of the samples count the `junk` bytes in front of the film, as in a file that was
    /// written so, or not, as where those were put there later: one way they lie in the boxes of media data,
    /// whose contents `media` are, by their places in the file.
    pub fn counts_junk(&self, junk: u64, media: &[Range<u64>]) -> bool {
        let tables = self.tracks.iter().map(|track| &track.samples);
        let lowest = tables.clone().filter_map(SampleTable::file_start).min();
        let Some(first) = lowest else { return false };
        let last = tables.map(|table| table.extent().file_end).max();
        let last = last.unwrap_or(first).saturating_sub(1);
        let fits = |by: u64| {
            let inside = |at: u64| media.iter().any(|media| media.contains(&(at + by)));
            let begins = media.iter().any(|media| media.start == first + by);
            (inside(first), inside(last), begins)
        };
        fits(0) > fits(junk)
    }

    /// Takes the samples out that the file ends before, so that it plays as far as it goes. Each track ends at
    /// the first one that is missing.
    ///
    /// # Errors
    /// `Truncated`: nothing is left of a track. `Repeated`: what is left names some bytes many times over.
    pub fn cut_off(&mut self, file_size: u64) -> Result<(), MediaError> {
        if !self.truncated {
            return Ok(());
        }
        let ends = |track: &Track| time::to_micros(track.samples.extent().end, track.timescale);
        let whole = self.tracks.iter().map(ends).max().unwrap_or(0);
        for track in &mut self.tracks {
            let had = track.samples.len();
            track.samples.keep_within(file_size)?;
            let shown = matches!(track.kind, TrackKind::Video | TrackKind::Audio);
            if shown && had > 0 && track.samples.is_empty() {
                return Err(MediaError::Truncated);
            }
        }
        self.settle(file_size)?;
        self.cut_from = Some(whole);
        Ok(())
    }

    fn read_defaults(&mut self, mvex: &[u8]) -> Result<(), MediaError> {
        for child in boxes(mvex) {
            let child = child?;
            if &child.kind != b"trex" {
                continue;
            }
            let (id, defaults) = track_defaults(child.body)?;
            for track in self.tracks.iter_mut().filter(|track| track.id == id) {
                track.defaults = defaults;
            }
        }
        Ok(())
    }

    /// The track to show: the first enabled video track that is not a still cover picture.
    pub fn video(&self) -> Option<usize> {
        self.first(TrackKind::Video)
    }

    /// The track to hear: the first enabled one.
    pub fn audio(&self) -> Option<usize> {
        self.first(TrackKind::Audio)
    }

    fn first(&self, kind: TrackKind) -> Option<usize> {
        let cover = |track: &Track| track.codec.is_still_picture() && track.samples.len() <= 1;
        let of_kind = |track: &&Track| track.kind == kind && !cover(track);
        let enabled = |track: &Track| of_kind(&track) && track.enabled;
        self.tracks
            .iter()
            .position(enabled)
            .or_else(|| self.tracks.iter().position(|track| of_kind(&track)))
    }

    fn read_header(&mut self, body: &[u8]) -> Result<(), MediaError> {
        let mut cursor = Cursor::new(body, "the movie header (mvhd)");
        let (version, _) = cursor.full()?;
        let (timescale, duration) = read_scale(&mut cursor, version)?;
        self.timescale = timescale;
        self.duration_micros =
            i64::try_from(duration).map_or(0, |ticks| time::to_micros(ticks, timescale));
        cursor.take(16)?;
        self.upright = read_matrix(&mut cursor)?[..5] == UNIT_MATRIX[..5];
        Ok(())
    }
}

/// Creation and change time (skipped), timescale and duration, as `mvhd` and `mdhd` share them.
fn read_scale(cursor: &mut Cursor<'_>, version: u8) -> Result<(u32, u64), MediaError> {
    cursor.take(if version == 1 { 16 } else { 8 })?;
    let timescale = cursor.u32()?;
    let duration = if version == 1 {
        cursor.u64()?
    } else {
        u64::from(cursor.u32()?)
    };
    if timescale == 0 {
        return Err(cursor.malformed());
    }
    Ok((timescale, duration))
}

fn read_matrix(cursor: &mut Cursor<'_>) -> Result<[i32; 9], MediaError> {
    let mut matrix = [0; 9];
    for cell in &mut matrix {
        *cell = cursor.i32()?;
    }
    Ok(matrix)
}

/// When the track's first sample is shown on its own file's timeline, in microseconds. For a video
/// track this is the moment that becomes 0, and what sound from the same timeline is moved by.
pub fn first_shown(movie: &Movie, track: usize) -> i64 {
    movie.tracks.get(track).map_or(0, |track| {
        let media = track.samples.extent().first - track.edit.media_start;
        track.edit.leading_empty_micros + time::to_micros(media, track.timescale)
    })
}

/// When a track of sound is first heard on its own file's timeline, in microseconds: what comes before an
/// edit primes the decoder. It is the moment that becomes 0 where there is no picture.
pub fn first_heard(movie: &Movie, track: usize) -> i64 {
    movie.tracks.get(track).map_or(0, |track| {
        let late = track.samples.extent().first - track.edit.media_start;
        track.edit.leading_empty_micros + time::to_micros(late.max(0), track.timescale)
    })
}
