//! The feed of changes between roles: every api answers every cursor, nobody but a role asks, and a
//! withdrawal is known at each stream whichever api it asks.

use http::Method;
use serde_json::{Value, json};
use std::{
    fs,
    net::Ipv4Addr,
    path::Path,
    time::{Duration, Instant},
};
use virga_core::{
    Clock, SystemClock,
    keys::{KeyRing, Voucher},
};
use virga_db::{ConnectionTrait, Db};
use virga_testkit::{Answer, Clip, Fronts, Person, Role, Site};

use crate::VIRGA;

/// What a role sends to be known as one.
fn voucher(data: &Path) -> String {
    let ring = KeyRing::parse(&fs::read_to_string(data.join("keys/site")).unwrap()).unwrap();
    let role = Voucher {
        address: Ipv4Addr::LOCALHOST.into(),
        request_id: "test-changes".to_owned(),
    };
    role.seal(&ring, SystemClock.now())
}

fn of(site: &Site, role: Role) -> Person {
    Person::new(format!("http://127.0.0.1:{}", site.port(role)))
}

/// Asks an api as a role does, without a judgement of the answer.
async fn ask(site: &Site, path: &str) -> Answer {
    let api = of(site, Role::Api);
    let request = api.request(Method::GET, path);
    api.send(request.header("x-virga-voucher", voucher(site.data())))
        .await
}

/// What an api says after a cursor.
async fn changes(site: &Site, cursor: &str) -> Value {
    let path = format!("/internal/v1/changes?after={cursor}");
    ask(site, &path).await.expect(200).json()
}

/// The present end of the feed, by this api.
async fn end(site: &Site) -> String {
    let said = changes(site, "").await;
    assert_eq!(said["resync"], true, "{said}");
    said["cursor"].as_str().unwrap().to_owned()
}

/// Asks on from a cursor until a line fits; what was told, and the cursor after it.
async fn until(site: &Site, mut cursor: String, fits: impl Fn(&Value) -> bool) -> (Value, String) {
    loop {
        let said = changes(site, &cursor).await;
        assert_eq!(said["resync"], false, "{cursor}: {said}");
        said["cursor"].as_str().unwrap().clone_into(&mut cursor);
        if fits(&said) {
            return (said, cursor);
        }
    }
}

fn names(said: &Value, video: &str) -> bool {
    let lines = said["changes"].as_array().unwrap();
    lines.iter().any(|line| line["video"] == video)
}

async fn hide(ann: &Person, video: &str, to: &str) {
    let path = format!("/api/v1/videos/{video}");
    let _ = ann
        .patch(&path, json!({"visibility": to}))
        .await
        .expect(200);
}

async fn sql(site: &Site, statement: &str) {
    let file = site.data().join("virga.sqlite");
    let db = Db::open_sqlite(&file).await.unwrap();
    db.write().execute_unprepared(statement).await.unwrap();
}

/// Two api of one site, and a person at the first.
async fn two() -> (Site, Site, Person) {
    let mut first = Site::of(VIRGA).build();
    first.start(Role::Api);
    let ann = first.register_by(&of(&first, Role::Api), "ann").await;
    let mut second = first.replica();
    second.start(Role::Api);
    (first, second, ann)
}

#[tokio::test]
async fn any_api_answers_the_cursor_of_any_other() {
    let (first, mut second, ann) = two().await;
    let rain = ann.draft("Rain", "public").await;
    let upload = ann.open_upload(&rain, 1000).await;
    let start = end(&first).await;
    hide(&ann, &rain, "private").await;
    // The other one has heard of it by its own tail.
    let (said, cursor) = until(&second, start.clone(), |said| names(said, &rain)).await;
    assert_eq!(said["changes"].as_array().unwrap().len(), 1, "{said}");

    // Lines of uploads too, of a whole block at once: each is told once.
    let admin = first.administrator_by(&of(&first, Role::Api)).await;
    let block = "/api/v1/admin/users/ann/block";
    let _ = admin.put_json(block, json!({})).await;
    let told = |said: &Value| said["uploads"].as_array().unwrap().len() == 1;
    let (said, after) = until(&first, cursor, told).await;
    assert_eq!(said["uploads"][0]["upload"], upload["id"], "{said}");
    assert_eq!(said["uploads"][0]["open"], false, "{said}");

    // One that started later reads the table for it.
    second.start(Role::Api);
    let (said, again) = until(&second, start, told).await;
    assert!(names(&said, &rain), "{said}");
    assert_eq!(again, after);
}

#[tokio::test]
async fn a_cursor_that_the_table_cannot_answer_is_a_resync() {
    let (first, mut second, ann) = two().await;
    let start = end(&first).await;
    let rain = ann.draft("Rain", "public").await;
    hide(&ann, &rain, "unlisted").await;
    let (_, before) = until(&first, start.clone(), |said| names(said, &rain)).await;
    hide(&ann, &rain, "private").await;
    let (_, now) = until(&first, before, |said| names(said, &rain)).await;
    // Of the release before, of nobody, of a database that went back since.
    for foreign in ["3f9a0c11d2e4.7", "0.0", "rain", "", "99999999999", "-5"] {
        let said = changes(&first, foreign).await;
        assert_eq!(said["resync"], true, "{foreign}: {said}");
        assert!(names(&said, &rain), "it is told again: {said}");
        let next = said["cursor"].as_str().unwrap();
        assert_eq!(next, now, "{foreign}");
    }
    // The release before takes a cursor apart at a dot and believes only its own first half.
    assert!(!now.contains('.'), "{now}");

    // A day later, at an api that did not hear of it itself.
    sql(&first, "UPDATE changes SET at = at - 90000000000").await;
    let newest: i64 = now.parse().unwrap();
    sql(&first, &format!("DELETE FROM changes WHERE seq < {newest}")).await;
    second.start(Role::Api);
    let said = changes(&second, &start).await;
    assert_eq!(said["resync"], true, "{said}");
    assert_eq!(said["cursor"], now.as_str());
    assert_eq!(said["changes"], json!([]), "that is long ago");
}

#[tokio::test]
async fn roles_are_not_counted_with_visitors_of_their_address() {
    let mut site = Site::of(VIRGA)
        .set("VIRGA_LIMITS__READS_PER_SECOND", "1")
        .set("VIRGA_LIMITS__BURST_SECONDS", "2")
        .build();
    site.start(Role::Api);
    for _ in 0..20 {
        assert_eq!(changes(&site, "").await["resync"], true);
    }
    // A stranger at the same address gets none of it, whatever he shows and wherever he asks.
    let stranger = of(&site, Role::Api);
    let mut refused = 0;
    for forged in crate::origin_flaws::forged_vouchers(&site)
        .iter()
        .cycle()
        .take(20)
    {
        let request = stranger.request(Method::GET, "/internal/v1/changes");
        let answer = stranger.send(request.header("x-virga-voucher", forged));
        refused += usize::from(answer.await.status == 429);
    }
    assert!(refused >= 10, "{refused} of 20");
    // What a role asks for a visitor is counted as the visitor's.
    let counted = ask(&site, "/api/v1/videos?q=rain").await;
    assert_eq!(counted.status, 429, "{}", counted.text());
    assert_eq!(changes(&site, "").await["resync"], true);
}

/// Times that a stream forgot what it knew.
async fn resyncs(site: &Site) -> f64 {
    let numbers = of(site, Role::Stream).get("/metrics").await.expect(200);
    let numbers = numbers.text();
    let mut lines = numbers.lines();
    let line = lines.find(|line| line.starts_with("virga_feed_resyncs_total"));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    value.expect("stream counts them")
}

/// Waits until each stream follows the feed; the first answer that it has is a resync.
async fn until_followed(machines: [&Site; 3]) -> f64 {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut all = 0.0;
    for machine in machines {
        loop {
            let count = resyncs(machine).await;
            if count > 0.0 {
                all += count;
                break;
            }
            assert!(Instant::now() < deadline, "a stream does not follow");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    all
}

async fn until_played(who: &Person, path: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while who.get(path).await.status != 200 {
        assert!(Instant::now() < deadline, "{path} does not play");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_streams_behind_haproxy_follow_three_api_without_a_resync() {
    let rounds = if std::env::var_os("VIRGA_TEST_FULL").is_some() {
        100
    } else {
        15
    };
    let fronts = Fronts::new();
    let mut first = fronts.site(VIRGA);
    let (mut second, mut third) = (first.replica(), first.replica());
    for machine in [&mut first, &mut second, &mut third] {
        for role in [Role::Api, Role::Stream, Role::Web] {
            machine.start(role);
        }
    }
    first.start(Role::Dispatcher);
    let balancer = fronts.balance("haproxy", &mut first, &[&second, &third]);
    let machines = [&first, &second, &third];
    let stranger = Person::new(&balancer.url);
    stranger.wait_until_answered("/").await;
    let ann = first.register_by(&stranger, "ann").await;
    let video = ann
        .upload("Rain", "unlisted", &Clip::default().bytes())
        .await;
    ann.wait_for(&video, &["ready"]).await;
    let before = until_followed(machines).await;

    // Others keep the balancer busy, so that each poll goes to whichever api.
    let mut busy = tokio::task::JoinSet::new();
    busy.spawn({
        let stranger = stranger.clone();
        async move {
            loop {
                let _ = stranger.get("/api/v1/videos").await;
            }
        }
    });
    let mut slowest = Duration::ZERO;
    for _ in 0..rounds {
        let hls = ann.playback(&video).await["hls"].clone();
        let hls = hls.as_str().unwrap();
        let streams = machines.map(|machine| of(machine, Role::Stream));
        for stream in &streams {
            until_played(stream, hls).await;
        }
        hide(&ann, &video, "private").await;
        let told = Instant::now();
        for stream in &streams {
            stream.wait_until_refused(hls).await;
        }
        slowest = slowest.max(told.elapsed());
        hide(&ann, &video, "unlisted").await;
    }
    drop(busy);
    let mut after = 0.0;
    for machine in machines {
        after += resyncs(machine).await;
    }
    println!(
        "{rounds} withdrawals, known everywhere after {slowest:?} at most; {after} resyncs, {before} of them at the start"
    );
    assert!(after <= before, "streams forgot what they knew");
}
