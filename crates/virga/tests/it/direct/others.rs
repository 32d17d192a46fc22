//! What players besides ours find where media comes from the bucket: I-frame playlists and manifests.

use reqwest::StatusCode;
use virga_testkit::{Person, Site};

use super::{passer_by, range, ranges};

/// The I-frame playlists of some tracks, which are given by name and address.
pub(super) async fn key_frames_are_at_the_same_address(
    who: &Person,
    lists: &[String],
    named: &[(String, String)],
) {
    let mut found = 0;
    for (list, (_, address)) in lists.iter().zip(named) {
        let answer = who.get(&list.replace("index", "iframes")).await;
        if answer.status == StatusCode::NOT_FOUND {
            // Sound has no key frames.
            continue;
        }
        let (there, frames) = ranges(&answer.expect(200).text());
        assert_eq!(&there, address);
        for (from, length) in frames.into_iter().skip(1) {
            let frame = range(&passer_by(), &there, from, length).await;
            assert_eq!(frame.expect(206).body[4..8], *b"moof");
        }
        found += 1;
    }
    assert!(found > 0, "{lists:?}");
}

/// A manifest has the addresses and ranges of the playlists.
pub(super) async fn the_manifest_leads_there_too(
    site: &Site,
    video: &str,
    named: &[(String, String)],
) {
    let stranger = site.stranger();
    let path = format!("/media/{video}/manifest.mpd");
    let manifest = stranger.get(&path).await.expect(200).text();
    let manifest = manifest.replace("&amp;", "&");
    for (track, address) in named {
        let begins = manifest.find(&format!("<BaseURL>{address}</BaseURL>"));
        let set = &manifest[begins.expect("the object of HLS")..];
        let set = set.split("</Representation>").next().unwrap();
        let list = format!("/media/{video}/{track}/index.m3u8");
        let (_, ranges) = ranges(&stranger.get(&list).await.expect(200).text());
        assert_eq!(set.matches("ange=\"").count(), ranges.len(), "{set}");
        for (from, length) in ranges {
            let range = format!("ange=\"{from}-{}\"", from + length - 1);
            assert!(set.contains(&range), "{range} in {set}");
        }
    }
}

/// The manifest of a private video names these addresses of stream and none of the bucket.
pub(super) async fn the_manifest_names_redirects(who: &Person, video: &str, tracks: &[String]) {
    let playback = who.playback(video).await;
    let manifest = who.get(playback["dash"].as_str().unwrap()).await;
    let manifest = manifest.expect(200).text();
    assert!(!manifest.contains("http"), "{manifest}");
    for track in tracks {
        let name: Vec<&str> = track.rsplit('/').take(2).collect();
        let base = format!("<BaseURL>{}/{}</BaseURL>", name[1], name[0]);
        assert!(manifest.contains(&base), "{manifest}");
    }
}
