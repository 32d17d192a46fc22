//! Grants, part addresses and form addresses: whatever is wrong with one, the answer is the same.

use serde_json::Value;
use std::{fs, time::Duration};
use virga_core::{
    Clock, OsEntropy, SystemClock, Timestamp, UploadId, VideoId,
    keys::{self, KeyRing},
    paths::{FormTicket, PartTicket, Ticket},
};
use virga_testkit::{Person, Role, Site};

use crate::{VIRGA, sockets::exchange};

const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

pub(crate) fn ring_of(site: &Site) -> KeyRing {
    KeyRing::parse(&fs::read_to_string(site.data().join("keys/site")).unwrap()).unwrap()
}

/// Status and body of an answer to exactly this address; no client puts it in order first.
async fn raw(site: &Site, method: &str, path: &str) -> (String, String) {
    let body = if method == "GET" {
        ""
    } else {
        "Content-Length: 10\r\n"
    };
    let bytes = if method == "GET" { "" } else { "0123456789" };
    let ask =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{body}Connection: close\r\n\r\n{bytes}");
    let said = exchange(site, ask.as_bytes()).await;
    let (head, body) = said
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{path}: {said}"));
    let id = head
        .lines()
        .find_map(|line| line.strip_prefix("x-request-id: "))
        .unwrap();
    (head[9..12].to_owned(), body.replace(id, "ID"))
}

/// Each is refused, and all refusals are one.
pub(crate) async fn all_the_same(site: &Site, method: &str, paths: &[String]) {
    let first = raw(site, method, &paths[0]).await;
    assert_eq!(first.0, "403", "{}: {}", paths[0], first.1);
    for path in paths {
        assert_eq!(raw(site, method, path).await, first, "{path}");
    }
}

/// A text with each of its characters from `from` on changed, one at a time.
pub(crate) fn flipped(text: &str, from: usize) -> Vec<String> {
    (from..text.len())
        .map(|at| {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            format!("{}{other}{}", &text[..at], &text[at + 1..])
        })
        .collect()
}

/// The grant in a playlist's address.
async fn granted(who: &Person, video: &str) -> String {
    let playback = who.playback(video).await;
    let hls = playback["hls"].as_str().unwrap();
    let rest = hls.strip_prefix("/media/g/").unwrap();
    rest.split_once('/').unwrap().0.to_owned()
}

#[tokio::test]
async fn signatures_every_wrong_grant_reads_the_same() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let (a, b) = (
        ann.playable("A", "private").await,
        ann.playable("B", "private").await,
    );
    let (ring, grant) = (ring_of(&site), granted(&ann, &a).await);
    let id: VideoId = a.parse().unwrap();
    let end =
        |text: &str| Timestamp::from_seconds(text.split('.').nth(1).unwrap().parse().unwrap());
    let epoch = (0..9)
        .find(|epoch| keys::grant(&ring, id, *epoch, end(&grant)) == grant)
        .unwrap();
    let signed = |ring: &KeyRing, epoch, end| keys::grant(ring, id, epoch, end);
    let foreign = KeyRing::generate(&OsEntropy);
    let kid = grant.split('.').next().unwrap();
    let later = now().plus(HOUR);
    let at = |grant: &str, rest: &str| format!("/media/g/{grant}/{rest}");
    let main = |grant: &str| at(grant, &format!("{a}/main.m3u8"));
    // What is right opens, so that the rest is refused for what is wrong with it.
    for right in [grant.clone(), signed(&ring, epoch, later)] {
        assert_eq!(raw(&site, "GET", &main(&right)).await.0, "200");
    }
    let never = VideoId::random(&OsEntropy);
    let mut wrong = vec![
        at(&grant, &format!("{b}/main.m3u8")),
        at(&grant, &format!("{never}/main.m3u8")),
        format!("/media/g/{grant}"),
        at(&grant, ""),
        at(&grant, "main.m3u8"),
        at(&grant, &a),
        main(&signed(&ring, epoch, now().minus(Duration::from_secs(1)))),
        main(&signed(&ring, epoch, Timestamp::from_seconds(0))),
        main(&signed(&ring, epoch + 1, later)),
        main(&signed(&ring, epoch - 1, later)),
        main(&signed(&foreign, epoch, later)),
        main(&grant.replacen(kid, "0", 1)),
        main(&grant.replacen(kid, "", 1)),
        main(&grant.replacen('.', "..", 1)),
        main(&format!("{grant}=")),
        main(&format!("{grant}.")),
        main(&grant.replace('.', "%2e")),
        main(&grant.replace('.', "%252e")),
        main(&grant.to_uppercase()),
        main(""),
        main("%00"),
    ];
    for trick in [
        "..",
        "%2e%2e",
        "%252e%252e",
        "..%2f",
        "..%5c",
        "..\\",
        ".",
        "",
        "%00",
        "%2f",
    ] {
        wrong.push(at(&grant, &format!("{b}/{trick}/{a}/main.m3u8")));
        wrong.push(at(&grant, &format!("{a}/{trick}/{b}/main.m3u8")));
        wrong.push(at(&grant, &format!("{trick}/{b}/main.m3u8")));
        wrong.push(at(&format!("{trick}/{grant}"), &format!("{b}/main.m3u8")));
        wrong.push(at(&grant, &format!("{b}{trick}/main.m3u8")));
    }
    wrong.extend(
        flipped(&grant, kid.len() + 1)
            .iter()
            .map(|grant| main(grant)),
    );
    all_the_same(&site, "GET", &wrong).await;
}

/// A form's address, signed by this ring.
fn form_path(ring: &KeyRing, video: &str, me: &Value, expires: Timestamp) -> String {
    let ticket = FormTicket {
        video: video.parse().unwrap(),
        user: me["id"].as_str().unwrap().parse().unwrap(),
        max: 100,
        expires,
    };
    ticket.to_path(ring)
}

/// A site, somebody on it, and two drafts of hers.
async fn two_drafts() -> (Site, Person, [String; 2]) {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let drafts = [
        ann.draft("A", "public").await,
        ann.draft("B", "public").await,
    ];
    (site, ann, drafts)
}

#[tokio::test]
async fn signatures_every_wrong_address_for_bytes_reads_the_same() {
    let (site, ann, [a, b]) = two_drafts().await;
    let (one, two) = (ann.open_upload(&a, 10).await, ann.open_upload(&b, 10).await);
    let id = |upload: Value| upload["id"].as_str().unwrap().to_owned();
    let (one, two) = (id(one), id(two));
    let (ring, foreign) = (ring_of(&site), KeyRing::generate(&OsEntropy));
    let later = now().plus(HOUR);
    let part = |upload: &str, number, size, expires| PartTicket {
        upload: upload.parse::<UploadId>().unwrap(),
        number,
        offset: 0,
        size,
        total: 10,
        expires,
    };
    let good = part(&one, 1, 10, later).to_path(&ring);
    let past = now().minus(Duration::from_secs(1));
    let sig = good.find("sig=").unwrap() + 4;
    let query = good.split_once('?').unwrap().1;
    let me = ann.get("/api/v1/users/me").await.json();
    let sent = form_path(&ring, &a, &me, later);
    let mut wrong = vec![
        good.replace(&one, &two),
        part(&one, 1, 10, past).to_path(&ring),
        part(&one, 1, 10, later).to_path(&foreign),
        good.replace("/1?", "/2?"),
        good.replace("/1?", "/01?"),
        good.replace("/1?", "/1/?"),
        good.replace("/1?", "?"),
        good.replace("size=10", "size=11"),
        good.replace("kid=", "kid=0"),
        good.replace("sig=", "sig=%00"),
        format!("{good}&sig=A"),
        good[..sig].to_owned(),
        format!("/up/{one}/1"),
        format!("/up/{one}/1?{}", query.replace('=', "%3d")),
        // A form's signature on a part.
        format!("/up/{one}/1?{}", sent.split_once('?').unwrap().1),
    ];
    for trick in [
        "..",
        "%2e%2e",
        "%252e%252e",
        "..%2f",
        "..%5c",
        ".",
        "%00",
        "%2f",
    ] {
        wrong.push(format!("/up/{two}/{trick}/{one}/1?{query}"));
        wrong.push(format!("/up/{trick}/{one}/1?{query}"));
        wrong.push(format!("/up/{one}{trick}/1?{query}"));
    }
    wrong.extend(flipped(&good, sig));
    all_the_same(&site, "PUT", &wrong).await;
    // None of these wrote anything, and what is right is still taken.
    let held = ann
        .get(&format!("/api/v1/uploads/{one}/parts"))
        .await
        .expect(200);
    assert_eq!(held.text(), "[]");
    assert_eq!(raw(&site, "PUT", &good).await.0, "204");
}

#[tokio::test]
async fn signatures_every_wrong_form_reads_the_same() {
    let (site, ann, [a, b]) = two_drafts().await;
    let (ring, foreign) = (ring_of(&site), KeyRing::generate(&OsEntropy));
    let (later, past) = (now().plus(HOUR), now().minus(Duration::from_secs(1)));
    let me = ann.get("/api/v1/users/me").await.json();
    let eve = site.register("eve").await;
    let eve = eve.get("/api/v1/users/me").await.json();
    let form = |ring: &KeyRing, expires| form_path(ring, &a, &me, expires);
    let sent = form(&ring, later);
    let form_sig = sent.find("sig=").unwrap() + 4;
    let upload = ann.open_upload(&b, 10).await;
    let part = ann.part_url(upload["id"].as_str().unwrap(), 1).await;
    let query = part.split_once('?').unwrap().1;
    let mut wrong = vec![
        sent.replace(&a, &b),
        form(&ring, past),
        form(&foreign, later),
        sent.replace(me["id"].as_str().unwrap(), eve["id"].as_str().unwrap()),
        sent.replace("max=100", "max=1000"),
        sent.replace("kid=", "kid=0"),
        sent.replace(&a, &format!("{a}%00")),
        sent.replace(&a, "%2e%2e"),
        sent[..form_sig].to_owned(),
        format!("/up/form/{a}?{query}"),
    ];
    wrong.extend(flipped(&sent, form_sig));
    all_the_same(&site, "POST", &wrong).await;
    for video in [&a, &b] {
        let shown = ann.get(&format!("/api/v1/videos/{video}")).await.json();
        assert_ne!(shown["state"], "processing", "nothing was taken");
    }
}

#[tokio::test]
async fn signatures_of_two_keys_are_live_and_a_rotation_ends_nothing() {
    let mut site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let video = ann.playable("A", "private").await;
    let upload = ann.open_upload(&ann.draft("B", "public").await, 10).await;
    let part = ann.part_url(upload["id"].as_str().unwrap(), 1).await;
    let main = |grant: &str| format!("/media/g/{grant}/{video}/main.m3u8");
    let rotate = |site: &mut Site| {
        site.kill(Role::Serve);
        let ring = ring_of(site).rotated(&OsEntropy);
        // Written over, so that the file stays its owner's alone.
        fs::write(site.data().join("keys/site"), ring.to_text()).unwrap();
        site.start(Role::Serve);
    };
    let kid = |grant: &str| grant.split('.').next().unwrap().to_owned();
    let first = granted(&ann, &video).await;
    rotate(&mut site);
    let second = granted(&ann, &video).await;
    assert_ne!(kid(&first), kid(&second), "the new key signs");
    for grant in [&first, &second] {
        assert_eq!(raw(&site, "GET", &main(grant)).await.0, "200");
    }
    assert_eq!(
        raw(&site, "PUT", &part).await.0,
        "204",
        "signed before, sent after"
    );
    rotate(&mut site);
    assert_eq!(raw(&site, "GET", &main(&second)).await.0, "200");
    assert_eq!(
        raw(&site, "GET", &main(&first)).await.0,
        "403",
        "its key is gone"
    );
}
