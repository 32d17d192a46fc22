//! Finds `moov` by walking the top-level boxes with a few small ranged reads, wherever it is.

use crate::MediaError;

/// The largest `moov` that is read, in bytes.
pub const MAX_MOOV: u64 = 256 * 1024 * 1024;

/// The first read: as much as `sniff` wanted, so the caller mostly holds it already.
const FIRST_READ: u64 = 64 * 1024;
const NEXT_READ: u64 = 4 * 1024;
/// More top-level boxes than any real file has before its index.
const MAX_BOXES: u32 = 4096;

/// What [`MoovLocator::step`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Read `len` bytes at `offset` and [`feed`](MoovLocator::feed) them.
    Read {
        /// Position in the file.
        offset: u64,
        /// Bytes wanted; never past the file's end.
        len: u64,
    },
    /// The range of the whole `moov` box, header included.
    Found {
        /// Position in the file.
        offset: u64,
        /// Length of the box, at most [`MAX_MOOV`].
        len: u64,
    },
}

/// The walk over the top-level boxes of one file.
#[derive(Debug)]
pub struct MoovLocator {
    file_size: u64,
    at: u64,
    window_start: u64,
    window: Vec<u8>,
    asked: bool,
    seen: u32,
}

impl MoovLocator {
    /// Starts at the first byte of a file of `file_size` bytes.
    pub fn new(file_size: u64) -> Self {
        Self {
            file_size,
            at: 0,
            window_start: 0,
            window: Vec::new(),
            asked: false,
            seen: 0,
        }
    }

    /// Goes on as far as the bytes fed allow.
    ///
    /// `Truncated`: a box reaches past the end of the file, or a read came back short. `NoMoov`: the
    /// end was reached without one.
    pub fn step(&mut self) -> Result<Step, MediaError> {
        loop {
            let left = self.file_size - self.at;
            if left < 8 {
                return Err(MediaError::NoMoov);
            }
            let Some((kind, size)) = self.header(left)? else {
                if std::mem::replace(&mut self.asked, true) {
                    return Err(MediaError::Truncated);
                }
                let want = if self.at == 0 { FIRST_READ } else { NEXT_READ };
                return Ok(Step::Read {
                    offset: self.at,
                    len: want.min(left),
                });
            };
            if size > left {
                return Err(MediaError::Truncated);
            }
            if &kind == b"moov" {
                if size > MAX_MOOV {
                    return Err(MediaError::too_large("its index is over 256 MiB"));
                }
                return Ok(Step::Found {
                    offset: self.at,
                    len: size,
                });
            }
            self.seen += 1;
            if self.seen > MAX_BOXES {
                return Err(MediaError::NoMoov);
            }
            self.at += size;
        }
    }

    /// Takes the bytes of the last [`Step::Read`].
    pub fn feed(&mut self, bytes: &[u8]) {
        self.window_start = self.at;
        self.window.clear();
        let cap = usize::try_from(FIRST_READ).unwrap_or(usize::MAX);
        self.window
            .extend_from_slice(&bytes[..bytes.len().min(cap)]);
    }

    /// Name and size of the box at the current position, `None` where its header is not fed yet.
    fn header(&mut self, left: u64) -> Result<Option<([u8; 4], u64)>, MediaError> {
        let skip = usize::try_from(self.at - self.window_start).unwrap_or(usize::MAX);
        let Some(bytes) = self.window.get(skip..) else {
            return Ok(None);
        };
        let Some((head, rest)) = bytes.split_first_chunk::<8>() else {
            return Ok(None);
        };
        let [a, b, c, d, kind @ ..] = *head;
        let size = match u32::from_be_bytes([a, b, c, d]) {
            0 => left,
            1 if left < 16 => return Err(MediaError::Truncated),
            1 => match rest.first_chunk() {
                Some(size) => u64::from_be_bytes(*size),
                None => return Ok(None),
            },
            size => u64::from(size),
        };
        if size < 8 {
            return Err(MediaError::malformed(
                "a box is shorter than its own header",
            ));
        }
        self.asked = false;
        Ok(Some((kind, size)))
    }
}
