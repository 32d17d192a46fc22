//! A whole file by one plain form, as a browser without script sends it.

use serde_json::json;
use std::time::{Duration, Instant};
use virga_testkit::{Answer, Clip, Person, Role, Site, sha256};

use crate::{
    VIRGA,
    faults::{all_is_well, armed, heal},
    sockets::exchange,
};

/// The address for a draft's file.
pub(crate) async fn offer(who: &Person, video: &str) -> String {
    let ask = json!({ "video_id": video });
    let answer = who.post("/api/v1/uploads/form", ask).await;
    let offer = answer.expect(200).json();
    offer["url"].as_str().unwrap().to_owned()
}

/// Sends a file as a browser does.
pub(crate) async fn send(who: &Person, url: &str, file: &[u8]) -> Result<Answer, reqwest::Error> {
    send_for(who, url, file, "text/html").await
}

/// The same, with what is accepted as the answer.
pub(crate) async fn send_for(
    who: &Person,
    url: &str,
    file: &[u8],
    accept: &str,
) -> Result<Answer, reqwest::Error> {
    let mut body =
        b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../etc/rain.mp4\"\r\n\
          Content-Type: video/mp4\r\n\r\n"
            .to_vec();
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    let request = who
        .request(reqwest::Method::POST, url)
        .header("content-type", "multipart/form-data; boundary=edge")
        .header("accept", accept)
        .body(body);
    who.try_send(request).await
}

/// Where the answer sends the browser.
pub(crate) fn target(answer: Answer) -> String {
    let answer = answer.expect(303);
    answer.headers["location"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_form_fills_its_draft_once() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let bytes = Clip::default().bytes();
    let video = ann.draft("Plain", "public").await;
    let url = offer(&ann, &video).await;
    let sent = send(&ann, &url, &bytes).await.unwrap();
    assert_eq!(target(sent), format!("/v/{video}"));
    ann.wait_for(&video, &["ready"]).await;
    let source = ann.source(&video).await;
    assert_eq!(sha256(&source.expect(200).body), sha256(&bytes));

    let again = send(&ann, &url, &bytes).await.unwrap();
    let back = format!("/upload?video={video}&refused=video.has-source");
    assert_eq!(target(again), back);
    let page = ann.get(&back).await.expect(200);
    assert!(page.text().contains("already"), "{}", page.text());
    assert_eq!(site.run(&["fsck"]).0, 0);
}

#[tokio::test]
async fn a_form_that_is_not_permitted_leaves_nothing() {
    let mut site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__UPLOAD_MAX", "20000")
        .build();
    site.start(Role::Serve);
    let (ann, ben) = (site.register("ann").await, site.register("ben").await);
    let video = ann.draft("Plain", "unlisted").await;
    let url = offer(&ann, &video).await;
    let ask = json!({ "video_id": video });
    let _ = ben
        .post("/api/v1/uploads/form", ask.clone())
        .await
        .expect(404);
    let _ = site
        .stranger()
        .post("/api/v1/uploads/form", ask)
        .await
        .expect(401);

    let refused = |code: &str| format!("/upload?video={video}&refused={code}");
    let small = vec![7; 1000];
    for wrong in [
        url.replace("max=20", "max=90"),
        url.replace("exp=", "exp=9"),
        url.replace("user=", "user=x"),
        url.split('?').next().unwrap().to_owned(),
    ] {
        let answer = send(&ann, &wrong, &small).await.unwrap();
        assert_eq!(target(answer), refused("upload.bad-signature"), "{wrong}");
    }
    let large = vec![7; 20_001];
    let answer = send(&ann, &url, &large).await.unwrap();
    assert_eq!(target(answer), refused("upload.too-large"));
    let answer = send(&ann, &url, b"").await.unwrap();
    assert_eq!(target(answer), refused("upload.empty"));
    let odd = ann
        .request(reqwest::Method::POST, &url)
        .header("content-type", "multipart/form-data; boundary=edge")
        .body("--edge\r\nbroken");
    let _ = ann.try_send(odd).await.unwrap().expect(400);
    let disposition = "--edge\r\nContent-Disposition: form-data; name=";
    for (begun, reason) in [
        (format!("--edge\r\nX-Junk: {}", "a".repeat(17_000)), "16384"),
        (format!("--edge\r\n{}", "X: a\r\n".repeat(3_000)), "16384"),
        (
            format!("{disposition}\"note\"\r\n\r\nignored\r\n{disposition}\"file\"\r\n\r\na"),
            "first field",
        ),
        ("preamble\r\n\r\n".to_owned() + disposition, "begin"),
    ] {
        let head = format!(
            "POST {url} HTTP/1.1\r\nHost: a\r\nContent-Length: 300000000\r\n\
             Content-Type: multipart/form-data; boundary=edge\r\n\r\n"
        );
        let asked = Instant::now();
        let said = exchange(&site, (head + &begun).as_bytes()).await;
        assert!(
            said.starts_with("HTTP/1.1 400 ") && said.contains(reason),
            "{said}"
        );
        assert!(asked.elapsed() < Duration::from_secs(8), "{reason}");
    }
    let shown = ann
        .get(&format!("/api/v1/videos/{video}"))
        .await
        .expect(200);
    assert_eq!(shown.json()["state"], "draft");
    site.wait_empty().await;
}

#[tokio::test]
async fn killed_before_the_forms_file_is_named_the_draft_is_free_again() {
    let mut site = armed("form.claimed");
    let ann = site.register("ann").await;
    let bytes = Clip::default().bytes();
    let video = ann.draft("Plain", "public").await;
    let url = offer(&ann, &video).await;
    assert!(send(&ann, &url, &bytes).await.is_err());
    heal(&mut site);
    ann.wait_for(&video, &["draft"]).await;
    let url = offer(&ann, &video).await;
    let sent = send(&ann, &url, &bytes).await.unwrap();
    assert_eq!(target(sent), format!("/v/{video}"));
    all_is_well(&site, &ann, &video, &bytes).await;
}

#[tokio::test]
async fn killed_after_the_forms_file_is_named_it_is_kept() {
    let mut site = armed("form.stored");
    let ann = site.register("ann").await;
    let bytes = Clip::default().bytes();
    let video = ann.draft("Plain", "public").await;
    let url = offer(&ann, &video).await;
    assert!(send(&ann, &url, &bytes).await.is_err());
    heal(&mut site);
    all_is_well(&site, &ann, &video, &bytes).await;
}
