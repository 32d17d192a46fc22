//! Taking one part in. Bytes go to their place in the sparse file while the next ones arrive and
//! are hashed on the way; the marker is written last, when they are on the disk.
//!
//! Every step on the disk is a short hop to a blocking thread: a slow sender holds a lock, never a
//! thread.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IoSlice, Write},
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use virga_core::{UploadId, fail, keys::hex, upload::PartSpan};

use super::{
    DiskOptions,
    arriving::is_frozen,
    durable::{blocking, sync_dir, try_lock},
    layout::{self, DATA, RETRY, failed, folder, in_session, read_marker},
};
use crate::{Incoming, ObjectError, Result};

/// Bytes gathered before a hop to the disk.
const BATCH: usize = 1024 * 1024;
/// The most that one call writes (`IOV_MAX`).
const MOST_SLICES: usize = 1024;

/// A part being written, with its locks; dropping it gives them back.
struct OpenPart {
    folder: PathBuf,
    id: UploadId,
    number: u32,
    span: PartSpan,
    data: File,
    _lock: File,
    hash: Sha256,
    written: u64,
    /// The digest of what is held, where that stays: the bytes that come are compared with it, not written.
    stays: Option<String>,
}

/// Opens a part for writing and takes away its old marker; `None` while another writes it.
fn open(root: &Path, id: UploadId, number: u32, span: PartSpan) -> Result<Option<OpenPart>> {
    layout::plan(root, id)?.check_span(number, span)?;
    let folder = folder(root, id);
    let data = OpenOptions::new()
        .read(true)
        .write(true)
        .open(folder.join(DATA));
    let data = in_session(id, data)?;
    if !try_lock(&data, false)? {
        return Err(ObjectError::Conflict("the upload is being completed"));
    }
    // The lock is worth something only if complete has not renamed the file before we had it.
    if !layout::is_current(root, id, &data)? {
        return Err(ObjectError::NoSession(id.to_string()));
    }
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(format!("{number}.lock")));
    let lock = in_session(id, lock)?;
    if !try_lock(&lock, true)? {
        return Ok(None);
    }
    let stays = give_up(&folder, id, number)?;
    Ok(Some(OpenPart {
        folder,
        id,
        number,
        span,
        data,
        _lock: lock,
        hash: Sha256::new(),
        written: 0,
        stays,
    }))
}

/// Takes a part's marker away, unless the session is frozen: then what is held stays, and its digest is
/// answered.
fn give_up(folder: &Path, id: UploadId, number: u32) -> Result<Option<String>> {
    let path = layout::marker(folder, number);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // One that cannot be read counts as none.
        read => read.unwrap_or_default(),
    };
    let held = read_marker(&text).and_then(|part| part.sha256);
    if held.is_some() && is_frozen(folder)? {
        return Ok(held);
    }
    fs::remove_file(&path).map_err(failed)?;
    sync_dir(folder).map_err(failed)?;
    // Whoever froze the session before it was gone may have seen it, and reads the part.
    if held.is_some() && is_frozen(folder)? {
        mark(folder, id, number, &text)?;
        return Ok(held);
    }
    Ok(None)
}

/// Says that a part is held.
fn mark(folder: &Path, id: UploadId, number: u32, text: &str) -> Result<()> {
    let fresh = folder.join(format!("{number}.new"));
    let mut file = in_session(id, File::create(&fresh))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| ObjectError::io("mark a part", error))?;
    in_session(id, fs::rename(&fresh, layout::marker(folder, number)))?;
    in_session(id, sync_dir(folder))
}

impl OpenPart {
    fn write(mut self, batch: &[Bytes]) -> Result<Self> {
        let size: usize = batch.iter().map(Bytes::len).sum();
        for bytes in batch {
            self.hash.update(bytes);
        }
        if self.stays.is_some() {
            return Ok(self);
        }
        let at = self.span.offset + self.written;
        if let Err(error) = write_all(&self.data, batch, at) {
            self.give_back();
            return Err(ObjectError::io("write a part", error));
        }
        self.written += size as u64;
        self.start_writing_out(size as u64);
        fail::point("part.mid");
        Ok(self)
    }

    /// Has the system write the last batch out while the next is hashed. The advice means "start
    /// writing, then forget what is clean": what was just written is dirty and stays cached.
    fn start_writing_out(&self, last: u64) {
        // Without a length it would mean the rest of the file.
        if let Some(length) = NonZeroU64::new(last) {
            let from = self.span.offset + self.written - last;
            let advice = rustix::fs::Advice::DontNeed;
            let _ = rustix::fs::fadvise(&self.data, from, Some(length), advice);
        }
    }

    /// Frees the blocks of a part that found no room, so that what is held can still be completed.
    fn give_back(&self) {
        use rustix::fs::FallocateFlags;
        let _ = rustix::fs::fallocate(
            &self.data,
            FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            self.span.offset,
            self.span.size,
        );
        // A journal gives blocks back only when it commits.
        let _ = self.data.sync_all();
    }

    /// Syncs the bytes, then says that they are held.
    fn finish(self) -> Result<String> {
        let sha256 = hex(&self.hash.clone().finalize());
        if let Some(held) = &self.stays {
            return if *held == sha256 {
                Ok(sha256)
            } else {
                Err(ObjectError::Frozen)
            };
        }
        if let Err(error) = fail::full("part.sync").and_then(|()| self.data.sync_data()) {
            self.give_back();
            return Err(ObjectError::io("sync a part", error));
        }
        fail::point("part.before-marker");
        let text = format!("{} {} {sha256}\n", self.number, self.span.size);
        mark(&self.folder, self.id, self.number, &text)?;
        Ok(sha256)
    }
}

/// Writes a batch in as few calls as the system allows: each call takes the file's lock, for which
/// parts that are written in parallel compete.
fn write_all(file: &File, batch: &[Bytes], mut offset: u64) -> io::Result<()> {
    fail::full("part.write")?;
    for batch in batch.chunks(MOST_SLICES) {
        let mut slices: Vec<IoSlice<'_>> = batch.iter().map(|bytes| IoSlice::new(bytes)).collect();
        let mut left = &mut slices[..];
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let written = match rustix::io::pwritev(file, left, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            offset += written as u64;
            IoSlice::advance_slices(&mut left, written);
        }
    }
    Ok(())
}

/// Waits for the lock, takes the body in, marks the part.
pub(super) async fn put(
    root: Arc<Path>,
    options: DiskOptions,
    id: UploadId,
    number: u32,
    span: PartSpan,
    mut body: Incoming<'_>,
) -> Result<String> {
    let until = Instant::now() + options.part_wait;
    let part = loop {
        let root = Arc::clone(&root);
        if let Some(part) = blocking(move || open(&root, id, number, span)).await? {
            break part;
        }
        if Instant::now() >= until {
            return Err(ObjectError::Conflict("the same part is being sent"));
        }
        sleep(RETRY).await;
    };
    let mut state = Writing::Idle(Box::new(part));
    let (mut batch, mut gathered, mut got) = (Vec::new(), 0, 0);
    loop {
        let next = timeout(options.stall, body.next()).await;
        let Some(bytes) = next.map_err(|_| ObjectError::Stalled)? else {
            break;
        };
        let bytes = bytes.map_err(ObjectError::Body)?;
        got += bytes.len() as u64;
        if got > span.size {
            return Err(ObjectError::BodyLong { want: span.size });
        }
        gathered += bytes.len();
        batch.push(bytes);
        if gathered >= BATCH {
            state = state.write(std::mem::take(&mut batch)).await?;
            gathered = 0;
        }
    }
    if got < span.size {
        return Err(ObjectError::BodyShort {
            got,
            want: span.size,
        });
    }
    let part = state.write(batch).await?.idle().await?;
    blocking(move || part.finish()).await
}

/// One batch is on its way to the disk while the next is gathered.
enum Writing {
    Idle(Box<OpenPart>),
    Busy(JoinHandle<Result<OpenPart>>),
}

impl Writing {
    async fn idle(self) -> Result<OpenPart> {
        match self {
            Self::Idle(part) => Ok(*part),
            Self::Busy(hop) => hop.await.map_err(|error| failed(io::Error::other(error)))?,
        }
    }

    async fn write(self, batch: Vec<Bytes>) -> Result<Self> {
        let part = self.idle().await?;
        Ok(Self::Busy(tokio::task::spawn_blocking(move || {
            part.write(&batch)
        })))
    }
}
