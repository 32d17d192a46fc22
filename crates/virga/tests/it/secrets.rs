//! Canaries: secrets that are used in every way, right and wrong, and searched for in all that the
//! program prints, at its most talkative. Every other test's site is searched too (`Site`, dropped).

use reqwest::{Method, header};
use serde_json::json;
use virga_testkit::{Person, Role, Site};

use crate::{VIRGA, sockets::exchange};

/// The value after `name=` in an address.
fn parameter(url: &str, name: &str) -> String {
    let value = url.split(&format!("{name}=")).nth(1).unwrap();
    value.split('&').next().unwrap().to_owned()
}

/// Sends a secret to where it does not belong.
async fn misplace(site: &Site, who: &Person, secret: &str) {
    // A path is logged, and what is short in one is no secret of ours.
    let placed = if secret.len() > 40 { secret } else { "x" };
    let paths = [
        format!("/{placed}"),
        format!("/v/{placed}?x={secret}"),
        format!("/api/v1/videos/{placed}"),
        format!("/api/v1/videos?cursor={secret}"),
        format!("/api/v1/events?videos={secret}"),
        format!("/media/g/{placed}"),
        format!("/media/{placed}/main.m3u8?{secret}"),
        format!("/up/{placed}/1?sig={secret}"),
        format!("/setup?token={secret}"),
        format!("/?q={secret}"),
        format!("/oembed?url={secret}"),
    ];
    for path in &paths {
        let method = if path.starts_with("/up/") {
            Method::PUT
        } else {
            Method::GET
        };
        let request = who.request(method, path).body(secret.to_owned());
        let _ = who.send(request).await;
    }
    for body in [
        format!("{{\"name\": \"{secret}\", \"password\": \"{secret}\"}}"),
        format!("{{\"name\": 1, \"password\": \"{secret}\""),
        format!("\"{secret}\""),
        format!("{{\"{secret}\": 1}}"),
    ] {
        for path in ["/api/v1/sessions", "/api/v1/users", "/api/v1/setup"] {
            let request = site.stranger().request(Method::POST, path);
            let kind = "application/json";
            let request = request
                .header(header::CONTENT_TYPE, kind)
                .body(body.clone());
            let _ = who.send(request).await;
        }
    }
    for (name, value) in [
        ("authorization", format!("Basic {secret}")),
        ("authorization", secret.to_owned()),
        ("cookie", format!("virga={secret}; other={secret}")),
        (
            "x-virga-voucher",
            format!("{secret} 1 {secret} 127.0.0.1 r"),
        ),
        ("x-request-id", format!("{secret}!")),
        ("x-forwarded-for", secret.to_owned()),
        ("origin", format!("https://{secret}.example")),
    ] {
        let request = site.stranger().request(Method::POST, "/sign-in");
        let _ = who
            .send(request.header(name, value).body(secret.to_owned()))
            .await;
    }
    let broken =
        format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: virga={secret}\r\nX : {secret}\r\n\r\n");
    let _ = exchange(site, broken.as_bytes()).await;
}

/// Plays, sends a part and a form: the grant, the part's address and the form's.
async fn used_addresses(root: &Person) -> [String; 3] {
    let video = root.playable("Mine", "private").await;
    let hls = root.playback(&video).await["hls"]
        .as_str()
        .unwrap()
        .to_owned();
    for url in root.media_urls(&hls).await {
        let _ = root.get(&url).await.expect(200);
    }
    let upload = root
        .open_upload(&root.draft("Parts", "public").await, 10)
        .await;
    let part = root.part_url(upload["id"].as_str().unwrap(), 1).await;
    let _ = root.put(&part, vec![1; 10]).await.expect(204);
    let other = json!({"video_id": root.draft("Form", "public").await});
    let form = root
        .post("/api/v1/uploads/form", other)
        .await
        .expect(200)
        .json();
    let form = form["url"].as_str().unwrap().to_owned();
    let _ = root.send(root.request(Method::POST, &form).body("x")).await;
    let _ = root.get("/my/videos").await.expect(200);
    [hls.split('/').nth(3).unwrap().to_owned(), part, form]
}

#[tokio::test]
async fn secrets_never_stand_in_any_output() {
    let mut site = Site::of(VIRGA)
        .set("VIRGA_LOG__LEVEL", "trace")
        .set("VIRGA_LIMITS__FAILED_SIGN_INS_PER_NAME", "100000")
        .set("VIRGA_LIMITS__FAILED_SIGN_INS_PER_ADDRESS", "100000")
        .set("VIRGA_LIMITS__FAILED_SIGN_INS_BY_STRANGERS", "100000")
        .start();
    let setup = site.wait_setup_path().split_once('=').unwrap().1.to_owned();
    let password = "canary-Xq7-password";
    let ask = json!({"token": setup, "name": "root", "password": password,
        "site_name": "Rain", "registration": "open"});
    let session = site
        .stranger()
        .post("/api/v1/setup", ask)
        .await
        .expect(201)
        .json();
    let root = site
        .stranger()
        .with_token(session["token"].as_str().unwrap());
    let [grant, part, form] = used_addresses(&root).await;
    let given = root
        .post(
            "/api/v1/users",
            json!({"name": "ann", "password": "canary-second"}),
        )
        .await;
    let reset = "/api/v1/admin/users/ann/reset-password";
    let reset = root.post(reset, json!(null)).await.expect(200).json();
    let keys = std::fs::read_to_string(site.data().join("keys/site")).unwrap();
    let secrets = [
        password.to_owned(),
        "canary-second".to_owned(),
        given.expect(201).json()["token"]
            .as_str()
            .unwrap()
            .to_owned(),
        reset["password"].as_str().unwrap().to_owned(),
        root.token().to_owned(),
        virga_app::hash_token(root.token()),
        grant.clone(),
        grant.rsplit('.').next().unwrap().to_owned(),
        parameter(&part, "sig"),
        parameter(&form, "sig"),
        keys.split_whitespace().nth(1).unwrap().to_owned(),
    ];
    for secret in &secrets {
        misplace(&site, &root, secret).await;
    }
    misplace(&site, &root, &setup).await;
    let numbers = site.stranger().get("/metrics").await.expect(200).text();
    site.terminate(Role::Serve);
    let _ = site.wait_ended(Role::Serve);
    let output = site.output();
    assert!(
        output.contains("media/g/-/"),
        "requests are logged:\n{output:.2000}"
    );
    for secret in &secrets {
        assert!(!numbers.contains(secret), "{secret} is in the metrics");
        let line = output.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} stands in {line:?}");
    }
    // The link for the first administrator is printed, once, for who started the site.
    assert_eq!(output.matches(&setup).count(), 1);
    assert!(output.contains(&format!("/setup?token={setup}")));
}
