//! A block: which track it is of, when its first frame is shown, and how several frames lie in it.

use super::ebml;
use crate::MediaError;

const STRANGE: MediaError = MediaError::malformed("a block of frames");
/// The longest head of a block: a track number of eight bytes, a time, and flags.
pub(super) const MAX_HEAD: u64 = 11;

/// What stands before the frames of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) track: u64,
    /// From its cluster's time, in the file's own ticks.
    pub(super) time: i16,
    flags: u8,
    /// Bytes of this head.
    pub(super) len: usize,
}

impl Head {
    /// Reads the head of a block that begins with `bytes`.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, MediaError> {
        let (track, width) = ebml::number(bytes)?.ok_or(STRANGE)?;
        let rest = bytes.get(width..).unwrap_or_default();
        let [high, low, flags] = *rest.first_chunk().ok_or(STRANGE)?;
        Ok(Self {
            track: track.ok_or(STRANGE)?,
            time: i16::from_be_bytes([high, low]),
            flags,
            len: width + 3,
        })
    }

    /// Whether decoding can start here, by the flag that only a `SimpleBlock` has.
    pub(super) fn is_key(self) -> bool {
        self.flags & 0x80 != 0
    }

    /// Whether it holds several frames.
    pub(super) fn is_laced(self) -> bool {
        self.flags & 6 != 0
    }

    /// The bytes of each frame of a laced block, and where the first begins after the head.
    /// `body`: all that follows the head.
    pub(super) fn lace(self, body: &[u8]) -> Result<(usize, Vec<u32>), MediaError> {
        let (more, rest) = body.split_first().ok_or(STRANGE)?;
        let more = usize::from(*more);
        let (mut sizes, used) = match self.flags & 6 {
            2 => xiph(rest, more)?,
            6 => differences(rest, more)?,
            _ => return equal(rest.len(), more + 1),
        };
        let named: usize = sizes.iter().map(|size| *size as usize).sum();
        let last = rest.len().checked_sub(used + named).ok_or(STRANGE)?;
        sizes.push(u32::try_from(last).map_err(|_| STRANGE)?);
        Ok((1 + used, sizes))
    }
}

/// Frames of one size.
fn equal(bytes: usize, frames: usize) -> Result<(usize, Vec<u32>), MediaError> {
    if !bytes.is_multiple_of(frames) {
        return Err(STRANGE);
    }
    let size = u32::try_from(bytes / frames).map_err(|_| STRANGE)?;
    Ok((1, vec![size; frames]))
}

/// Sizes as sums of bytes, as Ogg has them.
fn xiph(bytes: &[u8], count: usize) -> Result<(Vec<u32>, usize), MediaError> {
    let mut at = 0;
    let mut sizes = Vec::with_capacity(count + 1);
    for _ in 0..count {
        let mut size = 0_u32;
        loop {
            let byte = *bytes.get(at).ok_or(STRANGE)?;
            at += 1;
            // The block itself bounds the sum.
            size += u32::from(byte);
            if byte != 255 {
                break;
            }
        }
        sizes.push(size);
    }
    Ok((sizes, at))
}

/// The first size, and then how each differs from the one before.
fn differences(bytes: &[u8], count: usize) -> Result<(Vec<u32>, usize), MediaError> {
    let mut at = 0;
    let mut sizes = Vec::with_capacity(count + 1);
    let mut size = 0_i64;
    for index in 0..count {
        let rest = bytes.get(at..).unwrap_or_default();
        let (value, width) = ebml::number(rest)?.ok_or(STRANGE)?;
        let value = value.ok_or(STRANGE)?.cast_signed();
        at += width;
        // Below 2^56 each, and checked after each.
        size = if index == 0 {
            value
        } else {
            size + value - ((1 << (7 * width - 1)) - 1)
        };
        sizes.push(u32::try_from(size).map_err(|_| STRANGE)?);
    }
    Ok((sizes, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laced(flags: u8, body: &[u8]) -> Result<(usize, Vec<u32>), MediaError> {
        let head = Head::parse(&[0x81, 0xff, 0xfe, flags]).unwrap();
        assert_eq!((head.track, head.time, head.len), (1, -2, 4));
        head.lace(body)
    }

    #[test]
    fn frames_of_each_kind_of_lace_are_told_apart() {
        let mut xiph = vec![2, 255, 45, 10];
        xiph.resize(4 + 300 + 10 + 7, 0);
        assert_eq!(laced(2, &xiph), Ok((4, vec![300, 10, 7])));
        // 800, then 500 and 1000 as differences of two bytes, as in RFC 9559's own example.
        let mut ebml = vec![3, 0x43, 0x20, 0x5e, 0xd3, 0x61, 0xf3];
        ebml.resize(7 + 800 + 500 + 1000 + 3, 0);
        let sizes = laced(6, &ebml).unwrap().1;
        assert_eq!(sizes, [800, 500, 1000, 3]);
        assert_eq!(laced(4, &[2, 0, 0, 0, 0, 0, 0]), Ok((1, vec![2, 2, 2])));
    }

    #[test]
    fn laces_that_claim_more_than_the_block_are_refused() {
        for (flags, body) in [
            (2, &[][..]),
            (2, &[1, 255]),
            (2, &[1, 9, 1, 2]),
            (4, &[1, 0, 0, 0]),
            (6, &[1, 0xff, 1]),
            (6, &[2, 0x81, 0x80, 1]),
            (6, &[1, 0x01, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
        ] {
            assert!(laced(flags, body).is_err(), "{flags} {body:?}");
        }
        assert!(Head::parse(&[0x81, 0, 0]).is_err());
    }
}
