//! Jobs: what the dispatcher leases from SQL and runs.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::video::word_enum;

word_enum! {
    /// What a job does. Every kind is idempotent and takes one video.
    JobKind {
        /// Look at the source by ranged reads; publish it at once where browsers can play it.
        Probe = "probe",
        /// Write one CMAF object per source track; packaging per request ends.
        Package = "package",
        /// Encode the lowest rung.
        FirstRung = "first-rung",
        /// Encode the other rungs in one decode pass.
        Ladder = "ladder",
        /// Take a picture from the source.
        Poster = "poster",
        /// Write `fallback.mp4`.
        Fallback = "fallback",
        /// Remove every object of a deleted video.
        Purge = "purge",
    }
}

word_enum! {
    /// Where a job stands.
    JobState {
        /// Waits for `run_at` and a worker.
        Queued = "queued",
        /// A worker holds it until `lease_until`.
        Leased = "leased",
        /// Its result is in.
        Done = "done",
        /// Given up, with the reason; can be retried.
        Failed = "failed",
    }
}

impl JobKind {
    /// Higher runs first: what makes a video playable goes before what makes it better.
    pub fn priority(self) -> i32 {
        match self {
            Self::Probe => 90,
            Self::Poster => 70,
            Self::FirstRung => 60,
            Self::Fallback => 50,
            Self::Package => 40,
            Self::Ladder => 20,
            Self::Purge => 10,
        }
    }

    /// Whether it changes what plays, so that an open one keeps a video from being `ready`.
    pub fn shapes_the_video(self) -> bool {
        self != Self::Purge
    }

    /// Whether it keeps cores busy for long; such jobs run one at a time.
    pub fn is_heavy(self) -> bool {
        matches!(self, Self::FirstRung | Self::Ladder)
    }

    /// Tries before it is given up.
    pub fn max_attempts(self) -> i32 {
        match self {
            Self::Purge => 1_000_000,
            _ => 5,
        }
    }
}

/// How long a lease lasts without a heartbeat.
pub const LEASE: Duration = Duration::from_secs(20);
/// How often a worker says that it lives.
pub const HEARTBEAT: Duration = Duration::from_secs(5);
