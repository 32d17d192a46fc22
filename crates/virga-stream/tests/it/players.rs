//! What other players than ours ask for: I-frame playlists, and DASH as ffmpeg reads it.

use std::{collections::BTreeSet, fs};

use bytes::Bytes;
use http::StatusCode;
use virga_core::{MediaKey, presentation::Presentation, video::Visibility};
use virga_objects::MediaStore;

use crate::{
    clip::{Clip, frames, packets, presentation},
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
            fs::write(folder.join("one.mp4"), [&init[..], &bytes].concat()).unwrap();
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

/// The values of an attribute in a manifest, in order.
fn attributes<'a>(manifest: &'a str, name: &str) -> Vec<&'a str> {
    let before = format!(" {name}=\"");
    let rest = manifest.split(before.as_str()).skip(1);
    rest.map(|text| text.split('"').next().unwrap()).collect()
}

/// The segments that a timeline has, and their ticks in all.
fn timeline(set: &str) -> (usize, u64) {
    let mut found = (0, 0);
    for run in set.split("<S ").skip(1) {
        let run = format!(" {}", run.split("/>").next().unwrap());
        let number = |name| -> Option<u64> { attributes(&run, name).first()?.parse().ok() };
        assert_eq!(number("t"), Some(found.1), "{set}");
        let times = 1 + number("r").unwrap_or(0);
        found.0 += usize::try_from(times).unwrap();
        found.1 += times * number("d").unwrap();
    }
    found
}

#[tokio::test]
async fn a_manifest_names_the_segments_of_hls_and_all_frames_come_out_of_it() {
    let (site, clip) = (Site::new().await, Clip::make());
    let folder = clip.folder.path();
    let (picture, sound) = (frames(folder, "clip.mp4"), packets(folder, "clip.mp4"));
    for version in [1, 2] {
        if version == 1 {
            clip.publish_from_source(&site, 1).await;
        } else {
            clip.publish_from_objects(&site, 2).await;
            site.resync();
        }
        let answer = site.get(&site.path("manifest.mpd")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), "application/dash+xml");
        assert_eq!(answer.header("cache-control"), "public, no-cache");
        assert_eq!(answer.header("vary"), "accept-encoding");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let etag = [("if-none-match", answer.header("etag"))];
        let known = site.get_with(&site.path("manifest.mpd"), &etag).await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
        let manifest = answer.text();
        assert_eq!(
            attributes(manifest, "id"),
            ["0", "0", "source", "1", "audio"]
        );
        assert_eq!(attributes(manifest, "codecs").len(), 2);
        assert_eq!(attributes(manifest, "frameRate"), ["25"]);
        assert_eq!(attributes(manifest, "startNumber"), ["0", "0"]);

        let mut named = BTreeSet::new();
        let sets = manifest.split("<AdaptationSet").skip(1);
        for ((track, planned), set) in clip.tracks().into_iter().zip(sets) {
            let ticks = planned.table.start(planned.table.segments());
            assert_eq!(timeline(set), (planned.table.segments(), ticks));
            let media = attributes(set, "media");
            assert_eq!(media, [format!("{track}/$Number$.m4s")]);
            named.extend(
                attributes(set, "initialization")
                    .iter()
                    .map(|it| (*it).to_owned()),
            );
            let numbers = 0..planned.table.segments();
            named.extend(numbers.map(|n| media[0].replace("$Number$", &n.to_string())));
        }
        let mut hls = BTreeSet::new();
        for track in ["source", "audio"] {
            let list = site.get(&site.path(&format!("{track}/index.m3u8"))).await;
            let segments = list.text().lines().filter(|line| !line.starts_with('#'));
            hls.extend(
                segments
                    .chain(["init.mp4"])
                    .map(|name| format!("{track}/{name}")),
            );
        }
        assert_eq!(named, hls);

        fs::write(folder.join("manifest.mpd"), manifest).unwrap();
        for name in named {
            let bytes = site.get(&site.path(&name)).await.body;
            let path = folder.join(&name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        assert_eq!(frames(folder, "manifest.mpd"), picture);
        assert_eq!(packets(folder, "manifest.mpd"), sound);
    }
}

#[tokio::test]
async fn a_manifest_of_a_hidden_film_needs_a_grant() {
    let (site, clip) = (Site::new().await, Clip::make());
    clip.publish_from_objects(&site, 1).await;
    let text = site
        .store
        .read_all(&virga_core::MediaKey::presentation(site.video), 1 << 20)
        .await
        .unwrap();
    let mut document: Presentation = serde_json::from_slice(&text).unwrap();
    document.visibility = Visibility::Private;
    site.publish(&document).await;
    for rest in ["manifest.mpd", "source/iframes.m3u8"] {
        let without = site.get(&site.path(rest)).await;
        assert_eq!(without.status, StatusCode::NOT_FOUND, "{rest}");
        let granted = site.get(&site.granted(1, rest)).await;
        assert_eq!(granted.status, StatusCode::OK, "{rest}");
        assert_eq!(granted.header("cache-control"), "private, no-cache");
        assert_eq!(granted.header("access-control-allow-origin"), "");
        let revoked = site.get(&site.granted(2, rest)).await;
        assert_eq!(revoked.status, StatusCode::FORBIDDEN, "{rest}");
    }
}

#[tokio::test]
async fn a_film_of_sound_alone_has_a_playlist_and_a_manifest_without_a_picture() {
    let (site, clip) = (Site::new().await, Clip::make());
    clip.publish_sound(&site, 1).await;
    site.resync();
    let main = site.get(&site.path("main.m3u8")).await;
    assert_eq!(main.status, StatusCode::OK);
    let table = &clip.plan.audio.as_ref().unwrap().table;
    let rates = (table.bandwidth_peak, table.bandwidth_average);
    let wanted = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"mp4a.40.2\"\n\
         audio/index.m3u8\n",
        rates.0, rates.1
    );
    assert_eq!(main.text(), wanted);
    let list = site.get(&site.path("audio/index.m3u8")).await;
    assert!(list.text().ends_with("#EXT-X-ENDLIST\n"));

    let manifest = site.get(&site.path("manifest.mpd")).await;
    assert_eq!(manifest.status, StatusCode::OK);
    let text = manifest.text();
    assert_eq!(text.matches("<AdaptationSet ").count(), 1, "{text}");
    assert!(text.contains("contentType=\"audio\"") && !text.contains(" width="));

    // Pictures that are all of a later release are pictures all the same.
    let table = MediaKey::table(site.video, 1, 1, "audio").unwrap();
    let later = serde_json::json!({"name": "b", "body": {"from": "shards"}});
    let audio = serde_json::json!({
        "name": "audio", "table": table, "body": {"from": "object", "object": table},
    });
    let mut document = serde_json::to_value(presentation(&site, 3, Vec::new())).unwrap();
    document["videos"] = serde_json::json!([later]);
    document["audio"] = audio;
    site.publish(&serde_json::from_value(document).unwrap())
        .await;
    site.resync();
    for path in ["main.m3u8", "manifest.mpd"] {
        let answer = site.get(&site.path(path)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}
