//! Sample descriptions (`stsd`): the coding, and a clean sample entry rebuilt for init segments.
//! Rebuilding turns `QuickTime`'s sound entries into ISO ones and leaves private boxes behind.

use crate::MediaError;
use crate::bmff::{Cursor, FourCc, Writer, boxes, find, find_within};
use crate::codec::{Codec, aac, avc, strings};

use super::TrackKind;

/// The first sample description of a track.
#[derive(Debug, Clone, Default)]
pub(crate) struct Description {
    pub(crate) entries: usize,
    pub(crate) codec: Codec,
    pub(crate) entry: Vec<u8>,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) channels: u16,
    pub(crate) sample_rate: u32,
}

/// Reads the contents of an `stsd` box.
pub(crate) fn parse(stsd: &[u8], kind: TrackKind) -> Result<Description, MediaError> {
    let mut cursor = Cursor::new(stsd, "a sample description (stsd)");
    cursor.full()?;
    let entries = cursor.u32()? as usize;
    let Some(first) = boxes(cursor.rest()).next().transpose()? else {
        return Ok(Description::default());
    };
    let mut description = match kind {
        TrackKind::Video => video(first.kind, first.body, first.whole)?,
        TrackKind::Audio => audio(first.kind, first.body, first.whole)?,
        TrackKind::Other => Description::default(),
    };
    description.entries = entries;
    Ok(description)
}

fn video(kind: FourCc, body: &[u8], whole: &[u8]) -> Result<Description, MediaError> {
    let mut cursor = Cursor::new(body, "a video sample description");
    cursor.take(24)?;
    let (width, height) = (cursor.u16()?, cursor.u16()?);
    cursor.take(50)?;
    let children = cursor.rest();
    let mut description = Description {
        width,
        height,
        ..Description::default()
    };
    let codec = match &kind {
        b"avc1" | b"avc3" => match find(children, *b"avcC")? {
            Some(config) => Codec::Avc(avc::parse(config, &kind == b"avc3")?),
            None => Codec::other(kind),
        },
        b"hvc1" | b"hev1" => strings::hevc(kind, find(children, *b"hvcC")?)?,
        b"av01" => strings::av1(find(children, *b"av1C")?)?,
        b"vp09" => strings::vp9(find(children, *b"vpcC")?)?,
        b"encv" => Codec::Encrypted,
        _ => Codec::other(kind),
    };
    description.entry = match &codec {
        Codec::Avc(_) => avc_entry(kind, width, height, children)?,
        _ => whole.to_vec(),
    };
    description.codec = codec;
    Ok(description)
}

/// ISO/IEC 14496-15 `avc1`: the visual header, `avcC`, and how pixels and colours are meant.
fn avc_entry(
    kind: FourCc,
    width: u16,
    height: u16,
    children: &[u8],
) -> Result<Vec<u8>, MediaError> {
    let mut w = Writer::default();
    let mut kept = Vec::new();
    for child in boxes(children) {
        let child = child?;
        let iso_colour = &child.kind == b"colr" && child.body.starts_with(b"nclx");
        if matches!(&child.kind, b"avcC" | b"pasp") || iso_colour {
            kept.push(child.whole);
        }
    }
    w.boxed(kind, |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(16);
        w.u16(width);
        w.u16(height);
        w.u32(0x48_0000);
        w.u32(0x48_0000);
        w.u32(0);
        w.u16(1);
        w.zeros(32);
        w.u16(24);
        w.u16(0xffff);
        for child in &kept {
            w.bytes(child);
        }
    });
    Ok(w.into_bytes())
}

fn audio(kind: FourCc, body: &[u8], whole: &[u8]) -> Result<Description, MediaError> {
    let mut cursor = Cursor::new(body, "a sound sample description");
    cursor.take(8)?;
    let version = cursor.u16()?;
    cursor.take(6)?;
    let channels = cursor.u16()?;
    cursor.take(6)?;
    let sample_rate = cursor.u32()? >> 16;
    // QuickTime's versions 1 and 2 put more fields before the boxes.
    let extra = match version {
        1 => 16,
        2 => 36,
        _ => 0,
    };
    let children = cursor.rest().get(extra..).unwrap_or_default();
    let mut description = Description {
        channels,
        sample_rate,
        ..Description::default()
    };
    let (codec, config): (Codec, Option<(FourCc, &[u8])>) = match &kind {
        b"mp4a" => match elementary_stream(children)? {
            Some(esds) => (aac::parse(esds)?, Some((*b"esds", esds))),
            None => (Codec::other(kind), None),
        },
        b"Opus" => match find(children, *b"dOps")? {
            Some(opus) => (Codec::Opus, Some((*b"dOps", opus))),
            None => (Codec::other(kind), None),
        },
        b"enca" => (Codec::Encrypted, None),
        _ => (Codec::other(kind), None),
    };
    if let Codec::Aac(aac) = &codec {
        description.channels = aac.channels().unwrap_or(channels);
        description.sample_rate = aac.sample_rate;
    } else if let (Codec::Opus, Some((_, dops))) = (&codec, config) {
        description.channels = dops.get(1).copied().map_or(channels, u16::from);
        description.sample_rate = 48_000;
    }
    description.entry = match config {
        Some((config, body)) => audio_entry(
            kind,
            description.channels,
            description.sample_rate,
            config,
            body,
        ),
        None => whole.to_vec(),
    };
    description.codec = codec;
    Ok(description)
}

/// `esds` is in the entry, or in `QuickTime`'s `wave` box within it.
fn elementary_stream(children: &[u8]) -> Result<Option<&[u8]>, MediaError> {
    match find(children, *b"esds")? {
        None => find_within(children, &[*b"wave", *b"esds"]),
        found => Ok(found),
    }
}

fn audio_entry(
    kind: FourCc,
    channels: u16,
    sample_rate: u32,
    config: FourCc,
    body: &[u8],
) -> Vec<u8> {
    let mut w = Writer::default();
    w.boxed(kind, |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(8);
        w.u16(channels);
        w.u16(16);
        w.zeros(4);
        // 16.16 fixed point cannot say more than 65535 Hz; the decoder's own configuration rules.
        w.u32(u16::try_from(sample_rate).map_or(0, u32::from) << 16);
        w.boxed(config, |w| w.bytes(body));
    });
    w.into_bytes()
}
