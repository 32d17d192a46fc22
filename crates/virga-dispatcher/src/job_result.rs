//! How a job ends. Each `?` in a job becomes one of these by its error's kind: bad media, a file that is
//! gone and a refusal fail at once, a store or database that does not answer is tried again.

use std::{io::ErrorKind, time::Duration};
use virga_app::Change;
use virga_core::{
    Code, Failure, FilmTexts, InvalidKey, KeyPrefix, Kind, MediaKey, ObjectClass, UploadId,
    digest::Digest,
    job::{Job, JobKind},
    presentation::{FilmSounds, TrackBody},
    reason::Reason,
    wire::Effect,
    with_causes,
};
use virga_db::{DbError, TrackRow, TrackRowKind, jobs, tracks, uploads, usage, videos};
use virga_media::{MediaError, Refusal, TranscodeReason};
use virga_objects::ObjectError;

use crate::{digests, media_code};

/// A shorter film is seen in less time than it takes to seek in it, or to turn its volume down. Microseconds.
const SHORTEST: i64 = 5_000_000;

/// Why a job did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    /// Worth another try.
    #[error("{0}")]
    Retry(String),
    /// The file is to blame; no try will change it.
    #[error("{0}")]
    Fail(Reason),
    /// What the site keeps or may do is to blame; no try will change it while nobody mends that.
    #[error("{reason} ({cause})")]
    Storage {
        /// What the video's owner reads.
        reason: Reason,
        /// What the log says.
        cause: String,
    },
    /// The encoder gave up on this input by itself. If it does so twice in the same words, the
    /// input is damaged.
    #[error("{0}")]
    Broke(String),
    /// The prober met streams whose decoders, named here, are not on our list.
    #[error("It is in a coding that is not taken here: {0:?}")]
    Unlisted(Vec<String>),
    /// This machine's ffmpeg was built without an encoder that a job asks for.
    #[error("{0}")]
    LacksEncoder(String),
    /// The scratch disk, the store or the database has too little room now.
    #[error("{0}")]
    NoRoom(String),
    /// The owner has used up what an account may. The job waits.
    #[error("{0}")]
    OverLimit(Reason),
    /// The store or the database is away. The job waits until it is back.
    #[error("{0}")]
    Away(String),
    /// This machine cannot confine the encoder, and the configuration asks for that.
    #[error("{0}")]
    NotConfined(String),
    /// The upload has not brought what is asked for, or is over.
    #[error("it is not here yet")]
    NotHere,
    /// The video has no row any more: nothing is left to do.
    #[error("the video is gone")]
    VideoGone,
    /// Told to stop: the lease was lost, or the process ends.
    #[error("interrupted")]
    Interrupted,
}

impl JobError {
    /// No try will change it: one of `Code::REASONS`, and words that a person understands.
    pub(crate) fn fail(code: Code, text: impl Into<String>) -> Self {
        Self::Fail(Reason::new(code, text))
    }

    /// The encoder ended well and left no file.
    pub(crate) fn no_file() -> Self {
        Self::Broke("the encoder made no file".to_owned())
    }

    /// The site's own fault that lasts: `code` and words for the owner, the error for the log.
    fn storage(code: Code, text: &str, cause: String) -> Self {
        let reason = Reason::new(code, text);
        Self::Storage { reason, cause }
    }

    fn internal(cause: String) -> Self {
        let text = "Something in this site's records of the video is wrong. \
                    Contact the people who run this site.";
        Self::storage(Code::Internal, text, cause)
    }
}

/// What a job's end hands to the lease loop.
#[derive(Debug)]
pub(crate) enum JobResult {
    /// To be written by fence, with the job's own end.
    Written(Box<Outcome>),
    /// The job has brought its rows in order itself.
    Settled,
}

/// Rows to write. Their objects stand already.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) tracks: Vec<TrackRow>,
    /// Names of tracks to remove: the source's own, which turned out to be damaged.
    pub(crate) set_aside: Vec<String>,
    /// Names of tracks that played while their file arrived and that `next` makes others for.
    pub(crate) replaced: Vec<String>,
    /// The upload that the tracks are of, while it arrives: nothing of this counts once it is over.
    pub(crate) arriving: Option<UploadId>,
    /// Whether tracks that this job let grow have come to their end.
    pub(crate) ends_growing: bool,
    /// Whether what grows is withdrawn: it will have no end.
    pub(crate) withdraws_growing: bool,
    pub(crate) shape: Option<videos::Shape>,
    /// The file ends early: how long it says that it is, microseconds; 0 where it does not say it.
    pub(crate) cut_from: Option<i64>,
    /// Other bytes are in front of the film.
    pub(crate) behind_junk: bool,
    pub(crate) poster: Option<MediaKey>,
    pub(crate) fallback: Option<MediaKey>,
    pub(crate) storyboard: Option<MediaKey>,
    pub(crate) texts: Option<FilmTexts>,
    pub(crate) sounds: Option<FilmSounds>,
    /// Hundredths of LUFS.
    pub(crate) loudness: Option<i32>,
    /// Digests of the objects, added by the lease loop.
    pub(crate) digests: Vec<(MediaKey, Digest)>,
    /// Objects that nobody needs once this is written.
    pub(crate) obsolete: Vec<KeyPrefix>,
    /// Jobs to enqueue.
    pub(crate) next: Vec<Job>,
    /// How long they wait.
    pub(crate) pause: Duration,
}

impl From<Outcome> for JobResult {
    fn from(outcome: Outcome) -> Self {
        Self::Written(Box::new(outcome))
    }
}

impl Outcome {
    /// Removes these tracks of a damaged source.
    pub(crate) fn set_aside<'a>(tracks: impl Iterator<Item = &'a TrackRow>) -> Self {
        Self {
            set_aside: tracks.map(|track| track.name.clone()).collect(),
            ..Self::default()
        }
    }

    /// Whether the presentation changes.
    pub(crate) fn presents(&self) -> bool {
        !self.tracks.is_empty()
            || !self.set_aside.is_empty()
            || !self.replaced.is_empty()
            || self.poster.is_some()
            || self.fallback.is_some()
            || self.storyboard.is_some()
            || self.texts.is_some()
            || self.sounds.is_some()
    }

    pub(crate) async fn write(&self, change: &Change) -> Result<(), DbError> {
        let (tx, video, now) = (&change.tx, change.video, change.now);
        if let Some(upload) = self.arriving {
            let open = uploads::open_of_video(tx, video).await?;
            if open.is_none_or(|open| open.id != upload) {
                return Ok(());
            }
        }
        if !self.replaced.is_empty() {
            tracks::remove_named(tx, video, &self.replaced).await?;
        }
        for track in &self.tracks {
            tracks::put(tx, track).await?;
        }
        if !self.set_aside.is_empty() {
            tracks::remove_named(tx, video, &self.set_aside).await?;
            if !tracks::any(tx, video).await? {
                // It may have failed, or never been needed, while the source played.
                change.enqueue(&Job::FirstRung, now).await?;
            }
        }
        if let Some(shape) = self.shape {
            videos::set_shape(tx, video, shape).await?;
        }
        if self.behind_junk && self.cut_from.is_none() {
            videos::set_note(tx, video, Code::LeadingData, None).await?;
        }
        if let Some(said) = self.cut_from {
            let said = Some(said).filter(|said| *said > 0);
            videos::set_note(tx, video, Code::EndsEarly, said).await?;
        }
        if let Some(key) = &self.poster {
            videos::set_poster(tx, video, key).await?;
        }
        if let Some(key) = &self.fallback {
            videos::set_fallback(tx, video, key).await?;
        }
        if let Some(key) = &self.storyboard {
            videos::set_storyboard(tx, video, key).await?;
        }
        if let Some(texts) = &self.texts {
            videos::set_texts(tx, video, texts).await?;
        }
        if let Some(loudness) = self.loudness {
            videos::set_loudness(tx, video, loudness).await?;
        }
        if let Some(sounds) = &self.sounds {
            videos::set_sounds(tx, video, sounds).await?;
        }
        if !self.tracks.is_empty() {
            videos::set_failure(tx, video, None).await?;
        }
        if self.presents() {
            videos::raise_version(tx, video, Effect::Add, now).await?;
        }
        if !self.digests.is_empty() {
            digests::note(tx, &self.digests, now).await?;
            usage::count_made(tx, video).await?;
        }
        for job in &self.next {
            change.enqueue(job, now.plus(self.pause)).await?;
        }
        self.enqueue_extras(change).await
    }

    /// The film plays: whoever seeks in it may see pictures of it, and it may be louder than others. Once for each
    /// time that it was probed.
    async fn enqueue_extras(&self, change: &Change) -> Result<(), DbError> {
        let pictures = self.tracks.iter().any(|track| track.height > 0);
        let sound = self.tracks.iter().any(|track| {
            track.kind == TrackRowKind::Audio && matches!(track.body, TrackBody::Object { .. })
        });
        if !pictures && !sound || self.arriving.is_some() {
            return Ok(());
        }
        let row = videos::find(&change.tx, change.video).await?;
        if row.and_then(|row| row.duration).unwrap_or(0) < SHORTEST {
            return Ok(());
        }
        let rows = jobs::of_video(&change.tx, change.video).await?;
        let last = |kind| rows.iter().rposition(|row| row.kind() == kind);
        let run_at = change.now.plus(self.pause);
        for (due, job) in [(pictures, Job::Storyboard), (sound, Job::Loudness)] {
            if due && last(job.kind()) <= last(JobKind::Probe) {
                change.enqueue(&job, run_at).await?;
            }
        }
        Ok(())
    }
}

impl From<DbError> for JobError {
    fn from(error: DbError) -> Self {
        let text = with_causes(&error);
        match error {
            DbError::Full(_) => Self::NoRoom(text),
            DbError::Away(_) | DbError::Malformed(_) => Self::Away(text),
            passing if passing.is_transient() => Self::Retry(text),
            _ => Self::internal(text),
        }
    }
}

impl From<ObjectError> for JobError {
    fn from(error: ObjectError) -> Self {
        let text = with_causes(&error);
        match error {
            ObjectError::NoRoom => Self::NoRoom(text),
            away if away.is_away() => Self::Away(text),
            passing if passing.is_transient() => Self::Retry(text),
            ObjectError::NotFound(key) => gone(&key, text),
            ObjectError::Denied { .. } | ObjectError::Bucket { .. } => {
                let words = "This site's storage refuses access. \
                             Contact the people who run this site, then try again.";
                Self::storage(Code::StorageRefused, words, text)
            }
            _ => Self::internal(text),
        }
    }
}

/// An object that rows point at is not there.
fn gone(key: &str, cause: String) -> JobError {
    let class = MediaKey::parse(key).map(|key| key.class());
    if class == Ok(ObjectClass::Source) {
        let text = "The uploaded file is missing from this site's storage. \
                    Upload it again, or contact the people who run this site.";
        JobError::storage(Code::SourceGone, text, cause)
    } else {
        let text = "A file that this site made of the video is missing from its storage. \
                    Contact the people who run this site.";
        JobError::storage(Code::ObjectGone, text, cause)
    }
}

impl From<Failure> for JobError {
    fn from(error: Failure) -> Self {
        let text = with_causes(&error);
        match error.kind() {
            Kind::NoRoom => Self::NoRoom(text),
            Kind::Unavailable => Self::Away(text),
            _ if error.is_transient() => Self::Retry(text),
            _ => Self::internal(text),
        }
    }
}

impl From<std::io::Error> for JobError {
    fn from(error: std::io::Error) -> Self {
        let text = with_causes(&error);
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::NoRoom(text),
            _ => Self::Retry(text),
        }
    }
}

/// A task that did not end: it panicked, or the runtime ends.
impl From<tokio::task::JoinError> for JobError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Retry(with_causes(&error))
    }
}

/// A key in a row that is none: no try will change it.
impl From<InvalidKey> for JobError {
    fn from(error: InvalidKey) -> Self {
        Self::internal(with_causes(&error))
    }
}

impl From<MediaError> for JobError {
    fn from(error: MediaError) -> Self {
        Self::fail(media_code::of_error(&error), error.to_string())
    }
}

impl From<Refusal> for JobError {
    fn from(refusal: Refusal) -> Self {
        Self::fail(media_code::of_refusal(refusal), refusal.to_string())
    }
}

impl From<TranscodeReason> for JobError {
    fn from(reason: TranscodeReason) -> Self {
        Self::fail(media_code::of_not_instant(reason), reason.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_that_is_full_or_away_costs_no_try() {
        let full = [
            JobError::from(ObjectError::NoRoom),
            JobError::from(Failure::from(ObjectError::NoRoom)),
            JobError::from(std::io::Error::from(ErrorKind::StorageFull)),
        ];
        assert!(
            full.iter()
                .all(|error| matches!(error, JobError::NoRoom(_)))
        );
        let silent = || ObjectError::Unavailable {
            doing: "read",
            why: String::new(),
        };
        let away = [
            JobError::from(silent()),
            JobError::from(Failure::from(silent())),
            JobError::from(ObjectError::Unmounted),
        ];
        assert!(away.iter().all(|error| matches!(error, JobError::Away(_))));
    }

    #[test]
    fn what_passes_is_tried_again_and_what_lasts_fails_at_once() {
        let denied = || ObjectError::Denied {
            code: "InvalidAccessKeyId".to_owned(),
        };
        let answer = |status| ObjectError::Bucket {
            doing: "read",
            status,
            code: String::new(),
        };
        let missing = |key: &str| ObjectError::NotFound(key.to_owned());
        let corrupt = || DbError::Corrupt {
            table: "videos",
            column: "source_key",
            value: "x".to_owned(),
        };
        let lasting = [
            (
                JobError::from(missing("v/abcdefghijk/u/source")),
                Code::SourceGone,
            ),
            (
                JobError::from(missing("v/abcdefghijk/a1-1/a.json")),
                Code::ObjectGone,
            ),
            (JobError::from(denied()), Code::StorageRefused),
            (JobError::from(answer(404)), Code::StorageRefused),
            (JobError::from(InvalidKey), Code::Internal),
            (JobError::from(corrupt()), Code::Internal),
        ];
        for (error, code) in lasting {
            match error {
                JobError::Storage { reason, .. } => assert_eq!(reason.code, code),
                other => panic!("{code}: {other:?}"),
            }
        }
        let timeout = std::io::Error::from(ErrorKind::TimedOut);
        let passing = [
            JobError::from(answer(503)),
            JobError::from(ObjectError::ClockSkew),
            JobError::from(timeout),
            JobError::from(Failure::internal("x")),
        ];
        assert!(passing.iter().all(|it| matches!(it, JobError::Retry(_))));
    }
}
