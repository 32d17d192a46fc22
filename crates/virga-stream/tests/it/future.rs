//! A presentation of a later release: what this one knows of it plays, the rest is passed over.

use http::StatusCode;
use serde_json::{Value, json};
use virga_core::MediaKey;
use virga_objects::MediaStore;

use crate::{clip::Clip, site::Site};

/// Changes the published document as a later release might have written it.
async fn rewrite(site: &Site, change: impl FnOnce(&mut Value)) {
    let key = MediaKey::presentation(site.video);
    let bytes = site.store.read_all(&key, 1 << 20).await.unwrap();
    let mut document: Value = serde_json::from_slice(&bytes).unwrap();
    change(&mut document);
    let bytes = serde_json::to_vec(&document).unwrap();
    site.store.put(&key, bytes.into()).await.unwrap();
}

#[tokio::test]
async fn tracks_of_a_later_release_are_passed_over() {
    let (site, clip) = (Site::new().await, Clip::make());
    clip.publish_from_objects(&site, 1).await;
    rewrite(&site, |document| {
        document["format"] = json!(7);
        document["hologram"] = json!({"key": "v/x"});
        let table = document["videos"][0]["table"].clone();
        let body = json!({"from": "pieces", "index": "v/y", "pieces": [1, 2]});
        let later = json!({"name": "later", "table": table, "body": body, "role": "main"});
        document["videos"].as_array_mut().unwrap().insert(0, later);
    })
    .await;
    let main = site.get(&site.path("main.m3u8")).await;
    assert_eq!(main.status, StatusCode::OK);
    assert!(main.text().contains("source/index.m3u8"), "{}", main.text());
    assert!(!main.text().contains("later"), "{}", main.text());
    for (path, status) in [
        ("source/index.m3u8", StatusCode::OK),
        ("later/index.m3u8", StatusCode::NOT_FOUND),
        ("later/init.mp4", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(site.get(&site.path(path)).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_visibility_of_a_later_release_is_not_public() {
    let (site, clip) = (Site::new().await, Clip::make());
    clip.publish_from_objects(&site, 1).await;
    rewrite(&site, |document| document["visibility"] = json!("members")).await;
    let bare = site.get(&site.path("main.m3u8")).await;
    assert!(bare.status.is_client_error(), "{}", bare.status);
    let granted = site.get(&site.granted(1, "main.m3u8")).await;
    assert_eq!(granted.status, StatusCode::OK);
}

#[tokio::test]
async fn a_document_with_a_key_that_is_none_is_an_error_in_words() {
    let places = ["/videos/0/body/object", "/videos/0/table", "/poster"];
    for place in places {
        let (site, clip) = (Site::new().await, Clip::make());
        clip.publish_from_objects(&site, 1).await;
        rewrite(&site, |document| {
            *document.pointer_mut(place).unwrap() = json!("v/../x");
        })
        .await;
        for path in ["main.m3u8", "source/index.m3u8", "poster.jpg"] {
            let answer = site.get(&site.path(path)).await;
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{place}");
            let problem: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(problem["code"], "internal", "{place}: {problem}");
        }
    }
}
