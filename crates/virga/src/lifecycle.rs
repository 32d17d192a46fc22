//! Start and stop. SIGTERM or SIGINT fails readiness, so that load balancers stop sending requests;
//! a moment later `stop` is cancelled, and running work gets some time to end. After that time, or
//! at a second signal, the process ends anyway. `sd_notify(3)` reports each step to systemd.

use sd_notify::NotifyState;
use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The most that a graceful stop takes once nothing new is taken.
const LIMIT: Duration = Duration::from_secs(40);

/// What every part of the process shares about its end.
#[derive(Clone, Debug)]
pub(crate) struct Lifecycle {
    /// Cancelled when nobody should send anything here any more.
    pub(crate) draining: CancellationToken,
    /// Cancelled when the process should end.
    pub(crate) stop: CancellationToken,
    /// From the one to the other.
    drain: Duration,
    /// Everything that a graceful stop waits for.
    pub(crate) tracker: TaskTracker,
    failed: Arc<AtomicBool>,
}

impl Lifecycle {
    /// With this time between the first signal and the stop.
    pub(crate) fn new(drain: Duration) -> Self {
        Self {
            draining: CancellationToken::new(),
            stop: CancellationToken::new(),
            drain,
            tracker: TaskTracker::new(),
            failed: Arc::default(),
        }
    }

    /// Runs a part that must live as long as the process: if it ends first, everything stops and
    /// the exit code says so.
    pub(crate) fn vital<F>(&self, name: &'static str, part: F)
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let this = self.clone();
        self.tracker.spawn(async move {
            let ended = part.await;
            if let Err(error) = &ended {
                tracing::error!(part = name, error = format!("{error:#}"), "a part failed");
            }
            if ended.is_err() || !this.stop.is_cancelled() {
                this.failed.store(true, Ordering::SeqCst);
                this.stop.cancel();
            }
        });
    }

    /// Waits for a signal or a failed part, then for the end.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => tracing::info!("stopping: SIGTERM"),
            _ = interrupt.recv() => tracing::info!("stopping: SIGINT"),
            () = self.stop.cancelled() => {
                // Nobody asked for it: a part ended.
                self.failed.store(true, Ordering::SeqCst);
                tracing::error!("stopping: a part of this process ended");
            }
        }
        notify_systemd(NotifyState::Stopping);
        self.draining.cancel();
        tokio::select! {
            () = tokio::time::sleep(self.drain) => {}
            () = self.stop.cancelled() => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        self.stop.cancel();
        self.tracker.close();
        tokio::select! {
            () = self.tracker.wait() => tracing::info!("stopped"),
            () = tokio::time::sleep(LIMIT) => tracing::warn!("stopped with work still running"),
            _ = terminate.recv() => tracing::warn!("stopped at once: second signal"),
            _ = interrupt.recv() => tracing::warn!("stopped at once: second signal"),
        }
        let failed = self.failed.load(Ordering::SeqCst);
        Ok(if failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

/// Tells the service manager, where one listens.
pub(crate) fn notify_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "notifying the service manager failed");
    }
}
