//! RFC 6381 strings of the codings that are recognised but not checked further.

use crate::MediaError;
use crate::bmff::{Cursor, FourCc};

use super::Codec;

/// ISO/IEC 14496-15 annex E.3: profile, compatibility (bits reversed), tier and level, constraints.
pub(crate) fn hevc(kind: FourCc, config: &[u8]) -> Result<Codec, MediaError> {
    let mut cursor = Cursor::new(config, "its HEVC configuration (hvcC)");
    cursor.u8()?;
    let profile = cursor.u8()?;
    let compatibility = cursor.u32()?.reverse_bits();
    let constraints: [u8; 6] = cursor.array()?;
    let level = cursor.u8()?;
    let space = ["", "A", "B", "C"][usize::from(profile >> 6)];
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let used = constraints
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let tail: String = constraints[..used]
        .iter()
        .map(|byte| format!(".{byte:X}"))
        .collect();
    let name = String::from_utf8_lossy(&kind);
    Ok(Codec::Hevc(format!(
        "{name}.{space}{}.{compatibility:X}.{tier}{level}{tail}",
        profile & 31
    )))
}

/// Whether all that a decoder needs is in `hvcC`: then the track may be called `hvc1`, the only name
/// that Apple's players take, whatever its samples repeat.
pub(crate) fn has_parameter_sets(hvcc: &[u8]) -> bool {
    const NEEDED: [u8; 3] = [32, 33, 34];
    let mut cursor = Cursor::new(hvcc, "its HEVC configuration (hvcC)");
    let mut found = Vec::new();
    let mut read = || {
        cursor.take(22)?;
        for _ in 0..cursor.u8()? {
            let kind = cursor.u8()? & 0x3f;
            for _ in 0..cursor.u16()? {
                let length = cursor.u16()?;
                cursor.take(length.into())?;
                found.push(kind);
            }
        }
        Ok::<_, MediaError>(())
    };
    read().is_ok() && NEEDED.iter().all(|kind| found.contains(kind))
}

/// The AV1 binding to ISO BMFF, section 5: profile, level and tier, bit depth.
pub(crate) fn av1(config: &[u8]) -> Result<Codec, MediaError> {
    let mut cursor = Cursor::new(config, "its AV1 configuration (av1C)");
    cursor.u8()?;
    let (profile_level, flags) = (cursor.u8()?, cursor.u8()?);
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    let (profile, level) = (profile_level >> 5, profile_level & 0x1f);
    Ok(Codec::Av1(format!(
        "av01.{profile}.{level:02}{tier}.{depth:02}"
    )))
}

/// The VP codec binding to ISO BMFF: profile, level, bit depth.
pub(crate) fn vp9(config: &[u8]) -> Result<Codec, MediaError> {
    let mut cursor = Cursor::new(config, "its VP9 configuration (vpcC)");
    cursor.full()?;
    let [profile, level, packed] = cursor.array()?;
    Ok(Codec::Vp9(format!(
        "vp09.{profile:02}.{level:02}.{:02}",
        packed >> 4
    )))
}
