//! One track's part of a fragment (`traf`).

use super::{Defaults, FragmentedTrack};
use crate::MediaError;
use crate::bmff::{BoxRef, Cursor, boxes, find};
use crate::movie::{Sample, TrackKind};

const NO_HEADER: MediaError = MediaError::malformed("a fragment's track has no header (tfhd)");
const NO_TRACK: MediaError =
    MediaError::malformed("a fragment of a track that is not in the index");
const TOO_MANY: MediaError = MediaError::too_large("a fragment has over a million samples");
const OUTSIDE: MediaError = MediaError::malformed("a fragment's samples lie outside any file");
const WHAT: &str = "a fragment's samples (trun)";

/// Bit of a sample's flags: decoding cannot begin here.
const NON_SYNC: u32 = 0x1_0000;
/// Decode times beyond this are nonsense, and keeping below it keeps all sums within `i64`.
const MAX_TIME: u64 = 1 << 60;

/// Which track, its samples, and where their bytes end. `moof` is where the fragment begins,
/// `follows` where the bytes of the track before it end, `room` how many samples may come.
pub(super) fn read(
    traf: &[u8],
    tracks: &mut [FragmentedTrack],
    moof: u64,
    follows: u64,
    room: usize,
) -> Result<(usize, Vec<Sample>, u64), MediaError> {
    let header = Header::parse(find(traf, *b"tfhd")?.ok_or(NO_HEADER)?)?;
    let index = tracks
        .iter()
        .position(|track| track.id == header.id)
        .ok_or(NO_TRACK)?;
    let track = &mut tracks[index];
    if let Some(tfdt) = find(traf, *b"tfdt")? {
        track.next = decode_time(tfdt)?;
    }
    let base = match header.base {
        Base::At(offset) => offset,
        Base::Fragment => moof,
        Base::Follows => follows,
    };
    let mut runs = Runs {
        defaults: header.over(track.defaults),
        sound: track.kind == TrackKind::Audio,
        room,
        base,
        at: base,
        next: track.next,
        samples: Vec::new(),
    };
    for child in boxes(traf) {
        let BoxRef { kind, body, .. } = child?;
        if &kind == b"trun" {
            runs.read(body)?;
        }
    }
    track.next = runs.next;
    Ok((index, runs.samples, runs.at))
}

/// What data offsets count from.
#[derive(Debug)]
enum Base {
    At(u64),
    Fragment,
    Follows,
}

/// `tfhd`.
struct Header {
    id: u32,
    base: Base,
    duration: Option<u32>,
    size: Option<u32>,
    flags: Option<u32>,
}

impl Header {
    fn parse(tfhd: &[u8]) -> Result<Self, MediaError> {
        let mut cursor = Cursor::new(tfhd, "a fragment's track header (tfhd)");
        let (_, flags) = cursor.full()?;
        let id = cursor.u32()?;
        let base = match (flags & 0x1 != 0, flags & 0x2_0000 != 0) {
            (true, _) => Base::At(cursor.u64()?),
            (false, true) => Base::Fragment,
            (false, false) => Base::Follows,
        };
        let mut field = |bit: u32| (flags & bit != 0).then(|| cursor.u32()).transpose();
        field(0x2)?;
        Ok(Self {
            id,
            base,
            duration: field(0x8)?,
            size: field(0x10)?,
            flags: field(0x20)?,
        })
    }

    fn over(&self, defaults: Defaults) -> Defaults {
        Defaults {
            duration: self.duration.unwrap_or(defaults.duration),
            size: self.size.unwrap_or(defaults.size),
            flags: self.flags.unwrap_or(defaults.flags),
        }
    }
}

/// `tfdt`: when the first sample of this part is decoded.
fn decode_time(tfdt: &[u8]) -> Result<i64, MediaError> {
    let mut cursor = Cursor::new(tfdt, "a fragment's decode time (tfdt)");
    let (version, _) = cursor.full()?;
    let time = if version == 1 {
        cursor.u64()?
    } else {
        u64::from(cursor.u32()?)
    };
    if time > MAX_TIME {
        return Err(cursor.malformed());
    }
    Ok(time.cast_signed())
}

/// The samples read so far and where the next one begins.
struct Runs {
    defaults: Defaults,
    /// Each sample of sound is decoded by itself, whatever its flags say.
    sound: bool,
    room: usize,
    base: u64,
    at: u64,
    next: i64,
    samples: Vec<Sample>,
}

impl Runs {
    /// Reads one `trun`. A run whose samples are all like the defaults has no bytes for each, so the
    /// count is bounded before anything else.
    fn read(&mut self, trun: &[u8]) -> Result<(), MediaError> {
        let mut cursor = Cursor::new(trun, WHAT);
        let (_, flags) = cursor.full()?;
        let columns = [0x100, 0x200, 0x400, 0x800];
        let each = columns.iter().filter(|bit| flags & **bit != 0).count() * 4;
        let count = cursor.u32()? as usize;
        if count > self.room - self.samples.len() {
            return Err(TOO_MANY);
        }
        if flags & 0x1 != 0 {
            let distance = cursor.i32()?;
            let at = self.base.checked_add_signed(distance.into());
            self.at = at.ok_or(OUTSIDE)?;
        }
        let first = (flags & 0x4 != 0).then(|| cursor.u32()).transpose()?;
        if count > 0 && each > 0 && cursor.rest().len() / each < count {
            return Err(cursor.malformed());
        }
        self.samples.reserve(count);
        for index in 0..count {
            let mut field = |bit: u32, or: u32| {
                if flags & bit == 0 {
                    Ok(or)
                } else {
                    cursor.u32()
                }
            };
            let duration = field(0x100, self.defaults.duration)?;
            let size = field(0x200, self.defaults.size)?;
            let first = first.filter(|_| index == 0);
            let marks = field(0x400, first.unwrap_or(self.defaults.flags))?;
            // Signed in both versions of the box: many writers put negative offsets into version 0.
            let cts = field(0x800, 0)?.cast_signed();
            self.samples.push(Sample {
                dts: self.next,
                duration,
                cts,
                size,
                offset: self.at,
                sync: self.sound || marks & NON_SYNC == 0,
            });
            self.next = self.next.saturating_add(duration.into());
            self.at = self.at.checked_add(size.into()).ok_or(OUTSIDE)?;
        }
        Ok(())
    }
}
