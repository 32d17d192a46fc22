//! Who sees what over time: grants that end, views, events, comments. What stands where: `matrix.rs`.

use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use virga_testkit::{Clip, Person, Role, Site};

use crate::VIRGA;

async fn status(who: &Person, path: &str) -> u16 {
    // The event stream does not end; its head says enough.
    who.request(Method::GET, path)
        .send()
        .await
        .unwrap()
        .status()
        .as_u16()
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
    site.stranger().wait_until_refused(&before).await;
    assert_eq!(status(&site.stranger(), &before).await, 403);
    let after = ann.playback(&video).await["hls"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(status(&site.stranger(), &after).await, 200);

    let other = ann.playable("Other", "unlisted").await;
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
    site.stranger().wait_until_refused(&after).await;
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
    // What was given before the deletion does not come back with the video.
    assert_eq!(status(&site.stranger(), &after).await, 403);
}

#[tokio::test]
async fn a_reload_loop_counts_one_view() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.playable("Views", "public").await;
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

/// The lines of an event stream.
async fn event_lines(
    site: &Site,
    who: &Person,
    video: &str,
) -> tokio::io::Lines<BufReader<tokio::io::Take<tokio::net::TcpStream>>> {
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", site.port(Role::Serve)))
        .await
        .unwrap();
    let head = format!(
        "GET /api/v1/events?videos={video} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        who.token()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    BufReader::new(socket.take(1 << 20)).lines()
}

/// Reads events until one satisfies; all that were read.
async fn events_until(
    site: &Site,
    who: &Person,
    video: &str,
    last: impl Fn(&str, &Value) -> bool,
) -> Vec<(String, Value)> {
    let mut lines = event_lines(site, who, video).await;
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
async fn only_those_who_may_change_a_video_hear_how_far_its_work_is() {
    let site = Site::of(VIRGA).start();
    let (ann, ben) = (site.register("ann").await, site.register("ben").await);
    let clip = Clip::default().seconds(12.0).size("1280x720").bytes();
    let video = ann.upload("Work", "public", &clip).await;
    let _ = ann.wait_for(&video, &["playable", "ready"]).await;
    let ready = |name: &str, event: &Value| name == "state" && event["state"] == "ready";
    let of_owner = events_until(&site, &ann, &video, ready);
    let of_viewer = events_until(&site, &ben, &video, ready);
    let (of_owner, of_viewer) = tokio::join!(of_owner, of_viewer);
    let told = |events: &[(String, Value)]| events.iter().any(|(name, _)| name == "progress");
    assert!(told(&of_owner), "{of_owner:?}");
    assert!(!told(&of_viewer), "{of_viewer:?}");
    assert_eq!(of_viewer.last(), of_owner.last());
}

#[tokio::test]
async fn browsers_are_told_to_come_again_each_after_its_own_time() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.draft("Secret", "private").await;
    let mut waits = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let mut lines = event_lines(&site, &ann, &video).await;
        let wait = loop {
            let line = lines.next_line().await.unwrap().expect("it goes on");
            if let Some(wait) = line.strip_prefix("retry: ") {
                break wait.parse::<u64>().unwrap();
            }
        };
        assert!((2000..8000).contains(&wait), "{wait}");
        waits.insert(wait);
    }
    assert!(waits.len() > 1, "{waits:?}");
}

#[tokio::test]
async fn a_blocked_account_hears_nothing_more() {
    let site = Site::of(VIRGA).start();
    let (ann, root) = (site.register("ann").await, site.administrator().await);
    let video = ann.draft("Secret", "private").await;
    let mut lines = event_lines(&site, &ann, &video).await;
    while !lines.next_line().await.unwrap().unwrap().contains("draft") {}
    let path = "/api/v1/admin/users/ann/block";
    let _ = root.put(path, Vec::new()).await.expect(204);
    let ended = async { while lines.next_line().await.unwrap().is_some() {} };
    tokio::time::timeout(Duration::from_secs(30), ended)
        .await
        .expect("it goes on");
}

#[tokio::test]
async fn signing_out_everywhere_ends_the_event_streams_that_are_open() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.draft("Secret", "private").await;
    let mut lines = event_lines(&site, &ann, &video).await;
    while !lines.next_line().await.unwrap().unwrap().contains("draft") {}
    let _ = ann.delete("/api/v1/sessions").await.expect(204);
    let ended = async { while lines.next_line().await.unwrap().is_some() {} };
    tokio::time::timeout(Duration::from_secs(30), ended)
        .await
        .expect("it goes on");
}

#[tokio::test]
async fn comments_are_edited_by_their_author_and_removed_by_the_owner_too() {
    let site = Site::of(VIRGA).start();
    let (ann, ben, eve) = (
        site.register("ann").await,
        site.register("ben").await,
        site.register("eve").await,
    );
    let video = ann.playable("Talk", "public").await;
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

/// Opens an event stream; its answer, unread.
async fn listen(who: &Person, video: &str) -> reqwest::Response {
    let path = format!("/api/v1/events?videos={video}");
    who.request(Method::GET, &path).send().await.unwrap()
}

#[tokio::test]
async fn event_streams_have_a_limit_which_addresses_share() {
    const MOST: usize = 8;
    let site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__EVENT_STREAMS", &MOST.to_string())
        .start();
    let ann = site.register("ann").await;
    let video = ann.playable("Streams", "public").await;
    let [school, home] =
        ["127.0.0.2", "127.0.0.3"].map(|from| Person::at(site.url(), Some(from.parse().unwrap())));
    let mut open = Vec::new();
    for _ in 0..MOST {
        let stream = listen(&school, &video).await;
        assert_eq!(stream.status(), 200);
        open.push(stream);
    }
    let request = school.request(Method::GET, &format!("/api/v1/events?videos={video}"));
    let refused = school.send(request).await.expect(429);
    assert_eq!(refused.code(), "events.too-many");
    assert_eq!(refused.headers["retry-after"], "15");

    // Another address gets a place, and the one with the most loses its longest idle stream.
    let other = listen(&home, &video).await;
    assert_eq!(other.status(), 200);
    let lost = open.remove(0);
    let ended = tokio::time::timeout(Duration::from_secs(60), lost.bytes()).await;
    assert!(ended.unwrap().is_ok(), "it ends like any answer");

    // A stream that is closed gives its place back.
    drop(open);
    let again = async {
        while listen(&school, &video).await.status() != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), again)
        .await
        .expect("places come back");
}
