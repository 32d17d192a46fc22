//! Files that are cut off, damaged or packed wrongly, and files that are locked.

use super::{
    Expected, Film, Format,
    Path::{AtOnce, Copied, Encoded},
    altered,
    film::{film, marks},
    refused_clip,
};

pub(super) fn formats() -> Vec<Format> {
    let mut all = cut_off();
    all.extend(others());
    all
}

fn cut_off() -> Vec<Format> {
    let six = "@v:320x180:25:6 @a:6";
    let safe = format!("{six} @h264 -g 25 -c:a aac");
    let first = format!("{safe} -movflags +faststart");
    let pieces = format!("{safe} -movflags +frag_keyframe+empty_moov");
    let cut =
        |name, path, film, recipe: &str| altered(name, Expected::Plays(path, film), recipe, half);
    let coded = |rest: &str| format!("{six} {rest}");
    vec![
        cut("cut-index-first.mp4", AtOnce, part(2.92), &first),
        cut(
            "cut-mpeg4.mp4",
            Encoded,
            part(2.6),
            &coded("-c:v mpeg4 -g 25 -c:a aac -movflags +faststart"),
        ),
        altered(
            "cut-index-last.mp4",
            Expected::Refused("media_truncated"),
            &safe,
            half,
        ),
        cut("cut-fragments.mp4", AtOnce, part(2.8), &pieces),
        cut("cut.mkv", AtOnce, part(3.08), &safe),
        cut(
            "cut.webm",
            Encoded,
            part(3.09).tones(&[0.593, 1.593, 2.593]),
            &coded("@vp8 -c:a libopus"),
        ),
        cut("cut.ts", Copied, part(3.08).unnoted().torn(), &safe),
        cut(
            "cut.avi",
            Encoded,
            part(2.64).flashes(&[0.64, 1.64]).tones(&[0.623, 1.623]),
            &coded("-c:v mpeg4 -c:a libmp3lame"),
        ),
        cut("cut.flv", Encoded, part(3.09), &safe),
        cut(
            "cut.mpg",
            Encoded,
            part(3.05).tones(&[0.6, 1.6]).unnoted(),
            &coded("-c:v mpeg2video -c:a mp2 -f vob"),
        ),
        cut(
            "cut.wmv",
            Encoded,
            part(2.56).unnoted(),
            &coded("-c:v wmv2 -c:a wmav2"),
        ),
        cut(
            "cut.ogv",
            Encoded,
            part(3.0).frames(58..=62).unnoted(),
            &coded("-c:v libtheora -c:a libvorbis"),
        ),
        cut(
            "cut.wav",
            Encoded,
            part(3.0).heard().unnoted(),
            "@a:6 -c:a pcm_s16le",
        ),
        cut(
            "cut.mp3",
            Encoded,
            part(2.98).heard().unnoted(),
            "@a:6 -c:a libmp3lame",
        ),
    ]
}

fn others() -> Vec<Format> {
    vec![
        altered(
            "junk-in-front.mp4",
            Expected::Plays(AtOnce, film().noted()),
            "@v @a @h264 -c:a aac",
            junk,
        ),
        altered(
            "junk-in-front-index-first.mp4",
            Expected::Plays(AtOnce, film().noted()),
            "@v @a @h264 -c:a aac -movflags +faststart",
            junk,
        ),
        altered(
            "written-behind-junk.mp4",
            Expected::Plays(AtOnce, film().noted()),
            "@v @a @h264 -c:a aac",
            |bytes| junk(counting(bytes)),
        ),
        altered(
            "written-behind-junk-mpeg4.mp4",
            Expected::Plays(Encoded, film().noted()),
            "@v @a -c:v mpeg4 -c:a aac",
            |bytes| junk(counting(bytes)),
        ),
        altered(
            "junk-in-front-mpeg4.mp4",
            Expected::Plays(Encoded, film().noted()),
            "@v @a -c:v mpeg4 -c:a aac",
            junk,
        ),
        altered(
            "junk-in-front-fragments.mp4",
            Expected::Plays(AtOnce, film().noted()),
            "@v @a @h264 -c:a aac -movflags +frag_keyframe+empty_moov",
            junk,
        ),
        altered(
            "junk-behind.mp4",
            Expected::Plays(AtOnce, film()),
            "@v @a @h264 -c:a aac",
            junk_behind,
        ),
        refused_clip(
            "locked.mp4",
            "encrypted",
            "@v @a @h264 -c:a aac -encryption_scheme cenc-aes-ctr -encryption_key 00112233445566778899aabbccddeeff -encryption_kid 00112233445566778899aabbccddee00",
        ),
    ]
}

/// About so many seconds of six.
fn part(seconds: f64) -> Film {
    let at = marks(0.0, seconds - 0.1);
    let whole = Film::new((320, 180), 25.0, seconds).flashes(&at).tones(&at);
    let frames = *whole.frames.start();
    whole.frames(frames - 3..=frames + 1).noted()
}

fn half(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// Bytes in front of a film.
const JUNK: u16 = 4000;

fn junk(bytes: Vec<u8>) -> Vec<u8> {
    [noise(JUNK.into()), bytes].concat()
}

/// With chunk offsets that count the junk.
fn counting(mut bytes: Vec<u8>) -> Vec<u8> {
    let tables: Vec<usize> = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, name)| name == b"stco")
        .map(|(at, _)| at + 8)
        .collect();
    for at in tables {
        let read = |bytes: &[u8], at: usize| {
            bytes[at..]
                .first_chunk()
                .map_or(0, |it| u32::from_be_bytes(*it))
        };
        for chunk in 0..read(&bytes, at) as usize {
            let place = at + 4 + 4 * chunk;
            let moved = read(&bytes, place) + u32::from(JUNK);
            bytes[place..place + 4].copy_from_slice(&moved.to_be_bytes());
        }
    }
    bytes
}

fn junk_behind(bytes: Vec<u8>) -> Vec<u8> {
    [bytes, noise(4000)].concat()
}

/// Bytes that mean nothing.
pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}
