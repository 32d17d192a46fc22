//! What light a picture's numbers mean (ITU-T H.273), as playlists announce it.

use crate::bmff::{Cursor, find, find_within};
use crate::movie::TrackKind;
use crate::table::TrackTable;

/// `VIDEO-RANGE` (RFC 8216bis 4.4.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoRange {
    /// Standard range.
    Sdr,
    /// Hybrid log-gamma.
    Hlg,
    /// Perceptual quantizer: HDR10 and its kin.
    Pq,
}

impl VideoRange {
    /// As playlists write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sdr => "SDR",
            Self::Hlg => "HLG",
            Self::Pq => "PQ",
        }
    }

    /// Of a code point `TransferCharacteristics`; `None` for those that the standard does not assign.
    fn of(transfer: u16) -> Option<Self> {
        match transfer {
            1 | 6 | 13 | 14 | 15 => Some(Self::Sdr),
            16 => Some(Self::Pq),
            18 => Some(Self::Hlg),
            _ => None,
        }
    }
}

impl TrackTable {
    /// What the init segment says of the light (`colr`, ISO/IEC 14496-12 §12.1.5); `None` where it does not.
    pub fn video_range(&self) -> Option<VideoRange> {
        if self.kind != TrackKind::Video {
            return None;
        }
        let path = [*b"moov", *b"trak", *b"mdia", *b"minf", *b"stbl", *b"stsd"];
        let stsd = find_within(&self.init, &path).ok()??;
        let (_, entry) = stsd.split_at_checked(8)?;
        let mut cursor = Cursor::new(entry, "a sample entry");
        // The entry's own header and the fields of every visual one (§12.1.3).
        cursor.take(8 + 78).ok()?;
        let colour = find(cursor.rest(), *b"colr").ok()??;
        let [high, low] = *colour.strip_prefix(b"nclx")?.get(2..)?.first_chunk()?;
        VideoRange::of(u16::from_be_bytes([high, low]))
    }
}
