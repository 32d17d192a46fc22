//! Picture and sound in each container, with the codings that it usually has.

use super::{
    Film, Format,
    Path::{AtOnce, Copied, Encoded},
    film, plays,
};

pub(super) fn formats() -> Vec<Format> {
    let mut all = mp4();
    all.extend(other_codings_in_mp4());
    all.extend(matroska());
    all.extend(avi());
    all.extend(flv());
    all.extend(broadcast());
    all.extend(others());
    all
}

fn mp4() -> Vec<Format> {
    vec![
        plays("h264-aac.mp4", AtOnce, film(), "@v @a @h264 -c:a aac"),
        plays(
            "index-first.mp4",
            AtOnce,
            film(),
            "@v @a @h264 -c:a aac -movflags +faststart",
        ),
        plays("silent.mp4", AtOnce, film().silent(), "@v @h264"),
        plays(
            "baseline.mp4",
            AtOnce,
            film(),
            "@v @a @h264 -profile:v baseline -c:a aac",
        ),
        plays("b-frames.mp4", AtOnce, film(), "@v @a @h264 -bf 3 -c:a aac"),
        plays("apple.m4v", AtOnce, film(), "@v @a @h264 -c:a aac"),
        plays("phone.3gp", AtOnce, film(), "@v @a @h264 -c:a aac"),
        plays(
            "camera-pcm.mov",
            AtOnce,
            film(),
            "@v @a @h264 -c:a pcm_s16le",
        ),
        plays(
            "fragments.mp4",
            AtOnce,
            film(),
            "@v @a @h264 -c:a aac -movflags +frag_keyframe+empty_moov",
        ),
        plays(
            "cmaf.mp4",
            AtOnce,
            primed(),
            "@v @a @h264 -c:a aac -movflags +cmaf+frag_keyframe",
        ),
        plays("smooth.ismv", AtOnce, primed(), "@v @a @h264 -c:a aac"),
        plays("mp3.mp4", AtOnce, film(), "@v @a @h264 -c:a libmp3lame"),
        plays("ac3.mp4", AtOnce, film(), "@v @a @h264 -c:a ac3"),
        plays("eac3.mp4", AtOnce, film(), "@v @a @h264 -c:a eac3"),
        plays("alac.mov", AtOnce, film(), "@v @a @h264 -c:a alac"),
        plays(
            "hevc.mp4",
            AtOnce,
            film(),
            "@v @a @hevc -tag:v hvc1 -c:a aac",
        ),
        plays(
            "hevc-hev1.mp4",
            AtOnce,
            film(),
            "@v @a @hevc -tag:v hev1 -c:a aac",
        ),
    ]
}

fn other_codings_in_mp4() -> Vec<Format> {
    vec![
        plays("av1.mp4", AtOnce, film(), "@v @a @av1 -c:a aac"),
        plays("vp9.mp4", AtOnce, film(), "@v @a @vp9 -c:a libopus"),
        plays("mpeg4.mp4", Encoded, film(), "@v @a -c:v mpeg4 -c:a aac"),
        plays(
            "mpeg4-b-frames.mp4",
            Encoded,
            film(),
            "@v @a -c:v mpeg4 -bf 2 -c:a aac",
        ),
        plays(
            "h263.3gp",
            Encoded,
            Film::new((352, 288), 25.0, 3.0),
            "@v:352x288 @a -c:v h263 -c:a aac",
        ),
        plays(
            "mjpeg.mov",
            Encoded,
            film(),
            "@v @a -c:v mjpeg -c:a pcm_s16le",
        ),
        plays(
            "prores.mov",
            Encoded,
            film(),
            "@v @a -c:v prores_ks -profile:v 1 -c:a pcm_s24le",
        ),
        plays(
            "prores-4444.mov",
            Encoded,
            film(),
            "@v @a -c:v prores_ks -profile:v 4 -pix_fmt yuva444p10le -c:a pcm_s16le",
        ),
        plays(
            "dnxhr.mov",
            Encoded,
            film(),
            "@v @a -c:v dnxhd -profile:v dnxhr_lb -pix_fmt yuv422p -c:a pcm_s16le",
        ),
        plays(
            "cineform.mov",
            Encoded,
            film(),
            "@v @a -c:v cfhd -c:a pcm_s16le",
        ),
        plays(
            "animation.mov",
            Encoded,
            film(),
            "@v @a -c:v qtrle -c:a pcm_s16be",
        ),
        plays("png.mov", Encoded, film(), "@v @a -c:v png -c:a pcm_s16le"),
        plays(
            "uncompressed.mov",
            Encoded,
            film(),
            "@v @a -c:v rawvideo -pix_fmt uyvy422 -c:a pcm_s16le",
        ),
        plays(
            "sorenson.mov",
            Encoded,
            film(),
            "@v @a -c:v svq1 -c:a adpcm_ima_qt",
        ),
    ]
}

fn matroska() -> Vec<Format> {
    vec![
        plays("h264-aac.mkv", AtOnce, film(), "@v @a @h264 -c:a aac"),
        plays("h264-pcm.mkv", AtOnce, film(), "@v @a @h264 -c:a pcm_s16le"),
        plays(
            "h264-vorbis.mkv",
            AtOnce,
            film(),
            "@v @a @h264 -c:a libvorbis",
        ),
        plays(
            "h264-dts.mkv",
            AtOnce,
            film(),
            "@v @a @h264 -c:a dca -strict -2",
        ),
        plays(
            "h264-truehd.mkv",
            AtOnce,
            film(),
            "@v @a @h264 -c:a truehd -strict -2",
        ),
        plays(
            "h264-wavpack.mkv",
            AtOnce,
            film(),
            "@v @a @h264 -c:a wavpack",
        ),
        plays("hevc-ac3.mkv", AtOnce, film(), "@v @a @hevc -c:a ac3"),
        plays(
            "vp8-vorbis.webm",
            Encoded,
            film(),
            "@v @a @vp8 -c:a libvorbis",
        ),
        plays("vp9-opus.webm", AtOnce, film(), "@v @a @vp9 -c:a libopus"),
        plays("av1-opus.webm", AtOnce, film(), "@v @a @av1 -c:a libopus"),
        plays(
            "recorder.webm",
            Encoded,
            film(),
            "@v @a @vp8 -c:a libopus -live 1",
        ),
        plays(
            "ffv1-flac.mkv",
            Encoded,
            film(),
            "@v @a -c:v ffv1 -c:a flac",
        ),
        plays(
            "mpeg2-mp2.mkv",
            Encoded,
            film(),
            "@v @a -c:v mpeg2video -c:a mp2",
        ),
        plays(
            "theora.mkv",
            Encoded,
            film().frames(64..=64),
            "@v @a -c:v libtheora -c:a libvorbis",
        ),
        plays(
            "mjpeg.mkv",
            Encoded,
            film(),
            "@v @a -c:v mjpeg -c:a pcm_s16le",
        ),
        plays(
            "utvideo.mkv",
            Encoded,
            film(),
            "@v @a -c:v utvideo -c:a pcm_s16le",
        ),
        plays(
            "two-tongues.mkv",
            AtOnce,
            film(),
            "@v @a @a -map 0 -map 1 -map 2 @h264 -c:a aac",
        ),
    ]
}

fn avi() -> Vec<Format> {
    vec![
        plays(
            "xvid-mp3.avi",
            Encoded,
            one_later(),
            "@v @a -c:v libxvid -c:a libmp3lame",
        ),
        plays(
            "b-frames.avi",
            Encoded,
            film(),
            "@v @a -c:v mpeg4 -bf 2 -c:a pcm_s16le",
        ),
        plays(
            "divx3.avi",
            Encoded,
            one_later(),
            "@v @a -c:v msmpeg4 -c:a libmp3lame",
        ),
        plays(
            "msmpeg4v2.avi",
            Encoded,
            film(),
            "@v @a -c:v msmpeg4v2 -c:a pcm_s16le",
        ),
        plays(
            "mjpeg-pcm.avi",
            Encoded,
            film(),
            "@v @a -c:v mjpeg -c:a pcm_s16le",
        ),
        plays(
            "h264-mp3.avi",
            Encoded,
            one_later(),
            "@v @a @h264 -bf 0 -c:a libmp3lame",
        ),
        plays(
            "huffyuv.avi",
            Encoded,
            film(),
            "@v @a -c:v huffyuv -c:a pcm_s16le",
        ),
        plays(
            "ffvhuff.avi",
            Encoded,
            film(),
            "@v @a -c:v ffvhuff -c:a pcm_s16le",
        ),
        plays(
            "uncompressed.avi",
            Encoded,
            film(),
            "@v @a -c:v rawvideo -pix_fmt yuv420p -c:a pcm_s16le",
        ),
        plays(
            "msvideo1.avi",
            Encoded,
            film(),
            "@v @a -c:v msvideo1 -c:a pcm_u8",
        ),
        plays(
            "tape.avi",
            Encoded,
            Film::new((768, 576), 25.0, 3.0),
            "@v:720x576 @a -vf setsar=16/15 -c:v dvvideo -pix_fmt yuv420p -c:a pcm_s16le",
        ),
    ]
}

fn flv() -> Vec<Format> {
    vec![
        plays(
            "flash.flv",
            Encoded,
            film(),
            "@v @a -c:v flv -c:a libmp3lame -ar 44100",
        ),
        plays("h264-aac.flv", Encoded, film(), "@v @a @h264 -c:a aac"),
        plays(
            "screen.flv",
            Encoded,
            film(),
            "@v @a -c:v flashsv -c:a libmp3lame -ar 44100",
        ),
    ]
}

fn broadcast() -> Vec<Format> {
    vec![
        plays("h264-aac.ts", Copied, film(), "@v @a @h264 -c:a aac"),
        plays("h264-ac3.ts", Copied, film(), "@v @a @h264 -c:a ac3"),
        plays(
            "h264-latm.ts",
            Copied,
            film(),
            "@v @a @h264 -c:a aac -f mpegts -mpegts_flags +latm",
        ),
        plays(
            "camera.m2ts",
            Copied,
            film(),
            "@v @a @h264 -c:a ac3 -f mpegts -mpegts_m2ts_mode 1",
        ),
        plays("hevc.ts", Encoded, film(), "@v @a @hevc -c:a aac"),
        plays(
            "mpeg2-mp2.ts",
            Encoded,
            film(),
            "@v @a -c:v mpeg2video -c:a mp2",
        ),
        plays(
            "mpeg1.mpg",
            Encoded,
            film(),
            "@v @a -c:v mpeg1video -c:a mp2",
        ),
        plays(
            "mpeg2.mpg",
            Encoded,
            film(),
            "@v @a -c:v mpeg2video -c:a mp2 -f vob",
        ),
        plays(
            "disc.vob",
            Encoded,
            Film::new((1024, 576), 25.0, 3.0),
            "@v:720x576 @a -vf setsar=64/45 -c:v mpeg2video -c:a ac3 -f vob",
        ),
        plays(
            "camera.mxf",
            Encoded,
            Film::new((640, 360), 25.0, 3.0),
            "@v:640x360 @a -c:v mpeg2video -pix_fmt yuv422p -b:v 4M -c:a pcm_s16le",
        ),
        plays(
            "edit.mxf",
            Encoded,
            Film::new((1280, 720), 25.0, 3.0),
            "@v:1280x720 @a -c:v dnxhd -profile:v dnxhr_lb -pix_fmt yuv422p -c:a pcm_s16le",
        ),
        plays(
            "elementary.m2v",
            Encoded,
            film().silent(),
            "@v -c:v mpeg2video",
        ),
    ]
}

fn others() -> Vec<Format> {
    vec![
        plays("windows.wmv", Encoded, film(), "@v @a -c:v wmv2 -c:a wmav2"),
        plays("wmv1.asf", Encoded, film(), "@v @a -c:v wmv1 -c:a wmav1"),
        plays(
            "theora-vorbis.ogv",
            Encoded,
            film().frames(64..=64),
            "@v @a -c:v libtheora -c:a libvorbis",
        ),
        plays(
            "theora-flac.ogv",
            Encoded,
            film().frames(64..=64),
            "@v @a -c:v libtheora -c:a flac",
        ),
        plays("vp8.ivf", Encoded, film().silent(), "@v @vp8"),
        plays("vp9.ivf", Encoded, film().silent(), "@v @vp9"),
        plays("av1.ivf", Encoded, film().silent(), "@v @av1"),
        plays(
            "real.rm",
            Encoded,
            Film::new((320, 240), 25.0, 3.0),
            "@v:320x240 @a -c:v rv10 -c:a ac3",
        ),
        plays("raw.hevc", Encoded, film().silent(), "@v @hevc"),
        plays("pipe.y4m", Encoded, film().silent(), "@v -pix_fmt yuv420p"),
        plays(
            "moving.apng",
            Encoded,
            film().silent(),
            "@v -f apng -plays 0",
        ),
        plays(
            "moving.png",
            Encoded,
            film().silent(),
            "@v -f apng -plays 0",
        ),
    ]
}

/// AAC without an edit list: what primes its decoder is part of the film, as the file says.
fn primed() -> Film {
    film().tones(&[0.621, 1.621, 2.621])
}

/// MP3 in AVI begins with what primes its decoder, and ffmpeg writes the picture a frame later for it.
fn one_later() -> Film {
    film()
        .flashes(&[0.64, 1.64, 2.64])
        .tones(&[0.623, 1.623, 2.623])
}
