//! Steps that survive a power cut: folders, temporary files, renames, and the syncs that make them
//! last. A rename is durable only once the folder that holds the name is synced.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::fs::FlockOperation;
use virga_core::Timestamp;

use crate::{ObjectError, Result};

/// Where objects are.
pub(super) const OBJECTS: &str = "v";
/// Where files lie while they are written.
pub(super) const SCRATCH: &str = ".tmp";

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A name that no other write of this process has; `create_new` settles the rest.
pub(super) fn fresh_name() -> String {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{}-{count}", std::process::id())
}

/// Runs a step that blocks off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    step: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(step)
        .await
        .map_err(|error| ObjectError::io("run a step", std::io::Error::other(error)))?
}

/// Syncs a folder.
pub(super) fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder below `root` and syncs each folder that got a new name.
pub(super) fn make_dirs(root: &Path, folder: &Path) -> io::Result<()> {
    if folder == root || folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(root);
    make_dirs(root, parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_dir(parent),
    }
}

/// Renames `from` to an object's name `to` below `root`, durably. Tries again where someone removed the
/// empty folder in between. The folder of all objects is not made: in what an unmounted disk leaves behind
/// it would pass for an empty store.
pub(super) fn place(root: &Path, from: &Path, to: &Path) -> io::Result<()> {
    let objects = root.join(OBJECTS);
    let folder = to.parent().unwrap_or(root);
    let mut tries = 0;
    loop {
        let placed = make_dirs(&objects, folder).and_then(|()| fs::rename(from, to));
        match placed {
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < 3 && from.exists() => {
                tries += 1;
            }
            Err(error) => return Err(error),
            Ok(()) => return sync_dir(folder),
        }
    }
}

/// Takes a lock on an open file or says that another holds it. Locks belong to the open file, not
/// to the process, so two openings in one process keep each other out as well.
pub(super) fn try_lock(file: &File, exclusive: bool) -> Result<bool> {
    let how = if exclusive {
        FlockOperation::NonBlockingLockExclusive
    } else {
        FlockOperation::NonBlockingLockShared
    };
    match rustix::fs::flock(file, how) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(ObjectError::io("lock a file", error.into())),
    }
}

/// When a file was last written.
pub(super) fn modified(metadata: &fs::Metadata) -> Timestamp {
    Timestamp(
        metadata
            .mtime()
            .saturating_mul(1_000_000)
            .saturating_add(metadata.mtime_nsec() / 1000),
    )
}

/// A file on its way to becoming an object; removed on drop unless placed. It is locked while it
/// is open, so that the sweep can tell it from what a killed process left.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    pub(super) file: File,
    placed: bool,
}

impl Scratch {
    /// A fresh, empty one.
    pub(super) fn open(root: &Path) -> Result<Self> {
        loop {
            let path = root.join(SCRATCH).join(fresh_name());
            let opened = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path);
            match opened {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(ObjectError::io("open a temporary file", error)),
                Ok(file) => {
                    try_lock(&file, true)?;
                    return Ok(Self {
                        path,
                        file,
                        placed: false,
                    });
                }
            }
        }
    }

    /// Makes it durable and gives it its name.
    pub(super) fn place(mut self, root: &Path, to: &Path) -> Result<()> {
        self.file
            .sync_data()
            .map_err(|error| ObjectError::io("sync an object", error))?;
        place(root, &self.path, to).map_err(|error| {
            if root.join(OBJECTS).is_dir() {
                ObjectError::io("name an object", error)
            } else {
                ObjectError::Unmounted
            }
        })?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.placed {
            let _ = fs::remove_file(&self.path);
        }
    }
}
