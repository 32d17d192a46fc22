//! What `virga doctor` asks of ffmpeg: that it is there, and has the parts that jobs use.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::DispatcherConfig;

const ENCODERS: [&str; 3] = ["libx264", "aac", "mjpeg"];

/// One line of the doctor: what was looked at, and what is right or what to do.
pub type Finding = (String, Result<String, String>);

/// Looks at the programs that jobs start. Blocks for a moment.
pub fn check_programs(config: &DispatcherConfig) -> Vec<Finding> {
    let mut findings: Vec<Finding> = [("ffmpeg", &config.ffmpeg), ("ffprobe", &config.ffprobe)]
        .into_iter()
        .map(|(name, program)| (name.to_owned(), version(program)))
        .collect();
    let encoders = output(&config.ffmpeg, &["-hide_banner", "-encoders"]).unwrap_or_default();
    for encoder in ENCODERS {
        let there = encoders
            .lines()
            .any(|line| line.split_whitespace().nth(1) == Some(encoder));
        let finding = if there {
            Ok("ffmpeg has it".to_owned())
        } else {
            Err("ffmpeg lacks this encoder; install Debian's ffmpeg".to_owned())
        };
        findings.push((format!("encoder {encoder}"), finding));
    }
    findings
}

fn version(program: &Path) -> Result<String, String> {
    let text = output(program, &["-version"]).ok_or_else(|| {
        format!(
            "cannot start {}; install it (apt-get install ffmpeg)",
            program.display()
        )
    })?;
    Ok(text
        .split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" "))
}

fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this module starts ffmpeg")]
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
