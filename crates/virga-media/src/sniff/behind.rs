//! An MP4 behind other bytes: the head of an e-mail or a download, zeros, a tag.

use super::{Container, bmff};

/// The longest `ftyp`: a hundred brands are more than any file names.
const LONGEST: usize = 512;
/// Boxes that follow it.
const NEXT: [&[u8]; 11] = [
    b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"moof", b"sidx", b"styp", b"pdin",
    b"meta",
];

/// Where the first film begins that is not at the beginning: known by its `ftyp` (ISO/IEC 14496-12, 4.3) and the
/// head of the box after it.
pub(super) fn mp4(head: &[u8]) -> Option<usize> {
    let names = head.windows(4).enumerate().skip(4);
    let mut begins = names
        .filter(|(_, name)| name == b"ftyp")
        .map(|(at, _)| at - 4);
    begins.find(|at| is_film(&head[*at..]))
}

/// Whether these bytes begin with the type of a film, and another box behind it.
pub(super) fn is_film(head: &[u8]) -> bool {
    let Some((size, rest)) = head.split_first_chunk::<4>() else {
        return false;
    };
    let size = u32::from_be_bytes(*size) as usize;
    if !rest.starts_with(b"ftyp") || !(16..=LONGEST).contains(&size) || !size.is_multiple_of(4) {
        return false;
    }
    let named = |brand: &[u8]| brand.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let next = head.get(size + 4..size + 8);
    bmff(head) == Some(Ok(Container::Mp4))
        && head.get(8..12).is_some_and(named)
        && next.is_some_and(|next| NEXT.contains(&next))
}
