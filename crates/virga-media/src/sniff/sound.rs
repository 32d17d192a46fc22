//! Formats of sound alone, by their first bytes.

use super::Container;

/// The head of an `ID3v2` tag.
const TAG: usize = 10;

/// What a file of sound alone is.
pub(super) fn container(head: &[u8]) -> Option<Container> {
    let Some(tag) = tag_length(head) else {
        return untagged(head);
    };
    // Behind a tag nothing else is likely, and a picture in it may be longer than what is known here.
    let behind = usize::try_from(tag).ok().and_then(|tag| head.get(tag..));
    Some(behind.and_then(untagged).unwrap_or(Container::Mp3))
}

fn untagged(head: &[u8]) -> Option<Container> {
    const SIGNATURES: [(&[u8], Container); 3] = [
        (b"fLaC", Container::Flac),
        (b"wvpk", Container::WavPack),
        (b"caff", Container::Caf),
    ];
    let known = SIGNATURES.iter().find(|(it, _)| head.starts_with(it));
    if let Some((_, container)) = known {
        return Some(*container);
    }
    match (head.get(..4)?, head.get(8..12)) {
        (b"RIFF" | b"RF64", Some(b"WAVE")) => Some(Container::Wav),
        (b"FORM", Some(b"AIFF" | b"AIFC")) => Some(Container::Aiff),
        _ => frames(head),
    }
}

/// How long an `ID3v2` tag is with which a file begins, its head and foot included (`ID3v2.4`, 3.1).
pub fn tag_length(head: &[u8]) -> Option<u64> {
    let head: &[u8; TAG] = head.first_chunk()?;
    let [b'I', b'D', b'3', major, _, flags, size @ ..] = head else {
        return None;
    };
    if *major == 0xff || size.iter().any(|byte| *byte > 0x7f) {
        return None;
    }
    let size = size.iter().fold(0, |sum, byte| sum << 7 | u64::from(*byte));
    let foot = if flags & 0x10 == 0 { 0 } else { TAG as u64 };
    Some(TAG as u64 + size + foot)
}

/// MPEG audio or AAC without a container: a frame, and another one where it ends if that is known here.
fn frames(head: &[u8]) -> Option<Container> {
    let (container, length) = frame(head)?;
    match head.get(length..) {
        Some(next) if next.len() >= 6 => (frame(next)?.0 == container).then_some(container),
        _ => Some(container),
    }
}

/// One frame and its length.
fn frame(head: &[u8]) -> Option<(Container, usize)> {
    let [first, second, third, fourth, fifth, sixth] = *head.first_chunk()?;
    if first != 0xff || second & 0xe0 != 0xe0 {
        return None;
    }
    if second & 0xf6 == 0xf0 {
        // ADTS (ISO/IEC 13818-7, 6.2): 13 bits of length, and a rate of the 13 there are.
        let rate = third >> 2 & 15;
        let length =
            usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
        return (rate < 13 && length > 7).then_some((Container::Adts, length));
    }
    Some((Container::Mp3, mpeg_length(second, third)?))
}

/// Bytes of a frame of MPEG audio of layer II or III (ISO/IEC 11172-3, 2.4.1.3, and 13818-3). Layer I is not
/// looked for: nobody uses it, and text in UTF-16 begins as it does.
fn mpeg_length(second: u8, third: u8) -> Option<usize> {
    const RATES: [usize; 3] = [44_100, 48_000, 32_000];
    /// Kbit/s of MPEG-1 layers II and III, and of both in MPEG-2.
    const BITS: [[usize; 14]; 3] = [
        [
            32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
        ],
        [
            32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
        ],
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
    let divisor = match version {
        3 => 1,
        2 => 2,
        0 => 4,
        _ => return None,
    };
    let (table, samples) = match (version, layer) {
        (3, 2) => (0, 1152),
        (3, 1) => (1, 1152),
        (_, 2) => (2, 1152),
        (_, 1) => (2, 576),
        _ => return None,
    };
    let bits = BITS[table].get(usize::from(third >> 4).checked_sub(1)?)? * 1000;
    let rate = RATES.get(usize::from(third >> 2 & 3))? / divisor;
    Some(samples / 8 * bits / rate + usize::from(third >> 1 & 1))
}
