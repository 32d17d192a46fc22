//! The whole site on Aliyun OSS, by the real host names and the settings of a production site: a
//! double answers for them, as a proxy. And what OSS and Kodo tell the site of forms that they took,
//! which is believed only where they signed it, and then no more than looked at.

use reqwest::Method;
use serde_json::{Value, json};
use std::net::TcpListener;
use virga_testkit::{
    Answer, BucketDouble, BucketServer, Clip, Person, Role, Site, SiteBuilder, free_port, sha256,
};

use crate::{
    VIRGA,
    buckets::{PART, long_clip},
    direct::{playlists, range, ranges, stored},
};

const INSIDE: &str = "http://oss-cn-hangzhou-internal.aliyuncs.com";
const OUTSIDE: &str = "http://site.media.example";

/// As `docs/guide/aliyun.md` sets it up, but for TLS, which the double does not speak.
async fn on_oss() -> (BucketDouble, SiteBuilder) {
    let double = BucketDouble::start().await;
    double.bucket("site", "cn-hangzhou").await;
    let (access, secret) = double.key_files();
    let site = Site::of(VIRGA)
        .set("VIRGA_OBJECTS__KIND", "oss")
        .set("VIRGA_OBJECTS__BUCKET", "site")
        .set("VIRGA_OBJECTS__ENDPOINT", INSIDE)
        .set("VIRGA_OBJECTS__PUBLIC_ENDPOINT", OUTSIDE)
        .set("VIRGA_OBJECTS__PUBLIC_ADDRESSING", "domain")
        .set("VIRGA_OBJECTS__PROXY", &double.proxy())
        .set(
            "VIRGA_OBJECTS__ACCESS_KEY_FILE",
            &access.display().to_string(),
        )
        .set(
            "VIRGA_OBJECTS__SECRET_KEY_FILE",
            &secret.display().to_string(),
        );
    (double, site)
}

/// Starts it at an address that the double can tell of forms.
fn start(site: SiteBuilder) -> Site {
    let (mut site, port) = (site.build(), free_port());
    site.set(
        "VIRGA_HTTP__PUBLIC_URL",
        &format!("http://127.0.0.1:{port}"),
    );
    site.set("VIRGA_DELIVERY__CALLBACKS", "true");
    site.set("VIRGA_DELIVERY__UPLOADS", "direct");
    let (code, said) = site.run(&["store", "check", "--fix"]);
    assert_eq!(code, 0, "{said}");
    site.start_on(Role::Serve, port);
    site
}

#[tokio::test]
async fn the_whole_site_runs_on_oss() {
    let (double, site) = on_oss().await;
    let site = start(site.set("VIRGA_DELIVERY__MODE", "direct"));
    let (ann, browser) = (site.register("ann").await, Person::behind(&double.proxy()));
    let clip = long_clip();
    let video = ann.draft("Rain", "public").await;
    let upload = ann.open_upload(&video, clip.len()).await;
    let id = upload["id"].as_str().unwrap();
    for (number, part) in (1..).zip(clip.chunks(PART)) {
        let url = ann.part_url(id, number).await;
        assert!(url.starts_with(OUTSIDE), "{url}");
        // A small body: who is refused while still sending may see a broken line instead.
        let cut = &url[..url.len() - 2];
        let _ = browser.put(cut, vec![7; 10]).await.expect(403);
        let _ = browser.put(&url, part.to_vec()).await.expect(200);
    }
    let complete = format!("/api/v1/uploads/{id}/complete");
    let _ = ann.post(&complete, json!({})).await.expect(202);
    stored(&site, &ann, &video).await;
    let led = ann.get(&format!("/api/v1/videos/{video}/source")).await;
    let led = ann.get(led.expect(302).location()).await.expect(302);
    let source = browser.get(led.location()).await;
    assert_eq!(sha256(&source.expect(200).body), sha256(&clip));

    // A viewer's bytes come from the bucket's own domain, and are those that a node would send.
    let stranger = site.stranger();
    for list in playlists(&stranger, &video).await {
        let text = stranger.get(&list).await.expect(200).text();
        let (address, ranges) = ranges(&text);
        assert!(address.starts_with(OUTSIDE), "{text}");
        let (from, length) = ranges[1];
        let there = range(&browser, &address, from, length).await.expect(206);
        let here = stranger.get(&list.replace("index.m3u8", "0.m4s")).await;
        assert_eq!(sha256(&there.body), sha256(&here.expect(200).body));
        let unsigned = address.split('?').next().unwrap();
        let _ = browser.get(unsigned).await.expect(403);
    }
    let (code, report) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{report}");
    let path = format!("/api/v1/videos/{video}?now=true");
    let _ = ann.delete(&path).await.expect(200);
    ann.wait_gone(&video).await;
    let (code, report) = site.run(&["fsck"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(
        double.whole().await,
        0,
        "a range was answered with the whole"
    );
    let output = site.output();
    assert!(!output.contains(double.secret()), "{output}");
}

/// A file that went by its form, and what the service answered; nobody calls `complete`.
async fn by_form(ann: &Person, browser: &Person, title: &str) -> (String, String, Answer) {
    let clip = Clip::default().bytes();
    let video = ann.draft(title, "public").await;
    let upload = ann.open_upload(&video, clip.len()).await;
    let id = upload["id"].as_str().unwrap().to_owned();
    let signed = ann.sign_part(&id, 1).await;
    assert_eq!(signed["method"], "POST", "{signed}");
    let sent = browser.send_part(&signed, &clip).await;
    (video, id, sent)
}

/// Posts a report as it came, or another.
async fn send_callback(site: &Person, path: &str, report: &Value, body: &str) -> Answer {
    let mut request = site.request(Method::POST, path);
    for (name, value) in report["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    site.send(request.body(body.to_owned())).await
}

#[tokio::test]
async fn oss_tells_of_a_form_and_nobody_else_can() {
    let (double, site) = on_oss().await;
    let site = start(site);
    let (ann, browser) = (site.register("ann").await, Person::behind(&double.proxy()));
    let (video, id, sent) = by_form(&ann, &browser, "Rain").await;
    assert_eq!(sent.expect(200).json(), json!({"state": "stored"}));
    ann.wait_for(&video, &["ready"]).await;

    let told = double.told().await;
    assert_eq!(told["keys_read"], 1);
    let report = &told["reports"][0];
    let (hook, body) = ("/hooks/oss", report["body"].as_str().unwrap());
    assert!(report["url"].as_str().unwrap().ends_with(hook), "{report}");
    let stranger = site.stranger();
    // Once more changes nothing.
    let again = send_callback(&stranger, hook, report, body)
        .await
        .expect(200);
    assert_eq!(again.json(), json!({"state": "stored"}));

    // Other words, another address, no signature, one by somebody's own key.
    let draft = ann.draft("Sun", "public").await;
    let open = ann.open_upload(&draft, 1000).await;
    let open = open["id"].as_str().unwrap();
    let object = format!("bucket=site&object=v%2F{draft}%2F{open}%2Fsource");
    let refused = send_callback(&stranger, hook, report, &object)
        .await
        .expect(403);
    assert_eq!(refused.code(), "report.signature");
    let elsewhere = send_callback(&stranger, "/hooks/oss?a=b", report, body).await;
    let _ = elsewhere.expect(403);
    let mut unsigned = report.clone();
    unsigned["headers"]["authorization"] = json!("");
    let _ = send_callback(&stranger, hook, &unsigned, body)
        .await
        .expect(403);
    let theirs = TcpListener::bind("127.0.0.1:0").unwrap();
    theirs.set_nonblocking(true).unwrap();
    let mut foreign = report.clone();
    // base64 of "http://127.0.0.1:PORT/key.pem"
    foreign["headers"]["x-oss-pub-key-url"] = json!(base64(&format!(
        "http://{}/key.pem",
        theirs.local_addr().unwrap()
    )));
    let _ = send_callback(&stranger, hook, &foreign, body)
        .await
        .expect(403);
    assert!(theirs.accept().is_err(), "a stranger's key was asked for");
    let _ = send_callback(&stranger, "/hooks/kodo", report, body)
        .await
        .expect(404);
    let long = "x".repeat(5000);
    let _ = send_callback(&stranger, hook, report, &long)
        .await
        .expect(413);

    // Signed by OSS, and untrue: anyone at Aliyun can have that sent.
    for (words, status) in [
        (object.clone(), 409),
        (object.replace(open, &id), 404),
        (object.replace("bucket=site", "bucket=other"), 403),
        (object.replace("%2Fsource", "%2Fposter.jpg"), 404),
        ("bucket=site".to_owned(), 403),
    ] {
        let mut report = report.clone();
        let url = format!("{}{hook}", site.url());
        report["headers"]["authorization"] = json!(double.sign_report(&url, &words).await);
        let said = send_callback(&stranger, hook, &report, &words).await;
        assert_eq!(said.status.as_u16(), status, "{words}: {}", said.text());
    }
    let still = ann
        .get(&format!("/api/v1/uploads/{open}"))
        .await
        .expect(200);
    assert!(["created", "uploading"].contains(&still.json()["state"].as_str().unwrap()));
    assert_eq!(double.told().await["keys_read"], 1, "it is kept");
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn a_report_that_does_not_arrive_loses_nothing() {
    let (double, site) = on_oss().await;
    let mut site = start(site);
    let (ann, browser) = (site.register("ann").await, Person::behind(&double.proxy()));
    site.terminate(Role::Serve);
    site.wait_ended(Role::Serve);
    let port = site.port(Role::Serve);
    // An address that OSS cannot reach: a site in a school's own network.
    let away = format!("http://127.0.0.1:{}", free_port());
    site.set("VIRGA_HTTP__PUBLIC_URL", &away);
    site.start_on(Role::Serve, port);
    let (video, id, sent) = by_form(&ann, &browser, "Rain").await;
    assert_eq!(
        sent.status, 203,
        "the file stands, and OSS says that nobody heard of it"
    );
    let complete = format!("/api/v1/uploads/{id}/complete");
    let _ = ann.post(&complete, json!({})).await.expect(202);
    ann.wait_for(&video, &["ready"]).await;
}

#[tokio::test]
async fn kodo_tells_of_a_form_by_the_keys_that_it_shares_with_the_site() {
    let (double, server) = (BucketDouble::start().await, BucketServer::start().await);
    server.bucket("site").await;
    double.kodo_bucket("site", &server).await;
    let (access, secret) = server.key_files();
    let site = Site::of(VIRGA)
        .set("VIRGA_OBJECTS__KIND", "kodo")
        .set("VIRGA_OBJECTS__BUCKET", "site")
        .set("VIRGA_OBJECTS__REGION", server.region())
        .set("VIRGA_OBJECTS__ENDPOINT", &server.url())
        .set("VIRGA_OBJECTS__ADDRESSING", "path")
        .set("VIRGA_OBJECTS__PUBLIC_ENDPOINT", &server.url())
        .set(
            "VIRGA_OBJECTS__KODO_UPLOAD_ENDPOINT",
            "http://upload-cn-east-2.qiniup.com",
        )
        .set("VIRGA_OBJECTS__PROXY", &double.proxy())
        .set(
            "VIRGA_OBJECTS__ACCESS_KEY_FILE",
            &access.display().to_string(),
        )
        .set(
            "VIRGA_OBJECTS__SECRET_KEY_FILE",
            &secret.display().to_string(),
        );
    let site = start(site);
    let (ann, browser) = (site.register("ann").await, Person::behind(&double.proxy()));
    let (video, _, sent) = by_form(&ann, &browser, "Rain").await;
    assert_eq!(sent.expect(200).json(), json!({"state": "stored"}));
    ann.wait_for(&video, &["ready"]).await;
    let told = double.told().await;
    let report = &told["reports"][0];
    let body = report["body"].as_str().unwrap();
    let (hook, stranger) = ("/hooks/kodo", site.stranger());
    let _ = send_callback(&stranger, hook, report, body)
        .await
        .expect(200);
    let other = body.replace(&video, "00000000000");
    let _ = send_callback(&stranger, hook, report, &other)
        .await
        .expect(403);
    // Kodo's signature does not cover a body of another kind.
    let mut other_kind = report.clone();
    other_kind["headers"]["Content-Type"] = json!("application/json");
    let _ = send_callback(&stranger, hook, &other_kind, body)
        .await
        .expect(403);
    let mut unsigned = report.clone();
    unsigned["headers"]["Authorization"] = json!("QBox virga-test:");
    let _ = send_callback(&stranger, hook, &unsigned, body)
        .await
        .expect(403);
}
