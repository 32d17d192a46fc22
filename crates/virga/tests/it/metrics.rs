//! The numbers: what they hold, who reads them, and that Prometheus's own checker takes them and the
//! rules that we ship. The access log.

use http::Method;
use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use virga_testkit::{Clip, Person, Role, Site, free_port};

use crate::VIRGA;

/// Prometheus's own checker.
fn promtool(arguments: &[&str], input: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    #[expect(clippy::disallowed_methods, reason = "the checker is a program")]
    let mut child = Command::new(root.join("target/tools/promtool"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("scripts/promtool brings it");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said
}

/// Names of metrics in a text that uses them.
fn names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("virga_") || word.starts_with("process_"))
        .map(|word| word.trim_end_matches("_bucket").to_owned())
        .collect()
}

/// What a site has at least, after what the test did with it.
const LEAST: &[(&str, f64)] = &[
    (
        "virga_http_requests_total{role=\"api\",route=\"api\",method=\"POST\",status=\"201\"}",
        1.0,
    ),
    (
        "virga_http_requests_total{role=\"stream\",route=\"media\"",
        3.0,
    ),
    (
        "virga_http_request_seconds_count{role=\"stream\",route=\"upload\"}",
        1.0,
    ),
    (
        "virga_http_response_bytes_total{role=\"stream\",route=\"media\"}",
        10_000.0,
    ),
    (
        "virga_job_tries_total{kind=\"probe\",outcome=\"done\"}",
        1.0,
    ),
    ("virga_segment_files_total", 2.0),
    ("virga_segment_cache_misses_total", 0.0),
    ("virga_segment_cache_hits_total", 0.0),
    ("virga_http_refusals_total", 1.0),
    ("virga_room_free_bytes{place=\"objects\"}", 1.0),
    ("virga_room_bytes{place=\"data\"}", 1.0),
    (
        "virga_database_connections{pool=\"write\",state=\"open\"}",
        1.0,
    ),
    ("virga_database_answers", 1.0),
    ("process_resident_memory_bytes", 1_000_000.0),
    ("process_open_fds", 5.0),
    ("process_start_time_seconds", 1_700_000_000.0),
    ("virga_build_info{version=", 1.0),
];

/// Rules and dashboard ask for nothing that is not there.
fn what_we_ship_asks_for_these(text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/monitoring");
    let rules = folder.join("virga-alerts.yml");
    promtool(&["check", "rules", &rules.display().to_string()], "");
    let there = names(text);
    for file in [rules, folder.join("virga-dashboard.json")] {
        let text = fs::read_to_string(&file).unwrap();
        let wanted = names(&text);
        // Of what a site with a queue, with Redis or with https has.
        let more = [
            "virga_certificate_expires",
            "virga_jobs",
            "virga_job_oldest_seconds",
            "virga_redis_errors_total",
        ];
        let missing: Vec<_> = wanted
            .iter()
            .filter(|name| !there.contains(*name) && !more.contains(&name.as_str()))
            .filter(|name| !name.ends_with("_alerts") && !name.ends_with("_dashboard"))
            .collect();
        assert!(missing.is_empty(), "{}: {missing:?}", file.display());
    }
}

#[tokio::test]
async fn the_numbers_of_a_site_are_there_and_prometheus_takes_them() {
    let site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__FAILED_SIGN_INS_PER_ADDRESS", "1")
        .start();
    let ann = site.register("ann").await;
    let clip = Clip::default().bytes();
    let video = ann.upload("Counted", "unlisted", &clip).await;
    ann.wait_for(&video, &["ready"]).await;
    let playback = ann.playback(&video).await;
    let media = ann.media_urls(playback["hls"].as_str().unwrap()).await;
    for url in media.iter().chain([media.last().unwrap()]) {
        let _ = ann.get(url).await.expect(200);
    }
    // A page of this site, a page of another one, and a program.
    let segment = media.last().unwrap();
    for origin in [site.url(), "https://blog.example".to_owned()] {
        let request = ann.request(Method::GET, segment).header("origin", origin);
        let _ = ann.send(request).await.expect(200);
    }
    let foreign = ann.get(segment).await.expect(200).body.len();
    let wrong = serde_json::json!({"name": "ann", "password": "a wrong password"});
    for _ in 0..3 {
        let _ = site
            .stranger()
            .post("/api/v1/sessions", wrong.clone())
            .await;
    }
    let answer = site.stranger().get("/metrics").await.expect(200);
    assert!(
        answer.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    let text = answer.text();
    let value = |start: &str| {
        let lines = text.lines().filter(|line| line.starts_with(start));
        let values = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap());
        values.collect::<Vec<_>>()
    };
    let sum = |start: &str| value(start).iter().sum::<f64>();
    for (start, least) in LEAST {
        assert!(sum(start) >= *least, "{start}: {:?}\n{text}", value(start));
    }
    #[expect(clippy::cast_precision_loss, reason = "a small file")]
    let uploaded = clip.len() as f64;
    assert_eq!(value("virga_upload_bytes_total"), [uploaded]);
    #[expect(clippy::cast_precision_loss, reason = "a segment")]
    let foreign = foreign as f64;
    assert_eq!(value("virga_media_foreign_bytes_total"), [foreign]);
    for start in [
        "virga_bucket_errors_total",
        "virga_event_streams_open",
        "virga_uploads_open",
    ] {
        assert_eq!(value(start), [0.0], "{start}");
    }
    let said = promtool(&["check", "metrics"], &text);
    assert_eq!(said.trim(), "", "its lint");

    let open = site.stranger();
    let open = open
        .request(Method::GET, "/metrics")
        .header("accept", "application/openmetrics-text; version=1.0.0");
    let open = site.stranger().send(open).await.expect(200).text();
    assert!(open.ends_with("# EOF\n") && open.contains("# TYPE virga_http_requests counter\n"));

    what_we_ship_asks_for_these(&text);
}

fn token_file(site: &Site) -> PathBuf {
    let file = site.data().join("scrape-token");
    fs::write(&file, "a-token-of-the-scraper\n").unwrap();
    file
}

#[tokio::test]
async fn a_token_or_a_listener_of_its_own_closes_the_numbers_to_all_others() {
    let mut site = Site::of(VIRGA).build();
    let file = token_file(&site);
    site.set("VIRGA_METRICS__TOKEN_FILE", &file.display().to_string());
    site.start(Role::Serve);
    let ask = async |who: &Person, token: Option<&str>| {
        let mut request = who.request(Method::GET, "/metrics");
        if let Some(token) = token {
            // By way of a proxy, which the token makes no difference to.
            request = request
                .header("authorization", format!("Bearer {token}"))
                .header("via", "1.1 a");
        }
        who.send(request).await.status.as_u16()
    };
    let who = site.stranger();
    assert_eq!(ask(&who, None).await, 404);
    assert_eq!(ask(&who, Some("a-token-of-somebody")).await, 404);
    assert_eq!(ask(&who, Some("a-token-of-the-scraper")).await, 200);

    let port = free_port();
    site.set("VIRGA_METRICS__LISTEN", &format!("127.0.0.1:{port}"));
    site.start(Role::Serve);
    let own = Person::new(format!("http://127.0.0.1:{port}"));
    assert_eq!(ask(&who, Some("a-token-of-the-scraper")).await, 404);
    assert_eq!(ask(&own, None).await, 401);
    assert_eq!(ask(&own, Some("a-token-of-the-scraper")).await, 200);
    let _ = own.get("/").await.expect(404);
}

#[tokio::test]
async fn the_access_log_leaves_health_checks_out_and_can_be_set_off() {
    let mut site = Site::of(VIRGA).start();
    let who = site.stranger();
    let _ = who.get("/readyz").await.expect(200);
    let _ = who.get("/nothing-here").await.expect(404);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !site.output().contains("/nothing-here") {
        assert!(Instant::now() < deadline, "{}", site.output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!site.output().contains("readyz"), "{}", site.output());
    site.set("VIRGA_LOG__ACCESS", "off");
    site.start(Role::Serve);
    let _ = who.get("/nothing-at-all").await.expect(404);
    site.terminate(Role::Serve);
    site.wait_ended(Role::Serve);
    assert!(!site.output().contains("nothing-at-all"));
}
