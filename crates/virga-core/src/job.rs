//! Jobs: what the dispatcher leases from SQL and runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

use crate::{VideoId, fail, video::word_enum};

word_enum! {
    /// The kinds of jobs. Every kind is idempotent and takes one video.
    JobKind {
        /// [`Job::Probe`].
        Probe = "probe",
        /// [`Job::Sound`].
        Sound = "sound",
        /// [`Job::Copy`].
        Copy = "copy",
        /// [`Job::Package`].
        Package = "package",
        /// [`Job::FirstRung`].
        FirstRung = "first-rung",
        /// [`Job::Ladder`].
        Ladder = "ladder",
        /// [`Job::Poster`].
        Poster = "poster",
        /// [`Job::Fallback`].
        Fallback = "fallback",
        /// [`Job::Storyboard`].
        Storyboard = "storyboard",
        /// [`Job::Purge`].
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
        /// Its part is done; it waits for its children.
        Waiting = "waiting",
        /// Its result is in.
        Done = "done",
        /// Given up, with the reason; can be retried.
        Failed = "failed",
    }
}

/// What a job does, with all that it needs to know. A row holds the kind and, as JSON, the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Job {
    /// Look at the source by ranged reads; publish it at once where browsers can play it.
    Probe,
    /// Encode the sound next to a picture that browsers play; publish both while it is encoded.
    Sound,
    /// Copy a picture that browsers play out of a container that only ffmpeg reads; publish it while it is
    /// copied, with its sound.
    Copy,
    /// Write one CMAF object per source track; packaging per request ends.
    Package,
    /// Encode the lowest rung.
    FirstRung,
    /// Encode the other rungs in one decode pass.
    Ladder,
    /// Take a picture from the source.
    Poster,
    /// Write `fallback.mp4`.
    Fallback,
    /// Take small pictures from all over the film, for seeking.
    Storyboard,
    /// Remove every object of a deleted video.
    Purge {
        /// Whether they were removed once; the second time comes a lease later.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        swept: bool,
    },
}

impl Job {
    /// The kind and payload of a row; `None` where a later release wrote either.
    pub fn read(kind: &str, payload: &str) -> Option<Self> {
        let mut fields: Value = serde_json::from_str(payload).ok()?;
        let fields_of = fields.as_object_mut()?;
        fields_of.insert("kind".to_owned(), kind.into());
        serde_json::from_value(fields).ok()
    }

    /// What a row holds besides the kind, JSON.
    pub fn payload(&self) -> String {
        let mut fields = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = fields.as_object_mut() {
            fields.remove("kind");
        }
        fields.to_string()
    }

    /// Its kind.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Probe => JobKind::Probe,
            Self::Sound => JobKind::Sound,
            Self::Copy => JobKind::Copy,
            Self::Package => JobKind::Package,
            Self::FirstRung => JobKind::FirstRung,
            Self::Ladder => JobKind::Ladder,
            Self::Poster => JobKind::Poster,
            Self::Fallback => JobKind::Fallback,
            Self::Storyboard => JobKind::Storyboard,
            Self::Purge { .. } => JobKind::Purge,
        }
    }

    /// Of the jobs with one key, one is open. Where several of a kind may be, what tells them apart is
    /// part of it.
    pub fn dedup_key(&self, video: VideoId) -> String {
        format!("{}/{video}", self.kind())
    }
}

/// A kind's weight: which places of a dispatcher it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Seconds, and somebody waits for it.
    Quick,
    /// Reads and writes, or one picture.
    Light,
    /// Keeps cores busy for long: what makes a film play at all.
    First,
    /// Keeps cores busy for long.
    Heavy,
}

impl JobKind {
    /// How a kind is treated: its lane, its priority, and its tries at most.
    fn terms(self) -> (Lane, i32, i32) {
        match self {
            Self::Probe => (Lane::Quick, 90, 5),
            Self::Poster => (Lane::Light, 70, 5),
            Self::Sound | Self::Copy => (Lane::First, 65, 5),
            Self::FirstRung => (Lane::First, 60, 5),
            Self::Fallback => (Lane::Light, 50, 5),
            Self::Package => (Lane::Light, 40, 5),
            Self::Ladder => (Lane::Heavy, 20, 5),
            Self::Storyboard => (Lane::Light, 15, 3),
            Self::Purge => (Lane::Light, 10, 1_000_000),
        }
    }

    /// Which places it takes.
    pub fn lane(self) -> Lane {
        self.terms().0
    }

    /// Higher runs first: what makes a video playable goes before what makes it better.
    pub fn priority(self) -> i32 {
        self.terms().1
    }

    /// Tries before it is given up.
    pub fn max_attempts(self) -> i32 {
        self.terms().2
    }

    /// Whether it keeps cores busy for long; such jobs run one at a time.
    pub fn is_heavy(self) -> bool {
        matches!(self.lane(), Lane::First | Lane::Heavy)
    }

    /// Whether it changes what plays, so that an open one keeps a video from being `ready`.
    pub fn shapes_the_video(self) -> bool {
        self != Self::Purge
    }

    /// Whether a video of which nothing plays has failed with it.
    pub fn decides(self) -> bool {
        matches!(
            self,
            Self::Probe | Self::Sound | Self::Copy | Self::FirstRung
        )
    }
}

/// How long a lease lasts without a heartbeat.
pub const LEASE: Duration = fail::patience(20);
/// How often a worker says that it lives.
pub const HEARTBEAT: Duration = fail::patience(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_release_before_are_read_and_written_alike() {
        for kind in JobKind::ALL {
            let job = Job::read(kind.as_str(), "{}").unwrap();
            assert_eq!((job.kind(), job.payload().as_str()), (*kind, "{}"));
            let video = "abcdefghijk".parse().unwrap();
            assert_eq!(job.dedup_key(video), format!("{kind}/abcdefghijk"));
        }
        let swept = Job::Purge { swept: true };
        assert_eq!(swept.payload(), r#"{"swept":true}"#);
        assert_eq!(Job::read("purge", r#"{"swept":true}"#), Some(swept));
    }

    #[test]
    fn what_a_later_release_wrote_is_not_read() {
        for (kind, payload) in [
            ("hologram", "{}"),
            ("probe", "[]"),
            ("probe", "probe"),
            ("purge", r#"{"swept":"twice"}"#),
        ] {
            assert_eq!(Job::read(kind, payload), None, "{kind} {payload}");
        }
        // A field more is no reason to leave it.
        assert_eq!(Job::read("probe", r#"{"deep":true}"#), Some(Job::Probe));
    }
}
