//! What is published, as fresh as it must be.
//!
//! Versions only rise. From the feed of changes one knows, for some videos, the newest version and
//! the version before which nothing may be shown any more. A held presentation serves as long as it
//! is not older than that; without the feed it is read again every 30 s.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::{
    future::Cache,
    ops::compute::{CompResult, Op},
};
use virga_core::{
    Failure, MediaKey, SharedClock, Timestamp, VideoId,
    counts::FEED_RESYNCS,
    presentation::Presentation,
    wire::{Changes, Effect},
};
use virga_objects::{ObjectError, SharedStore};

use crate::refused::RefusedUploads;

/// How long a presentation serves without the feed.
const UNFED: Duration = Duration::from_secs(30);
/// How long a known version is remembered: rows of the feed live no longer.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// Presentations held.
const HELD: u64 = 4096;
/// A presentation has some tracks; this is a hundred times more.
const LIMIT: u64 = 1024 * 1024;

/// What the feed said of a video.
#[derive(Clone, Copy, Debug)]
struct Known {
    newest: i64,
    least: i64,
    heard: Timestamp,
}

/// One presentation and how it came.
#[derive(Clone, Debug)]
struct Held {
    presentation: Arc<Presentation>,
    read: Timestamp,
    era: u64,
}

/// Presentations by video. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Presentations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: SharedStore,
    clock: SharedClock,
    held: Cache<VideoId, Held>,
    known: Mutex<Versions>,
    refused: RefusedUploads,
    fed: AtomicBool,
    era: AtomicU64,
}

#[derive(Debug, Default)]
struct Versions {
    of: HashMap<VideoId, Known>,
    sweep_at: usize,
}

impl Versions {
    /// Of a video there is this version, and nothing older than that may be shown.
    fn hear(&mut self, video: VideoId, (newest, least): (i64, i64), heard: Timestamp) {
        let known = self.of.entry(video).or_insert(Known {
            newest,
            least,
            heard,
        });
        known.newest = known.newest.max(newest);
        known.least = known.least.max(least);
        known.heard = heard;
        if self.of.len() > self.sweep_at.max(1024) {
            self.of
                .retain(|_, known| heard.since(known.heard) < REMEMBERED);
            self.sweep_at = self.of.len() * 2;
        }
    }
}

impl Presentations {
    /// Holds nothing and knows nothing yet.
    pub fn new(store: SharedStore, clock: SharedClock) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            held: Cache::new(HELD),
            known: Mutex::default(),
            refused: RefusedUploads::default(),
            fed: AtomicBool::new(false),
            era: AtomicU64::new(0),
        }))
    }

    /// Applies changes from the feed. After a `resync` something may have been missed, so each
    /// presentation is read again at its next use; the changes in the same answer apply at once.
    pub fn apply(&self, changes: &Changes) {
        self.0.refused.apply(&changes.uploads);
        let heard = self.0.clock.now();
        let mut versions = self.versions();
        if changes.resync {
            FEED_RESYNCS.add();
            versions.of.clear();
            self.0.era.fetch_add(1, Ordering::SeqCst);
        }
        for change in &changes.changes {
            let version = change.version;
            match change.effect {
                Effect::Restrict | Effect::Other => {
                    versions.hear(change.video, (version, version), heard);
                }
                Effect::Add => versions.hear(change.video, (version, i64::MIN), heard),
                Effect::State => {}
            }
        }
    }

    /// Uploads that take no parts any more.
    pub(crate) fn refused(&self) -> &RefusedUploads {
        &self.0.refused
    }

    /// Whether the feed is being followed.
    pub fn is_fed(&self) -> bool {
        self.0.fed.load(Ordering::SeqCst)
    }

    pub(crate) fn set_fed(&self, fed: bool) {
        self.0.fed.store(fed, Ordering::SeqCst);
    }

    fn versions(&self) -> MutexGuard<'_, Versions> {
        // The map is whole after every statement, also after a panic elsewhere.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, video: VideoId) -> Option<Known> {
        self.versions().of.get(&video).copied()
    }

    /// Whether a held one may serve without another look.
    fn is_fresh(&self, held: &Held, known: Option<Known>) -> bool {
        held.era == self.0.era.load(Ordering::SeqCst)
            && known.is_none_or(|known| held.presentation.version >= known.newest)
            && (self.is_fed() || self.0.clock.now().since(held.read) < UNFED)
    }

    /// The presentation of a video; `None` where nothing may be shown.
    pub async fn get(&self, video: VideoId) -> Result<Option<Arc<Presentation>>, Failure> {
        let found = self.find(video).await?;
        Ok(self.permitted(video, found))
    }

    /// Whether a video was deleted, as far as its presentation tells; one that never played has none.
    pub(crate) async fn is_withdrawn(&self, video: VideoId) -> Result<bool, Failure> {
        let found = self.find(video).await?;
        Ok(found.is_some() && self.permitted(video, found).is_none())
    }

    async fn find(&self, video: VideoId) -> Result<Option<Arc<Presentation>>, Failure> {
        let held = self.0.held.get(&video).await;
        match held.filter(|held| self.is_fresh(held, self.known(video))) {
            Some(held) => Ok(Some(held.presentation)),
            None => self.read(video, false).await,
        }
    }

    /// As [`Self::get`], but reads again: an object that the cached one names is gone.
    pub(crate) async fn get_anew(
        &self,
        video: VideoId,
    ) -> Result<Option<Arc<Presentation>>, Failure> {
        let presentation = self.read(video, true).await?;
        Ok(self.permitted(video, presentation))
    }

    fn permitted(
        &self,
        video: VideoId,
        presentation: Option<Arc<Presentation>>,
    ) -> Option<Arc<Presentation>> {
        // Checked last, so that a restriction that arrived while the object was read counts too.
        let least = self.known(video).map_or(i64::MIN, |known| known.least);
        presentation.filter(|found| !found.withdrawn && found.version >= least)
    }

    /// Reads the object, one reader per video at a time; the others take what the first found.
    async fn read(&self, video: VideoId, anew: bool) -> Result<Option<Arc<Presentation>>, Failure> {
        let asked = self.0.clock.now();
        let result = self
            .0
            .held
            .entry(video)
            .and_try_compute_with(async |entry| {
                let held = entry.map(moka::Entry::into_value);
                if let Some(held) = &held
                    && !anew
                    && self.is_fresh(held, self.known(video))
                {
                    return Ok(Op::Nop);
                }
                self.fetch(video, held, asked).await
            })
            .await?;
        Ok(match result {
            CompResult::Inserted(entry)
            | CompResult::ReplacedWith(entry)
            | CompResult::Unchanged(entry) => Some(entry.into_value().presentation),
            CompResult::Removed(_) | CompResult::StillNone(_) => None,
        })
    }

    async fn fetch(
        &self,
        video: VideoId,
        held: Option<Held>,
        read: Timestamp,
    ) -> Result<Op<Held>, Failure> {
        let era = self.0.era.load(Ordering::SeqCst);
        let found = match self.load(video).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Op::Remove),
            Err(error) if held.is_some() => {
                // The store is out of order; what is held may go on as far as it is permitted.
                tracing::warn!(%video, %error, "cannot read a presentation again");
                return Ok(Op::Nop);
            }
            Err(error) => return Err(error),
        };
        // An older object than the one held: a publisher that lost its lease wrote late.
        let presentation = match held {
            Some(held) if held.presentation.version > found.version => held.presentation,
            _ => Arc::new(found),
        };
        Ok(Op::Put(Held {
            presentation,
            read,
            era,
        }))
    }

    async fn load(&self, video: VideoId) -> Result<Option<Presentation>, Failure> {
        let key = MediaKey::presentation(video);
        let text = match self.0.store.read_all(&key, LIMIT).await {
            Ok(text) => text,
            Err(ObjectError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let found: Presentation = serde_json::from_slice(&text).map_err(Failure::internal)?;
        if found.video == video {
            Ok(Some(found))
        } else {
            Err(Failure::internal("a presentation names another video"))
        }
    }
}
