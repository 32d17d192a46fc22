//! A film is watched while its file is still being uploaded.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use virga_testkit::{Answer, Clip, Person, Site};

use crate::VIRGA;

const MIB: usize = 1 << 20;

/// A file of some parts of 1 MiB, and where it goes.
struct Arriving {
    ann: Person,
    bytes: Vec<u8>,
    video: String,
    upload: Value,
}

impl Arriving {
    /// Some 40 seconds of H.264 with AAC in about 10 MiB, and an upload of it of which nothing is there.
    async fn open(site: &Site) -> Self {
        let ann = site.register("ann").await;
        let rate = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25"];
        let encoder = [&rate[..], &["-pix_fmt", "yuv420p", "-b:v", "2M"]].concat();
        let clip = Clip::default().seconds(40.0).encoder(&encoder);
        let bytes = clip.bytes();
        assert!(bytes.len() > 7 * MIB, "{}", bytes.len());
        let video = ann.draft("Live from the line", "private").await;
        let ask = json!({"video_id": video, "file_name": "clip.mp4", "size": bytes.len(),
            "content_type": "video/mp4", "fingerprint": "clip.mp4", "part_size": MIB});
        let upload = ann.post("/api/v1/uploads", ask).await.expect(201).json();
        assert_eq!(upload["part_size"], MIB);
        Self {
            ann,
            bytes,
            video,
            upload,
        }
    }

    fn count(&self) -> u32 {
        u32::try_from(self.bytes.len().div_ceil(MIB)).unwrap()
    }

    fn id(&self) -> &str {
        self.upload["id"].as_str().unwrap()
    }

    fn part(&self, number: u32) -> Vec<u8> {
        let part = self.bytes.chunks(MIB).nth(number as usize - 1);
        part.unwrap().to_vec()
    }

    async fn put(&self, number: u32, bytes: &[u8]) -> Answer {
        let signed = self.ann.sign_part(self.id(), number).await;
        self.ann.send_part(&signed, bytes).await
    }

    async fn send(&self, numbers: impl IntoIterator<Item = u32>) {
        for number in numbers {
            let _ = self.put(number, &self.part(number)).await.expect(204);
        }
    }

    /// The first, the last two, and then the second to the `last`: so many are in order.
    async fn send_up_to(&self, last: u32) {
        let count = self.count();
        self.send([1, count, count - 1]).await;
        self.send(2..=last).await;
    }

    async fn complete(&self) {
        let path = format!("/api/v1/uploads/{}/complete", self.id());
        let _ = self.ann.post(&path, json!({})).await.expect(202);
    }

    /// The playlists of its tracks, by address, as the owner gets them.
    async fn playlists(&self) -> BTreeMap<String, String> {
        let playback = self.ann.playback(&self.video).await;
        let hls = playback["hls"].as_str().unwrap().to_owned();
        let mut playlists = BTreeMap::new();
        for url in self.ann.media_urls(&hls).await {
            if url != hls && url.contains(".m3u8") {
                let text = self.ann.get(&url).await.expect(200).text();
                playlists.insert(url, text);
            }
        }
        playlists
    }
}

/// Addresses without their grants, so that they compare.
fn addressed(playlist: &str, text: &str) -> Vec<String> {
    virga_testkit::playlist_addresses(playlist, text)
}

#[tokio::test]
async fn its_owner_watches_at_once_and_others_once_it_is_public() {
    let site = Site::of(VIRGA).start();
    let film = Arriving::open(&site).await;
    let ann = &film.ann;
    film.send_up_to(4).await;
    let shown = ann.wait_for(&film.video, &["playable"]).await;
    assert_eq!(shown["arriving"], true, "{shown}");
    assert!(
        (shown["duration"].as_f64().unwrap() - 40.0).abs() < 0.1,
        "{shown}"
    );
    let playback = ann.playback(&film.video).await;
    assert_eq!(playback["dash"], Value::Null);

    // Others see it once it is public, and no longer once it is not.
    let stranger = site.stranger();
    let path = format!("/api/v1/videos/{}", film.video);
    let _ = stranger.get(&path).await.expect(404);
    let _ = ann
        .patch(&path, json!({"visibility": "public"}))
        .await
        .expect(200);
    let playback = stranger.playback(&film.video).await;
    let hls = playback["hls"].as_str().unwrap().to_owned();
    stranger.wait_until_answered(&hls).await;
    let _ = ann
        .patch(&path, json!({"visibility": "private"}))
        .await
        .expect(200);
    stranger.wait_until_refused(&hls).await;

    // What is here plays, and is kept by nobody.
    let first = film.playlists().await;
    assert_eq!(first.len(), 2, "{first:?}");
    let mut heard = BTreeMap::new();
    for (url, text) in &first {
        assert!(text.contains("#EXT-X-PLAYLIST-TYPE:EVENT") && !text.contains("ENDLIST"));
        // Nor is there a playlist that must have an end.
        let i_frames = url.replace("event.m3u8", "iframes.m3u8");
        let _ = ann.get(&i_frames).await.expect(404);
        let segments = addressed(url, text);
        assert!(segments.len() > 3, "{text}");
        for segment in &segments {
            let answer = ann.get(segment).await.expect(200);
            assert_eq!(answer.headers["cache-control"], "no-store");
            heard.insert(segment.clone(), answer.body);
        }
        // What is not here is not found.
        let (folder, last) = segments.last().unwrap().rsplit_once('/').unwrap();
        let last: usize = last.trim_end_matches(".m4s").parse().unwrap();
        let beyond = format!("{folder}/{}.m4s", last + 3);
        let _ = ann.get(&beyond).await.expect(404);
    }

    // More of it comes.
    film.send(5..=6).await;
    let segments = |text: &String| text.matches("#EXTINF").count();
    let before: Vec<usize> = first.values().map(segments).collect();
    loop {
        let after: Vec<usize> = film.playlists().await.values().map(segments).collect();
        if after
            .iter()
            .zip(&before)
            .all(|(after, before)| after > before)
        {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    // All of it is here: the same addresses have the same bytes.
    film.send(7..film.count() - 1).await;
    film.complete().await;
    let shown = ann.wait_for(&film.video, &["ready"]).await;
    assert_eq!(shown.get("arriving"), None);
    for (url, bytes) in heard {
        assert!(ann.get(&url).await.expect(200).body == bytes, "{url}");
    }
    for text in film.playlists().await.values() {
        assert!(text.contains("#EXT-X-ENDLIST"), "{text}");
    }
    let (code, said) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{said}");
}

#[tokio::test]
async fn a_part_that_is_watched_stays_as_it_is() {
    let site = Site::of(VIRGA).start();
    let film = Arriving::open(&site).await;
    // Before anybody watches, a part that is sent again replaces the old one.
    let _ = film.put(2, &vec![7; MIB]).await.expect(204);
    let _ = film.put(2, &film.part(2)).await.expect(204);
    film.send_up_to(4).await;
    film.ann.wait_for(&film.video, &["playable"]).await;
    let playlists = film.playlists().await;
    let (url, text) = playlists.first_key_value().unwrap();
    let segment = addressed(url, text).pop().unwrap();
    let before = film.ann.get(&segment).await.expect(200).body;
    let _ = film.put(2, &film.part(2)).await.expect(204);
    let refused = film.put(2, &vec![7; MIB]).await.expect(409);
    assert_eq!(refused.code(), "upload.part-watched");
    let after = film.ann.get(&segment).await.expect(200).body;
    assert!(before == after);
}

#[tokio::test]
async fn a_cancelled_upload_plays_no_longer() {
    let site = Site::of(VIRGA).start();
    let film = Arriving::open(&site).await;
    film.send_up_to(4).await;
    film.ann.wait_for(&film.video, &["playable"]).await;
    let playlists = film.playlists().await;
    let (url, text) = playlists.first_key_value().unwrap();
    let segment = addressed(url, text).pop().unwrap();
    let _ = film.ann.get(&segment).await.expect(200);
    let upload = format!("/api/v1/uploads/{}", film.id());
    let _ = film.ann.delete(&upload).await.expect(204);
    film.ann.wait_until_refused(&segment).await;
    let shown = film.ann.wait_for(&film.video, &["draft"]).await;
    assert_eq!(shown.get("arriving"), None);
    // And another file may come.
    let again = film.ann.open_upload(&film.video, 1000).await;
    assert_eq!(again["state"], "created");
}

#[tokio::test]
async fn a_film_that_turns_out_to_be_damaged_is_encoded_after_all() {
    let site = Site::of(VIRGA).start();
    let mut film = Arriving::open(&site).await;
    // Nothing of H.264 in the middle of the picture.
    let middle = 6 * MIB;
    film.bytes[middle..middle + 300_000].fill(0xff);
    film.send_up_to(4).await;
    film.ann.wait_for(&film.video, &["playable"]).await;
    film.send(5..film.count() - 1).await;
    film.complete().await;
    let shown = film.ann.wait_for(&film.video, &["ready"]).await;
    assert_eq!(shown.get("failure"), None, "{shown}");
    let playback = film.ann.playback(&film.video).await;
    let hls = playback["hls"].as_str().unwrap();
    let text = film.ann.get(hls).await.expect(200).text();
    assert!(
        !text.contains("/src-") && !text.contains("\nsrc-"),
        "{text}"
    );
}
