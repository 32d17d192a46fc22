//! Writing, linking and removing objects.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use virga_core::MediaKey;

use async_trait::async_trait;
use bytes::Bytes;

use super::durable::{self, Scratch, blocking, sync_dir};
use crate::{ObjectError, ObjectWriter, Result};

/// Bytes gathered before a writer goes to the disk.
const BATCH: usize = 512 * 1024;

fn failed_write(error: io::Error) -> ObjectError {
    ObjectError::io("write an object", error)
}

pub(super) fn put(root: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    let mut scratch = Scratch::open(root)?;
    scratch.file.write_all(bytes).map_err(failed_write)?;
    scratch.place(root, path)
}

pub(super) fn put_file(root: &Path, path: &Path, from: &Path) -> Result<()> {
    let mut file =
        File::open(from).map_err(|error| ObjectError::io("open a scratch file", error))?;
    file.sync_all()
        .map_err(|error| ObjectError::io("sync a scratch file", error))?;
    match durable::place(root, from, path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        Err(error) => return Err(ObjectError::io("name an object", error)),
    }
    let mut scratch = Scratch::open(root)?;
    io::copy(&mut file, &mut scratch.file).map_err(failed_write)?;
    scratch.place(root, path)?;
    fs::remove_file(from).map_err(|error| ObjectError::io("remove a scratch file", error))
}

pub(super) fn link(from: &Path, key: &MediaKey, to: &Path) -> Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => fs::copy(from, to)
            .map(|_| ())
            .map_err(|error| ObjectError::of_object(key.as_str(), "copy an object", error)),
        Err(error) => Err(ObjectError::of_object(
            key.as_str(),
            "link an object",
            error,
        )),
    }
}

pub(super) fn delete(root: &Path, path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ObjectError::io("remove an object", error)),
        Ok(()) => {}
    }
    prune(root, path.parent().unwrap_or(root))
}

/// Removes folders that became empty, up to `v`, and syncs where a name went.
fn prune(root: &Path, folder: &Path) -> Result<()> {
    let top = root.join("v");
    let mut folder = folder;
    while folder != top && fs::remove_dir(folder).is_ok() {
        folder = folder.parent().unwrap_or(&top);
    }
    match sync_dir(folder) {
        // Another writer removed the folder in the meantime, and syncs that.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        synced => synced.map_err(|error| ObjectError::io("sync a folder", error)),
    }
}

pub(super) fn delete_folder(root: &Path, folder: &Path) -> Result<u64> {
    let removed = remove_below(folder)?;
    let top = root.join("v");
    if folder != top {
        prune(root, folder)?;
    }
    Ok(removed)
}

fn remove_below(folder: &Path) -> Result<u64> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let failed = |error| ObjectError::io("remove a folder", error);
    let entries = match fs::read_dir(folder) {
        Err(error) if gone(&error) => return Ok(0),
        entries => entries.map_err(failed)?,
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            removed += remove_below(&entry.path())?;
            match fs::remove_dir(entry.path()) {
                Err(error) if !gone(&error) => return Err(failed(error)),
                _ => {}
            }
        } else {
            match fs::remove_file(entry.path()) {
                Err(error) if !gone(&error) => return Err(failed(error)),
                _ => removed += 1,
            }
        }
    }
    Ok(removed)
}

pub(super) fn check(root: &Path) -> Result<()> {
    let mut scratch = Scratch::open(root)?;
    scratch.file.write_all(b"virga").map_err(failed_write)?;
    scratch.file.sync_all().map_err(failed_write)
}

/// A streaming write; small pieces are gathered.
#[derive(Debug)]
pub(super) struct DiskWriter {
    root: Arc<Path>,
    path: PathBuf,
    // None only after a write failed: there is nothing left to commit then.
    scratch: Option<Scratch>,
    gathered: Vec<Bytes>,
    waiting: usize,
    size: u64,
}

impl DiskWriter {
    pub(super) fn open(root: Arc<Path>, path: PathBuf) -> Result<Self> {
        let scratch = Some(Scratch::open(&root)?);
        Ok(Self {
            root,
            path,
            scratch,
            gathered: Vec::new(),
            waiting: 0,
            size: 0,
        })
    }

    async fn flush(&mut self) -> Result<Scratch> {
        let broken = || failed_write(io::Error::other("an earlier write failed"));
        let mut scratch = self.scratch.take().ok_or_else(broken)?;
        let batch = std::mem::take(&mut self.gathered);
        self.waiting = 0;
        blocking(move || {
            for bytes in batch {
                scratch.file.write_all(&bytes).map_err(failed_write)?;
            }
            Ok(scratch)
        })
        .await
    }
}

#[async_trait]
impl ObjectWriter for DiskWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.size += bytes.len() as u64;
        self.waiting += bytes.len();
        self.gathered.push(bytes);
        if self.waiting >= BATCH {
            self.scratch = Some(self.flush().await?);
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<u64> {
        let scratch = self.flush().await?;
        let (root, path, size) = (Arc::clone(&self.root), self.path.clone(), self.size);
        blocking(move || scratch.place(&root, &path)).await?;
        Ok(size)
    }
}
