//! AAC: the elementary stream descriptor (`esds`, ISO/IEC 14496-1) and the `AudioSpecificConfig`
//! in it (ISO/IEC 14496-3).

use crate::MediaError;
use crate::bmff::Cursor;

use super::Codec;

/// What the `AudioSpecificConfig` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aac {
    /// MPEG-4 audio object type: 2 AAC-LC, 5 HE-AAC, 29 HE-AAC v2.
    pub object_type: u8,
    /// Output rate in Hz.
    pub sample_rate: u32,
    /// Channel configuration; 0 means a list of elements in the stream.
    pub channel_configuration: u8,
}

impl Aac {
    /// Channels, `None` where only the stream itself says.
    pub fn channels(&self) -> Option<u16> {
        match self.channel_configuration {
            n @ 1..=6 => Some(u16::from(n)),
            7 => Some(8),
            _ => None,
        }
    }
}

const WHAT: &str = "its sound configuration (esds)";
const ES: u8 = 3;
const DECODER_CONFIG: u8 = 4;
const DECODER_SPECIFIC: u8 = 5;

/// The coding that an `esds` box (after its box header) describes; MP3, or `mp4a.xx` where it is
/// neither.
pub(crate) fn parse(esds: &[u8]) -> Result<Codec, MediaError> {
    let mut cursor = Cursor::new(esds, WHAT);
    cursor.full()?;
    let mut es = descriptor(&mut cursor, ES)?;
    es.u16()?;
    let flags = es.u8()?;
    es.take(if flags & 0x80 == 0 { 0 } else { 2 })?;
    if flags & 0x40 != 0 {
        let url = usize::from(es.u8()?);
        es.take(url)?;
    }
    es.take(if flags & 0x20 == 0 { 0 } else { 2 })?;
    let mut config = descriptor(&mut es, DECODER_CONFIG)?;
    let object = config.u8()?;
    if matches!(object, 0x69 | 0x6b) {
        return Ok(Codec::Mp3(object));
    }
    if object != 0x40 {
        return Ok(Codec::Other(format!("mp4a.{object:02X}")));
    }
    config.take(12)?;
    let specific = descriptor(&mut config, DECODER_SPECIFIC)?;
    audio_specific(specific.rest())
        .map(Codec::Aac)
        .ok_or_else(|| cursor.malformed())
}

/// A tag, a length of up to four 7-bit groups, and that many bytes.
fn descriptor<'a>(cursor: &mut Cursor<'a>, tag: u8) -> Result<Cursor<'a>, MediaError> {
    if cursor.u8()? != tag {
        return Err(cursor.malformed());
    }
    let mut length = 0_usize;
    for _ in 0..4 {
        let byte = cursor.u8()?;
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    // Some writers claim more than the box holds; what is there is what counts.
    let body = cursor.take(length.min(cursor.rest().len()))?;
    Ok(Cursor::new(body, WHAT))
}

fn audio_specific(config: &[u8]) -> Option<Aac> {
    let mut bits = Bits {
        bytes: config,
        at: 0,
    };
    let object_type = object_type(&mut bits)?;
    let mut sample_rate = sampling_rate(&mut bits)?;
    let channel_configuration = u8::try_from(bits.take(4)?).ok()?;
    if matches!(object_type, 5 | 29) {
        sample_rate = sampling_rate(&mut bits)?;
    }
    Some(Aac {
        object_type,
        sample_rate,
        channel_configuration,
    })
}

fn object_type(bits: &mut Bits<'_>) -> Option<u8> {
    let short = bits.take(5)?;
    let value = if short == 31 {
        32 + bits.take(6)?
    } else {
        short
    };
    u8::try_from(value).ok()
}

fn sampling_rate(bits: &mut Bits<'_>) -> Option<u32> {
    const RATES: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8_000, 7_350,
    ];
    match bits.take(4)? {
        15 => bits.take(24),
        index => RATES.get(index as usize).copied(),
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }
}
