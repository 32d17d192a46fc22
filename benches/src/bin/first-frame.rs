//! From the last part's acknowledgement to the first frame on the screen, in Chromium, through the
//! pages: ten seconds of video, and 3 GB of it. The browser's side is `first-frame.mjs`.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use anyhow::{Context, ensure};
use serde_json::Value;
use std::{path::Path, process::Stdio};
use virga_benches::{
    Figure, ROUNDS, Target, footage, long_footage, median, output, program, script, settle_disk,
    tool,
};

/// One upload through the page of a fresh site; seconds. Prints where they went.
fn measure(program: &Path, name: &str, file: &Path) -> anyhow::Result<f64> {
    settle_disk()?;
    let mut node = tool("node");
    node.arg(script("first-frame.mjs")).arg(file);
    node.env("VIRGA_BINARY", program).stderr(Stdio::inherit());
    let seen: Value = serde_json::from_str(output(&mut node)?.trim())?;
    println!("note {name} {seen}");
    let states = seen["states"].as_array().context("states")?;
    ensure!(
        states.iter().any(|state| state == "processing"),
        "the page was not seen processing: {seen}"
    );
    let millis = seen["firstframe"].as_f64().context("a time")?;
    Ok(millis / 1000.0)
}

fn main() -> anyhow::Result<()> {
    let program = program()?;
    let (short, long) = (footage()?, long_footage()?);
    // The browser reads both from memory.
    output(tool("cat").args([&short, &long]).stdout(Stdio::null()))?;
    let (mut shorts, mut longs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        shorts.push(measure(&program, "first-frame-10s", &short)?);
        longs.push(measure(&program, "first-frame-3gb", &long)?);
    }
    let apart = {
        let (short, long) = (median(&shorts), median(&longs));
        short.max(long) / short.min(long)
    };
    let figure = |name, values, unit, most| Figure {
        name,
        values,
        unit,
        target: Target::AtMost(most),
        trouble: None,
    };
    println!("{}", figure("first-frame-10s", shorts, "s", 1.0));
    println!("{}", figure("first-frame-3gb", longs, "s", 1.0));
    println!("{}", figure("first-frame-ratio", vec![apart], "x", 1.2));
    Ok(())
}
