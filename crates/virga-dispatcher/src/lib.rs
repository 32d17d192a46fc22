//! Workers: leases jobs from SQL, runs ffmpeg, writes objects, purges.
//!
//! A job works on scratch and objects only and answers with what is to be written; the lease loop
//! writes that in one transaction, by fence. Nothing of a job that was lost in between is seen.

mod config;
mod digests;
mod ffmpeg;
mod jobs;
mod lanes;
mod lease;
mod media;
mod outcome;
mod pack;
mod scratch;
mod scrub;
mod state;
mod work;

pub use config::{DispatcherConfig, LimitsConfig};
pub use ffmpeg::{Finding, Launcher, Layers, can_encode, check_programs, launch};
pub use state::Dispatcher;

use std::time::Duration;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How often the sweeper looks.
const SWEEP: Duration = Duration::from_secs(30);
/// Its rounds in an hour.
const HOUR: u64 = 120;

/// Leases and runs jobs and sweeps until `stop`; then gives back what it holds and returns. Meant
/// to run on a runtime of several threads, whose threads outlive the processes started from them.
pub async fn run(dispatcher: Dispatcher, stop: CancellationToken) {
    if let Err(error) = scratch::prepare(&dispatcher.scratch) {
        tracing::error!(%error, folder = %dispatcher.scratch.display(), "no scratch folder");
    }
    let tasks = TaskTracker::new();
    let sweep = sweep(dispatcher.clone(), stop.clone());
    // Without the sweeper nothing heals: its end is the process's.
    let vital = stop.clone().drop_guard();
    tasks.spawn(async move {
        sweep.await;
        drop(vital);
    });
    tasks.spawn(scrub::run(dispatcher.clone(), stop.clone()));
    lease::run(&dispatcher, &stop).await;
    tasks.close();
    tasks.wait().await;
}

async fn sweep(dispatcher: Dispatcher, stop: CancellationToken) {
    for count in 0_u64.. {
        let round = async {
            if let Err(error) = dispatcher.app.sweep().await {
                tracing::warn!(%error, "the sweeper failed");
            }
            seldom(&dispatcher, count).await;
            if let Err(error) = scratch::clean(&dispatcher).await {
                tracing::warn!(%error, "cleaning scratch failed");
            }
            tokio::time::sleep(SWEEP).await;
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = round => {}
        }
    }
}

/// What reads much and therefore is not part of each round.
async fn seldom(dispatcher: &Dispatcher, count: u64) {
    let app = &dispatcher.app;
    if count.is_multiple_of(HOUR)
        && let Err(error) = app.sweep_sessions().await
    {
        tracing::warn!(%error, "sweeping the store's uploads failed");
    }
    if count.is_multiple_of(HOUR)
        && let Err(error) = app.sweep_drafts().await
    {
        tracing::warn!(%error, "sweeping empty drafts failed");
    }
    if count.is_multiple_of(HOUR)
        && let Err(error) = app.sweep_names().await
    {
        tracing::warn!(%error, "looking at names failed");
    }
    // Reads the table of videos: rows without a count come from a release before only.
    if count.is_multiple_of(24 * HOUR)
        && let Err(error) = app.sweep_usage().await
    {
        tracing::warn!(%error, "counting what videos take failed");
    }
    if count.is_multiple_of(6 * HOUR) {
        match app.sweep_orphans().await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed objects that nothing uses any more"),
            Err(error) => tracing::warn!(%error, "sweeping unused objects failed"),
        }
    }
    if count.is_multiple_of(24 * HOUR)
        && let Err(error) = app.db.quick_check().await
    {
        tracing::warn!(%error, "the database could not be checked");
    }
}
