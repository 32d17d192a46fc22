//! Files that the media path once got wrong, generated with ffmpeg. In every second of each file a flash
//! begins at 0.6 s and, where there is sound, a tone of 0.2 s whose pitch grows by 100 Hz a second.

use std::path::PathBuf;

use super::index;
use crate::site::Site;

/// When a mark begins in its second.
pub(super) const MARK: f64 = 0.6;
const SAFE: &str = "-c:v libx264 -preset veryfast -g 50 -pix_fmt yuv420p";
const HEVC: &str = "-c:v libx265 -preset ultrafast -x265-params log-level=error -tag:v hvc1";
const VP8: &str = "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 1M -c:a libopus";
/// What is left of eight seconds of a screen that did not change in between.
const PAUSE: &str = "lt(t,2)+gt(t,7)";
const STILL: &str = "lt(t,2)";

/// A moving picture with flashes.
fn picture(size: &str, rate: u32, seconds: u32) -> String {
    let white = "drawbox=c=white:t=fill:enable=between(mod(t+0.001\\,1)\\,0.6\\,0.8)";
    format!("-f lavfi -i testsrc2=s={size}:r={rate}:d={seconds},{white}")
}

/// The same of 25 frames a second with some of the frames only.
fn some(seconds: u32, frames: &str) -> String {
    let frames = frames.replace(',', "\\,");
    let all = picture("640x360", 25, seconds);
    format!("{all},select={frames}")
}

/// A tone in each second; `from`: the first second's number.
fn tones(seconds: u32, from: u32) -> String {
    format!(
        "-f lavfi -i aevalsrc=0.7*sin(2*PI*(500+100*(floor(t)+{from}))*t)\
         *between(mod(t\\,1)\\,0.6\\,0.8):s=48000:d={seconds}"
    )
}

/// Three seconds of picture, sound and a line of text.
fn with_text(site: &Site, size: &str, rate: u32, rest: &str) -> PathBuf {
    let text = "1\n00:00:00,500 --> 00:00:01,500\nHello\n";
    std::fs::write(site.folder.path().join("words.srt"), text).unwrap();
    let (picture, tones) = (picture(size, rate, 3), tones(3, 0));
    site.clip(&format!(
        "{picture} {tones} -i words.srt -map 0 -map 1 -map 2 {rest}"
    ))
}

/// A subtitle stream next to video that browsers cannot play.
pub(super) fn subtitle_beside_hevc_mkv(site: &Site) -> PathBuf {
    with_text(
        site,
        "640x360",
        30,
        &format!("{HEVC} -c:a aac -c:s srt words-hevc.mkv"),
    )
}

pub(super) fn subtitle_beside_hevc_mp4(site: &Site) -> PathBuf {
    with_text(
        site,
        "640x360",
        30,
        &format!("{HEVC} -c:a aac -c:s mov_text words-hevc.mp4"),
    )
}

pub(super) fn subtitle_beside_h264_mkv(site: &Site) -> PathBuf {
    with_text(
        site,
        "640x360",
        25,
        &format!("{SAFE} -c:a aac -c:s srt words.mkv"),
    )
}

pub(super) fn subtitle_beside_h264_mp4(site: &Site) -> PathBuf {
    with_text(
        site,
        "640x360",
        25,
        &format!("{SAFE} -c:a aac -c:s mov_text words.mp4"),
    )
}

pub(super) fn subtitle_beside_h264_720_mp4(site: &Site) -> PathBuf {
    with_text(
        site,
        "1280x720",
        25,
        &format!("{SAFE} -c:a aac -c:s mov_text words-720.mp4"),
    )
}

pub(super) fn subtitle_beside_vp8_webm(site: &Site) -> PathBuf {
    with_text(
        site,
        "640x360",
        25,
        &format!("{VP8} -c:s webvtt words.webm"),
    )
}

/// A second sound track in a coding that nobody will hear.
pub(super) fn second_sound_in_tta_mkv(site: &Site) -> PathBuf {
    let (picture, tones) = (picture("640x360", 30, 3), tones(3, 0));
    let codings = format!("{HEVC} -c:a:0 aac -c:a:1 tta");
    site.clip(&format!(
        "{picture} {tones} -map 0 -map 1 -map 1 {codings} two.mkv"
    ))
}

/// Six seconds as browsers play them.
fn plain(site: &Site) -> PathBuf {
    let (picture, tones) = (picture("640x360", 30, 6), tones(6, 0));
    let coding = "-c:v libx264 -preset veryfast -bf 3 -g 60 -pix_fmt yuv420p -c:a aac";
    site.clip(&format!("{picture} {tones} {coding} plain.mp4"))
}

/// Four packets of sound are missing three times, all between the tones.
pub(super) fn lost_packets_of_sound_mkv(site: &Site) -> PathBuf {
    plain(site);
    let lost = "between(n,47,50)+between(n,94,97)+between(n,141,144)";
    site.clip(&format!(
        "-i plain.mp4 -map 0 -c copy -bsf:a noise=drop='{lost}' lost.mkv"
    ))
}

/// A recording of two parts; the second's clock is a minute later.
pub(super) fn clock_that_jumps_ts(site: &Site) -> PathBuf {
    let part = |from: u32, offset: u32| {
        let (picture, tones) = (picture("320x180", 25, 3), tones(3, from));
        let coding = "-c:v libx264 -preset ultrafast -g 50 -pix_fmt yuv420p -c:a aac";
        let part = format!("-output_ts_offset {offset} -f mpegts part{from}.ts");
        std::fs::read(site.clip(&format!("{picture} {tones} {coding} {part}"))).unwrap()
    };
    let joined = site.folder.path().join("joined.ts");
    std::fs::write(&joined, [part(0, 0), part(3, 60)].concat()).unwrap();
    joined
}

/// Four thousand wrong bytes within the samples of a file that browsers play.
pub(super) fn damaged_in_the_middle_mp4(site: &Site) -> PathBuf {
    let path = plain(site);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 3;
    for (index, byte) in (middle..).zip(&mut bytes[middle..middle + 4000]) {
        *byte = (index * 7919).to_le_bytes()[0];
    }
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Codings of browsers in a container that is not theirs: the six seconds ten times over.
pub(super) fn minute_of_h264_mkv(site: &Site) -> PathBuf {
    plain(site);
    site.clip("-stream_loop 9 -i plain.mp4 -map 0 -c copy -fflags +genpts minute.mkv")
}

/// A size between the usual ones, without sound.
pub(super) fn wide_1920x800_mkv(site: &Site) -> PathBuf {
    site.clip(&format!("{} {HEVC} wide.mkv", picture("1920x800", 24, 2)))
}

/// A light page on which a small thing moves: some 50 kbit a second.
pub(super) fn screencast_mp4(site: &Site) -> PathBuf {
    let page = "-f lavfi -i color=c=0xaaaaaa:s=1920x1080:r=30:d=12";
    let thing = "-f lavfi -i color=c=black:s=12x12:r=30:d=12";
    let drawn = "[0]drawgrid=w=40:h=24:t=1:c=gray@0.5[page];\
        [page][1]overlay=x='100+mod(n*3\\,1500)':y=500";
    let coding = "-c:v libx264 -preset medium -crf 30 -g 300 -keyint_min 30 -pix_fmt yuv420p";
    site.clip(&format!(
        "{page} {thing} -filter_complex {drawn} {coding} screencast.mp4"
    ))
}

/// Two seconds of bytes that the index names sixty times.
pub(super) fn same_bytes_sixty_times_mp4(site: &Site) -> PathBuf {
    let picture = "-f lavfi -i testsrc2=s=640x340:r=30:d=2,noise=alls=40:allf=t";
    let coding = "-c:v libx264 -preset ultrafast -bf 0 -refs 1 -g 60 -keyint_min 60 \
        -sc_threshold 0 -crf 34 -pix_fmt yuv420p";
    let path = site.clip(&format!("{picture} {coding} sixty.mp4"));
    std::fs::write(&path, index::repeated(&std::fs::read(&path).unwrap(), 60)).unwrap();
    path
}

/// Three seconds of picture and eight of sound.
pub(super) fn sound_longer_mp4(site: &Site) -> PathBuf {
    let (picture, tones) = (picture("640x360", 25, 3), tones(8, 0));
    site.clip(&format!("{picture} {tones} {SAFE} -c:a aac longer.mp4"))
}

pub(super) fn sound_longer_mkv(site: &Site) -> PathBuf {
    let (picture, tones) = (picture("640x360", 25, 3), tones(8, 0));
    site.clip(&format!("{picture} {tones} {SAFE} -c:a aac longer.mkv"))
}

/// A browser's recording of a screen that stood still for five seconds; its head tells no length.
pub(super) fn recorder_pause_webm(site: &Site) -> PathBuf {
    let (picture, tones) = (some(8, PAUSE), tones(8, 0));
    site.clip(&format!(
        "{picture} {tones} -fps_mode vfr {VP8} -f webm -live 1 pause.webm"
    ))
}

/// The same of a screen that moved no more after two seconds.
pub(super) fn screen_at_rest_webm(site: &Site) -> PathBuf {
    let (picture, tones) = (some(8, STILL), tones(8, 0));
    site.clip(&format!(
        "{picture} {tones} -fps_mode vfr {VP8} -f webm -live 1 rest.webm"
    ))
}

pub(super) fn screen_at_rest_mp4(site: &Site) -> PathBuf {
    let (picture, tones) = (some(8, STILL), tones(8, 0));
    site.clip(&format!(
        "{picture} {tones} -fps_mode vfr {SAFE} -c:a aac rest.mp4"
    ))
}

/// Frames five seconds apart that are not in the order in which they are shown.
pub(super) fn pause_with_b_frames_mp4(site: &Site) -> PathBuf {
    let (picture, tones) = (some(8, PAUSE), tones(8, 0));
    site.clip(&format!(
        "{picture} {tones} -fps_mode vfr {SAFE} -bf 2 -c:a aac pause.mp4"
    ))
}

/// Sixteen seconds without a frame.
pub(super) fn long_pause_mp4(site: &Site) -> PathBuf {
    let (picture, tones) = (some(20, "lt(t,2)+gt(t,18)"), tones(20, 0));
    site.clip(&format!(
        "{picture} {tones} -fps_mode vfr {SAFE} -c:a aac long-pause.mp4"
    ))
}

/// A camera's file: eight tracks of one microphone each, of which only the sixth hears something.
pub(super) fn eight_microphones_mxf(site: &Site) -> PathBuf {
    let (picture, tones) = (picture("1280x720", 25, 3), tones(3, 0));
    let silence = "-f lavfi -i anullsrc=r=48000:cl=mono:d=3";
    let (before, after) = ("-map 2 ".repeat(5), "-map 2 ".repeat(2));
    let coding = "-c:v mpeg2video -b:v 8M -pix_fmt yuv422p -c:a pcm_s16le";
    let maps = format!("-map 0 {before}-map 1 {after}");
    site.clip(&format!(
        "{picture} {tones} {silence} {maps}{coding} eight.mxf"
    ))
}
