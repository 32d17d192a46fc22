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
    /// Whether the list says more than the fields above: stretches that do not follow one another in
    /// the media, a pause between them, or another speed.
    pub complex: bool,
}

impl Edit {
    /// `timescale`: of the track, in which media times are written; lengths are in the movie's.
    ///
    /// Editors that cut a stretch in two and leave both in place have hidden nothing: what follows on
    /// is one stretch.
    pub(super) fn parse(
        elst: &[u8],
        movie_timescale: u32,
        timescale: u32,
    ) -> Result<Self, MediaError> {
        let mut cursor = Cursor::new(elst, "the edit list (elst)");
        let (version, _) = cursor.full()?;
        let entries = cursor.count(if version == 1 { 20 } else { 12 })?;
        let mut edit = Self::default();
        // Both times are rounded, each to its own ticks.
        let rounding = time::to_micros(1, movie_timescale) + 1_000;
        let mut last: Option<(i64, i64)> = None;
        let mut paused = false;
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
                if last.is_none() {
                    edit.leading_empty_micros = edit.leading_empty_micros.saturating_add(micros);
                }
                paused = last.is_some();
                continue;
            }
            let since = |start: i64| time::to_micros(media_time - start, timescale);
            match last {
                None => edit.media_start = media_time,
                Some((start, length)) => {
                    let hidden = since(start) - length;
                    edit.complex |= paused || length == 0 || hidden.abs() > rounding;
                }
            }
            edit.complex |= rate != 0x1_0000;
            last = Some((media_time, micros));
            let end = since(edit.media_start).saturating_add(micros);
            edit.length_micros = (length > 0).then_some(end);
        }
        if edit.leading_empty_micros > MAX_MEDIA_TIME {
            return Err(cursor.malformed());
        }
        Ok(edit)
    }
}
