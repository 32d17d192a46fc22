//! The whole site on a bucket: used, killed in the middle, and emptied again.

use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use virga_bucket::{BucketCredentials, BucketOptions, BucketStore};
use virga_core::{KeyPrefix, ObjectClass};
use virga_objects::{MediaStore, MultipartSessions};
use virga_testkit::{BucketServer, Clip, Person, Role, Site, SiteBuilder, sha256};

use crate::VIRGA;

pub(crate) const PART: usize = 8 * 1024 * 1024;

/// A site whose objects are in this bucket.
pub(crate) fn over(server: &BucketServer, bucket: &str) -> SiteBuilder {
    on_bucket(VIRGA, server, bucket)
}

/// The same of this program.
pub(crate) fn on_bucket(
    program: impl Into<PathBuf>,
    server: &BucketServer,
    bucket: &str,
) -> SiteBuilder {
    let (access, secret) = server.key_files();
    Site::of(program)
        .set("VIRGA_OBJECTS__KIND", "s3")
        .set("VIRGA_OBJECTS__ENDPOINT", &server.url())
        .set("VIRGA_OBJECTS__REGION", server.region())
        .set("VIRGA_OBJECTS__BUCKET", bucket)
        .set(
            "VIRGA_OBJECTS__ACCESS_KEY_FILE",
            &access.display().to_string(),
        )
        .set(
            "VIRGA_OBJECTS__SECRET_KEY_FILE",
            &secret.display().to_string(),
        )
}

/// The same bucket, seen from here.
pub(crate) fn bucket(server: &BucketServer, bucket: &str) -> BucketStore {
    let (access_key, secret_key) = server.key_files();
    let keys = BucketCredentials::Files {
        access_key,
        secret_key,
    };
    let mut options = BucketOptions::new(&server.url(), server.region(), bucket, keys);
    options.leftover_age = Duration::ZERO;
    BucketStore::new(options).unwrap()
}

/// A clip that is three parts long: players pass over what follows it.
pub(crate) fn long_clip() -> Vec<u8> {
    let mut bytes = Clip::default().seconds(3.0).bytes();
    let rest = u32::try_from(2 * PART + 1000 - bytes.len()).unwrap();
    bytes.extend_from_slice(&rest.to_be_bytes());
    bytes.extend_from_slice(b"free");
    bytes.resize(2 * PART + 1000, 7);
    bytes
}

async fn plays(who: &Person, video: &str, bytes: &[u8]) {
    who.wait_for(video, &["ready"]).await;
    let playback = who.playback(video).await;
    for url in who.media_urls(playback["hls"].as_str().unwrap()).await {
        let _ = who.get(&url).await.expect(200);
    }
    let source = who.source(video).await;
    assert_eq!(sha256(&source.expect(200).body), sha256(bytes));
}

#[tokio::test]
async fn the_whole_site_runs_on_a_bucket() {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let mut site = over(&server, "site").build();
    let (_, said) = site.run(&["doctor"]);
    assert!(
        said.contains("right  objects: bucket site at http://127.0.0.1"),
        "{said}"
    );
    site.start(Role::Serve);
    let (ann, ben) = (site.register("ann").await, site.register("ben").await);
    let clip = long_clip();
    let video = ann.draft("Rain", "public").await;
    let upload = ann.open_upload(&video, clip.len()).await;
    let id = upload["id"].as_str().unwrap();
    let parts: Vec<&[u8]> = clip.chunks(PART).collect();
    let mut urls = Vec::new();
    for number in 1..=3 {
        urls.push(ann.part_url(id, number).await);
    }
    let put = ann.put(&urls[2], parts[2].to_vec()).await.expect(204);
    assert_eq!(put.headers["etag"], format!("\"{}\"", sha256(parts[2])));
    // Nothing of an upload lies on a node: what was acknowledged is there after a kill.
    site.kill(Role::Serve);
    site.start(Role::Serve);
    let held = ann.get(&format!("/api/v1/uploads/{id}/parts")).await;
    assert_eq!(
        held.expect(200).json(),
        json!([{"number": 3, "size": 1000}])
    );
    let complete = format!("/api/v1/uploads/{id}/complete");
    let early = ann.post(&complete, json!({})).await.expect(409);
    assert_eq!(early.code(), "upload.part-missing");
    for n in [0, 1] {
        let _ = ann.put(&urls[n], parts[n].to_vec()).await.expect(204);
    }
    let _ = ann.post(&complete, json!({})).await.expect(202);
    let late = ann.put(&urls[0], parts[0].to_vec()).await.expect(409);
    assert_eq!(late.code(), "upload.closed");
    plays(&ann, &video, &clip).await;
    let path = format!("/api/v1/videos/{video}");
    let comment = json!({"text": "Nice"});
    let _ = ben
        .post(&format!("{path}/comments"), comment)
        .await
        .expect(201);
    let short = ann.upload("Sun", "public", &Clip::default().bytes()).await;
    ann.wait_for(&short, &["ready"]).await;
    let cancelled = ann.draft("Snow", "public").await;
    let upload = ann.open_upload(&cancelled, clip.len()).await;
    let open = upload["id"].as_str().unwrap();
    let url = ann.part_url(open, 1).await;
    let _ = ann.put(&url, parts[0].to_vec()).await.expect(204);
    let (code, report) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{report}");
    for video in [&video, &short, &cancelled] {
        let path = format!("/api/v1/videos/{video}?now=true");
        let _ = ann.delete(&path).await.expect(200);
    }
    for video in [&video, &short, &cancelled] {
        ann.wait_gone(video).await;
    }
    is_empty(&bucket(&server, "site")).await;
    let (code, report) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{report}");
    assert!(
        !site.data().join("objects").exists(),
        "nothing was on the disk"
    );
    assert!(
        !site.output().contains(server.secret()),
        "{}",
        site.output()
    );
}

#[tokio::test]
async fn a_long_film_in_a_bucket_is_encoded_in_spans() {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let mut site = over(&server, "site")
        .set("VIRGA_DISPATCHER__SPAN_SECONDS", "4")
        .build();
    site.start(Role::Serve);
    let ann = site.register("ann").await;
    // Index last, and more bytes than any one span needs.
    let coding = ["-c:v", "mpeg4", "-q:v", "1", "-g", "25", "-b:v", "20M"];
    let clip = Clip::default()
        .seconds(14.0)
        .size("608x456")
        .encoder(&coding);
    let bytes = clip.bytes();
    assert!(bytes.len() > 8 << 20, "{}", bytes.len());
    let video = ann.upload("Rain", "public", &bytes).await;
    let shown = ann.wait_for(&video, &["ready"]).await;
    assert!(shown["warnings"].is_null(), "{shown}");
    let playback = ann.playback(&video).await;
    let master = ann.get(playback["hls"].as_str().unwrap()).await;
    let master = master.expect(200).text();
    assert!(master.contains("RESOLUTION=608x456"), "{master}");
    let output = site.output();
    assert!(output.contains("the film is encoded in spans"), "{output}");
    assert!(!output.contains("do not fit together"), "{output}");
    let (code, report) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{report}");
    let objects: Vec<_> = bucket(&server, "site")
        .list(&KeyPrefix::all())
        .try_collect()
        .await
        .unwrap();
    let spans = objects
        .iter()
        .filter(|it| it.key.class() == ObjectClass::Span);
    assert_eq!(spans.count(), 0, "{objects:?}");
}

fn line(said: &str, about: &str) -> String {
    let mut lines = said.lines();
    let found = lines.find(|line| line[6..].trim_start().starts_with(&format!("{about}:")));
    found
        .unwrap_or_else(|| panic!("no {about}: {said}"))
        .to_owned()
}

#[tokio::test]
async fn a_bucket_is_tried_out_and_what_is_wrong_is_said_and_mended() {
    let server = BucketServer::start().await;
    server.bucket("site").await;
    let mut site = over(&server, "site").build();
    let (code, said) = site.run(&["store", "check"]);
    assert_eq!(code, 0, "{said}");
    let right = [
        "clock",
        "signature",
        "objects",
        "ranges",
        "create-only",
        "multipart",
    ];
    for about in right {
        assert!(line(&said, about).starts_with("right"), "{said}");
    }
    assert!(
        line(&said, "presign").contains("objects.public_endpoint is not set"),
        "{said}"
    );
    assert!(line(&said, "abort rule").starts_with("LACKS"), "{said}");

    site.set("VIRGA_OBJECTS__PUBLIC_ENDPOINT", &server.url());
    site.set("VIRGA_HTTP__PUBLIC_URL", "https://videos.example/");
    let (code, said) = site.run(&["store", "check"]);
    assert_eq!(code, 1, "{said}");
    assert!(line(&said, "presign").starts_with("right"), "{said}");
    let cors = line(&said, "cors");
    assert!(
        cors.starts_with("WRONG") && cors.contains("--fix"),
        "{said}"
    );
    let (code, said) = site.run(&["store", "check", "--fix"]);
    assert_eq!(code, 0, "{said}");
    for about in ["cors", "abort rule"] {
        assert!(line(&said, about).starts_with("mended"), "{said}");
    }
    let (code, said) = site.run(&["store", "check"]);
    assert_eq!(code, 0, "{said}");
    for about in right.iter().chain(&["presign", "cors", "abort rule"]) {
        assert!(line(&said, about).starts_with("right"), "{said}");
    }
    // Another site's page is still a stranger.
    site.set("VIRGA_HTTP__PUBLIC_URL", "https://elsewhere.example");
    let (_, said) = site.run(&["store", "check"]);
    assert!(
        line(&said, "cors").contains("https://elsewhere.example may not"),
        "{said}"
    );
    is_empty(&bucket(&server, "site")).await;
    wrong_settings_are_named(&mut site, &server);
}

fn wrong_settings_are_named(site: &mut Site, server: &BucketServer) {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "hunter2-hunter2").unwrap();
    let file = secret.path().display().to_string();
    let nowhere = format!("http://127.0.0.1:{}", virga_testkit::free_port());
    let key = server.key_files().1.display().to_string();
    for (name, value, back, about, word) in [
        (
            "SECRET_KEY_FILE",
            file.as_str(),
            key.as_str(),
            "signature",
            "The secret key is not that",
        ),
        (
            "BUCKET",
            "another-site",
            "site",
            "signature",
            "Check objects.bucket",
        ),
        ("ENDPOINT", nowhere.as_str(), "", "clock", "security group"),
    ] {
        site.set(&format!("VIRGA_OBJECTS__{name}"), value);
        let (code, said) = site.run(&["store", "check"]);
        let wrong = line(&said, about);
        assert!(
            code == 1 && wrong.starts_with("WRONG") && wrong.contains(word),
            "{said}"
        );
        assert!(
            !said.contains("hunter2") && !said.contains(server.secret()),
            "{said}"
        );
        site.set(&format!("VIRGA_OBJECTS__{name}"), back);
    }
}

/// No object, no session, no upload of the bucket's own.
pub(crate) async fn is_empty(bucket: &BucketStore) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let objects: Vec<_> = bucket.list(&KeyPrefix::all()).try_collect().await.unwrap();
        let open = bucket.list_sessions().next().await;
        if objects.is_empty() && open.is_none() {
            break;
        }
        assert!(Instant::now() < until, "left: {objects:?} {open:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let later = virga_core::Timestamp(i64::MAX);
    assert_eq!(bucket.remove_leftovers(later).await.unwrap(), 0);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_named_and_the_site_waits_for_it() {
    let closed = virga_testkit::free_port();
    let mut site = Site::of(VIRGA)
        .set("VIRGA_OBJECTS__KIND", "s3")
        .set(
            "VIRGA_OBJECTS__ENDPOINT",
            &format!("http://127.0.0.1:{closed}"),
        )
        .set("VIRGA_OBJECTS__REGION", "us-east-1")
        .build();
    let (code, said) = site.run(&["doctor"]);
    assert!(
        code == 1 && said.contains("objects.bucket is missing"),
        "{said}"
    );
    site.set("VIRGA_OBJECTS__BUCKET", "Not A Name");
    let (code, said) = site.run(&["serve"]);
    assert!(code == 1 && said.contains("the bucket's name"), "{said}");
    site.set("VIRGA_OBJECTS__BUCKET", "site");
    site.set("VIRGA_OBJECTS__ACCESS_KEY_FILE", "/nowhere");
    let (code, said) = site.run(&["doctor"]);
    assert!(code == 1 && said.contains("go together"), "{said}");
    site.set("VIRGA_OBJECTS__SECRET_KEY_FILE", "/nowhere");
    let (code, said) = site.run(&["doctor"]);
    assert!(
        code == 1 && said.contains("WRONG  objects: bucket site at"),
        "{said}"
    );
    assert!(said.contains("objects.access_key_file"), "{said}");
}
