//! The four roles one by one over the same database file and folder, behind real balancers with the
//! configuration that `virga lb` prints.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use virga_testkit::{Clip, Fronts, Person, Role, Site};

use crate::{VIRGA, forms};

#[tokio::test]
async fn four_roles_behind_haproxy_are_one_site() {
    four_roles_are_one_site("haproxy").await;
}

#[tokio::test]
async fn four_roles_behind_nginx_are_one_site() {
    four_roles_are_one_site("nginx").await;
}

async fn four_roles_are_one_site(engine: &str) {
    let fronts = Fronts::new();
    let mut site = fronts.site(VIRGA);
    for role in [Role::Web, Role::Stream, Role::Dispatcher, Role::Api] {
        site.start(role);
    }
    let balancer = fronts.balance(engine, &mut site, &[]);
    let stranger = Person::new(&balancer.url);
    stranger.wait_until_answered("/").await;

    let ann = site.register_by(&stranger, "ann").await;
    let video = ann
        .upload("Split", "unlisted", &Clip::default().bytes())
        .await;
    ann.wait_for(&video, &["ready"]).await;
    let playback = stranger.playback(&video).await;
    for url in stranger.media_urls(playback["hls"].as_str().unwrap()).await {
        let _ = stranger.get(&url).await.expect(200);
    }
    let page = stranger.get(&format!("/v/{video}")).await.expect(200);
    assert!(page.text().contains("Split"));
    let _ = stranger.get("/internal/v1/changes").await.expect(404);

    // A refusal that crosses two processes keeps its code and the id of the sender's request.
    let late = ann.draft("Late", "unlisted").await;
    let url = forms::offer(&ann, &late).await;
    ann.fill(&late, &Clip::default().bytes()).await;
    let refused = forms::send_for(&ann, &url, b"late", "application/json").await;
    let refused = refused.unwrap().expect(409);
    assert_eq!(refused.code(), "video.has-source");
    assert_eq!(
        refused.json()["request_id"].as_str(),
        refused.headers["x-request-id"].to_str().ok()
    );

    // A withdrawal reaches the other process.
    let path = format!("/api/v1/videos/{video}");
    for visibility in ["private", "unlisted"] {
        let ask = serde_json::json!({"visibility": visibility});
        let _ = ann.patch(&path, ask).await.expect(200);
        let before = playback["hls"].as_str().unwrap();
        stranger.wait_until_refused(before).await;
    }
    let playback = stranger.playback(&video).await;

    // Granted playback goes on while api is down; pages say calmly that they cannot.
    site.kill(Role::Api);
    for role in [Role::Web, Role::Stream] {
        let own = Person::new(format!("http://127.0.0.1:{}", site.port(role)));
        let ready = own.get("/readyz").await.expect(200);
        assert_eq!(ready.text(), "ready\nwithout api\n");
    }
    let _ = stranger
        .get(playback["hls"].as_str().unwrap())
        .await
        .expect(200);
    let _ = stranger.get(&format!("/v/{video}")).await.expect(503);
    let refused = stranger.get("/api/v1/videos").await.expect(503);
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    assert_eq!(refused.headers["retry-after"], "2");
    assert_eq!(refused.code(), "unavailable");
    site.start(Role::Api);
    // The balancer looks again within a second or two.
    let deadline = Instant::now() + Duration::from_secs(20);
    while stranger.get(&format!("/v/{video}")).await.status != 200 {
        assert!(Instant::now() < deadline, "api is back, and pages are not");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    // And after it was away.
    let _ = ann
        .delete(&format!("/api/v1/videos/{video}"))
        .await
        .expect(200);
    stranger
        .wait_until_refused(playback["hls"].as_str().unwrap())
        .await;
}

/// Askers at once.
const ASKERS: usize = 8;

/// What the askers and who kills share.
#[derive(Default)]
struct Watch {
    answered: AtomicUsize,
    killed: AtomicBool,
    over: AtomicBool,
}

impl Watch {
    async fn until(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.answered.load(Ordering::SeqCst) < count {
            assert!(Instant::now() < deadline, "the site stands still");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks for pages, API and media by turns; how many failed that were asked before the kill, and
    /// how many after it.
    async fn ask(&self, who: &Person, paths: &[String], mut turn: usize) -> [usize; 2] {
        let mut failed = [0, 0];
        while !self.over.load(Ordering::SeqCst) {
            let after = usize::from(self.killed.load(Ordering::SeqCst));
            let request = who.request(reqwest::Method::GET, &paths[turn % paths.len()]);
            let answer = who.try_send(request).await;
            failed[after] += usize::from(!answer.is_ok_and(|it| it.status == 200));
            self.answered.fetch_add(1, Ordering::SeqCst);
            turn += 1;
        }
        failed
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replica_costs_no_page() {
    let fronts = Fronts::new();
    let mut site = fronts.site(VIRGA);
    let mut twin = site.replica();
    for role in [Role::Api, Role::Stream, Role::Web] {
        site.start(role);
        twin.start(role);
    }
    site.start(Role::Dispatcher);
    let balancer = fronts.balance("haproxy", &mut site, &[&twin]);
    let stranger = Person::new(&balancer.url);
    stranger.wait_until_answered("/").await;
    let ann = site.register_by(&stranger, "ann").await;
    let video = ann.playable("Twice", "unlisted").await;
    let playback = stranger.playback(&video).await;
    let mut paths = stranger.media_urls(playback["hls"].as_str().unwrap()).await;
    paths.truncate(3);
    paths.extend([
        "/".to_owned(),
        format!("/v/{video}"),
        format!("/api/v1/videos/{video}"),
    ]);
    for role in [Role::Web, Role::Api, Role::Stream] {
        let watch = Watch::default();
        let asking = (0..ASKERS).map(|first| watch.ask(&stranger, &paths, first));
        let killing = async {
            watch.until(50).await;
            twin.kill(role);
            watch.killed.store(true, Ordering::SeqCst);
            watch.until(400).await;
            watch.over.store(true, Ordering::SeqCst);
        };
        let (failed, ()) = tokio::join!(futures_util::future::join_all(asking), killing);
        // What was half answered when it was killed cannot be asked again; all else is.
        let before: usize = failed.iter().map(|failed| failed[0]).sum();
        let after: usize = failed.iter().map(|failed| failed[1]).sum();
        assert!(before <= ASKERS && after == 0, "{role:?}: {failed:?}");
        twin.start(role);
    }
}

#[tokio::test]
async fn failed_sign_ins_of_one_address_limit_no_other_whatever_it_says_of_itself() {
    for engine in ["haproxy", "nginx"] {
        let fronts = Fronts::new();
        let mut site = fronts.site(VIRGA);
        for role in [Role::Web, Role::Stream, Role::Api] {
            site.start(role);
        }
        let balancer = fronts.balance(engine, &mut site, &[]);
        Person::new(&balancer.url).wait_until_answered("/").await;
        let [a, b] = ["127.0.0.2", "127.0.0.3"]
            .map(|address| Person::at(&balancer.url, Some(address.parse().unwrap())));
        let try_from = async |who: &Person, n: usize| {
            let ask = serde_json::json!({"name": format!("nobody{n}"), "password": "guessed at"});
            let request = who
                .request(reqwest::Method::POST, "/api/v1/sessions")
                .header("x-forwarded-for", format!("203.0.113.{n}"))
                .json(&ask);
            who.send(request).await.status.as_u16()
        };
        let mut statuses = Vec::new();
        for n in 0..20 {
            statuses.push(try_from(&a, n).await);
        }
        assert_eq!(
            (statuses[0], statuses[19]),
            (401, 429),
            "{engine}: {statuses:?}"
        );
        assert_eq!(try_from(&b, 21).await, 401, "{engine}");
    }
}

/// The balancer's own judgement of a configuration with a certificate.
fn is_accepted(engine: &str, text: &str, folder: &Path) {
    let file = folder.join("balancer.conf");
    fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let pid = format!("pid {}/pid;", folder.display());
    let check = match engine {
        "haproxy" => vec!["-c", "-f", &file],
        _ => vec!["-t", "-c", &file, "-g", &pid],
    };
    #[expect(clippy::disallowed_methods, reason = "the balancer is a process")]
    let checked = Command::new(engine).args(check).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}\n{text}");
    assert!(!said.to_lowercase().contains("warn"), "{said}");
}

#[test]
fn a_certificate_brings_https_alone_and_each_source_has_its_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("site.pem");
    #[expect(
        clippy::disallowed_methods,
        reason = "certificates are made by openssl"
    )]
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=videos.example"])
        .arg("-keyout")
        .arg(&pem)
        .arg("-out")
        .arg(folder.path().join("certificate"))
        .output()
        .unwrap();
    assert!(made.status.success());
    let certificate = fs::read_to_string(folder.path().join("certificate")).unwrap();
    let key = fs::read_to_string(&pem).unwrap();
    fs::write(&pem, certificate + &key).unwrap();
    let mut site = Site::of(VIRGA)
        .set("VIRGA_BALANCER__LISTEN", "127.0.0.1:443")
        .set("VIRGA_BALANCER__CERTIFICATE", &pem.display().to_string())
        .set("VIRGA_BALANCER__CONNECTIONS_PER_SOURCE", "321")
        .set("VIRGA_BALANCER__REQUESTS_PER_SOURCE", "654")
        .build();
    if !rustix::process::geteuid().is_root() {
        site.set("VIRGA_BALANCER__USER", "");
        site.set("VIRGA_BALANCER__CHROOT", "");
    }
    for key in ["WEB", "API", "STREAM"] {
        site.set(&format!("VIRGA_BALANCER__{key}"), "[\"127.0.0.1:8080\"]");
    }
    for (engine, wanted) in [
        (
            "haproxy",
            [
                "bind 127.0.0.1:80\n",
                "redirect scheme https code 308",
                "Strict-Transport-Security max-age=31536000",
                "ssl-min-ver TLSv1.2",
                "sc0_conn_cur gt 321",
                "sc0_http_req_rate gt 654",
                "option http-buffer-request",
                "use-service prometheus-exporter if { path /metrics }",
            ],
        ),
        (
            "nginx",
            [
                "listen 127.0.0.1:80;",
                "return 308 https://$host$request_uri;",
                "Strict-Transport-Security max-age=31536000 always",
                "ssl_protocols TLSv1.2 TLSv1.3;",
                "limit_conn connections 321;",
                "rate=654r/s",
                "proxy_request_buffering on;",
                "stub_status;",
            ],
        ),
    ] {
        let (code, text) = site.run(&["lb", engine]);
        assert_eq!(code, 0, "{text}");
        is_accepted(engine, &text, folder.path());
        for words in wanted {
            assert!(text.contains(words), "{engine}: no {words:?} in\n{text}");
        }
    }
}

#[test]
fn what_a_balancer_cannot_be_told_is_said() {
    let mut site = Site::of(VIRGA).build();
    let (code, said) = site.run(&["lb", "haproxy"]);
    assert!(
        code != 0 && said.contains("balancer.web names no replica"),
        "{said}"
    );
    for key in ["WEB", "API", "STREAM"] {
        site.set(&format!("VIRGA_BALANCER__{key}"), "[\"10.0.0.2:8080\"]");
    }
    assert_eq!(site.run(&["lb", "nginx"]).0, 0);
    site.set("VIRGA_BALANCER__WEB", "[\"10.0.0.2:80 backup; evil\"]");
    let (code, said) = site.run(&["lb", "nginx"]);
    assert!(code != 0 && said.contains("is not HOST:PORT"), "{said}");
}
