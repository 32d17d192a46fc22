//! Bad input gets a clear error and loses nothing.

use reqwest::Method;
use serde_json::json;
use virga_testkit::{Clip, Person, Site};

use crate::{VIRGA, origin_flaws::forged_vouchers, sockets::exchange};

const MIB: usize = 1024 * 1024;

async fn two_people() -> (Site, Person, Person) {
    let site = Site::of(VIRGA).start();
    let (ann, eve) = (site.register("ann").await, site.register("eve").await);
    (site, ann, eve)
}

#[tokio::test]
async fn a_forged_identity_header_is_nobody() {
    let (site, ann, _) = two_people().await;
    let video = ann.draft("Mine", "public").await;
    let path = format!("/api/v1/videos/{video}");
    let vouchers = forged_vouchers(&site);
    let vouchers = vouchers.iter().map(|it| ("x-virga-voucher", it.as_str()));
    for (name, value) in vouchers.chain([
        ("x-user-name", "ann"),
        ("x-session-id", ann.token()),
        ("authorization", "Bearer 00"),
        ("cookie", "session=ann; username=ann"),
    ]) {
        let stranger = site.stranger();
        let request = stranger.request(Method::DELETE, &path).header(name, value);
        let answer = stranger.send(request).await;
        assert!(
            matches!(answer.status.as_u16(), 401 | 404),
            "{name}: {}",
            answer.text()
        );
        let inner = stranger.request(Method::GET, "/internal/v1/changes");
        let _ = stranger.send(inner.header(name, value)).await.expect(404);
    }
    let _ = ann.get(&path).await.expect(200);
}

#[tokio::test]
async fn a_cookie_without_the_sites_origin_changes_nothing() {
    let (site, ann, _) = two_people().await;
    let cookie = format!("virga={}", ann.token());
    let stranger = site.stranger();
    let send = |origin: Option<String>| {
        let request = stranger
            .request(Method::POST, "/api/v1/videos")
            .header("cookie", &cookie)
            .json(&json!({"title": "Forged"}));
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        stranger.send(request)
    };
    assert_eq!(send(None).await.expect(403).code(), "origin");
    let _ = send(Some("https://evil.example".to_owned()))
        .await
        .expect(403);
    let _ = send(Some("null".to_owned())).await.expect(403);
    let _ = send(Some(site.url())).await.expect(201);
}

#[tokio::test]
async fn another_persons_video_is_out_of_reach() {
    let (site, ann, eve) = two_people().await;
    let video = ann.playable("Mine", "public").await;
    let path = format!("/api/v1/videos/{video}");
    let _ = eve
        .patch(&path, json!({"title": "Eve's"}))
        .await
        .expect(403);
    let _ = eve.delete(&path).await.expect(403);
    let _ = eve.get(&format!("{path}/source")).await.expect(403);
    let _ = eve
        .post(&format!("{path}/retry"), json!({}))
        .await
        .expect(403);
    let _ = site.stranger().delete(&path).await.expect(401);

    let draft = ann.draft("Secret draft", "public").await;
    let ask = json!({"video_id": draft, "file_name": "x", "size": 10, "fingerprint": "x"});
    let _ = eve.post("/api/v1/uploads", ask.clone()).await.expect(404);
    let _ = site
        .stranger()
        .post("/api/v1/uploads", ask)
        .await
        .expect(401);
    let upload = ann.open_upload(&draft, 10).await;
    let id = upload["id"].as_str().unwrap();
    for action in ["parts/sign", "complete"] {
        let answer = eve
            .post(
                &format!("/api/v1/uploads/{id}/{action}"),
                json!({"numbers": [1]}),
            )
            .await;
        let _ = answer.expect(404);
    }
    let _ = eve.get(&format!("/api/v1/uploads/{id}")).await.expect(404);
    assert_eq!(ann.get(&path).await.json()["title"], "Mine");
}

#[tokio::test]
async fn a_part_address_holds_only_as_signed() {
    let (_site, ann, _) = two_people().await;
    let draft = ann.draft("Parts", "public").await;
    let size = 8 * MIB + 100;
    let upload = ann.open_upload(&draft, size).await;
    let id = upload["id"].as_str().unwrap();
    let url = ann.part_url(id, 2).await;

    assert_eq!(
        ann.put(&url, vec![1; 101]).await.expect(413).code(),
        "upload.part-too-large"
    );
    let _ = ann.put(&url, vec![1; 99]).await.expect(422);
    for (from, to) in [
        ("size=100", "size=101"),
        ("/2?", "/1?"),
        ("offset=", "offset=1"),
        ("sig=", "sig=A"),
        ("kid=", "kid=x"),
        ("exp=", "exp=9"),
    ] {
        let answer = ann.put(&url.replacen(from, to, 1), vec![1; 100]).await;
        assert_eq!(
            answer.expect(403).code(),
            "upload.bad-signature",
            "{from} to {to}"
        );
    }
    let path = format!("/api/v1/uploads/{id}/parts/sign");
    let _ = ann.post(&path, json!({"numbers": [3]})).await.expect(422);
    let _ = ann.post(&path, json!({"numbers": [0]})).await.expect(422);
    let _ = ann.put(&url, vec![1; 100]).await.expect(204);

    let refused = ann
        .post(&format!("/api/v1/uploads/{id}/complete"), json!({}))
        .await
        .expect(409);
    assert_eq!(refused.code(), "upload.part-missing");
    let held = ann
        .get(&format!("/api/v1/uploads/{id}/parts"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        held.as_array().unwrap().len(),
        1,
        "what was sent is still held: {held}"
    );
}

#[tokio::test]
async fn one_file_at_a_time_goes_into_a_video() {
    let (_site, ann, _) = two_people().await;
    let draft = ann.draft("One", "public").await;
    let ask =
        |print: &str| json!({"video_id": draft, "file_name": "a", "size": 5, "fingerprint": print});
    let first = ann
        .post("/api/v1/uploads", ask("a"))
        .await
        .expect(201)
        .json();
    let again = ann
        .post("/api/v1/uploads", ask("a"))
        .await
        .expect(200)
        .json();
    assert_eq!(first["id"], again["id"]);
    assert_eq!(
        ann.post("/api/v1/uploads", ask("b"))
            .await
            .expect(409)
            .code(),
        "upload.other-file"
    );
    let listed = ann.get("/api/v1/uploads").await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let _ = ann
        .delete(&format!(
            "/api/v1/uploads/{}",
            first["id"].as_str().unwrap()
        ))
        .await
        .expect(204);
    assert_eq!(
        ann.get(&format!("/api/v1/videos/{draft}")).await.json()["state"],
        "draft"
    );
    let _ = ann.post("/api/v1/uploads", ask("b")).await.expect(201);
}

#[tokio::test]
async fn path_tricks_find_nothing() {
    let (site, ann, _) = two_people().await;
    for id in [
        "..%2f..%2fkeys%2fsite",
        "aaaaaaaaaaa%00",
        "a",
        "%252e%252e",
        "%5c..%5c",
        "aaaaa%2faaaaa",
    ] {
        for path in [
            format!("/api/v1/videos/{id}"),
            format!("/api/v1/videos/{id}/source"),
            format!("/api/v1/uploads/{id}"),
            format!("/media/{id}/main.m3u8"),
            format!("/media/AAAAAAAAAAA/{id}/init.mp4"),
            format!("/v/{id}"),
            format!("/assets/{id}"),
        ] {
            let answer = ann.get(&path).await;
            assert_eq!(answer.status.as_u16(), 404, "{path}: {}", answer.text());
        }
        let answer = site
            .stranger()
            .put(&format!("/up/{id}/1?size=1"), vec![0])
            .await;
        assert!(
            matches!(answer.status.as_u16(), 403 | 404),
            "{id}: {}",
            answer.text()
        );
    }
}

/// No client puts these in order first: joined to a folder, each would name the site's keys.
#[tokio::test]
async fn path_tricks_as_they_are_read_no_file() {
    let (site, ann, _) = two_people().await;
    let video = ann.draft("Mine", "public").await;
    let key = std::fs::read_to_string(site.data().join("keys/site")).unwrap();
    let key = key.trim();
    for before in [
        "",
        "/media",
        "/media/g",
        "/assets",
        "/up",
        "/v",
        "/u",
        "/embed",
        "/api/v1/videos",
        "/api/v1/uploads",
        &format!("/media/{video}"),
    ] {
        for up in [
            "../",
            "..%2f",
            "..%2F",
            "%2e%2e/",
            "%2e%2e%2f",
            "..%252f",
            "..%5c",
            ".%00./",
            "//",
        ] {
            for times in 0..4 {
                for file in ["keys/site", "keys%2fsite", "keys/site%00"] {
                    let path = format!("{before}/{}{file}", up.repeat(times));
                    let ask =
                        format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                    let said = exchange(&site, ask.as_bytes()).await;
                    assert!(said.starts_with("HTTP/1.1 4"), "{path}: {said:.200}");
                    assert!(!said.contains(key), "{path}");
                }
            }
        }
    }
}

/// Where the samples begin in a file whose index is in front.
fn samples(file: &[u8]) -> usize {
    file.windows(4).position(|four| four == b"mdat").unwrap() + 4
}

#[tokio::test]
async fn what_is_no_video_is_refused_in_words_and_kept() {
    let (_site, ann, _) = two_people().await;
    let whole = Clip::default()
        .file("clip.mp4", &["-movflags", "+faststart"])
        .bytes();
    let playlist = b"#EXTM3U\n#EXTINF:4,\nfile:///etc/hostname\n".to_vec();
    let noise: Vec<u8> = (0..100_000u32)
        .map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap())
        .collect();
    for (name, bytes) in [
        ("a playlist named .mp4", playlist),
        ("without its samples", whole[..samples(&whole)].to_vec()),
        ("random", noise),
        ("one byte", vec![0]),
    ] {
        let video = ann.upload(name, "public", &bytes).await;
        let shown = ann.wait_for(&video, &["failed", "ready"]).await;
        assert_eq!(shown["state"], "failed", "{name}: {shown}");
        assert!(
            shown["failure"].as_str().is_some_and(|why| why.len() > 10),
            "{name}: {shown}"
        );
        let source = ann.source(&video).await.expect(200);
        assert_eq!(source.body, bytes, "{name}: the source is kept");
        let _ = ann
            .get(&format!("/api/v1/videos/{video}/playback"))
            .await
            .expect(409);
    }
    let draft = ann.draft("Empty", "public").await;
    let ask = json!({"video_id": draft, "file_name": "e", "size": 0, "fingerprint": "e"});
    assert_eq!(
        ann.post("/api/v1/uploads", ask).await.expect(422).code(),
        "upload.empty"
    );
}

#[tokio::test]
async fn the_sixteenth_failed_sign_in_is_refused_before_it_is_checked() {
    let site = Site::of(VIRGA).start();
    site.register("ann").await;
    let stranger = site.stranger();
    let wrong = json!({"name": "ann", "password": "not her password"});
    let unknown = json!({"name": "nobody", "password": "not her password"});
    let first = stranger
        .post("/api/v1/sessions", wrong.clone())
        .await
        .expect(401);
    let other = stranger.post("/api/v1/sessions", unknown).await.expect(401);
    let (first, other) = (first.without_request_id(), other.without_request_id());
    assert_eq!(first, other, "both read the same");
    // Whatever address a request claims to come from, it counts for the one that it comes from.
    let from = |n: usize, body: serde_json::Value| {
        let request = stranger.request(Method::POST, "/api/v1/sessions");
        let request = request.header("x-forwarded-for", format!("198.51.100.{n}"));
        stranger.send(request.json(&body))
    };
    for n in 1..15 {
        let _ = from(n, wrong.clone()).await.expect(401);
    }
    let right = json!({"name": "ANN", "password": "ann has a password"});
    let refused = from(15, right).await.expect(429);
    assert!(refused.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn answers_to_wrong_fields_are_problem_details() {
    let (_site, ann, _) = two_people().await;
    for (path, body, status) in [
        ("/api/v1/videos", json!({"title": ""}), 422),
        (
            "/api/v1/videos",
            json!({"title": "a", "visibility": "friends"}),
            422,
        ),
        ("/api/v1/videos", json!({"title": "x".repeat(300_000)}), 413),
        (
            "/api/v1/users",
            json!({"name": "a b", "password": "12345678"}),
            422,
        ),
        (
            "/api/v1/users",
            json!({"name": "ann2", "password": "short"}),
            422,
        ),
        (
            "/api/v1/users",
            json!({"name": "Ann", "password": "12345678"}),
            409,
        ),
        ("/api/v1/nothing", json!({}), 404),
    ] {
        let answer = ann.post(path, body).await.expect(status);
        assert_eq!(
            answer.headers["content-type"], "application/problem+json",
            "{path}"
        );
        let id = answer.headers["x-request-id"].to_str().ok();
        assert!(answer.json()["request_id"].as_str() == id, "{path}");
        assert!(
            !answer.code().is_empty() && answer.json()["detail"].is_string(),
            "{}",
            answer.text()
        );
    }
    let of_none = ann.get("/api/v1/events").await.expect(400);
    assert_eq!(of_none.code(), "events.count", "{}", of_none.text());
}

#[tokio::test]
async fn bodies_that_are_no_object_and_methods_that_are_not_taken_are_told_as_problems() {
    let (_site, ann, _) = two_people().await;
    let deep = "[".repeat(100_000);
    let bodies = [
        "",
        "{",
        "null",
        "1e999",
        "\"x\"",
        "[\"a title\", \"\", \"public\"]",
        "{\"title\": \"\\ud800\"}",
        "{\"title\": 1e400}",
        "\u{0}",
        &deep,
    ];
    for path in ["users", "sessions", "videos", "uploads", "uploads/form"] {
        for body in bodies {
            let request = ann.request(Method::POST, &format!("/api/v1/{path}"));
            let request = request.header("content-type", "application/json");
            let answer = ann.send(request.body(body.to_owned())).await;
            let shown: String = body.chars().take(40).collect();
            let status = answer.status.as_u16();
            let code = if status == 400 {
                "body.malformed"
            } else {
                "body.invalid"
            };
            assert!([400, 422].contains(&status), "{path}: {shown:?}: {status}");
            assert_eq!(answer.code(), code, "{path}: {shown:?}");
        }
    }
    let long = json!({"title": "x".repeat(300_000)});
    let refused = ann.post("/api/v1/videos", long).await.expect(413);
    assert_eq!(refused.code(), "body.too-large");
    let text = ann.request(Method::POST, "/api/v1/videos").body("{}");
    let refused = ann.send(text).await.expect(415);
    assert_eq!(refused.code(), "body.unsupported");
    let refused = ann.put_json("/api/v1/videos", json!({})).await.expect(405);
    assert_eq!(refused.code(), "method");
    assert!(refused.headers.contains_key("allow"));
}

#[tokio::test]
async fn too_many_requests_are_told_when_to_come_back() {
    let site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__READS_PER_SECOND", "5")
        .set("VIRGA_LIMITS__BURST_SECONDS", "1")
        .set("VIRGA_LIMITS__SIGN_UPS_PER_HOUR", "2")
        .start();
    let (ann, _ben) = (site.register("ann").await, site.register("ben").await);
    let third = json!({"name": "eve", "password": "a good password"});
    let refused = site
        .stranger()
        .post("/api/v1/users", third)
        .await
        .expect(429);
    assert!(refused.headers.contains_key("retry-after"));
    let mut refused = 0;
    for _ in 0..30 {
        let answer = ann.get("/api/v1/videos").await;
        if answer.status == 429 {
            assert!(answer.headers.contains_key("retry-after"));
            refused += 1;
        }
    }
    assert!(refused > 0, "30 reads at once, 5 a second are allowed");
    let _ = site.stranger().get("/api/v1/site").await.expect(200);
}

#[tokio::test]
async fn uploads_stop_before_the_disk_is_full() {
    // More than there is; texts stop only at an eighth of it.
    let disk = rustix::fs::statvfs(std::env::temp_dir()).unwrap();
    let keep_free = disk.f_bavail * disk.f_frsize * 2;
    let site = Site::of(VIRGA)
        .set("VIRGA_STORAGE__KEEP_FREE", &keep_free.to_string())
        .start();
    let ann = site.register("ann").await;
    let draft = ann.draft("No room", "public").await;
    let ask = json!({"video_id": draft, "file_name": "a", "size": 5, "fingerprint": "a"});
    assert_eq!(
        ann.post("/api/v1/uploads", ask).await.expect(507).code(),
        "storage.full"
    );

    let site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__QUOTA_PER_USER", "10")
        .set("VIRGA_LIMITS__UPLOAD_MAX", "100")
        .start();
    let ann = site.register("ann").await;
    let draft = ann.draft("Quota", "public").await;
    let ask =
        |size: u64| json!({"video_id": draft, "file_name": "a", "size": size, "fingerprint": "a"});
    assert_eq!(
        ann.post("/api/v1/uploads", ask(101))
            .await
            .expect(413)
            .code(),
        "upload.too-large"
    );
    assert_eq!(
        ann.post("/api/v1/uploads", ask(11))
            .await
            .expect(507)
            .code(),
        "upload.quota"
    );
    let _ = ann.post("/api/v1/uploads", ask(10)).await.expect(201);
}
