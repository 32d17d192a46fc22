//! Finds all fragments of a file by its top-level boxes, in few reads: many short fragments in one,
//! long ones by their headers alone, several at a time where an index of the file says where they are.

use super::FragmentIndex;
use super::hints::Hints;
use crate::MediaError;
use crate::bmff::FourCc;
use crate::locate::MAX_MOOV;
use crate::movie::Movie;

/// What is read where nothing is known yet.
const FIRST_READ: u64 = 64 * 1024;
/// The least that is read: what comes after a fragment's index is read with it.
const LEAST_READ: u64 = 4 * 1024;
/// What is read at once where fragments are shorter than [`SHORT`].
const LONG_READ: u64 = 1 << 20;
const SHORT: u64 = LONG_READ / 8;
/// Two ranges are read as one if no more than this lies between them.
const GAP: u64 = 64 * 1024;
/// Ranges and bytes of one step.
const BATCH: usize = 16;
const BATCH_BYTES: u64 = 4 << 20;
/// Only files with more than this before their end are asked for an index there.
const FAR: u64 = 4 << 20;
/// An index at the end that is longer is left alone.
const MAX_TAIL: u64 = 8 << 20;
/// Boxes without samples: so many, and so many for each fragment.
const MAX_BOXES: usize = 4096;
const BOXES_EACH: usize = 8;

/// What [`FragmentWalk::step`] asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FragmentStep {
    /// Read these ranges (position and length, none past the file's end), at once or one after
    /// another, and [`feed`](FragmentWalk::feed) each.
    Read(Vec<(u64, u64)>),
    /// All fragments are found.
    Done,
}

/// The walk over the fragments of one file.
#[derive(Debug)]
pub struct FragmentWalk {
    file_size: u64,
    index: FragmentIndex,
    at: u64,
    windows: Vec<(u64, Vec<u8>)>,
    /// Where the bytes that were asked for last begin and end.
    asked: Option<(u64, u64)>,
    hints: Hints,
    tail: Tail,
    /// The last fragment: where it began, and the length of its own index.
    last: Option<(u64, u64)>,
    /// From one fragment to the next.
    stride: u64,
    fragments: usize,
    others: usize,
    header_bytes: u64,
    indexes: usize,
    cut_off: bool,
}

/// Whether the end of the file was looked at for an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    Unknown,
    Asked { at: u64 },
    Seen,
}

/// A box by its header.
struct Head {
    kind: FourCc,
    size: u64,
    header: u64,
}

impl FragmentWalk {
    /// Starts at the first byte of the file whose index `movie` is.
    pub fn new(movie: &Movie, file_size: u64) -> Result<Self, MediaError> {
        Ok(Self {
            file_size,
            index: FragmentIndex::new(movie, file_size)?,
            at: 0,
            windows: Vec::new(),
            asked: None,
            hints: Hints::default(),
            tail: Tail::Unknown,
            last: None,
            stride: 0,
            fragments: 0,
            others: 0,
            header_bytes: 0,
            indexes: 0,
            cut_off: false,
        })
    }

    /// Takes bytes of the file: those asked for, and any that the caller holds.
    pub fn feed(&mut self, offset: u64, bytes: &[u8]) {
        if let Tail::Asked { at } = self.tail
            && at == offset
        {
            self.tail = Tail::Seen;
            if let Some(len) = self.hints.add_tail(bytes)
                && len <= MAX_TAIL.min(self.file_size)
                && len > bytes.len() as u64
            {
                let at = self.file_size - len;
                self.tail = Tail::Asked { at };
            }
        }
        self.windows.push((offset, bytes.to_vec()));
    }

    /// Goes on as far as the bytes fed allow.
    ///
    /// A file that ends within a fragment is walked to the fragment before. `Truncated`: a read came
    /// back short.
    pub fn step(&mut self) -> Result<FragmentStep, MediaError> {
        while self.file_size - self.at >= 8 && !self.cut_off {
            let Some(head) = self.head()? else {
                return self.ask(16);
            };
            let left = self.file_size - self.at;
            if head.size > left {
                self.cut_off = true;
                break;
            }
            let whole = match &head.kind {
                b"moof" => head.size,
                b"sidx" if head.size <= LONG_READ => head.size,
                _ => 0,
            };
            if self.held(self.at, whole).is_none() {
                // With the header of what follows.
                return self.ask(whole + 16);
            }
            self.take(&head)?;
            self.at += head.size;
        }
        // Less than the head of a box is left, where it does not end with one.
        self.cut_off |= self.at < self.file_size;
        Ok(FragmentStep::Done)
    }

    /// Whether the file ends within a fragment, as after a recorder that was killed.
    pub fn is_cut_off(&self) -> bool {
        self.cut_off
    }

    /// Gives the movie's tracks the samples of all fragments found. Without any it stays as it was.
    pub fn finish(self, movie: &mut Movie) -> Result<(), MediaError> {
        if self.fragments == 0 {
            return Ok(());
        }
        self.index.finish(movie)
    }

    /// Uses a box that is there as far as it matters.
    fn take(&mut self, head: &Head) -> Result<(), MediaError> {
        match &head.kind {
            b"moof" => return self.take_fragment(head.size),
            b"moov" => {
                self.indexes += 1;
                if self.indexes > 1 {
                    return Err(MediaError::unsupported("several indexes (moov)"));
                }
            }
            b"sidx" => {
                let end = self.at + head.size;
                if let Some(bytes) = held(&self.windows, self.at, head.size) {
                    let header = usize::try_from(head.header).unwrap_or(usize::MAX);
                    // A damaged one is as good as none.
                    let _ = self
                        .hints
                        .add_segments(bytes.get(header..).unwrap_or_default(), end);
                }
            }
            _ => {}
        }
        self.count_other()
    }

    fn count_other(&mut self) -> Result<(), MediaError> {
        self.others += 1;
        if self.others > MAX_BOXES + BOXES_EACH * self.fragments {
            return Err(MediaError::malformed("it has too many boxes"));
        }
        Ok(())
    }

    fn take_fragment(&mut self, size: u64) -> Result<(), MediaError> {
        self.header_bytes += size;
        if self.header_bytes > MAX_MOOV {
            return Err(MediaError::too_large("its index is over 256 MiB"));
        }
        let Some(moof) = held(&self.windows, self.at, size) else {
            return Err(MediaError::Truncated);
        };
        let before = self.index.len();
        if !self.index.add(moof, self.at)? {
            self.cut_off = true;
            return Ok(());
        }
        if self.index.len() == before {
            return self.count_other();
        }
        if let Some((last, _)) = self.last {
            self.stride = self.at - last;
        }
        self.last = Some((self.at, size));
        self.fragments += 1;
        Ok(())
    }

    /// The box at the current position, `None` where its header is not held yet.
    fn head(&mut self) -> Result<Option<Head>, MediaError> {
        let left = self.file_size - self.at;
        let Some(bytes) = self.held(self.at, 16.min(left)) else {
            return Ok(None);
        };
        let Some(([a, b, c, d, kind @ ..], rest)) = bytes.split_first_chunk::<8>() else {
            return Ok(None);
        };
        let (size, header) = match (u32::from_be_bytes([*a, *b, *c, *d]), rest.first_chunk()) {
            (1, Some(size)) => (u64::from_be_bytes(*size), 16),
            (0, _) if kind == b"mdat" => (left, 8),
            (size, _) => (u64::from(size), 8),
        };
        let head = Head {
            kind: *kind,
            size,
            header,
        };
        if size >= header {
            return Ok(Some(head));
        }
        if self.fragments == 0 {
            return Err(MediaError::malformed(
                "a box is shorter than its own header",
            ));
        }
        // Recorders that are killed leave zeros where they meant to write.
        Ok(Some(Head {
            size: u64::MAX,
            ..head
        }))
    }

    fn held(&self, at: u64, len: u64) -> Option<&[u8]> {
        held(&self.windows, at, len)
    }

    /// Asks for `need` bytes at the current position, with what is likely to be needed next.
    fn ask(&mut self, need: u64) -> Result<FragmentStep, MediaError> {
        let left = self.file_size - self.at;
        let need = need.min(left);
        if self.asked == Some((self.at, need)) {
            return Err(MediaError::Truncated);
        }
        self.asked = Some((self.at, need));
        let at = self.at;
        self.windows
            .retain(|(start, bytes)| start + bytes.len() as u64 > at);
        let mut ranges = vec![(at, need.max(self.ahead()).min(left))];
        self.add_hinted(&mut ranges);
        if self.tail == Tail::Unknown && self.hints.is_empty() && left > FAR {
            let len = FIRST_READ;
            let at = self.file_size - len;
            self.tail = Tail::Asked { at };
            ranges.push((at, len));
        } else if let Tail::Asked { at } = self.tail {
            ranges.push((at, self.file_size - at));
        }
        Ok(FragmentStep::Read(ranges))
    }

    /// How much is read at a fragment of which only the place is known.
    fn ahead(&self) -> u64 {
        match self.last {
            None => FIRST_READ,
            Some(_) if self.stride > 0 && self.stride <= SHORT => LONG_READ,
            Some((_, index)) => (index * 2).clamp(LEAST_READ, LONG_READ),
        }
    }

    /// Adds the fragments that an index names, as long as one step lasts.
    fn add_hinted(&self, ranges: &mut Vec<(u64, u64)>) {
        let each = self.last.map_or(4 * LEAST_READ, |(_, index)| {
            (index * 2).clamp(LEAST_READ, LONG_READ)
        });
        for hint in self.hints.from(self.at + 1) {
            let (start, len) = ranges.last().copied().unwrap_or_default();
            let (end, wanted) = (start + len, hint.saturating_add(each).min(self.file_size));
            if hint >= self.file_size {
                return;
            }
            if wanted <= end || self.held(hint, 16).is_some() {
                continue;
            }
            let total: u64 = ranges.iter().map(|(_, len)| len).sum();
            let near = hint <= end + GAP;
            let more = wanted - if near { end } else { hint };
            if total + more > BATCH_BYTES || (!near && ranges.len() == BATCH) {
                return;
            }
            if near {
                if let Some(last) = ranges.last_mut() {
                    last.1 += more;
                }
            } else {
                ranges.push((hint, more));
            }
        }
    }
}

fn held(windows: &[(u64, Vec<u8>)], at: u64, len: u64) -> Option<&[u8]> {
    windows.iter().find_map(|(start, bytes)| {
        let skip = usize::try_from(at.checked_sub(*start)?).ok()?;
        let len = usize::try_from(len).ok()?;
        bytes.get(skip..skip.checked_add(len)?)
    })
}
