//! `trex`: what a track's samples are like in fragments that do not say so (ISO/IEC 14496-12 §8.8.3).

use crate::MediaError;
use crate::bmff::Cursor;

/// What samples are like where nothing nearer says so: `trex`, then `tfhd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Defaults {
    pub(crate) duration: u32,
    pub(crate) size: u32,
    pub(crate) flags: u32,
}

/// Reads `trex`: a track's id and its defaults.
pub(crate) fn track_defaults(trex: &[u8]) -> Result<(u32, Defaults), MediaError> {
    let mut cursor = Cursor::new(trex, "a track's defaults (trex)");
    cursor.full()?;
    let id = cursor.u32()?;
    cursor.u32()?;
    let defaults = Defaults {
        duration: cursor.u32()?,
        size: cursor.u32()?,
        flags: cursor.u32()?,
    };
    Ok((id, defaults))
}
