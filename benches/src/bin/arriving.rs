//! A film that is watched, in Chromium and through the pages, while it is uploaded over a line of 20 Mbit/s: when
//! its first frame is seen, and how long it stops on the way. The browser's side is `arriving.mjs`.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use std::process::Stdio;

use anyhow::Context;
use serde_json::Value;
use virga_benches::{
    Figure, ROUNDS, Target, output, program, script, settle_disk, steady_footage, tool,
};

/// Bytes a second.
const LINE: &str = "2500000";

fn main() -> anyhow::Result<()> {
    let (program, film) = (program()?, steady_footage()?);
    let (mut firsts, mut stalls) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        settle_disk()?;
        let mut node = tool("node");
        node.arg(script("arriving.mjs")).arg(&film).arg(LINE);
        node.env("VIRGA_BINARY", &program).stderr(Stdio::inherit());
        let seen: Value = serde_json::from_str(output(&mut node)?.trim())?;
        println!("note arriving {seen}");
        firsts.push(seen["first_frame"].as_f64().context("a time")?);
        let stood = seen["stalls"].as_array().context("stalls")?;
        // From 0 and not from -0, which is printed with its sign.
        let millis = stood
            .iter()
            .filter_map(Value::as_f64)
            .fold(0.0, |sum, it| sum + it);
        stalls.push(millis / 1000.0);
    }
    let figure = |name, values, most| Figure {
        name,
        values,
        unit: "s",
        target: Target::AtMost(most),
        trouble: None,
    };
    println!("{}", figure("arriving-first-frame", firsts, 2.0));
    println!("{}", figure("arriving-stalls", stalls, 0.0));
    Ok(())
}
