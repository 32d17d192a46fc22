//! A cluster of real servers: everything in it is killed, cut off, slowed and frozen in turn while
//! people use it. Nothing that it acknowledged is lost, and a check that knows its own faults says so.
#![expect(clippy::print_stdout, reason = "rates are read by people")]

mod check;
mod record;
mod traffic;
mod two_releases;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;
use virga_testkit::{
    Clip, Cluster, FaultyLine, Fronts, LineFault, Person, ROLES, Role, Sql, SqlServer, sha256,
};

use crate::VIRGA;
use traffic::{ASKERS, Traffic, Uploaded};

/// In this time balancers find out that a replica is gone.
const NOTICED: Duration = Duration::from_secs(2);

/// Rounds of the long form.
const LONG: usize = 3;

struct Stage {
    cluster: Cluster,
    traffic: Arc<Traffic>,
    running: JoinSet<()>,
    uploads: usize,
}

impl Stage {
    /// With so many seconds between a signal to stop and the end of new requests.
    async fn new(drain: &str) -> Self {
        Self::of(VIRGA, drain).await
    }

    /// The same of another program.
    async fn of(program: &str, drain: &str) -> Self {
        let cluster = Cluster::start_with(program, &[("VIRGA_HTTP__DRAIN_SECONDS", drain)]).await;
        let traffic = Traffic::new(&cluster.balancer.url).await;
        let mut running = JoinSet::new();
        for n in 0..ASKERS {
            running.spawn(Arc::clone(&traffic).ask(n));
        }
        Self {
            cluster,
            traffic,
            running,
            uploads: 0,
        }
    }

    /// Does something to the cluster while a file goes up, and undoes it.
    async fn with_upload(&mut self, act: impl AsyncFnOnce(&mut Cluster, &Traffic)) {
        let upload = Arc::clone(&self.traffic).upload(self.uploads);
        self.uploads += 1;
        let ((), ()) = tokio::join!(upload, act(&mut self.cluster, &self.traffic));
        self.traffic.record.until_calm().await;
    }

    async fn kill(&mut self, role: Role, machine: usize) {
        self.with_upload(async |cluster, traffic| {
            let killed = Instant::now();
            cluster.machines[machine].kill(role);
            tokio::time::sleep(NOTICED).await;
            traffic.record.until_asked(killed + NOTICED, 100).await;
            let first = traffic.record.between(killed, Some(killed + NOTICED));
            let later = traffic.record.since(killed + NOTICED);
            println!(
                "{role:?} {machine}: {} of {} failed in the first 2 s, {} of {} later",
                first.failed.len(),
                first.asked,
                later.failed.len(),
                later.asked
            );
            // What was half answered cannot be asked again by the balancer, and is not a part.
            let bound = (first.asked / 100).max(ASKERS + 1);
            assert!(first.failed.len() <= bound, "{role:?}: {:?}", first.failed);
            assert!(later.failed.is_empty(), "{role:?}: {:?}", later.failed);
            cluster.machines[machine].start(role);
        })
        .await;
    }

    /// Stops a role as a service manager does, and starts it again: nobody notices.
    async fn replace(&mut self, role: Role, machine: usize) {
        self.with_upload(async |cluster, traffic| {
            let begun = Instant::now();
            cluster.machines[machine].terminate(role);
            tokio::task::block_in_place(|| cluster.machines[machine].wait_ended(role));
            cluster.machines[machine].start(role);
            traffic.record.until_asked(Instant::now(), 100).await;
            let stretch = traffic.record.since(begun);
            println!(
                "{role:?} {machine} replaced in {:?}: {} of {} failed",
                begun.elapsed(),
                stretch.failed.len(),
                stretch.asked
            );
            assert!(stretch.failed.is_empty(), "{role:?}: {:?}", stretch.failed);
        })
        .await;
    }

    async fn reload(&mut self) {
        self.with_upload(async |cluster, traffic| {
            let begun = Instant::now();
            cluster.balancer.reload();
            tokio::time::sleep(NOTICED).await;
            traffic.record.until_asked(begun + NOTICED, 100).await;
            let stretch = traffic.record.since(begun);
            println!(
                "reload: {} of {} failed",
                stretch.failed.len(),
                stretch.asked
            );
            let bound = (stretch.asked / 100).max(1);
            assert!(stretch.failed.len() <= bound, "{:?}", stretch.failed);
        })
        .await;
    }

    /// The lines to database and bucket, each with each fault for a while.
    async fn spoil_lines(&mut self, long: bool) {
        let slow = LineFault::Slow(Duration::from_millis(100));
        let faults = [LineFault::Frozen, LineFault::Cut, slow];
        for fault in &faults[..if long { 3 } else { 2 }] {
            for database in [true, false] {
                self.with_upload(async |cluster, traffic| {
                    let line = if database {
                        &cluster.database_line
                    } else {
                        &cluster.bucket_line
                    };
                    let begun = Instant::now();
                    line.set(*fault);
                    tokio::time::sleep(NOTICED).await;
                    line.set(LineFault::None);
                    let stretch = traffic.record.since(begun);
                    println!(
                        "{} {fault:?}: {} of {} failed",
                        if database { "database" } else { "bucket" },
                        stretch.failed.len(),
                        stretch.asked
                    );
                })
                .await;
            }
        }
    }

    /// Redis is emptied, killed, frozen, cut off and slow: no request fails.
    async fn spoil_redis(&mut self, long: bool) {
        let faults = ["killed", "frozen", "emptied", "cut", "slow"];
        for what in &faults[..if long { 5 } else { 2 }] {
            self.with_upload(async |cluster, traffic| {
                let begun = Instant::now();
                match *what {
                    "killed" => cluster.redis.kill(),
                    "frozen" => cluster.redis.freeze(),
                    "emptied" => drop(cluster.redis.ask(&["FLUSHALL"])),
                    "cut" => cluster.redis_line.set(LineFault::Cut),
                    _ => cluster
                        .redis_line
                        .set(LineFault::Slow(Duration::from_secs(5))),
                }
                tokio::time::sleep(NOTICED).await;
                traffic.record.until_asked(begun, 100).await;
                match *what {
                    "killed" => cluster.redis.restart(),
                    "frozen" => cluster.redis.thaw(),
                    _ => cluster.redis_line.set(LineFault::None),
                }
                let stretch = traffic.record.since(begun);
                println!(
                    "redis {what}: {} of {} failed",
                    stretch.failed.len(),
                    stretch.asked
                );
                assert!(stretch.failed.is_empty(), "{what}: {:?}", stretch.failed);
            })
            .await;
        }
    }

    /// Both workers die over a job; others carry it on.
    async fn kill_workers_at_work(&mut self) {
        let owner = self.traffic.people[0].0.clone();
        let clip = Clip::default().size("1280x720").seconds(6.0).bytes();
        let video = owner.upload("Long", "unlisted", &clip).await;
        let database = &self.cluster.database;
        let at_work = format!(
            "SELECT CAST(id AS CHAR) FROM site.jobs WHERE video_id = '{video}' \
             AND kind = 'ladder' AND state = 'leased'"
        );
        // Other films may come first.
        let job = wait_for_row(database, &at_work, Duration::from_secs(120)).await;
        for machine in &mut self.cluster.machines {
            machine.kill(Role::Dispatcher);
        }
        let killed = Instant::now();
        let mut fresh = vec!["state = 'done'".to_owned()];
        for machine in &mut self.cluster.machines {
            machine.start(Role::Dispatcher);
            fresh.push(format!("worker LIKE '%/{}'", machine.id(Role::Dispatcher)));
        }
        let fresh = fresh.join(" OR ");
        let carried_on = format!("SELECT worker FROM site.jobs WHERE id = {job} AND ({fresh})");
        wait_for_row(database, &carried_on, Duration::from_secs(30)).await;
        println!(
            "a dead worker's job is carried on after {:?}",
            killed.elapsed()
        );
        owner.wait_for(&video, &["ready"]).await;
        let file = Uploaded {
            owner,
            video,
            digest: sha256(&clip),
        };
        self.traffic.uploaded.lock().unwrap().push(file);
    }

    /// Waits until all that was uploaded is ready; the files.
    async fn wait_ready(&self) -> Vec<Uploaded> {
        let files = self.traffic.uploaded.lock().unwrap().clone();
        for file in &files {
            file.owner.wait_for(&file.video, &["ready"]).await;
        }
        files
    }

    async fn end_traffic(&mut self) {
        self.traffic.record.end();
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_loses_nothing_whatever_of_it_fails() {
    let long = std::env::var_os("VIRGA_TEST_FULL").is_some();
    let mut stage = Stage::new("1").await;
    for _ in 0..if long { LONG } else { 1 } {
        for (n, role) in ROLES.into_iter().enumerate() {
            stage.kill(role, n % 2).await;
            if long {
                stage.kill(role, (n + 1) % 2).await;
            }
        }
        stage.reload().await;
        stage.spoil_lines(long).await;
        stage.spoil_redis(long).await;
        stage
            .with_upload(async |cluster, _| cluster.database.restart().await)
            .await;
        stage
            .with_upload(async |cluster, _| cluster.bucket.restart().await)
            .await;
    }
    stage.kill_workers_at_work().await;
    stage.end_traffic().await;
    let files = stage.wait_ready().await;
    let found = check::faults(&stage.cluster, &stage.traffic).await;
    assert!(found.is_empty(), "{found:#?}");
    the_check_finds_planted_faults(&stage, &files).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_request() {
    let mut stage = Stage::new("2").await;
    for machine in [0, 1] {
        for role in ROLES {
            stage.replace(role, machine).await;
        }
    }
    stage.end_traffic().await;
    assert_eq!(stage.traffic.record.complaints(), Vec::<String>::new());
}

/// A check that finds nothing is worth what it finds when there is something.
async fn the_check_finds_planted_faults(stage: &Stage, files: &[Uploaded]) {
    let Cluster {
        database, bucket, ..
    } = &stage.cluster;
    let [twice, lost, altered] = [0, 1, 2].map(|n| &files[n].video);
    let key = async |video: &str| {
        let ask = format!("SELECT source_key FROM site.videos WHERE id = '{video}'");
        database.ask(&ask).await.remove(0)
    };
    bucket.tamper("site", &key(lost).await, None).await;
    let other = Some(vec![7; 1000]);
    bucket.tamper("site", &key(altered).await, other).await;
    let id = "SELECT id FROM site.users WHERE name = 'person1'";
    let id = database.ask(id).await.remove(0);
    let sign_out = format!("DELETE FROM site.sessions WHERE user_id = '{id}'");
    database.execute(&sign_out).await;
    let publish = format!(
        "INSERT INTO site.tracks (video_id, name, kind, position, height, table_key, object_key, \
         samples_key, source_key) SELECT video_id, 'again', kind, position, height, table_key, \
         object_key, samples_key, source_key FROM site.tracks WHERE video_id = '{twice}' LIMIT 1"
    );
    database.execute(&publish).await;
    let found = check::faults(&stage.cluster, &stage.traffic).await;
    for planted in [
        format!("{lost}: its source is lost or altered"),
        format!("{altered}: its source is lost or altered"),
        "the session of person1 is lost".to_owned(),
        format!("{twice}: a rung is published twice"),
    ] {
        assert!(
            found.contains(&planted),
            "{planted:?} is not among {found:#?}"
        );
    }
}

/// The first column of the first row, once there is one.
async fn wait_for_row(database: &SqlServer, sql: &str, patience: Duration) -> String {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(first) = database.ask(sql).await.into_iter().next() {
            return first;
        }
        assert!(Instant::now() < deadline, "no row: {sql}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_starts_while_all_else_is_away() {
    let database = SqlServer::start(Sql::MariaDb).await;
    let line = FaultyLine::to(database.port()).await;
    line.set(LineFault::Cut);
    let url = database.database("site").await;
    let url = url.replace(
        &format!(":{}/", database.port()),
        &format!(":{}/", line.port()),
    );
    let fronts = Fronts::new();
    let mut site = fronts.site(VIRGA);
    site.set("VIRGA_DATABASE__URL", &url);
    for role in ROLES {
        site.launch(role);
        let own = Person::new(format!("http://127.0.0.1:{}", site.port(role)));
        own.wait_until_answered("/livez").await;
        let ready = own.get("/readyz").await;
        match role {
            Role::Web | Role::Stream => {
                assert_eq!(ready.expect(200).text(), "ready\nwithout api\n");
            }
            _ => {
                let missing = ready.expect(503).text();
                assert!(missing.starts_with("database (MariaDB/MySQL)"), "{missing}");
            }
        }
    }
    let balancer = fronts.balance("haproxy", &mut site, &[]);
    let stranger = Person::new(&balancer.url);
    stranger.wait_until_answered("/").await;
    // A page, and a problem, that say so calmly.
    let page = stranger.get("/").await.expect(503);
    assert!(page.text().contains("<html"), "{}", page.text());
    let refused = stranger.get("/api/v1/videos").await.expect(503);
    let wait = refused.headers.get("retry-after");
    assert!(
        wait.is_some_and(|wait| wait == "2"),
        "{}: {refused:?}",
        refused.text()
    );
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    line.set(LineFault::None);
    for role in ROLES {
        site.wait_ready(role);
    }
    let until = Instant::now() + Duration::from_secs(20);
    while stranger.get("/").await.status != 200 {
        assert!(Instant::now() < until, "all is there, and the site is not");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ann = site.register_by(&stranger, "ann").await;
    let clip = Clip::default().bytes();
    let video = ann.upload("Rain", "unlisted", &clip).await;
    ann.wait_for(&video, &["ready"]).await;
    away_again(&line, &ann, &video).await;
}

/// The database goes while the site runs.
async fn away_again(line: &FaultyLine, ann: &Person, video: &str) {
    let playback = ann.playback(video).await;
    let media = ann.media_urls(playback["hls"].as_str().unwrap()).await;
    line.set(LineFault::Cut);
    for url in &media {
        let _ = ann.get(url).await.expect(200);
    }
    let asked = Instant::now();
    let change = serde_json::json!({"title": "Snow"});
    let refused = ann.patch(&format!("/api/v1/videos/{video}"), change).await;
    println!(
        "a write without a database is refused after {:?}",
        asked.elapsed()
    );
    let refused = refused.expect(503);
    assert_eq!(refused.headers["retry-after"], "2");
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    line.set(LineFault::None);
}
