//! One `trak` box read into a [`Track`].

use super::trex::Defaults;
use crate::MediaError;
use crate::bmff::{BoxRef, Cursor, boxes, find, find_within};

use super::samples::SampleTable;
use super::stbl::Stbl;
use super::stsd::{self, Description};
use super::{Edit, Track, TrackKind, UNIT_MATRIX, read_matrix, read_scale};

const NO_MEDIA: MediaError = MediaError::malformed("a track has no media");

pub(super) fn parse(trak: &[u8], movie_timescale: u32) -> Result<Track, MediaError> {
    let header = Header::parse(find(trak, *b"tkhd")?.ok_or(NO_MEDIA)?)?;
    let mdia = find(trak, *b"mdia")?.ok_or(NO_MEDIA)?;
    let (timescale, duration, language) = media_header(find(mdia, *b"mdhd")?.ok_or(NO_MEDIA)?)?;
    let kind = handler(find(mdia, *b"hdlr")?.ok_or(NO_MEDIA)?)?;
    let edit = match find_within(trak, &[*b"edts", *b"elst"])? {
        Some(elst) => Edit::parse(elst, movie_timescale, timescale)?,
        None => Edit::default(),
    };
    let external = has_external_samples(mdia)?;
    let (stsd, tables) = match find_within(mdia, &[*b"minf", *b"stbl"])? {
        Some(stbl) => split(stbl)?,
        None => (None, Stbl::default()),
    };
    let Description {
        entries,
        codec,
        entry,
        width,
        height,
        channels,
        sample_rate,
    } = stsd.map_or(Ok(Description::default()), |stsd| stsd::parse(stsd, kind))?;
    let samples = if codec.has_samples() {
        SampleTable::parse(&tables)?
    } else {
        <_>::default()
    };
    let shown = |own: u32, coded: u16| if own == 0 { u32::from(coded) } else { own };
    Ok(Track {
        id: header.id,
        enabled: header.enabled,
        kind,
        codec,
        descriptions: entries,
        external,
        timescale,
        duration,
        language,
        width: shown(header.width, width),
        height: shown(header.height, height),
        matrix: header.matrix,
        rotation: rotation(&header.matrix),
        sample_entry: entry,
        channels,
        sample_rate,
        edit,
        samples,
        defaults: Defaults::default(),
    })
}

struct Header {
    id: u32,
    enabled: bool,
    width: u32,
    height: u32,
    matrix: [i32; 9],
}

impl Header {
    fn parse(tkhd: &[u8]) -> Result<Self, MediaError> {
        let mut cursor = Cursor::new(tkhd, "a track header (tkhd)");
        let (version, flags) = cursor.full()?;
        cursor.take(if version == 1 { 16 } else { 8 })?;
        let id = cursor.u32()?;
        cursor.take(if version == 1 { 12 } else { 8 })?;
        cursor.take(16)?;
        let matrix = read_matrix(&mut cursor)?;
        // 16.16 fixed point, rounded to whole pixels.
        let pixels = |fixed: u32| (fixed >> 16) + (fixed >> 15 & 1);
        let (width, height) = (pixels(cursor.u32()?), pixels(cursor.u32()?));
        Ok(Self {
            id,
            enabled: flags & 1 == 1,
            width,
            height,
            matrix,
        })
    }
}

/// The four turns that cameras write; the place of the picture on the canvas does not matter.
fn rotation(matrix: &[i32; 9]) -> Option<u16> {
    const ONE: i32 = UNIT_MATRIX[0];
    if matrix[2] != 0 || matrix[5] != 0 || matrix[8] != UNIT_MATRIX[8] {
        return None;
    }
    match (matrix[0], matrix[1], matrix[3], matrix[4]) {
        (ONE, 0, 0, ONE) => Some(0),
        (0, ONE, minus, 0) if minus == -ONE => Some(90),
        (a, 0, 0, d) if a == -ONE && d == -ONE => Some(180),
        (0, minus, ONE, 0) if minus == -ONE => Some(270),
        _ => None,
    }
}

fn media_header(mdhd: &[u8]) -> Result<(u32, u64, Option<String>), MediaError> {
    let mut cursor = Cursor::new(mdhd, "a media header (mdhd)");
    let (version, _) = cursor.full()?;
    let (timescale, duration) = read_scale(&mut cursor, version)?;
    Ok((timescale, duration, language(cursor.u16()?)))
}

/// Three letters of five bits, each less 0x60. `QuickTime`'s old numeric codes yield none.
fn language(packed: u16) -> Option<String> {
    let letter = |shift: u16| char::from(u8::try_from(packed >> shift & 0x1f).unwrap_or(0) + 0x60);
    let code: String = [10, 5, 0].into_iter().map(letter).collect();
    let letters = code.chars().all(|letter| letter.is_ascii_lowercase());
    (letters && code != "und" && packed >= 0x400).then_some(code)
}

fn handler(hdlr: &[u8]) -> Result<TrackKind, MediaError> {
    let mut cursor = Cursor::new(hdlr, "a track's handler (hdlr)");
    cursor.take(8)?;
    Ok(match &cursor.array::<4>()? {
        b"vide" => TrackKind::Video,
        b"soun" => TrackKind::Audio,
        _ => TrackKind::Other,
    })
}

/// A `dref` entry without the flag "in this file" points to another one.
fn has_external_samples(mdia: &[u8]) -> Result<bool, MediaError> {
    let Some(dref) = find_within(mdia, &[*b"minf", *b"dinf", *b"dref"])? else {
        return Ok(false);
    };
    let mut cursor = Cursor::new(dref, "a track's data reference (dref)");
    cursor.full()?;
    cursor.u32()?;
    for entry in boxes(cursor.rest()) {
        let mut entry = Cursor::new(entry?.body, "a track's data reference (dref)");
        if entry.full()?.1 & 1 == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn split(stbl: &[u8]) -> Result<(Option<&[u8]>, Stbl<'_>), MediaError> {
    let mut stsd = None;
    let mut tables = Stbl::default();
    for child in boxes(stbl) {
        let BoxRef { kind, body, .. } = child?;
        match &kind {
            b"stsd" => stsd = Some(body),
            b"stts" => tables.stts = body,
            b"ctts" => tables.ctts = Some(body),
            b"stss" => tables.stss = Some(body),
            b"stsz" => tables.stsz = Some(body),
            b"stz2" => tables.stz2 = Some(body),
            b"stsc" => tables.stsc = body,
            b"stco" => tables.stco = Some(body),
            b"co64" => tables.co64 = Some(body),
            _ => {}
        }
    }
    Ok((stsd, tables))
}
