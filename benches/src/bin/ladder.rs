//! Processor time of the dispatcher's process and its children during the ladder job, against the
//! same ffmpeg arguments bare.
//!
//! The job is made to stand alone: its ffmpeg refuses the first time, so that everything else of the
//! video is done before; then the owner's retry enqueues the ladder and nothing else.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    fs,
    os::unix::{ffi::OsStringExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use virga_benches::{
    Round, Series, Target, cpu_seconds, ladder_source, output, own_children_cpu_seconds,
    process_of, program, tool, upload,
};
use virga_testkit::{Person, Role, Site, free_port, without_sandbox};

/// How far two bare runs may differ: what the target leaves.
const MARGIN: f64 = 0.05;

/// Stands before ffmpeg: keeps the arguments of the ladder (rungs without sound), and refuses them
/// while a file named `refuse` is next to it. A shell cannot be started under Landlock, so the site runs
/// without it; the filter of system calls holds.
const BEFORE_FFMPEG: &str = r#"#!/bin/sh
here=${0%/*}
case " $* " in
*" sound.mp4 "*) ;;
*" rung0.mp4 "*)
    printf '%s\0' "$@" >"$here/arguments"
    if [ -e "$here/refuse" ]; then
        echo "Invalid data found when processing input" >&2
        exit 1
    fi
    ;;
esac
exec ffmpeg "$@"
"#;

/// The site in parts, so that the dispatcher is a process of its own.
struct Bench {
    site: Site,
    person: Person,
    stream: String,
    folder: tempfile::TempDir,
    dispatcher: u32,
    clip: PathBuf,
}

impl Bench {
    async fn start(program: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let wrapper = folder.path().join("ffmpeg");
        fs::write(&wrapper, BEFORE_FFMPEG)?;
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
        let site_program = folder.path().join("virga");
        without_sandbox(&program.to_string_lossy(), &site_program);
        let api_port = free_port();
        let mut site = Site::of(site_program)
            .set("VIRGA_DISPATCHER__UNCONFINED", "true")
            .set("VIRGA_DISPATCHER__SPAN_SECONDS", "0")
            .set("VIRGA_DISPATCHER__PER_TITLE", "false")
            .set(
                "VIRGA_SERVICES__API",
                &format!("http://127.0.0.1:{api_port}"),
            )
            .set("VIRGA_DISPATCHER__FFMPEG", &wrapper.to_string_lossy())
            .build();
        site.start_on(Role::Api, api_port);
        site.start(Role::Stream);
        site.start(Role::Dispatcher);
        let api = Person::new(format!("http://127.0.0.1:{api_port}"));
        Ok(Self {
            person: site.register_by(&api, "ann").await,
            stream: format!("http://127.0.0.1:{}", site.port(Role::Stream)),
            dispatcher: process_of("dispatcher", site.data())?,
            clip: ladder_source()?,
            site,
            folder,
        })
    }

    /// Processor seconds of the dispatcher's process and its children during one ladder job.
    async fn job(&self) -> anyhow::Result<f64> {
        let refuse = self.folder.path().join("refuse");
        fs::write(&refuse, "")?;
        let video = upload(&self.person, &self.stream, &self.clip).await?;
        let shown = self.ended(&video).await?;
        let warned = shown["warnings"]
            .as_array()
            .is_some_and(|it| !it.is_empty());
        ensure!(warned, "the ladder was not refused: {shown}");
        fs::remove_file(refuse)?;

        let before = cpu_seconds(self.dispatcher)?;
        let path = format!("/api/v1/videos/{video}/retry");
        let answer = self.person.post(&path, json!({})).await;
        ensure!(answer.status.is_success(), "{}", answer.text());
        let shown = self.person.wait_for(&video, &["ready", "failed"]).await;
        let used = cpu_seconds(self.dispatcher)? - before;
        let warned = shown["warnings"]
            .as_array()
            .is_some_and(|it| !it.is_empty());
        ensure!(
            !warned,
            "the ladder failed: {shown}\n{}",
            self.site.output()
        );
        let path = format!("/api/v1/videos/{video}?now=true");
        ensure!(
            self.person.delete(&path).await.status.is_success(),
            "it cannot be deleted"
        );
        Ok(used)
    }

    /// Waits until no job of the video is open, however long a busy machine takes; the video.
    async fn ended(&self, video: &str) -> anyhow::Result<Value> {
        let path = format!("/api/v1/videos/{video}");
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(900) {
            let shown = self.person.get(&path).await.json();
            if ["ready", "failed"]
                .map(Value::from)
                .contains(&shown["state"])
            {
                return Ok(shown);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        bail!("its jobs do not end")
    }

    /// Processor seconds of the same arguments bare.
    fn bare(&self, arguments: &[OsString]) -> anyhow::Result<f64> {
        let folder = tempfile::tempdir_in(self.folder.path())?;
        fs::copy(&self.clip, folder.path().join("in"))?;
        let work = folder.path().join("out");
        fs::create_dir(&work)?;
        let before = own_children_cpu_seconds()?;
        let mut ffmpeg = tool("ffmpeg");
        ffmpeg.args(arguments).current_dir(work);
        output(ffmpeg.stdin(Stdio::null()))?;
        Ok(own_children_cpu_seconds()? - before)
    }

    fn arguments(&self) -> anyhow::Result<Vec<OsString>> {
        let line = fs::read(self.folder.path().join("arguments")).context("no ladder ran")?;
        let words = line.split(|byte| *byte == 0).map(<[u8]>::to_vec);
        let mut words: Vec<_> = words.map(OsString::from_vec).collect();
        // Behind the last one.
        words.pop();
        Ok(words)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let bench = Bench::start(&program()?).await?;
    // Not counted: brings the arguments, and everything into memory.
    bench.job().await?;
    let arguments = bench.arguments()?;
    let shown: Vec<_> = arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    println!("note ladder-cpu ffmpeg {}", shown.join(" "));
    let mut series = Series::new(MARGIN);
    // A run takes a minute: the one after a round is also the one before the next.
    let mut before = bench.bare(&arguments)?;
    while series.wants_more() {
        let round = Round {
            before,
            subject: bench.job().await?,
            after: bench.bare(&arguments)?,
        };
        before = round.after;
        ensure!(bench.arguments()? == arguments, "other arguments");
        let counts = if series.take(round) { "" } else { " repeated" };
        println!(
            "note ladder-cpu bare {:.2} s, job {:.2} s, bare {:.2} s{counts}",
            round.before, round.subject, round.after
        );
    }
    println!("{}", series.figure("ladder-cpu", Target::AtMost(1.05)));
    Ok(())
}
