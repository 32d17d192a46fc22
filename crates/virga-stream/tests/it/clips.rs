//! A stretch of a film as a file: which pictures and sound are in it, in whole and in part, and what is refused.

use http::StatusCode;
use virga_core::{MediaKey, video::Visibility};
use virga_objects::MediaStore as _;

use crate::{
    clip::{Clip, frames, presentation, samples},
    site::Site,
};

const RATE: usize = 44_100;

/// A film of eight seconds, a key frame each second, whose plain file is there.
async fn film(visibility: Visibility) -> (Site, Clip) {
    let (site, clip) = (Site::new().await, Clip::make());
    let key = MediaKey::fallback(site.video, 3, 1);
    site.store.put(&key, clip.plain()).await.unwrap();
    let mut shown = presentation(&site, 1, clip.put_objects(&site).await);
    shown.visibility = visibility;
    site.publish(&shown).await;
    (site, clip)
}

#[tokio::test]
async fn a_clip_has_the_pictures_and_the_sound_of_its_stretch_and_no_others() {
    let (site, clip) = film(Visibility::Public).await;
    let folder = clip.folder.path();
    std::fs::write(folder.join("plain.mp4"), clip.plain()).unwrap();
    let (pictures, sound) = (frames(folder, "plain.mp4"), samples(folder, "plain.mp4"));
    assert_eq!(pictures.len(), 200);
    for (from, to) in [
        (0, 1000),
        // From a key frame to a key frame.
        (2000, 4000),
        // From and to pictures between them, B-frames among these.
        (2520, 3480),
        (2560, 2600),
        (1960, 5040),
        (7000, 8000),
        // Past the end there is nothing.
        (7520, 60_000),
    ] {
        let name = format!("clip-{from}-{to}.mp4");
        let answer = site.get(&site.path(&name)).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
        assert_eq!(answer.header("content-type"), "video/mp4");
        assert_eq!(
            answer.header("content-length"),
            answer.body.len().to_string()
        );
        std::fs::write(folder.join(&name), &answer.body).unwrap();
        let end = to.min(8000);
        assert_eq!(
            frames(folder, &name),
            pictures[from / 40..end / 40],
            "{name}"
        );
        let heard = samples(folder, &name);
        let place = |millis: usize| (millis * RATE / 1000).min(sound.len());
        let wanted = &sound[place(from)..place(end)];
        // Half a frame of AAC at the end: its samples come whole.
        assert!(heard.len().abs_diff(wanted.len()) <= 1024, "{name}");
        let both = heard.iter().zip(wanted);
        let off = both.map(|(one, other)| one.abs_diff(*other)).max();
        // The tone rises by up to 250 from one sample to the next; the decoder adds a little noise.
        assert!(off.unwrap() <= 16, "{name}: sound is off by {off:?}");
        // No more than from the key frame before: a second has some 250 kB.
        let least = 400_000 * (end - from + 2000) / 1000;
        assert!(answer.body.len() < least, "{name}: {}", answer.body.len());
    }
}

#[tokio::test]
async fn any_part_of_a_clip_is_that_part_of_the_whole() {
    let (site, _) = film(Visibility::Public).await;
    let path = site.path("clip-1500-3250.mp4");
    let whole = site.get(&path).await;
    assert_eq!(whole.header("cache-control"), "public, no-cache");
    let length = whole.body.len();
    // Boxes of the file's head, and where its samples begin.
    let media = whole.body.windows(4).position(|it| it == b"mdat").unwrap() + 4;
    assert_eq!(&whole.body[4..8], b"ftyp");
    for (first, last) in [
        (0, 0),
        (media - 1, media),
        (media, media + 9),
        (17, length - 1),
        (length - 5, length - 1),
    ] {
        let range = format!("bytes={first}-{last}");
        let part = site.get_with(&path, &[("range", &range)]).await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(part.body, whole.body.slice(first..=last), "{range}");
        let told = format!("bytes {first}-{last}/{length}");
        assert_eq!(part.header("content-range"), told);
    }
    let tag = whole.header("etag");
    assert!(tag.starts_with('"'), "{tag}");
    let known = site.get_with(&path, &[("if-none-match", tag)]).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    let other = site.get(&site.path("clip-1500-3251.mp4")).await;
    assert_ne!(other.header("etag"), tag);
    let beyond = format!("bytes={length}-");
    let beyond = site.get_with(&path, &[("range", &beyond)]).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
}

#[tokio::test]
async fn a_clip_that_cannot_be_is_not_there() {
    let (site, _) = film(Visibility::Public).await;
    for name in [
        "clip-2000-1000.mp4",
        "clip-1000-1000.mp4",
        "clip-01000-2000.mp4",
        "clip-+1-2000.mp4",
        "clip-1.5-2.mp4",
        "clip--1-2.mp4",
        "clip-1000.mp4",
        "clip-1000-.mp4",
        "clip-8100-9000.mp4",
        "clip-18446744073709551614-18446744073709551615.mp4",
        "clip-0-99999999999999999999999.mp4",
    ] {
        let none = site.get(&site.path(name)).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "{name}");
    }
    let long = site.get(&site.path("clip-0-600001.mp4")).await;
    assert_eq!(long.status, StatusCode::NOT_FOUND);
    assert!(long.text().contains("10 minutes"), "{}", long.text());
    let most = site.get(&site.path("clip-0-600000.mp4")).await;
    assert_eq!(most.status, StatusCode::OK);
    // Where there is no plain file there are no clips of it.
    let bare = Site::new().await;
    bare.publish_poster(1, Visibility::Public).await;
    let none = bare.get(&bare.path("clip-0-1000.mp4")).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_clip_opens_to_those_who_may_watch() {
    for visibility in [Visibility::Unlisted, Visibility::Private] {
        let (site, _) = film(visibility).await;
        let name = "clip-1000-2000.mp4";
        let stranger = site.get(&site.path(name)).await;
        assert_eq!(stranger.status, StatusCode::NOT_FOUND);
        let granted = site.get(&site.granted(1, name)).await;
        assert_eq!(granted.status, StatusCode::OK);
        assert_eq!(granted.header("cache-control"), "private, no-cache");
        let revoked = site.get(&site.granted(2, name)).await;
        assert_eq!(revoked.status, StatusCode::FORBIDDEN);
    }
}
