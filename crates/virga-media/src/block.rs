//! One segment's samples as a compact block: what the just-in-time path reads instead of the index.
//!
//! Layout, all numbers LEB128, signed ones zigzag: decode time, sample count, flags, then columns:
//! durations (one if all equal), composition offsets (none if all 0, one if all equal), sync bits
//! (only where they are not "first only" or "all"), sizes; then the source ranges: count and for
//! each the signed gap since the last range's end and the length.

use crate::MediaError;

/// No real segment comes near this: 12 s at over 5,000 samples a second.
pub(crate) const MAX_SEGMENT_SAMPLES: usize = 65_536;

const SAME_DURATION: u64 = 1;
const NO_OFFSETS: u64 = 2;
const SAME_OFFSET: u64 = 4;
const FIRST_SYNC: u64 = 8;
const ALL_SYNC: u64 = 16;

/// One sample of a segment, its composition offset already on the presentation's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockSample {
    pub(crate) size: u32,
    pub(crate) duration: u32,
    pub(crate) cts: i32,
    pub(crate) sync: bool,
}

/// The samples of one segment and where their bytes lie in the source, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Block {
    pub(crate) decode_time: u64,
    pub(crate) samples: Vec<BlockSample>,
    pub(crate) ranges: Vec<(u64, u32)>,
}

const DAMAGED: MediaError = MediaError::malformed("a block of the samples object");

impl Block {
    /// Adds a sample, growing the last range where its bytes follow on.
    pub(crate) fn push(&mut self, sample: BlockSample, offset: u64) -> Result<(), MediaError> {
        const TOO_MANY: MediaError = MediaError::too_large("a segment has too many samples");
        if self.samples.len() == MAX_SEGMENT_SAMPLES {
            return Err(TOO_MANY);
        }
        self.samples.push(sample);
        if sample.size == 0 {
            return Ok(());
        }
        if let Some((start, length)) = self.ranges.last_mut()
            && *start + u64::from(*length) == offset
            && let Some(longer) = length.checked_add(sample.size)
        {
            *length = longer;
        } else {
            self.ranges.push((offset, sample.size));
        }
        Ok(())
    }

    pub(crate) fn body_len(&self) -> u64 {
        self.ranges
            .iter()
            .map(|(_, length)| u64::from(*length))
            .sum()
    }

    /// The one value that all samples share, if they do.
    pub(crate) fn shared<T: PartialEq>(&self, of: impl Fn(&BlockSample) -> T) -> Option<T> {
        let first = self.samples.first().map(&of)?;
        self.samples
            .iter()
            .all(|sample| of(sample) == first)
            .then_some(first)
    }

    /// Whether only the first sample is a sync sample.
    pub(crate) fn first_sync_only(&self) -> bool {
        self.samples
            .iter()
            .enumerate()
            .all(|(index, sample)| sample.sync == (index == 0))
    }

    pub(crate) fn encode(&self, to: &mut Vec<u8>) {
        let duration = self.shared(|sample| sample.duration);
        let offset = self.shared(|sample| sample.cts);
        let mut flags = 0;
        flags |= if duration.is_some() { SAME_DURATION } else { 0 };
        flags |= match offset {
            Some(0) => NO_OFFSETS,
            Some(_) => SAME_OFFSET,
            None => 0,
        };
        flags |= match self.shared(|sample| sample.sync) {
            Some(true) => ALL_SYNC,
            _ if self.first_sync_only() => FIRST_SYNC,
            _ => 0,
        };
        put(to, self.decode_time);
        put(to, self.samples.len() as u64);
        put(to, flags);
        let repeated = |shared: bool| if shared { 1 } else { self.samples.len() };
        for sample in &self.samples[..repeated(duration.is_some())] {
            put(to, u64::from(sample.duration));
        }
        if flags & NO_OFFSETS == 0 {
            for sample in &self.samples[..repeated(offset.is_some())] {
                put(to, zigzag(i64::from(sample.cts)));
            }
        }
        if flags & (ALL_SYNC | FIRST_SYNC) == 0 {
            to.extend(self.samples.iter().map(|sample| u8::from(sample.sync)));
        }
        for sample in &self.samples {
            put(to, u64::from(sample.size));
        }
        put(to, self.ranges.len() as u64);
        let mut end = 0_u64;
        for (offset, length) in &self.ranges {
            put(to, zigzag(offset.wrapping_sub(end).cast_signed()));
            put(to, u64::from(*length));
            end = offset.wrapping_add(u64::from(*length));
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, MediaError> {
        let mut from = Reader { rest: bytes };
        let decode_time = from.number()?;
        let count = from.count(1)?;
        let flags = from.number()?;
        if count == 0 || count > MAX_SEGMENT_SAMPLES {
            return Err(DAMAGED);
        }
        let blank = BlockSample {
            size: 0,
            duration: 0,
            cts: 0,
            sync: flags & ALL_SYNC != 0,
        };
        let mut samples = vec![blank; count];
        samples[0].sync |= flags & FIRST_SYNC != 0;
        let durations = from.column(count, flags & SAME_DURATION != 0, Reader::u32)?;
        let same_offset = flags & SAME_OFFSET != 0;
        let offsets = if flags & NO_OFFSETS != 0 {
            Column::Same(0)
        } else {
            from.column(count, same_offset, |from| {
                i32::try_from(unzigzag(from.number()?)).map_err(|_| DAMAGED)
            })?
        };
        let stated_sync = flags & (ALL_SYNC | FIRST_SYNC) == 0;
        for (index, sample) in samples.iter_mut().enumerate() {
            sample.duration = durations.at(index);
            sample.cts = offsets.at(index);
            if stated_sync {
                sample.sync = from.number()? == 1;
            }
        }
        let mut bytes = 0_u64;
        for sample in &mut samples {
            sample.size = from.u32()?;
            bytes += u64::from(sample.size);
        }
        let ranges = from.ranges()?;
        let block = Self {
            decode_time,
            samples,
            ranges,
        };
        if block.body_len() == bytes && from.rest.is_empty() {
            Ok(block)
        } else {
            Err(DAMAGED)
        }
    }
}

enum Column<T> {
    Same(T),
    Each(Vec<T>),
}

impl<T: Copy + Default> Column<T> {
    fn at(&self, index: usize) -> T {
        match self {
            Self::Same(value) => *value,
            Self::Each(values) => values.get(index).copied().unwrap_or_default(),
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn number(&mut self) -> Result<u64, MediaError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(DAMAGED)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DAMAGED)
    }

    fn u32(&mut self) -> Result<u32, MediaError> {
        u32::try_from(self.number()?).map_err(|_| DAMAGED)
    }

    /// A count whose entries of at least `least` bytes fit in what is left.
    fn count(&mut self, least: usize) -> Result<usize, MediaError> {
        let count = usize::try_from(self.number()?).map_err(|_| DAMAGED)?;
        if count > self.rest.len() / least {
            Err(DAMAGED)
        } else {
            Ok(count)
        }
    }

    fn column<T>(
        &mut self,
        count: usize,
        same: bool,
        read: impl Fn(&mut Self) -> Result<T, MediaError>,
    ) -> Result<Column<T>, MediaError> {
        if same {
            return read(self).map(Column::Same);
        }
        (0..count)
            .map(|_| read(self))
            .collect::<Result<_, _>>()
            .map(Column::Each)
    }

    fn ranges(&mut self) -> Result<Vec<(u64, u32)>, MediaError> {
        let count = self.count(2)?;
        let mut end = 0_u64;
        let mut ranges = Vec::with_capacity(count);
        for _ in 0..count {
            let offset = end
                .checked_add_signed(unzigzag(self.number()?))
                .ok_or(DAMAGED)?;
            let length = self.u32()?;
            end = offset.checked_add(u64::from(length)).ok_or(DAMAGED)?;
            ranges.push((offset, length));
        }
        Ok(ranges)
    }
}

fn put(to: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            to.push(low);
            return;
        }
        to.push(low | 0x80);
    }
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
