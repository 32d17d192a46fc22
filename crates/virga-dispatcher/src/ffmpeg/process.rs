//! One run of ffmpeg or ffprobe: started through the launcher, watched, and killed when the job must
//! end, when it stalls, or when its time is over.

use std::{
    path::Path,
    pin::pin,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use virga_core::Code;

use futures_util::StreamExt;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, ChildStdout, Command},
    sync::OwnedSemaphorePermit,
    time::timeout,
};
use tokio_util::codec::{FramedRead, LinesCodec};

use super::{Arguments, FfmpegRun, INPUT, diagnosis, launcher::ProcessLimits};
use crate::job_result::JobError;

/// How much of what it complains about is kept.
const COMPLAINTS: usize = 64 * 1024;
/// The longest line of a progress report.
const LINE: usize = 4096;
/// What is left in the pipes of a process that ended is read in this time.
const DRAIN: Duration = Duration::from_secs(2);
/// The longest answer of ffprobe.
const ANSWER: u64 = 1 << 20;

/// Bounds of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// From start to end.
    pub(super) deadline: Duration,
    /// Largest file written, bytes.
    pub(super) file: u64,
    /// Pixels of a picture, for the address space it may take; 0 where one picture is all it holds.
    pub(super) pixels: u64,
    /// Memory that it is expected to take, bytes.
    pub(super) memory: u64,
}

/// A started process. Dropped, it is killed.
struct Process {
    child: Child,
    group: Option<Pid>,
}

impl Process {
    fn start(
        session: &FfmpegRun<'_>,
        program: &Path,
        arguments: Arguments,
        bounds: Bounds,
    ) -> Result<Self, JobError> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let limits = ProcessLimits {
            memory: session.config.memory(bounds.pixels),
            cpu: bounds.deadline.as_secs().saturating_mul(cores),
            file: bounds.file,
            nice: session.nice,
        };
        tracing::debug!(program = %program.display(), ?arguments, "starting");
        let unconfined = session.config.unconfined;
        let mut command = session.launcher.command(limits, unconfined);
        command
            .arg(format!("read={INPUT}"))
            .args(["write=.", "--"])
            .arg(program)
            .args(arguments.0)
            .current_dir(session.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = Command::from(command)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Ok(Self { child, group })
    }

    /// Kills it, and children that it may have where the sandbox does not hold.
    fn kill(&mut self) {
        if self.child.id().is_some()
            && let Some(group) = self.group.take()
        {
            // Gone already is fine.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.start_kill();
    }

    /// Kills it and waits until it is gone, so that nothing writes to scratch any more.
    async fn end(mut self) {
        self.kill();
        let _ = self.child.wait().await;
    }

    /// Waits until it ends by itself, while `follow` reads its output; an error of `follow` ends
    /// the wait at once. Output that something else holds open afterwards is not waited for.
    async fn ended(
        &mut self,
        follow: impl Future<Output = Result<(), JobError>>,
        stall: Duration,
    ) -> Result<ExitStatus, JobError> {
        let mut follow = pin!(follow);
        let status = tokio::select! {
            followed = &mut follow => {
                followed?;
                // It closed its output: what is left to do takes a moment.
                return match timeout(stall, self.child.wait()).await {
                    Ok(status) => Ok(status?),
                    Err(_) => Err(stalled(stall)),
                };
            }
            status = self.child.wait() => status?,
        };
        let _ = timeout(DRAIN, follow).await;
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Encodes: what it writes to its output is progress.
pub(super) async fn encode(
    session: &FfmpegRun<'_>,
    arguments: Arguments,
    bounds: Bounds,
    media: Duration,
) -> Result<(), JobError> {
    let _held = hold(session, bounds).await?;
    let process = Process::start(session, &session.config.ffmpeg, arguments, bounds)?;
    let stall = session.config.limits.stall();
    let read = |out| progress(session, out, stall, media);
    let (status, said) = supervise(session, process, read, bounds).await?;
    judge(session, status, &said)
}

/// Asks: answers what it writes to its output.
pub(super) async fn ask(
    session: &FfmpegRun<'_>,
    arguments: Arguments,
    bounds: Bounds,
) -> Result<Vec<u8>, JobError> {
    let _held = hold(session, bounds).await?;
    let process = Process::start(session, &session.config.ffprobe, arguments, bounds)?;
    let mut answer = Vec::new();
    let read = async |out: ChildStdout| {
        out.take(ANSWER).read_to_end(&mut answer).await?;
        Ok(())
    };
    let (status, said) = supervise(session, process, read, bounds).await?;
    // The prober cannot be asked to leave a stream alone.
    let unlisted = diagnosis::unlisted(&String::from_utf8_lossy(&said));
    if !status.success() && !unlisted.is_empty() {
        return Err(JobError::Unlisted(unlisted));
    }
    judge(session, status, &said).map(|()| answer)
}

/// Waits for the memory that a run takes.
async fn hold(session: &FfmpegRun<'_>, bounds: Bounds) -> Result<OwnedSemaphorePermit, JobError> {
    tokio::select! {
        held = session.memory.take(bounds.memory) => held,
        () = session.lease.halt.cancelled() => Err(JobError::Interrupted),
    }
}

fn judge(session: &FfmpegRun<'_>, status: ExitStatus, said: &[u8]) -> Result<(), JobError> {
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(said);
    session.lease.keep_log(&diagnosis::readable(&said));
    Err(diagnosis::explain(status, &said))
}

/// Waits for its end while `read` takes its output; answers what it complained about as well.
async fn supervise(
    session: &FfmpegRun<'_>,
    mut process: Process,
    read: impl AsyncFnOnce(ChildStdout) -> Result<(), JobError>,
    bounds: Bounds,
) -> Result<(ExitStatus, Vec<u8>), JobError> {
    let (out, err) = (process.child.stdout.take(), process.child.stderr.take());
    let mut said = Vec::new();
    // Together: whichever fails first ends both.
    let follow = async {
        let read = async {
            match out {
                Some(out) => read(out).await,
                None => Ok(()),
            }
        };
        let listen = async {
            complaints(err, &mut said).await;
            Ok(())
        };
        tokio::try_join!(read, listen).map(|_| ())
    };
    let halt = &session.lease.halt;
    let stall = session.config.limits.stall();
    let ended = tokio::select! {
        ended = timeout(bounds.deadline, process.ended(follow, stall)) => ended.unwrap_or_else(|_| {
            Err(JobError::fail(
                Code::TooSlow,
                "Encoding takes far longer than it should.",
            ))
        }),
        () = halt.cancelled() => Err(JobError::Interrupted),
    };
    match ended {
        Ok(status) => Ok((status, said)),
        Err(error) => {
            process.end().await;
            Err(error)
        }
    }
}

fn stalled(stall: Duration) -> JobError {
    let seconds = stall.as_secs();
    JobError::Retry(format!(
        "the encoder made no progress for {seconds} seconds"
    ))
}

/// Follows `-progress` to its end; an error if nothing moves for `stall`.
async fn progress(
    session: &FfmpegRun<'_>,
    out: ChildStdout,
    stall: Duration,
    media: Duration,
) -> Result<(), JobError> {
    let mut lines = FramedRead::new(out, LinesCodec::new_with_max_length(LINE));
    let mut seen = Seen::default();
    loop {
        let moved = async {
            while let Some(line) = lines.next().await {
                let line =
                    line.map_err(|error| JobError::Retry(format!("ffmpeg's report: {error}")))?;
                if seen.take(&line) {
                    return Ok(true);
                }
            }
            Ok::<_, JobError>(false)
        };
        match timeout(stall, moved).await {
            Err(_) => return Err(stalled(stall)),
            Ok(Ok(false)) => return Ok(()),
            Ok(Ok(true)) => {
                virga_app::fail::point("job.mid-ffmpeg");
                session
                    .lease
                    .report(session.share.permille(seen.permille(media)));
            }
            Ok(Err(error)) => return Err(error),
        }
    }
}

/// What the last report said.
#[derive(Debug, Default)]
struct Seen {
    micros: u64,
    frames: u64,
}

impl Seen {
    /// Takes a `name=value` line; whether it shows that something moved.
    fn take(&mut self, line: &str) -> bool {
        let Some((name, value)) = line.split_once('=') else {
            return false;
        };
        let Ok(value) = value.trim().parse::<u64>() else {
            return false;
        };
        let last = match name {
            "out_time_us" => &mut self.micros,
            "frame" => &mut self.frames,
            _ => return false,
        };
        std::mem::replace(last, value) != value
    }

    /// Thousandths of `media`, short of the last few that packaging takes.
    fn permille(&self, media: Duration) -> i32 {
        let whole = media.as_micros().max(1);
        let done = u128::from(self.micros) * 1000 / whole;
        i32::try_from(done.min(970)).unwrap_or(0)
    }
}

/// Keeps the last of what it complains about.
async fn complaints(err: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut err) = err else { return };
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = err.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        if kept.len() > COMPLAINTS {
            kept.drain(..kept.len() - COMPLAINTS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_off_the_report() {
        let mut seen = Seen::default();
        assert!(!seen.take("out_time_us=N/A"));
        assert!(seen.take("frame=12"));
        assert!(seen.take("out_time_us=1500000"));
        assert!(!seen.take("out_time_us=1500000"), "nothing moved");
        assert!(!seen.take("progress=continue"));
        assert_eq!(seen.permille(Duration::from_secs(3)), 500);
        assert_eq!(seen.permille(Duration::ZERO), 970);
    }

    #[tokio::test]
    async fn complaints_are_bounded_and_the_last_are_kept() {
        let mut noise = vec![b'x'; 3 * COMPLAINTS];
        noise.extend_from_slice(b"the end");
        let mut kept = Vec::new();
        complaints(Some(&noise[..]), &mut kept).await;
        assert_eq!(kept.len(), COMPLAINTS);
        assert!(kept.ends_with(b"the end"));
    }
}
