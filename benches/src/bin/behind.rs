//! How much later a clip of 3 seconds plays while the ladder of a film of a minute is being encoded.
//! Both are in codings that browsers do not play.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, bail};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use virga_benches::{Round, Series, Target, ladder_source, program, short_source, upload};
use virga_testkit::{Person, Site};

/// How far two runs of the clip alone may differ.
const MARGIN: f64 = 0.2;

/// Waits until a video plays; whether more of it is still to be encoded.
async fn plays(person: &Person, video: &str) -> anyhow::Result<bool> {
    let path = format!("/api/v1/videos/{video}");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(300) {
        let shown = person.get(&path).await.json();
        match shown["state"].as_str().context("a state")? {
            "playable" => return Ok(true),
            "ready" => return Ok(false),
            "failed" => bail!("{shown}"),
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    bail!("it does not play")
}

/// Seconds from the clip's upload until it plays, while `film`'s ladder runs if there is one.
async fn clip(program: &Path, clip: &Path, film: Option<&Path>) -> anyhow::Result<f64> {
    let site = Site::of(program).start();
    let person = site.register("ann").await;
    let long = match film {
        Some(film) => Some(upload(&person, &site.url(), film).await?),
        None => None,
    };
    if let Some(long) = &long {
        plays(&person, long).await?;
    }
    let began = Instant::now();
    let video = upload(&person, &site.url(), clip).await?;
    plays(&person, &video).await?;
    let seconds = began.elapsed().as_secs_f64();
    if let Some(long) = &long {
        let runs = plays(&person, long).await?;
        anyhow::ensure!(runs, "the ladder ended before the clip played");
    }
    Ok(seconds)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let program = program()?;
    let (short, film) = (short_source()?, ladder_source()?);
    let mut series = Series::new(MARGIN);
    while series.wants_more() {
        let round = Round {
            before: clip(&program, &short, None).await?,
            subject: clip(&program, &short, Some(&film)).await?,
            after: clip(&program, &short, None).await?,
        };
        let counts = if series.take(round) { "" } else { " repeated" };
        println!(
            "note behind alone {:.2} s, behind a ladder {:.2} s, alone {:.2} s{counts}",
            round.before, round.subject, round.after
        );
    }
    println!("{}", series.figure("behind-a-ladder", Target::AtMost(1.5)));
    Ok(())
}
