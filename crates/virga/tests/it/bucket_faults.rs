//! `kill -9` between the steps of an upload into a bucket, which no transaction holds together: after
//! the restart the upload ends well, and nothing of it is left in the bucket.

use futures_util::TryStreamExt;
use reqwest::Method;
use serde_json::json;
use virga_objects::{KeyPrefix, MediaStore};
use virga_testkit::{BucketServer, Person, Site};

use crate::{
    buckets::{PART, bucket, long_clip, on_bucket},
    faults::{all_is_well, heal, virga},
};

async fn armed(server: &BucketServer, place: &str) -> Site {
    server.bucket("site").await;
    on_bucket(virga(), server, "site")
        .set("VIRGA_FAILPOINTS", place)
        .start()
}

/// Deletes the video and answers how many uploads that the bucket holds by itself nobody knows of.
async fn left_in_the_bucket(server: &BucketServer, ann: &Person, video: &str) -> u64 {
    let _ = ann
        .delete(&format!("/api/v1/videos/{video}?now=true"))
        .await
        .expect(200);
    ann.wait_gone(video).await;
    let bucket = bucket(server, "site");
    let left: Vec<_> = bucket.list(&KeyPrefix::all()).try_collect().await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    let later = virga_core::Timestamp(i64::MAX);
    let removed = bucket.remove_leftovers(later).await.unwrap();
    assert_eq!(bucket.remove_leftovers(later).await.unwrap(), 0);
    removed
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
    // Its client got no answer and asks again: the row was written before.
    let upload = ann.post("/api/v1/uploads", ask).await.expect(200).json();
    ann.send_parts(&upload, &bytes).await;
    let path = format!(
        "/api/v1/uploads/{}/complete",
        upload["id"].as_str().unwrap()
    );
    let _ = ann.post(&path, json!({})).await.expect(202);
    all_is_well(&site, &ann, &video, &bytes).await;
    // The one that was begun first is found by its age.
    assert_eq!(left_in_the_bucket(&server, &ann, &video).await, 1);
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
    assert_eq!(left_in_the_bucket(&server, &ann, &video).await, 0);
}
