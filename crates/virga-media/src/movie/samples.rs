//! Sample tables (`stbl`) kept as the runs the file has, read in order by an iterator: no more
//! memory than the index itself, whatever counts it claims.

use crate::MediaError;

use super::stbl::{Sizes, Stbl};

/// One sample. Times in ticks of its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Decode time, from 0.
    pub dts: i64,
    /// Decode duration.
    pub duration: u32,
    /// Composition offset: shown at `dts + cts`.
    pub cts: i32,
    /// Bytes.
    pub size: u32,
    /// Position in the file.
    pub offset: u64,
    /// Whether decoding can start here.
    pub sync: bool,
}

impl Sample {
    /// Composition time in ticks, before any edit.
    pub fn pts(&self) -> i64 {
        self.dts + i64::from(self.cts)
    }

    /// Another decode time, which lasts until `next`; shown at the same moment.
    pub(crate) fn retime(&mut self, dts: i64, next: Option<i64>) {
        let cts = i32::try_from(self.pts() - dts);
        let duration = next.map_or(Ok(self.duration), |next| u32::try_from(next - dts));
        if let (Ok(cts), Ok(duration)) = (cts, duration) {
            (self.dts, self.duration, self.cts) = (dts, duration, cts);
        }
    }
}

/// What one pass over a table finds. Times are composition times in ticks, before any edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// The earliest composition time.
    pub first: i64,
    /// Where the last shown sample ends.
    pub end: i64,
    /// All sample bytes.
    pub bytes: u64,
    /// The end of the last sample in the file.
    pub file_end: u64,
    /// The largest distance between sync samples, the stretch after the last one included.
    pub longest_gop: i64,
    /// The longest decode duration.
    pub longest_sample: u32,
    /// Whether the first sample is a sync sample.
    pub starts_with_sync: bool,
    /// Sync samples.
    pub sync_samples: usize,
}

/// The samples of a track in decode order.
#[derive(Debug, Clone, Default)]
pub struct SampleTable {
    pub(crate) count: u32,
    pub(crate) sizes: Sizes,
    /// `stts`: samples, ticks each.
    pub(crate) durations: Vec<(u32, u32)>,
    /// `ctts`: samples, offset each. Absent samples have 0.
    pub(crate) offsets: Vec<(u32, i32)>,
    /// `stss`: numbers from 1, rising; `None` where every sample is a sync sample.
    pub(crate) sync: Option<Vec<u32>>,
    pub(super) chunks: Vec<u64>,
    /// `stsc`: first chunk (from 0) and samples in each chunk from there.
    pub(super) runs: Vec<(u32, u32)>,
    pub(super) extent: Extent,
}

impl SampleTable {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The sums and extremes over all samples.
    pub fn extent(&self) -> &Extent {
        &self.extent
    }

    /// When a sample after the last one would be decoded.
    pub(crate) fn duration(&self) -> i64 {
        self.iter()
            .last()
            .map_or(0, |last| last.dts + i64::from(last.duration))
    }

    /// Decode times by which no sample lasts past the next one shown; `None` where they need no
    /// change.
    ///
    /// Encoders write decode times that lag by some frames. After a pause between frames the pause
    /// then is the duration of a sample that is shown after it, and the film seems to end later.
    pub(crate) fn even_times(&self) -> Option<Vec<i64>> {
        if self.offsets.is_empty() || self.durations.windows(2).all(|runs| runs[0].1 == runs[1].1) {
            return None;
        }
        // The earliest moment that a sample or any after it is shown.
        let mut times: Vec<i64> = self.iter().map(|sample| sample.pts()).collect();
        let mut earliest = i64::MAX;
        for time in times.iter_mut().rev() {
            earliest = earliest.min(*time);
            *time = earliest;
        }
        let delay = self.iter().next().map_or(0, |first| i64::from(first.cts));
        let mut before = i64::MIN;
        for (time, sample) in times.iter_mut().zip(self) {
            *time = sample.dts.max(*time - delay).max(before.saturating_add(1));
            before = *time;
        }
        Some(times)
    }

    /// The samples in decode order.
    pub fn iter(&self) -> Samples<'_> {
        Samples::at_start(self)
    }

    pub(super) fn parse(stbl: &Stbl<'_>) -> Result<Self, MediaError> {
        let (count, sizes) = stbl.sizes()?;
        let mut table = Self {
            count,
            sizes,
            ..Self::default()
        };
        if count == 0 {
            return Ok(table);
        }
        table.durations = stbl.durations()?;
        table.offsets = stbl.composition_offsets()?;
        table.sync = stbl.sync_numbers(count)?;
        table.chunks = stbl.chunk_offsets()?;
        table.runs = stbl.chunk_runs()?;
        table.check_counts()?;
        table.measured()
    }

    /// Ends the table before the first sample that reaches past the end of the file.
    pub(super) fn keep_within(&mut self, file_size: u64) -> Result<(), MediaError> {
        let within = |sample: &Sample| sample.offset + u64::from(sample.size) <= file_size;
        let kept = self.iter().take_while(within).count();
        self.count = u32::try_from(kept).unwrap_or(self.count);
        if let Sizes::Each(sizes) = &mut self.sizes {
            sizes.truncate(kept);
        }
        self.extent = Extent::default();
        *self = std::mem::take(self).measured()?;
        Ok(())
    }

    /// Where in the file its first chunk begins; `None` where it has no samples.
    pub(super) fn file_start(&self) -> Option<u64> {
        self.chunks.iter().copied().filter(|_| self.count > 0).min()
    }

    /// Moves all samples on in the file.
    pub(super) fn move_on(&mut self, by: u64) -> Result<(), MediaError> {
        for chunk in &mut self.chunks {
            *chunk = chunk.saturating_add(by);
        }
        *self = std::mem::take(self).measured()?;
        Ok(())
    }

    /// The table with its extent.
    pub(super) fn measured(mut self) -> Result<Self, MediaError> {
        if self.count > 0 {
            self.extent = self.measure()?;
        }
        Ok(self)
    }

    /// Every table must speak for every sample, so that iterating never runs dry.
    fn check_counts(&self) -> Result<(), MediaError> {
        let timed: u64 = self
            .durations
            .iter()
            .map(|(samples, _)| u64::from(*samples))
            .sum();
        if timed < u64::from(self.count) {
            return Err(MediaError::malformed(
                "its sample times (stts) end too early",
            ));
        }
        let mut placed = 0_u64;
        for (index, (first, samples)) in self.runs.iter().enumerate() {
            let end = self
                .runs
                .get(index + 1)
                .map_or(usize::MAX, |next| next.0 as usize);
            let chunks = end.min(self.chunks.len()).saturating_sub(*first as usize) as u64;
            placed = placed.saturating_add(chunks.saturating_mul(u64::from(*samples)));
        }
        if placed < u64::from(self.count) {
            return Err(MediaError::malformed("its chunks (stsc) end too early"));
        }
        Ok(())
    }

    fn measure(&self) -> Result<Extent, MediaError> {
        let mut extent = Extent {
            first: i64::MAX,
            end: i64::MIN,
            ..Extent::default()
        };
        let mut last_sync = None;
        let mut last_duration = 0;
        for (index, sample) in self.iter().enumerate() {
            let pts = sample.pts();
            let sample_end = sample
                .offset
                .checked_add(u64::from(sample.size))
                .filter(|end| i64::try_from(*end).is_ok())
                .ok_or(MediaError::malformed("a sample beyond the end of any file"))?;
            extent.first = extent.first.min(pts);
            extent.end = extent.end.max(pts);
            if sample.duration > 0 {
                last_duration = sample.duration;
            }
            extent.bytes += u64::from(sample.size);
            extent.file_end = extent.file_end.max(sample_end);
            extent.longest_sample = extent.longest_sample.max(sample.duration);
            if sample.sync {
                extent.starts_with_sync |= index == 0;
                extent.sync_samples += 1;
                let since = last_sync.map_or(0, |last: i64| pts - last);
                extent.longest_gop = extent.longest_gop.max(since);
                last_sync = Some(pts);
            }
        }
        // The last one shown lasts as long as the last one decoded: its own decode duration may be
        // that of a pause before it.
        extent.end += i64::from(last_duration);
        let tail = extent.end - last_sync.unwrap_or(extent.first);
        extent.longest_gop = extent.longest_gop.max(tail);
        Ok(extent)
    }
}

/// Walks a [`SampleTable`] in decode order.
#[derive(Debug, Clone)]
pub struct Samples<'a> {
    table: &'a SampleTable,
    next: u32,
    dts: i64,
    duration_run: usize,
    duration_left: u32,
    offset_run: usize,
    offset_left: u32,
    sync_at: usize,
    chunk: usize,
    chunk_run: usize,
    chunk_left: u32,
    at: u64,
}

impl<'a> Samples<'a> {
    fn at_start(table: &'a SampleTable) -> Self {
        Self {
            table,
            next: 0,
            dts: 0,
            duration_run: 0,
            duration_left: table.durations.first().map_or(0, |run| run.0),
            offset_run: 0,
            offset_left: table.offsets.first().map_or(0, |run| run.0),
            sync_at: 0,
            chunk: 0,
            chunk_run: 0,
            chunk_left: table.runs.first().map_or(0, |run| run.1),
            at: table.chunks.first().copied().unwrap_or(0),
        }
    }

    fn duration(&mut self) -> Option<u32> {
        while self.duration_left == 0 {
            self.duration_run += 1;
            self.duration_left = self.table.durations.get(self.duration_run)?.0;
        }
        self.duration_left -= 1;
        self.table.durations.get(self.duration_run).map(|run| run.1)
    }

    fn composition(&mut self) -> i32 {
        while self.offset_left == 0 {
            self.offset_run += 1;
            match self.table.offsets.get(self.offset_run) {
                Some(run) => self.offset_left = run.0,
                None => return 0,
            }
        }
        self.offset_left -= 1;
        self.table
            .offsets
            .get(self.offset_run)
            .map_or(0, |run| run.1)
    }

    fn sync(&mut self) -> bool {
        let Some(numbers) = &self.table.sync else {
            return true;
        };
        let hit = numbers.get(self.sync_at) == Some(&(self.next + 1));
        self.sync_at += usize::from(hit);
        hit
    }

    fn position(&mut self, size: u32) -> Option<u64> {
        while self.chunk_left == 0 {
            self.chunk += 1;
            self.at = *self.table.chunks.get(self.chunk)?;
            if let Some(next) = self.table.runs.get(self.chunk_run + 1)
                && self.chunk >= next.0 as usize
            {
                self.chunk_run += 1;
            }
            self.chunk_left = self.table.runs.get(self.chunk_run)?.1;
        }
        self.chunk_left -= 1;
        let at = self.at;
        self.at = self.at.saturating_add(u64::from(size));
        Some(at)
    }
}

impl Iterator for Samples<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        if self.next >= self.table.count {
            return None;
        }
        let size = match &self.table.sizes {
            Sizes::Same(size) => *size,
            Sizes::Each(sizes) => *sizes.get(self.next as usize)?,
        };
        let duration = self.duration()?;
        let cts = self.composition();
        let sync = self.sync();
        let offset = self.position(size)?;
        let sample = Sample {
            dts: self.dts,
            duration,
            cts,
            size,
            offset,
            sync,
        };
        self.dts += i64::from(duration);
        self.next += 1;
        Some(sample)
    }
}

impl<'a> IntoIterator for &'a SampleTable {
    type Item = Sample;
    type IntoIter = Samples<'a>;

    fn into_iter(self) -> Samples<'a> {
        self.iter()
    }
}
