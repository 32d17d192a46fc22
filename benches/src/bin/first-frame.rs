//! From the last part's acknowledgement to the first frame on the screen, in Chromium, through the
//! pages: ten seconds of video, and 3 GB of it. The browser's side is `first-frame.mjs`.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use std::process::Stdio;
use virga_benches::{
    Figure, ROUNDS, Target, first_frame, footage, long_footage, median, output, program, tool,
};

fn main() -> anyhow::Result<()> {
    let program = program()?;
    let (short, long) = (footage()?, long_footage()?);
    // The browser reads both from memory.
    output(tool("cat").args([&short, &long]).stdout(Stdio::null()))?;
    let (mut shorts, mut longs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        shorts.push(first_frame(&program, "first-frame-10s", &short)?);
        longs.push(first_frame(&program, "first-frame-3gb", &long)?);
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
