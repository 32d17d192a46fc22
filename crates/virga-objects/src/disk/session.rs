//! Multipart sessions on disk, from their beginning to their end.
//!
//! A part is stored exactly while its marker exists. The writer of a part holds a shared lock on
//! `data` and an exclusive one on the part; a completion holds the exclusive lock on `data`.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use virga_core::{Timestamp, UploadId, wire::HeldPart};

use super::{
    durable::{self, sync_dir},
    layout::{DATA, FOLDER, GONE, MARKER, PLAN, failed, folder, in_session, plan, read_marker},
};
use crate::{HeldParts, Result, UploadPlan, UploadSession};

pub(super) fn create(root: &Path, id: UploadId, wanted: &UploadPlan) -> Result<()> {
    let own = folder(root, id);
    if own.exists() {
        return plan(root, id)?.check_same(wanted);
    }
    let fresh = root
        .join(FOLDER)
        .join(format!(".new-{id}-{}", durable::fresh_name()));
    fs::create_dir(&fresh).map_err(failed)?;
    let made = fill(&fresh, wanted)
        .and_then(|()| fs::rename(&fresh, &own).map_err(failed))
        .and_then(|()| sync_dir(&root.join(FOLDER)).map_err(failed));
    if let Err(error) = made {
        let _ = fs::remove_dir_all(&fresh);
        // Someone else made it in the same moment.
        return if own.exists() {
            plan(root, id)?.check_same(wanted)
        } else {
            Err(error)
        };
    }
    Ok(())
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
        let Some(part) = read_marker(&text)
            .filter(|part| part.number == number && plan.has_part(number, part.size))
        else {
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
    name.to_str()?.strip_suffix(MARKER)?.parse().ok()
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

/// An open session as it is now.
pub(super) fn look(root: &Path, id: UploadId) -> Result<UploadSession> {
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
