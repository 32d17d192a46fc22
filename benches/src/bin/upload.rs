//! An upload of 3 GB, three parts in flight: its throughput against `dd` to the same disk, and the
//! most memory that `virga serve` held meanwhile.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, bail};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};
use virga_benches::{
    Figure, Round, Series, Target, long_footage, memory_kib, output, process_of, program,
    settle_disk, tool, upload,
};
use virga_testkit::{Person, Site};

/// How far two runs of dd may differ: half of what the target leaves.
const MARGIN: f64 = 0.2;
/// More than the file, so that quotas and limits do not matter.
const ROOM: &str = "100000000000";

/// Seconds that dd takes to copy the file to a disk.
fn copy(file: &Path) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    settle_disk()?;
    let began = Instant::now();
    let mut dd = tool("dd");
    dd.arg(format!("if={}", file.display()))
        .arg(format!("of={}", folder.path().join("copy").display()));
    output(dd.args(["bs=1M", "conv=fsync", "status=none"]))?;
    Ok(began.elapsed().as_secs_f64())
}

/// Seconds of an upload, from opening it to its completion, and peak MB until the video plays.
async fn send(program: &Path, file: &Path) -> anyhow::Result<(f64, f64, f64)> {
    let site = Site::of(program)
        .set("VIRGA_LIMITS__UPLOAD_MAX", ROOM)
        .set("VIRGA_LIMITS__QUOTA_PER_USER", ROOM)
        .start();
    let pid = process_of("serve", site.data())?;
    let person = site.register("ann").await;
    settle_disk()?;
    let began = Instant::now();
    let video = upload(&person, &site.url(), file).await?;
    let seconds = began.elapsed().as_secs_f64();
    let sent = memory_kib(pid, "VmHWM")?;
    plays(&person, &video).await?;
    let published = memory_kib(pid, "VmHWM")?;
    Ok((seconds, sent * 1024.0 / 1e6, published * 1024.0 / 1e6))
}

async fn plays(person: &Person, video: &str) -> anyhow::Result<()> {
    let path = format!("/api/v1/videos/{video}");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        let shown = person.get(&path).await.json();
        match shown["state"].as_str().context("a state")? {
            "playable" | "ready" => return Ok(()),
            "failed" => bail!("{shown}"),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    bail!("it does not play")
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let program = program()?;
    let file = long_footage()?;
    // Both read it from memory.
    output(tool("cat").arg(&file).stdout(std::process::Stdio::null()))?;
    #[expect(clippy::cast_precision_loss, reason = "a few gigabytes fit")]
    let size = fs::metadata(&file)?.len() as f64 / 1e6;
    println!("note upload file of {size:.0} MB");
    let mut memory = Vec::new();
    let mut series = Series::new(MARGIN);
    while series.wants_more() {
        let before = size / copy(&file)?;
        let (seconds, sent, published) = send(&program, &file).await?;
        memory.push(sent.max(published));
        let round = Round {
            before,
            subject: size / seconds,
            after: size / copy(&file)?,
        };
        let counts = if series.take(round) { "" } else { " repeated" };
        println!(
            "note upload dd {:.0} MB/s, upload {:.0} MB/s, dd {:.0} MB/s; peak {sent:.1} MB sent, \
             {published:.1} MB published{counts}",
            round.before, round.subject, round.after
        );
    }
    println!(
        "{}",
        series.figure("upload-throughput", Target::AtLeast(0.6))
    );
    let memory = Figure {
        name: "upload-memory",
        values: memory,
        unit: "MB",
        target: Target::AtMost(100.0),
        trouble: None,
    };
    println!("{memory}");
    Ok(())
}
