//! Sample entries, as init segments want them, made of what Matroska writes in `CodecPrivate`.

use super::tracks::{Entry, Stored};
use super::vp9;
use crate::MediaError;
use crate::bmff::{FourCc, Writer};
use crate::codec::Codec;
use crate::movie::{Description, TrackKind, describe};

/// The coding of a track and its clean sample entry. `first`: the beginning of its first frame, which
/// for VP9 says what nothing else does.
pub(super) fn description(entry: &Entry, first: &[u8]) -> Result<Description, MediaError> {
    let unknown = |codec| Description {
        entries: 1,
        codec,
        width: side(entry.video.width),
        height: side(entry.video.height),
        ..Description::default()
    };
    let made = match entry.stored {
        Stored::Encrypted => return Ok(unknown(Codec::Encrypted)),
        Stored::Packed => None,
        Stored::Plain => sample_entry(entry, first),
    };
    let Some(made) = made else {
        return Ok(unknown(Codec::Other(entry.codec.clone())));
    };
    let mut w = Writer::default();
    w.u32(0);
    w.u32(1);
    w.bytes(&made);
    let mut description = describe(&w.into_bytes(), entry.kind)?;
    if let Codec::Avc(avc) = &mut description.codec {
        avc.interlaced |= entry.video.interlaced;
    }
    Ok(description)
}

/// The name and configuration box of each coding that the packager knows; `None` for all others, and
/// where the configuration lies between the frames.
fn sample_entry(entry: &Entry, first: &[u8]) -> Option<Vec<u8>> {
    let private = &entry.private[..];
    let begins = |version: u8| private.first() == Some(&version);
    match (entry.kind, entry.codec.as_str()) {
        (TrackKind::Video, "V_MPEG4/ISO/AVC") if begins(1) => Some(video(entry, *b"avc1", |w| {
            w.boxed(*b"avcC", |w| w.bytes(private));
        })),
        (TrackKind::Video, "V_MPEGH/ISO/HEVC") if begins(1) => Some(video(entry, *b"hvc1", |w| {
            w.boxed(*b"hvcC", |w| w.bytes(private));
        })),
        (TrackKind::Video, "V_AV1") if begins(0x81) => Some(video(entry, *b"av01", |w| {
            w.boxed(*b"av1C", |w| w.bytes(private));
        })),
        (TrackKind::Video, "V_VP9") => Some(video(entry, *b"vp09", |w| {
            let vpcc = vp9::configuration(entry, first);
            w.full(*b"vpcC", 1, 0, |w| w.bytes(&vpcc));
        })),
        (TrackKind::Audio, "A_AAC") if !private.is_empty() => Some(audio(entry, *b"mp4a", |w| {
            w.full(*b"esds", 0, 0, |w| elementary_stream(w, private));
        })),
        (TrackKind::Audio, "A_OPUS") => {
            let dops = opus(private)?;
            Some(audio(entry, *b"Opus", |w| {
                w.boxed(*b"dOps", |w| w.bytes(&dops));
            }))
        }
        _ => None,
    }
}

fn side(pixels: u64) -> u16 {
    u16::try_from(pixels).unwrap_or(u16::MAX)
}

fn video(entry: &Entry, kind: FourCc, config: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::default();
    let video = &entry.video;
    w.boxed(kind, |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(16);
        w.u16(side(video.width));
        w.u16(side(video.height));
        w.u32(0x48_0000);
        w.u32(0x48_0000);
        w.u32(0);
        w.u16(1);
        w.zeros(32);
        w.u16(24);
        w.u16(0xffff);
        config(w);
        if let Some((across, down)) = pixel_shape(entry) {
            w.boxed(*b"pasp", |w| {
                w.u32(across);
                w.u32(down);
            });
        }
        if let Some(colour) = video.colour {
            w.boxed(*b"colr", |w| {
                w.bytes(b"nclx");
                for code in colour {
                    w.u16(u16::try_from(code).unwrap_or(2));
                }
                w.bytes(&[if video.full_range { 0x80 } else { 0 }]);
            });
        }
    });
    w.into_bytes()
}

/// How wide a pixel is shown and how high, where that is not the same.
fn pixel_shape(entry: &Entry) -> Option<(u32, u32)> {
    let (width, height) = (entry.video.width, entry.video.height);
    let shown = entry.video.shown?;
    let (across, down) = (shown.0 * height, shown.1 * width);
    if across == down || across == 0 || down == 0 {
        return None;
    }
    let (mut common, mut rest) = (across, down);
    while rest > 0 {
        (common, rest) = (rest, common % rest);
    }
    let narrow = |side: u64| u32::try_from(side / common).ok();
    Some((narrow(across)?, narrow(down)?))
}

fn audio(entry: &Entry, kind: FourCc, config: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::default();
    w.boxed(kind, |w| {
        w.zeros(6);
        w.u16(1);
        w.zeros(8);
        w.u16(u16::try_from(entry.channels).unwrap_or(0));
        w.u16(16);
        w.zeros(8);
        config(w);
    });
    w.into_bytes()
}

/// ISO/IEC 14496-1: descriptors around the `AudioSpecificConfig`.
fn elementary_stream(w: &mut Writer, specific: &[u8]) {
    let descriptor = |w: &mut Writer, tag: u8, len: usize| {
        let group = |shift: usize| u8::try_from(len >> shift & 0x7f).unwrap_or(0);
        w.bytes(&[
            tag,
            group(21) | 0x80,
            group(14) | 0x80,
            group(7) | 0x80,
            group(0),
        ]);
    };
    descriptor(w, 3, 3 + 5 + 13 + 5 + specific.len() + 5 + 1);
    w.u16(0);
    w.bytes(&[0]);
    descriptor(w, 4, 13 + 5 + specific.len());
    // MPEG-4 audio, a sound stream; buffer and rates are not said.
    w.bytes(&[0x40, 0x15]);
    w.zeros(11);
    descriptor(w, 5, specific.len());
    w.bytes(specific);
    // As MP4 wants it: no synchronisation layer.
    descriptor(w, 6, 1);
    w.bytes(&[2]);
}

/// `OpusHead` (RFC 7845 §5.1) as `dOps`: the same fields, the other way round.
fn opus(head: &[u8]) -> Option<Vec<u8>> {
    let fields = head.strip_prefix(b"OpusHead")?;
    let [
        version,
        channels,
        skip_low,
        skip_high,
        a,
        b,
        c,
        d,
        gain_low,
        gain_high,
        family,
        ..,
    ] = *fields
    else {
        return None;
    };
    if version > 15 || channels == 0 {
        return None;
    }
    let mut dops = vec![
        0, channels, skip_high, skip_low, d, c, b, a, gain_high, gain_low, family,
    ];
    if family != 0 {
        dops.extend_from_slice(fields.get(11..13 + usize::from(channels))?);
    }
    Some(dops)
}

/// Samples of sound in a frame of AAC, by its `AudioSpecificConfig`, counted at the output rate.
pub(super) fn aac_frame(specific: &[u8], object_type: u8) -> u32 {
    let short = match specific {
        // Type 2 with a rate from the list: the thirteenth bit says that frames are a little shorter.
        [first, second, ..] => {
            first >> 3 == 2 && (first & 7, second >> 7) != (7, 1) && second & 4 != 0
        }
        _ => false,
    };
    match object_type {
        5 | 29 => 2048,
        _ if short => 960,
        _ => 1024,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opus_head_becomes_dops() {
        let mut head = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00".to_vec();
        let dops = [0, 2, 1, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0];
        assert_eq!(opus(&head).unwrap(), dops);
        assert!(opus(&head[..18]).is_none());
        // Another channel mapping brings its table along.
        head[18] = 1;
        assert!(opus(&head).is_none());
        head.extend_from_slice(&[1, 1, 0, 1]);
        assert_eq!(opus(&head).unwrap()[11..], [1, 1, 0, 1]);
    }

    #[test]
    fn frames_of_aac_are_1024_samples_but_for_two_kinds() {
        assert_eq!(aac_frame(&[0x11, 0x90], 2), 1024);
        assert_eq!(aac_frame(&[0x11, 0x94], 2), 960);
        assert_eq!(aac_frame(&[0x2b, 0x92, 0x08], 5), 2048);
        assert_eq!(aac_frame(&[], 2), 1024);
    }
}
