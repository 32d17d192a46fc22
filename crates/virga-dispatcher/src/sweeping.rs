//! When to sweep: each dispatcher once at its start, then one of them, by a lease, again and again.

use std::time::Duration;
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
    stop.run_until_cancelled(turns(&dispatcher)).await;
    if let Err(error) = dispatcher.app.leave_sweep(&dispatcher.worker).await {
        // It ends by itself.
        tracing::warn!(%error, "the sweeper's lease was not given back");
    }
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
        if let Err(error) = scratch::clean(dispatcher).await {
            tracing::warn!(%error, "cleaning scratch failed");
        }
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
    if let Err(error) = dispatcher.app.sweep().await {
        tracing::warn!(%error, "the sweeper failed");
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
        && let Err(error) = app.sweep_jobs().await
    {
        tracing::warn!(%error, "removing closed jobs failed");
    }
    if count.is_multiple_of(HOUR)
        && let Err(error) = app.sweep_names().await
    {
        tracing::warn!(%error, "checking account names failed");
    }
    // Reads the table of videos: rows without a count come from a release before only.
    if count.is_multiple_of(24 * HOUR)
        && let Err(error) = app.sweep_usage().await
    {
        tracing::warn!(%error, "counting the storage of videos failed");
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
