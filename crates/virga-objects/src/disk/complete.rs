//! Making a session an object: one rename under the exclusive lock, whatever the file's size.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, sleep};
use virga_core::{
    UploadId,
    upload::{part_count, part_span},
};

use super::{
    DiskOptions, blocking,
    durable::{place, try_lock},
    part::RETRY,
    session::{self, DATA, UploadPlan, failed, folder},
};
use crate::{ObjectError, Result};
use virga_core::fail;

/// Time that a finished upload's first viewers have the disk to themselves.
const QUIET: Duration = Duration::from_secs(5);

/// Completes the session, waiting for parts in flight.
pub(super) async fn run(
    root: Arc<Path>,
    options: DiskOptions,
    id: UploadId,
    plan: UploadPlan,
) -> Result<()> {
    let until = Instant::now() + options.complete_wait;
    loop {
        let (root, plan) = (Arc::clone(&root), plan.clone());
        match blocking(move || attempt(&root, id, &plan)).await? {
            Attempt::InFlight => {}
            Attempt::Done(gone) => {
                clear_later(gone);
                return Ok(());
            }
        }
        if Instant::now() >= until {
            return Err(ObjectError::Busy);
        }
        sleep(RETRY).await;
    }
}

/// How one look went.
enum Attempt {
    /// Parts are still coming in.
    InFlight,
    /// The object exists; the rest of the session is in this folder.
    Done(Option<PathBuf>),
}

/// Removes the markers of a large upload when nobody waits for it: hundreds of small files take a
/// second that the first viewer would feel. What a crash leaves, the sweeper removes.
fn clear_later(gone: Option<PathBuf>) {
    let Some(gone) = gone else { return };
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing is lost if a stop cuts it short"
    )]
    tokio::spawn(async move {
        sleep(QUIET).await;
        let removed = blocking(move || match fs::remove_dir_all(gone) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        })
        .await;
        if let Err(error) = removed {
            tracing::warn!(%error, "the rest of an upload was not removed");
        }
    });
}

fn attempt(root: &Path, id: UploadId, plan: &UploadPlan) -> Result<Attempt> {
    let folder = folder(root, id);
    let data = match File::open(folder.join(DATA)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return completed_before(root, id, plan);
        }
        data => data.map_err(failed)?,
    };
    if !try_lock(&data, true)? {
        return Ok(Attempt::InFlight);
    }
    if !session::is_current(root, id, &data)? {
        return completed_before(root, id, plan);
    }
    if session::plan(root, id)? != *plan {
        return Err(ObjectError::Conflict(
            "the session is open for another file",
        ));
    }
    check_parts(root, id, plan)?;
    if data.metadata().map_err(failed)?.len() != plan.total {
        return Err(ObjectError::LostParts);
    }
    data.sync_all().map_err(failed)?;
    // Opened before the rename: a second completion at the same time may remove the name.
    let own = session::in_session(id, File::open(&folder))?;
    fail::point("complete.before-rename");
    place(root, &folder.join(DATA), &root.join(plan.key.as_str()))
        .map_err(|error| ObjectError::io("name an object", error))?;
    own.sync_all().map_err(failed)?;
    fail::point("complete.after-rename");
    Ok(Attempt::Done(session::retire(root, id)?))
}

fn check_parts(root: &Path, id: UploadId, plan: &UploadPlan) -> Result<()> {
    let held = session::held(root, id, plan)?;
    let mut held = held.parts.iter().peekable();
    let missing: Vec<u32> = (1..=part_count(plan.total, plan.part_size))
        .filter(|number| {
            let size = part_span(*number, plan.total, plan.part_size).map(|span| span.size);
            held.next_if(|part| part.number == *number && Some(part.size) == size)
                .is_none()
        })
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(ObjectError::PartsMissing(missing))
    }
}

/// The session's data is gone: either this was done before, or the parts are lost.
fn completed_before(root: &Path, id: UploadId, plan: &UploadPlan) -> Result<Attempt> {
    let size = fs::metadata(root.join(plan.key.as_str())).map(|metadata| metadata.len());
    if !matches!(size, Ok(size) if size == plan.total) {
        return Err(ObjectError::LostParts);
    }
    Ok(Attempt::Done(session::retire(root, id)?))
}
