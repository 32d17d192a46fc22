//! From the last part's acknowledgement to the first frame on the screen, in Chromium, through the pages.

use anyhow::{Context, ensure};
use serde_json::Value;
use std::{path::Path, process::Stdio};

use crate::{output, script, settle_disk, tool};

/// One upload through the page of a fresh site; seconds. Prints where they went. The browser's side is
/// `first-frame.mjs`.
///
/// # Errors
/// Where the site, the browser or the film does not come.
#[expect(clippy::print_stdout, reason = "a program of this crate prints it")]
pub fn first_frame(program: &Path, name: &str, file: &Path) -> anyhow::Result<f64> {
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
