//! Init segments and segments in CMAF (ISO/IEC 23000-19): one function makes a segment's boxes, for
//! the first viewer just in time and for the stored object alike.
//!
//! The timeline is folded into signed composition offsets (`trun` version 1), so there is no edit
//! list: decode times are the source's from 0, and the first shown frame is at 0.

use crate::MediaError;
use crate::block::Block;
use crate::bmff::{FourCc, Writer};
use crate::movie::{Track, TrackKind, UNIT_MATRIX};
use crate::table::TrackTable;

/// A sample that needs no other (`sample_depends_on` 2).
const SYNC: u32 = 0x0200_0000;
/// A sample that needs others (`sample_depends_on` 1, `sample_is_non_sync_sample`).
const NON_SYNC: u32 = 0x0101_0000;

/// The bytes of one segment: boxes made here, then ranges of the source in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentLayout {
    /// `styp`, `moof` and the header of `mdat`.
    pub head: Vec<u8>,
    /// Offset and length of source ranges that follow, neighbours already joined.
    pub body: Vec<(u64, u32)>,
}

impl SegmentLayout {
    /// How many bytes of the source follow the head.
    pub fn body_len(&self) -> u64 {
        self.body.iter().map(|(_, length)| u64::from(*length)).sum()
    }

    /// Offset and length of the one stretch of the source that holds all ranges. An interleaved
    /// file has sound between a segment's ranges: one read of the stretch beats a hundred small
    /// ones, while it is not much longer than [`body_len`](Self::body_len).
    pub fn span(&self) -> (u64, u64) {
        let start = self
            .body
            .iter()
            .map(|(offset, _)| *offset)
            .min()
            .unwrap_or(0);
        let ends = self
            .body
            .iter()
            .map(|(offset, length)| offset.saturating_add((*length).into()));
        (start, ends.max().unwrap_or(start) - start)
    }
}

/// Lays out segment `n` from its block of the samples object. Head and body together are always
/// `table.lengths[n]` bytes: a block that does not fit its table is an error.
pub fn segment(table: &TrackTable, n: usize, block: &[u8]) -> Result<SegmentLayout, MediaError> {
    const STRANGE: MediaError =
        MediaError::malformed("a block of the samples object is not of this segment");
    let expected = *table.lengths.get(n).ok_or(STRANGE)?;
    let block = Block::decode(block)?;
    let sequence = u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
    let head = segment_head(&block, table.kind, sequence)?;
    if head.len() as u64 + block.body_len() != u64::from(expected) {
        return Err(STRANGE);
    }
    Ok(SegmentLayout {
        head,
        body: block.ranges,
    })
}

/// `styp`, `moof` and `mdat` header of the segment numbered `sequence` from 1.
pub(crate) fn segment_head(
    block: &Block,
    kind: TrackKind,
    sequence: u32,
) -> Result<Vec<u8>, MediaError> {
    let mdat = block
        .body_len()
        .checked_add(8)
        .and_then(|len| u32::try_from(len).ok())
        .ok_or(MediaError::too_large("a segment is over 4 GiB"))?;
    let mut w = Writer::default();
    w.boxed(*b"styp", |w| {
        w.bytes(b"msdh");
        w.u32(0);
        w.bytes(b"msdhcmfs");
    });
    let moof = w.len();
    let mut data_offset = 0;
    w.boxed(*b"moof", |w| {
        w.full(*b"mfhd", 0, 0, |w| w.u32(sequence));
        w.boxed(*b"traf", |w| data_offset = write_fragment(w, block, kind));
    });
    // `trun` counts from the start of `moof` to the first byte after the header of `mdat`.
    let distance = u32::try_from(w.len() - moof + 8).unwrap_or(u32::MAX);
    w.patch_u32(data_offset, distance);
    w.u32(mdat);
    w.bytes(b"mdat");
    Ok(w.into_bytes())
}

/// Writes `tfhd`, `tfdt` and `trun` and returns where `trun`'s data offset must be patched.
fn write_fragment(w: &mut Writer, block: &Block, kind: TrackKind) -> usize {
    let duration = block.shared(|sample| sample.duration);
    let size = block.shared(|sample| sample.size);
    let no_offsets = block.shared(|sample| sample.cts) == Some(0);
    let all_sync = kind == TrackKind::Audio || block.shared(|sample| sample.sync) == Some(true);
    let first_sync = !all_sync && block.first_sync_only();
    let flag = |on: bool, bit: u32| if on { bit } else { 0 };
    let defaults = 0x02_0020 | flag(duration.is_some(), 0x08) | flag(size.is_some(), 0x10);
    w.full(*b"tfhd", 0, defaults, |w| {
        w.u32(1);
        for default in duration.into_iter().chain(size) {
            w.u32(default);
        }
        w.u32(if all_sync { SYNC } else { NON_SYNC });
    });
    w.full(*b"tfdt", 1, 0, |w| w.u64(block.decode_time));
    let each_flags = !all_sync && !first_sync;
    let columns = 0x01
        | flag(first_sync, 0x04)
        | flag(duration.is_none(), 0x100)
        | flag(size.is_none(), 0x200)
        | flag(each_flags, 0x400)
        | flag(!no_offsets, 0x800);
    let mut data_offset = 0;
    w.full(*b"trun", 1, columns, |w| {
        w.count(block.samples.len());
        data_offset = w.len();
        w.u32(0);
        if first_sync {
            w.u32(SYNC);
        }
        for sample in &block.samples {
            if duration.is_none() {
                w.u32(sample.duration);
            }
            if size.is_none() {
                w.u32(sample.size);
            }
            if each_flags {
                w.u32(if sample.sync { SYNC } else { NON_SYNC });
            }
            if !no_offsets {
                w.i32(sample.cts);
            }
        }
    });
    data_offset
}

/// `ftyp` and `moov` for one track, its samples all in fragments.
pub(crate) fn init_segment(track: &Track) -> Vec<u8> {
    let mut w = Writer::default();
    w.boxed(*b"ftyp", |w| {
        w.bytes(b"iso6");
        w.u32(0);
        w.bytes(b"iso6cmfccmf2");
    });
    w.boxed(*b"moov", |w| {
        movie_header(w, 0, 2);
        w.boxed(*b"trak", |w| {
            track_header(w, track, 1, 0);
            w.boxed(*b"mdia", |w| {
                media_header(w, track, 0);
                w.boxed(*b"minf", |w| {
                    media_kind(w, track.kind);
                    w.boxed(*b"stbl", |w| {
                        sample_description(w, track);
                        w.full(*b"stts", 0, 0, |w| w.u32(0));
                        w.full(*b"stsc", 0, 0, |w| w.u32(0));
                        w.full(*b"stsz", 0, 0, |w| w.u64(0));
                        w.full(*b"stco", 0, 0, |w| w.u32(0));
                    });
                });
            });
        });
        w.boxed(*b"mvex", |w| {
            w.full(*b"trex", 0, 0, |w| {
                w.u32(1);
                w.u32(1);
                w.zeros(12);
            });
        });
    });
    w.into_bytes()
}

/// `mvhd` in milliseconds.
pub(crate) fn movie_header(w: &mut Writer, duration: u64, next_track: u32) {
    w.full(*b"mvhd", 1, 0, |w| {
        w.zeros(16);
        w.u32(1000);
        w.u64(duration);
        w.u32(0x1_0000);
        w.u16(0x100);
        w.zeros(10);
        for cell in &UNIT_MATRIX {
            w.i32(*cell);
        }
        w.zeros(24);
        w.u32(next_track);
    });
}

/// `tkhd`: size and turn as in the source.
pub(crate) fn track_header(w: &mut Writer, track: &Track, id: u32, duration: u64) {
    let video = track.kind == TrackKind::Video;
    // Enabled and in the movie.
    w.full(*b"tkhd", 1, 3, |w| {
        w.zeros(16);
        w.u32(id);
        w.u32(0);
        w.u64(duration);
        w.zeros(8);
        w.u16(0);
        w.u16(u16::from(!video));
        w.u16(if video { 0 } else { 0x100 });
        w.u16(0);
        for cell in &track.matrix {
            w.i32(*cell);
        }
        w.u32(if video { track.width << 16 } else { 0 });
        w.u32(if video { track.height << 16 } else { 0 });
    });
}

/// `mdhd` and `hdlr`.
pub(crate) fn media_header(w: &mut Writer, track: &Track, duration: u64) {
    w.full(*b"mdhd", 1, 0, |w| {
        w.zeros(16);
        w.u32(track.timescale);
        w.u64(duration);
        w.u16(packed_language(track.language.as_deref()));
        w.u16(0);
    });
    let (handler, name): (&FourCc, &[u8]) = match track.kind {
        TrackKind::Video => (b"vide", b"video\0"),
        _ => (b"soun", b"sound\0"),
    };
    w.full(*b"hdlr", 0, 0, |w| {
        w.u32(0);
        w.bytes(handler);
        w.zeros(12);
        w.bytes(name);
    });
}

/// `vmhd` or `smhd`, and `dinf` saying that the media is in this file.
pub(crate) fn media_kind(w: &mut Writer, kind: TrackKind) {
    match kind {
        TrackKind::Video => w.full(*b"vmhd", 0, 1, |w| w.zeros(8)),
        _ => w.full(*b"smhd", 0, 0, |w| w.u32(0)),
    }
    w.boxed(*b"dinf", |w| {
        w.full(*b"dref", 0, 0, |w| {
            w.u32(1);
            w.full(*b"url ", 0, 1, |_| {});
        });
    });
}

/// `stsd` with the track's one clean entry.
pub(crate) fn sample_description(w: &mut Writer, track: &Track) {
    w.full(*b"stsd", 0, 0, |w| {
        w.u32(1);
        w.bytes(&track.sample_entry);
    });
}

fn packed_language(language: Option<&str>) -> u16 {
    let code = language.unwrap_or("und");
    code.bytes()
        .take(3)
        .fold(0, |packed, letter| packed << 5 | u16::from(letter & 0x1f))
}
