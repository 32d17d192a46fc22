//! `make torture`: people upload, watch, change and delete while any process of the site is killed every
//! few seconds and its stores fail. At the end everything acknowledged is there, every job is done or
//! failed with a reason, each is published once, and nothing is left when all is deleted.

mod check;
mod clips;
mod ledger;
mod options;
mod people;
mod report;
mod stage;
mod trouble;
mod viewers;

use anyhow::Context;
use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{signal::unix::SignalKind, task::JoinSet};
use virga_testkit::{Person, Site};

use check::Calm;
use clips::Kind;
use ledger::Ledger;
use options::{Choices, On, Options};
use people::Uploader;
use report::Summary;
use stage::{PART, Rows, Stage};
use viewers::Viewer;

const VIEWERS: u64 = 3;

/// What runs through it all.
struct Torture {
    options: Options,
    ledger: Arc<Ledger>,
    kinds: Arc<Vec<Kind>>,
    stranger: Person,
    rows: Rows,
    began: Instant,
}

impl Torture {
    fn uploader(&self, who: Person, name: String, n: u64) -> Uploader {
        Uploader {
            who,
            name,
            ledger: Arc::clone(&self.ledger),
            kinds: Arc::clone(&self.kinds),
            choices: Choices::of(self.options.seed, n),
            // The least part of a bucket has five MiB.
            extra: if self.options.on == On::Cluster {
                25 * PART
            } else {
                PART
            },
        }
    }

    /// One video of each kind while all is well: what the others are compared with.
    async fn calm(&self, site: &Site) -> anyhow::Result<Calm> {
        let who = site.register_by(&self.stranger, "calm").await;
        let uploader = self.uploader(who, "calm".to_owned(), 0);
        uploader
            .one_of_each()
            .await
            .context("one video of each kind")?;
        check::settle(&self.ledger, &self.rows).await?;
        check::calm(&self.ledger, &self.rows).await
    }

    /// Everyone comes, until enough jobs are there or the time is over.
    async fn traffic(&self) -> anyhow::Result<()> {
        let mut everyone = JoinSet::new();
        for n in 1..=u64::try_from(self.options.people)? {
            let name = format!("person{n}");
            let who = self.stranger.register(&name).await;
            everyone.spawn(self.uploader(who, name, n).run());
        }
        for n in 0..VIEWERS {
            let viewer = Viewer {
                ledger: Arc::clone(&self.ledger),
                choices: Choices::of(self.options.seed, 1000 + n),
            };
            everyone.spawn(viewer.run());
        }
        everyone.spawn(people::keep_looking(Arc::clone(&self.ledger)));
        let mut ended = tokio::signal::unix::signal(SignalKind::terminate())?;
        let mut told = Instant::now();
        let until = Instant::now() + Duration::from_secs(self.options.seconds);
        loop {
            tokio::select! {
                _ = ended.recv() => break,
                _ = tokio::signal::ctrl_c() => break,
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
            let jobs = self.rows.count("MAX(id)", "FROM jobs").await.unwrap_or(0);
            if told.elapsed() > Duration::from_secs(10) {
                told = Instant::now();
                report::progress(&self.ledger, jobs, self.began.elapsed())?;
            }
            if jobs >= self.options.jobs || Instant::now() > until {
                break;
            }
        }
        self.ledger.end();
        while let Some(ended) = everyone.join_next().await {
            if let Err(error) = ended {
                self.ledger
                    .violation(format!("the torture itself failed: {error}"));
            }
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::read()?;
    let mut out = std::io::stdout();
    let program = std::env::current_exe()?;
    let built = program.parent().and_then(std::path::Path::parent);
    let program = built.context("target/debug")?.join("virga");
    writeln!(
        out,
        "seed={} jobs={} seconds={} every={} people={} on={:?}",
        options.seed, options.jobs, options.seconds, options.every, options.people, options.on
    )?;
    let stage = Stage::start(&program.display().to_string(), options.on).await;
    let torture = Torture {
        ledger: Arc::new(Ledger::default()),
        kinds: Arc::new(clips::all()),
        stranger: Person::new(&stage.url),
        rows: stage.rows().await?,
        began: Instant::now(),
        options,
    };
    let calm = torture.calm(&stage.machines[0]).await?;
    writeln!(
        out,
        "{:.0} s: one of each kind is done",
        torture.began.elapsed().as_secs_f64()
    )?;
    let ledger = Arc::clone(&torture.ledger);
    let Options { seed, every, .. } = torture.options;
    let trouble = tokio::task::spawn_blocking(move || trouble::make(stage, &ledger, seed, every));
    torture.traffic().await?;
    let (stage, done) = trouble.await?;
    let mut summary = Summary {
        done,
        ..Summary::default()
    };
    finish(&torture, &stage, &calm, &mut summary).await?;
    summary.print(&torture.ledger, &torture.kinds, torture.began.elapsed())?;
    if torture.ledger.violations().is_empty() {
        return Ok(());
    }
    for kept in stage.keep() {
        writeln!(out, "kept: {}", kept.display())?;
    }
    writeln!(out, "the same choices again: make torture SEED={seed}")?;
    std::process::exit(1);
}

/// What is checked once nothing disturbs the site any more.
async fn finish(
    torture: &Torture,
    stage: &Stage,
    calm: &Calm,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let Torture {
        ledger,
        kinds,
        rows,
        ..
    } = torture;
    check::settle(ledger, rows).await?;
    summary.retried = check::retry(ledger, kinds).await;
    check::settle(ledger, rows).await?;
    summary.jobs = report::jobs(rows).await?;
    check::films(ledger, rows, kinds, calm).await?;
    check::rows(ledger, rows).await?;
    summary.fsck = check::fsck(ledger, stage);
    summary.films = ledger.films();
    check::clear(ledger, rows, stage).await
}
