//! Sound alone.

use super::{
    Expected, Film, Format,
    Path::{AtOnce, Encoded},
    Recipe, film, plays,
};

fn heard() -> Film {
    film().heard()
}

pub(super) fn formats() -> Vec<Format> {
    vec![
        plays("song.mp3", Encoded, heard(), "@a -c:a libmp3lame"),
        plays("song.mp2", Encoded, heard(), "@a -c:a mp2"),
        plays(
            "cover.mp3",
            Encoded,
            heard(),
            "@v -frames:v 1 cover.jpg ; @a -i cover.jpg -map 0 -map 1 -c:v copy -c:a libmp3lame -disposition:v attached_pic",
        ),
        plays("aac.m4a", AtOnce, heard(), "@a -c:a aac"),
        plays("alac.m4a", Encoded, heard(), "@a -c:a alac"),
        plays(
            "song.aac",
            Encoded,
            heard().tones(&[0.621, 1.621, 2.621]),
            "@a -c:a aac",
        ),
        plays("song.flac", Encoded, heard(), "@a -c:a flac"),
        plays("song.wav", Encoded, heard(), "@a -c:a pcm_s16le"),
        plays("float.wav", Encoded, heard(), "@a -c:a pcm_f32le"),
        plays("5.1.wav", Encoded, heard(), "@a -ac 6 -c:a pcm_s24le"),
        plays("8-khz.wav", Encoded, heard(), "@a -ar 8000 -c:a pcm_alaw"),
        plays("96-khz.flac", Encoded, heard(), "@a -ar 96000 -c:a flac"),
        plays("song.aiff", Encoded, heard(), "@a -c:a pcm_s16be"),
        plays("song.caf", Encoded, heard(), "@a -c:a pcm_s16be"),
        plays("song.wv", Encoded, heard(), "@a -c:a wavpack"),
        plays("song.opus", Encoded, heard(), "@a -c:a libopus"),
        plays("song.ogg", Encoded, heard(), "@a -c:a libvorbis"),
        plays(
            "speech.spx",
            Encoded,
            heard(),
            "@a -ar 16000 -ac 1 -c:a libspeex",
        ),
        plays(
            "song.wma",
            Encoded,
            heard().tones(&[0.643, 1.643, 2.643]),
            "@a -c:a wmav2",
        ),
        plays("opus.mka", AtOnce, heard(), "@a -c:a libopus"),
        super::refused_clip("song.ac3", "file_unknown", "@a -c:a ac3"),
        super::refused_clip("song.eac3", "file_unknown", "@a -c:a eac3"),
        super::refused_clip("song.au", "file_unknown", "@a -c:a pcm_s16be"),
        Format {
            name: "voice.amr",
            recipe: Recipe::Bytes(amr),
            expected: Expected::Refused("file_unknown"),
        },
    ]
}

/// Three seconds of AMR at 12.2 kbit/s (RFC 4867, 5): 20 ms in each frame.
fn amr() -> Vec<u8> {
    let mut bytes = b"#!AMR\n".to_vec();
    for n in 0..150_u8 {
        bytes.push(0x3c);
        bytes.extend((0..31).map(|at: u8| n.wrapping_mul(31).wrapping_add(at.wrapping_mul(7))));
    }
    bytes
}
