//! EBML (RFC 8794): element headers and the plain values within them, every bound checked.

use crate::MediaError;

/// The longest header of an element: four bytes of id and eight of size.
pub(super) const MAX_HEADER: u64 = 12;

const STRANGE: MediaError = MediaError::malformed("an element of its container (EBML)");

/// What stands before an element's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u32,
    /// Bytes of its contents; `None` where a live recording did not know them.
    pub(super) size: Option<u64>,
    /// Bytes of the header itself.
    pub(super) len: u64,
}

/// Reads an element's header; `None` where `bytes` end within it.
pub(super) fn header(bytes: &[u8]) -> Result<Option<Header>, MediaError> {
    let Some(first) = bytes.first() else {
        return Ok(None);
    };
    let id_len = width(*first)?;
    if id_len > 4 {
        return Err(STRANGE);
    }
    let Some((id, rest)) = bytes.split_at_checked(id_len) else {
        return Ok(None);
    };
    let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let Some((size, size_len)) = number(rest)? else {
        return Ok(None);
    };
    Ok(Some(Header {
        id,
        size,
        len: (id_len + size_len) as u64,
    }))
}

/// Bytes of a number of variable width, told by its first byte.
fn width(first: u8) -> Result<usize, MediaError> {
    match first.leading_zeros() {
        8 => Err(STRANGE),
        zeros => Ok(zeros as usize + 1),
    }
}

/// A number of variable width and its bytes; all bits set mean "unknown". `None`: `bytes` end first.
pub(super) fn number(bytes: &[u8]) -> Result<Option<(Option<u64>, usize)>, MediaError> {
    let Some(first) = bytes.first() else {
        return Ok(None);
    };
    let len = width(*first)?;
    let Some(bytes) = bytes.get(..len) else {
        return Ok(None);
    };
    let all = bytes
        .iter()
        .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let mask = (1_u64 << (7 * len)) - 1;
    let value = all & mask;
    Ok(Some(((value != mask).then_some(value), len)))
}

/// One element held whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) id: u32,
    pub(super) body: &'a [u8],
}

impl<'a> Element<'a> {
    /// An unsigned number of up to eight bytes.
    pub(super) fn uint(&self) -> Result<u64, MediaError> {
        if self.body.len() > 8 {
            return Err(STRANGE);
        }
        let digits = self.body.iter();
        Ok(digits.fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// A signed number of up to eight bytes.
    pub(super) fn int(&self) -> Result<i64, MediaError> {
        let unused = 64 - 8 * u32::try_from(self.body.len()).unwrap_or(0).clamp(1, 8);
        Ok((self.uint()? << unused).cast_signed() >> unused)
    }

    /// A number of four or eight bytes, finite; no bytes are 0.
    pub(super) fn float(&self) -> Result<f64, MediaError> {
        let value = match self.body {
            [] => 0.0,
            body => match (body.first_chunk(), body.first_chunk()) {
                (_, Some(eight)) if body.len() == 8 => f64::from_be_bytes(*eight),
                (Some(four), _) if body.len() == 4 => f64::from(f32::from_be_bytes(*four)),
                _ => return Err(STRANGE),
            },
        };
        if value.is_finite() {
            Ok(value)
        } else {
            Err(STRANGE)
        }
    }

    /// Text up to its first zero byte, cut to what any name here needs.
    pub(super) fn text(&self) -> String {
        let end = self.body.iter().position(|byte| *byte == 0);
        let body = &self.body[..end.unwrap_or(self.body.len()).min(64)];
        String::from_utf8_lossy(body).into_owned()
    }

    /// The elements within this one, all of a known size. One that claims more than there is yields
    /// an error and then nothing.
    pub(super) fn children(&self) -> impl Iterator<Item = Result<Element<'a>, MediaError>> {
        let mut rest = self.body;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            match next(rest) {
                Ok((element, after)) => {
                    rest = after;
                    Some(Ok(element))
                }
                Err(error) => {
                    rest = &[];
                    Some(Err(error))
                }
            }
        })
    }
}

fn next(bytes: &[u8]) -> Result<(Element<'_>, &[u8]), MediaError> {
    let header = header(bytes)?.ok_or(STRANGE)?;
    let start = usize::try_from(header.len).unwrap_or(usize::MAX);
    let size = header.size.and_then(|size| usize::try_from(size).ok());
    let (body, rest) = size
        .and_then(|size| bytes.get(start..)?.split_at_checked(size))
        .ok_or(STRANGE)?;
    let id = header.id;
    Ok((Element { id, body }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_every_width_are_read_and_strange_ones_refused() {
        let read = |bytes: &[u8]| header(bytes).unwrap();
        let some = |id, size, len| Some(Header { id, size, len });
        assert_eq!(read(&[0xec, 0x81]), some(0xec, Some(1), 2));
        assert_eq!(read(&[0xec, 0xff]), some(0xec, None, 2));
        let eight = [0x1f, 0x43, 0xb6, 0x75, 1, 0, 0, 0, 0, 0, 1, 2];
        assert_eq!(read(&eight), some(0x1f43_b675, Some(258), 12));
        let unknown = [0x1f, 0x43, 0xb6, 0x75, 1, 255, 255, 255, 255, 255, 255, 255];
        assert_eq!(read(&unknown), some(0x1f43_b675, None, 12));
        for end in 0..12 {
            assert_eq!(read(&eight[..end]), None);
        }
        assert!(header(&[0, 1, 2]).is_err(), "no id begins with a zero byte");
        assert!(header(&[0x08, 0, 0, 0, 0]).is_err(), "an id of five bytes");
        assert!(header(&[0xec, 0]).is_err(), "a size of nine bytes");
    }

    #[test]
    fn values_are_read_by_their_own_length() {
        fn of(body: &[u8]) -> Element<'_> {
            Element { id: 1, body }
        }
        assert_eq!(of(&[1, 2]).uint(), Ok(258));
        assert_eq!(of(&[]).uint(), Ok(0));
        assert!(of(&[1; 9]).uint().is_err());
        assert_eq!(of(&[0xff]).int(), Ok(-1));
        assert_eq!(of(&[0x7f, 0xff]).int(), Ok(32767));
        assert_eq!(of(&[]).int(), Ok(0));
        assert_eq!(of(&1.5_f32.to_be_bytes()).float(), Ok(1.5));
        assert_eq!(of(&48000_f64.to_be_bytes()).float(), Ok(48000.0));
        assert!(of(&f64::NAN.to_be_bytes()).float().is_err());
        assert!(of(&[1; 3]).float().is_err());
        assert_eq!(of(b"V_VP9\0junk").text(), "V_VP9");
    }
}
