//! `kill -9` between the steps of an upload into a bucket, which no transaction holds together: after
//! the restart the upload ends well, and nothing of it is left in the bucket.

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::json;
use virga_objects::MultipartSessions;
use virga_testkit::{BucketServer, Person, Site};

use crate::{
    buckets::{PART, bucket, is_empty, long_clip, on_bucket},
    faults::{all_is_well, heal, virga},
};

async fn armed(server: &BucketServer, place: &str) -> Site {
    server.bucket("site").await;
    on_bucket(virga(), server, "site")
        .set("VIRGA_FAILPOINTS", place)
        .start()
}

/// Deletes the video; nothing is left of it, also of what only the bucket knows.
async fn nothing_is_left(server: &BucketServer, ann: &Person, video: &str) {
    let _ = ann
        .delete(&format!("/api/v1/videos/{video}?now=true"))
        .await
        .expect(200);
    ann.wait_gone(video).await;
    is_empty(&bucket(server, "site")).await;
}

#[tokio::test]
async fn killed_between_an_upload_of_the_bucket_and_its_record() {
    let server = BucketServer::start().await;
    let mut site = armed(&server, "bucket.begun").await;
    let ann = site.register("ann").await;
    let bytes = long_clip();
    let video = ann.draft("Begun", "public").await;
    let ask = json!({"video_id": video, "file_name": "clip.mp4", "size": bytes.len(),
        "content_type": "video/mp4", "fingerprint": "clip.mp4/1"});
    let open = ann.request(Method::POST, "/api/v1/uploads").json(&ask);
    assert!(ann.try_send(open).await.is_err(), "it died on the way");
    heal(&mut site);
    let begun = bucket(&server, "site").list_sessions().count().await;
    assert_eq!(begun, 1, "the bucket holds it, and nothing names it");
    // Its client got no answer and asks again: the row was written before.
    let upload = ann.post("/api/v1/uploads", ask).await.expect(200).json();
    ann.send_parts(&upload, &bytes).await;
    let path = format!(
        "/api/v1/uploads/{}/complete",
        upload["id"].as_str().unwrap()
    );
    let _ = ann.post(&path, json!({})).await.expect(202);
    all_is_well(&site, &ann, &video, &bytes).await;
    nothing_is_left(&server, &ann, &video).await;
}

#[tokio::test]
async fn killed_after_the_bucket_has_put_the_parts_together() {
    let server = BucketServer::start().await;
    let mut site = armed(&server, "bucket.completed").await;
    let ann = site.register("ann").await;
    let bytes = long_clip();
    assert!(bytes.len() > PART);
    let video = ann.draft("Completed", "public").await;
    let upload = ann.open_upload(&video, bytes.len()).await;
    ann.send_parts(&upload, &bytes).await;
    let path = format!(
        "/api/v1/uploads/{}/complete",
        upload["id"].as_str().unwrap()
    );
    let complete = ann.request(Method::POST, &path);
    assert!(ann.try_send(complete).await.is_err(), "it died on the way");
    heal(&mut site);
    // Nobody asks again: the sweeper takes it up.
    all_is_well(&site, &ann, &video, &bytes).await;
    nothing_is_left(&server, &ann, &video).await;
}
