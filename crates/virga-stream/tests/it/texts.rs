//! Subtitles and chapters over HTTP: files, playlists, what HLS and DASH say of them, and to whom they open.

use http::StatusCode;
use serde_json::json;
use virga_core::{
    FilmTexts, MediaKey,
    presentation::{Presentation, PresentedTrack},
    video::Visibility,
};
use virga_objects::MediaStore as _;

use crate::{
    clip::{Clip, presentation},
    site::Site,
};

const GERMAN: &str = "WEBVTT\n\n00:00:00.500 --> 00:00:01.000\nHallo\n";
const ENGLISH: &str = "WEBVTT\n\n00:00:00.500 --> 00:00:01.000\nHello, all\n";
const CHAPTERS: &str = "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nOne\n";

/// Two subtitles and chapters, in one object that is written.
async fn texts(site: &Site) -> FilmTexts {
    let object = MediaKey::texts(site.video, 9, 1);
    let bytes = [GERMAN, ENGLISH, CHAPTERS].concat();
    site.store.put(&object, bytes.into()).await.unwrap();
    let (german, english) = (GERMAN.len(), ENGLISH.len());
    let tracks = json!([
        {"n": 0, "kind": "subtitles", "language": "de", "label": "Deutsch \"neu\"", "default": true,
         "offset": 0, "len": german},
        {"n": 1, "kind": "captions", "forced": true, "offset": german, "len": english},
        {"n": 2, "kind": "chapters", "offset": german + english, "len": CHAPTERS.len()},
    ]);
    let texts = json!({"object": object, "duration": 2040, "tracks": tracks});
    serde_json::from_value(texts).unwrap()
}

async fn publish(site: &Site, visibility: Visibility, tracks: Vec<PresentedTrack>) {
    let published = Presentation {
        visibility,
        texts: Some(texts(site).await),
        ..presentation(site, 1, tracks)
    };
    site.publish(&published).await;
}

#[tokio::test]
async fn each_text_is_a_file_and_subtitles_have_a_playlist() {
    let site = Site::new().await;
    publish(&site, Visibility::Public, Vec::new()).await;
    let mut tags = Vec::new();
    for (n, wanted) in [GERMAN, ENGLISH, CHAPTERS].into_iter().enumerate() {
        let path = site.path(&format!("text-{n}.vtt"));
        let file = site.get(&path).await;
        assert_eq!((file.status, file.text()), (StatusCode::OK, wanted));
        assert_eq!(file.header("content-type"), "text/vtt; charset=utf-8");
        assert_eq!(file.header("cache-control"), "public, no-cache");
        assert_eq!(file.header("access-control-allow-origin"), "*");
        let known = [("if-none-match", file.header("etag"))];
        let again = site.get_with(&path, &known).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        tags.push(file.header("etag").to_owned());
    }
    tags.dedup();
    assert_eq!(tags.len(), 3);
    let list = site.get(&site.path("text-1.m3u8")).await;
    assert_eq!(list.header("content-type"), "application/vnd.apple.mpegurl");
    assert_eq!(
        list.text(),
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:2.040,\ntext-1.vtt\n#EXT-X-ENDLIST\n"
    );
    for none in [
        "text-3.vtt",
        "text-2.m3u8",
        "text-3.m3u8",
        "text-01.vtt",
        "text-.vtt",
        "text-0.srt",
        "text-0",
    ] {
        let answer = site.get(&site.path(none)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{none}");
    }
}

#[tokio::test]
async fn playlists_and_manifests_name_the_subtitles() {
    let (site, clip) = (Site::new().await, Clip::make());
    let tracks = clip.put_objects(&site).await;
    publish(&site, Visibility::Public, tracks).await;
    let main = site.get(&site.path("main.m3u8")).await;
    let main = main.text();
    let media: Vec<&str> = main
        .lines()
        .filter(|line| line.starts_with("#EXT-X-MEDIA:TYPE=SUBTITLES,"))
        .collect();
    assert_eq!(
        media,
        [
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"texts\",NAME=\"Deutsch neu\",DEFAULT=YES,AUTOSELECT=YES,\
             FORCED=NO,LANGUAGE=\"de\",URI=\"text-0.m3u8\"",
            "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"texts\",NAME=\"Subtitles 2\",DEFAULT=NO,AUTOSELECT=YES,\
             FORCED=YES,CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog,\
             public.accessibility.describes-music-and-sound\",URI=\"text-1.m3u8\"",
        ]
    );
    let mut variants = main
        .lines()
        .filter(|line| line.starts_with("#EXT-X-STREAM-INF:"));
    assert!(variants.all(|line| line.ends_with(",SUBTITLES=\"texts\"")));

    let manifest = site.get(&site.path("manifest.mpd")).await;
    let manifest = manifest.text();
    let sets: Vec<&str> = manifest.split("<AdaptationSet ").skip(3).collect();
    assert_eq!(sets.len(), 2, "{manifest}");
    let german = "id=\"2\" contentType=\"text\" mimeType=\"text/vtt\" lang=\"de\">\n";
    assert!(sets[0].starts_with(german), "{}", sets[0]);
    for (set, holds) in [
        (sets[0], "value=\"subtitle\"/>"),
        (sets[0], "value=\"main\"/>"),
        (sets[0], "<Label>Deutsch &quot;neu&quot;</Label>"),
        (sets[0], "<BaseURL>text-0.vtt</BaseURL>"),
        (sets[1], "value=\"forced-subtitle\"/>"),
        (sets[1], "<BaseURL>text-1.vtt</BaseURL>"),
    ] {
        assert!(set.contains(holds), "{holds}: {set}");
    }
}

#[tokio::test]
async fn sound_alone_has_subtitles_too() {
    let (site, clip) = (Site::new().await, Clip::make());
    let mut tracks = clip.put_objects(&site).await;
    publish(&site, Visibility::Public, tracks.split_off(1)).await;
    let main = site.get(&site.path("main.m3u8")).await;
    let variant = main
        .text()
        .lines()
        .find(|line| line.starts_with("#EXT-X-STREAM-INF:"));
    assert!(variant.unwrap().ends_with(",SUBTITLES=\"texts\""));
    assert!(main.text().contains("URI=\"text-0.m3u8\""));
}

#[tokio::test]
async fn texts_open_to_those_who_may_watch() {
    for visibility in [Visibility::Unlisted, Visibility::Private] {
        let site = Site::new().await;
        publish(&site, visibility, Vec::new()).await;
        for name in ["text-0.vtt", "text-2.vtt", "text-0.m3u8"] {
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
    site.publish(&presentation(&site, 1, Vec::new())).await;
    for name in ["text-0.vtt", "text-0.m3u8"] {
        let none = site.get(&site.path(name)).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND, "{name}");
    }
}
