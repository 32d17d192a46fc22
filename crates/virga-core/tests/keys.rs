//! Object keys: what is one, and what follows from one.

use proptest::prelude::*;
use virga_core::{CacheLifetime, MediaKey, ObjectClass, OsEntropy, UploadId, VideoId};

#[test]
fn a_key_survives_its_text_and_knows_its_class() {
    let (video, upload) = (VideoId::random(&OsEntropy), UploadId::random(&OsEntropy));
    let cases = [
        (MediaKey::presentation(video), ObjectClass::Presentation),
        (MediaKey::source(video, upload), ObjectClass::Source),
        (
            MediaKey::table(video, 3, 1, "a").unwrap(),
            ObjectClass::Table,
        ),
        (
            MediaKey::samples(video, 3, 1, "a").unwrap(),
            ObjectClass::Samples,
        ),
        (
            MediaKey::track(video, 3, 1, "480p").unwrap(),
            ObjectClass::Track,
        ),
        (MediaKey::poster(video, 3, 1), ObjectClass::Poster),
        (MediaKey::fallback(video, 3, 1), ObjectClass::Fallback),
        (
            MediaKey::storyboard(video, 3, 1, 400).unwrap(),
            ObjectClass::Storyboard,
        ),
        (MediaKey::texts(video, 3, 1), ObjectClass::Texts),
    ];
    for (key, class) in cases {
        assert_eq!(key.class(), class, "{key}");
        assert_eq!(MediaKey::parse(key.as_str()).unwrap(), key);
        assert_eq!(key.video().unwrap(), video);
        assert!(key.as_str().starts_with(MediaKey::prefix(video).as_str()));
    }
    let attempt = MediaKey::attempt_prefix(video, 3, 1);
    assert!(
        MediaKey::poster(video, 3, 1)
            .as_str()
            .starts_with(attempt.as_str())
    );
    assert_eq!(
        MediaKey::source(video, upload).cache(),
        CacheLifetime::NoStore
    );
    assert_eq!(
        MediaKey::poster(video, 3, 1).cache(),
        CacheLifetime::Immutable
    );
}

#[test]
fn path_tricks_are_no_keys() {
    let video = VideoId::random(&OsEntropy);
    for text in [
        String::new(),
        "v".into(),
        format!("v/{video}"),
        format!("v/{video}/"),
        format!("/v/{video}/source"),
        format!("v/{video}//source"),
        format!("v/{video}/../source"),
        format!("v/{video}/a/.."),
        format!("v/{video}/.hidden"),
        format!("v/{video}/a b"),
        format!("v/{video}/a\0"),
        format!("v/{video}/a\\b"),
        format!("v/{video}/é"),
        format!("v/{video}/{}", "a".repeat(300)),
        format!("w/{video}/source"),
        "v/short/source".into(),
    ] {
        assert!(MediaKey::parse(&text).is_err(), "{text:?}");
    }
    assert!(MediaKey::attempt(video, 1, 1, "../x").is_err());
    assert!(MediaKey::table(video, 1, 1, "a/../b").is_err());
}

proptest! {
    #[test]
    fn no_key_leaves_its_folder(text in "[a-z0-9./_%\\\\-]{0,24}") {
        let whole = format!("v/abcdefghijk/{text}");
        if let Ok(key) = MediaKey::parse(&whole) {
            prop_assert_eq!(key.as_str(), whole.as_str());
            for segment in key.as_str().split('/') {
                prop_assert!(!segment.is_empty() && !segment.starts_with('.'));
            }
        }
    }
}
