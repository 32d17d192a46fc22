//! What is seen and heard of a file: how many frames, when the picture turns white and when a tone
//! begins. Both marks of a clip stand in each second; a tone's pitch tells its second.

use std::path::{Path, PathBuf};

use virga_core::presentation::{PresentedTrack, TrackBody};
use virga_media::TrackTable;

use crate::{
    fragments::{Shown, samples},
    site::{Site, ffmpeg},
};

/// Samples of sound a second, in all that players get.
const RATE: usize = 48_000;
/// A frame is looked at as this many points.
const POINTS: usize = 64;
/// Every frame as few grey points, none dropped and none repeated.
const TINY: &str =
    "-vf scale=8:8:flags=area,format=gray -fps_mode passthrough -enc_time_base 1:90000";
/// A millisecond of sound.
const STEP: usize = RATE / 1000;
/// Tones are this many milliseconds apart at least.
const QUIET: usize = 100;

/// A picture or a sound, by its marks. Times are seconds from the first frame.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) frames: usize,
    /// When the last frame or the sound ends.
    pub(crate) end: f64,
    /// When the picture turns white.
    pub(crate) flashes: Vec<f64>,
    /// When a tone begins, and its pitch.
    pub(crate) beeps: Vec<(f64, f64)>,
}

/// A track as a player gets it: the beginning out of its table, then segment by segment.
pub(crate) async fn track(site: &Site, track: &PresentedTrack) -> (PathBuf, TrackTable) {
    let TrackBody::Object { object } = &track.body else {
        panic!("{} is not packaged", track.name);
    };
    let table = site.table(&track.table).await;
    let object = site.object(object).await;
    let mut bytes = table.init.clone();
    for n in 0..table.segments() {
        let (offset, length) = table.byte_range(n).unwrap();
        let at = |position: u64| usize::try_from(position).unwrap();
        bytes.extend_from_slice(&object[at(offset)..at(offset + length)]);
    }
    let path = site.folder.path().join(format!("{}.mp4", track.name));
    std::fs::write(&path, bytes).unwrap();
    (path, table)
}

/// The picture of a track of segments.
pub(crate) fn picture(path: &Path, table: &TrackTable) -> Seen {
    let mut shown = samples(&std::fs::read(path).unwrap());
    shown.sort_by_key(|sample| sample.at);
    let white = white(path, &[]);
    assert_eq!(
        white.len(),
        shown.len(),
        "{}: not every frame decodes",
        path.display()
    );
    let seconds = |ticks: i64| ticks_to_seconds(ticks, table.timescale);
    for pair in shown.windows(2) {
        assert!(
            pair[0].at < pair[1].at,
            "{}: two frames at once",
            path.display()
        );
    }
    let times: Vec<f64> = shown.iter().map(|sample| seconds(sample.at)).collect();
    assert!(
        times[0].abs() < 0.001,
        "{} begins at {}",
        path.display(),
        times[0]
    );
    Seen {
        frames: shown.len(),
        end: seconds(shown.iter().map(end).max().unwrap()),
        flashes: rising(&white).map(|index| times[index]).collect(),
        beeps: Vec::new(),
    }
}

/// The sound of a track of segments: players put what each sample decodes to where its boxes say.
pub(crate) fn sound(path: &Path, table: &TrackTable) -> Seen {
    let shown = samples(&std::fs::read(path).unwrap());
    assert_eq!(table.timescale as usize, RATE, "{}", path.display());
    for pair in shown.windows(2) {
        assert_eq!(
            end(&pair[0]),
            pair[1].at,
            "{}: a hole in the sound",
            path.display()
        );
    }
    let heard = heard(path, "anull");
    // One sample is a frame of AAC: nothing is cut off at either side.
    assert_eq!(heard.len(), shown.len() * 1024, "{}", path.display());
    let begins = ticks_to_seconds(shown[0].at, table.timescale);
    let beeps = beeps(&heard);
    Seen {
        end: ticks_to_seconds(end(&shown[shown.len() - 1]), table.timescale),
        beeps: beeps.map(|(at, pitch)| (begins + at, pitch)).collect(),
        ..Seen::default()
    }
}

/// Picture and sound of a plain file, by the clock that its index gives them.
pub(crate) fn file(path: &Path, sounds: bool) -> Seen {
    let list = path.with_extension("times");
    let white = white(path, &["-f", "framecrc", list.to_str().unwrap()]);
    // Stream, decode time, presentation time, duration, …
    let lines = std::fs::read_to_string(&list).unwrap();
    let times: Vec<f64> = lines
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            line.split(',')
                .nth(2)
                .unwrap()
                .trim()
                .parse::<f64>()
                .unwrap()
                / 90_000.0
        })
        .collect();
    assert_eq!(times.len(), white.len(), "{}", path.display());
    assert!(
        times[0].abs() < 0.001,
        "{} begins at {}",
        path.display(),
        times[0]
    );
    let mut seen = Seen {
        frames: white.len(),
        flashes: rising(&white).map(|index| times[index]).collect(),
        ..Seen::default()
    };
    if sounds {
        let heard = heard(path, "aresample=async=1:first_pts=0");
        seen.beeps = beeps(&heard).collect();
    }
    seen
}

fn end(sample: &Shown) -> i64 {
    sample.at + sample.duration
}

/// Which frames are all white. `times`: a second output, of the same frames.
fn white(path: &Path, times: &[&str]) -> Vec<bool> {
    let points = path.with_extension("points");
    let mut words = vec!["-copyts", "-i", path.to_str().unwrap()];
    let tiny: Vec<&str> = TINY.split(' ').collect();
    words.extend(["-map", "0:v"].iter().chain(&tiny));
    words.extend(["-f", "rawvideo", points.to_str().unwrap()]);
    if !times.is_empty() {
        words.extend(["-map", "0:v"].iter().chain(&tiny).chain(times));
    }
    decode(&words);
    let points = std::fs::read(points).unwrap();
    let frames = points.chunks_exact(POINTS);
    frames
        .map(|frame| frame.iter().all(|point| *point > 180))
        .collect()
}

/// Every sample of the sound, as one channel.
fn heard(path: &Path, filter: &str) -> Vec<i16> {
    let out = path.with_extension("sound");
    let words = [
        "-copyts",
        "-i",
        path.to_str().unwrap(),
        "-map",
        "0:a",
        "-af",
        filter,
        "-ac",
        "1",
    ];
    let rate = RATE.to_string();
    decode(
        &[
            &words[..],
            &["-ar", &rate, "-f", "s16le", out.to_str().unwrap()],
        ]
        .concat(),
    );
    let bytes = std::fs::read(out).unwrap();
    let (samples, _) = bytes.as_chunks();
    samples
        .iter()
        .map(|sample| i16::from_le_bytes(*sample))
        .collect()
}

/// Runs ffmpeg; what it cannot decode fails the test.
fn decode(words: &[&str]) {
    let said = ffmpeg(Path::new("/"), &[&["-loglevel", "error"], words].concat());
    assert_eq!(said, "", "{words:?}");
}

/// Where a run of `true` begins.
fn rising(marks: &[bool]) -> impl Iterator<Item = usize> {
    (0..marks.len()).filter(|index| marks[*index] && (*index == 0 || !marks[index - 1]))
}

/// When tones begin and their pitch: the loudest moment is the measure.
fn beeps(heard: &[i16]) -> impl Iterator<Item = (f64, f64)> {
    let loudness = |step: &[i16]| step.iter().map(|it| it.unsigned_abs()).max().unwrap_or(0);
    let steps: Vec<u16> = heard.chunks(STEP).map(loudness).collect();
    // What is left of a tone that is not there is noise.
    let most = steps.iter().copied().max().unwrap_or(0).max(1000);
    let mut quiet = QUIET;
    let begins = steps
        .into_iter()
        .enumerate()
        .filter_map(move |(index, step)| {
            let loud = u32::from(step) * 10 > u32::from(most) * 3;
            let begins = loud && quiet >= QUIET;
            quiet = if loud { 0 } else { quiet + 1 };
            begins.then_some(index)
        });
    begins.map(|step| (to_seconds(step * STEP), pitch(&heard[step * STEP..])))
}

/// Turns from below to above nothing in a stretch of 160 ms, a second.
fn pitch(tone: &[i16]) -> f64 {
    let tone: Vec<i16> = tone
        .iter()
        .copied()
        .skip(20 * STEP)
        .take(160 * STEP)
        .collect();
    let turns = tone.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0);
    f64::from(u32::try_from(turns.count()).unwrap()) / 0.16
}

fn to_seconds(samples: usize) -> f64 {
    ticks_to_seconds(i64::try_from(samples).unwrap(), 48_000)
}

fn ticks_to_seconds(ticks: i64, timescale: u32) -> f64 {
    let micros = ticks * 1_000_000 / i64::from(timescale);
    f64::from(i32::try_from(micros).unwrap()) / 1e6
}
