//! A cursor that cannot run past its bytes, and the walk over sibling boxes.

use crate::MediaError;

use super::FourCc;

/// Reads big-endian fields; `what` names the box in the error of a short read.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    /// The error of this box.
    pub(crate) fn malformed(&self) -> MediaError {
        MediaError::malformed(self.what)
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], MediaError> {
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or_else(|| self.malformed())?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], MediaError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or_else(|| self.malformed())?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, MediaError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, MediaError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, MediaError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, MediaError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, MediaError> {
        self.array().map(i32::from_be_bytes)
    }

    /// Version and flags of a full box.
    pub(crate) fn full(&mut self) -> Result<(u8, u32), MediaError> {
        let [version, a, b, c] = self.array()?;
        Ok((version, u32::from_be_bytes([0, a, b, c])))
    }

    /// An entry count whose entries of `entry_len` bytes must all be there: the bound that is
    /// checked before anything is allocated.
    pub(crate) fn count(&mut self, entry_len: usize) -> Result<usize, MediaError> {
        let count = self.u32()? as usize;
        if count > self.rest.len() / entry_len {
            return Err(self.malformed());
        }
        Ok(count)
    }
}

/// One box: its name and its contents after the header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoxRef<'a> {
    pub(crate) kind: FourCc,
    pub(crate) body: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// The boxes that lie side by side in `bytes`. Ends at the 32-bit zero with which QuickTime closes
/// some lists; a box that claims more than there is yields one error and then nothing.
pub(crate) fn boxes(bytes: &[u8]) -> impl Iterator<Item = Result<BoxRef<'_>, MediaError>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.len() < 8 {
            return None;
        }
        let one = next_box(rest);
        rest = match &one {
            Ok(Some(one)) => &rest[one.whole.len()..],
            Ok(None) | Err(_) => &[],
        };
        one.transpose()
    })
}

fn next_box(bytes: &[u8]) -> Result<Option<BoxRef<'_>>, MediaError> {
    let mut cursor = Cursor::new(bytes, "a box is longer than what holds it");
    let size = cursor.u32()?;
    let kind = cursor.array()?;
    let (size, header) = match size {
        0 => return Ok(None),
        1 => (cursor.u64()?, 16),
        size => (u64::from(size), 8),
    };
    let size = usize::try_from(size).map_err(|_| cursor.malformed())?;
    if size < header || size > bytes.len() {
        return Err(cursor.malformed());
    }
    let whole = &bytes[..size];
    Ok(Some(BoxRef {
        kind,
        body: &whole[header..],
        whole,
    }))
}

/// The contents of a box nested in others, by their names from the outside in.
pub(crate) fn find_within<'a>(
    bytes: &'a [u8],
    path: &[FourCc],
) -> Result<Option<&'a [u8]>, MediaError> {
    let mut inner = Some(bytes);
    for kind in path {
        inner = match inner {
            Some(bytes) => find(bytes, *kind)?,
            None => None,
        };
    }
    Ok(inner)
}

/// The contents of the first child of that name.
pub(crate) fn find(bytes: &[u8], kind: FourCc) -> Result<Option<&[u8]>, MediaError> {
    for child in boxes(bytes) {
        let child = child?;
        if child.kind == kind {
            return Ok(Some(child.body));
        }
    }
    Ok(None)
}
