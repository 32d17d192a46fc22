//! Requests of one account that meet each other: what one of them may take, two may not.

use futures_util::future::join_all;
use serde_json::json;
use virga_testkit::Person;

/// Of the quota that the site is started with here, two of the files below fit, not three.
pub(crate) const QUOTA: &str = "10000000";
const FILE: usize = 4_000_000;

/// Four uploads open at once; the quota has room for two.
pub(crate) async fn quota_is_not_overdrawn(who: &Person) {
    let mut drafts = Vec::new();
    for n in 0..4 {
        drafts.push(who.draft(&format!("Race {n}"), "private").await);
    }
    let opens = drafts.iter().map(|video| {
        let ask = json!({"video_id": video, "file_name": "clip.mp4", "size": FILE,
            "content_type": "video/mp4", "fingerprint": format!("{video}/1")});
        who.post("/api/v1/uploads", ask)
    });
    let mut answers = Vec::new();
    for answer in join_all(opens).await {
        let refused = answer.status == 507;
        answers.push(if refused {
            answer.code()
        } else {
            let _ = answer.expect(201);
            String::new()
        });
    }
    answers.sort();
    assert_eq!(answers, ["", "", "upload.quota", "upload.quota"]);
    for video in drafts {
        let path = format!("/api/v1/videos/{video}?now=true");
        let _ = who.delete(&path).await.expect(200);
    }
}

/// Uploads a file and completes it four times at once: every answer is right, and one file is stored.
pub(crate) async fn completed_at_once(who: &Person, title: &str, bytes: &[u8]) -> String {
    let video = who.draft(title, "public").await;
    let upload = who.open_upload(&video, bytes.len()).await;
    who.send_parts(&upload, bytes).await;
    let path = format!(
        "/api/v1/uploads/{}/complete",
        upload["id"].as_str().unwrap()
    );
    let mut done = 0;
    for answer in join_all((0..4).map(|_| who.post(&path, json!({})))).await {
        // Who comes while another is at it is asked to come again.
        match answer.status.as_u16() {
            202 => done += 1,
            503 => assert!(answer.headers.contains_key("retry-after")),
            other => panic!("{other} {}", answer.text()),
        }
    }
    assert!(done > 0, "nobody completed it");
    let _ = who.post(&path, json!({})).await.expect(202);
    video
}
