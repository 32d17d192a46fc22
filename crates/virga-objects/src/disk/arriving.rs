//! Reading an upload before it is an object. What is read must stay: once a session is frozen, a part that
//! is held is not written again.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use virga_core::UploadId;

use super::{
    durable::sync_dir,
    layout::{self, DATA, FROZEN, failed, folder, in_session, marker},
};
use crate::{ObjectError, Piece, Result};

/// The session's parts are read from now on.
pub(super) fn freeze(root: &Path, id: UploadId) -> Result<()> {
    let folder = folder(root, id);
    in_session(id, File::create(folder.join(FROZEN)))?;
    in_session(id, sync_dir(&folder))
}

/// Whether the session is frozen.
pub(super) fn is_frozen(folder: &Path) -> Result<bool> {
    match fs::metadata(folder.join(FROZEN)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

pub(super) fn completes_early(root: &Path, id: UploadId, number: u32) -> Result<bool> {
    let plan = layout::plan(root, id)?;
    let early = plan.early_parts();
    if !early.contains(&number) {
        return Ok(false);
    }
    for number in early {
        if !is_held(root, id, number)? {
            return Ok(false);
        }
    }
    // Of a file that is whole there is nothing to watch before.
    Ok(in_order(root, id, 0)? < plan.total)
}

/// Bytes that stand from the first on, looked for from the last known ones on.
pub(super) fn in_order(root: &Path, id: UploadId, known: u64) -> Result<u64> {
    let plan = layout::plan(root, id)?;
    let whole = known / plan.part_size.max(1);
    let mut number = u32::try_from(whole).unwrap_or(u32::MAX);
    let mut held = whole * plan.part_size;
    while let Some(span) = plan.span(number.saturating_add(1)) {
        number += 1;
        if !is_held(root, id, number)? {
            break;
        }
        held = span.offset + span.size;
    }
    Ok(held)
}

/// The session's file, if it holds all of these stretches.
pub(super) fn open(root: &Path, id: UploadId, pieces: &[Piece]) -> Result<File> {
    let plan = layout::plan(root, id)?;
    let size = plan.total;
    let parts = plan.parts_of(pieces);
    let parts = parts.ok_or(ObjectError::OutOfRange { size })?;
    let file = in_session(id, File::open(folder(root, id).join(DATA)))?;
    let mut missing = Vec::new();
    for number in parts {
        if !is_held(root, id, number)? {
            missing.push(number);
        }
    }
    if missing.is_empty() {
        Ok(file)
    } else {
        Err(ObjectError::PartsMissing(missing))
    }
}

/// Whether a part is held. The session may be over in the same moment; then it says so.
fn is_held(root: &Path, id: UploadId, number: u32) -> Result<bool> {
    let folder = folder(root, id);
    match fs::metadata(marker(&folder, number)) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            in_session(id, fs::metadata(folder))?;
            Ok(false)
        }
        Err(error) => Err(failed(error)),
    }
}
