//! A ladder in spans: by two dispatchers over one, each pinned to a core of its own; the processor time of
//! one dispatcher over that of one pass; and what trial encodes add to it.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, bail, ensure};
use std::{
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};
use virga_benches::{Figure, Target, cpu_seconds, output, program, span_source, tool, upload};
use virga_core::{
    VideoId,
    job::{JobKind, JobState},
};
use virga_db::{Db, JobRow, jobs};
use virga_testkit::{Person, Role, Site, free_port};

const ROUNDS: usize = 3;
/// The longest that a ladder may take.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Settings of a dispatcher.
#[derive(Clone, Copy)]
struct How {
    spans: &'static str,
    per_title: &'static str,
}

const WHOLE: How = How {
    spans: "0",
    per_title: "false",
};
const IN_SPANS: How = How {
    spans: "60",
    ..WHOLE
};
const PER_TITLE: How = How {
    per_title: "true",
    ..IN_SPANS
};

/// A dispatcher on one core; killed when dropped.
struct Pinned(Child);

impl Pinned {
    fn start(program: &Path, data: &Path, core: usize, how: How) -> anyhow::Result<Self> {
        let mut command = tool("taskset");
        command.args(["--cpu-list", &core.to_string()]).arg(program);
        command.arg("dispatcher").arg("--data").arg(data);
        command.args(["--listen", &format!("127.0.0.1:{}", free_port())]);
        command.env("VIRGA_DISPATCHER__SPAN_SECONDS", how.spans);
        command.env("VIRGA_DISPATCHER__PER_TITLE", how.per_title);
        command.env("VIRGA_DISPATCHER__THREADS", "1");
        command.env("VIRGA_DISPATCHER__HEAD_START_MS", "0");
        command.env("VIRGA_STORAGE__KEEP_FREE", "0");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn()?))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Bench {
    program: PathBuf,
    site: Site,
    person: Person,
    stream: String,
    db: Db,
    film: PathBuf,
}

/// What a ladder took.
struct Took {
    seconds: f64,
    /// Of the first dispatcher and its encoders.
    cpu: f64,
}

impl Bench {
    async fn start() -> anyhow::Result<Self> {
        let program = program()?;
        let api_port = free_port();
        let mut site = Site::of(program.clone())
            .set(
                "VIRGA_SERVICES__API",
                &format!("http://127.0.0.1:{api_port}"),
            )
            .build();
        site.start_on(Role::Api, api_port);
        site.start(Role::Stream);
        let api = Person::new(format!("http://127.0.0.1:{api_port}"));
        Ok(Self {
            person: site.register_by(&api, "ann").await,
            stream: format!("http://127.0.0.1:{}", site.port(Role::Stream)),
            db: Db::open_sqlite(&site.data().join("virga.sqlite")).await?,
            film: span_source()?,
            program,
            site,
        })
    }

    /// Encodes the film once more with so many dispatchers.
    async fn ladder(&self, dispatchers: usize, how: How) -> anyhow::Result<Took> {
        let pinned =
            (0..dispatchers).map(|core| Pinned::start(&self.program, self.site.data(), core, how));
        let pinned = pinned.collect::<anyhow::Result<Vec<_>>>()?;
        let first = pinned.first().context("no dispatcher")?.0.id();
        let video = upload(&self.person, &self.stream, &self.film).await?;
        let id: VideoId = video.parse()?;
        let work = async |of: fn(&JobRow) -> bool| {
            let rows = jobs::of_video(self.db.read(), id).await?;
            anyhow::Ok(rows.iter().filter(|row| is_work(row)).any(of))
        };
        until(async || work(|_| true).await).await?;
        let (began, before) = (Instant::now(), cpu_seconds(first)?);
        until(async || Ok(!work(|row| row.state != JobState::Done).await?)).await?;
        let took = Took {
            seconds: began.elapsed().as_secs_f64(),
            cpu: cpu_seconds(first)? - before,
        };
        let path = format!("/api/v1/videos/{video}?now=true");
        let deleted = self.person.delete(&path).await.status;
        ensure!(deleted.is_success(), "it cannot be deleted");
        Ok(took)
    }
}

fn is_work(row: &JobRow) -> bool {
    matches!(row.kind(), JobKind::Ladder | JobKind::Span | JobKind::Join)
}

async fn until(holds: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if holds().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the ladder does not end")
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let bench = Bench::start().await?;
    output(tool("cat").arg(&bench.film).stdout(Stdio::null()))?;
    let (mut times, mut costs, mut trials) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let whole = bench.ladder(1, WHOLE).await?;
        let one = bench.ladder(1, IN_SPANS).await?;
        let two = bench.ladder(2, IN_SPANS).await?;
        let tried = bench.ladder(1, PER_TITLE).await?;
        println!(
            "note spans one pass {:.1} s ({:.1} s of processor), spans {:.1} s ({:.1} s), by two {:.1} s, tried first {:.1} s ({:.1} s)",
            whole.seconds, whole.cpu, one.seconds, one.cpu, two.seconds, tried.seconds, tried.cpu
        );
        times.push(two.seconds / one.seconds);
        costs.push(one.cpu / whole.cpu);
        trials.push(tried.cpu / one.cpu);
    }
    let figures = [
        ("spans-by-two", times, 0.6),
        ("spans-cpu", costs, 1.08),
        ("trials-cpu", trials, 1.05),
    ];
    for (name, values, most) in figures {
        let figure = Figure {
            name,
            values,
            unit: "x",
            target: Target::AtMost(most),
            trouble: None,
        };
        println!("{figure}");
    }
    Ok(())
}
