//! A clip is played as a player does it: playlists, init segments, segments, ranges.

use bytes::{Bytes, BytesMut};
use futures_util::future::join_all;
use http::{Method, Request, StatusCode};
use virga_core::MediaKey;
use virga_objects::MediaStore;
use virga_stream::StreamConfig;

use crate::{
    clip::{Clip, frames, packets},
    site::{Answer, Site},
};

const PLAYLIST: &str = "application/vnd.apple.mpegurl";

/// What a media playlist names, in order, the init segment first.
fn named(playlist: &str) -> Vec<&str> {
    let init = playlist
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-MAP:URI=\"")?.strip_suffix('"'));
    let segments = playlist.lines().filter(|line| !line.starts_with('#'));
    init.into_iter().chain(segments).collect()
}

/// Every answer of a track, the init segment first.
async fn all(site: &Site, track: &str) -> Vec<Answer> {
    let playlist = site.get(&site.path(&format!("{track}/index.m3u8"))).await;
    assert_eq!(playlist.status, StatusCode::OK);
    let mut answers = Vec::new();
    for name in named(playlist.text()) {
        let answer = site.get(&site.path(&format!("{track}/{name}"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
        let length = answer.body.len().to_string();
        assert_eq!(answer.header("content-length"), length);
        answers.push(answer);
    }
    answers
}

fn joined(answers: &[Answer]) -> Bytes {
    let all = answers.iter().fold(BytesMut::new(), |mut all, answer| {
        all.extend_from_slice(&answer.body);
        all
    });
    all.freeze()
}

fn uncached() -> StreamConfig {
    StreamConfig {
        cache_bytes: 0,
        ..StreamConfig::default()
    }
}

#[tokio::test]
async fn a_clip_plays_from_its_source_with_its_own_frames_and_sound() {
    let (site, clip) = (Site::new().await, Clip::make());
    clip.publish_from_source(&site, 1).await;
    let main = site.get(&site.path("main.m3u8")).await;
    assert_eq!(main.header("content-type"), PLAYLIST);
    assert_eq!(main.header("cache-control"), "public, no-cache");
    let text = main.text();
    assert!(text.contains("source/index.m3u8") && text.contains("URI=\"audio/index.m3u8\""));

    for (track, kind) in [("source", "video/mp4"), ("audio", "audio/mp4")] {
        let answers = all(&site, track).await;
        assert!(answers.len() > 3, "init and several segments");
        assert!(
            answers
                .iter()
                .all(|answer| answer.header("content-type") == kind)
        );
        let name = format!("{track}.mp4");
        std::fs::write(clip.folder.path().join(&name), joined(&answers)).unwrap();
    }
    let folder = clip.folder.path();
    let picture = frames(folder, "clip.mp4");
    assert_eq!(
        (picture.len(), frames(folder, "source.mp4")),
        (200, picture)
    );
    let sound = packets(folder, "clip.mp4");
    assert!(sound.len() > 300);
    assert_eq!(packets(folder, "audio.mp4"), sound);
}

#[tokio::test]
async fn segments_are_the_same_bytes_from_source_and_object_cached_and_not() {
    let clip = Clip::make();
    for config in [StreamConfig::default(), uncached()] {
        let site = Site::with(config, 0).await;
        let other = Site::with(uncached(), 0).await;
        clip.publish_from_source(&site, 1).await;
        clip.publish_from_objects(&other, 1).await;
        for track in ["source", "audio"] {
            let (jit, stored) = (all(&site, track).await, all(&other, track).await);
            assert_eq!(jit.len(), stored.len());
            for (jit, stored) in jit.iter().zip(&stored) {
                assert_eq!(jit.body, stored.body);
                assert_eq!(jit.header("etag"), stored.header("etag"));
            }
            let again = all(&site, track).await;
            assert_eq!(joined(&again), joined(&jit));
        }
    }
}

#[tokio::test]
async fn a_player_goes_on_when_the_track_object_takes_over() {
    let (site, clip) = (Site::with(uncached(), 0).await, Clip::make());
    clip.publish_from_source(&site, 1).await;
    let before = all(&site, "source").await;
    clip.publish_from_objects(&site, 2).await;
    // The held presentation names samples that a clean-up took: it is read again at once.
    let samples = MediaKey::samples(site.video, 1, 1, "source").unwrap();
    site.store.delete(&samples).await.unwrap();
    let after = all(&site, "source").await;
    assert_eq!(joined(&before), joined(&after));
}

#[tokio::test]
async fn a_named_object_that_does_not_exist_is_our_fault() {
    let (site, clip) = (Site::with(uncached(), 0).await, Clip::make());
    clip.publish_from_objects(&site, 1).await;
    let object = MediaKey::track(site.video, 2, 1, "source").unwrap();
    site.store.delete(&object).await.unwrap();
    let answer = site.get(&site.path("source/0.m4s")).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        !answer.text().contains(object.as_str()),
        "keys stay in the log"
    );
}

#[tokio::test]
async fn many_viewers_of_one_segment_get_the_same_bytes() {
    let (site, clip) = (Site::new().await, Clip::make());
    clip.publish_from_source(&site, 1).await;
    let path = site.path("source/2.m4s");
    let answers = join_all((0..40).map(|_| site.get(&path))).await;
    let first = &answers[0].body;
    assert!(!first.is_empty());
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (StatusCode::OK, first));
    }
}

#[tokio::test]
async fn ranges_and_conditions_are_answered_as_the_standard_says() {
    let clip = Clip::make();
    for config in [StreamConfig::default(), uncached()] {
        let site = Site::with(config, 0).await;
        clip.publish_from_source(&site, 1).await;
        let path = site.path("source/1.m4s");
        let whole = site.get(&path).await;
        let (length, tag) = (whole.body.len(), whole.header("etag").to_owned());
        assert_eq!(whole.header("accept-ranges"), "bytes");
        for (first, last) in [
            (0, 0),
            (3, 900),
            (700, length - 1),
            (length - 1, length - 1),
        ] {
            let range = format!("bytes={first}-{last}");
            let part = site.get_with(&path, &[("range", &range)]).await;
            assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
            assert_eq!(part.body, whole.body.slice(first..=last), "{range}");
            let said = format!("bytes {first}-{last}/{length}");
            assert_eq!(part.header("content-range"), said);
            assert_eq!(
                part.header("content-length"),
                (last - first + 1).to_string()
            );
        }
        let beyond = format!("bytes={length}-");
        let beyond = site.get_with(&path, &[("range", &beyond)]).await;
        assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(beyond.header("content-range"), format!("bytes */{length}"));
        let several = site.get_with(&path, &[("range", "bytes=0-1,4-5")]).await;
        assert_eq!(
            (several.status, several.body),
            (StatusCode::OK, whole.body.clone())
        );

        let same = [("range", "bytes=0-1"), ("if-range", tag.as_str())];
        assert_eq!(site.get_with(&path, &same).await.body.len(), 2);
        let changed = [("range", "bytes=0-1"), ("if-range", "\"other\"")];
        assert_eq!(site.get_with(&path, &changed).await.body.len(), length);

        let list = format!("\"x\", W/{tag}");
        let known = site.get_with(&path, &[("if-none-match", &list)]).await;
        assert_eq!(
            (known.status, known.body.len()),
            (StatusCode::NOT_MODIFIED, 0)
        );
        assert_eq!(known.header("etag"), tag);
        let playlist = site.get(&site.path("source/index.m3u8")).await;
        let held = [("if-none-match", playlist.header("etag"))];
        let known = site.get_with(&site.path("source/index.m3u8"), &held).await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    }
}

#[tokio::test]
async fn head_says_what_get_would() {
    let (site, clip) = (Site::new().await, Clip::make());
    clip.publish_from_source(&site, 1).await;
    for rest in ["main.m3u8", "source/init.mp4", "source/0.m4s"] {
        let got = site.get(&site.path(rest)).await;
        let head = Request::builder()
            .method(Method::HEAD)
            .uri(site.path(rest))
            .body(axum::body::Body::empty());
        let head = site.ask(head.unwrap()).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
        assert_eq!(head.headers, got.headers);
    }
}

#[tokio::test]
async fn media_cannot_run_and_is_kept_for_as_long_as_it_holds() {
    let (site, clip) = (Site::new().await, Clip::make());
    clip.publish_from_source(&site, 1).await;
    let fallback = MediaKey::fallback(site.video, 3, 1);
    site.store.put(&fallback, clip.bytes.clone()).await.unwrap();
    let year = "public, max-age=31536000, s-maxage=3600, immutable";
    for (rest, cache) in [
        ("source/init.mp4", year),
        ("source/0.m4s", year),
        ("audio/0.m4s", year),
        ("source/index.m3u8", "public, no-cache"),
        ("fallback.mp4", "public, no-cache"),
    ] {
        let answer = site.get(&site.path(rest)).await;
        assert_eq!(answer.status, StatusCode::OK, "{rest}");
        assert_eq!(answer.header("cache-control"), cache, "{rest}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-security-policy"), "sandbox");
    }
    let range = [("range", "bytes=-100")];
    let end = site.get_with(&site.path("fallback.mp4"), &range).await;
    assert_eq!(end.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(end.body, clip.bytes.slice(clip.bytes.len() - 100..));
    assert_eq!(end.header("content-type"), "video/mp4");
    let beyond = site.get(&site.path("source/999.m4s")).await;
    assert_eq!(beyond.status, StatusCode::NOT_FOUND);
}
