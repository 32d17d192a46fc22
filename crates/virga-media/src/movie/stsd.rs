//! Sample descriptions (`stsd`): the coding, and a clean sample entry rebuilt for init segments.
//! Rebuilding turns `QuickTime`'s sound entries into ISO ones and leaves private boxes behind.

use crate::MediaError;
use crate::bmff::{Cursor, FourCc, Writer, boxes, find, find_within};
use crate::codec::{Codec, aac, avc, sound, strings};

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
    let mut name = kind;
    let mut description = Description {
        width,
        height,
        ..Description::default()
    };
    let (codec, config) = match &kind {
        b"avc1" | b"avc3" => {
            let parse = |config: &[u8]| avc::parse(config, &kind == b"avc3").map(Codec::Avc);
            (find(children, *b"avcC")?.map(parse).transpose()?, *b"avcC")
        }
        b"hvc1" | b"hev1" => {
            let config = find(children, *b"hvcC")?;
            name = if config.is_some_and(strings::has_parameter_sets) {
                *b"hvc1"
            } else {
                kind
            };
            (
                config
                    .map(|config| strings::hevc(name, config))
                    .transpose()?,
                *b"hvcC",
            )
        }
        b"av01" => (
            find(children, *b"av1C")?.map(strings::av1).transpose()?,
            *b"av1C",
        ),
        b"vp09" => (
            find(children, *b"vpcC")?.map(strings::vp9).transpose()?,
            *b"vpcC",
        ),
        b"encv" => (Some(Codec::Encrypted), kind),
        _ => (None, kind),
    };
    description.codec = codec.unwrap_or_else(|| Codec::other(kind));
    description.entry = if description.codec.is_packaged() {
        video_entry(name, config, width, height, children)?
    } else {
        whole.to_vec()
    };
    Ok(description)
}

/// The visual header, the coding's configuration, and how pixels, colours and light are meant.
fn video_entry(
    kind: FourCc,
    config: FourCc,
    width: u16,
    height: u16,
    children: &[u8],
) -> Result<Vec<u8>, MediaError> {
    let mut w = Writer::default();
    let mut kept = Vec::new();
    for child in boxes(children) {
        let child = child?;
        let iso_colour = &child.kind == b"colr" && child.body.starts_with(b"nclx");
        let kept_kind = matches!(&child.kind, b"pasp" | b"mdcv" | b"clli" | b"SmDm" | b"CoLL");
        if child.kind == config || kept_kind || iso_colour {
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
    let config = match &kind {
        b"mp4a" => elementary_stream(children)?.map(|esds| (*b"esds", esds)),
        b"Opus" => find(children, *b"dOps")?.map(|opus| (*b"dOps", opus)),
        b"fLaC" => find(children, *b"dfLa")?.map(|flac| (*b"dfLa", flac)),
        b"ac-3" => find(children, *b"dac3")?.map(|ac3| (*b"dac3", ac3)),
        b"ec-3" => find(children, *b"dec3")?.map(|eac3| (*b"dec3", eac3)),
        b"enca" => {
            description.codec = Codec::Encrypted;
            None
        }
        _ => None,
    };
    let Some((box_name, body)) = config else {
        if description.codec != Codec::Encrypted {
            description.codec = Codec::other(kind);
        }
        description.entry = whole.to_vec();
        return Ok(description);
    };
    let (codec, channels, rate, body) = sound_config(box_name, body, channels)?;
    description.channels = channels;
    description.sample_rate = rate.unwrap_or(sample_rate);
    description.entry = audio_entry(kind, channels, description.sample_rate, box_name, &body);
    description.codec = codec;
    Ok(description)
}

/// What the configuration box of a sound coding says, where it has more to say than the entry.
fn sound_config(kind: FourCc, body: &[u8], channels: u16) -> Result<sound::Described, MediaError> {
    Ok(match &kind {
        b"esds" => match aac::parse(body)? {
            Codec::Aac(aac) => {
                let (channels, rate) = (aac.channels().unwrap_or(channels), aac.sample_rate);
                (Codec::Aac(aac), channels, Some(rate), body.to_vec())
            }
            codec => (codec, channels, None, body.to_vec()),
        },
        b"dOps" => {
            let channels = body.get(1).copied().map_or(channels, u16::from);
            (Codec::Opus, channels, Some(48_000), body.to_vec())
        }
        b"dfLa" => sound::flac(body)?,
        b"dac3" => sound::ac3(body)?,
        _ => sound::eac3(body)?,
    })
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
