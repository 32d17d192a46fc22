//! RFC 6381 strings of the codings that are recognised but not checked further.

use crate::MediaError;
use crate::bmff::{Cursor, FourCc};

use super::Codec;

/// ISO/IEC 14496-15 annex E.3: profile, compatibility (bits reversed), tier and level, constraints.
pub(crate) fn hevc(kind: FourCc, config: Option<&[u8]>) -> Result<Codec, MediaError> {
    let Some(config) = config else {
        return Ok(Codec::other(kind));
    };
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

/// The AV1 binding to ISO BMFF, section 5: profile, level and tier, bit depth.
pub(crate) fn av1(config: Option<&[u8]>) -> Result<Codec, MediaError> {
    let Some(config) = config else {
        return Ok(Codec::other(*b"av01"));
    };
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
pub(crate) fn vp9(config: Option<&[u8]>) -> Result<Codec, MediaError> {
    let Some(config) = config else {
        return Ok(Codec::other(*b"vp09"));
    };
    let mut cursor = Cursor::new(config, "its VP9 configuration (vpcC)");
    cursor.full()?;
    let [profile, level, packed] = cursor.array()?;
    Ok(Codec::Vp9(format!(
        "vp09.{profile:02}.{level:02}.{:02}",
        packed >> 4
    )))
}
