//! Each kind of file at which the media path once fell short goes through the site, and all that a
//! player gets of it is decoded and compared with what went in: every frame and no other, the length
//! to one frame, flashes and tones at their moments, or the refusal by its code.

#![expect(
    clippy::print_stdout,
    reason = "what was measured before something is wrong is part of what a failure says"
)]

mod files;
mod index;
mod seen;

use std::path::PathBuf;

use virga_core::{MediaKey, VideoId, presentation::Presentation, video::VideoState};
use virga_db::VideoRow;

use crate::site::{Site, decodes, streams};
use files::MARK;
use seen::Seen;

/// How far a tone may be from its moment and from its flash, seconds.
const SYNC: f64 = 0.020;

/// What comes of a file.
enum Expected {
    Plays(Film),
    /// By the code of the reason.
    Refused(&'static str),
}

struct Film {
    /// Frames a second of the source.
    rate: f64,
    frames: std::ops::RangeInclusive<usize>,
    seconds: f64,
    /// Of its largest picture.
    size: (u32, u32),
    flashes: Vec<f64>,
    tones: Vec<(f64, f64)>,
}

/// A film of so many seconds with a frame, a flash and a tone in each.
fn film(rate: u32, seconds: u32, size: (u32, u32)) -> Film {
    let frames = (rate * seconds) as usize;
    let film = Film {
        rate: rate.into(),
        frames: frames..=frames,
        seconds: seconds.into(),
        size,
        flashes: Vec::new(),
        tones: Vec::new(),
    };
    film.flashes(0..seconds).tones(seconds)
}

impl Film {
    fn frames(mut self, frames: std::ops::RangeInclusive<usize>) -> Self {
        self.frames = frames;
        self
    }

    /// In these seconds, with the first frame that is white.
    fn flashes(mut self, seconds: impl IntoIterator<Item = u32>) -> Self {
        let rate = self.rate;
        let frame = |second: u32| ((f64::from(second) + MARK) * rate - 0.03).ceil() / rate;
        self.flashes = seconds.into_iter().map(frame).collect();
        self
    }

    /// In so many seconds.
    fn tones(mut self, seconds: u32) -> Self {
        let tone = |second| (f64::from(second) + MARK, 500.0 + 100.0 * f64::from(second));
        self.tones = (0..seconds).map(tone).collect();
        self
    }

    /// One after another, each so many seconds after the one before.
    fn again(mut self, times: u32, every: f64) -> Self {
        let later = |n: u32| f64::from(n) * every;
        let flashes = |n| self.flashes.iter().map(move |at| at + later(n));
        let flashes = (0..times).flat_map(flashes).collect();
        let tones = |n| {
            self.tones
                .iter()
                .map(move |(at, pitch)| (at + later(n), *pitch))
        };
        let tones = (0..times).flat_map(tones).collect();
        let frames = self.frames.start() * times as usize;
        self.seconds += later(times - 1);
        (self.flashes, self.tones) = (flashes, tones);
        self.frames(frames..=frames)
    }
}

/// Whether what is `seen` is the film that is `wanted`; the lines say what was measured.
fn compare(name: &str, seen: &Seen, wanted: &Film) {
    if seen.frames > 0 {
        let frames = seen.frames;
        assert!(wanted.frames.contains(&frames), "{name}: {frames} frames");
        compare_marks(name, &seen.flashes, &wanted.flashes);
    }
    if seen.beeps.is_empty() {
        return;
    }
    let (at, pitches): (Vec<f64>, Vec<f64>) = seen.beeps.iter().copied().unzip();
    let moments: Vec<f64> = wanted.tones.iter().map(|(at, _)| *at).collect();
    compare_marks(name, &at, &moments);
    for (pitch, (at, wanted)) in pitches.iter().zip(&wanted.tones) {
        let off = (pitch - wanted).abs();
        assert!(off < 30.0, "{name} at {at} s: {pitch} Hz and not {wanted}");
    }
}

fn compare_marks(name: &str, seen: &[f64], wanted: &[f64]) {
    assert_eq!(seen.len(), wanted.len(), "{name}: {seen:?}, not {wanted:?}");
    let off = |(seen, wanted): (&f64, &f64)| (seen - wanted).abs();
    let most = seen.iter().zip(wanted).map(off).fold(0.0, f64::max);
    println!("{name}: {} marks, off by {:.1} ms", seen.len(), most * 1e3);
    assert!(most <= SYNC, "{name}: {seen:?}, not {wanted:?}");
}

fn check_end(name: &str, end: f64, wanted: &Film) {
    println!("{name}: ends at {end:.3} s");
    let off = (end - wanted.seconds).abs();
    assert!(
        off <= 1.0 / wanted.rate,
        "{name}: {end} s, not {}",
        wanted.seconds
    );
}

async fn plays(site: &Site, video: VideoId, wanted: &Film) {
    let row = site.ready(video).await;
    site.until(async || {
        let row = site.row(video).await;
        row.published_version == row.presentation_version
    })
    .await;
    check_end("the film", micros(row.duration.unwrap()), wanted);
    let key = MediaKey::presentation(video);
    let shown: Presentation = serde_json::from_slice(&site.object(&key).await).unwrap();
    for track in shown.known_videos() {
        let (path, table) = seen::track(site, track).await;
        let seen = seen::picture(&path, &table);
        println!("{}: {} frames", track.name, seen.frames);
        compare(&track.name, &seen, wanted);
        check_end(&track.name, seen.end, wanted);
        check_end(&track.name, micros(table.duration_micros()), wanted);
    }
    let best = shown.known_videos().last().unwrap();
    let largest = site.table(&best.table).await;
    assert_eq!((largest.width, largest.height), wanted.size);
    for track in shown.known_videos() {
        let table = site.table(&track.table).await;
        let (own, most) = (table.object_len(), largest.object_len());
        let name = &track.name;
        // One in a thriftier coding may be smaller.
        let alike = table.codec.split('.').next() == largest.codec.split('.').next();
        assert!(
            !alike || own <= most,
            "{name} has {own} bytes, {} {most}",
            best.name
        );
    }
    assert_eq!(shown.audio.is_some(), !wanted.tones.is_empty());
    if let Some(track) = shown.known_audio() {
        let (path, table) = seen::track(site, track).await;
        let seen = seen::sound(&path, &table);
        assert!(!seen.beeps.is_empty(), "nothing is heard");
        compare(&track.name, &seen, wanted);
        check_end(&track.name, seen.end, wanted);
    }
    check_fallback(site, &row, wanted);
}

/// The one file for players without scripts.
fn check_fallback(site: &Site, row: &VideoRow, wanted: &Film) {
    let path = site.path(row.fallback_key.as_ref().unwrap());
    decodes(&path);
    // What is written while it is looked at does not belong among the objects.
    let copy = site.folder.path().join("fallback.mp4");
    std::fs::copy(path, &copy).unwrap();
    let seen = seen::file(&copy, !wanted.tones.is_empty());
    assert_eq!(seen.beeps.is_empty(), wanted.tones.is_empty());
    compare("the fallback", &seen, wanted);
    // By its index, track by track; its picture is held as long as the film.
    for stream in streams(&copy) {
        let seconds = stream["duration"].as_str().unwrap().parse().unwrap();
        check_end("a track of the fallback", seconds, wanted);
    }
}

fn micros(micros: i64) -> f64 {
    f64::from(i32::try_from(micros).unwrap()) / 1e6
}

async fn check(make: fn(&Site) -> PathBuf, expected: Expected) {
    let mut site = Site::at_work().await;
    let video = site.add(&make(&site)).await;
    match expected {
        Expected::Plays(film) => plays(&site, video, &film).await,
        Expected::Refused(code) => {
            let row = site.settled(video).await;
            assert_eq!(row.state, VideoState::Failed);
            assert_eq!(row.failure_code.as_deref(), Some(code), "{:?}", row.failure);
            assert!(site.tracks(video).await.is_empty());
        }
    }
    site.stop().await;
}

/// A test for each file, so that a failure names it. Those after `long` run with `VIRGA_TEST_FULL` only.
macro_rules! inputs {
    (short { $($name:ident => $expected:expr;)* } long { $($long:ident => $later:expr;)* }) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                check(files::$name, $expected).await;
            }
        )*
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $long() {
                if std::env::var_os("VIRGA_TEST_FULL").is_some() {
                    check(files::$long, $later).await;
                }
            }
        )*
    };
}

const SMALL: (u32, u32) = (640, 360);

use Expected::{Plays, Refused};

inputs! {
    short {
        subtitle_beside_hevc_mkv => Plays(film(30, 3, SMALL));
        subtitle_beside_hevc_mp4 => Plays(film(30, 3, SMALL));
        subtitle_beside_h264_mkv => Plays(film(25, 3, SMALL));
        subtitle_beside_h264_mp4 => Plays(film(25, 3, SMALL));
        subtitle_beside_vp8_webm => Plays(film(25, 3, SMALL));
        second_sound_in_tta_mkv => Plays(film(30, 3, SMALL));
        lost_packets_of_sound_mkv => Plays(film(30, 6, SMALL));
        clock_that_jumps_ts => Plays(film(25, 6, (320, 180)));
        // The damage hits two or three frames, of which one may still decode.
        damaged_in_the_middle_mp4 => Plays(film(30, 6, SMALL).frames(177..=179));
        same_bytes_sixty_times_mp4 => Refused("media_repeated");
        sound_longer_mp4 => Plays(film(25, 8, SMALL).frames(75..=75).flashes(0..3));
        sound_longer_mkv => Plays(film(25, 8, SMALL).frames(75..=75).flashes(0..3));
        recorder_pause_webm => Plays(film(25, 8, SMALL).frames(74..=74).flashes([0, 1, 7]));
        screen_at_rest_webm => Plays(film(25, 8, SMALL).frames(50..=50).flashes([0, 1]));
        screen_at_rest_mp4 => Plays(film(25, 8, SMALL).frames(50..=50).flashes([0, 1]));
        pause_with_b_frames_mp4 => Plays(film(25, 8, SMALL).frames(74..=74).flashes([0, 1, 7]));
        long_pause_mp4 => Plays(film(25, 20, SMALL).frames(99..=99).flashes([0, 1, 18, 19]));
    }
    long {
        // Sizes that have several rungs, or much to encode: each takes many seconds of a processor.
        subtitle_beside_h264_720_mp4 => Plays(film(25, 3, (1280, 720)));
        eight_microphones_mxf => Plays(film(25, 3, (1280, 720)));
        wide_1920x800_mkv => Plays(film(24, 2, (1920, 800)).tones(0));
        screencast_mp4 => Plays(film(30, 12, (1920, 1080)).tones(0).flashes([]));
        // A loop begins when the last packet of sound of the one before ended.
        minute_of_h264_mkv => Plays(film(30, 6, SMALL).again(10, 6.016));
    }
}
