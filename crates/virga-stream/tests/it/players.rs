//! What other players than ours ask for: I-frame playlists.

use bytes::Bytes;
use http::StatusCode;

use crate::{
    clip::{Clip, frames},
    site::Site,
};

/// Address, offset and length of each range that a playlist names.
fn ranges(playlist: &str) -> Vec<(String, usize, usize)> {
    let mut lines = playlist.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(range) = line.strip_prefix("#EXT-X-BYTERANGE:") {
            let (length, offset) = range.split_once('@').unwrap();
            let (length, offset) = (length.parse().unwrap(), offset.parse().unwrap());
            found.push((lines.next().unwrap().to_owned(), offset, length));
        }
    }
    found
}

async fn range(site: &Site, path: &str, offset: usize, length: usize) -> Bytes {
    let range = format!("bytes={offset}-{}", offset + length - 1);
    let answer = site.get_with(path, &[("range", &range)]).await;
    assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
    answer.body
}

#[tokio::test]
async fn each_range_of_an_i_frame_playlist_decodes_to_the_segments_first_frame() {
    let (site, clip) = (Site::new().await, Clip::make());
    let folder = clip.folder.path();
    let all = frames(folder, "clip.mp4");
    let table = &clip.plan.video.table;
    for version in [1, 2] {
        if version == 1 {
            clip.publish_from_source(&site, 1).await;
        } else {
            clip.publish_from_objects(&site, 2).await;
            site.resync();
        }
        let answer = site.get(&site.path("source/iframes.m3u8")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(
            answer.header("content-type"),
            "application/vnd.apple.mpegurl"
        );
        assert_eq!(answer.header("cache-control"), "public, no-cache");
        let etag = [("if-none-match", answer.header("etag"))];
        let known = site
            .get_with(&site.path("source/iframes.m3u8"), &etag)
            .await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
        let text = answer.text();
        assert!(text.contains("#EXT-X-I-FRAMES-ONLY\n") && text.ends_with("#EXT-X-ENDLIST\n"));
        let named = ranges(text);
        assert_eq!(named.len(), table.segments());
        let init = site.get(&site.path("source/init.mp4")).await.body;
        for (n, (name, offset, length)) in named.into_iter().enumerate() {
            assert_eq!(name, format!("{n}.m4s"));
            let path = site.path(&format!("source/{name}"));
            let bytes = range(&site, &path, offset, length).await;
            assert_eq!(&bytes[4..8], b"moof", "segment {n}");
            std::fs::write(folder.join("one.mp4"), [&init[..], &bytes].concat()).unwrap();
            let shown = table.start_micros(n) / 40_000;
            let shown = &all[usize::try_from(shown).unwrap()];
            assert_eq!(&frames(folder, "one.mp4"), std::slice::from_ref(shown));
        }
    }
}

#[tokio::test]
async fn the_multivariant_playlist_names_i_frames_that_are_counted() {
    let (site, clip) = (Site::new().await, Clip::make());
    clip.publish_from_source(&site, 1).await;
    let main = site.get(&site.path("main.m3u8")).await;
    let line = main
        .text()
        .lines()
        .find(|line| line.starts_with("#EXT-X-I-FRAME-STREAM-INF:"));
    let line = line.expect("an I-frame variant");
    assert!(line.ends_with(",URI=\"source/iframes.m3u8\""), "{line}");
    assert!(line.contains(",RESOLUTION=320x180,"), "{line}");
    assert!(!line.contains("mp4a"), "{line}");
    let sound = site.get(&site.path("audio/iframes.m3u8")).await;
    assert_eq!(sound.status, StatusCode::NOT_FOUND);

    // A table of an earlier release does not count them.
    let mut old = clip;
    old.plan.video.table.first_frames = None;
    let json = old.plan.video.table.to_json();
    assert!(!String::from_utf8_lossy(&json).contains("first_frames"));
    old.publish_from_objects(&site, 2).await;
    site.resync();
    let main = site.get(&site.path("main.m3u8")).await;
    assert!(!main.text().contains("I-FRAME"), "{}", main.text());
    let none = site.get(&site.path("source/iframes.m3u8")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}
