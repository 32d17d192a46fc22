//! Administration: who may, and what blocking, resetting and looking do.

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use virga_testkit::{Clip, Fronts, Person, Role, Site};

use crate::{VIRGA, forms};

/// The administrator of a site that was just started.
pub(crate) async fn administrator(site: &Site) -> Person {
    site.administrator().await
}

fn credentials(name: &str, password: &str) -> Value {
    json!({"name": name, "password": password})
}

/// Sends a form of the pages, as a browser with the person's cookie would.
async fn form(site: &Site, who: &Person, path: &str, body: &str) -> virga_testkit::Answer {
    let request = site
        .stranger()
        .request(Method::POST, path)
        .header(header::COOKIE, format!("virga={}", who.token()))
        .header(header::ORIGIN, site.url())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body.to_owned());
    who.send(request).await
}

async fn page(site: &Site, who: &Person, path: &str) -> virga_testkit::Answer {
    let request = site
        .stranger()
        .request(Method::GET, path)
        .header(header::COOKIE, format!("virga={}", who.token()));
    who.send(request).await
}

#[tokio::test]
async fn only_administrators_reach_any_address_of_the_administration() {
    let site = Site::of(VIRGA).start();
    let root = administrator(&site).await;
    let (ann, eve) = (site.register("ann").await, site.register("eve").await);
    let calls = [
        (Method::GET, "/api/v1/admin/users"),
        (Method::GET, "/api/v1/admin/users?q=a"),
        (Method::POST, "/api/v1/admin/users/ann/reset-password"),
        (Method::PUT, "/api/v1/admin/users/ann/block"),
        (Method::DELETE, "/api/v1/admin/users/ann/block"),
        (Method::GET, "/api/v1/admin/jobs"),
        (Method::GET, "/api/v1/admin/jobs/open"),
        (Method::GET, "/api/v1/admin/storage"),
        (Method::GET, "/api/v1/admin/site"),
    ];
    for (method, path) in &calls {
        let answer = eve
            .send(eve.request(method.clone(), path))
            .await
            .expect(403);
        assert_eq!(answer.code(), "admin.only", "{path}");
        let nobody = site.stranger();
        let _ = nobody
            .send(nobody.request(method.clone(), path))
            .await
            .expect(401);
    }
    // None of these did anything.
    let _ = ann.get("/api/v1/users/me").await.expect(200);
    let _ = site
        .stranger()
        .post("/api/v1/sessions", credentials("ann", "ann has a password"))
        .await
        .expect(201);

    let pages = [
        "/admin",
        "/admin/jobs",
        "/admin/storage",
        "/admin/site",
        "/admin/users/ann/block",
        "/admin/users/ann/unblock",
        "/admin/users/ann/reset-password",
    ];
    for path in pages {
        assert_eq!(page(&site, &eve, path).await.status, 403, "{path}");
        let refused = site.stranger().get(path).await.expect(303);
        assert!(
            refused.headers[header::LOCATION]
                .to_str()
                .unwrap()
                .starts_with("/sign-in")
        );
        let _ = page(&site, &root, path).await.expect(200);
    }
    for path in &pages[4..] {
        assert_eq!(form(&site, &eve, path, "").await.status, 403, "{path}");
    }
    for path in ["/admin/jobs/retry", "/admin/jobs/cancel"] {
        let refused = form(&site, &eve, path, "video=00000000000").await;
        assert_eq!(refused.status, 403, "{path}");
    }
    let _ = ann.get("/api/v1/users/me").await.expect(200);
    // The documentation knows every one of them.
    let document = root.get("/api/v1/openapi.json").await.expect(200).json();
    for path in [
        "/users",
        "/users/{name}/reset-password",
        "/users/{name}/block",
        "/jobs",
        "/jobs/open",
        "/storage",
        "/site",
    ] {
        assert!(
            document["paths"][format!("/api/v1/admin{path}")].is_object(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_blocked_account_is_out_at_once_and_its_videos_stay() {
    let site = Site::of(VIRGA).start();
    let root = administrator(&site).await;
    let ann = site.register("ann").await;
    let video = ann.playable("Rain", "public").await;
    let (ticket, sent) = (
        ann.draft("Form", "public").await,
        ann.draft("Parts", "public").await,
    );
    let ticket = forms::offer(&ann, &ticket).await;
    let bytes = Clip::default().bytes();
    let upload = ann.open_upload(&sent, bytes.len()).await;
    ann.send_parts(&upload, &bytes).await;
    let id = upload["id"].as_str().unwrap();
    let part = ann.sign_part(id, 1).await;
    let path = "/api/v1/admin/users/ann/block";
    let _ = root.put(path, Vec::new()).await.expect(204);
    // Addresses that were given out before take nothing in any more.
    let refused = forms::send(&site.stranger(), &ticket, &bytes)
        .await
        .unwrap();
    let refused = forms::target(refused);
    assert!(refused.ends_with("refused=account.blocked"), "{refused}");
    // Parts: as soon as the feed of changes has said so.
    let deadline = Instant::now() + Duration::from_secs(5);
    let refused = loop {
        let answer = site.stranger().send_part(&part, &bytes).await;
        assert!(Instant::now() < deadline, "parts are still taken");
        if answer.status != StatusCode::NO_CONTENT {
            break answer.expect(403);
        }
    };
    assert_eq!(refused.code(), "account.blocked");
    let complete = format!("/api/v1/uploads/{id}/complete");
    let refused = root.post(&complete, json!({})).await.expect(403);
    assert_eq!(refused.code(), "account.blocked");
    let _ = ann.get("/api/v1/users/me").await.expect(401);
    let again = site
        .stranger()
        .post("/api/v1/sessions", credentials("ann", "ann has a password"))
        .await
        .expect(403);
    assert_eq!(again.code(), "account.blocked");
    assert!(again.json()["detail"].as_str().unwrap().contains("blocked"));
    // Who does not know the password does not learn it.
    let guessed = site
        .stranger()
        .post("/api/v1/sessions", credentials("ann", "another password"))
        .await
        .expect(401);
    assert_eq!(guessed.code(), "sign-in.wrong");
    let body = "name=ann&password=ann+has+a+password";
    let shown = form(&site, &site.stranger(), "/sign-in", body)
        .await
        .expect(403);
    assert!(shown.text().contains("This account is blocked."));
    let _ = site
        .stranger()
        .get(&format!("/v/{video}"))
        .await
        .expect(200);

    let list = root
        .get("/api/v1/admin/users?q=AN")
        .await
        .expect(200)
        .json();
    let line = &list["items"][0];
    assert_eq!((&line["name"], &line["videos"]), (&json!("ann"), &json!(3)));
    assert!(line["blocked_at"].is_string() && line["used_bytes"].as_u64().unwrap() > 1000);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let (_, told) = site.run(&["user", "list"]);
    assert!(told.contains("blocked since"), "{told}");

    let _ = root.delete(path).await.expect(204);
    let _ = ann.get("/api/v1/users/me").await.expect(401);
    let _ = site
        .stranger()
        .post("/api/v1/sessions", credentials("ann", "ann has a password"))
        .await
        .expect(201);
    let deadline = Instant::now() + Duration::from_secs(5);
    while site.stranger().send_part(&part, &bytes).await.status != StatusCode::NO_CONTENT {
        assert!(Instant::now() < deadline, "parts are still refused");
    }
}

#[tokio::test]
async fn administrators_do_nothing_to_their_own_account() {
    let site = Site::of(VIRGA).start();
    let root = administrator(&site).await;
    for (method, path) in [
        (Method::PUT, "/api/v1/admin/users/ROOT/block"),
        (Method::POST, "/api/v1/admin/users/root/reset-password"),
    ] {
        let refused = root.send(root.request(method, path)).await.expect(409);
        assert_eq!(refused.code(), "admin.yourself");
    }
    let shown = form(&site, &root, "/admin/users/root/block", "")
        .await
        .expect(409);
    assert!(shown.text().contains("This is your own account."));
    let _ = root.get("/api/v1/users/me").await.expect(200);
    let _ = root
        .put("/api/v1/admin/users/nobody/block", Vec::new())
        .await
        .expect(404);
}

#[tokio::test]
async fn a_new_password_is_shown_once_and_ends_every_session() {
    let site = Site::of(VIRGA).start();
    let root = administrator(&site).await;
    let ann = site.register("ann").await;
    let asked = page(&site, &root, "/admin/users/ann/reset-password")
        .await
        .expect(200);
    assert!(asked.text().contains("ann") && !asked.text().contains("id=\"password\""));
    let _ = ann.get("/api/v1/users/me").await.expect(200);
    let shown = form(&site, &root, "/admin/users/ann/reset-password", "")
        .await
        .expect(200);
    assert_eq!(shown.headers[header::CACHE_CONTROL], "no-store");
    let text = shown.text();
    let field = text.split("id=\"password\" value=\"").nth(1).unwrap();
    let password = field.split('"').next().unwrap();
    assert_eq!(password.len(), 19, "{password}");
    let _ = ann.get("/api/v1/users/me").await.expect(401);
    let session = |password: &str| {
        let ask = credentials("ann", password);
        async { site.stranger().post("/api/v1/sessions", ask).await }
    };
    let _ = session("ann has a password").await.expect(401);
    let _ = session(password).await.expect(201);
    let other = root
        .post("/api/v1/admin/users/ann/reset-password", Value::Null)
        .await
        .expect(200)
        .json();
    assert_ne!(other["password"], password);
    let _ = session(password).await.expect(401);
    assert!(!site.output().contains(password));
}

#[tokio::test]
async fn accounts_come_in_pages_and_a_search_takes_signs_as_they_are() {
    let site = Site::of(VIRGA).start();
    let root = administrator(&site).await;
    for name in ["b_1", "b-2", "b.3", "Bea"] {
        let _ = site.register(name).await;
    }
    let mut names = Vec::new();
    let mut path = "/api/v1/admin/users?limit=2".to_owned();
    loop {
        let list = root.get(&path).await.expect(200).json();
        let items = list["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(
            items
                .iter()
                .map(|it| it["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = list["next"].as_str() else {
            break;
        };
        path = format!("/api/v1/admin/users?limit=2&cursor={next}");
    }
    assert_eq!(names, ["b-2", "b.3", "b_1", "Bea", "root"]);
    for (q, found) in [("_", 1), ("%25", 0), ("BE", 1), ("b", 4), ("!", 0)] {
        let path = format!("/api/v1/admin/users?q={q}");
        let list = root.get(&path).await.expect(200).json();
        assert_eq!(list["items"].as_array().unwrap().len(), found, "{q}");
    }
    let _ = root.get("/api/v1/admin/users?cursor=x").await.expect(400);
}

#[tokio::test]
async fn what_waits_is_listed_stopped_and_started_again() {
    let fronts = Fronts::new();
    let mut site = fronts.site(VIRGA);
    for role in [Role::Web, Role::Stream, Role::Api] {
        site.start(role);
    }
    let balancer = fronts.balance("haproxy", &mut site, &[]);
    let stranger = Person::new(&balancer.url);
    stranger.wait_until_answered("/").await;
    let root = site.administrator_by(&stranger).await;
    let ann = site.register_by(&stranger, "ann").await;
    let video = ann
        .upload("Rain", "private", &Clip::default().bytes())
        .await;
    let open = async || {
        let list = root.get("/api/v1/admin/jobs/open").await.expect(200).json();
        list["items"].as_array().unwrap().clone()
    };
    let listed = open().await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(
        (
            &listed[0]["title"],
            &listed[0]["owner"],
            &listed[0]["state"]
        ),
        (&json!("Rain"), &json!("ann"), &json!("queued"))
    );
    let (code, told) = site.run(&["jobs", "list"]);
    assert_eq!(code, 0, "{told}");
    assert!(
        told.contains(&format!("{video}  probe       Rain")),
        "{told}"
    );

    let cancel = format!("/api/v1/videos/{video}/cancel");
    let stopped = ann.post(&cancel, json!({})).await.expect(200).json();
    assert_eq!(
        (&stopped["state"], &stopped["failure_code"]),
        (&json!("failed"), &json!("cancelled"))
    );
    let twice = ann.post(&cancel, json!({})).await.expect(409);
    assert_eq!(twice.code(), "video.not-processing");
    assert!(open().await.is_empty());
    let (_, told) = site.run(&["jobs", "list"]);
    assert!(told.contains("No job waits or runs."), "{told}");
    let (_, told) = site.run(&["jobs", "list", "--failed"]);
    assert!(told.contains("Processing was stopped."), "{told}");
    let (code, told) = site.run(&["jobs", "stop", &video]);
    assert_eq!(code, 1);
    assert!(told.contains("Nothing is being done"), "{told}");
    let (code, told) = site.run(&["jobs", "retry", &video]);
    assert_eq!(code, 0, "{told}");
    site.start(Role::Dispatcher);
    ann.wait_for(&video, &["ready"]).await;
    let (code, told) = site.run(&["jobs", "rebuild", &video]);
    assert_eq!(code, 0, "{told}");
    ann.wait_for(&video, &["ready"]).await;
}

#[tokio::test]
async fn a_failed_job_is_listed_with_its_reason_and_tried_again() {
    let site = Site::of(VIRGA).start();
    let root = administrator(&site).await;
    let ann = site.register("ann").await;
    let video = ann
        .upload("Words", "private", b"only words, no picture")
        .await;
    ann.wait_for(&video, &["failed"]).await;
    let jobs = || async {
        let list = root.get("/api/v1/admin/jobs").await.expect(200).json();
        list["items"].as_array().unwrap().clone()
    };
    let listed = jobs().await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    let job = &listed[0];
    assert_eq!(
        (&job["video_id"], &job["title"], &job["owner"], &job["kind"]),
        (
            &json!(video),
            &json!("Words"),
            &json!("ann"),
            &json!("probe")
        )
    );
    assert!(!job["code"].as_str().unwrap().is_empty() && job["tries"].as_u64().unwrap() >= 1);
    let shown = page(&site, &root, "/admin/jobs").await.expect(200).text();
    assert!(
        shown.contains("Words") && shown.contains("/u/ann") && shown.contains("Checking the file")
    );

    let before = job["failed_at"].clone();
    let body = format!("video={video}");
    let _ = form(&site, &root, "/admin/jobs/retry", &body)
        .await
        .expect(303);
    // The file is still no video: it fails anew, and there is still one line of it.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let listed = jobs().await;
        if listed.len() == 1 && listed[0]["failed_at"] != before {
            break;
        }
        assert!(Instant::now() < deadline, "{listed:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let _ = ann
        .delete(&format!("/api/v1/videos/{video}"))
        .await
        .expect(200);
    assert!(
        jobs().await.is_empty(),
        "nothing of a deleted video is tried again"
    );
}

#[tokio::test]
async fn the_disk_is_told_in_bytes_and_in_words() {
    let site = Site::of(VIRGA)
        .set("VIRGA_STORAGE__KEEP_FREE", "67108864")
        .start();
    let root = administrator(&site).await;
    let ann = site.register("ann").await;
    let clip = Clip::default().bytes();
    let _ = ann.upload("Rain", "public", &clip).await;
    let room = root.get("/api/v1/admin/storage").await.expect(200).json();
    let of = |name: &str| room[name].as_u64().unwrap();
    assert_eq!(of("sources_bytes"), clip.len() as u64);
    assert!(of("free_bytes") > 0 && of("free_bytes") < of("total_bytes"));
    assert_eq!(of("keep_free_bytes"), 64 << 20);
    assert_eq!((of("videos"), of("reserved_bytes")), (1, 0));
    let shown = page(&site, &root, "/admin/storage")
        .await
        .expect(200)
        .text();
    assert!(shown.contains("1 video") && shown.contains("Kept free"));
}

#[tokio::test]
async fn accounts_are_blocked_from_the_command_line_too() {
    let site = Site::of(VIRGA).start();
    let ann = site.register("ann").await;
    let (code, text) = site.run(&["user", "block", "ANN"]);
    assert!(code == 0 && text.contains("ann is blocked"), "{text}");
    let _ = ann.get("/api/v1/users/me").await.expect(401);
    let ask = || credentials("ann", "ann has a password");
    let _ = site
        .stranger()
        .post("/api/v1/sessions", ask())
        .await
        .expect(403);
    let (code, text) = site.run(&["user", "unblock", "ann"]);
    assert_eq!(code, 0, "{text}");
    let _ = site
        .stranger()
        .post("/api/v1/sessions", ask())
        .await
        .expect(201);
    let (code, text) = site.run(&["user", "block", "nobody"]);
    assert!(code == 1 && text.contains("user list"), "{text}");
}

#[tokio::test]
async fn an_administrator_names_the_site_and_closes_it() {
    let site = Site::of(VIRGA).start();
    let root = administrator(&site).await;
    let path = "/api/v1/admin/site";
    let before = root.get(path).await.expect(200).json();
    assert_eq!(before["registration"], "open");
    assert_eq!(before["registration_source"], "stored");
    let change = json!({"name": "  Cirrus  ", "registration": "closed"});
    let after = root.patch(path, change).await.expect(200).json();
    assert_eq!(after["name"], "Cirrus");
    let shown = site.stranger().get("/api/v1/site").await.expect(200).json();
    assert_eq!(shown["name"], "Cirrus");
    assert_eq!(shown["registration"], "closed");
    let ask = credentials("ann", "ann has a password");
    let refused = site.stranger().post("/api/v1/users", ask).await.expect(403);
    assert_eq!(refused.code(), "registration.closed");
    let empty = root.patch(path, json!({"name": " "})).await.expect(422);
    assert_eq!(empty.json()["field"], "name");

    let opened = form(
        &site,
        &root,
        "/admin/site",
        "name=Stratus&registration=open",
    )
    .await;
    let _ = opened.expect(303);
    let _ = site.register("ann").await;
    let shown = page(&site, &root, "/admin/site").await.expect(200).text();
    assert!(shown.contains("value=\"Stratus\""), "{shown}");
}

#[tokio::test]
async fn what_the_configuration_closes_is_not_opened_by_a_page() {
    let site = Site::of(VIRGA)
        .set("VIRGA_ACCOUNTS__REGISTRATION", "closed")
        .start();
    let root = administrator(&site).await;
    let path = "/api/v1/admin/site";
    let shown = root.get(path).await.expect(200).json();
    assert_eq!(shown["registration"], "closed");
    assert_eq!(shown["registration_source"], "configuration");
    let open = json!({"registration": "open"});
    let refused = root.patch(path, open).await.expect(409);
    assert_eq!(refused.code(), "registration.configured");
    let said = page(&site, &root, "/admin/site").await.expect(200).text();
    assert!(said.contains("accounts.registration"), "{said}");
    let named = form(&site, &root, "/admin/site", "name=Stratus").await;
    let _ = named.expect(303);
    let site = root.get("/api/v1/site").await.expect(200).json();
    assert_eq!(site["name"], "Stratus");
    assert_eq!(site["registration"], "closed");
}
