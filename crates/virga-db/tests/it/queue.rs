//! A long queue: 30,000 ladders are due, others run, many purges wait for their day. What a claim asks
//! reads along the queue's own indexes, and what there is room for is found behind any number of
//! others.

use sea_orm::{ConnectionTrait, DatabaseBackend};
use std::time::Duration;
use virga_core::{Clock, job::JobKind};
use virga_db::{
    accounts,
    jobs::{self, Claim, Queue},
    videos,
};

use crate::{
    Bench,
    size::{Watched, plan, wasteful},
    store::Store,
};

const DUE: u64 = 30_000;

/// Jobs of one kind that wait or run, of as many videos that are not there.
async fn fill(store: &Store, kind: JobKind, state: &str, count: u64, run_at: i64) {
    // Ids are eleven digits.
    let first = 20_000_000_000 + u64::try_from(kind.priority()).unwrap() * 100_000;
    let first = first + if state == "leased" { 50_000 } else { 0 };
    let c = store.db.write();
    let from = match c.get_database_backend() {
        DatabaseBackend::MySql => format!("(SELECT seq AS i FROM seq_1_to_{count}) AS n"),
        DatabaseBackend::Postgres => format!("(SELECT generate_series(1, {count}) AS i) AS n"),
        _ => format!(
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) \
             SELECT i FROM n) AS n"
        ),
    };
    let lease = store.clock.now().plus(Duration::from_secs(10)).0;
    let priority = kind.priority();
    let insert = format!(
        "INSERT INTO jobs (kind, video_id, open_key, payload, state, priority, attempts, run_at, \
         lease_until, fence, worker, progress, created_at, updated_at) SELECT '{kind}', \
         CAST({first} + i AS CHAR(11)), CONCAT('{kind}/', {first} + i), '{{}}', '{state}', {priority}, 0, \
         {run_at} + i, {lease}, 0, '', 0, 0, 0 FROM {from}"
    );
    c.execute_unprepared(&insert).await.unwrap();
}

pub(crate) async fn a_long_queue_is_read_by_index(bench: &Bench) {
    let store = Store::on(bench.open(&bench.database("queue").await).await).await;
    let (db, now) = (&store.db, store.clock.now());
    let (past, week) = (now.0 - 1_000_000_000, now.0 + 7 * 24 * 3_600_000_000);
    fill(&store, JobKind::Ladder, "queued", DUE, past).await;
    fill(&store, JobKind::Purge, "queued", DUE, week).await;
    fill(&store, JobKind::Ladder, "leased", 2_000, past).await;
    fill(&store, JobKind::Package, "done", DUE, past).await;
    let analyze = match db.write().get_database_backend() {
        DatabaseBackend::MySql => "ANALYZE TABLE jobs",
        DatabaseBackend::Postgres => "VACUUM ANALYZE jobs",
        _ => "SELECT 1",
    };
    db.write().execute_unprepared(analyze).await.unwrap();
    let watched = Watched::new(db);
    let due = jobs::waiting(&watched.c, JobKind::ALL, now).await.unwrap();
    assert_eq!(due, [JobKind::Ladder]);
    let few = jobs::of_kind(&watched.c, JobKind::Ladder, now, Some(jobs::WINDOW));
    let few = few.await.unwrap();
    assert!(few.cut && few.ids.len() as u64 == jobs::WINDOW);
    for question in watched.asked() {
        let steps = plan(db.read(), &question).await;
        // PostgreSQL names no table on the line of an index that it walks alone.
        let bad: Vec<_> = steps.iter().filter(|step| beside_the_queue(step)).collect();
        assert!(bad.is_empty(), "{steps:#?}\n{question}");
    }
    what_is_behind_others_is_found(&store).await;
    store.db.close().await;
}

/// Whether a step reads jobs in another way than along an index made for that.
fn beside_the_queue(step: &str) -> bool {
    let reads_jobs = step.contains("jobs") && !step.contains("Subquery");
    let indexed = ["jobs_queue", "jobs_leases"]
        .iter()
        .any(|index| step.contains(index));
    reads_jobs && !indexed
}

async fn what_is_behind_others_is_found(store: &Store) {
    let queue = Queue::default();
    let video = store.video("Behind").await;
    store.enqueue(JobKind::Ladder, video).await;
    let claim = |kinds| Claim {
        worker: "w",
        kinds,
        now: store.clock.now(),
    };
    // The account's one job is its first, and has its turn before the second of nobody's many.
    let mut first = Vec::new();
    for _ in 0..2 {
        let ladder = jobs::claim(&store.db, &queue, claim(&[JobKind::Ladder]));
        first.push(ladder.await.unwrap().unwrap().video);
    }
    assert!(first.contains(&video), "{first:?}");
    store.enqueue(JobKind::Poster, video).await;
    let any = jobs::claim(&store.db, &queue, claim(JobKind::ALL));
    assert_eq!(any.await.unwrap().unwrap().kind(), JobKind::Poster);
    let light = jobs::claim(&store.db, &queue, claim(&[JobKind::Probe, JobKind::Poster]));
    assert_eq!(light.await.unwrap(), None);
}

/// What the sweeper asks each half minute reads along an index, on a site of 120,000 videos.
pub(crate) async fn a_sweeper_reads_by_index(db: &virga_db::Db) {
    let watched = Watched::new(db);
    let now = virga_core::Timestamp(1_000_000_000_000);
    assert!(videos::unpublished(&watched.c, 9).await.unwrap().is_empty());
    videos::abandoned(&watched.c, now, 9).await.unwrap();
    accounts::sweep_sessions(&watched.c, now, now)
        .await
        .unwrap();
    for question in watched.asked() {
        let steps = plan(db.read(), &question).await;
        // These tables are empty here, and PostgreSQL reads an empty table whole.
        let empty = |step: &str| {
            ["on uploads", "on sessions"]
                .iter()
                .any(|t| step.contains(t))
        };
        let bad = |step: &&String| wasteful(db.read().get_database_backend(), step) && !empty(step);
        let bad: Vec<_> = steps.iter().filter(bad).collect();
        assert!(bad.is_empty(), "{steps:#?}\n{question}");
    }
}
