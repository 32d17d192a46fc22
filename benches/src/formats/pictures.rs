//! Pictures and times out of the ordinary, in containers that browsers know.

use super::{
    Film, Format,
    Path::{AtOnce, Copied, Encoded},
    film, plays,
};

pub(super) fn formats() -> Vec<Format> {
    let mut all = shapes();
    all.extend(odd_shapes());
    all.extend(rates());
    all.extend(colours());
    all.extend(times());
    all.extend(late_and_trimmed());
    all
}

fn shapes() -> Vec<Format> {
    let turned = |name, turn: u32, vf: &str| {
        let first = format!("@v @a -vf {vf} @h264 -c:a aac flat-{turn}.mp4");
        let recipe = format!("{first} ; -i flat-{turn}.mp4 -c copy -metadata:s:v:0 rotate={turn}");
        plays(name, AtOnce, film(), &recipe)
    };
    vec![
        turned("turned-90.mp4", 90, "transpose=1"),
        turned("turned-180.mp4", 180, "hflip,vflip"),
        turned("turned-270.mov", 270, "transpose=2"),
        plays(
            "upright-phone.mp4",
            AtOnce,
            Film::new((180, 320), 25.0, 3.0),
            "@v:180x320 @a @h264 -c:a aac",
        ),
        plays(
            "wide.mp4",
            AtOnce,
            Film::new((640, 128), 25.0, 3.0),
            "@v:640x128 @a @h264 -c:a aac",
        ),
        plays(
            "square.mp4",
            AtOnce,
            Film::new((240, 240), 25.0, 3.0),
            "@v:240x240 @a @h264 -c:a aac",
        ),
    ]
}

fn odd_shapes() -> Vec<Format> {
    vec![
        plays(
            "odd-size.mkv",
            Encoded,
            Film::new((320, 180), 25.0, 3.0),
            "@v:321x181 @a -c:v ffv1 -c:a flac",
        ),
        plays(
            "odd-h264.mp4",
            Encoded,
            Film::new((320, 180), 25.0, 3.0),
            "@v:321x181 @a -c:v libx264 -preset veryfast -pix_fmt yuv444p -c:a aac",
        ),
        plays(
            "tiny-16x16.mp4",
            AtOnce,
            Film::new((16, 16), 25.0, 3.0).plain(),
            "@w:16x16 @a @h264 -c:a aac",
        ),
        plays(
            "tiny-2x2.mkv",
            Encoded,
            Film::new((2, 2), 25.0, 3.0).plain(),
            "@w:2x2 @a -c:v ffv1 -c:a flac",
        ),
        plays(
            "full-hd.mp4",
            AtOnce,
            Film::new((1920, 1080), 25.0, 1.0),
            "@v:1920x1080:25:1 @a:1 @h264 -c:a aac",
        ),
        plays(
            "4k-hevc.mkv",
            AtOnce,
            Film::new((3840, 2160), 5.0, 1.0),
            "@v:3840x2160:5:1 @a:1 @hevc -c:a aac",
        ),
        plays(
            "5-fps.mkv",
            Encoded,
            Film::new((320, 180), 5.0, 3.0),
            "@v:320x180:5 @a -c:v mpeg2video -strict -1 -c:a flac",
        ),
        plays(
            "10-fps.mkv",
            Encoded,
            Film::new((320, 180), 10.0, 1.0),
            "@v:320x180:10:1 @a:1 -c:v mpeg4 -c:a flac",
        ),
        plays(
            "8k.mkv",
            Encoded,
            Film::new((1920, 1080), 5.0, 1.0),
            "@v:7680x4320:5:1 @a:1 -c:v mpeg4 -q:v 8 -c:a aac",
        ),
        plays(
            "anamorphic.mp4",
            AtOnce,
            Film::new((320, 180), 25.0, 3.0),
            "@v:240x180 @a -vf setsar=4/3 @h264 -c:a aac",
        ),
        plays(
            "anamorphic.mkv",
            Encoded,
            Film::new((320, 180), 25.0, 3.0),
            "@v:240x180 @a -vf setsar=4/3 -c:v ffv1 -c:a flac",
        ),
        plays(
            "interlaced.mp4",
            Encoded,
            Film::new((320, 240), 50.0, 3.0),
            "@v:320x240:50 @a -vf interlace -flags +ildct+ilme @h264 -c:a aac",
        ),
        plays(
            "interlaced.ts",
            Encoded,
            Film::new((320, 240), 50.0, 3.0),
            "@v:320x240:50 @a -vf interlace -flags +ildct+ilme -c:v mpeg2video -c:a mp2",
        ),
    ]
}

fn rates() -> Vec<Format> {
    let at = |name, rate: &str, number: f64| {
        let recipe = format!("@v:320x180:{rate} @a @h264 -c:a aac");
        plays(name, AtOnce, Film::new((320, 180), number, 3.0), &recipe)
    };
    vec![
        at("1-fps.mp4", "1", 1.0),
        at("5-fps.mp4", "5", 5.0),
        at("15-fps.mp4", "15", 15.0),
        at("23.976-fps.mp4", "24000/1001", 24_000.0 / 1001.0),
        at("24-fps.mp4", "24", 24.0),
        at("29.97-fps.mp4", "30000/1001", 30_000.0 / 1001.0),
        at("50-fps.mp4", "50", 50.0),
        at("60-fps.mp4", "60", 60.0),
        at("120-fps.mp4", "120", 120.0),
        plays(
            "120-fps.mkv",
            Encoded,
            Film::new((320, 180), 60.0, 3.0),
            "@v:320x180:120 @a -c:v mpeg2video -strict -1 -c:a aac",
        ),
        plays(
            "pause.mp4",
            AtOnce,
            film().frames(50..=50).flashes(&[0.6, 2.6]),
            "@v @a -vf select=lt(t\\,1)+gte(t\\,2) -fps_mode vfr @h264 -c:a aac",
        ),
        plays(
            "pause.mkv",
            Encoded,
            film().frames(50..=50).flashes(&[0.6, 2.6]),
            "@v @a -vf select=lt(t\\,1)+gte(t\\,2) -fps_mode vfr -c:v ffv1 -c:a flac",
        ),
        plays(
            "at-rest.mp4",
            AtOnce,
            film().frames(25..=25).flashes(&[0.6]),
            "@v @a -vf select=lt(t\\,1) -fps_mode vfr @h264 -c:a aac",
        ),
    ]
}

fn colours() -> Vec<Format> {
    let hevc = |name, path, format: &str, more: &str| {
        let recipe = format!("@v @a @hevc -pix_fmt {format} {more} -c:a aac");
        plays(name, path, film(), &recipe)
    };
    let avc = |name, format: &str| {
        let recipe = format!("@v @a -c:v libx264 -preset veryfast -pix_fmt {format} -c:a aac");
        plays(name, Encoded, film(), &recipe)
    };
    vec![
        hevc(
            "hdr10.mkv",
            AtOnce,
            "yuv420p10le",
            "-color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc",
        ),
        hevc(
            "hlg.mkv",
            AtOnce,
            "yuv420p10le",
            "-color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc",
        ),
        hevc("main10.mkv", AtOnce, "yuv420p10le", ""),
        hevc("hevc-422.mkv", Encoded, "yuv422p10le", ""),
        hevc("hevc-444.mkv", Encoded, "yuv444p", ""),
        avc("high-10.mp4", "yuv420p10le"),
        avc("high-422.mp4", "yuv422p"),
        avc("high-444.mp4", "yuv444p"),
        plays(
            "full-range.mp4",
            AtOnce,
            film(),
            "@v @a @h264 -pix_fmt yuvj420p -c:a aac",
        ),
        plays(
            "rgb.mp4",
            Encoded,
            film(),
            "@v @a -c:v libx264rgb -preset veryfast -c:a aac",
        ),
        plays(
            "grey.mkv",
            Encoded,
            film().plain(),
            "@w @a -vf format=gray -c:v ffv1 -c:a flac",
        ),
        plays(
            "alpha.webm",
            Encoded,
            film(),
            "@v @a -vf format=yuva420p @vp8 -auto-alt-ref 0 -c:a libopus",
        ),
        plays(
            "vp9-profile-1.webm",
            Encoded,
            film(),
            "@v @a @vp9 -pix_fmt yuv444p -c:a libopus",
        ),
        plays(
            "vp9-profile-2.webm",
            AtOnce,
            film(),
            "@v @a @vp9 -pix_fmt yuv420p10le -c:a libopus",
        ),
    ]
}

fn times() -> Vec<Format> {
    // The clock jumps as it does where two recordings are put together.
    let joined = |first: &str, second: &str| {
        format!(
            "{first} -f mpegts one.ts ; {second} -output_ts_offset 60 -f mpegts two.ts ; \
             -copyts -i concat:one.ts|two.ts -map 0 -c copy -f mpegts"
        )
    };
    let both = Film::new((320, 180), 25.0, 6.0);
    let six = &[0.6, 1.6, 2.6, 3.6, 4.6, 5.6];
    let resized = joined("@v @a @h264 -c:a aac", "@v:640x360 @a @h264 -c:a aac");
    let channels = joined("@v @a @h264 -c:a aac -ac 1", "@v @a @h264 -c:a aac -ac 2");
    let late = joined(
        "@v -itsoffset 1 @a:2 @h264 -c:a aac -ac 1",
        "@v @a @h264 -c:a aac -ac 2",
    );
    vec![
        plays(
            "size-changes.ts",
            Encoded,
            both.clone().tones(six),
            &resized,
        ),
        plays(
            "channels-change.ts",
            Encoded,
            both.clone().tones(six),
            &channels,
        ),
        plays(
            "channels-change-late-sound.ts",
            Copied,
            both.tones(&six[1..]),
            &late,
        ),
        plays(
            "late-sound.mp4",
            AtOnce,
            film().tones(&[1.6, 2.6]),
            "@v -itsoffset 1 @a:2 @h264 -c:a aac",
        ),
        plays(
            "late-sound.mkv",
            Encoded,
            film().tones(&[1.6, 2.6]),
            "@v -itsoffset 1 @a:2 -c:v ffv1 -c:a flac",
        ),
        plays(
            "early-end-of-sound.mp4",
            AtOnce,
            film().tones(&[0.6]),
            "@v @a:1 @h264 -c:a aac",
        ),
        plays(
            "sound-longer.mp4",
            AtOnce,
            film().seconds(5.0).tones(&[0.6, 1.6, 2.6, 3.6, 4.6]),
            "@v @a:5 @h264 -c:a aac",
        ),
    ]
}

fn late_and_trimmed() -> Vec<Format> {
    vec![
        plays(
            "late-picture.mp4",
            Encoded,
            film()
                .seconds(2.0)
                .frames(50..=50)
                .flashes(&[0.6, 1.6])
                .tones(&[0.6, 1.6]),
            "-itsoffset 1 @v:320x180:25:2 @a @h264 -fps_mode passthrough -c:a aac",
        ),
        plays(
            "trimmed.mp4",
            Encoded,
            film()
                .seconds(2.0)
                .frames(50..=50)
                .flashes(&[0.6, 1.6])
                .tones(&[0.6, 1.6]),
            "@v @a @h264 -c:a aac whole.mp4 ; -ss 1 -i whole.mp4 -c copy",
        ),
        plays(
            "negative-offsets.mp4",
            AtOnce,
            film(),
            "@v @a @h264 -bf 3 -c:a aac -movflags +negative_cts_offsets",
        ),
        plays(
            "sparse-keys.mp4",
            AtOnce,
            Film::new((320, 180), 25.0, 11.0),
            "@v:320x180:25:11 @a:11 @h264 -g 999 -sc_threshold 0 -c:a aac",
        ),
        plays(
            "one-key.mp4",
            Encoded,
            Film::new((320, 180), 10.0, 15.0),
            "@v:320x180:10:15 @a:15 @h264 -g 999 -sc_threshold 0 -c:a aac",
        ),
        plays(
            "one-frame.mp4",
            AtOnce,
            Film::new((320, 180), 25.0, 0.04).silent(),
            "@v:320x180:25:0.04 @h264",
        ),
        plays(
            "words.mkv",
            AtOnce,
            film(),
            "@v @a @h264 -c:a aac words-0.mkv ; -f lavfi -i color=s=16x16:d=1 -i words-0.mkv -map 1 -c copy",
        ),
    ]
}
