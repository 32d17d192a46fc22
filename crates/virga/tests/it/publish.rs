//! Uploads stay private until their owner publishes them; an account chooses what they start with.

use serde_json::{Value, json};
use virga_testkit::{Clip, Person, Site};

use crate::VIRGA;

/// A draft as the upload page makes it.
async fn draft(owner: &Person, title: &str, publish_as: &str) -> String {
    let ask = json!({"title": title, "visibility": "public", "publish_as": publish_as});
    let video = owner.post("/api/v1/videos", ask).await.expect(201).json();
    assert_eq!(video["visibility"], "private", "{video}");
    assert_eq!(video["publish_as"], publish_as, "{video}");
    video["id"].as_str().unwrap().to_owned()
}

async fn titles(owner: &Person, unpublished: bool) -> Vec<String> {
    let path = format!("/api/v1/users/me/videos?unpublished={unpublished}");
    let list = owner.get(&path).await.expect(200).json();
    let items = list["items"].as_array().unwrap();
    let title = |it: &Value| it["title"].as_str().unwrap().to_owned();
    items.iter().map(title).collect()
}

#[tokio::test]
async fn a_video_stays_private_until_its_owner_publishes_it() {
    let site = Site::of(VIRGA).start();
    let (ann, guest) = (site.register("ann").await, site.stranger());
    let video = draft(&ann, "Rain", "unlisted").await;
    let path = format!("/api/v1/videos/{video}");
    let _ = draft(&ann, "Later", "public").await;
    let gone = draft(&ann, "Gone", "public").await;
    let _ = ann
        .delete(&format!("/api/v1/videos/{gone}"))
        .await
        .expect(200);
    let _ = ann.draft("As sent", "public").await;
    assert_eq!(titles(&ann, true).await, ["Later", "Rain"]);
    assert_eq!(titles(&ann, false).await, ["As sent", "Gone"]);

    ann.fill(&video, &Clip::default().seconds(1.0).bytes())
        .await;
    let ready = ann.wait_for(&video, &["ready"]).await;
    assert_eq!(ready["visibility"], "private");
    let _ = guest.get(&path).await.expect(404);

    // Another plan is no publication.
    let plan = json!({"publish_as": "public", "title": "Rain at last"});
    let planned = ann.patch(&path, plan.clone()).await.expect(200).json();
    assert_eq!(planned["publish_as"], "public", "{planned}");
    let _ = guest.get(&path).await.expect(404);

    let publish = json!({"visibility": "public"});
    let public = ann.patch(&path, publish).await.expect(200).json();
    assert_eq!(public["publish_as"], Value::Null, "{public}");
    let at = |video: &Value| video["published_at"].as_str().unwrap().to_owned();
    assert!(
        at(&public) > at(&ready),
        "it is new when others first see it"
    );
    let listed = guest.get("/api/v1/videos").await.expect(200).json();
    assert_eq!(listed["items"][0]["title"], "Rain at last");
    assert_eq!(listed["items"][0]["publish_as"], Value::Null);
    assert_eq!(titles(&ann, true).await, ["Later"]);

    let late = ann.patch(&path, plan).await.expect(409);
    assert_eq!(late.code(), "video.published");
    // Private is a choice too: nothing is left to be published.
    let private = json!({"visibility": "private"});
    let hidden = ann.patch(&path, private).await.expect(200).json();
    assert_eq!(hidden["publish_as"], Value::Null, "{hidden}");
}

#[tokio::test]
async fn an_account_chooses_what_its_uploads_start_with() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let me = ann.get("/api/v1/users/me").await.expect(200).json();
    assert_eq!(me["upload_visibility"], "public");
    assert_eq!(me["publish_at_once"], false);
    let change = json!({"upload_visibility": "unlisted", "publish_at_once": true});
    let me = ann.patch("/api/v1/users/me", change).await.expect(200);
    assert_eq!(me.json()["upload_visibility"], "unlisted");
    let change = json!({"publish_at_once": false});
    let _ = ann.patch("/api/v1/users/me", change).await.expect(200);
    let me = ann.get("/api/v1/users/me").await.expect(200).json();
    assert_eq!(me["upload_visibility"], "unlisted", "absent fields stay");
    assert_eq!(me["publish_at_once"], false);
    let wrong = json!({"upload_visibility": "friends"});
    let _ = ann.patch("/api/v1/users/me", wrong).await.expect(422);
}

#[tokio::test]
async fn a_second_editor_is_told_and_views_are_no_edit() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.draft("Rain", "public").await;
    let path = format!("/api/v1/videos/{video}");
    let tag = ann.get(&path).await.expect(200).headers["etag"].clone();
    let edit = |title: &str, tag: &reqwest::header::HeaderValue| {
        let request = ann.request(reqwest::Method::PATCH, &path);
        let request = request.header("if-match", tag.clone());
        ann.send(request.json(&json!({"title": title})))
    };
    // Work goes on and people watch meanwhile: the page has changed, what is edited has not.
    ann.fill(&video, &Clip::default().seconds(1.0).bytes())
        .await;
    ann.wait_for(&video, &["ready"]).await;
    let now = ann.get(&path).await.expect(200).headers["etag"].clone();
    assert_ne!(tag, now);
    let _ = edit("First", &tag).await.expect(200);
    assert_eq!(
        edit("Second", &tag).await.expect(412).code(),
        "video.changed"
    );
    let _ = edit("Second", &now).await.expect(412);
    let shown = ann.get(&path).await.expect(200);
    assert_eq!(shown.json()["title"], "First");
    let _ = edit("Third", &shown.headers["etag"]).await.expect(200);
}

#[tokio::test]
async fn titles_and_file_names_are_composed_and_cut_between_letters() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.draft("Cafe\u{301}", "private").await;
    let shown = ann.get(&format!("/api/v1/videos/{video}")).await;
    assert_eq!(shown.expect(200).json()["title"], "Caf\u{e9}");
    let rain = "\u{1f327}\u{fe0f}";
    let ask = json!({"video_id": video, "size": 9, "content_type": "",
        "file_name": format!("{}{rain}.mp4", "x".repeat(199)),
        "fingerprint": format!("{}{rain}", "x".repeat(126))});
    let upload = ann.post("/api/v1/uploads", ask).await.expect(201).json();
    assert_eq!(upload["file_name"], "x".repeat(199));
}
