//! A film as players get it: the best and the lowest resolution and the sound, downloaded by the playlists,
//! decoded and compared with what it is to be.

use anyhow::{Context, ensure};
use std::path::{Path as FilePath, PathBuf};
use virga_testkit::{Person, playlist_addresses};

use super::{
    Film,
    seen::{self, Picture},
};

/// How far a flash or a tone may be from its moment, seconds.
const SYNC: f64 = 0.020;
/// How far the length may be off, seconds.
const LENGTH: f64 = 0.1;

/// How much earlier than the film the sound may end, seconds.
const EARLY: f64 = 0.25;

/// What was wrong with a film; nothing if it is right.
#[derive(Debug, Default)]
pub struct Look {
    /// Each fault in a few words.
    pub faults: Vec<String>,
}

/// One resolution of a multivariant playlist.
struct Variant {
    size: Option<(u32, u32)>,
    address: String,
}

/// Downloads and looks at a film.
pub async fn look(
    person: &Person,
    hls: &str,
    film: &Film,
    folder: &FilePath,
) -> anyhow::Result<Look> {
    let mut look = Look::default();
    let text = person.get(hls).await.expect(200).text();
    let mut variants = variants(hls, &text);
    variants.sort_by_key(|variant| variant.size);
    if let Some(size) = film.size {
        let best = variants.last().context("a variant")?;
        look.wants("size", best.size == Some(size), || {
            format!("{:?}", best.size)
        });
        let mut shown = vec![("best", best)];
        if variants.len() > 1 {
            shown.push(("lowest", &variants[0]));
        }
        for (which, variant) in shown {
            let track = Track::fetch(person, &variant.address, folder, which).await?;
            look.at_picture(which, &track, film)?;
        }
    }
    if let Some(tones) = &film.tones {
        let address = match film.size {
            None => variants.first().map(|it| it.address.clone()),
            Some(_) => audio(hls, &text),
        };
        let Some(address) = address else {
            look.faults.push("no sound".to_owned());
            return Ok(look);
        };
        let track = Track::fetch(person, &address, folder, "sound").await?;
        let heard = seen::tones(&track.path)?;
        if !tones.is_empty() {
            look.at_marks("tones", &heard, tones);
        }
        let early = film.seconds - track.seconds;
        look.wants("length", (-LENGTH..=EARLY).contains(&early), || {
            format!("sound {:.3} s, not {}", track.seconds, film.seconds)
        });
    } else if audio(hls, &text).is_some() {
        look.faults.push("sound out of nothing".to_owned());
    }
    Ok(look)
}

impl Look {
    fn wants(&mut self, what: &str, right: bool, is: impl FnOnce() -> String) {
        if !right {
            self.faults.push(format!("{what}: {}", is()));
        }
    }

    fn at_length(&mut self, which: &str, is: f64, wanted: f64) {
        let right = (is - wanted).abs() <= LENGTH;
        self.wants("length", right, || {
            format!("{which} {is:.3} s, not {wanted}")
        });
    }

    fn at_marks(&mut self, what: &str, are: &[f64], wanted: &[f64]) {
        let off = are.iter().zip(wanted).map(|(is, it)| (is - it).abs());
        let right = are.len() == wanted.len() && off.fold(0.0, f64::max) <= SYNC;
        self.wants(what, right, || format!("{are:.3?}, not {wanted:.3?}"));
    }

    fn at_picture(&mut self, which: &str, track: &Track, film: &Film) -> anyhow::Result<()> {
        let shown = seen::picture(&track.path)?;
        let frames = shown.times.len();
        let right = film.frames.contains(&frames);
        self.wants("frames", right, || {
            format!("{which} {frames}, not {:?}", film.frames)
        });
        self.at_marks(&format!("{which} flashes"), &shown.flashes(), &film.flashes);
        self.at_length(which, track.seconds, film.seconds);
        let first = shown.times.first().copied().unwrap_or(1.0);
        self.wants("begins", first.abs() < 0.001, || {
            format!("{which} at {first:.3} s")
        });
        let sorted = shown.times.is_sorted_by(|a, b| a < b);
        self.wants("order", sorted, || format!("{which} goes back"));
        self.wants("corners", shown.upright || !film.corners, || {
            which.to_owned()
        });
        if !film.torn {
            self.at_complaints(which, &shown);
        }
        // As after a seek: the segment in the middle is all there is.
        let within = seen::picture(&track.middle)?;
        let first = within.times.first().copied().unwrap_or(-1.0);
        let begins = (first - track.middle_at).abs() < 0.002;
        self.wants("seek", begins, || {
            format!("{which} to {:.3} s shows {first:.3} s", track.middle_at)
        });
        self.at_complaints(&format!("{which} from the middle"), &within);
        Ok(())
    }

    fn at_complaints(&mut self, which: &str, shown: &Picture) {
        let said = shown.complaints.lines().next().unwrap_or_default();
        self.wants("decoder", said.is_empty(), || format!("{which}: {said}"));
    }
}

/// A track of segments in files.
struct Track {
    path: PathBuf,
    /// The beginning and one segment from the middle.
    middle: PathBuf,
    /// When that segment begins.
    middle_at: f64,
    /// The sum of the segments' lengths.
    seconds: f64,
}

impl Track {
    async fn fetch(
        person: &Person,
        playlist: &str,
        folder: &FilePath,
        name: &str,
    ) -> anyhow::Result<Self> {
        let text = person.get(playlist).await.expect(200).text();
        ensure!(text.contains("#EXT-X-ENDLIST"), "{name} has no end");
        let lengths: Vec<f64> = text
            .lines()
            .filter_map(|line| {
                line.strip_prefix("#EXTINF:")?
                    .split(',')
                    .next()?
                    .parse()
                    .ok()
            })
            .collect();
        let addresses = playlist_addresses(playlist, &text);
        ensure!(
            addresses.len() == lengths.len() + 1,
            "a beginning and segments"
        );
        let mut bytes = Vec::new();
        let mut middle = Vec::new();
        for (at, address) in addresses.iter().enumerate() {
            let part = person.get(address).await.expect(200).body;
            if at == 0 || at == 1 + lengths.len() / 2 {
                middle.extend_from_slice(&part);
            }
            bytes.extend_from_slice(&part);
        }
        let (path, beginning) = (
            folder.join(format!("{name}.mp4")),
            folder.join(format!("{name}-middle.mp4")),
        );
        std::fs::write(&path, bytes)?;
        std::fs::write(&beginning, middle)?;
        Ok(Self {
            path,
            middle: beginning,
            middle_at: lengths[..lengths.len() / 2].iter().sum(),
            seconds: lengths.iter().sum(),
        })
    }
}

fn variants(hls: &str, text: &str) -> Vec<Variant> {
    let mut lines = text.lines();
    let mut all = Vec::new();
    while let Some(line) = lines.next() {
        let Some(attributes) = line.strip_prefix("#EXT-X-STREAM-INF:") else {
            continue;
        };
        let size = attributes.split_once("RESOLUTION=").and_then(|(_, rest)| {
            let (width, rest) = rest.split_once('x')?;
            let height = rest.split(',').next()?;
            Some((width.parse().ok()?, height.parse().ok()?))
        });
        let address = lines.next().unwrap_or_default();
        let address = playlist_addresses(hls, address).pop().unwrap_or_default();
        all.push(Variant { size, address });
    }
    all
}

fn audio(hls: &str, text: &str) -> Option<String> {
    let line = text
        .lines()
        .find(|line| line.starts_with("#EXT-X-MEDIA:TYPE=AUDIO"))?;
    playlist_addresses(hls, line).pop()
}
