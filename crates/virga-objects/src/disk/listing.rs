//! Walking folders as a stream, and sweeping what broken-off writes left.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use virga_core::{MediaKey, Timestamp};

use super::{durable, layout, session};
use crate::{Listed, ObjectError, ObjectListing, ObjectStat, Result, UploadSession};

/// Entries that wait for a slow reader.
const AHEAD: usize = 256;

fn failed(error: io::Error) -> ObjectError {
    ObjectError::io("list a folder", error)
}

/// Runs a walk on a blocking thread; it ends early when the stream is dropped.
pub(super) fn walk<T: Send + 'static>(
    walk: impl FnOnce(&mpsc::Sender<Result<T>>) -> Result<()> + Send + 'static,
) -> stream::BoxStream<'static, Result<T>> {
    let start = async move {
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = walk(&sender) {
                let _ = sender.blocking_send(Err(error));
            }
        });
        stream::unfold(receiver, |mut receiver| async move {
            Some((receiver.recv().await?, receiver))
        })
    };
    stream::once(start).flatten().boxed()
}

pub(super) fn objects(root: Arc<Path>, folder: std::path::PathBuf) -> ObjectListing {
    walk(move |sender| {
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(failed)?,
            };
            for entry in entries {
                let entry = entry.map_err(failed)?;
                if entry.file_type().map_err(failed)?.is_dir() {
                    folders.push(entry.path());
                } else if let Some(listed) = listed(&root, &entry)?
                    && sender.blocking_send(Ok(listed)).is_err()
                {
                    return Ok(());
                }
            }
        }
        Ok(())
    })
}

/// Sends all open sessions.
pub(super) fn sessions(root: &Path, sender: &mpsc::Sender<Result<UploadSession>>) -> Result<()> {
    for entry in fs::read_dir(root.join(layout::FOLDER)).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match session::look(root, id) {
            Err(ObjectError::NoSession(_)) => {}
            session => {
                if sender.blocking_send(session).is_err() {
                    break;
                }
            }
        }
    }
    Ok(())
}

fn listed(root: &Path, entry: &fs::DirEntry) -> Result<Option<Listed>> {
    let path = entry.path();
    let key = path
        .strip_prefix(root)
        .ok()
        .and_then(Path::to_str)
        .and_then(|text| MediaKey::parse(text).ok());
    let Some(key) = key else {
        tracing::warn!(path = %path.display(), "a file in the store is not an object");
        return Ok(None);
    };
    let metadata = match entry.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(failed)?,
    };
    Ok(Some(Listed {
        key,
        stat: ObjectStat {
            size: metadata.len(),
            modified: durable::modified(&metadata),
        },
    }))
}

pub(super) fn remove_leftovers(root: &Path, before: Timestamp) -> Result<u64> {
    let mut removed = session::remove_leftovers(root, before)?;
    for entry in fs::read_dir(root.join(durable::SCRATCH)).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(file) = File::open(entry.path()) else {
            continue;
        };
        let old = durable::modified(&file.metadata().map_err(failed)?) < before;
        // A live writer holds the lock; the lock of a dead one went with it.
        if old && durable::try_lock(&file, true)? {
            fs::remove_file(entry.path()).map_err(failed)?;
            removed += 1;
        }
    }
    Ok(removed)
}
