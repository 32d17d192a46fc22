//! Footage to measure with, made by ffmpeg once and kept under `target/bench`.

use crate::{cache, output, tool};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Long footage is at least as large, bytes.
const LONG: u64 = 3 << 30;

/// Seconds that are whole frames and whole AAC frames, so that copies of it join without a seam.
const SECONDS: &str = "10.24";

fn made(name: &str, make: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<PathBuf> {
    let path = cache()?.join(name);
    if !path.is_file() {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let draft = cache()?.join(format!("draft.{extension}"));
        make(&draft)?;
        fs::rename(draft, &path)?;
    }
    Ok(path)
}

/// ffmpeg with a moving, grainy picture and a tone as its inputs.
fn picture(size: &str, rate: u32, seconds: &str) -> std::process::Command {
    let mut ffmpeg = tool("ffmpeg");
    ffmpeg
        .args(["-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i"])
        .arg(format!(
            "testsrc2=size={size}:rate={rate}:duration={seconds},noise=alls=24:allf=t"
        ))
        .args(["-f", "lavfi", "-i"])
        .arg(format!(
            "sine=frequency=440:sample_rate=48000:duration={seconds}"
        ));
    ffmpeg
}

/// Ten seconds as a phone takes them: 1080p, 16 Mbit/s, H.264 and AAC in MP4, index last.
pub fn footage() -> anyhow::Result<PathBuf> {
    made("footage.mp4", |draft| {
        let mut ffmpeg = picture("1920x1080", 25, SECONDS);
        ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2"]);
        ffmpeg.args(["-g", "50", "-keyint_min", "50", "-sc_threshold", "0"]);
        ffmpeg.args(["-pix_fmt", "yuv420p", "-b:v", "16M", "-maxrate", "16M"]);
        ffmpeg.args(["-bufsize", "16M", "-c:a", "aac", "-b:a", "128k"]);
        output(ffmpeg.arg(draft)).map(drop)
    })
}

/// The same again and again, index last: at least 3 GiB.
pub fn long_footage() -> anyhow::Result<PathBuf> {
    let short = footage()?;
    let copies = LONG.div_ceil(fs::metadata(&short)?.len()) + 1;
    made("long-footage.mp4", |draft| {
        let mut ffmpeg = tool("ffmpeg");
        ffmpeg.args(["-nostdin", "-loglevel", "error", "-y", "-stream_loop"]);
        ffmpeg.arg(copies.to_string()).arg("-i").arg(short);
        output(ffmpeg.args(["-c", "copy"]).arg(draft)).map(drop)
    })
}

/// Twenty seconds of 480p at 2 Mbit/s with sound of 128 kbit/s: segments of about 1 MiB and of 64 KiB.
///
/// # Errors
/// Where ffmpeg fails.
pub fn light_footage() -> anyhow::Result<PathBuf> {
    made("light.mp4", |draft| {
        let mut ffmpeg = picture("854x480", 25, "20.48");
        ffmpeg.args(["-c:v", "libx264", "-preset", "veryfast", "-g", "100"]);
        ffmpeg.args([
            "-keyint_min",
            "100",
            "-sc_threshold",
            "0",
            "-pix_fmt",
            "yuv420p",
        ]);
        ffmpeg.args(["-b:v", "2100k", "-maxrate", "2100k", "-bufsize", "1M"]);
        ffmpeg.args(["-c:a", "aac", "-b:a", "128k"]);
        output(ffmpeg.arg(draft)).map(drop)
    })
}

/// Forty seconds of 720p at 8 Mbit/s, index last: to be watched while it is uploaded.
///
/// # Errors
/// Where ffmpeg fails.
pub fn steady_footage() -> anyhow::Result<PathBuf> {
    made("steady.mp4", |draft| {
        let mut ffmpeg = picture("1280x720", 25, "40");
        ffmpeg.args(["-c:v", "libx264", "-preset", "veryfast", "-g", "50"]);
        ffmpeg.args(["-pix_fmt", "yuv420p", "-b:v", "8M", "-maxrate", "8M"]);
        ffmpeg.args(["-bufsize", "4M", "-c:a", "aac"]);
        output(ffmpeg.arg(draft)).map(drop)
    })
}

/// Ten minutes of 480p that browsers do not play, with a key frame every five seconds.
///
/// # Errors
/// Where ffmpeg fails.
pub fn span_source() -> anyhow::Result<PathBuf> {
    made("ten-minutes.mp4", |draft| {
        let mut ffmpeg = picture("854x480", 25, "600");
        ffmpeg.args(["-c:v", "mpeg4", "-b:v", "4M", "-bf", "2", "-g", "125"]);
        output(ffmpeg.args(["-c:a", "aac"]).arg(draft)).map(drop)
    })
}

/// A kind of file, of which a browser is shown ten minutes.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The figure's name.
    pub figure: &'static str,
    /// The most seconds to the first frame.
    pub most: f64,
    file: &'static str,
    /// ffmpeg's options for the picture, made from [`footage`], for the sound, and for the container.
    picture: &'static str,
    sound: &'static str,
    more: &'static str,
}

const fn of(
    (figure, most): (&'static str, f64),
    file: &'static str,
    (picture, sound, more): (&'static str, &'static str, &'static str),
) -> Kind {
    Kind {
        figure,
        most,
        file,
        picture,
        sound,
        more,
    }
}

const FRAGMENTED: &str = "-movflags +frag_keyframe+empty_moov+default_base_moof";
const VP9: &str = "-vf scale=-2:720 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 3M -g 50";
const AV1: &str = "-vf scale=-2:720 -c:v libsvtav1 -preset 10 -g 50";
const HEVC: &str = "-vf scale=-2:720 -c:v libx265 -preset ultrafast -tag:v hvc1";
const TEN_BITS: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p10le -b:v 8M";
const MPEG2: &str = "-c:v mpeg2video -b:v 8M -maxrate 10M -bufsize 4M";
const PRORES: &str = "-vf scale=-2:720 -c:v prores_ks -profile:v 0";

/// What is copied is shown sooner than what must be decoded.
pub const KINDS: [Kind; 10] = [
    of(("first-frame-mp4", 0.6), "mp4.mp4", ("copy", "aac", "")),
    of(
        ("first-frame-fragmented", 1.5),
        "fragmented.mp4",
        ("copy", "aac", FRAGMENTED),
    ),
    of(("first-frame-mkv", 1.5), "h264.mkv", ("copy", "aac", "")),
    of(
        ("first-frame-pcm", 1.5),
        "pcm.mov",
        ("copy", "pcm_s16le", ""),
    ),
    of(("first-frame-vp9", 1.5), "vp9.webm", (VP9, "libopus", "")),
    of(("first-frame-av1", 1.5), "av1.webm", (AV1, "libopus", "")),
    of(
        ("first-frame-hevc", 3.0),
        "hevc.mp4",
        (HEVC, "aac", "-tag:v hvc1"),
    ),
    of(
        ("first-frame-10-bit", 3.0),
        "ten-bits.mkv",
        (TEN_BITS, "aac", ""),
    ),
    of(("first-frame-mpeg2", 3.0), "mpeg2.mkv", (MPEG2, "mp2", "")),
    of(
        ("first-frame-prores", 3.0),
        "prores.mov",
        (PRORES, "pcm_s16le", ""),
    ),
];

/// Ten minutes of it: the picture is repeated; the sound is made in one piece, because repeated sound has
/// holes where one round ends.
///
/// # Errors
/// Where ffmpeg fails.
pub fn kind(of: &Kind) -> anyhow::Result<PathBuf> {
    let ffmpeg = || {
        let mut ffmpeg = tool("ffmpeg");
        ffmpeg.args(["-nostdin", "-loglevel", "error", "-y"]);
        ffmpeg
    };
    let source = footage()?;
    let once = if of.picture == "copy" {
        source.clone()
    } else {
        made(&format!("once-{}", of.file), |draft| {
            let mut ffmpeg = ffmpeg();
            ffmpeg.arg("-i").arg(&source).arg("-an");
            output(ffmpeg.args(of.picture.split_whitespace()).arg(draft)).map(drop)
        })?
    };
    made(of.file, |draft| {
        let mut ffmpeg = ffmpeg();
        ffmpeg.args(["-stream_loop", "58", "-i"]).arg(once);
        ffmpeg.args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"]);
        ffmpeg.args(["-map", "0:v", "-map", "1:a", "-c:v", "copy", "-shortest"]);
        ffmpeg.args(["-c:a", of.sound]);
        output(ffmpeg.args(of.more.split_whitespace()).arg(draft)).map(drop)
    })
}

/// 2 GiB that nobody plays.
pub fn plain_file() -> anyhow::Result<PathBuf> {
    made("plain", |draft| {
        let mut dd = tool("dd");
        dd.arg(format!("of={}", draft.display()));
        dd.args(["if=/dev/urandom", "bs=1M", "count=2048", "status=none"]);
        output(&mut dd).map(drop)
    })
}

/// Three seconds of the same kind as [`ladder_source`].
pub fn short_source() -> anyhow::Result<PathBuf> {
    made("short.avi", |draft| {
        let mut ffmpeg = picture("1280x720", 24, "3");
        ffmpeg.args(["-c:v", "mpeg4", "-q:v", "4", "-g", "48"]);
        output(ffmpeg.args(["-c:a", "libmp3lame"]).arg(draft)).map(drop)
    })
}

/// A minute of 720p that no browser plays, so that every rung is encoded.
pub fn ladder_source() -> anyhow::Result<PathBuf> {
    made("ladder.avi", |draft| {
        let mut ffmpeg = picture("1280x720", 24, "60");
        ffmpeg.args(["-c:v", "mpeg4", "-q:v", "4", "-g", "48"]);
        output(ffmpeg.args(["-c:a", "libmp3lame"]).arg(draft)).map(drop)
    })
}
