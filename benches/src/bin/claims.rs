//! The queue when it is long: what one claim takes while 30,000 jobs of 500 accounts are due, and how
//! soon 100 idle workers of five processes have taken 2,000 jobs.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, ensure};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use virga_benches::{Figure, ROUNDS, Target, median};
use virga_core::{Timestamp, job::JobKind};
use virga_db::{
    ConnectionTrait, Db, DbError,
    jobs::{self, Claim, Queue},
};
use virga_testkit::{Sql, SqlServer, large};

const DUE: u64 = 30_000;
/// Claims of a round.
const CLAIMS: usize = 200;
const JOBS: usize = 2_000;
const PROCESSES: usize = 5;
/// Of each process.
const WORKERS: usize = 20;
/// A worker's pause after an error.
const POLL: Duration = Duration::from_secs(1);
const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

fn claim(worker: &str) -> Claim<'_> {
    Claim {
        worker,
        kinds: JobKind::ALL,
        now: NOW,
    }
}

/// Makes the ladders with these numbers due, and all others done.
async fn reset(db: &Db, due: usize) -> anyhow::Result<()> {
    let (c, kind, priority) = (db.write(), JobKind::Ladder, JobKind::Ladder.priority());
    c.execute_unprepared("UPDATE jobs SET state = 'done', open_key = NULL, updated_at = 0")
        .await?;
    c.execute_unprepared(&format!(
        "UPDATE jobs SET state = 'queued', priority = {priority}, lease_until = 0, \
         open_key = CONCAT('{kind}/', video_id) WHERE id <= {due}"
    ))
    .await?;
    Ok(())
}

/// The first look and the median of those after it, milliseconds: a worker with room takes one job
/// after the other.
async fn one_worker(db: &Db) -> anyhow::Result<(f64, f64)> {
    reset(db, usize::try_from(DUE)?).await?;
    let queue = Queue::default();
    let mut times = Vec::new();
    for _ in 0..CLAIMS {
        let begun = Instant::now();
        let job = jobs::claim(db, &queue, claim("one")).await?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        job.context("nothing was due")?;
    }
    let first = times.remove(0);
    Ok((first, median(&times)))
}

/// Seconds until the last of these jobs is taken.
async fn many_workers(url: &str) -> anyhow::Result<f64> {
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        processes.push(Db::connect(url, None).await?);
    }
    reset(&processes[0], JOBS).await?;
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (process, db) in processes.iter().enumerate() {
        for worker in 0..WORKERS {
            let (db, name) = (db.clone(), format!("host-{process}/{worker}"));
            tasks.spawn(async move {
                let queue = Queue::default();
                let mut ids = Vec::new();
                loop {
                    match jobs::claim(&db, &queue, claim(&name)).await {
                        Ok(Some(job)) => ids.push(job.id),
                        Ok(None) => return Ok(ids),
                        // Twenty share the connections of one process: as a dispatcher does, it
                        // looks again a second later.
                        Err(DbError::Away(_)) => tokio::time::sleep(POLL).await,
                        Err(other) => return Err(other),
                    }
                }
            });
        }
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        all.extend(ended??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    all.sort_unstable();
    all.dedup();
    ensure!(all.len() == JOBS, "{} of {JOBS} jobs were taken", all.len());
    for db in processes {
        db.close().await;
    }
    Ok(seconds)
}

async fn measure(names: [&'static str; 2], db: Db, url: Option<&str>) -> anyhow::Result<()> {
    db.migrate().await?;
    large::fill(db.write(), DUE).await?;
    let (mut each, mut all) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (first, then) = one_worker(&db).await?;
        println!("note {} first look {first:.1} ms", names[0]);
        each.push(then);
        if let Some(url) = url {
            all.push(many_workers(url).await?);
        }
    }
    let figure = |name, values, unit, most| Figure {
        name,
        values,
        unit,
        target: Target::AtMost(most),
        trouble: None,
    };
    println!("{}", figure(names[0], each, "ms", 2.0));
    if !all.is_empty() {
        println!("{}", figure(names[1], all, "s", 3.0));
    }
    db.close().await;
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let db = Db::open_sqlite(&folder.path().join("claims.sqlite")).await?;
    // One process has the file; its workers share one writer.
    measure(["claim-sqlite", ""], db, None).await?;
    for (names, sql) in [
        (["claim-mariadb", "claims-mariadb"], Sql::MariaDb),
        (["claim-postgres", "claims-postgres"], Sql::Postgres),
    ] {
        let server = SqlServer::start(sql).await;
        let url = server.database("claims").await;
        let db = Db::connect(&url, None).await?;
        measure(names, db, Some(&url)).await?;
    }
    Ok(())
}
