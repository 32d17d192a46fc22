//! Workers: leases jobs from SQL, runs ffmpeg, writes objects, purges.
//!
//! A job works on scratch and objects only and answers with what is to be written; the lease loop
//! writes that in one transaction, by fence. Nothing of a job that was lost in between is seen.

mod config;
mod ffmpeg;
mod jobs;
mod lanes;
mod lease;
mod media;
mod outcome;
mod pack;
mod scratch;
mod state;
mod work;

pub use config::{DispatcherConfig, LimitsConfig};
pub use ffmpeg::{Finding, Launcher, Layers, can_encode, check_programs, launch};
pub use state::Dispatcher;

use std::time::Duration;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How often the sweeper looks.
const SWEEP: Duration = Duration::from_secs(30);
/// How many of its rounds pass between two looks at the store's own list of uploads: an hour's.
const ROUNDS_PER_LISTING: u32 = 120;

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
    lease::run(&dispatcher, &stop).await;
    tasks.close();
    tasks.wait().await;
}

async fn sweep(dispatcher: Dispatcher, stop: CancellationToken) {
    for count in (0..ROUNDS_PER_LISTING).cycle() {
        let round = async {
            if let Err(error) = dispatcher.app.sweep().await {
                tracing::warn!(%error, "the sweeper failed");
            }
            if count == 0
                && let Err(error) = dispatcher.app.sweep_sessions().await
            {
                tracing::warn!(%error, "sweeping the store's uploads failed");
            }
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
