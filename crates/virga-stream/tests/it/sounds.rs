//! A film of several sounds: what HLS and DASH say of them, where their bytes are, and to whom they open.

use http::StatusCode;
use serde_json::json;
use virga_core::{
    MediaKey,
    presentation::{FilmSounds, Presentation},
    video::Visibility,
};
use virga_objects::MediaStore as _;

use crate::{
    clip::{Clip, presentation},
    site::Site,
};

/// The clip's own sound three times more: Chinese in other coding and at a higher rate, English as the first is,
/// and one that tells what is to be seen.
async fn publish(site: &Site, clip: &Clip, visibility: Visibility) {
    let tracks = clip.put_objects(site).await;
    let own = &clip.plan.audio.as_ref().unwrap().table;
    let mut more = Vec::new();
    for (name, language, label, kind) in [
        ("audio-1", Some("zh"), Some("中文 \"新\""), "alternate"),
        ("audio-2", Some("en"), Some("Director"), "commentary"),
        ("audio-3", Some("en"), None, "description"),
        ("audio-4", None, None, "alternate"),
    ] {
        let mut table = own.clone().stored();
        if name == "audio-1" {
            "mp4a.40.5".clone_into(&mut table.codec);
            table.bandwidth_peak += 9000;
        }
        let key = MediaKey::table(site.video, 3, 1, name).unwrap();
        site.store.put(&key, table.to_json().into()).await.unwrap();
        let object = MediaKey::track(site.video, 3, 1, name).unwrap();
        let bytes = clip.track_object(clip.plan.audio.as_ref().unwrap());
        site.store.put(&object, bytes.into()).await.unwrap();
        more.push(json!({
            "name": name, "table": key, "body": {"from": "object", "object": object},
            "language": language, "label": label, "kind": kind,
        }));
    }
    let first = json!({"language": "en", "label": "English"});
    let sounds: FilmSounds = serde_json::from_value(json!({"first": first, "more": more})).unwrap();
    let published = Presentation {
        visibility,
        sounds: Some(sounds),
        ..presentation(site, 1, tracks)
    };
    site.publish(&published).await;
}

#[tokio::test]
async fn playlists_and_manifests_name_every_sound() {
    let (site, clip) = (Site::new().await, Clip::make());
    publish(&site, &clip, Visibility::Public).await;
    let main = site.get(&site.path("main.m3u8")).await;
    let media: Vec<&str> = main
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\","))
        .collect();
    assert_eq!(
        media,
        [
            "NAME=\"English\",DEFAULT=YES,AUTOSELECT=YES,LANGUAGE=\"en\",CHANNELS=\"1\",URI=\"audio/index.m3u8\"",
            "NAME=\"中文 新\",DEFAULT=NO,AUTOSELECT=YES,LANGUAGE=\"zh\",CHANNELS=\"1\",URI=\"audio-1/index.m3u8\"",
            "NAME=\"Director\",DEFAULT=NO,AUTOSELECT=NO,LANGUAGE=\"en\",CHANNELS=\"1\",URI=\"audio-2/index.m3u8\"",
            "NAME=\"English\",DEFAULT=NO,AUTOSELECT=YES,LANGUAGE=\"en\",\
             CHARACTERISTICS=\"public.accessibility.describes-video\",CHANNELS=\"1\",URI=\"audio-3/index.m3u8\"",
            "NAME=\"Sound 5\",DEFAULT=NO,AUTOSELECT=NO,CHANNELS=\"1\",URI=\"audio-4/index.m3u8\"",
        ]
    );
    let (picture, sound) = (&clip.plan.video.table, clip.plan.audio.as_ref().unwrap());
    let peak = picture.bandwidth_peak + sound.table.bandwidth_peak + 9000;
    let codecs = format!("CODECS=\"{},mp4a.40.2,mp4a.40.5\"", picture.codec);
    let variant = main
        .text()
        .lines()
        .find(|line| line.starts_with("#EXT-X-STREAM-INF:"))
        .unwrap();
    assert!(variant.contains(&format!("BANDWIDTH={peak},")), "{variant}");
    assert!(variant.contains(&codecs), "{variant}");

    let manifest = site.get(&site.path("manifest.mpd")).await;
    let sets: Vec<&str> = manifest.text().split("<AdaptationSet ").skip(2).collect();
    assert_eq!(sets.len(), 5, "{}", manifest.text());
    for (set, holds) in [
        (
            0,
            "id=\"1\" contentType=\"audio\" mimeType=\"audio/mp4\" lang=\"en\"",
        ),
        (
            0,
            "<Label>English</Label>\n<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"main\"/>",
        ),
        (
            1,
            "id=\"2\" contentType=\"audio\" mimeType=\"audio/mp4\" lang=\"zh\"",
        ),
        (
            1,
            "<Label>中文 &quot;新&quot;</Label>\n<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"alternate\"/>",
        ),
        (1, "id=\"audio-1\""),
        (2, "value=\"commentary\"/>"),
        (3, "AudioPurposeCS:2007\" value=\"1\"/>\n<Role"),
        (3, "value=\"description\"/>"),
        (
            4,
            "id=\"5\" contentType=\"audio\" mimeType=\"audio/mp4\" segmentAlignment",
        ),
    ] {
        assert!(sets[set].contains(holds), "{holds}: {}", sets[set]);
    }
}

#[tokio::test]
async fn further_sounds_open_to_those_who_may_watch() {
    let clip = Clip::make();
    let init = &clip.plan.audio.as_ref().unwrap().table.init;
    for visibility in [Visibility::Public, Visibility::Private] {
        let site = Site::new().await;
        publish(&site, &clip, visibility).await;
        let open = visibility == Visibility::Public;
        for name in ["audio-1/index.m3u8", "audio-1/init.mp4", "audio-1/0.m4s"] {
            let stranger = site.get(&site.path(name)).await;
            assert_eq!(stranger.status == StatusCode::OK, open, "{name}");
            let granted = site.get(&site.granted(1, name)).await;
            assert_eq!(granted.status, StatusCode::OK, "{name}");
            let revoked = site.get(&site.granted(2, name)).await;
            assert_eq!(revoked.status == StatusCode::OK, open, "{name}");
        }
        let answer = site.get(&site.granted(1, "audio-1/init.mp4")).await;
        assert_eq!(answer.body.as_ref(), init.as_slice());
        let none = site.get(&site.granted(1, "audio-9/index.m3u8")).await;
        assert_eq!(none.status, StatusCode::NOT_FOUND);
    }
}
