//! Jobs: what the dispatcher leases from SQL and runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

use virga_media::Rung;

use crate::{VideoId, fail, video::word_enum};

word_enum! {
    /// The kinds of jobs. Every kind is idempotent and takes one video.
    JobKind {
        /// [`Job::Arriving`].
        Arriving = "arriving",
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
        /// [`Job::Span`].
        Span = "span",
        /// [`Job::Join`].
        Join = "join",
        /// [`Job::Poster`].
        Poster = "poster",
        /// [`Job::Fallback`].
        Fallback = "fallback",
        /// [`Job::Storyboard`].
        Storyboard = "storyboard",
        /// [`Job::Texts`].
        Texts = "texts",
        /// [`Job::Loudness`].
        Loudness = "loudness",
        /// [`Job::Sounds`].
        Sounds = "sounds",
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
    /// Look at the first parts of an upload that still arrives; publish it as far as it is here where browsers
    /// can play it.
    Arriving,
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
    /// Encode the other rungs; those of a long film in spans, which any number of workers encode.
    Ladder {
        /// In one pass, whatever the length: its spans did not fit together.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        whole: bool,
    },
    /// Encode some rungs of a part of the film.
    Span(Span),
    /// Make tracks of the spans of a ladder.
    Join {
        /// The ladder, whose children the spans are.
        ladder: i64,
        /// The rungs, the lowest first.
        rungs: Vec<Rung>,
    },
    /// Take a picture from the source.
    Poster,
    /// Write `fallback.mp4`.
    Fallback,
    /// Take small pictures from all over the film, for seeking.
    Storyboard,
    /// Make `WebVTT` of the file's subtitles and chapters.
    Texts,
    /// Measure how loud the sound is.
    Loudness,
    /// Make tracks of the file's sounds but the first.
    Sounds,
    /// Remove every object of a deleted video.
    Purge {
        /// Whether they were removed once; the second time comes a lease later.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        swept: bool,
    },
}

/// A part of a film that is encoded by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its place among the spans of the film, from 0.
    pub number: u32,
    /// It begins with the first frame shown at this second of the file or later.
    pub from: u32,
    /// It ends before the first frame shown at this second or later; `None`: with the film.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u32>,
    /// What is made of it.
    pub rungs: Vec<Rung>,
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
            Self::Arriving => JobKind::Arriving,
            Self::Probe => JobKind::Probe,
            Self::Sound => JobKind::Sound,
            Self::Copy => JobKind::Copy,
            Self::Package => JobKind::Package,
            Self::FirstRung => JobKind::FirstRung,
            Self::Ladder { .. } => JobKind::Ladder,
            Self::Span(_) => JobKind::Span,
            Self::Join { .. } => JobKind::Join,
            Self::Poster => JobKind::Poster,
            Self::Fallback => JobKind::Fallback,
            Self::Storyboard => JobKind::Storyboard,
            Self::Texts => JobKind::Texts,
            Self::Loudness => JobKind::Loudness,
            Self::Sounds => JobKind::Sounds,
            Self::Purge { .. } => JobKind::Purge,
        }
    }

    /// Of the jobs with one key, one is open. Where several of a kind may be, what tells them apart is
    /// part of it.
    pub fn dedup_key(&self, video: VideoId) -> String {
        match self {
            Self::Span(span) => format!("{}/{video}/{}", self.kind(), span.number),
            _ => format!("{}/{video}", self.kind()),
        }
    }
}

/// A kind's weight: which places of a dispatcher it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Waits for an upload to arrive, and does next to nothing.
    Waiting,
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
            Self::Arriving => (Lane::Waiting, 80, 3),
            Self::Poster => (Lane::Light, 70, 5),
            Self::Sound | Self::Copy => (Lane::First, 65, 5),
            Self::FirstRung => (Lane::First, 60, 5),
            Self::Fallback => (Lane::Light, 50, 5),
            Self::Texts => (Lane::Light, 45, 3),
            Self::Package => (Lane::Light, 40, 5),
            Self::Join => (Lane::Light, 35, 5),
            Self::Sounds => (Lane::Heavy, 30, 3),
            Self::Ladder | Self::Span => (Lane::Heavy, 20, 5),
            Self::Storyboard => (Lane::Light, 15, 3),
            Self::Loudness => (Lane::Light, 14, 3),
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
        let video = "abcdefghijk".parse().unwrap();
        let with_contents = [JobKind::Span, JobKind::Join];
        for kind in JobKind::ALL.iter().filter(|it| !with_contents.contains(it)) {
            let job = Job::read(kind.as_str(), "{}").unwrap();
            assert_eq!((job.kind(), job.payload().as_str()), (*kind, "{}"));
            assert_eq!(job.dedup_key(video), format!("{kind}/abcdefghijk"));
        }
        let swept = Job::Purge { swept: true };
        assert_eq!(swept.payload(), r#"{"swept":true}"#);
        assert_eq!(Job::read("purge", r#"{"swept":true}"#), Some(swept));
    }

    #[test]
    fn spans_are_told_apart_and_read_as_they_were_written() {
        let span = |number| {
            Job::Span(Span {
                number,
                from: 60 * number,
                until: (number == 0).then_some(60),
                rungs: Vec::new(),
            })
        };
        let video = "abcdefghijk".parse().unwrap();
        assert_eq!(span(1).dedup_key(video), "span/abcdefghijk/1");
        for job in [span(0), span(1), Job::Ladder { whole: true }] {
            assert_eq!(Job::read(job.kind().as_str(), &job.payload()), Some(job));
        }
        assert_eq!(span(1).payload(), r#"{"from":60,"number":1,"rungs":[]}"#);
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
