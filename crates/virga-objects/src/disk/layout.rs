//! Where a multipart session's files are: `.multipart/{upload}/` with `session.json` (what it
//! becomes), `data` (one sparse file of the full size), and for each part `N.part` (its marker:
//! number, size, SHA-256) and `N.lock`.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use virga_core::{UploadId, wire::HeldPart};

use crate::{ObjectError, Result, UploadPlan};

/// Where sessions are below the root.
pub(super) const FOLDER: &str = ".multipart";
/// Prefix of finished sessions; safe to delete.
pub(super) const GONE: &str = ".gone-";
/// The sparse file in a session's folder.
pub(super) const DATA: &str = "data";
/// The session's plan.
pub(super) const PLAN: &str = "session.json";
/// Is there once parts are read: what is held stays as it is.
pub(super) const FROZEN: &str = "frozen";
/// How markers end.
pub(super) const MARKER: &str = ".part";
/// How often a lock that another holds is tried again.
pub(super) const RETRY: std::time::Duration = std::time::Duration::from_millis(20);

pub(super) fn failed(error: io::Error) -> ObjectError {
    ObjectError::io("keep a multipart session", error)
}

pub(super) fn folder(root: &Path, id: UploadId) -> PathBuf {
    root.join(FOLDER).join(id.as_str())
}

/// A step in a session's folder that fails as "no session" when the folder is gone.
pub(super) fn in_session<T>(id: UploadId, done: io::Result<T>) -> Result<T> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(ObjectError::NoSession(id.to_string()))
        }
        done => done.map_err(failed),
    }
}

pub(super) fn plan(root: &Path, id: UploadId) -> Result<UploadPlan> {
    let text = in_session(id, fs::read(folder(root, id).join(PLAN)))?;
    serde_json::from_slice(&text).map_err(|error| failed(io::Error::other(error)))
}

/// The marker of a part in a session's folder.
pub(super) fn marker(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number}{MARKER}"))
}

/// Whether an open file still is the session's data: complete and abort take the name away.
pub(super) fn is_current(root: &Path, id: UploadId, data: &File) -> Result<bool> {
    let open = data.metadata().map_err(failed)?;
    match fs::metadata(folder(root, id).join(DATA)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        named => {
            let named = named.map_err(failed)?;
            Ok((named.dev(), named.ino()) == (open.dev(), open.ino()))
        }
    }
}

/// Reads a marker: `number size sha256`.
pub(super) fn read_marker(text: &str) -> Option<HeldPart> {
    let mut words = text.strip_suffix('\n')?.split(' ');
    let part = HeldPart {
        number: words.next()?.parse().ok()?,
        size: words.next()?.parse().ok()?,
        sha256: words.next().filter(|sha| sha.len() == 64).map(Into::into),
    };
    (part.sha256.is_some() && words.next().is_none()).then_some(part)
}
