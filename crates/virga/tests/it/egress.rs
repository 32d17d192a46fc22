//! `limits.egress`: how fast media leaves, who gets how much of it, and who is refused.

use futures_util::future::join_all;
use reqwest::Method;
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use virga_testkit::{Clip, Person, Site, SiteBuilder};

use crate::VIRGA;

/// Bytes that leave in one turn.
const CHUNK: u64 = 64 * 1024;

fn limited(egress: u64) -> SiteBuilder {
    Site::of(VIRGA).set("VIRGA_LIMITS__EGRESS", &egress.to_string())
}

/// A public video, and where its source is downloaded from, by anyone for a while.
async fn source(site: &Site, bytes: &[u8]) -> String {
    let ann = site.register("ann").await;
    let video = ann.upload("paced", "public", bytes).await;
    ann.wait_for(&video, &["ready"]).await;
    let led = ann.get(&format!("/api/v1/videos/{video}/source")).await;
    led.expect(302).location().to_owned()
}

fn from(site: &Site, address: &str) -> Person {
    Person::at(site.url(), address.parse().ok())
}

fn clip() -> Vec<u8> {
    Clip::default().seconds(10.0).size("640x360").bytes()
}

#[tokio::test]
async fn media_leaves_as_fast_as_it_may_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("virga.toml");
    fs::write(&file, "[limits]\negress = 400_000\n").unwrap();
    let site = Site::of(VIRGA).config(&file).start();
    let clip = clip();
    let path = source(&site, &clip).await;
    let begun = Instant::now();
    let answer = site.stranger().get(&path).await.expect(200);
    let took = begun.elapsed();
    assert!(answer.body == clip, "the bytes of the file");
    let least = (clip.len() as u64).saturating_sub(2 * CHUNK) / 400;
    assert!(
        took > Duration::from_millis(least),
        "{took:?} for {}",
        clip.len()
    );

    // A limit that is lifted lets those go who wait.
    fs::write(&file, "[limits]\negress = 20_000\n").unwrap();
    let read_again = |times| site.output().matches("were read again").count() >= times;
    wait(|| read_again(1)).await;
    let (watcher, viewer) = (site.stranger(), site.stranger());
    let before = waits(&watcher).await;
    let lifted = async {
        while waits(&watcher).await < before + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        fs::write(&file, "[limits]\negress = 0\n").unwrap();
    };
    let (answer, ()) = tokio::join!(viewer.get(&path), lifted);
    assert!(answer.body == clip, "the bytes of the file");
}

/// How many pieces had to wait so far.
async fn waits(person: &Person) -> u64 {
    let text = person.get("/metrics").await.text();
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with("virga_egress_waits_total"));
    let number = line.and_then(|line| line.rsplit(' ').next()?.split('.').next());
    let number = number.unwrap_or_else(|| panic!("{text}"));
    number.parse().unwrap()
}

async fn wait(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_limit_in_megabits_is_refused_with_its_unit() {
    let site = limited(100).build();
    for command in [&["config", "check"][..], &["serve"]] {
        let (code, said) = site.run(command);
        assert!(code == 1 && said.contains("12_500_000"), "{said}");
    }
}

/// Reads one answer after another, counting bytes, until told that it is over.
async fn take(person: &Person, path: &str, taken: &AtomicU64, over: &AtomicU64) {
    while over.load(Ordering::SeqCst) == 0 {
        let Ok(mut answer) = person.request(Method::GET, path).send().await else {
            return;
        };
        assert_eq!(answer.status(), 200);
        while let Ok(Some(bytes)) = answer.chunk().await {
            taken.fetch_add(bytes.len() as u64, Ordering::SeqCst);
            if over.load(Ordering::SeqCst) > 0 {
                return;
            }
        }
    }
}

#[tokio::test]
async fn many_connections_of_one_address_take_no_more_than_one_of_another() {
    let site = limited(4_000_000).start();
    let path = source(&site, &clip()).await;
    let (greedy, single) = (from(&site, "127.0.0.2"), from(&site, "127.0.0.3"));
    let (taken, over) = (
        Arc::new([const { AtomicU64::new(0) }; 2]),
        Arc::new(AtomicU64::new(0)),
    );
    let watching = async {
        // What is said at the end is about a time in which both wanted all they could get.
        let both = || {
            taken
                .iter()
                .all(|it| it.load(Ordering::SeqCst) > 10 * CHUNK)
        };
        wait(both).await;
        let before: Vec<u64> = taken.iter().map(|it| it.load(Ordering::SeqCst)).collect();
        let enough = || taken[1].load(Ordering::SeqCst) > before[1] + 60 * CHUNK;
        wait(enough).await;
        over.store(1, Ordering::SeqCst);
        [0, 1].map(|n| taken[n].load(Ordering::SeqCst) - before[n])
    };
    let many = join_all((0..20).map(|_| take(&greedy, &path, &taken[0], &over)));
    let one = take(&single, &path, &taken[1], &over);
    let ([greedy, single], _, ()) = tokio::join!(watching, many, one);
    // What lies in the sockets of twenty connections makes up for the half.
    assert!(greedy < 2 * single, "{greedy} of twenty, {single} of one");
}

#[tokio::test]
async fn who_would_wait_too_long_is_refused_and_nobody_else() {
    let site = limited(60_000).start();
    let path = source(&site, &clip()).await;
    let greedy = from(&site, "127.0.0.2");
    let mut open = Vec::new();
    let refused = loop {
        let answer = greedy.request(Method::GET, &path).send().await.unwrap();
        if answer.status() != 200 {
            break answer;
        }
        open.push(answer);
        assert!(open.len() < 100, "somebody is refused");
    };
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "5");
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(problem["code"], "rate.media");
    let other = from(&site, "127.0.0.3");
    let answer = other.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    // Pages are no media.
    let _ = greedy.get("/").await.expect(200);
}
