//! Cuts tracks into segments: at key frames for the picture, at the nearest sample for the sound,
//! all on one timeline whose 0 is the first shown frame.

mod cut;

use crate::MediaError;
use crate::bandwidth::Bandwidth;
use crate::block::{Block, BlockSample};
use crate::direct_play::InstantTracks;
use crate::movie::{Movie, Track, TrackKind, first_shown};
use crate::packager::{init_segment, segment_head};
use crate::table::TrackTable;
use crate::time;

use cut::Cuts;
pub(crate) use cut::{KeyFrameCutter, SampleAt};

/// How the tracks of one file are served.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentPlan {
    /// The picture.
    pub video: PlannedTrack,
    /// The sound.
    pub audio: Option<PlannedTrack>,
}

/// One track cut into segments.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedTrack {
    /// What players and playlists need.
    pub table: TrackTable,
    /// The samples object: one block a segment, at [`TrackTable::sample_block_range`].
    pub samples: Vec<u8>,
}

impl PlannedTrack {
    /// The same track, whose table says how much of the source each segment needs.
    ///
    /// # Errors
    /// Where the samples object is not of this table.
    pub fn with_source_ends(mut self) -> Result<Self, MediaError> {
        const STRANGE: MediaError =
            MediaError::malformed("a samples object does not fit its table");
        let mut ends = Vec::with_capacity(self.table.segments());
        let mut rest = self.samples.as_slice();
        let mut end = 0;
        for length in self.table.sample_blocks.as_deref().ok_or(STRANGE)? {
            let (block, after) = rest.split_at_checked(*length as usize).ok_or(STRANGE)?;
            for (offset, length) in Block::decode(block)?.ranges {
                end = end.max(offset.saturating_add(length.into()));
            }
            ends.push(end);
            rest = after;
        }
        self.table.source_ends = Some(ends);
        Ok(self)
    }
}

/// Plans a file whose own tracks are served as they are.
pub fn plan(movie: &Movie, tracks: &InstantTracks) -> Result<SegmentPlan, MediaError> {
    let origin = first_shown(movie, tracks.video);
    let sound_ends = tracks.audio.map_or(0, |audio| ends(movie, audio, origin));
    let video = plan_video(movie, tracks.video, sound_ends)?;
    let starts: Vec<i64> = (1..video.table.segments())
        .map(|n| video.table.start_micros(n))
        .collect();
    let audio = tracks
        .audio
        .map(|audio| plan_audio(movie, audio, origin, &starts))
        .transpose()?;
    Ok(SegmentPlan { video, audio })
}

/// When a track ends in the presentation whose 0 is `origin_micros`, in microseconds.
pub fn ends(movie: &Movie, track: usize, origin_micros: i64) -> i64 {
    movie.tracks.get(track).map_or(0, |track| {
        let end = track.samples.extent().end;
        time::to_micros(
            end.saturating_sub(shift(track, origin_micros)),
            track.timescale,
        )
    })
}

/// Plans one video track: segments of about 1, 2, 2, then 4 s, cut at sync samples. Its first shown
/// frame becomes 0; its last one is held until `until_micros` if the picture ends before that.
pub fn plan_video(
    movie: &Movie,
    track: usize,
    until_micros: i64,
) -> Result<PlannedTrack, MediaError> {
    let track = packageable(movie, track, TrackKind::Video)?;
    let shift = track.samples.extent().first;
    let own = track.samples.extent().end - shift;
    let end = own.max(time::from_micros(until_micros, track.timescale));
    let cuts = cut::at_key_frames(track, shift, end);
    encode(track, shift, &cuts)
}

/// Plans one audio track. `origin_micros` is the moment of the file's own timeline that is 0 in the
/// presentation ([`first_shown`] of its video track; 0 for a file of sound encoded to begin with
/// the first frame). Segments begin near `starts_micros` (rising, without the 0 of the first) and
/// every 4 s after the last of them.
pub fn plan_audio(
    movie: &Movie,
    track: usize,
    origin_micros: i64,
    starts_micros: &[i64],
) -> Result<PlannedTrack, MediaError> {
    let track = packageable(movie, track, TrackKind::Audio)?;
    let shift = shift(track, origin_micros);
    let cuts = cut::near(track, shift, starts_micros);
    encode(track, shift, &cuts)
}

/// What to subtract from a composition time in ticks to get the presentation time in ticks.
pub(crate) fn shift(track: &Track, origin_micros: i64) -> i64 {
    let shown = track
        .edit
        .leading_empty_micros
        .saturating_sub(origin_micros);
    track
        .edit
        .media_start
        .saturating_sub(time::from_micros(shown, track.timescale))
}

pub(crate) fn packageable(
    movie: &Movie,
    track: usize,
    kind: TrackKind,
) -> Result<&Track, MediaError> {
    let no_track = MediaError::unsupported("it has no such track");
    let track = movie.tracks.get(track).ok_or(no_track)?;
    if track.kind != kind || !track.codec.is_packaged() || track.descriptions != 1 {
        return Err(MediaError::unsupported("this track's coding"));
    }
    if track.samples.is_empty() {
        return Err(MediaError::unsupported("a track without samples"));
    }
    Ok(track)
}

/// Builds the table and the samples object in one pass over the samples.
fn encode(track: &Track, shift: i64, cuts: &Cuts) -> Result<PlannedTrack, MediaError> {
    let mut built = Built::new(track.kind);
    let mut block = Block::default();
    let mut begins = 0;
    let mut starts = cuts.samples.iter().copied().skip(1).peekable();
    let times = track.samples.even_times();
    let last = track.samples.len().saturating_sub(1);
    let held = cuts.end > track.samples.extent().end - shift;
    for (index, mut sample) in track.samples.iter().enumerate() {
        if let Some(times) = &times {
            let next = times.get(index + 1).copied();
            sample.retime(times[index], next);
        }
        if held && index == last {
            let rest = cuts.end + shift - sample.pts();
            sample.duration = u32::try_from(rest).unwrap_or(sample.duration);
        }
        if starts.next_if(|start| *start as usize == index).is_some() {
            built.close(&std::mem::take(&mut block))?;
        }
        if block.samples.is_empty() {
            // Decode times are never negative: they count from 0.
            block.decode_time = sample.dts.cast_unsigned();
            begins = sample.pts();
        }
        built.independent &= sample.pts() >= begins;
        let cts = i32::try_from(i64::from(sample.cts) - shift)
            .map_err(|_| MediaError::unsupported("its composition offsets"))?;
        let sync = sample.sync || track.kind == TrackKind::Audio;
        let packed = BlockSample {
            size: sample.size,
            duration: sample.duration,
            cts,
            sync,
        };
        block.push(packed, sample.offset)?;
    }
    built.close(&block)?;
    built.finish(track, cuts)
}

struct Built {
    kind: TrackKind,
    lengths: Vec<u32>,
    blocks: Vec<u32>,
    samples: Vec<u8>,
    independent: bool,
    /// Up to the end of each first frame; `None` once a segment begins with another kind of frame.
    first_frames: Option<Vec<u32>>,
}

impl Built {
    fn new(kind: TrackKind) -> Self {
        Self {
            kind,
            lengths: Vec::new(),
            blocks: Vec::new(),
            samples: Vec::new(),
            independent: true,
            first_frames: (kind == TrackKind::Video).then(Vec::new),
        }
    }

    fn close(&mut self, block: &Block) -> Result<(), MediaError> {
        const TOO_LARGE: MediaError = MediaError::too_large("a segment is over 4 GiB");
        let sequence = u32::try_from(self.lengths.len() + 1).unwrap_or(u32::MAX);
        let head = segment_head(block, self.kind, sequence)?;
        let length = head.len() as u64 + block.body_len();
        self.lengths
            .push(u32::try_from(length).map_err(|_| TOO_LARGE)?);
        let first = block.samples.first().filter(|first| first.sync);
        let end = first.and_then(|first| u32::try_from(head.len()).ok()?.checked_add(first.size));
        match (end, &mut self.first_frames) {
            (Some(end), Some(frames)) => frames.push(end),
            _ => self.first_frames = None,
        }
        let before = self.samples.len();
        block.encode(&mut self.samples);
        let encoded = self.samples.len() - before;
        self.blocks
            .push(u32::try_from(encoded).map_err(|_| TOO_LARGE)?);
        Ok(())
    }

    fn finish(self, track: &Track, cuts: &Cuts) -> Result<PlannedTrack, MediaError> {
        let durations = cuts.durations()?;
        let video = track.kind == TrackKind::Video;
        let (width, height) = if video { track.turned_size() } else { (0, 0) };
        let bandwidth = Bandwidth::of(&durations, &self.lengths, track.timescale);
        let table = TrackTable {
            kind: track.kind,
            codec: track.codec.rfc6381(),
            timescale: track.timescale,
            width,
            height,
            frame_rate: if video { frame_rate(track) } else { 0.0 },
            channels: if video { 0 } else { track.channels },
            language: track.language.clone(),
            bandwidth_peak: bandwidth.peak,
            bandwidth_average: bandwidth.average,
            init: init_segment(track),
            durations,
            lengths: self.lengths,
            independent: self.independent,
            sample_blocks: Some(self.blocks),
            first_frames: self.first_frames,
            source_ends: None,
        };
        Ok(PlannedTrack {
            table,
            samples: self.samples,
        })
    }
}

/// Samples a second on average, to a thousandth.
pub(crate) fn frame_rate(track: &Track) -> f64 {
    let extent = track.samples.extent();
    let ticks = u128::try_from(extent.end - extent.first)
        .unwrap_or(0)
        .max(1);
    let samples = track.samples.len() as u128;
    let thousandths = (samples * 1000 * u128::from(track.timescale) + ticks / 2) / ticks;
    f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1000.0
}
