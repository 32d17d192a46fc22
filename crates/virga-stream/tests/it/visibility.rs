//! Who may see what is published.

use std::time::Duration;

use http::StatusCode;
use virga_core::{
    Clock, MediaKey, OsEntropy, VideoId, keys, keys::KeyRing, presentation::Presentation,
    video::Visibility,
};
use virga_objects::MediaStore;

use crate::site::Site;

#[tokio::test]
async fn grants_open_what_is_not_public_and_nothing_else_does() {
    for visibility in [Visibility::Unlisted, Visibility::Private] {
        let site = Site::new().await;
        site.publish_poster(1, visibility).await;
        let good = site.granted(1, "poster.jpg");
        let answer = site.get(&good).await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::OK, "version 1")
        );
        assert!(answer.header("cache-control").starts_with("private"));

        let expires = keys::grant_expiry(site.clock.now(), Duration::ZERO);
        let under = |grant: &str| format!("/media/g/{grant}/{}/poster.jpg", site.video);
        let other = keys::grant(&site.keys, VideoId::random(&OsEntropy), 1, expires);
        let foreign = KeyRing::generate(&OsEntropy);
        let mut bodies = Vec::new();
        // Without a grant it reads as what never was.
        let nothing = format!("/media/{}/poster.jpg", VideoId::random(&OsEntropy));
        let (hidden, never) = (
            site.get(&site.path("poster.jpg")).await,
            site.get(&nothing).await,
        );
        assert_eq!(hidden.status, StatusCode::NOT_FOUND);
        assert_eq!((hidden.status, hidden.body), (never.status, never.body));
        for path in [
            "/media/g/x/poster.jpg".to_owned(),
            "/media/g/..%2f/poster.jpg".to_owned(),
            under(&other).replace(site.video.as_str(), VideoId::random(&OsEntropy).as_str()),
            site.granted(0, "poster.jpg"),
            site.granted(2, "poster.jpg"),
            under(&other),
            under(&keys::grant(&foreign, site.video, 1, expires)),
            under("x"),
            under("a.b.c"),
            under(&format!(
                "{}A",
                keys::grant(&site.keys, site.video, 1, expires)
            )),
        ] {
            let answer = site.get(&path).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
            assert_eq!(answer.header("cache-control"), "no-store");
            bodies.push(answer.body);
        }
        site.clock.advance(Duration::from_secs(4 * 3600));
        let late = site.get(&good).await;
        assert_eq!(late.status, StatusCode::FORBIDDEN);
        bodies.push(late.body);
        assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

#[tokio::test]
async fn a_public_video_opens_with_and_without_a_grant() {
    let site = Site::new().await;
    site.publish_poster(1, Visibility::Public).await;
    for path in [
        site.path("poster.jpg"),
        site.granted(1, "poster.jpg"),
        site.granted(7, "poster.jpg"),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.header("cache-control").starts_with("public"));
    }
}

#[tokio::test]
async fn what_is_withdrawn_is_gone_for_everyone() {
    let site = Site::new().await;
    site.publish_poster(1, Visibility::Public).await;
    let key = MediaKey::presentation(site.video);
    let text = site.store.read_all(&key, 10_000).await.unwrap();
    let published: Presentation = serde_json::from_slice(&text).unwrap();
    site.publish(&Presentation {
        version: 2,
        withdrawn: true,
        ..published
    })
    .await;
    let (plain, granted) = (site.path("poster.jpg"), site.granted(1, "poster.jpg"));
    assert_eq!(site.get(&plain).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.get(&granted).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let site = Site::new().await;
    site.publish_poster(1, Visibility::Public).await;
    let stranger = VideoId::random(&OsEntropy);
    for path in [
        format!("/media/{stranger}/main.m3u8"),
        site.path("main.m3u8"),
        site.path("fallback.mp4"),
        site.path("720p/index.m3u8"),
        site.path("720p/0.m4s"),
        site.path("main.mp4"),
        site.path("main.m3u8.mp4"),
        site.path("..%2fposter.jpg"),
        site.path("%2e%2e/poster.jpg"),
        site.path("../poster.jpg"),
        site.path("presentation.json"),
        site.path("source"),
        "/media/..%2f..%2fetc/poster.jpg".to_owned(),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
}

#[tokio::test]
async fn a_poster_comes_in_the_width_that_is_asked_for() {
    let site = Site::new().await;
    let smaller = [(320, 5), (640, 6)];
    let key = MediaKey::posters(site.video, 1, 1, 4, &smaller).unwrap();
    let bytes = "jpegsmallmiddle".to_owned();
    site.put_poster(1, Visibility::Public, &key, bytes).await;
    let mut tags = Vec::new();
    for (query, kind, picture) in [
        ("", "image/jpeg", "jpeg"),
        ("?w=320", "image/webp", "small"),
        ("?w=640", "image/webp", "middle"),
    ] {
        let answer = site.get(&site.path(&format!("poster.jpg{query}"))).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, picture));
        assert_eq!(answer.header("content-type"), kind);
        assert_eq!(answer.header("content-length"), picture.len().to_string());
        tags.push(answer.header("etag").to_owned());
    }
    tags.dedup();
    assert_eq!(tags.len(), 3);
    let part = [("range", "bytes=1-2")];
    let part = site.get_with(&site.path("poster.jpg?w=640"), &part).await;
    assert_eq!(
        (part.status, part.text()),
        (StatusCode::PARTIAL_CONTENT, "id")
    );
    // What it does not have, and what nobody offers, is the JPEG.
    for query in ["?w=1000", "?w=", "?width=320", "?w=320x"] {
        let answer = site.get(&site.path(&format!("poster.jpg{query}"))).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "jpeg"));
    }
    // A poster of the release before.
    let site = Site::new().await;
    site.publish_poster(1, Visibility::Public).await;
    let answer = site.get(&site.path("poster.jpg?w=320")).await;
    assert_eq!(answer.header("content-type"), "image/jpeg");
}
