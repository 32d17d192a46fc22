//! When to sweep: each dispatcher once at its start, then one of them, by a lease, again and again.

use std::{fmt::Display, time::Duration};
use tokio_util::sync::CancellationToken;
use virga_app::SWEEPER_LEASE;

use crate::{Dispatcher, scratch};

/// How often there is a round.
const SWEEP: Duration = Duration::from_secs(30);
/// Rounds in an hour.
const HOUR: u64 = 120;

/// Sweeps until `stop`, then lets another one sweep.
pub(crate) async fn run(dispatcher: Dispatcher, stop: CancellationToken) {
    // What this process, killed and started again, left open is not left for a lease to end.
    stop.run_until_cancelled(round(&dispatcher)).await;
    Box::pin(stop.run_until_cancelled(turns(&dispatcher))).await;
    // It ends by itself too.
    let left = dispatcher.app.leave_sweep(&dispatcher.worker).await;
    report(left, "the sweeper's lease was not given back");
}

async fn turns(dispatcher: &Dispatcher) {
    // Rounds since this one sweeps.
    let mut count = 0;
    loop {
        if leads(dispatcher).await {
            let work = async {
                round(dispatcher).await;
                seldom(dispatcher, count).await;
            };
            tokio::select! {
                () = work => count += 1,
                // Another one sweeps by now.
                () = lose(dispatcher) => count = 0,
            }
        } else {
            count = 0;
        }
        report(scratch::clean(dispatcher).await, "cleaning scratch failed");
        pause(dispatcher, count > 0).await;
    }
}

/// Waits for the next round. The sweeper renews its lease; the others check whether it has ended, so
/// that a dead sweeper is soon replaced.
async fn pause(dispatcher: &Dispatcher, leads: bool) {
    let over = async {
        if leads {
            lose(dispatcher).await;
            std::future::pending::<()>().await;
        } else {
            gain(dispatcher).await;
        }
    };
    tokio::select! {
        () = tokio::time::sleep(SWEEP) => {}
        () = over => {}
    }
}

/// Returns when this one has the lease.
async fn gain(dispatcher: &Dispatcher) {
    loop {
        tokio::time::sleep(SWEEPER_LEASE / 3).await;
        if leads(dispatcher).await {
            return;
        }
    }
}

/// Keeps the lease; returns when another one has it.
async fn lose(dispatcher: &Dispatcher) {
    loop {
        tokio::time::sleep(SWEEPER_LEASE / 3).await;
        if !leads(dispatcher).await {
            return;
        }
    }
}

async fn leads(dispatcher: &Dispatcher) -> bool {
    match dispatcher.app.lead_sweep(&dispatcher.worker).await {
        Ok(leads) => leads,
        Err(error) => {
            tracing::warn!(%error, "reading the sweeper's lease failed");
            false
        }
    }
}

async fn round(dispatcher: &Dispatcher) {
    report(dispatcher.app.sweep().await, "the sweeper failed");
}

/// What reads much and therefore is not part of each round.
async fn seldom(dispatcher: &Dispatcher, count: u64) {
    let app = &dispatcher.app;
    if count.is_multiple_of(HOUR) {
        let uploads = app.sweep_sessions().await;
        report(uploads, "sweeping the store's uploads failed");
        report(app.sweep_drafts().await, "sweeping empty drafts failed");
        report(app.sweep_jobs().await, "removing closed jobs failed");
        report(app.sweep_names().await, "checking account names failed");
    }
    if count.is_multiple_of(24 * HOUR) {
        // Reads the table of videos: rows without a count come from a release before only.
        let counted = app.sweep_usage().await;
        report(counted, "counting the storage of videos failed");
    }
    if count.is_multiple_of(6 * HOUR) {
        match app.sweep_orphans().await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed objects that nothing uses any more"),
            Err(error) => tracing::warn!(%error, "sweeping unused objects failed"),
        }
    }
    if count.is_multiple_of(24 * HOUR) {
        let checked = app.db.quick_check().await;
        report(checked, "the database could not be checked");
    }
}

/// Logs what failed: another round follows.
fn report<T, E: Display>(done: Result<T, E>, failed: &'static str) {
    if let Err(error) = done {
        tracing::warn!(%error, "{failed}");
    }
}
