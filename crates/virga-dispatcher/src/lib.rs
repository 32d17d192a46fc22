//! Workers: leases jobs from SQL, runs ffmpeg, writes objects, purges.
//!
//! A job works on scratch and objects only and answers with what is to be written; the lease loop
//! writes that in one transaction, by fence. Nothing of a job that was lost in between is seen.

mod config;
mod digests;
mod ffmpeg;
mod grow;
mod job_result;
mod jobs;
mod lanes;
mod lease;
mod media;
mod media_code;
mod memory;
mod pack;
mod scratch;
mod scrub;
mod state;
mod sweeping;
mod work;

pub use config::{DispatcherConfig, SourceLimitsConfig};
pub use ffmpeg::{Launcher, Layers, SandboxFinding, can_encode, check_programs, launch};
pub use memory::EncoderMemory;
pub use state::Dispatcher;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Leases and runs jobs and sweeps until `stop`; then gives back what it holds and returns. Meant
/// to run on a runtime of several threads, whose threads outlive the processes started from them.
pub async fn run(dispatcher: Dispatcher, stop: CancellationToken) {
    if let Err(error) = scratch::prepare(&dispatcher.scratch) {
        tracing::error!(%error, folder = %dispatcher.scratch.display(), "no scratch folder");
    }
    let tasks = TaskTracker::new();
    let sweep = Box::pin(sweeping::run(dispatcher.clone(), stop.clone()));
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
