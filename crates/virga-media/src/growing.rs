//! A track that is cut into segments while its samples arrive, as an encoder or a copy makes them. The
//! cuts are those of [`plan`](crate::plan) as far as they can be known without the end; what was cut
//! once never changes.

use std::collections::VecDeque;

use crate::MediaError;
use crate::block::{Block, BlockSample};
use crate::movie::{Movie, Sample, Track, TrackKind};
use crate::packager::{SegmentLayout, init_segment, segment_head};
use crate::plan::{KeyFrameCutter, SampleAt, shift};
use crate::table::TrackTable;
use crate::time;

/// No encoder shows a frame later than this many behind its place in decoding order (H.264 A.3.1: 16).
const REORDERED: usize = 17;
/// When segments of sound end, in seconds, while the picture's are unknown: those of a picture with a key
/// frame every other second, and then every fourth.
const SOUND_CUTS: [i64; 3] = [2, 4, 6];
const SOUND_EVERY: i64 = 4;

/// A segment that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrownSegment {
    /// How long it is shown, in ticks of the track.
    pub duration: u32,
    /// Its bytes; ranges are those of the samples that were pushed.
    pub layout: SegmentLayout,
    /// Bytes up to the end of its first frame, as in [`TrackTable::first_frames`]; `None` where that is no key
    /// frame.
    pub first_frame: Option<u32>,
}

/// A track while it grows.
#[derive(Debug)]
pub struct GrowingTrack {
    head: TrackTable,
    edit_shown: i64,
    track: Track,
    /// Samples whose decode time is not settled.
    ahead: VecDeque<Sample>,
    shift: Option<i64>,
    delay: i64,
    last_time: i64,
    /// Samples since the last cut, and the number of the first of them.
    open: Vec<Sample>,
    first_open: u32,
    settled: u32,
    begins: i64,
    cutter: KeyFrameCutter,
    cuts: u32,
    /// When the sample begins that is shown last, on the file's clock, and how long the last one decoded is.
    latest: i64,
    last_duration: u32,
    ready: VecDeque<GrownSegment>,
}

/// What is announced of a track before it is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Announced {
    /// Bits a second that no stretch of segments exceeds.
    pub bandwidth_peak: u64,
    /// Bits a second that are expected.
    pub bandwidth_average: u64,
    /// Frames a second; 0 for sound.
    pub frame_rate: f64,
}

impl GrowingTrack {
    /// Begins with the track's description, whose sample table may be empty. `origin_micros`: the moment of
    /// the file's timeline that is 0; `None`: the first frame shown.
    ///
    /// # Errors
    /// Where the coding is none that can be packaged.
    pub fn new(
        movie: &Movie,
        track: usize,
        origin_micros: Option<i64>,
        announced: Announced,
    ) -> Result<Self, MediaError> {
        const UNKNOWN: MediaError = MediaError::unsupported("this track's coding");
        let track = movie.tracks.get(track).ok_or(UNKNOWN)?;
        if !track.codec.is_packaged() || track.descriptions != 1 {
            return Err(UNKNOWN);
        }
        let head = Self::head_of(track, announced);
        Ok(Self {
            head,
            edit_shown: track.edit.leading_empty_micros,
            track: track.clone(),
            ahead: VecDeque::new(),
            shift: origin_micros.map(|origin| shift(track, origin)),
            delay: 0,
            last_time: i64::MIN,
            open: Vec::new(),
            first_open: 0,
            settled: 0,
            begins: 0,
            cutter: KeyFrameCutter::new(track.timescale),
            cuts: 0,
            latest: 0,
            last_duration: 0,
            ready: VecDeque::new(),
        })
    }

    fn head_of(track: &Track, announced: Announced) -> TrackTable {
        let video = track.kind == TrackKind::Video;
        let (width, height) = if video { track.turned_size() } else { (0, 0) };
        TrackTable {
            kind: track.kind,
            codec: track.codec.rfc6381(),
            timescale: track.timescale,
            width,
            height,
            frame_rate: announced.frame_rate,
            channels: if video { 0 } else { track.channels },
            language: track.language.clone(),
            bandwidth_peak: announced.bandwidth_peak,
            bandwidth_average: announced.bandwidth_average,
            init: init_segment(track),
            durations: Vec::new(),
            lengths: Vec::new(),
            // Our encoders close their groups; a copy may not.
            independent: true,
            sample_blocks: None,
            first_frames: None,
            source_ends: None,
        }
    }

    /// The table without segments.
    pub fn head(&self) -> &TrackTable {
        &self.head
    }

    /// When the first frame is shown on the file's timeline, in microseconds; `None` while no segment
    /// can be cut yet.
    pub fn first_shown(&self) -> Option<i64> {
        let media = self.shift? - self.track.edit.media_start;
        Some(self.edit_shown + time::to_micros(media, self.track.timescale))
    }

    /// Adds the next sample in decode order.
    ///
    /// # Errors
    /// Where a segment grows beyond what a segment may hold.
    pub fn push(&mut self, sample: Sample) -> Result<(), MediaError> {
        self.latest = self.latest.max(sample.pts());
        if sample.duration > 0 {
            self.last_duration = sample.duration;
        }
        self.ahead.push_back(sample);
        if self.ahead.len() > REORDERED {
            self.settle()?;
        }
        Ok(())
    }

    /// When what was pushed ends, in microseconds from 0.
    pub fn ends(&self) -> i64 {
        let end = self.own_end() - self.shift.unwrap_or(0);
        time::to_micros(end, self.head.timescale)
    }

    /// The sample shown last lasts as long as the one decoded last: its own decode duration may be that of a
    /// pause before it.
    fn own_end(&self) -> i64 {
        self.latest.saturating_add(self.last_duration.into())
    }

    /// Samples a second of what was pushed and settled, to a thousandth; 0 for sound.
    pub fn frame_rate(&self) -> f64 {
        let micros = u64::try_from(self.ends()).unwrap_or(0).max(1);
        let thousandths = u64::from(self.settled) * 1_000_000_000 / micros;
        match self.head.kind {
            TrackKind::Video => f64::from(u32::try_from(thousandths).unwrap_or(u32::MAX)) / 1000.0,
            _ => 0.0,
        }
    }

    /// The decode time of the sample after those that were pushed, where they all are shown in that order.
    pub fn next_time(&self) -> i64 {
        self.own_end()
    }

    /// The next segment that stands.
    pub fn pop(&mut self) -> Option<GrownSegment> {
        self.ready.pop_front()
    }

    /// All samples were pushed: cuts the rest. The last frame is held until `until_micros` if the picture
    /// ends before that. Answers where the track ends, in microseconds.
    ///
    /// # Errors
    /// Where the track has no samples, or as [`push`](Self::push).
    pub fn end(&mut self, until_micros: i64) -> Result<i64, MediaError> {
        while !self.ahead.is_empty() {
            self.settle()?;
        }
        let shift = self.shift.unwrap_or(0);
        if self.open.is_empty() {
            return Err(MediaError::unsupported("a track without samples"));
        }
        let own = self.own_end() - shift;
        let wanted = time::from_micros(until_micros, self.head.timescale);
        let end = if self.head.kind == TrackKind::Video {
            own.max(wanted)
        } else {
            own
        };
        if end > own
            && let Some(last) = self.open.last_mut()
        {
            let rest = end + shift - last.pts();
            last.duration = u32::try_from(rest).unwrap_or(last.duration);
        }
        if self.head.kind == TrackKind::Video
            && let Some(at) = self.cutter.end(end)
        {
            self.cut(at)?;
        }
        let rest = std::mem::take(&mut self.open);
        self.close(&rest, end)?;
        Ok(time::to_micros(end, self.head.timescale))
    }

    /// Gives the first waiting sample its decode time, by those that follow it, and looks whether a segment
    /// ends before it.
    fn settle(&mut self) -> Result<(), MediaError> {
        let earliest = self.ahead.iter().map(Sample::pts).min();
        let (Some(earliest), Some(mut sample)) = (earliest, self.ahead.pop_front()) else {
            return Ok(());
        };
        let shift = *self.shift.get_or_insert(earliest);
        if self.settled == 0 {
            self.delay = i64::from(sample.cts);
        }
        if self.head.kind == TrackKind::Video {
            // As `SampleTable::even_times`: no sample lasts past the next one shown.
            let time = sample.dts.max(earliest - self.delay);
            let time = time.max(self.last_time.saturating_add(1));
            let lasts_until = sample.dts + i64::from(sample.duration);
            sample.retime(time, Some(lasts_until.max(time)));
            if let Some(last) = self.open.last_mut() {
                last.retime(last.dts, Some(time));
            }
            self.last_time = time;
        }
        let here = SampleAt {
            sample: self.settled,
            time: sample.pts() - shift,
        };
        self.settled += 1;
        if self.head.kind == TrackKind::Video {
            if sample.sync && here.sample > 0 {
                for at in self.cutter.offer(here).into_iter().flatten() {
                    self.cut(at)?;
                }
            }
        } else if here.time >= self.sound_cut() {
            self.cut(here)?;
        }
        self.open.push(sample);
        Ok(())
    }

    /// When the open segment of sound ends, in ticks.
    fn sound_cut(&self) -> i64 {
        let n = usize::try_from(self.cuts).unwrap_or(usize::MAX);
        let last = SOUND_CUTS.len() - 1;
        let seconds = SOUND_CUTS.get(n).copied().unwrap_or_else(|| {
            let more = i64::try_from(n - last).unwrap_or(i64::MAX);
            SOUND_CUTS[last].saturating_add(SOUND_EVERY.saturating_mul(more))
        });
        seconds.saturating_mul(i64::from(self.head.timescale))
    }

    /// Ends the open segment before the sample at `at`.
    fn cut(&mut self, at: SampleAt) -> Result<(), MediaError> {
        let count = usize::try_from(at.sample - self.first_open).unwrap_or(usize::MAX);
        let rest = self.open.split_off(count.min(self.open.len()));
        let closed = std::mem::replace(&mut self.open, rest);
        self.first_open = at.sample;
        self.close(&closed, at.time)
    }

    fn close(&mut self, samples: &[Sample], ends: i64) -> Result<(), MediaError> {
        let Some(first) = samples.first() else {
            return Ok(());
        };
        let shift = self.shift.unwrap_or(0);
        let mut block = Block {
            decode_time: first.dts.max(0).cast_unsigned(),
            ..Block::default()
        };
        for sample in samples {
            let cts = i32::try_from(i64::from(sample.cts) - shift)
                .map_err(|_| MediaError::unsupported("its composition offsets"))?;
            let packed = BlockSample {
                size: sample.size,
                duration: sample.duration,
                cts,
                sync: sample.sync || self.head.kind == TrackKind::Audio,
            };
            block.push(packed, sample.offset)?;
        }
        self.cuts += 1;
        let head = segment_head(&block, self.head.kind, self.cuts)?;
        let duration = u32::try_from(ends - self.begins)
            .map_err(|_| MediaError::unsupported("its sample times"))?;
        self.begins = ends;
        let shown = first.sync && self.head.kind == TrackKind::Video;
        let before = u32::try_from(head.len()).ok().filter(|_| shown);
        let first_frame = before.and_then(|before| before.checked_add(first.size));
        let layout = SegmentLayout {
            head,
            body: block.ranges,
        };
        self.ready.push_back(GrownSegment {
            duration,
            layout,
            first_frame,
        });
        Ok(())
    }
}
