//! What `virga doctor` asks of ffmpeg: that it can be confined, starts in its sandbox, and has the
//! parts that jobs use.

use std::{path::Path, process::Stdio};

use super::launcher::{Launcher, NICE, ProcessLimits};
use crate::DispatcherConfig;

const ENCODERS: [&str; 3] = ["libx264", "aac", "mjpeg"];
/// Of the posters for lists, which only load sooner by it.
const WEBP: &str = "libwebp";

/// One line of the doctor: what was looked at, and what is right or what to do.
pub type SandboxFinding = (String, Result<String, String>);

/// Looks at the sandbox and at the programs that jobs start in it. Blocks for a moment.
pub fn check_programs(config: &DispatcherConfig, launcher: &Launcher) -> Vec<SandboxFinding> {
    let mut findings: Vec<SandboxFinding> = vec![("sandbox".to_owned(), sandbox(config, launcher))];
    let check = Check { config, launcher };
    for (name, program) in [("ffmpeg", &config.ffmpeg), ("ffprobe", &config.ffprobe)] {
        findings.push((name.to_owned(), check.version(program)));
    }
    let encoders = check.encoders();
    for encoder in ENCODERS {
        let finding = if has(&encoders, encoder) {
            Ok("ffmpeg has it".to_owned())
        } else {
            Err("ffmpeg lacks this encoder; install Debian's ffmpeg".to_owned())
        };
        findings.push((format!("encoder {encoder}"), finding));
    }
    let small = if has(&encoders, WEBP) {
        "ffmpeg has it"
    } else {
        "ffmpeg lacks it: lists load the large posters. Debian's ffmpeg has it"
    };
    findings.push((format!("encoder {WEBP}"), Ok(small.to_owned())));
    findings
}

/// Whether ffmpeg's list of encoders names this one.
fn has(encoders: &str, encoder: &str) -> bool {
    let mut lines = encoders.lines();
    lines.any(|line| line.split_whitespace().nth(1) == Some(encoder))
}

/// Whether jobs may encode on this machine: it confines ffmpeg, or need not. The log says which
/// layers hold. Blocks for a moment.
pub fn can_encode(config: &DispatcherConfig, launcher: &Launcher) -> bool {
    let encoders = Check { config, launcher }.encoders();
    if !encoders.is_empty() && !has(&encoders, WEBP) {
        tracing::warn!("ffmpeg lacks the encoder {WEBP}: lists load the large posters");
    }
    match launcher.layers() {
        Ok(layers) if layers.confine() => {
            tracing::info!(%layers, "ffmpeg is confined");
            true
        }
        Ok(layers) if config.unconfined => {
            tracing::warn!(
                %layers,
                "ffmpeg can reach the site's files and network: dispatcher.unconfined is set"
            );
            true
        }
        Ok(layers) => {
            tracing::error!(
                %layers,
                "nothing is encoded: this kernel offers neither Landlock nor a network namespace \
                 to confine ffmpeg with; see dispatcher.unconfined"
            );
            false
        }
        Err(error) => {
            tracing::error!(%error, "nothing is encoded: the sandbox cannot be entered");
            false
        }
    }
}

fn sandbox(config: &DispatcherConfig, launcher: &Launcher) -> Result<String, String> {
    match launcher.layers() {
        Ok(layers) if layers.confine() => Ok(format!("ffmpeg is confined by: {layers}")),
        Ok(layers) if config.unconfined => Ok(format!(
            "dispatcher.unconfined is set; ffmpeg is confined by: {layers}"
        )),
        Ok(layers) => Err(format!(
            "this kernel offers neither Landlock nor a network namespace (it has: {layers}), so \
             nothing is encoded. Use Linux 6.1 or newer with Landlock, or set \
             dispatcher.unconfined = true to encode without protection"
        )),
        Err(error) => Err(format!("cannot be entered: {error}")),
    }
}

struct Check<'a> {
    config: &'a DispatcherConfig,
    launcher: &'a Launcher,
}

impl Check<'_> {
    /// What ffmpeg says of its encoders; nothing if it does not start.
    fn encoders(&self) -> String {
        let listed = self.output(&self.config.ffmpeg, &["-hide_banner", "-encoders"]);
        listed.unwrap_or_default()
    }

    fn version(&self, program: &Path) -> Result<String, String> {
        let text = self.output(program, &["-version"]).map_err(|said| {
            format!(
                "{} does not start in its sandbox: {said}. Install it (apt-get install ffmpeg); a \
                 script around it or a snap cannot be used",
                program.display()
            )
        })?;
        Ok(text
            .split_whitespace()
            .take(3)
            .collect::<Vec<_>>()
            .join(" "))
    }

    /// Runs a program as jobs do, without files; answers what it said.
    fn output(&self, program: &Path, arguments: &[&str]) -> Result<String, String> {
        let limits = ProcessLimits {
            memory: self.config.limits.memory,
            cpu: 60,
            file: 0,
            nice: NICE,
        };
        // Whether it may run unconfined is the first line's matter.
        let mut command = self.launcher.command(limits, true);
        let output = command
            .arg("--")
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }
}
