//! Multipart sessions on disk: `.multipart/{upload}/` with `session.json` (what it becomes),
//! `data` (one sparse file of the full size), and for each part `N.part` (its marker: number, size,
//! SHA-256) and `N.lock`.
//!
//! A part is stored exactly while its marker exists. The writer of a part holds a shared lock on
//! `data` and an exclusive one on the part; a completion holds the exclusive lock on `data`.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use serde::{Deserialize, Serialize};
use virga_core::{
    MediaKey, Timestamp, UploadId,
    upload::{PartSpan, part_span},
    wire::HeldPart,
};

use super::{
    DiskStore, blocking, complete,
    durable::{self, sync_dir},
    listing, part,
};
use crate::{HeldParts, Incoming, MultipartSessions, ObjectError, Result, UploadSession};

/// Where sessions lie below the root.
pub(super) const FOLDER: &str = ".multipart";
/// Prefix of finished sessions; safe to delete.
const GONE: &str = ".gone-";
/// The sparse file in a session's folder.
pub(super) const DATA: &str = "data";
const PLAN: &str = "session.json";

pub(super) fn failed(error: io::Error) -> ObjectError {
    ObjectError::io("keep a multipart session", error)
}

/// The purpose of a session, as `session.json` stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UploadPlan {
    pub(super) key: MediaKey,
    pub(super) total: u64,
    pub(super) part_size: u64,
}

pub(super) fn folder(root: &Path, id: UploadId) -> PathBuf {
    root.join(FOLDER).join(id.as_str())
}

fn missing(id: UploadId) -> ObjectError {
    ObjectError::NoSession(id.to_string())
}

/// A step in a session's folder that fails as "no session" when the folder is gone.
pub(super) fn in_session<T>(id: UploadId, done: io::Result<T>) -> Result<T> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing(id)),
        done => done.map_err(failed),
    }
}

pub(super) fn plan(root: &Path, id: UploadId) -> Result<UploadPlan> {
    let text = in_session(id, fs::read(folder(root, id).join(PLAN)))?;
    serde_json::from_slice(&text).map_err(|error| failed(io::Error::other(error)))
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

fn create(root: &Path, id: UploadId, plan: &UploadPlan) -> Result<()> {
    let own = folder(root, id);
    if own.exists() {
        return settle(root, id, plan);
    }
    let fresh = root
        .join(FOLDER)
        .join(format!(".new-{id}-{}", durable::fresh_name()));
    fs::create_dir(&fresh).map_err(failed)?;
    let made = fill(&fresh, plan)
        .and_then(|()| fs::rename(&fresh, &own).map_err(failed))
        .and_then(|()| sync_dir(&root.join(FOLDER)).map_err(failed));
    if let Err(error) = made {
        let _ = fs::remove_dir_all(&fresh);
        // Someone else made it in the same moment.
        return if own.exists() {
            settle(root, id, plan)
        } else {
            Err(error)
        };
    }
    Ok(())
}

fn settle(root: &Path, id: UploadId, wanted: &UploadPlan) -> Result<()> {
    if plan(root, id)? == *wanted {
        Ok(())
    } else {
        Err(ObjectError::Conflict(
            "the session is open for another file",
        ))
    }
}

fn fill(folder: &Path, plan: &UploadPlan) -> Result<()> {
    let data = File::create(folder.join(DATA)).map_err(failed)?;
    data.set_len(plan.total).map_err(failed)?;
    data.sync_all().map_err(failed)?;
    let text = serde_json::to_vec(plan).map_err(|error| failed(io::Error::other(error)))?;
    let mut file = File::create(folder.join(PLAN)).map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    sync_dir(folder).map_err(failed)
}

/// Reads the markers. One that cannot be read, or names another size than the plan, counts as none.
pub(super) fn held(root: &Path, id: UploadId, plan: &UploadPlan) -> Result<HeldParts> {
    let mut held = HeldParts::default();
    for entry in in_session(id, fs::read_dir(folder(root, id)))? {
        let entry = entry.map_err(failed)?;
        let Some(number) = marked(&entry) else {
            continue;
        };
        let Ok(text) = fs::read_to_string(entry.path()) else {
            continue;
        };
        let span = part_span(number, plan.total, plan.part_size);
        let Some(part) = part::read_marker(&text).filter(|part| {
            part.number == number && span.is_some_and(|span| span.size == part.size)
        }) else {
            continue;
        };
        if let Ok(metadata) = entry.metadata() {
            held.newest = held.newest.max(Some(durable::modified(&metadata)));
        }
        held.parts.push(part);
    }
    held.parts
        .sort_unstable_by_key(|part: &HeldPart| part.number);
    Ok(held)
}

fn marked(entry: &fs::DirEntry) -> Option<u32> {
    let name = entry.file_name();
    name.to_str()?.strip_suffix(part::MARKER)?.parse().ok()
}

/// Takes the session's name away at once, then its files.
pub(super) fn remove(root: &Path, id: UploadId) -> Result<()> {
    match retire(root, id)? {
        Some(gone) => fs::remove_dir_all(gone).map_err(failed),
        None => Ok(()),
    }
}

/// Takes the session's name away; where its files are now, to be removed at leisure.
pub(super) fn retire(root: &Path, id: UploadId) -> Result<Option<PathBuf>> {
    let gone = root
        .join(FOLDER)
        .join(format!("{GONE}{id}-{}", durable::fresh_name()));
    match fs::rename(folder(root, id), &gone) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        renamed => renamed.map_err(failed)?,
    }
    sync_dir(&root.join(FOLDER)).map_err(failed)?;
    Ok(Some(gone))
}

/// Removes sessions that are over, and half-made ones from before `before`.
pub(super) fn remove_leftovers(root: &Path, before: Timestamp) -> Result<u64> {
    let mut removed = 0;
    for entry in fs::read_dir(root.join(FOLDER)).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        let old = || {
            entry
                .metadata()
                .is_ok_and(|metadata| durable::modified(&metadata) < before)
        };
        let left = name.starts_with(GONE) || (name.starts_with('.') && old());
        if left && fs::remove_dir_all(entry.path()).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

fn opened(root: &Path, id: UploadId) -> Result<UploadSession> {
    let plan = plan(root, id)?;
    let made = in_session(id, fs::metadata(folder(root, id).join(PLAN)))?;
    let newest = held(root, id, &plan)?.newest;
    Ok(UploadSession {
        id,
        key: plan.key,
        total: plan.total,
        part_size: plan.part_size,
        touched: newest.unwrap_or_default().max(durable::modified(&made)),
    })
}

impl MultipartSessions for DiskStore {
    fn least_part(&self) -> u64 {
        1
    }

    fn create<'a>(
        &'a self,
        id: UploadId,
        key: &'a MediaKey,
        total: u64,
        part_size: u64,
    ) -> BoxFuture<'a, Result<()>> {
        let root = Arc::clone(&self.root);
        let plan = UploadPlan {
            key: key.clone(),
            total,
            part_size,
        };
        blocking(move || create(&root, id, &plan)).boxed()
    }

    fn put_part<'a>(
        &'a self,
        id: UploadId,
        number: u32,
        span: PartSpan,
        body: Incoming<'a>,
    ) -> BoxFuture<'a, Result<String>> {
        part::put(Arc::clone(&self.root), self.options, id, number, span, body).boxed()
    }

    fn list_parts(&self, id: UploadId) -> BoxFuture<'_, Result<HeldParts>> {
        let root = Arc::clone(&self.root);
        blocking(move || held(&root, id, &plan(&root, id)?)).boxed()
    }

    fn complete<'a>(
        &'a self,
        id: UploadId,
        key: &'a MediaKey,
        total: u64,
        part_size: u64,
    ) -> BoxFuture<'a, Result<()>> {
        let plan = UploadPlan {
            key: key.clone(),
            total,
            part_size,
        };
        complete::run(Arc::clone(&self.root), self.options, id, plan).boxed()
    }

    fn abort(&self, id: UploadId) -> BoxFuture<'_, Result<()>> {
        let root = Arc::clone(&self.root);
        blocking(move || remove(&root, id)).boxed()
    }

    fn list_sessions(&self) -> BoxStream<'static, Result<UploadSession>> {
        let root = Arc::clone(&self.root);
        listing::walk(move |sender| {
            for entry in fs::read_dir(root.join(FOLDER)).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let name = entry.file_name();
                let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
                    continue;
                };
                match opened(&root, id) {
                    Err(ObjectError::NoSession(_)) => {}
                    session => {
                        if sender.blocking_send(session).is_err() {
                            break;
                        }
                    }
                }
            }
            Ok(())
        })
        .boxed()
    }
}
