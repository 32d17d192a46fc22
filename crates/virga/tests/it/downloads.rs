//! The file that a video was made of, as a download: the API says who may have it, and stream or the
//! bucket sends it.

use reqwest::{Method, header::RANGE};
use serde_json::json;
use std::time::Duration;
use virga_core::{
    OsEntropy, Timestamp,
    keys::KeyRing,
    paths::{SourceTicket, Ticket},
};
use virga_testkit::{Answer, BucketServer, Clip, Person, Role, Site, sha256};

use crate::{
    VIRGA,
    admin::administrator,
    direct::{open_to_browsers, range},
    signatures::{all_the_same, flipped, now, ring_of},
};

/// Uploads a file under this name.
async fn upload(who: &Person, name: &str, bytes: &[u8]) -> String {
    let video = who.draft("Rain", "private").await;
    let ask =
        json!({"video_id": video, "file_name": name, "size": bytes.len(), "fingerprint": "x"});
    let upload = who.post("/api/v1/uploads", ask).await.expect(201).json();
    who.send_parts(&upload, bytes).await;
    let id = upload["id"].as_str().unwrap();
    let complete = format!("/api/v1/uploads/{id}/complete");
    let _ = who.post(&complete, json!({})).await.expect(202);
    who.wait_for(&video, &["ready", "failed"]).await;
    video
}

/// Where the API leads.
async fn led(who: &Person, video: &str) -> String {
    let path = format!("/api/v1/videos/{video}/source");
    let answer = who.get(&path).await.expect(302);
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.location().to_owned()
}

async fn with(who: &Person, path: &str, name: &str, value: &str) -> Answer {
    let request = who.request(Method::GET, path).header(name, value);
    who.send(request).await
}

#[tokio::test]
async fn downloads_are_sent_by_stream_whole_or_in_part_under_their_name() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let bytes = Clip::default().bytes();
    let video = upload(&ann, "雨 \"1\".mp4", &bytes).await;
    // Whoever has the address may fetch it: programs that download send no session.
    let (address, anyone) = (led(&ann, &video).await, site.stranger());
    assert!(address.starts_with("/media/source/"), "{address}");
    let whole = anyone.get(&address).await.expect(200);
    assert_eq!(sha256(&whole.body), sha256(&bytes));
    let header = |name: &str| whole.headers[name].to_str().unwrap();
    assert_eq!(
        header("content-disposition"),
        "attachment; filename=\"_ _1_.mp4\"; filename*=UTF-8''%E9%9B%A8%20%221%22.mp4"
    );
    assert_eq!(header("content-type"), "application/octet-stream");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("content-security-policy"), "sandbox");
    assert_eq!(header("x-content-type-options"), "nosniff");
    let length = bytes.len() as u64;
    let part = range(&anyone, &address, 10, 90).await.expect(206);
    assert_eq!(part.body, bytes[10..100]);
    assert_eq!(
        part.headers["content-range"].to_str().unwrap(),
        format!("bytes 10-99/{length}")
    );
    assert_eq!(
        part.headers["content-disposition"],
        header("content-disposition")
    );
    let beyond = format!("bytes={length}-");
    let beyond = with(&anyone, &address, "range", &beyond).await.expect(416);
    assert_eq!(
        beyond.headers["content-range"].to_str().unwrap(),
        format!("bytes */{length}")
    );
    let tag = header("etag");
    let _ = with(&anyone, &address, "if-none-match", tag)
        .await
        .expect(304);
    // What went on with another file would be no file at all.
    for (condition, status) in [(tag, 206), ("\"other\"", 200)] {
        let request = anyone.request(Method::GET, &address);
        let request = request
            .header(RANGE, "bytes=5-")
            .header("if-range", condition);
        let _ = anyone.send(request).await.expect(status);
    }
    let head = anyone.request(Method::HEAD, &address);
    let head = anyone.send(head).await.expect(200);
    assert_eq!(
        head.headers["content-length"].to_str().unwrap(),
        length.to_string()
    );
}

#[tokio::test]
async fn downloads_are_for_owners_and_administrators_until_the_video_is_deleted() {
    let site = Site::of(VIRGA).start();
    let root = administrator(&site).await;
    let (ann, eve) = (site.register("ann").await, site.register("eve").await);
    let played = upload(&ann, "a.mp4", &Clip::default().bytes()).await;
    let never_played = upload(&ann, "b.mp4", b"no video at all").await;
    let draft = ann.draft("Empty", "public").await;
    let of_draft = format!("/api/v1/videos/{draft}/source");
    let _ = ann.get(&of_draft).await.expect(404);
    for video in [&played, &never_played] {
        let path = format!("/api/v1/videos/{video}");
        let source = format!("{path}/source");
        let _ = eve.get(&source).await.expect(404);
        let _ = site.stranger().get(&source).await.expect(404);
        let _ = root.source(video).await.expect(200);
        let address = led(&ann, video).await;
        let _ = ann.get(&address).await.expect(200);
        let _ = ann.delete(&path).await.expect(200);
        ann.wait_until_refused(&address).await;
        let _ = ann.get(&address).await.expect(404);
        let _ = ann.get(&source).await.expect(409);
        let restore = format!("{path}/restore");
        let _ = ann.post(&restore, json!({})).await.expect(200);
        let _ = ann.source(video).await.expect(200);
        let address = led(&ann, video).await;
        let _ = ann.delete(&format!("{path}?now=true")).await.expect(200);
        ann.wait_gone(video).await;
        let _ = ann.get(&address).await.expect(404);
    }
}

#[tokio::test]
async fn downloads_by_a_wrong_ticket_read_the_same() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let (one, two) = (
        upload(&ann, "a.mp4", b"one").await,
        upload(&ann, "a.mp4", b"two").await,
    );
    let (good, other) = (led(&ann, &one).await, led(&ann, &two).await);
    let upload = good.split(['/', '?']).nth(4).unwrap();
    let ticket = |expires| SourceTicket {
        video: one.parse().unwrap(),
        upload: upload.parse().unwrap(),
        name: "a.mp4".to_owned(),
        expires,
    };
    let (ring, foreign) = (ring_of(&site), KeyRing::generate(&OsEntropy));
    let hour = Duration::from_secs(3600);
    let _ = ann
        .get(&ticket(now().plus(hour)).to_path(&ring))
        .await
        .expect(200);
    let (path, query) = good.split_once('?').unwrap();
    let sig = good.find("sig=").unwrap() + 4;
    let mut wrong = vec![
        ticket(now().minus(Duration::from_secs(1))).to_path(&ring),
        ticket(Timestamp::from_seconds(0)).to_path(&ring),
        ticket(now().plus(hour)).to_path(&foreign),
        good.replace(&one, &two),
        good.replace("name=a", "name=b"),
        good.replace("exp=", "exp=0"),
        good.replace(&one, &format!("{one}%00")),
        good.replace(&one, "%2e%2e"),
        format!("{path}?{}", other.split_once('?').unwrap().1),
        format!("{path}?{query}&name=a.mp4"),
        path.to_owned(),
    ];
    wrong.extend(flipped(&good, sig));
    all_the_same(&site, "GET", &wrong).await;
    let _ = ann
        .get(&good.replace("/source/", "/source//"))
        .await
        .expect(404);
}

#[tokio::test]
async fn downloads_come_from_the_bucket_where_media_does() {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let mut site = open_to_browsers(&server)
        .set("VIRGA_DELIVERY__MODE", "direct")
        .start();
    let ann = site.register("ann").await;
    let bytes = Clip::default().bytes();
    let video = upload(&ann, "雨.mp4", &bytes).await;
    let address = led(&ann, &video).await;
    let sent = ann.get(&address).await.expect(302);
    assert_eq!(sent.headers["cache-control"], "no-store");
    let there = sent.location();
    assert!(
        there.starts_with(&server.url()),
        "never the internal name: {there}"
    );
    let browser = Person::new("");
    let whole = browser.get(there).await.expect(200);
    assert_eq!(sha256(&whole.body), sha256(&bytes));
    assert_eq!(
        whole.headers["content-disposition"],
        "attachment; filename=\"_.mp4\"; filename*=UTF-8''%E9%9B%A8.mp4"
    );
    let part = range(&browser, there, 10, 90).await.expect(206);
    assert_eq!(part.body, bytes[10..100]);
    // The name is signed as well.
    let renamed = there.replace(".mp4", ".exe");
    assert_ne!(renamed, there);
    let _ = browser.get(&renamed).await.expect(403);

    // Through the nodes where media goes through them.
    site.terminate(Role::Serve);
    site.set("VIRGA_DELIVERY__PRIVATE_MODE", "proxy");
    site.start(Role::Serve);
    let part = range(&ann, &led(&ann, &video).await, 10, 90)
        .await
        .expect(206);
    assert_eq!(part.body, bytes[10..100]);
    let path = format!("/api/v1/videos/{video}");
    let _ = ann.delete(&path).await.expect(200);
    ann.wait_until_refused(&address).await;
}
