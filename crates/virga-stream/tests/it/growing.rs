//! A track that plays while it is made: its playlist only grows, and every address has one content.

use bytes::Bytes;
use http::StatusCode;
use virga_core::{
    MediaKey,
    presentation::{GrowingTable, PieceRef, PresentedTrack, TrackBody},
    video::Visibility,
    wire::Effect,
};
use virga_objects::MediaStore;

use crate::{
    clip::{Clip, presentation, presented},
    site::Site,
};

const JOB: i64 = 7;

/// What a worker does with the segments of a clip, in pieces of so many.
struct Maker<'a> {
    site: &'a Site,
    clip: &'a Clip,
    made: [usize; 2],
    pieces: [Vec<PieceRef>; 2],
}

impl<'a> Maker<'a> {
    fn new(site: &'a Site, clip: &'a Clip) -> Self {
        Self {
            site,
            clip,
            made: [0; 2],
            pieces: <_>::default(),
        }
    }

    /// One more piece of this track; answers the segments' bytes.
    async fn add(&mut self, track: usize, segments: usize, fence: i64) -> Vec<Bytes> {
        let (name, planned) = self.clip.tracks()[track];
        let whole = self.clip.track_object(planned);
        let prefix = MediaKey::growing(self.site.video, JOB, name);
        let n = u32::try_from(self.pieces[track].len()).unwrap();
        let object = MediaKey::piece(&prefix, n, fence).unwrap();
        let range = self.made[track]..self.made[track] + segments;
        let bytes: Vec<Bytes> = range
            .map(|n| {
                let (offset, length) = planned.table.byte_range(n).unwrap();
                let at = |place: u64| usize::try_from(place).unwrap();
                Bytes::copy_from_slice(&whole[at(offset)..at(offset + length)])
            })
            .collect();
        let store = &self.site.store;
        store.put(&object, bytes.concat().into()).await.unwrap();
        self.made[track] += segments;
        self.pieces[track].push(PieceRef {
            object,
            segments: u32::try_from(segments).unwrap(),
        });
        let mut table = planned.table.clone().stored();
        table.durations.truncate(self.made[track]);
        table.lengths.truncate(self.made[track]);
        table.first_frames = None;
        let grown = GrowingTable {
            table,
            pieces: self.pieces[track].clone(),
        };
        let key = MediaKey::growing_table(&prefix, n).unwrap();
        let json = serde_json::to_vec(&grown).unwrap();
        store.put(&key, json.into()).await.unwrap();
        bytes
    }

    fn tracks(&self) -> Vec<PresentedTrack> {
        let growing = |(name, _): (&str, _)| {
            let prefix = MediaKey::growing(self.site.video, JOB, name);
            let first = MediaKey::growing_table(&prefix, 0).unwrap();
            presented(name, &first, TrackBody::Growing { job: JOB })
        };
        self.clip.tracks().map(growing).into()
    }

    async fn publish(&self, version: i64) {
        let document = presentation(self.site, version, self.tracks());
        self.site.publish(&document).await;
    }
}

async fn playlist(site: &Site, track: &str) -> String {
    let answer = site.get(&site.path(&format!("{track}/event.m3u8"))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("cache-control"), "public, no-cache");
    let etag = answer.header("etag").to_owned();
    assert!(!etag.is_empty());
    answer.text().to_owned()
}

/// Asks until the playlist has so many segments: what was looked for is kept for a moment.
async fn grown_to(site: &Site, track: &str, segments: usize) -> String {
    loop {
        let text = playlist(site, track).await;
        let found = text.matches("#EXTINF").count();
        assert!(found <= segments);
        if found == segments {
            return text;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_playlist_grows_by_its_end_only_and_every_segment_keeps_its_bytes() {
    let (site, clip) = (Site::new().await, Clip::make());
    let mut maker = Maker::new(&site, &clip);
    let mut made = maker.add(0, 1, 3).await;
    maker.add(1, 1, 3).await;
    maker.publish(1).await;
    let main = site.get(&site.path("main.m3u8")).await;
    assert!(main.text().contains("source/event.m3u8"), "{}", main.text());
    assert!(main.text().contains("audio/event.m3u8"), "{}", main.text());
    // Players that read once get what is whole.
    for rest in ["manifest.mpd", "source/iframes.m3u8"] {
        let none = site.get(&site.path(rest)).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "{rest}");
    }
    let mut before = grown_to(&site, "source", 1).await;
    for line in [
        "#EXT-X-PLAYLIST-TYPE:EVENT",
        "#EXT-X-START:TIME-OFFSET=0",
        "#EXT-X-TARGETDURATION:12",
    ] {
        assert!(before.contains(line), "{before}");
    }
    let all = clip.tracks()[0].1.table.segments();
    // Another worker goes on with the second piece.
    for (piece, fence) in [(1, 3), (1, 9)] {
        made.extend(maker.add(0, piece, fence).await);
        let now = grown_to(&site, "source", made.len()).await;
        assert!(now.starts_with(&before), "{before}\nthen\n{now}");
        assert!(!now.contains("ENDLIST"));
        before = now;
    }
    for (n, bytes) in made.iter().enumerate() {
        let answer = site.get(&site.path(&format!("source/{n}.m4s"))).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(&answer.body, bytes, "segment {n}");
    }
    let last = made.len();
    let missing = site.get(&site.path(&format!("source/{last}.m4s"))).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    // One that was made since the last look is there.
    made.extend(maker.add(0, 1, 9).await);
    let fresh = site.get(&site.path(&format!("source/{last}.m4s"))).await;
    assert_eq!(fresh.status, StatusCode::OK);
    let tags = |answer: &crate::site::Answer| answer.header("etag").to_owned();
    let growing_tag = tags(&fresh);
    assert!(made.len() <= all);

    // The whole stands: the same playlist goes on to its end, from the same addresses.
    let before = grown_to(&site, "source", made.len()).await;
    clip.publish_from_objects(&site, 2).await;
    site.hear(Effect::Add, 2);
    let now = playlist(&site, "source").await;
    assert!(
        now.starts_with(&before) && now.ends_with("#EXT-X-ENDLIST\n"),
        "{now}"
    );
    let again = site.get(&site.path(&format!("source/{last}.m4s"))).await;
    assert_eq!(tags(&again), growing_tag);
    assert_eq!(again.body, fresh.body);
    let main = site.get(&site.path("main.m3u8")).await;
    assert!(main.text().contains("source/index.m3u8"), "{}", main.text());
    let manifest = site.get(&site.path("manifest.mpd")).await;
    assert_eq!(manifest.status, StatusCode::OK);
}

#[tokio::test]
async fn a_playlist_without_an_end_is_never_given_one() {
    let (site, clip) = (Site::new().await, Clip::make());
    let mut maker = Maker::new(&site, &clip);
    maker.add(0, 2, 1).await;
    maker.add(1, 2, 1).await;
    maker.publish(1).await;
    let answer = site.get(&site.path("source/index.m3u8")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text().contains("TYPE:EVENT") && !answer.text().contains("ENDLIST"));
}

#[tokio::test]
async fn a_replica_that_comes_late_finds_the_newest_piece() {
    let (site, clip) = (Site::new().await, Clip::make());
    let mut maker = Maker::new(&site, &clip);
    let all = clip.tracks()[0].1.table.segments();
    for _ in 0..all {
        maker.add(0, 1, 1).await;
    }
    maker.add(1, 1, 1).await;
    maker.publish(1).await;
    let first = playlist(&site, "source").await;
    assert_eq!(first.matches("#EXTINF").count(), all);
}

#[tokio::test]
async fn after_a_restriction_there_is_no_further_segment() {
    let (site, clip) = (Site::new().await, Clip::make());
    let mut maker = Maker::new(&site, &clip);
    maker.add(0, 2, 1).await;
    maker.add(1, 2, 1).await;
    let mut document = presentation(&site, 1, maker.tracks());
    document.visibility = Visibility::Private;
    site.publish(&document).await;
    let path = site.granted(1, "source/1.m4s");
    assert_eq!(site.get(&path).await.status, StatusCode::OK);
    site.hear(Effect::Restrict, 2);
    maker.add(0, 1, 1).await;
    for rest in ["source/0.m4s", "source/2.m4s", "source/event.m3u8"] {
        let answer = site.get(&site.granted(1, rest)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{rest}");
    }
}

#[tokio::test]
async fn a_whole_track_is_shown_as_far_as_the_one_that_grows() {
    let (site, clip) = (Site::new().await, Clip::make());
    for (grows, name, whole) in [(1, "source", 0), (0, "audio", 1)] {
        let version = 5 - 2 * i64::try_from(grows).unwrap();
        let mut maker = Maker::new(&site, &clip);
        maker.add(grows, 2, 1).await;
        let mut tracks = clip.put_objects(&site).await;
        tracks[grows] = maker.tracks().swap_remove(grows);
        let document = presentation(&site, version, tracks);
        site.publish(&document).await;
        site.hear(Effect::Add, version);
        let main = site.get(&site.path("main.m3u8")).await;
        assert!(main.text().contains("source/event.m3u8"), "{}", main.text());
        assert!(main.text().contains("audio/event.m3u8"), "{}", main.text());
        let planned = clip.tracks().map(|(_, planned)| &planned.table);
        let edge = planned[grows].start_micros(2);
        let fits = |n: &usize| planned[whole].start_micros(n + 1) <= edge;
        let shown = (0..planned[whole].segments()).take_while(fits).count();
        let before = playlist(&site, name).await;
        assert_eq!(before.matches("#EXTINF").count(), shown, "{before}");
        assert!(0 < shown && shown < planned[whole].segments());
        assert!(!before.contains("ENDLIST"), "{before}");

        clip.publish_from_objects(&site, version + 1).await;
        site.hear(Effect::Add, version + 1);
        let now = playlist(&site, name).await;
        assert!(
            now.starts_with(&before) && now.ends_with("#EXT-X-ENDLIST\n"),
            "{before}\nthen\n{now}"
        );
    }
}
