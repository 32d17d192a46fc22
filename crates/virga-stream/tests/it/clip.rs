//! A real clip, published from its source and from track objects.

use std::{path::Path, process::Command};

use bytes::Bytes;
use tempfile::TempDir;
use virga_core::{
    MediaKey,
    presentation::{Presentation, Presented, PresentedTrack, TrackBody},
    video::Visibility,
};
use virga_media::{
    FallbackInput, MoovLocator, Movie, PlannedTrack, SegmentPlan, Step, fallback_mp4, first_shown,
    instant, plan, segment,
};
use virga_objects::MediaStore;

use crate::site::Site;

pub(crate) struct Clip {
    pub(crate) folder: TempDir,
    pub(crate) bytes: Bytes,
    pub(crate) plan: SegmentPlan,
}

impl Clip {
    /// Eight seconds with sound, as a phone writes them: index last, B-frames.
    pub(crate) fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(
            folder.path(),
            "-f lavfi -i testsrc2=size=320x180:rate=25 -f lavfi -i sine=frequency=440 -t 8 \
             -c:v libx264 -preset veryfast -bf 2 -g 25 -pix_fmt yuv420p -b:v 2M -c:a aac clip.mp4",
        );
        let bytes: Bytes = std::fs::read(folder.path().join("clip.mp4"))
            .unwrap()
            .into();
        let movie = index(&bytes);
        let plan = plan(&movie, &instant(&movie).unwrap()).unwrap();
        Self {
            folder,
            bytes,
            plan,
        }
    }

    /// Publishes its sound alone, to be packaged just in time.
    pub(crate) async fn publish_sound(&self, site: &Site, version: i64) {
        self.publish_from_source(site, version).await;
        let table = MediaKey::table(site.video, 1, 1, "audio").unwrap();
        let samples = MediaKey::samples(site.video, 1, 1, "audio").unwrap();
        let source = MediaKey::source(site.video, site.upload);
        let audio = presented("audio", &table, TrackBody::Source { source, samples });
        let shown = presentation(site, version + 1, vec![audio]);
        site.publish(&shown).await;
    }

    pub(crate) fn tracks(&self) -> [(&'static str, &PlannedTrack); 2] {
        [
            ("source", &self.plan.video),
            ("audio", self.plan.audio.as_ref().unwrap()),
        ]
    }

    /// Publishes it to be packaged just in time.
    pub(crate) async fn publish_from_source(&self, site: &Site, version: i64) {
        let source = MediaKey::source(site.video, site.upload);
        site.store.put(&source, self.bytes.clone()).await.unwrap();
        let mut tracks = Vec::new();
        for (name, planned) in self.tracks() {
            let table = MediaKey::table(site.video, 1, 1, name).unwrap();
            let samples = MediaKey::samples(site.video, 1, 1, name).unwrap();
            let json = planned.table.to_json();
            site.store.put(&table, json.into()).await.unwrap();
            let blocks = planned.samples.clone();
            site.store.put(&samples, blocks.into()).await.unwrap();
            let body = TrackBody::Source {
                source: source.clone(),
                samples: samples.clone(),
            };
            tracks.push(presented(name, &table, body));
        }
        site.publish(&presentation(site, version, tracks)).await;
    }

    /// Publishes it as track objects, as the packaging job writes them.
    pub(crate) async fn publish_from_objects(&self, site: &Site, version: i64) {
        let tracks = self.put_objects(site).await;
        site.publish(&presentation(site, version, tracks)).await;
    }

    /// The plain file, as the job writes it.
    pub(crate) fn plain(&self) -> Bytes {
        let movie = index(&self.bytes);
        let (picture, sound) = (movie.video().unwrap(), movie.audio().unwrap());
        let inputs = [picture, sound].map(|track| FallbackInput {
            movie: &movie,
            track,
            origin_micros: first_shown(&movie, picture),
        });
        let file = fallback_mp4(&inputs).unwrap();
        let pieces = file
            .pieces
            .iter()
            .flat_map(|it| cut(&self.bytes, it.offset, it.len));
        file.head.iter().chain(pieces).copied().collect()
    }

    /// Writes the track objects.
    pub(crate) async fn put_objects(&self, site: &Site) -> Vec<PresentedTrack> {
        let mut tracks = Vec::new();
        for (name, planned) in self.tracks() {
            let table = MediaKey::table(site.video, 2, 1, name).unwrap();
            let object = MediaKey::track(site.video, 2, 1, name).unwrap();
            let json = planned.table.clone().stored().to_json();
            site.store.put(&table, json.into()).await.unwrap();
            let bytes = self.track_object(planned);
            site.store.put(&object, bytes.into()).await.unwrap();
            let body = TrackBody::Object {
                object: object.clone(),
            };
            tracks.push(presented(name, &table, body));
        }
        tracks
    }

    pub(crate) fn track_object(&self, planned: &PlannedTrack) -> Vec<u8> {
        let table = &planned.table;
        let mut object = table.init.clone();
        for n in 0..table.segments() {
            let (offset, length) = table.sample_block_range(n).unwrap();
            let layout = segment(table, n, cut(&planned.samples, offset, length)).unwrap();
            object.extend_from_slice(&layout.head);
            for (offset, length) in layout.body {
                object.extend_from_slice(cut(&self.bytes, offset, length.into()));
            }
        }
        object
    }
}

pub(crate) fn presented(name: &str, table: &MediaKey, body: TrackBody) -> PresentedTrack {
    PresentedTrack {
        name: name.to_owned(),
        table: table.clone(),
        body,
    }
}

pub(crate) fn presentation(
    site: &Site,
    version: i64,
    mut tracks: Vec<PresentedTrack>,
) -> Presentation {
    Presentation {
        format: virga_core::presentation::FORMAT,
        version,
        video: site.video,
        epoch: 1,
        visibility: Visibility::Public,
        withdrawn: false,
        audio: tracks.pop().map(Presented::Known),
        videos: tracks.into_iter().map(Presented::Known).collect(),
        poster: None,
        storyboard: None,
        texts: None,
        sounds: None,
        fallback: Some(MediaKey::fallback(site.video, 3, 1)),
    }
}

fn cut(bytes: &[u8], offset: u64, length: u64) -> &[u8] {
    let start = usize::try_from(offset).unwrap();
    &bytes[start..start + usize::try_from(length).unwrap()]
}

fn index(file: &[u8]) -> Movie {
    let mut locator = MoovLocator::new(file.len() as u64);
    loop {
        match locator.step().unwrap() {
            Step::Read { offset, len } => locator.feed(cut(file, offset, len)),
            Step::Found { offset, len } => {
                return Movie::parse(cut(file, offset, len), file.len() as u64).unwrap();
            }
        }
    }
}

/// Decoded sound, 16 bits a sample, of one channel.
pub(crate) fn samples(folder: &Path, name: &str) -> Vec<i16> {
    let listing = format!("-i {name} -map 0:a -ac 1 -f s16le {name}.pcm");
    let _ = run(folder, &listing);
    let bytes = std::fs::read(folder.join(format!("{name}.pcm"))).unwrap();
    let pairs = bytes.chunks_exact(2);
    pairs
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

/// Digest of every decoded frame of the picture.
pub(crate) fn frames(folder: &Path, name: &str) -> Vec<String> {
    let words = format!("-i {name} -map 0:v -vsync passthrough -f framemd5 -");
    digests(&run(folder, &words))
}

/// Digest of every packet of sound, those of the encoder's priming too.
pub(crate) fn packets(folder: &Path, name: &str) -> Vec<String> {
    // A manifest's demuxer does not know the option, and our fragments have no edit list.
    let whole = match name {
        "manifest.mpd" => "",
        _ => "-ignore_editlist 1",
    };
    let words = format!("{whole} -i {name} -map 0:a -c copy -f framemd5 -");
    digests(&run(folder, &words))
}

fn digests(listing: &str) -> Vec<String> {
    listing
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit(',').next().unwrap().trim().to_owned())
        .collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clips of these tests come from ffmpeg"
)]
fn run(folder: &Path, words: &str) -> String {
    let output = Command::new("ffmpeg")
        .current_dir(folder)
        .args(["-nostdin", "-v", "error"])
        .args(words.split_whitespace())
        .output()
        .expect("ffmpeg is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
