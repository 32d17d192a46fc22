//! The main job: upload, playable at once, watch, comment, delete, gone.

use serde_json::json;
use virga_testkit::{Clip, Site, sha256};

use crate::VIRGA;

#[tokio::test]
async fn an_uploaded_video_plays_is_discussed_and_goes_for_ever() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let clip = Clip::default().seconds(6.0).bytes();
    let video = ann.upload("Rain on the roof", "public", &clip).await;
    ann.wait_for(&video, &["playable", "ready"]).await;

    let stranger = site.stranger();
    let playback = stranger.playback(&video).await;
    let urls = stranger.media_urls(playback["hls"].as_str().unwrap()).await;
    assert!(
        urls.iter().filter(|url| url.contains(".m4s")).count() >= 4,
        "{urls:?}"
    );
    for url in &urls {
        let answer = stranger.get(url).await.expect(200);
        assert!(!answer.body.is_empty(), "{url}");
    }

    let path = format!("/api/v1/videos/{video}/comments");
    let _ = stranger
        .post(&path, json!({"text": "hi"}))
        .await
        .expect(401);
    let ben = site.register("ben").await;
    let comment = ben
        .post(&path, json!({"text": "Nice rain."}))
        .await
        .expect(201)
        .json();
    assert_eq!(comment["author"], "ben");
    assert_eq!(comment["by_admin"], false);
    let root = site.administrator().await;
    let _ = root
        .post(&path, json!({"text": "Welcome."}))
        .await
        .expect(201);
    let comments = stranger.get(&path).await.expect(200).json();
    let marks: Vec<&serde_json::Value> = comments["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|comment| &comment["by_admin"])
        .collect();
    assert_eq!(marks, [true, false], "{comments}");
    let listed = stranger
        .get("/api/v1/videos?q=RAIN")
        .await
        .expect(200)
        .json();
    assert_eq!(listed["items"][0]["id"], video.as_str());
    assert_eq!(listed["items"][0]["comments"], 2);

    let source = ann.source(&video).await.expect(200);
    assert_eq!(sha256(&source.body), sha256(&clip));

    let ready = ann.wait_for(&video, &["ready"]).await;
    assert_eq!(ready["warnings"], serde_json::Value::Null, "{ready}");
    let playback = stranger.playback(&video).await;
    for kind in ["poster", "fallback"] {
        let _ = stranger
            .get(playback[kind].as_str().unwrap())
            .await
            .expect(200);
    }

    let _ = ben
        .delete(&format!("/api/v1/videos/{video}"))
        .await
        .expect(403);
    let _ = ann
        .delete(&format!("/api/v1/videos/{video}?now=true"))
        .await
        .expect(200);
    let _ = stranger
        .get(&format!("/api/v1/videos/{video}"))
        .await
        .expect(404);
    let _ = stranger.get(&urls[0]).await.expect(404);
    ann.wait_gone(&video).await;
    site.wait_empty().await;
    let (code, report) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{report}");
}

#[tokio::test]
async fn where_a_viewer_stopped_is_kept_for_that_viewer_only() {
    let site = Site::of(VIRGA).start();
    let (ann, ben, stranger) = (
        site.register("ann").await,
        site.register("ben").await,
        site.stranger(),
    );
    let video = ann.playable("Long", "public").await;
    let path = format!("/api/v1/videos/{video}/position");
    let at = |seconds: f64| json!({ "seconds": seconds });
    for seconds in [1.25, 2.5] {
        let _ = ann.put_json(&path, at(seconds)).await.expect(204);
    }
    assert_eq!(ann.playback(&video).await["position"], 2.5);
    assert!(ben.playback(&video).await["position"].is_null());
    let _ = stranger.put_json(&path, at(1.0)).await.expect(401);
    for wrong in [-1.0, 1e300] {
        let _ = ann.put_json(&path, at(wrong)).await.expect(422);
    }
    let hidden = ann.draft("Hidden", "private").await;
    let path = format!("/api/v1/videos/{hidden}/position");
    let _ = ben.put_json(&path, at(1.0)).await.expect(404);
}
