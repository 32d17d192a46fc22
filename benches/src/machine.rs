//! What the kernel tells of processes (proc(5)), and the tools that references are made of.

use anyhow::{Context, bail, ensure};
use std::{fs, path::Path, process::Command, time::Duration};

/// Clock ticks a second in `/proc/PID/stat`: `USER_HZ`, 100 on every common architecture.
const TICKS: f64 = 100.0;

/// A program of the machine: ffmpeg, dd, node.
pub fn tool(name: impl AsRef<std::ffi::OsStr>) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "references are programs of the machine"
    )]
    Command::new(name)
}

/// Runs it to its end; what it printed.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let run = command
        .output()
        .with_context(|| format!("{} does not start", command.get_program().display()))?;
    ensure!(
        run.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&run.stderr)
    );
    Ok(String::from_utf8_lossy(&run.stdout).into_owned())
}

/// User and system seconds of a process and of its children that have ended.
pub fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    times(&pid.to_string(), 14..=17)
}

/// The same of a process and of those that it started and that still run.
pub fn family_cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let mut sum = cpu_seconds(pid)?;
    for entry in fs::read_dir("/proc")?.flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1));
        if parent == Some(&pid.to_string()) {
            sum += cpu_seconds(entry.file_name().to_string_lossy().parse()?)?;
        }
    }
    Ok(sum)
}

/// User and system seconds of this program's children that have ended.
pub fn own_children_cpu_seconds() -> anyhow::Result<f64> {
    times("self", 16..=17)
}

/// The sum of these fields of `stat`, numbered as in proc(5).
fn times(process: &str, fields: std::ops::RangeInclusive<usize>) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in field 2 may hold anything; it ends at the last parenthesis.
    let (_, rest) = stat.rsplit_once(") ").context("a stat line")?;
    let ticks: Vec<u32> = rest
        .split(' ')
        .skip(fields.start() - 3)
        .take(fields.count())
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    Ok(ticks.into_iter().map(f64::from).sum::<f64>() / TICKS)
}

/// A figure of `/proc/PID/status` in KiB: `VmRSS`, `VmHWM`.
pub fn memory_kib(pid: u32, name: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .with_context(|| format!("no {name}"))?;
    let number = line.split_whitespace().next().context("a number")?;
    Ok(number.parse()?)
}

/// The id of the process of this role whose data is in this folder.
pub fn process_of(role: &str, data: &Path) -> anyhow::Result<u32> {
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // It may have ended meanwhile.
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let is_role = words.get(1) == Some(&role.as_bytes());
        if is_role && words.contains(&data.as_os_str().as_encoded_bytes()) {
            return Ok(pid);
        }
    }
    bail!("no {role} runs on {}", data.display())
}

/// Keeps all threads of a process on one core.
///
/// # Errors
/// Where there is no such process, or no such core.
pub fn pin(process: u32, core: usize) -> anyhow::Result<()> {
    let (core, process) = (core.to_string(), process.to_string());
    output(tool("taskset").args(["-apc", &core, &process])).map(drop)
}

/// Writes back what other runs left in memory, so that no run pays for another.
pub fn settle_disk() -> anyhow::Result<()> {
    output(&mut tool("sync"))?;
    std::thread::sleep(Duration::from_millis(200));
    Ok(())
}
