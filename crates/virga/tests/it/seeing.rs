//! Who sees what: visibility over every address that leads to a video, grants, views, events.

use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use virga_testkit::{Clip, Person, Role, Site};

use crate::VIRGA;

/// Every address of a video that leads to its bytes or to a hint that it is there.
async fn addresses(owner: &Person, video: &str) -> Vec<String> {
    let mut found = vec![
        format!("/v/{video}"),
        format!("/api/v1/videos/{video}"),
        format!("/api/v1/videos/{video}/playback"),
        format!("/api/v1/videos/{video}/comments"),
        format!("/api/v1/events?videos={video}"),
    ];
    let playback = owner.playback(video).await;
    for url in owner.media_urls(playback["hls"].as_str().unwrap()).await {
        // Without the grant: what someone would try who knows the id only.
        let plain = match url.strip_prefix("/media/g/") {
            Some(rest) => format!("/media/{}", rest.split_once('/').unwrap().1),
            None => url,
        };
        found.push(plain);
    }
    found.extend(["poster.jpg", "fallback.mp4"].map(|name| format!("/media/{video}/{name}")));
    found
}

async fn status(who: &Person, path: &str) -> u16 {
    // The event stream does not end; its head says enough.
    who.request(Method::GET, path)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
}

async fn is_listed(who: &Person, video: &str, owner: &str) -> bool {
    let mut listed = false;
    for path in [
        "/api/v1/videos",
        "/api/v1/videos?q=matrix",
        "/api/v1/videos?sort=popular",
    ] {
        listed |= who.get(path).await.text().contains(video);
    }
    let person = format!("/api/v1/users/{owner}");
    listed |= who
        .get(&format!("{person}/videos"))
        .await
        .text()
        .contains(video);
    listed
        | (who.get(&person).await.json()["videos"] != 0)
        | who.get("/").await.text().contains(video)
}

#[tokio::test]
async fn each_visibility_holds_at_every_address() {
    let site = Site::of(VIRGA).start();
    let (ann, eve) = (site.register("ann").await, site.register("eve").await);
    let video = ann
        .upload("Matrix", "public", &Clip::default().bytes())
        .await;
    ann.wait_for(&video, &["ready"]).await;
    for visibility in ["public", "unlisted", "private"] {
        let path = format!("/api/v1/videos/{video}");
        let _ = ann
            .patch(&path, json!({"visibility": visibility}))
            .await
            .expect(200);
        for (who, viewer) in [("eve", eve.clone()), ("stranger", site.stranger())] {
            for address in addresses(&ann, &video).await {
                let media = address.starts_with("/media/");
                let right = match visibility {
                    "public" => 200,
                    // Bytes of what is not public need a grant; the page and API give one.
                    _ if media => 403,
                    "unlisted" => 200,
                    _ => 404,
                };
                assert_eq!(
                    status(&viewer, &address).await,
                    right,
                    "{visibility} {who} {address}"
                );
            }
            let listed = is_listed(&viewer, &video, "ann").await;
            assert_eq!(listed, visibility == "public", "{visibility} {who}");
        }
        let playback = ann.playback(&video).await;
        for url in ann.media_urls(playback["hls"].as_str().unwrap()).await {
            assert_eq!(
                status(&site.stranger(), &url).await,
                200,
                "a grant names no viewer: {url}"
            );
        }
    }
}

#[tokio::test]
async fn narrowing_and_deleting_end_every_grant_at_once() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann
        .upload("Grants", "unlisted", &Clip::default().bytes())
        .await;
    ann.wait_for(&video, &["ready"]).await;
    let path = format!("/api/v1/videos/{video}");
    let before = ann.playback(&video).await["hls"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(status(&site.stranger(), &before).await, 200);
    let _ = ann
        .patch(&path, json!({"visibility": "private"}))
        .await
        .expect(200);
    assert_eq!(status(&site.stranger(), &before).await, 403);
    let after = ann.playback(&video).await["hls"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(status(&site.stranger(), &after).await, 200);

    let other = ann
        .upload("Other", "unlisted", &Clip::default().bytes())
        .await;
    ann.wait_for(&other, &["playable", "ready"]).await;
    let _ = ann.playback(&other).await;
    let moved = after.replace(&video, &other);
    assert_eq!(
        status(&site.stranger(), &moved).await,
        403,
        "a grant of A does not open B"
    );
    let flipped = after.replacen("/media/g/", "/media/g/x", 1);
    assert_eq!(status(&site.stranger(), &flipped).await, 403);

    let _ = ann.delete(&path).await.expect(200);
    assert!(matches!(status(&site.stranger(), &after).await, 403 | 404));
    let _ = ann
        .post(&format!("{path}/restore"), json!({}))
        .await
        .expect(200);
    let again = ann.playback(&video).await["hls"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(status(&site.stranger(), &again).await, 200);
}

#[tokio::test]
async fn a_reload_loop_counts_one_view() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann
        .upload("Views", "public", &Clip::default().bytes())
        .await;
    ann.wait_for(&video, &["playable", "ready"]).await;
    let path = format!("/api/v1/videos/{video}/views");
    let _ = ann.post(&path, json!({"watched": 0.1})).await.expect(422);
    for _ in 0..100 {
        let _ = ann.post(&path, json!({"watched": 2.0})).await.expect(204);
    }
    let stranger = site.stranger();
    let _ = stranger
        .post(&path, json!({"watched": 10.0}))
        .await
        .expect(204);
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while ann.get(&format!("/api/v1/videos/{video}")).await.json()["views"] != 2 {
        assert!(
            std::time::Instant::now() < deadline,
            "two viewers, two views"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Reads events until one satisfies; all that were read.
async fn events_until(
    site: &Site,
    who: &Person,
    video: &str,
    last: impl Fn(&str, &Value) -> bool,
) -> Vec<(String, Value)> {
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", site.port(Role::Serve)))
        .await
        .unwrap();
    let head = format!(
        "GET /api/v1/events?videos={video} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        who.token()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(socket.take(1 << 20)).lines();
    let (mut read, mut name) = (Vec::new(), String::new());
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some(event) = line.strip_prefix("event: ") {
            event.clone_into(&mut name);
        } else if let Some(payload) = line.strip_prefix("data: ") {
            let payload: Value = serde_json::from_str(payload).unwrap();
            let over = last(&name, &payload);
            read.push((name.clone(), payload));
            if over {
                return read;
            }
        }
    }
    panic!("the stream ended: {read:?}");
}

#[tokio::test]
async fn events_tell_the_way_from_upload_to_ready() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let clip = Clip::default().seconds(8.0).size("1280x720").bytes();
    let video = ann.draft("Events", "public").await;
    let upload = ann.open_upload(&video, clip.len()).await;
    let uploading = async {
        ann.send_parts(&upload, &clip).await;
        let path = format!(
            "/api/v1/uploads/{}/complete",
            upload["id"].as_str().unwrap()
        );
        let _ = ann.post(&path, json!({})).await.expect(202);
    };
    let listening = events_until(&site, &ann, &video, |name, event| {
        name == "state" && event["state"] == "ready"
    });
    let (events, ()) = tokio::join!(listening, uploading);
    let states: Vec<&str> = events
        .iter()
        .filter(|(name, _)| name == "state")
        .map(|(_, event)| event["state"].as_str().unwrap())
        .collect();
    assert_eq!(states.first(), Some(&"uploading"), "{events:?}");
    assert!(states.contains(&"playable"), "{states:?}");
    assert!(
        events.iter().any(|(name, _)| name == "presentation"),
        "{events:?}"
    );
    assert!(
        events.iter().any(|(name, _)| name == "progress"),
        "{events:?}"
    );
}

#[tokio::test]
async fn comments_are_edited_by_their_author_and_removed_by_the_owner_too() {
    let site = Site::of(VIRGA).start();
    let (ann, ben, eve) = (
        site.register("ann").await,
        site.register("ben").await,
        site.register("eve").await,
    );
    let video = ann.upload("Talk", "public", &Clip::default().bytes()).await;
    ann.wait_for(&video, &["playable", "ready"]).await;
    let path = format!("/api/v1/videos/{video}/comments");
    let mut ids = Vec::new();
    for n in 0..5 {
        let text = json!({"text": format!("comment {n}"), "author": "ann", "author_id": "x"});
        let comment = ben.post(&path, text).await.expect(201).json();
        assert_eq!(comment["author"], "ben", "the author is who is signed in");
        ids.push(comment["id"].as_str().unwrap().to_owned());
    }
    let page = ben.get(&format!("{path}?limit=3")).await.expect(200).json();
    assert_eq!(page["items"][0]["text"], "comment 4");
    let next = page["next"].as_str().unwrap();
    let rest = ben
        .get(&format!("{path}?limit=3&cursor={next}"))
        .await
        .expect(200)
        .json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 2);
    assert!(rest["next"].is_null());
    let one = |n: usize| format!("{path}/{}", ids[n]);
    let _ = eve
        .patch(&one(0), json!({"text": "mine"}))
        .await
        .expect(403);
    let _ = ann
        .patch(&one(0), json!({"text": "mine"}))
        .await
        .expect(403);
    let edited = ben
        .patch(&one(0), json!({"text": "edited"}))
        .await
        .expect(200)
        .json();
    assert!(edited["edited_at"].is_string());
    let _ = eve.delete(&one(0)).await.expect(403);
    let _ = ann.delete(&one(0)).await.expect(204);
    let _ = ben.delete(&one(1)).await.expect(204);
    let shown = ann.get(&format!("/api/v1/videos/{video}")).await.json();
    assert_eq!(shown["comments"], 3);
}
