//! From the last part's acknowledgement to the first frame on the screen, in Chromium, of ten minutes of each
//! kind of file: what is copied, and what must be decoded.
#![expect(clippy::print_stdout, reason = "printing figures is what it is for")]

use std::process::Stdio;
use virga_benches::{Figure, KINDS, ROUNDS, Target, first_frame, kind, output, program, tool};

fn main() -> anyhow::Result<()> {
    let program = program()?;
    for of in KINDS {
        let file = kind(&of)?;
        // The browser reads it from memory.
        output(tool("cat").arg(&file).stdout(Stdio::null()))?;
        let mut values = Vec::new();
        for _ in 0..ROUNDS {
            values.push(first_frame(&program, of.figure, &file)?);
        }
        let figure = Figure {
            name: of.figure,
            values,
            unit: "s",
            target: Target::AtMost(of.most),
            trouble: None,
        };
        println!("{figure}");
    }
    Ok(())
}
