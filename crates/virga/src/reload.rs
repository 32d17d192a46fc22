//! Settings that change while the process runs: on SIGHUP, and when a file's content changes, however
//! it changes (an editor, a link that is swapped as Kubernetes does). A bad value is refused and all
//! that was in force stays.

use anyhow::Context;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    config::{self, Config, Flags, changed, is_reloadable},
    delivery,
    health::Health,
    lifecycle::Lifecycle,
    parts::{RoleParts, check_egress},
    telemetry::{self, LogLevel},
};

/// How often the files are looked at: a few kilobytes.
const LOOK: Duration = Duration::from_secs(2);

/// Follows the settings of a process.
#[derive(Debug)]
pub(crate) struct Reload {
    flags: Flags,
    now: Config,
    log: LogLevel,
    parts: RoleParts,
    health: Health,
}

impl Reload {
    /// Follows until the process stops.
    pub(crate) fn follow(
        flags: Flags,
        log: LogLevel,
        parts: &RoleParts,
        health: &Health,
        life: &Lifecycle,
    ) {
        let mut this = Self {
            flags,
            now: (*parts.config).clone(),
            log,
            parts: parts.clone(),
            health: health.clone(),
        };
        let stop = life.stop.clone();
        life.vital("settings", async move {
            let mut hangups = signal(SignalKind::hangup())?;
            let mut seen = config::sources(&this.flags);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    _ = hangups.recv() => {}
                    () = tokio::time::sleep(LOOK) => {
                        if config::sources(&this.flags) == seen {
                            continue;
                        }
                    }
                }
                seen = config::sources(&this.flags);
                this.again();
            }
        });
    }

    fn again(&mut self) {
        let taken = self.take();
        self.health.count_change(taken.is_ok());
        if let Err(error) = taken {
            let error = format!("{error:#}");
            tracing::error!(
                error,
                "the changed settings were refused; the previous ones stay in force"
            );
        }
    }

    /// Reads everything, then takes all of it or nothing.
    fn take(&mut self) -> anyhow::Result<()> {
        let after = config::load(&self.flags)?.config;
        check_egress(&after)?;
        let keys = changed(&self.now, &after)?;
        let level = telemetry::level(&after.log.level)?;
        let options = delivery::options(&after.delivery, &self.parts.origin)?;
        let check = self.parts.delivery.check(&options);
        check.context("in the settings delivery.*")?;
        let log_changed = keys.iter().any(|key| key == "log.level");
        if log_changed {
            self.log.set(level)?;
        }
        self.parts.delivery.reconfigure(options);
        self.parts.live.set(&after, &self.parts.origin);
        self.now = after;
        let (live, boot): (Vec<String>, Vec<String>) =
            keys.into_iter().partition(|key| is_reloadable(key));
        tracing::info!(changed = live.join(" "), "the settings were read again");
        if !boot.is_empty() {
            tracing::warn!(
                changed = boot.join(" "),
                "these settings take effect after a restart"
            );
        }
        Ok(())
    }
}
