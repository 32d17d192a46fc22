//! Redis speeds things up and is missed by nobody: real replicas of api and a real Redis, which is
//! killed, emptied, frozen and slowed under them.

use serde_json::json;
use std::time::{Duration, Instant};
use virga_core::{VideoId, job::JobState};
use virga_db::{ConnectionTrait, Db, JobRow, jobs};
use virga_testkit::{FaultyLine, LineFault, Person, RedisServer, Role, Site};

use crate::VIRGA;

/// What the program waits for Redis at most.
const PATIENCE: Duration = Duration::from_millis(200);

/// Two replicas of api on one database and one Redis.
struct Twins {
    sites: [Site; 2],
    people: [Person; 2],
    redis: RedisServer,
    line: FaultyLine,
}

impl Twins {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let redis = RedisServer::start();
        let line = FaultyLine::to(redis.port()).await;
        let mut first = Site::of(VIRGA)
            .set("VIRGA_REDIS__URL", &redis.url_by(line.port()))
            .set("VIRGA_REDIS__PASSWORD_FILE", &redis.password_file())
            .build();
        for (key, value) in settings {
            first.set(key, value);
        }
        let mut second = first.replica();
        first.start(Role::Api);
        second.start(Role::Api);
        let sites = [first, second];
        let person =
            |site: &Site| Person::new(format!("http://127.0.0.1:{}", site.port(Role::Api)));
        let people = sites.each_ref().map(person);
        let twins = Self {
            sites,
            people,
            redis,
            line,
        };
        twins.wait_until("ready\n").await;
        twins.sites[0].set_up_by(&twins.people[0]).await;
        twins
    }

    /// Waits until both say this of themselves.
    async fn wait_until(&self, ready: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        for person in &self.people {
            while person.get("/readyz").await.expect(200).text() != ready {
                assert!(Instant::now() < deadline, "not {ready:?} in half a minute");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn statuses(&self, token: &str) -> [u16; 2] {
        let [first, second] = &self.people;
        let ask = async |who: &Person| whoami(&who.with_token(token)).await;
        [ask(first).await, ask(second).await]
    }

    async fn database(&self) -> Db {
        let file = self.sites[0].data().join("virga.sqlite");
        Db::open_sqlite(&file).await.unwrap()
    }

    /// How Redis names the copy of a session.
    fn copy_of(&self, token: &str) -> (String, String) {
        let key = format!("virga:session:{}", virga_app::hash_token(token));
        let value = self.redis.ask(&["GET", &key]);
        (key, value)
    }
}

async fn whoami(who: &Person) -> u16 {
    who.get("/api/v1/users/me").await.status.as_u16()
}

async fn sign_in(who: &Person, name: &str) -> Person {
    let ask = json!({"name": name, "password": format!("{name} has a password")});
    let session = who.post("/api/v1/sessions", ask).await.expect(201).json();
    who.with_token(session["token"].as_str().unwrap())
}

/// The longest that a sign-out may take to be heard.
async fn refused_within_a_second(who: &Person) {
    let deadline = Instant::now() + Duration::from_secs(1);
    while whoami(who).await != 401 {
        assert!(Instant::now() < deadline, "still signed in after a second");
    }
}

#[tokio::test]
async fn redis_copies_of_sessions_are_used_and_end_with_a_sign_out_whatever_it_holds() {
    let mut twins = Twins::start(&[]).await;
    let [first, second] = twins.people.clone();
    let ann = first.register("ann").await;
    assert_eq!(twins.statuses(ann.token()).await, [200, 200]);
    let (_, copy) = twins.copy_of(ann.token());
    assert!(copy.contains("\"ann\""), "{copy}");
    assert!(
        !copy.contains(ann.token()) && !copy.contains("argon2"),
        "{copy}"
    );

    // Copies are what answers: the rows are taken away behind the site's back.
    let db = twins.database().await;
    db.write()
        .execute_unprepared("DELETE FROM sessions")
        .await
        .unwrap();
    assert_eq!(twins.statuses(ann.token()).await, [200, 200]);
    // A copy that somebody else wrote is none.
    let (key, copy) = twins.copy_of(ann.token());
    let copy = copy.lines().nth(1).unwrap().to_owned();
    let forged = copy.replace("\"user\"", "\"admin\"");
    assert_ne!(copy, forged);
    twins.redis.ask(&["SET", &key, &forged]);
    assert_eq!(twins.statuses(ann.token()).await, [401, 401]);

    // Signed out at one, in every way, and refused at the other while Redis goes on holding it.
    for way in ["/api/v1/sessions/current", "/api/v1/sessions"] {
        let session = sign_in(&first, "ann").await;
        assert_eq!(twins.statuses(session.token()).await, [200, 200]);
        let _ = session.delete(way).await.expect(204);
        assert_eq!(whoami(&session).await, 401, "at once where it was ended");
        refused_within_a_second(&second.with_token(session.token())).await;
        assert!(twins.copy_of(session.token()).1.contains("\"ann\""));
    }

    // The same with Redis frozen meanwhile and thawed after.
    let session = sign_in(&first, "ann").await;
    let other = sign_in(&second, "ann").await;
    for token in [session.token(), other.token()] {
        assert_eq!(twins.statuses(token).await, [200, 200]);
    }
    twins.redis.freeze();
    let _ = session.delete("/api/v1/sessions/current").await.expect(204);
    refused_within_a_second(&second.with_token(session.token())).await;
    twins.wait_until("ready\nwithout redis\n").await;
    twins.redis.thaw();
    twins.wait_until("ready\n").await;
    for _ in 0..20 {
        assert_eq!(twins.statuses(session.token()).await, [401, 401]);
        assert_eq!(twins.statuses(other.token()).await, [200, 200]);
    }
    assert!(twins.copy_of(session.token()).1.contains("\"ann\""));

    // A replica that starts knows nothing of ends that were told before.
    twins.sites[1].start(Role::Api);
    twins.wait_until("ready\n").await;
    assert_eq!(twins.statuses(session.token()).await, [401, 401]);
}

#[tokio::test]
async fn redis_blocked_accounts_are_out_everywhere_within_a_second() {
    let twins = Twins::start(&[]).await;
    let [first, second] = &twins.people;
    let ann = first.register("ann").await;
    assert_eq!(twins.statuses(ann.token()).await, [200, 200]);
    let (code, said) = {
        let mut admin = twins.sites[0].replica();
        admin.set("VIRGA_LOG__LEVEL", "error");
        admin.run(&["user", "block", "ann"])
    };
    assert_eq!(code, 0, "{said}");
    refused_within_a_second(&second.with_token(ann.token())).await;
    refused_within_a_second(&ann).await;
}

/// Forty requests: whether all were answered well, and how long the slowest and all of them took.
async fn forty(who: &Person) -> (Duration, Duration) {
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    for _ in 0..40 {
        let asked = Instant::now();
        assert_eq!(whoami(who).await, 200, "signed out, or failed");
        slowest = slowest.max(asked.elapsed());
    }
    (slowest, begun.elapsed())
}

#[tokio::test]
async fn redis_killed_emptied_frozen_or_slow_signs_nobody_out_and_holds_nobody_up() {
    let mut twins = Twins::start(&[]).await;
    let ann = twins.people[0].register("ann").await;
    let both = twins
        .people
        .each_ref()
        .map(|who| who.with_token(ann.token()));
    let mut plain = Duration::ZERO;
    for who in &both {
        plain += forty(who).await.1;
    }
    for what in ["emptied", "slow", "frozen", "cut", "killed"] {
        match what {
            "emptied" => drop(twins.redis.ask(&["FLUSHALL"])),
            "slow" => twins.line.set(LineFault::Slow(Duration::from_secs(5))),
            "frozen" => twins.redis.freeze(),
            "cut" => twins.line.set(LineFault::Cut),
            _ => twins.redis.kill(),
        }
        for who in &both {
            let (slowest, all) = forty(who).await;
            // Nobody waits more than once, and not everybody.
            let fair = plain + 10 * PATIENCE;
            assert!(slowest < fair && all < fair, "{what}: {slowest:?} {all:?}");
            let begun = Instant::now();
            let _ = sign_in(who, "ann").await;
            assert!(begun.elapsed() < plain + 10 * PATIENCE, "{what}");
        }
        if what != "emptied" {
            twins.wait_until("ready\nwithout redis\n").await;
        }
        match what {
            "slow" | "cut" => twins.line.set(LineFault::None),
            "frozen" => twins.redis.thaw(),
            "killed" => twins.redis.restart(),
            _ => {}
        }
        twins.wait_until("ready\n").await;
        assert_eq!(twins.statuses(ann.token()).await, [200, 200], "{what}");
    }
    let metrics = twins.people[0].get("/metrics").await.expect(200).text();
    let errors = metrics
        .lines()
        .find_map(|line| line.strip_prefix("virga_redis_errors_total "));
    assert!(errors.unwrap().parse::<u64>().unwrap() > 0, "{metrics}");
}

#[tokio::test]
async fn redis_shares_limits_between_replicas_and_each_keeps_its_own_without() {
    let mut twins = Twins::start(&[
        ("VIRGA_LIMITS__FAILED_SIGN_INS_PER_NAME", "4"),
        ("VIRGA_LIMITS__FAILED_SIGN_INS_PER_ADDRESS", "1000"),
        ("VIRGA_LIMITS__SIGN_UPS_PER_HOUR", "3"),
    ])
    .await;
    let try_at = async |n: usize, name: &str, password: &str| {
        let ask = json!({"name": name, "password": password});
        let answer = twins.people[n].post("/api/v1/sessions", ask).await;
        answer.status.as_u16()
    };
    // Another try, under another name, is for a Redis that a busy machine kept from answering.
    let mut seen = Vec::new();
    for round in 0..3 {
        let mut statuses = Vec::new();
        for n in 0..6 {
            statuses.push(try_at(n % 2, &format!("nobody{round}"), "guessed at").await);
        }
        seen.push(statuses);
        if seen.last().unwrap()[..] == [401, 401, 401, 401, 429, 429] {
            break;
        }
    }
    assert_eq!(seen.last().unwrap()[4..], [429, 429], "{seen:?}");
    let mut seen = Vec::new();
    for round in 2..5 {
        let mut statuses = Vec::new();
        for n in 0..4_usize {
            let url = format!("http://127.0.0.1:{}", twins.sites[n % 2].port(Role::Api));
            let here = format!("127.0.0.{round}").parse().unwrap();
            let name = format!("ann{round}{n}");
            let ask = json!({"name": name, "password": "ann has a password"});
            let answer = Person::at(url, Some(here)).post("/api/v1/users", ask).await;
            statuses.push(answer.status.as_u16());
        }
        seen.push(statuses);
        if seen.last().unwrap()[..] == [201, 201, 201, 429] {
            break;
        }
    }
    assert_eq!(seen.last().unwrap()[3], 429, "{seen:?}");
    // Right ones are given back: any number of them.
    for n in 0..12 {
        assert_eq!(try_at(n % 2, "ann20", "ann has a password").await, 201);
    }
    let keys = twins.redis.ask(&["KEYS", "virga:limit:*"]);
    assert!(
        keys.contains("name") && !keys.contains("nobody") && !keys.contains("127."),
        "{keys}"
    );

    twins.redis.kill();
    let try_at = async |n: usize| {
        let ask = json!({"name": "nobody", "password": "guessed at"});
        let answer = twins.people[n].post("/api/v1/sessions", ask).await;
        answer.status.as_u16()
    };
    for n in [0, 1] {
        let mut statuses = Vec::new();
        for _ in 0..6 {
            statuses.push(try_at(n).await);
        }
        assert_eq!(statuses, [401, 401, 401, 401, 429, 429], "replica {n}");
    }
}

/// The middle of five: how long after it has done a job the worker of one process takes the next,
/// which another process enqueues meanwhile.
async fn from_job_to_job(ann: &Person, db: &Db) -> Duration {
    let mut gaps = Vec::new();
    let mut ended = None;
    for n in 0..6 {
        let video = ann.draft(&format!("Gone {n}"), "private").await;
        let path = format!("/api/v1/videos/{video}?now=true");
        let _ = ann.delete(&path).await.expect(200);
        let id = video.parse().unwrap();
        until_a_job(db, id, |job| job.fence > 0).await;
        gaps.extend(ended.map(|ended: Instant| ended.elapsed()));
        // A purge waits for its second pass then.
        until_a_job(db, id, |job| job.fence > 0 && job.state == JobState::Queued).await;
        ended = Some(Instant::now());
    }
    gaps.sort();
    gaps[2]
}

async fn until_a_job(db: &Db, video: VideoId, holds: fn(&JobRow) -> bool) {
    let begun = Instant::now();
    while !jobs::of_video(db.read(), video)
        .await
        .unwrap()
        .iter()
        .any(holds)
    {
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody does it");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn redis_wakes_the_worker_of_another_process() {
    let mut twins = Twins::start(&[]).await;
    twins.sites[1].start(Role::Dispatcher);
    let worker = Person::new(format!(
        "http://127.0.0.1:{}",
        twins.sites[1].port(Role::Dispatcher)
    ));
    while worker.get("/readyz").await.expect(200).text() != "ready\n" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let ann = twins.people[0].register("ann").await;
    let db = twins.database().await;
    let woken = from_job_to_job(&ann, &db).await;
    // It looks when a job has ended, then every second: without Redis the next one waits for that.
    twins.line.set(LineFault::Cut);
    twins.wait_until("ready\nwithout redis\n").await;
    let polled = from_job_to_job(&ann, &db).await;
    assert!(woken < Duration::from_millis(700), "{woken:?}");
    assert!(polled > Duration::from_millis(900), "{polled:?}");
}
