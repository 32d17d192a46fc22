//! Work in progress on the local disk: one folder a try, made fresh and removed at its end.

use std::{
    fs, io,
    path::{Path, PathBuf},
};
use virga_core::Code;

use virga_db::jobs;

use crate::{Dispatcher, ffmpeg::INPUT, job_result::JobError, work::Work};

/// A try's folder: the input, and a folder that ffmpeg may write to. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    root: PathBuf,
    output: PathBuf,
}

impl Scratch {
    /// Makes the folder, if the disk has room for `need` bytes.
    pub(crate) fn open(work: &Work<'_>, need: u64) -> Result<Self, JobError> {
        let root = &work.dispatcher.scratch;
        prepare(root)?;
        require(work, need)?;
        let root = root.join(format!("{}-{}", work.job.id, work.attempt()));
        if let Err(error) = fs::remove_dir_all(&root)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error.into());
        }
        let output = root.join("out");
        fs::create_dir(&root)?;
        fs::create_dir(&output)?;
        Ok(Self { root, output })
    }

    /// Where ffmpeg works.
    pub(crate) fn folder(&self) -> &Path {
        &self.output
    }

    /// Where its input belongs.
    pub(crate) fn input(&self) -> PathBuf {
        self.output.join(INPUT)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.root) {
            tracing::warn!(%error, folder = %self.root.display(), "scratch not removed");
        }
    }
}

/// Whether the disk has room for `need` bytes more, and the reserve.
pub(crate) fn require(work: &Work<'_>, need: u64) -> Result<(), JobError> {
    let (free, total) = disk(&work.dispatcher.scratch)?;
    let reserve = work.config().limits.scratch_reserve;
    if free >= need.saturating_add(reserve) {
        return Ok(());
    }
    if need.saturating_add(reserve) > total {
        let why = "This file is too large for the temporary disk space of this site.";
        return Err(JobError::fail(Code::ScratchTooSmall, why));
    }
    let (need, free) = (need.div_ceil(1 << 20), free >> 20);
    Err(JobError::NoRoom(format!(
        "the scratch disk has {free} MiB left and this job needs {need} MiB"
    )))
}

/// Makes the folder of all tries.
pub(crate) fn prepare(root: &Path) -> io::Result<()> {
    fs::create_dir_all(root)
}

/// Free and total bytes of the disk of `folder`.
pub(crate) fn disk(folder: &Path) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::statvfs(folder)?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Ok((bytes(stat.f_bavail), bytes(stat.f_blocks)))
}

/// Removes what dead workers left: folders of tries that nobody holds.
pub(crate) async fn clean(dispatcher: &Dispatcher) -> Result<(), JobError> {
    let now = dispatcher.app.clock.now();
    for entry in fs::read_dir(&dispatcher.scratch)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((job, fence)) = name.to_str().and_then(parse) else {
            continue;
        };
        if !jobs::is_held(dispatcher.app.db.read(), job, fence, now).await? {
            tracing::info!(folder = %entry.path().display(), "removing stale scratch");
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn parse(name: &str) -> Option<(i64, i64)> {
    let (job, fence) = name.split_once('-')?;
    Some((job.parse().ok()?, fence.parse().ok()?))
}
