//! Bytes between browser and bucket: parts to signed addresses, playlists that name signed
//! addresses, redirects; and what must never happen on the way (the origin answered 301 with the
//! internal host of a bucket that everyone could read).

use reqwest::{
    Method, StatusCode,
    header::{CONTENT_LENGTH, LOCATION, RANGE},
};
use serde_json::{Value, json};
use virga_testkit::{Answer, BucketServer, Clip, Person, Role, Site, SiteBuilder, sha256};

use crate::buckets::{PART, long_clip, over};

mod others;

/// Someone at the bucket itself, without an account at the site.
fn passer_by() -> Person {
    Person::new("")
}

/// The bucket's port under the name that only the nodes are told.
fn internal(server: &BucketServer) -> String {
    server.url().replace("127.0.0.1", "localhost")
}

/// A site whose bucket browsers reach, by another name than the nodes do.
pub(crate) fn open_to_browsers(server: &BucketServer) -> SiteBuilder {
    over(server, "site")
        .set("VIRGA_OBJECTS__ENDPOINT", &internal(server))
        .set("VIRGA_OBJECTS__PUBLIC_ENDPOINT", &server.url())
}

/// The same, with every way chosen by hand.
fn direct(server: &BucketServer) -> SiteBuilder {
    open_to_browsers(server)
        .set("VIRGA_DELIVERY__MODE", "direct")
        .set("VIRGA_DELIVERY__UPLOADS", "direct")
}

pub(crate) async fn range(who: &Person, url: &str, from: u64, length: u64) -> Answer {
    let range = format!("bytes={from}-{}", from + length - 1);
    who.send(who.request(Method::GET, url).header(RANGE, range))
        .await
}

/// A media playlist that names one object: its address, and first byte and length of each range.
pub(crate) fn ranges(text: &str) -> (String, Vec<(u64, u64)>) {
    let address = text.lines().find_map(|line| {
        let defined = line.strip_prefix("#EXT-X-DEFINE:NAME=\"u\",VALUE=\"");
        let named = line.strip_prefix("#EXT-X-MAP:URI=\"");
        let address = defined.or(named)?.split('"').next()?;
        Some(address.to_owned())
    });
    let ranges = text.lines().filter_map(|line| {
        let range = line.strip_prefix("#EXT-X-BYTERANGE:").or_else(|| {
            line.split_once(",BYTERANGE=\"")
                .map(|(_, rest)| rest.trim_end_matches('"'))
        })?;
        let (length, from) = range.split_once('@')?;
        Some((from.parse().ok()?, length.parse().ok()?))
    });
    (address.unwrap_or_default(), ranges.collect())
}

/// The addresses of a video's media playlists.
pub(crate) async fn playlists(who: &Person, video: &str) -> Vec<String> {
    let playback = who.playback(video).await;
    let main = playback["hls"].as_str().unwrap();
    let text = who.get(main).await.expect(200).text();
    let folder = main.strip_suffix("main.m3u8").unwrap();
    let named = text
        .split(['"', '\n'])
        .filter(|word| word.ends_with("index.m3u8"));
    named.map(|word| format!("{folder}{word}")).collect()
}

/// Waits until nothing of a video is packaged just in time any more.
pub(crate) async fn stored(site: &Site, who: &Person, video: &str) {
    who.wait_for(video, &["ready"]).await;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    for url in playlists(who, video).await {
        while who.get(&url).await.expect(200).text().contains(".m4s") {
            assert!(std::time::Instant::now() < until, "{}", site.output());
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn parts_go_straight_into_the_bucket() {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let site = direct(&server).start();
    let ann = site.register("ann").await;
    let (clip, bucket) = (long_clip(), passer_by());
    let video = ann.draft("Rain", "public").await;
    let upload = ann.open_upload(&video, clip.len()).await;
    let id = upload["id"].as_str().unwrap();
    let complete = format!("/api/v1/uploads/{id}/complete");
    for (number, part) in (1..).zip(clip.chunks(PART)) {
        let url = ann.part_url(id, number).await;
        assert!(url.starts_with(&server.url()), "{url}");
        assert!(!url.contains("localhost"), "{url}");
        // One byte more or less is another request than the one that was signed.
        for wrong in [&part[1..], &[part, b"x"].concat()] {
            let _ = bucket.put(&url, wrong.to_vec()).await.expect(403);
        }
        let other = url.replace(&format!("partNumber={number}"), "partNumber=9");
        let _ = bucket.put(&other, part.to_vec()).await.expect(403);
        let early = ann.post(&complete, json!({})).await.expect(409);
        assert_eq!(early.code(), "upload.part-missing");
        let _ = bucket.put(&url, part.to_vec()).await.expect(200);
    }
    let held = ann.get(&format!("/api/v1/uploads/{id}")).await.expect(200);
    assert_eq!(held.json()["held"], clip.len());
    let _ = ann.post(&complete, json!({})).await.expect(202);
    ann.wait_for(&video, &["ready"]).await;
    let source = ann.source(&video).await;
    assert_eq!(sha256(&source.expect(200).body), sha256(&clip));

    // A browser that cannot reach the bucket says so, and both ways fill one upload.
    let video = ann.draft("Sun", "public").await;
    let upload = ann.open_upload(&video, clip.len()).await;
    let id = upload["id"].as_str().unwrap();
    for (number, part) in (1..).zip(clip.chunks(PART)) {
        let ask = json!({"numbers": [number], "proxied": number == 2});
        let sign = format!("/api/v1/uploads/{id}/parts/sign");
        let signed = ann.post(&sign, ask).await.expect(200).json();
        let url = signed[0]["url"].as_str().unwrap();
        assert_eq!(url.starts_with("/up/"), number == 2, "{url}");
        let put = bucket_or_site(&ann, url, part).await;
        assert!(put.status.is_success(), "{}", put.text());
    }
    let complete = format!("/api/v1/uploads/{id}/complete");
    let _ = ann.post(&complete, json!({})).await.expect(202);
    ann.wait_for(&video, &["ready"]).await;

    // A small file goes by one form, whose key, type and size nobody can change.
    let small = Clip::default().bytes();
    let video = ann.draft("Snow", "public").await;
    let upload = ann.open_upload(&video, small.len()).await;
    let id = upload["id"].as_str().unwrap();
    let signed = ann.sign_part(id, 1).await;
    assert_eq!(signed["method"], "POST", "{signed}");
    for wrong in [&small[1..], &[&small, &b"x"[..]].concat()] {
        let refused = ann.send_part(&signed, wrong).await;
        assert!(refused.status.is_client_error(), "{}", refused.text());
    }
    let complete = format!("/api/v1/uploads/{id}/complete");
    let early = ann.post(&complete, json!({})).await.expect(409);
    assert_eq!(early.code(), "upload.part-missing");
    let sent = ann.send_part(&signed, &small).await;
    assert!(sent.status.is_success(), "{}", sent.text());
    for _ in 0..2 {
        let _ = ann.post(&complete, json!({})).await.expect(202);
    }
    ann.wait_for(&video, &["ready"]).await;
    let source = ann.source(&video).await;
    assert_eq!(sha256(&source.expect(200).body), sha256(&small));
    let (code, report) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{report}");
    let said = site.output().to_lowercase();
    assert!(!said.contains("signature="), "no signature is logged");
}

async fn bucket_or_site(ann: &Person, url: &str, part: &[u8]) -> Answer {
    let whose = if url.starts_with("http") {
        passer_by()
    } else {
        ann.clone()
    };
    whose.put(url, part.to_vec()).await
}

#[tokio::test]
async fn a_public_video_is_read_from_the_bucket_by_addresses_that_end() {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let mut site = direct(&server).start();
    let ann = site.register("ann").await;
    let video = ann.upload("Rain", "public", &Clip::default().bytes()).await;
    stored(&site, &ann, &video).await;
    let (stranger, bucket) = (site.stranger(), passer_by());
    let lists = playlists(&stranger, &video).await;
    assert!(lists.len() >= 2, "picture and sound: {lists:?}");
    let mut named = Vec::new();
    for list in &lists {
        let text = stranger.get(list).await.expect(200).text();
        assert!(!text.contains("localhost"), "{text}");
        let (address, ranges) = ranges(&text);
        assert!(
            address.starts_with(&format!("{}/site/v/{video}/", server.url())),
            "{text}"
        );
        let folder = list.strip_suffix("index.m3u8").unwrap();
        // The same bytes as those that the node would have sent.
        let own = |name: String| format!("{folder}{name}");
        let names = std::iter::once("init.mp4".to_owned()).chain((0..).map(|n| format!("{n}.m4s")));
        for ((from, length), name) in ranges.iter().zip(names) {
            let there = range(&bucket, &address, *from, *length).await.expect(206);
            let here = stranger.get(&own(name)).await.expect(200);
            assert_eq!(sha256(&there.body), sha256(&here.body));
        }
        // Nobody reads the bucket without a signature, with another one, or for another object.
        let plain = address.split('?').next().unwrap();
        let _ = bucket.get(plain).await.expect(403);
        let other = address.replace("X-Amz-Expires=7200", "X-Amz-Expires=9000");
        assert_ne!(other, address);
        let _ = bucket.get(&other).await.expect(403);
        named.push((list.rsplit('/').nth(1).unwrap().to_owned(), address));
    }
    others::key_frames_are_at_the_same_address(&stranger, &lists, &named).await;
    others::the_manifest_leads_there_too(&site, &video, &named).await;
    let urls = lists[0].replace(&format!("{}/index.m3u8", named[0].0), "urls.json");
    let fresh = stranger.get(&urls).await.expect(200).json();
    assert!(
        (1..=3600).contains(&fresh["renew_in"].as_u64().unwrap()),
        "{fresh}"
    );
    for (track, address) in &named {
        assert_eq!(
            fresh["tracks"][track],
            Value::from(address.as_str()),
            "one address for all"
        );
    }
    // The file for pages without script, too.
    let fallback = format!("/media/{video}/fallback.mp4");
    let sent = stranger.get(&fallback).await;
    assert_eq!(sent.status, StatusCode::FOUND, "never for good");
    let there = sent.headers[LOCATION].to_str().unwrap();
    let _ = range(&bucket, there, 0, 100).await.expect(206);

    // Another life, so that it ends while we look.
    site.terminate(Role::Serve);
    site.set("VIRGA_DELIVERY__SIGNED_SECONDS", "4");
    // And written out in each line, for players that know no variables.
    site.set("VIRGA_DELIVERY__FULL_ADDRESSES", "true");
    site.start(Role::Serve);
    let text = stranger.get(&lists[0]).await.expect(200).text();
    let (address, parts) = ranges(&text);
    assert!(!text.contains("EXT-X-DEFINE"), "{text}");
    assert_eq!(text.matches(&address).count(), parts.len(), "{text}");
    let _ = range(&bucket, &address, 0, 100).await.expect(206);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while range(&bucket, &address, 0, 100).await.status != StatusCode::FORBIDDEN {
        assert!(std::time::Instant::now() < until, "it never ends");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let fresh = stranger.get(&urls).await.expect(200).json();
    let address = fresh["tracks"][&named[0].0].as_str().unwrap();
    let _ = range(&bucket, address, 0, 100).await.expect(206);
}

#[tokio::test]
async fn a_private_video_is_sent_on_request_by_request_until_it_is_withdrawn() {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let site = direct(&server).start();
    let ann = site.register("ann").await;
    let video = ann
        .upload("Rain", "private", &Clip::default().bytes())
        .await;
    stored(&site, &ann, &video).await;
    let (stranger, bucket) = (site.stranger(), passer_by());
    let mut sent_on = Vec::new();
    for list in playlists(&ann, &video).await {
        assert!(list.starts_with("/media/g/"), "{list}");
        let text = ann.get(&list).await.expect(200).text();
        assert!(
            !text.contains("http"),
            "no address of the bucket outlives a request: {text}"
        );
        let (name, ranges) = ranges(&text);
        let track = list.replace("index.m3u8", &name);
        for (from, length) in ranges {
            // A grant names no viewer.
            let sent = stranger.get(&track).await;
            assert_eq!(sent.status, StatusCode::FOUND, "never for good");
            assert_eq!(sent.headers["cache-control"], "no-store");
            assert_eq!(sent.headers[CONTENT_LENGTH], "0");
            let there = sent.headers[LOCATION].to_str().unwrap();
            assert!(
                there.starts_with(&server.url()),
                "never the internal name: {there}"
            );
            assert!(there.contains("X-Amz-Expires=300"), "{there}");
            let _ = range(&bucket, there, from, length).await.expect(206);
        }
        let ungranted = format!(
            "/media/{}",
            track.split('/').skip(4).collect::<Vec<_>>().join("/")
        );
        let _ = ann.get(&ungranted).await.expect(404);
        sent_on.push(track);
    }
    others::the_manifest_names_redirects(&ann, &video, &sent_on).await;
    let path = format!("/api/v1/videos/{video}");
    let _ = ann.delete(&path).await.expect(200);
    for track in sent_on {
        stranger.wait_until_refused(&track).await;
    }
}

#[tokio::test]
async fn left_to_itself_the_site_goes_direct_where_the_bucket_admits_its_pages() {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let mut site = open_to_browsers(&server)
        .set("VIRGA_HTTP__PUBLIC_URL", "https://videos.example")
        .build();
    site.start(Role::Serve);
    let ann = site.register("ann").await;
    let bytes = Clip::default().bytes();
    let way = async |ann: &Person| {
        let video = ann.draft("Which", "public").await;
        let upload = ann.open_upload(&video, bytes.len()).await;
        let url = ann.part_url(upload["id"].as_str().unwrap(), 1).await;
        if url.starts_with('/') {
            "proxy"
        } else {
            "direct"
        }
    };
    let video = ann.upload("Rain", "public", &bytes).await;
    ann.wait_for(&video, &["ready"]).await;
    let list = playlists(&ann, &video).await.remove(0);
    assert_eq!(way(&ann).await, "proxy", "no rule admits anybody");
    assert!(
        !ann.get(&list)
            .await
            .expect(200)
            .text()
            .contains(&server.url())
    );
    // A rule for other pages is none for these.
    for (origin, wanted) in [
        ("https://other.example", "proxy"),
        ("https://videos.example", "direct"),
    ] {
        site.terminate(Role::Serve);
        site.set("VIRGA_HTTP__PUBLIC_URL", origin);
        let (_, said) = site.run(&["store", "check", "--fix"]);
        assert!(said.contains("cors:"), "{said}");
        site.set("VIRGA_HTTP__PUBLIC_URL", "https://videos.example");
        site.start(Role::Serve);
        assert_eq!(way(&ann).await, wanted, "the bucket admits {origin}");
        let text = ann.get(&list).await.expect(200).text();
        assert_eq!(text.contains(&server.url()), wanted == "direct", "{text}");
    }
    let site_document = ann.get("/api/v1/site").await.expect(200).json();
    assert_eq!(site_document["media_origins"], json!([server.url()]));
    let page = site
        .stranger()
        .get(&format!("/v/{video}"))
        .await
        .expect(200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains(&format!("connect-src 'self' {};", server.url())),
        "{policy}"
    );
    assert!(!policy.contains("localhost"), "{policy}");
}

#[tokio::test]
async fn ways_that_cannot_be_gone_are_refused_at_start() {
    let cases = [
        (vec![("MODE", "direct")], "objects.public_endpoint"),
        (vec![("UPLOADS", "direct")], "objects.public_endpoint"),
        (vec![("MODE", "cdn")], "delivery.cdn_url"),
        (
            vec![("PRIVATE_MODE", "cdn"), ("CDN_URL", "https://cdn.example")],
            "delivery.cdn_sign",
        ),
        (vec![("CDN_URL", "cdn.example/path")], "delivery.cdn_url"),
        (
            vec![("CDN_URL", "https://cdn.example"), ("CDN_SIGN", "a")],
            "delivery.cdn_key_file",
        ),
        (vec![("SIGNED_SECONDS", "0")], "2 seconds to 7 days"),
        (vec![("MODE", "fast")], "delivery.mode"),
    ];
    for (settings, words) in cases {
        let mut site = Site::of(crate::VIRGA).build();
        for (key, value) in &settings {
            site.set(&format!("VIRGA_DELIVERY__{key}"), value);
        }
        let (code, said) = site.run(&["serve", "--listen", "127.0.0.1:0"]);
        assert_ne!(code, 0, "{settings:?}");
        assert!(said.contains(words), "{settings:?}: {said}");
    }
}

#[tokio::test]
async fn a_cdn_is_named_with_its_own_signature_for_private_videos_too() {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let mut site = open_to_browsers(&server)
        .set("VIRGA_DELIVERY__MODE", "cdn")
        .set("VIRGA_DELIVERY__CDN_URL", "https://cdn.example/")
        .set("VIRGA_DELIVERY__CDN_SIGN", "a")
        .build();
    let key = site.data().join("cdn-key");
    std::fs::write(&key, "aliyuncdnexp1234\n").unwrap();
    site.set("VIRGA_DELIVERY__CDN_KEY_FILE", &key.display().to_string());
    site.start(Role::Serve);
    let ann = site.register("ann").await;
    for visibility in ["public", "private"] {
        let bytes = Clip::default().bytes();
        let video = ann.upload("Rain", visibility, &bytes).await;
        stored(&site, &ann, &video).await;
        for list in playlists(&ann, &video).await {
            let text = ann.get(&list).await.expect(200).text();
            let (address, _) = ranges(&text);
            let start = format!("https://cdn.example/v/{video}/");
            assert!(address.starts_with(&start), "{visibility}: {text}");
            assert!(address.contains("?auth_key="), "{visibility}: {text}");
            assert!(!text.contains("aliyuncdnexp1234"));
        }
    }
    let page = site.stranger().get("/").await.expect(200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains(" https://cdn.example;"), "{policy}");
}
