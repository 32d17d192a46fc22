//! The storyboard over HTTP: cues and sheets, to whom they open, and how they may be kept.

use http::StatusCode;
use virga_core::{
    MediaKey, StoryboardIndex,
    presentation::{FORMAT, Presentation},
    video::Visibility,
};

use virga_objects::MediaStore as _;

use crate::site::Site;

/// Publishes three tiles on two sheets, or nothing.
async fn publish(site: &Site, visibility: Visibility, storyboard: bool) {
    let index = StoryboardIndex {
        width: 160,
        height: 90,
        columns: 2,
        rows: 1,
        sheets: vec![5, 6],
        times: vec![0, 2000, 4000],
        duration: 5000,
    };
    let mut bytes = serde_json::to_vec(&index).unwrap();
    let key = MediaKey::storyboard(site.video, 1, 1, bytes.len() as u64).unwrap();
    bytes.extend(b"firstsecond");
    site.store.put(&key, bytes.into()).await.unwrap();
    site.publish(&Presentation {
        format: FORMAT,
        version: 1,
        video: site.video,
        epoch: 1,
        visibility,
        withdrawn: false,
        videos: Vec::new(),
        audio: None,
        poster: None,
        fallback: None,
        storyboard: storyboard.then_some(key),
        texts: None,
        sounds: None,
    })
    .await;
}

#[tokio::test]
async fn cues_name_places_on_sheets() {
    let site = Site::new().await;
    publish(&site, Visibility::Public, true).await;
    let cues = site.get(&site.path("storyboard.vtt")).await;
    assert_eq!(cues.status, StatusCode::OK);
    assert_eq!(cues.header("content-type"), "text/vtt; charset=utf-8");
    assert_eq!(cues.header("cache-control"), "public, no-cache");
    assert_eq!(cues.header("access-control-allow-origin"), "*");
    let text = cues.text();
    assert!(text.starts_with("WEBVTT\n\n"), "{text}");
    assert!(text.ends_with("00:00:04.000 --> 00:00:05.000\nstoryboard-1.jpg#xywh=0,0,160,90\n"));
    assert_eq!(text.matches("-->").count(), 3);
    let known = [("if-none-match", cues.header("etag"))];
    let again = site.get_with(&site.path("storyboard.vtt"), &known).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);

    let mut tags = Vec::new();
    for (name, bytes) in [
        ("storyboard-0.jpg", "first"),
        ("storyboard-1.jpg", "second"),
    ] {
        let sheet = site.get(&site.path(name)).await;
        assert_eq!((sheet.status, sheet.text()), (StatusCode::OK, bytes));
        assert_eq!(sheet.header("content-type"), "image/jpeg");
        assert_eq!(sheet.header("content-length"), bytes.len().to_string());
        let known = [("if-none-match", sheet.header("etag"))];
        let again = site.get_with(&site.path(name), &known).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        tags.push(sheet.header("etag").to_owned());
    }
    assert_ne!(tags[0], tags[1]);
    let part = [("range", "bytes=1-2")];
    let part = site.get_with(&site.path("storyboard-1.jpg"), &part).await;
    assert_eq!(
        (part.status, part.text()),
        (StatusCode::PARTIAL_CONTENT, "ec")
    );
    for name in ["storyboard-2.jpg", "storyboard-01.jpg", "storyboard-.jpg"] {
        let none = site.get(&site.path(name)).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "{name}");
    }
}

#[tokio::test]
async fn a_storyboard_opens_to_those_who_may_watch() {
    for visibility in [Visibility::Unlisted, Visibility::Private] {
        let site = Site::new().await;
        publish(&site, visibility, true).await;
        for name in ["storyboard.vtt", "storyboard-0.jpg"] {
            let stranger = site.get(&site.path(name)).await;
            assert_eq!(stranger.status, StatusCode::NOT_FOUND, "{name}");
            let granted = site.get(&site.granted(1, name)).await;
            assert_eq!(granted.status, StatusCode::OK, "{name}");
            assert_eq!(granted.header("cache-control"), "private, no-cache");
            let revoked = site.get(&site.granted(2, name)).await;
            assert_eq!(revoked.status, StatusCode::FORBIDDEN, "{name}");
        }
    }
    let site = Site::new().await;
    publish(&site, Visibility::Public, false).await;
    for name in ["storyboard.vtt", "storyboard-0.jpg"] {
        let none = site.get(&site.path(name)).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "{name}");
    }
}
