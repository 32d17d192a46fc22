//! Moving pictures without a container, or in one that still pictures have as well.

use super::Container;

/// What a file of pictures alone is.
pub(super) fn container(head: &[u8]) -> Option<Container> {
    if head.starts_with(b"YUV4MPEG2 ") {
        return Some(Container::Y4m);
    }
    if is_animated(head) {
        return Some(Container::Apng);
    }
    units(head)
}

/// Whether a PNG says before its first picture that it has several (`acTL`).
fn is_animated(head: &[u8]) -> bool {
    let Some(mut rest) = head.strip_prefix(b"\x89PNG\r\n\x1a\n") else {
        return false;
    };
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        match after.first_chunk::<4>() {
            Some(b"acTL") => return true,
            Some(b"IDAT") | None => return false,
            Some(_) => {}
        }
        // The name, the content and a checksum.
        let length = u32::from_be_bytes(*length) as usize;
        let next = length.checked_add(8).and_then(|end| after.get(end..));
        rest = next.unwrap_or_default();
    }
    false
}

/// H.264 or HEVC by the first units of Annex B: parameters, perhaps behind a delimiter, and nothing before
/// them.
fn units(head: &[u8]) -> Option<Container> {
    let mut rest = head;
    loop {
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        // A start code has two zeros and mostly a third one.
        if !(2..=3).contains(&zeros) || rest.get(zeros) != Some(&1) {
            return None;
        }
        let unit = &rest[zeros + 1..];
        match *unit.first_chunk::<3>()? {
            // A sequence's parameters (ITU-T H.264, 7.4.1): of a profile that exists.
            [
                0x27 | 0x47 | 0x67,
                44 | 66 | 77 | 83 | 86 | 88 | 100 | 110 | 118 | 122 | 128 | 144 | 244,
                _,
            ] => {
                return Some(Container::H264);
            }
            // A video's parameters (ITU-T H.265, 7.3.2.1): of the base layer.
            [0x40, 1, flags] if flags & 0x0c == 0x0c => {
                return Some(Container::Hevc);
            }
            // Delimiters.
            [0x09, kind, 0] if kind & 0x1f == 0x10 => rest = &unit[2..],
            [0x46, 1, kind] if kind & 0x1f == 0x10 => rest = &unit[3..],
            _ => return None,
        }
    }
}
