//! Sound codings besides AAC and Opus that some browsers decode in MP4: what their configuration says.

use crate::MediaError;
use crate::bmff::{Cursor, Writer};

use super::Codec;

/// A sound track's coding, channels, rate where the configuration tells it, and the configuration as
/// it is passed on.
pub(crate) type Described = (Codec, u16, Option<u32>, Vec<u8>);

/// `dfLa`: the FLAC stream's own header. Its other blocks are tags and pictures, and stay behind.
pub(crate) fn flac(config: &[u8]) -> Result<Described, MediaError> {
    const STREAM: u8 = 0;
    const LAST: u8 = 0x80;
    let mut cursor = Cursor::new(config, "its FLAC configuration (dfLa)");
    cursor.full()?;
    let [kind, a, b, c] = cursor.array()?;
    let stream: [u8; 34] = cursor.array()?;
    if kind & !LAST != STREAM || [a, b, c] != [0, 0, 34] {
        return Err(cursor.malformed());
    }
    // After four sizes: 20 bits of rate, 3 of channels less one.
    let [.., high, middle, low, _] = *stream
        .first_chunk::<14>()
        .ok_or_else(|| cursor.malformed())?;
    let rate = u32::from_be_bytes([0, high, middle, low]) >> 4;
    let channels = u16::from(low >> 1 & 7) + 1;
    let mut w = Writer::default();
    w.u32(0);
    w.bytes(&[LAST | STREAM, 0, 0, 34]);
    w.bytes(&stream);
    Ok((Codec::Flac, channels, Some(rate), w.into_bytes()))
}

/// `dac3` (ETSI TS 102 366 annex F.4).
pub(crate) fn ac3(config: &[u8]) -> Result<Described, MediaError> {
    let mut cursor = Cursor::new(config, "its AC-3 configuration (dac3)");
    let [first, second, third] = cursor.array()?;
    let bits = u32::from_be_bytes([0, first, second, third]);
    let channels = channels(bits >> 11 & 7, bits >> 10 & 1);
    Ok((Codec::Ac3, channels, rate(bits >> 22), config.to_vec()))
}

/// `dec3` (annex F.6), by its first substream.
pub(crate) fn eac3(config: &[u8]) -> Result<Described, MediaError> {
    let mut cursor = Cursor::new(config, "its E-AC-3 configuration (dec3)");
    cursor.u16()?;
    let [first, second, third] = cursor.array()?;
    let bits = u32::from_be_bytes([0, first, second, third]);
    let channels = channels(bits >> 9 & 7, bits >> 8 & 1);
    Ok((Codec::Eac3, channels, rate(bits >> 22), config.to_vec()))
}

/// Of the coding mode and whether there is a channel of low notes.
fn channels(mode: u32, low: u32) -> u16 {
    const FRONT_AND_BACK: [u16; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
    let own = FRONT_AND_BACK.get(mode as usize).copied().unwrap_or(2);
    own + u16::from(low == 1)
}

fn rate(code: u32) -> Option<u32> {
    [48_000, 44_100, 32_000].get(code as usize & 3).copied()
}
