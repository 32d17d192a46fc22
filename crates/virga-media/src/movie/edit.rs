//! The edit list (`elst`): which stretch of a track is shown, and when it begins.

use crate::MediaError;
use crate::bmff::Cursor;
use crate::time;

/// Media times beyond this are nonsense, and keeping below it keeps all sums within `i64`.
const MAX_MEDIA_TIME: i64 = 1 << 53;

/// An edit list as far as one stretch can say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Edit {
    /// How long nothing is shown before the track begins, in microseconds.
    pub leading_empty_micros: i64,
    /// The first media tick shown: B-frame delay, AAC priming, or a trim. Less than 0 where the track
    /// begins that much later.
    pub media_start: i64,
    /// How much media is shown, in microseconds; `None` for all of it.
    pub length_micros: Option<i64>,
    /// Whether the list says more than the fields above: several stretches or another speed.
    pub complex: bool,
}

impl Edit {
    pub(super) fn parse(elst: &[u8], movie_timescale: u32) -> Result<Self, MediaError> {
        let mut cursor = Cursor::new(elst, "the edit list (elst)");
        let (version, _) = cursor.full()?;
        let entries = cursor.count(if version == 1 { 20 } else { 12 })?;
        let mut edit = Self::default();
        let mut shown = false;
        for _ in 0..entries {
            let (length, media_time) = if version == 1 {
                let length = i64::try_from(cursor.u64()?).map_err(|_| cursor.malformed())?;
                (length, i64::from_be_bytes(cursor.array()?))
            } else {
                (i64::from(cursor.u32()?), i64::from(cursor.i32()?))
            };
            let rate = cursor.u32()?;
            if length > MAX_MEDIA_TIME || !(-1..=MAX_MEDIA_TIME).contains(&media_time) {
                return Err(cursor.malformed());
            }
            let micros = time::to_micros(length, movie_timescale);
            if media_time == -1 {
                // After the last stretch an empty edit shows nothing more and changes nothing.
                if !shown {
                    edit.leading_empty_micros = edit.leading_empty_micros.saturating_add(micros);
                }
                continue;
            }
            edit.complex |= shown || rate != 0x1_0000;
            shown = true;
            edit.media_start = media_time;
            edit.length_micros = (length > 0).then_some(micros);
        }
        if edit.leading_empty_micros > MAX_MEDIA_TIME {
            return Err(cursor.malformed());
        }
        Ok(edit)
    }
}
