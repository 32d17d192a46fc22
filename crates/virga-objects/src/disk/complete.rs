//! Making a session an object: one rename under the exclusive lock, whatever the file's size.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, sleep};
use virga_core::{UploadId, fail};

use super::{
    DiskOptions,
    durable::{blocking, place, try_lock},
    layout::{self, DATA, RETRY, failed, folder, in_session},
    session,
};
use crate::{ObjectError, Result, UploadPlan};

/// Time that a finished upload's first viewers have the disk to themselves.
const QUIET: Duration = Duration::from_secs(5);

/// Completes the session, waiting for parts in flight.
pub(super) async fn run(
    root: Arc<Path>,
    options: DiskOptions,
    id: UploadId,
    plan: &UploadPlan,
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
    if !layout::is_current(root, id, &data)? {
        return completed_before(root, id, plan);
    }
    layout::plan(root, id)?.check_same(plan)?;
    let held = session::held(root, id, plan)?;
    plan.check_whole(&held.parts.iter().map(|part| part.number).collect())?;
    if data.metadata().map_err(failed)?.len() != plan.total {
        return Err(ObjectError::LostParts);
    }
    data.sync_all().map_err(failed)?;
    // Opened before the rename: a second completion at the same time may remove the name.
    let own = in_session(id, File::open(&folder))?;
    fail::point("complete.before-rename");
    place(root, &folder.join(DATA), &root.join(plan.key.as_str()))
        .map_err(|error| ObjectError::io("name an object", error))?;
    own.sync_all().map_err(failed)?;
    fail::point("complete.after-rename");
    Ok(Attempt::Done(session::retire(root, id)?))
}

/// The session's data is gone: either this was done before, or the parts are lost.
fn completed_before(root: &Path, id: UploadId, plan: &UploadPlan) -> Result<Attempt> {
    let size = fs::metadata(root.join(plan.key.as_str())).map(|metadata| metadata.len());
    if !matches!(size, Ok(size) if size == plan.total) {
        return Err(ObjectError::LostParts);
    }
    Ok(Attempt::Done(session::retire(root, id)?))
}
